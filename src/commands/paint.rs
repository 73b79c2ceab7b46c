//! Colours for people: only where somebody looks, and only where they are welcome.

use std::io::IsTerminal;

use super::environment;

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR is set or the terminal is a dumb one.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Paints, or leaves text as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(bool);

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tint {
    /// Of less importance.
    Dim,
    /// Something may be missing.
    Warning,
    /// All is well.
    Good,
    /// One of a few colours that tell names apart.
    Name(u8),
}

/// Colours that can be told apart on dark and light ground, without those that mean something.
const NAME_COLOURS: [&str; 5] = ["36", "34", "35", "96", "94"];

impl Paint {
    /// Colours for what is written to `stream`.
    pub(super) fn new(when: When, stream: &impl IsTerminal) -> Self {
        Self(match when {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
                let is_dumb = environment("TERM").is_some_and(|term| term == "dumb");
                stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
            }
        })
    }

    /// The text in its colour.
    pub(super) fn paint(self, tint: Tint, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let code = match tint {
            Tint::Dim => "2",
            Tint::Warning => "33",
            Tint::Good => "32",
            Tint::Name(number) => NAME_COLOURS[usize::from(number) % NAME_COLOURS.len()],
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

impl Tint {
    /// The colour of a name: always the same.
    pub(super) fn of_name(name: &str) -> Self {
        Self::Name((xxhash_rust::xxh3::xxh3_64(name.as_bytes()) % NAME_COLOURS.len() as u64) as u8)
    }
}

/// Text of others for a terminal: what could move its cursor or hide text is written as an escape; a line end and a
/// tab stay.
pub(super) fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_move_the_cursor() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\u{9b}"), "a\\u{1b}[2Jb\\u{d}\\u{9b}");
        assert_eq!(harmless("\u{202e}abc"), "\\u{202e}abc");
        assert_eq!(harmless("a\n\tä\u{1f600}"), "a\n\tä\u{1f600}");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert_eq!(Paint(false).paint(Tint::Warning, "x"), "x");
        assert_eq!(Paint(true).paint(Tint::Warning, "x"), "\u{1b}[33mx\u{1b}[0m");
        assert_eq!(Tint::of_name("order-created"), Tint::of_name("order-created"));
    }
}
