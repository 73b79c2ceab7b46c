//! Which events a client sees.

#[cfg(test)]
use crate::event::Audience;
use crate::topic::TopicPattern;

/// Which events a client sees: those of one of the types, with one of the topics, for its tenant or for
/// everybody. An empty list asks for nothing in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// SSE event names.
    pub types: Vec<Box<str>>,
    /// Topics.
    pub topics: Vec<TopicPattern>,
    /// The client's tenant.
    pub tenant: Option<Box<str>>,
}

impl Filter {
    /// Whether the client sees everything that is public, and nothing else.
    #[must_use]
    pub fn is_everything_public(&self) -> bool {
        self.types.is_empty() && self.topics.is_empty() && self.tenant.is_none()
    }

    /// Whether it lets events of this name pass.
    #[must_use]
    pub fn takes_type(&self, name: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| &**wanted == name)
    }

    /// Whether the client sees an event of this name and audience.
    #[must_use]
    pub fn matches(&self, name: &str, tenant: Option<&str>, topics: &[Box<str>]) -> bool {
        let for_it = tenant.is_none() || tenant == self.tenant.as_deref();
        let wanted = |topic: &str| self.topics.iter().any(|pattern| pattern.matches(topic));
        for_it
            && self.takes_type(name)
            && (self.topics.is_empty() || topics.iter().any(|topic| wanted(topic)))
    }

    /// `matches`, for an audience: the oracle of tests.
    #[cfg(test)]
    pub(crate) fn sees(&self, name: &str, audience: &Audience) -> bool {
        self.matches(name, audience.tenant.as_deref(), &audience.topics)
    }
}
