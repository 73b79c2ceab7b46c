//! Files of results, as `--json` appends them: a run in each line.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::Record;

/// More repetitions than a file has: those of different files are different ones, as a ratio is that of runs made one
/// after the other.
const PER_FILE: u64 = 1_000_000;

/// Reads the runs of the files. An error names the file, and the line and column in it.
pub(super) fn read(paths: &[PathBuf]) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    for (file, path) in (0..).zip(paths) {
        let text = fs::read_to_string(path).map_err(|error| at(path, &error))?;
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let record = parse(line).map_err(|error| at(path, &format!("line {}: {error}", i + 1)))?;
            records.push(Record { repetition: record.repetition + file * PER_FILE, ..record });
        }
    }
    if records.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(io::Error::other(format!("no runs in {}", paths.join(", "))));
    }
    Ok(records)
}

fn parse(line: &str) -> Result<Record, String> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        // Every line is the first one of its own.
        match text.split_once(" at line 1 column ") {
            Some((what, column)) => format!("column {column}: {what}"),
            None => text,
        }
    })
}

fn at(path: &Path, error: &dyn Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of that name below the system's directory for such, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ssecast-load-{}-{name}", std::process::id()));
            fs::write(&path, text).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_line_that_is_cut_off_is_named() {
        let whole = serde_json::to_string(&Record::default()).unwrap();
        let scratch = Scratch::new("cut", &format!("{whole}\n\n{}", &whole[..40]));
        let error = read(std::slice::from_ref(&scratch.0)).unwrap_err().to_string();
        assert!(error.contains("-cut: line 3: column 40: EOF while parsing"), "{error}");
        let scratch = Scratch::new("other", "{\"label\": 5}\n");
        let error = read(std::slice::from_ref(&scratch.0)).unwrap_err().to_string();
        assert!(error.contains("-other: line 1: column 11: invalid type: integer `5`"), "{error}");
    }

    #[test]
    fn files_without_a_run_or_that_do_not_exist_are_named() {
        let scratch = Scratch::new("empty", "\n");
        let error = read(std::slice::from_ref(&scratch.0)).unwrap_err().to_string();
        assert!(error.starts_with("no runs in ") && error.ends_with("-empty"), "{error}");
        let error = read(&[PathBuf::from("no/such/file")]).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file: "), "{error}");
    }
}
