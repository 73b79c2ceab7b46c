//! Topics as clients ask for them and as tokens grant them.
//!
//! Never looks anything up: `hub::Index` finds who asked for a topic.

/// Which topics are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicPattern {
    /// This topic.
    Exact(Box<str>),
    /// Every topic that begins so: the value ended in `*`.
    Prefix(Box<str>),
}

impl TopicPattern {
    /// The pattern of a `topic=` value.
    #[must_use]
    pub fn new(value: &str) -> Self {
        match value.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.into()),
            None => Self::Exact(value.into()),
        }
    }

    /// Whether this topic is meant.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(exact) => topic == &**exact,
            Self::Prefix(prefix) => topic.starts_with(&**prefix),
        }
    }

    /// Whether every topic that `other` means is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(topic)) => self.matches(topic),
            (Self::Prefix(prefix), Self::Prefix(longer)) => longer.starts_with(&**prefix),
            (Self::Exact(_), Self::Prefix(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_is_no_wider() {
        let covers = |one: &str, other: &str| TopicPattern::new(one).covers(&TopicPattern::new(other));
        for (one, other) in
            [("a", "a"), ("a*", "a"), ("a*", "ab"), ("a*", "a*"), ("a*", "ab*"), ("*", "x"), ("*", "*")]
        {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in
            [("a", "b"), ("a", "a*"), ("ab*", "a*"), ("ab*", "a"), ("a*", "*"), ("a", "ab"), ("", "a")]
        {
            assert!(!covers(one, other), "{one} {other}");
        }
    }

    /// Whoever is granted what covers a pattern may see all that the pattern means.
    #[test]
    fn covering_agrees_with_matching() {
        let words = ["", "a", "b", "aa", "ab", "ba", "aab", "abb"];
        let patterns: Vec<TopicPattern> = words
            .iter()
            .flat_map(|word| [(*word).to_owned(), format!("{word}*")])
            .map(|p| TopicPattern::new(&p))
            .collect();
        for (one, other) in patterns.iter().flat_map(|one| patterns.iter().map(move |other| (one, other))) {
            let escapes = words.iter().any(|topic| other.matches(topic) && !one.matches(topic));
            assert!(!one.covers(other) || !escapes, "{one:?} {other:?}");
        }
    }
}
