//! "Did you mean": the nearest name to one that is unknown.

/// Below this likeness a suggestion would only confuse.
const LIKENESS: f64 = 0.7;

/// The candidate that is most like `name`, when one is like it enough.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.into_iter().map(|candidate| (likeness(name, candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKENESS).then_some(best.1)
}

/// ", did you mean ...?" or nothing.
pub(super) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|best| format!("; did you mean {best}?")).unwrap_or_default()
}

/// 0 to 1; the right last part in the wrong section counts nearly as much as the right name.
fn likeness(name: &str, candidate: &str) -> f64 {
    let whole = strsim::normalized_damerau_levenshtein(name, candidate);
    whole.max(0.95 * strsim::normalized_damerau_levenshtein(last(name), last(candidate)))
}

/// What follows the last dot.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_and_a_wrong_section_are_found_and_nonsense_is_not() {
        let names = ["stream.heartbeat", "stream.heartbeat_style", "limits.headers"];
        assert_eq!(nearest("stream.hartbeat", names), Some("stream.heartbeat"));
        assert_eq!(nearest("heartbeat", names), Some("stream.heartbeat"));
        assert_eq!(nearest("hartbeat", names), Some("stream.heartbeat"));
        assert_eq!(nearest("server.headers", names), Some("limits.headers"));
        assert_eq!(nearest("quux", names), None);
    }
}
