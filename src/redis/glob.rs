//! Whether a channel matches a pattern of PSUBSCRIBE (Redis documentation, PSUBSCRIBE): `*`, `?`, `[a-z]`,
//! `[^x]`, and `\` before one of them.
//!
//! Only to see that what is published comes back; Redis itself decides what matches.

/// Whether `name` matches `pattern`.
#[must_use]
pub fn glob(pattern: &str, name: &str) -> bool {
    matches(pattern.as_bytes(), name.as_bytes())
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|at| matches(rest, &name[at..])),
        [b'[', set @ ..] => {
            let Some((&first, name)) = name.split_first() else { return false };
            let (is_in, rest) = in_set(set, first);
            is_in && matches(rest, name)
        }
        [b'?', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
        [b'\\', wanted, rest @ ..] | [wanted, rest @ ..] => {
            name.first() == Some(wanted) && matches(rest, &name[1..])
        }
    }
}

/// Whether `byte` is in the set that begins here, and what follows the set.
fn in_set(set: &[u8], byte: u8) -> (bool, &[u8]) {
    let (is_negated, mut rest) = match set {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut is_in = false;
    loop {
        (is_in, rest) = match rest {
            [] => return (is_in != is_negated, rest),
            [b']', rest @ ..] => return (is_in != is_negated, rest),
            [b'\\', wanted, rest @ ..] => (is_in || *wanted == byte, rest),
            [from, b'-', to, rest @ ..] => (is_in || (*from.min(to)..=*from.max(to)).contains(&byte), rest),
            [wanted, rest @ ..] => (is_in || *wanted == byte, rest),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, name, is_match) in [
            ("orders.*", "orders.events", true),
            ("orders.*", "order.events", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h[a-b]llo", "hcllo", false),
            ("h[a", "ha", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*.events", "orders.eu.events", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, name), is_match, "{pattern} {name}");
        }
    }
}
