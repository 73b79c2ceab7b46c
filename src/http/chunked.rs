//! The chunked transfer coding, read strictly (RFC 9112 section 7.1).
//!
//! Never keeps more than it is asked to: extensions and trailers are checked, bounded and dropped.

use super::reject::Reject;
use super::syntax::is_token;
use crate::limits::{CHUNK_EXTENSION_BYTES, Limits};

/// Hex digits of a chunk's size: as many as a `u64` has.
const SIZE_DIGITS: usize = 16;

/// A decoder of one body.
#[derive(Debug)]
pub(super) struct ChunkedReader {
    part: Part,
    /// Bytes of the trailer section.
    trailer_bytes: usize,
    /// Lines of the trailer section.
    trailers: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The size, of which so many digits came.
    Size { size: u64, digits: usize },
    /// An extension of the size, of which so many bytes came.
    Extension { size: u64, bytes: usize, place: Place },
    /// The LF after the size.
    SizeLf { size: u64 },
    /// The data, of which so many bytes are missing.
    Data { left: u64 },
    /// The CR after the data.
    DataCr,
    /// The LF after the data.
    DataLf,
    /// The first byte of a trailer line, or the CR that ends the body.
    TrailerStart,
    /// The name in a trailer line.
    TrailerName,
    /// The value in a trailer line.
    TrailerValue,
    /// The LF of a trailer line.
    TrailerLf,
    /// The last LF.
    EndLf,
    /// Nothing: the body is complete.
    End,
}

/// The place in a chunk extension (RFC 9112 section 7.1.1), named by what came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Semicolon,
    Name,
    SpaceAfterName,
    Equals,
    Value,
    InQuotes,
    Backslash,
    Quoted,
    SpaceAfterValue,
}

impl ChunkedReader {
    /// At the start of a body.
    pub(super) const fn new() -> Self {
        Self { part: Part::Size { size: 0, digits: 0 }, trailer_bytes: 0, trailers: 0 }
    }

    /// Whether the last byte of the body came.
    pub(super) fn is_complete(&self) -> bool {
        self.part == Part::End
    }

    /// Takes bytes of `input` up to the end of the body and appends their data to `body`; gives how many
    /// it took.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<usize, Reject> {
        let mut taken = 0;
        while let Some(&byte) = input.get(taken) {
            match self.part {
                Part::End => break,
                Part::Data { left } => {
                    let data = &input[taken..];
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    body.extend_from_slice(&data[..len]);
                    taken += len;
                    let left = left - len as u64;
                    self.part = if left == 0 { Part::DataCr } else { Part::Data { left } };
                }
                _ => {
                    self.part = self.handle_byte(byte, body.len(), limits)?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }

    /// The part after one byte that is no data.
    fn handle_byte(&mut self, byte: u8, body_bytes: usize, limits: &Limits) -> Result<Part, Reject> {
        match (self.part, byte) {
            (Part::Size { size, digits }, _) if byte.is_ascii_hexdigit() => add_digit(size, digits, byte),
            (Part::Size { size, digits: 1.. }, b';') => {
                Ok(Part::Extension { size, bytes: 1, place: Place::Semicolon })
            }
            (Part::Size { size, digits: 1.. }, b'\r') => Ok(Part::SizeLf { size }),
            (Part::Size { .. }, _) => Err(Reject::bad("malformed chunk size")),

            (Part::Extension { size, place, .. }, b'\r') if place.may_end() => Ok(Part::SizeLf { size }),
            (Part::Extension { size, bytes, place }, _) if bytes < CHUNK_EXTENSION_BYTES => {
                let place = place.after(byte).ok_or(Reject::bad("malformed chunk extension"))?;
                Ok(Part::Extension { size, bytes: bytes + 1, place })
            }
            (Part::Extension { .. }, _) => Err(Reject::bad("chunk extension too long")),

            (Part::SizeLf { size: 0 }, b'\n') => Ok(Part::TrailerStart),
            (Part::SizeLf { size }, b'\n') if size > limits.body_bytes.saturating_sub(body_bytes) as u64 => {
                Err(Reject::new(413, "body too large"))
            }
            (Part::SizeLf { size }, b'\n') => Ok(Part::Data { left: size }),
            (Part::DataCr, b'\r') => Ok(Part::DataLf),
            (Part::DataLf, b'\n') => Ok(Part::Size { size: 0, digits: 0 }),
            (Part::EndLf, b'\n') => Ok(Part::End),
            (Part::DataCr | Part::DataLf, _) => Err(Reject::bad("no CRLF after a chunk")),
            (Part::SizeLf { .. } | Part::EndLf | Part::TrailerLf, _) if byte != b'\n' => {
                Err(Reject::bad("CR without LF in a chunked body"))
            }
            _ => self.handle_trailer_byte(byte, limits),
        }
    }

    /// The same for the trailer section (RFC 9112 section 7.1.2), whose lines follow the rules of headers.
    fn handle_trailer_byte(&mut self, byte: u8, limits: &Limits) -> Result<Part, Reject> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > limits.head_bytes {
            return Err(Reject::new(431, "trailers too large"));
        }
        match (self.part, byte) {
            (Part::TrailerStart, b'\r') => Ok(Part::EndLf),
            (Part::TrailerStart, _) if self.trailers == limits.headers => {
                Err(Reject::new(431, "too many trailers"))
            }
            (Part::TrailerStart, _) if is_token(byte) => {
                self.trailers += 1;
                Ok(Part::TrailerName)
            }
            (Part::TrailerName, b':') => Ok(Part::TrailerValue),
            (Part::TrailerName, _) if is_token(byte) => Ok(Part::TrailerName),
            (Part::TrailerValue, b'\r') => Ok(Part::TrailerLf),
            (Part::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(Part::TrailerValue),
            (Part::TrailerLf, b'\n') => Ok(Part::TrailerStart),
            _ => Err(Reject::bad("malformed trailer")),
        }
    }
}

impl Place {
    /// Whether the line may end here.
    const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Quoted)
    }

