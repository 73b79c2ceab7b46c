//! The query of a target, decoded as forms write it (WHATWG URL section 5.1), in one buffer.
//!
//! One short request may hold thousands of parameters: each costs its bytes and a place, and no allocation of its
//! own.

use super::reject::Reject;

/// Names and values in the order sent, without CR, LF and NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Name, value, name, value, ... without anything between them.
    text: String,
    /// Where a name and its value end in `text`; a name begins where the value before it ends.
    ends: Vec<(usize, usize)>,
}

impl Query {
    /// Decodes a query of which each byte may stand in one.
    pub(super) fn parse(raw: &str) -> Result<Self, Reject> {
        let mut bytes = Vec::with_capacity(raw.len());
        let mut ends = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            decode_into(name, &mut bytes)?;
            let name_end = bytes.len();
            decode_into(value, &mut bytes)?;
            ends.push((name_end, bytes.len()));
        }
        let text = String::from_utf8(bytes).map_err(|_| NOT_UTF_8)?;
        // Two halves of a character in two parameters are none.
        if !ends.iter().all(|&(name, value)| text.is_char_boundary(name) && text.is_char_boundary(value)) {
            return Err(NOT_UTF_8);
        }
        if text.contains(['\0', '\r', '\n']) {
            return Err(Reject::bad("encoded NUL, CR or LF in the target"));
        }
        Ok(Self { text, ends })
    }

    /// The values of every parameter of this name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|&(_, end)| end));
        let pairs = starts.zip(&self.ends).map(|(start, &(mid, end))| (start..mid, mid..end));
        pairs.filter(move |(key, _)| self.text[key.clone()] == *name).map(|(_, value)| &self.text[value])
    }
}

const NOT_UTF_8: Reject = Reject::bad("target is not UTF-8");

/// Appends what `text` stands for: `+` is a space, and `%` begins two hex digits.
fn decode_into(text: &str, out: &mut Vec<u8>) -> Result<(), Reject> {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = match &rest[at..] {
            [b'+', after @ ..] => {
                out.push(b' ');
                after
            }
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                after
            }
            _ => return Err(Reject::bad("bad percent-encoding in the target")),
        };
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The value of a hex digit.
const fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_order() {
        let query = Query::parse("a=1&b&&a=2%203+4&=5&a%61=6").unwrap();
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2 3 4"]);
        assert_eq!(query.all("b").collect::<Vec<_>>(), [""]);
        assert_eq!(query.all("").collect::<Vec<_>>(), ["5"]);
        assert_eq!(query.all("aa").collect::<Vec<_>>(), ["6"]);
        assert_eq!(query.all("c").count(), 0);
        assert_eq!(Query::parse(""), Ok(Query::default()));
    }

    #[test]
    fn a_character_cut_in_two_parameters_is_no_text() {
        for raw in ["a=%c3&%a9=b", "%c3=%a9", "a=%e2%82&b=%ac"] {
            assert_eq!(Query::parse(raw), Err(NOT_UTF_8), "{raw}");
        }
        assert_eq!(Query::parse("%c3%a9=%E2%82%AC").unwrap().all("é").collect::<Vec<_>>(), ["€"]);
    }
}
