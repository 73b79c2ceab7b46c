//! Targets and queries: accepted exactly when the grammar says so, and read as it says.
//!
//! Input: a byte whose last bit makes it a request by `OPTIONS`, then the target.

use ssecast::http::Request;
use ssecast::limits::Limits;

use crate::oracle::target::{Read, read};
use crate::talk::{Step, Talk};

/// Asks for the target.
pub fn run(data: &[u8]) {
    let Some((flags, target)) = data.split_first() else { return };
    // What ends a target is the business of `request`.
    if target.iter().any(|b| matches!(b, b' ' | b'\r' | b'\n')) {
        return;
    }
    let limits = Limits::default();
    let is_options = flags & 1 == 1;
    let method: &[u8] = if is_options { b"OPTIONS " } else { b"GET " };
    let input = [method, target, b" HTTP/1.1\r\nHost: of.the.header\r\n\r\n"].concat();
    let talk = Talk::of(&input, [], &limits);
    let request = talk.steps.iter().find_map(|step| match step {
        Step::Head(request) => Some(request),
        _ => None,
    });
    let expected = match target.len() <= limits.target_bytes {
        true => read(target, is_options),
        false => None,
    };
    match (request, expected) {
        (Some(request), Some(expected)) => same(request, &expected),
        (None, None) => {}
        (request, expected) => panic!("read as {request:?} and not as {expected:?}"),
    }
}

fn same(request: &Request, expected: &Read) {
    let target = &request.target;
    assert_eq!(target.path(), expected.path);
    assert_eq!(target.is_asterisk(), expected.path == "*");
    let host = expected.authority.as_deref().unwrap_or("of.the.header");
    assert_eq!(request.header("host"), Some(host));
    for (name, _) in &expected.query {
        let values: Vec<&str> =
            expected.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(target.query_all(name).collect::<Vec<_>>(), values);
        assert_eq!(target.query(name), Some(values[0]));
    }
    assert_eq!(
        format!("{request:?}").split_once(' ').map(|(_, path)| path),
        Some(target.path()),
        "no query is shown"
    );
}
