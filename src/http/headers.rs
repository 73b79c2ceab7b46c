//! The header fields of a request (RFC 9110 section 5), in one buffer.
//!
//! `httparse` refuses folded lines, bad names and white space before the colon; bytes that no line may
//! hold and bad line ends were refused by `head` before.

use super::reject::Reject;
use super::syntax::trim;

/// Fields in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// Name, value, name, value, ... without anything between them.
    text: Vec<u8>,
    /// Where each of them ends in `text`; a field begins where the one before ends.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// Parses `count` header lines and the empty line after them.
    pub(super) fn parse(block: &[u8], count: usize) -> Result<Self, Reject> {
        let mut slots = vec![httparse::EMPTY_HEADER; count];
        let fields = match httparse::parse_headers(block, &mut slots) {
            Ok(httparse::Status::Complete((_, fields))) => fields,
            Ok(httparse::Status::Partial) => return Err(Reject::bad("malformed header")),
            Err(error) => return Err(Reject::bad(reason_of(error))),
        };
        let mut headers = Self { text: Vec::with_capacity(block.len()), ends: Vec::with_capacity(count) };
        for field in fields {
            headers.push(field.name, trim(field.value));
        }
        Ok(headers)
    }

    /// The values of every field of this name, without white space around them; names have no case.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The elements of a field that is a list, those of all its lines together, empty ones left out
    /// (RFC 9110 section 5.6.1).
    pub(super) fn elements<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lists = self.all(name);
        lists.flat_map(|list| list.split(|&b| b == b',').map(trim)).filter(|element| !element.is_empty())
    }

    /// Puts `value` in the place of every field of this name.
    pub(super) fn replace(&mut self, name: &str, value: &str) {
        let mut replaced = Self::default();
        for (key, old) in self.fields() {
            let is_meant = key.eq_ignore_ascii_case(name.as_bytes());
            replaced.push_bytes(key, if is_meant { value.as_bytes() } else { old });
        }
        *self = replaced;
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|&(_, end)| end));
        starts.zip(&self.ends).map(|(start, &(name, end))| (&self.text[start..name], &self.text[name..end]))
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        self.push_bytes(name.as_bytes(), value);
    }

    fn push_bytes(&mut self, name: &[u8], value: &[u8]) {
        self.text.extend_from_slice(name);
        let name_end = self.text.len();
        self.text.extend_from_slice(value);
        self.ends.push((name_end, self.text.len()));
    }
}

const fn reason_of(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "malformed header name",
        httparse::Error::HeaderValue => "malformed header value",
        _ => "malformed header",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_without_case() {
        let headers = Headers::parse(b"Host: a\r\nX-A:1\r\nx-a: \t2 \t\r\nX-B:\r\n\r\n", 4).unwrap();
        assert_eq!(headers.all("host").collect::<Vec<_>>(), [b"a"]);
        assert_eq!(headers.all("X-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(headers.all("x-b").collect::<Vec<_>>(), [b""]);
        assert_eq!(headers.all("x-").count(), 0);
        assert_eq!(Headers::parse(b"\r\n", 0), Ok(Headers::default()));
    }

    #[test]
    fn lists_are_joined() {
        let headers = Headers::parse(b"A: x,, y\r\nB: n\r\nA: \r\nA: z\r\n\r\n", 4).unwrap();
        assert_eq!(headers.elements("a").collect::<Vec<_>>(), [b"x", b"y", b"z"]);
    }

    #[test]
    fn a_value_is_replaced_in_its_place() {
        let mut headers = Headers::parse(b"A: 1\r\nHost: a\r\nB: 2\r\n\r\n", 3).unwrap();
        headers.replace("host", "longer.example");
        assert_eq!(headers, Headers::parse(b"A:1\r\nHost: longer.example\r\nB:2\r\n\r\n", 3).unwrap());
    }

    #[test]
    fn malformed_lines_are_refused() {
        for block in [
            "A : 1\r\n\r\n",
            "A\t: 1\r\n\r\n",
            ": 1\r\n\r\n",
            "A\r\n\r\n",
            "A B: 1\r\n\r\n",
            "Ä: 1\r\n\r\n",
            "A(: 1\r\n\r\n",
            "A: 1\r\n b\r\n\r\n",
            "A: 1\r\n",
            " A: 1\r\n\r\n",
        ] {
            assert!(Headers::parse(block.as_bytes(), 4).is_err(), "{block:?}");
        }
    }
}
