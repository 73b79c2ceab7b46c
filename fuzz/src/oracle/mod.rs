//! The second opinions: slow, obvious, over the whole input, and without a line of the code that they judge.

pub(crate) mod chunks;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod target;

/// The place of `needle` in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// RFC 9110 section 5.6.2, spelt out.
pub(crate) const TOKEN: &[u8] =
    b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