    /// The place after one more byte. Spaces may stand around `;` and `=`; control characters nowhere.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::InQuotes, b'"') => Some(Self::Quoted),
            (Self::InQuotes, b'\\') => Some(Self::Backslash),
            (Self::InQuotes | Self::Backslash, b' '..=b'~') => Some(Self::InQuotes),
            (Self::InQuotes | Self::Backslash, _) => None,
            (Self::Semicolon | Self::Equals | Self::SpaceAfterName | Self::SpaceAfterValue, b' ') => {
                Some(self)
            }
            (Self::Name, b' ') => Some(Self::SpaceAfterName),
            (Self::Value | Self::Quoted, b' ') => Some(Self::SpaceAfterValue),
            (Self::Name | Self::SpaceAfterName, b'=') => Some(Self::Equals),
            (Self::Equals, b'"') => Some(Self::InQuotes),
            (Self::Semicolon | Self::Equals, b';') => None,
            (_, b';') => Some(Self::Semicolon),
            (Self::Semicolon | Self::Name, _) if is_token(byte) => Some(Self::Name),
            (Self::Equals | Self::Value, _) if is_token(byte) => Some(Self::Value),
            _ => None,
        }
    }
}

/// A size with one more hex digit; with so few of them it always fits.
fn add_digit(size: u64, digits: usize, byte: u8) -> Result<Part, Reject> {
    let digit = char::from(byte).to_digit(16).map(u64::from);
    match digit {
        Some(digit) if digits < SIZE_DIGITS => Ok(Part::Size { size: size << 4 | digit, digits: digits + 1 }),
        _ => Err(Reject::bad("chunk size too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { body_bytes: 300, head_bytes: 200, headers: 3, ..Limits::default() }
    }

    /// Fed in two parts, split at `split`; `None` while incomplete.
    fn decode(input: &[u8], split: usize) -> Result<Option<(Vec<u8>, usize)>, u16> {
        let (mut reader, mut body, mut taken) = (ChunkedReader::new(), Vec::new(), 0);
        for end in [split, input.len()] {
            taken +=
                reader.decode(&input[taken..end], &mut body, &limits()).map_err(|reject| reject.status)?;
        }
        Ok(reader.is_complete().then_some((body, taken)))
    }

    #[test]
    fn bodies_that_are_read() {
        let extension = format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(255));
        for (input, body) in [
            ("0\r\n\r\n", ""),
            ("000\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1;a\r\nx\r\n0;b\r\n\r\n", "x"),
            ("1;a=b;c=\"d;\\\" e\"\r\nx\r\n0\r\n\r\n", "x"),
            ("1; a = b ; c\r\nx\r\n0\r\n\r\n", "x"),
            (&extension, "x"),
            ("0\r\nA: b\r\n\r\n", ""),
            ("0\r\nA: b\tc\r\nB:\r\n\r\n", ""),
        ] {
            for split in 0..=input.len() {
                let expected = Ok(Some((body.as_bytes().to_vec(), input.len())));
                assert_eq!(decode(input.as_bytes(), split), expected, "{input:?} at {split}");
                let followed = format!("{input}GET");
                assert_eq!(decode(followed.as_bytes(), split), expected, "{followed:?} at {split}");
            }
            for end in 0..input.len() {
                assert_eq!(decode(&input.as_bytes()[..end], 0), Ok(None), "{input:?} cut at {end}");
            }
        }
    }

    #[test]
    fn bodies_that_are_refused() {
        let extension = format!("1;{}\r\nx", "a".repeat(256));
        let long_trailer = format!("0\r\nA: {}\r\n\r\n", "a".repeat(200));
        for (input, status) in [
            ("\r\n", 400),
            ("\n", 400),
            ("+5\r\nhello", 400),
            ("-5\r\nhello", 400),
            ("0x5\r\nhello", 400),
            ("1_0\r\n", 400),
            ("g\r\n", 400),
            (" 5\r\nhello", 400),
            ("5 \r\nhello", 400),
            ("5\t\r\nhello", 400),
            ("5 ;a\r\nhello", 400),
            ("5\nhello", 400),
            ("5\r\r\nhello", 400),
            ("5\rhello", 400),
            ("00000000000000005\r\nhello", 400),
            ("10000000000000005\r\nhello", 400),
            ("ffffffffffffffff0\r\n", 400),
            ("ffffffffffffffff\r\n", 413),
            ("7fffffffffffffff\r\n", 413),
            ("12d\r\n", 413),
            ("1\r\nx\r\n12c\r\n", 413),
            (";a\r\n", 400),
            ("1;\r\nx", 400),
            ("1;;a\r\nx", 400),
            ("1;a;\r\nx", 400),
            ("1; \r\nx", 400),
            ("1;a \r\nx", 400),
            ("1;a=\r\nx", 400),
            ("1;a=;b\r\nx", 400),
            ("1;=b\r\nx", 400),
            ("1;a b\r\nx", 400),
            ("1;a=b c\r\nx", 400),
            ("1;a=\"b\"c\r\nx", 400),
            ("1;a=\"b\r\nx", 400),
            ("1;a=\"b\n\"\r\nx", 400),
            ("1;a=\"\\\n\"\r\nx", 400),
            ("1;a\0\r\nx", 400),
            ("1;a\t\r\nx", 400),
            ("1;a=\"\t\"\r\nx", 400),
            ("1;ä\r\nx", 400),
            ("1;a\nx", 400),
            (&extension, 400),
            ("5\r\nhello5\r\n", 400),
            ("5\r\nhello\n0\r\n\r\n", 400),
            ("5\r\nhello\rx", 400),
            ("5\r\nhello!\r\n", 400),
            ("0\r\n\n", 400),
            ("0\r\n\rx", 400),
            ("0\r\nA\r\n\r\n", 400),
            ("0\r\n: b\r\n\r\n", 400),
            ("0\r\nA : b\r\n\r\n", 400),
            ("0\r\nA: b\n\r\n", 400),
            ("0\r\nA: b\rc", 400),
            ("0\r\nA: b\r\n c\r\n\r\n", 400),
            ("0\r\nA: \0\r\n\r\n", 400),
            ("0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", 431),
            (&long_trailer, 431),
        ] {
            for split in 0..=input.len() {
                assert_eq!(decode(input.as_bytes(), split), Err(status), "{input:?} at {split}");
            }
        }
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let input = format!("12c\r\n{}\r\n0\r\n\r\n", "a".repeat(300));
        assert_eq!(decode(input.as_bytes(), 0), Ok(Some((vec![b'a'; 300], input.len()))));
    }
}
