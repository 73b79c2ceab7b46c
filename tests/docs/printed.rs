//! What a page prints below a command, compared with what the command printed.
//!
//! What differs from run to run counts for nothing: ids of events, instances, the spread `retry:`, times. `…` in a
//! page stands for anything within a line.

use super::session::Failure;

/// A command of a `console` block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What stands after `$ `, with the lines that continue it.
    pub(crate) command: String,
    /// What is printed below it; `None` for a command that may print what it likes.
    pub(crate) printed: Option<String>,
}

/// Where what was printed has to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With what the page says.
    Here,
    /// More may stand before it and after it.
    Anywhere,
}

/// The commands of a `console` block.
pub(crate) fn steps(text: &str) -> Result<Vec<Step>, Failure> {
    let mut steps: Vec<Step> = Vec::new();
    let mut continues = false;
    for line in text.lines() {
        if let (false, Some(command)) = (continues, line.strip_prefix("$ ")) {
            steps.push(Step { command: command.to_owned(), printed: Some(String::new()) });
        } else {
            let step = steps.last_mut().ok_or("a console block begins with `$ ` and a command")?;
            let into = if continues { &mut step.command } else { step.printed.get_or_insert_default() };
            into.push_str(if continues { "\n" } else { "" });
            into.push_str(line);
            into.push_str(if continues { "" } else { "\n" });
        }
        continues = continues_after(line, steps.last());
    }
    for step in &mut steps {
        step.printed = step.printed.take().filter(|printed| !printed.is_empty());
    }
    if steps.is_empty() { Err("a console block has a command".to_owned()) } else { Ok(steps) }
}

/// The commands of a block without what they print.
pub(crate) fn lines(text: &str) -> Vec<Step> {
    let mut commands: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match commands.last_mut() {
            Some(command) if continues => *command = format!("{command}\n{line}"),
            _ => commands.push(line.to_owned()),
        }
        continues = line.ends_with('\\');
    }
    commands.into_iter().map(|command| Step { command, printed: None }).collect()
}

fn continues_after(line: &str, step: Option<&Step>) -> bool {
    let is_command = step.is_some_and(|step| step.printed.as_ref().is_some_and(String::is_empty));
    is_command && line.ends_with('\\')
}

/// Whether the output is what the page says.
pub(crate) fn matches(page: &str, output: &str, end: End) -> bool {
    let (page, output) = (essence(page.trim_end()), essence(output.trim_end()));
    match end {
        End::Here => fits(&page, &output),
        End::Anywhere => {
            let length = page.lines().count();
            let lines: Vec<&str> = output.lines().collect();
            length == 0 || lines.windows(length).any(|window| fits(&page, &window.join("\n")))
        }
    }
}

/// Whether a text fits a pattern with `…` for anything within a line.
fn fits(pattern: &str, text: &str) -> bool {
    let (patterns, texts): (Vec<_>, Vec<_>) = (pattern.lines().collect(), text.lines().collect());
    patterns.len() == texts.len()
        && patterns.iter().zip(texts).all(|(pattern, text)| line_fits(pattern, text))
}

fn line_fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('…') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let pieces: Vec<&str> = rest.split('…').collect();
    let (last, between) = pieces.split_last().expect("split gives one piece at least");
    for piece in between {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last)
}

/// Takes out what differs from run to run.
fn essence(text: &str) -> String {
    let mut after_retry = false;
    let words = text.split_inclusive(['\n', ' ', '"']);
    words
        .map(|word| {
            let bare = word.trim_end_matches(['\n', ' ', '"']);
            let varies = is_id(bare) || is_time(bare) || std::mem::take(&mut after_retry);
            after_retry = bare == "retry:";
            if varies { word.replace(bare, "*") } else { word.to_owned() }
        })
        .collect()
}

/// `<instance>-<seq>-<fingerprint>`.
fn is_id(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let [_, seq, fingerprint] = parts[..] else { return false };
    let hex = |c: char| c.is_ascii_hexdigit();
    seq.parse::<u64>().is_ok() && fingerprint.len() == 16 && fingerprint.chars().all(hex)
}

/// An RFC 3339 time.
fn is_time(word: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    word.split_once('T').is_some_and(|(date, time)| {
        let date: Vec<&str> = date.split('-').collect();
        date.len() == 3 && digits(date[0], 4) && time.ends_with('Z') && time.contains(':')
    })
}

#[test]
fn a_console_block_is_read() {
    let block = "$ echo a \\\n  b\na b\n$ true\n$ printf 'x\\n\\ny'\nx\n\ny\n";
    let step = |command: &str, printed: &str| Step {
        command: command.to_owned(),
        printed: (!printed.is_empty()).then(|| printed.to_owned()),
    };
    let expected =
        vec![step("echo a \\\n  b", "a b\n"), step("true", ""), step("printf 'x\\n\\ny'", "x\n\ny\n")];
    assert_eq!(steps(block), Ok(expected));
    assert!(steps("curl\n").is_err());
}

#[test]
fn what_differs_from_run_to_run_counts_for_nothing() {
    let page = "retry: 2731\nid: f3a81c02-1-9d2b6a4be0c7f1d8\ndata: {\"ts\":\"2026-01-02T03:04:05Z\"}\n";
    let output = "retry: 3301\nid: ab-17-0000000000000000\ndata: {\"ts\":\"2027-01-02T03:04:05.123Z\"}\n";
    assert!(matches(page, output, End::Here));
    assert!(!matches(page, &output.replace("data", "dato"), End::Here));
    assert!(matches("b", "a\nb\nc\n", End::Anywhere) && !matches("b", "a\nb\n", End::Here));
    assert!(matches("a … c …", "a b c d", End::Here) && !matches("a … c", "a b d", End::Here));
}
