//! `packaging/ssecast.toml`, the file that a package installs: every key with what it is for, commented out with its
//! default. Made from the table of keys so that it cannot drift.
//!
//! A line that begins with `#` and no space is a key: without the `#` it is in force.

use super::Config;
use super::keys::{Change, Key, sections_of_file};

const INTRO: &str = "\
# The configuration of ssecast.
#
# Every key stands here with its default. To change one, take the # away in front of it and change the value.
# \"ssecast check --config /etc/ssecast/ssecast.toml\" says whether the file is right and what is in force then.
# Changes take effect at \"systemctl reload ssecast\", unless a key says otherwise. A file that is wrong is refused
# at a reload, and the old configuration stays.
#
# This file is readable for everybody. What is secret goes into /etc/ssecast/environment, as variables:
# SSECAST_REDIS_URL=redis://user:password@host:6379
";

/// Columns of a comment, at most.
const COLUMNS: usize = 100;

/// A TOML file of every key that changes nothing.
#[must_use]
pub fn render_example() -> String {
    let defaults = Config::default();
    let mut out = INTRO.to_owned();
    for section in sections_of_file() {
        out.push_str(&format!("\n# {}\n", section.title));
        if !section.name.is_empty() {
            out.push_str(&format!("[{}]\n", section.name));
        }
        for key in section.keys {
            out.push_str(&entry(key, &defaults));
        }
    }
    out
}

fn entry(key: &Key, defaults: &Config) -> String {
    let change = match key.change {
        Change::AtRunTime => "",
        Change::AtRestart => " A change takes effect at the next start.",
    };
    let text = format!("{}{change} Allowed: {}.", key.help, key.kind.syntax());
    let line = format!("{} = {}", key.last(), key.kind.write(defaults));
    // Without the indent of an array's lines: a space after the # is what makes a line a comment.
    let line: String = line.lines().map(|line| format!("#{}\n", line.trim_start())).collect();
    format!("\n{}{line}", comment(&text))
}

/// The text as comments of so many columns.
fn comment(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column == 0 || column + 1 + width > COLUMNS {
            out.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + width;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;
    use crate::config::keys::KEYS;

    #[test]
    fn the_file_in_packaging_is_the_one_of_the_table() {
        let stored = include_str!("../../packaging/ssecast.toml");
        assert!(
            stored == render_example(),
            "packaging/ssecast.toml is old: cargo run -- check --example > packaging/ssecast.toml"
        );
    }

    /// The file as it is when every key is in force.
    fn uncommented() -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        };
        render_example().lines().map(line).collect()
    }

    #[test]
    fn it_changes_nothing_commented_out_or_not() {
        assert_eq!(file::parse(&render_example()), file::Parsed::default());
        let parsed = file::parse(&uncommented());
        assert_eq!(parsed.problems, []);
        assert_eq!(parsed.values.len(), KEYS.len());
        let mut config = Config::default();
        for (index, _, value) in parsed.values {
            assert_eq!(KEYS[index].kind.read(&value, &mut config), Ok(()), "{}", KEYS[index].name);
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn comments_are_narrow_and_lose_no_word() {
        let text = render_example();
        let comments: Vec<&str> = text.lines().filter(|line| line.starts_with("# ")).collect();
        assert!(comments.iter().all(|line| line.chars().count() <= 115), "{comments:?}");
        assert_eq!(comment("one two"), "# one two\n");
        let long = "word ".repeat(60);
        let back: Vec<String> = comment(&long).lines().map(|line| line[2..].to_owned()).collect();
        assert_eq!(back.join(" "), long.trim_end());
        assert!(back.iter().all(|line| line.len() <= COLUMNS));
    }
}
