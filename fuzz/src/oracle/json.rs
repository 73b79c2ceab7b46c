//! The members of a JSON object as they stand in its text: brackets and quotes, nothing more.

/// A member: its name, decoded, and the text of its value.
pub(crate) type Member<'a> = (String, &'a str);

/// The members of an object that is known to be valid JSON; `None` where it is none, or a name is no text.
pub(crate) fn members(text: &str) -> Option<Vec<Member<'_>>> {
    let inner = trim(text).strip_prefix('{')?.strip_suffix('}')?;
    let mut members = Vec::new();
    for member in split(inner, ',').into_iter().filter(|member| !trim(member).is_empty()) {
        let colon = split(member, ':')[0].len();
        let name = serde_json::from_str(trim(&member[..colon])).ok()?;
        members.push((name, trim(member.get(colon + 1..)?)));
    }
    Some(members)
}

/// How deep brackets are nested outside of strings.
pub(crate) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    outside_strings(text, |_, byte| match byte {
        b'{' | b'[' => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        b'}' | b']' => depth = depth.saturating_sub(1),
        _ => {}
    });
    deepest
}

/// JSON's white space only (RFC 8259 section 2).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// The parts between those `at` that stand in no string and no bracket.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i64);
    outside_strings(text, |place, byte| match byte {
        b'{' | b'[' => depth += 1,
        b'}' | b']' => depth -= 1,
        _ if depth == 0 && char::from(byte) == at => {
            parts.push(&text[start..place]);
            start = place + 1;
        }
        _ => {}
    });
    parts.push(&text[start..]);
    parts
}

fn outside_strings(text: &str, mut see: impl FnMut(usize, u8)) {
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        if byte != b'"' {
            see(place, byte);
            continue;
        }
        while let Some((_, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => break,
                _ => {}
            }
        }
    }
}
