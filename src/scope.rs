//! Whose events somebody may see or publish: those of a tenant, and those with certain topics.
//!
//! Invariant: a scope only ever makes a filter narrower.

use crate::event::Audience;
use crate::filter::Filter;
use crate::topic::TopicPattern;

/// Whose events somebody may see or publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only those of this tenant and, to see, those of nobody in particular.
    pub tenant: Option<Box<str>>,
    /// Only those with one of these topics; `None` is any and none.
    pub topics: Option<Vec<TopicPattern>>,
}

/// What goes beyond a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Events of another tenant, or to publish, of nobody in particular.
    Tenant,
    /// Topics that are not granted.
    Topic,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { tenant: None, topics: None };

    /// Makes `filter` one of a client that may see no more than this.
    ///
    /// # Errors
    /// When the client asked for something beyond it.
    pub fn narrow(&self, filter: &mut Filter) -> Result<(), Beyond> {
        if let Some(tenant) = &self.tenant {
            if filter.tenant.as_ref().is_some_and(|asked| asked != tenant) {
                return Err(Beyond::Tenant);
            }
            filter.tenant = Some(tenant.clone());
        }
        let Some(granted) = &self.topics else { return Ok(()) };
        let is_granted = |asked: &TopicPattern| granted.iter().any(|pattern| pattern.covers(asked));
        // A filter without topics would see all of them.
        if granted.is_empty() || !filter.topics.iter().all(is_granted) {
            return Err(Beyond::Topic);
        }
        if filter.topics.is_empty() {
            filter.topics.clone_from(granted);
        }
        Ok(())
    }

    /// Whether somebody with this scope may publish for this audience.
    ///
    /// # Errors
    /// What is beyond the scope: who speaks for a tenant does not speak to everybody, and who may speak about
    /// some topics does not about others.
    pub fn allows_publishing(&self, audience: &Audience) -> Result<(), Beyond> {
        if self.tenant.is_some() && self.tenant != audience.tenant {
            return Err(Beyond::Tenant);
        }
        let Some(granted) = &self.topics else { return Ok(()) };
        let is_granted = |topic: &str| granted.iter().any(|pattern| pattern.matches(topic));
        let all = !audience.topics.is_empty() && audience.topics.iter().all(|topic| is_granted(topic));
        if all { Ok(()) } else { Err(Beyond::Topic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(values: &[&str]) -> Vec<TopicPattern> {
        values.iter().map(|value| TopicPattern::new(value)).collect()
    }

    fn scope(tenant: Option<&str>, topics: Option<&[&str]>) -> Scope {
        Scope { tenant: tenant.map(Box::from), topics: topics.map(patterns) }
    }

    fn filter(tenant: Option<&str>, topics: &[&str]) -> Filter {
        Filter { tenant: tenant.map(Box::from), topics: patterns(topics), ..Filter::default() }
    }

    #[test]
    fn a_filter_becomes_no_wider_than_the_scope() {
        let narrowed = |scope: Scope, mut filter: Filter| scope.narrow(&mut filter).map(|()| filter);
        let t = Some("t");
        assert_eq!(narrowed(Scope::ALL, filter(t, &["a"])), Ok(filter(t, &["a"])));
        assert_eq!(narrowed(scope(t, None), filter(None, &[])), Ok(filter(t, &[])));
        assert_eq!(narrowed(scope(t, None), filter(t, &["x"])), Ok(filter(t, &["x"])));
        assert_eq!(narrowed(scope(t, None), filter(Some("u"), &[])), Err(Beyond::Tenant));
        assert_eq!(
            narrowed(scope(None, Some(&["a/*", "b"])), filter(None, &[])),
            Ok(filter(None, &["a/*", "b"]))
        );
        assert_eq!(narrowed(scope(None, Some(&["a/*"])), filter(None, &["a/1"])), Ok(filter(None, &["a/1"])));
        assert_eq!(narrowed(scope(None, Some(&["a/*"])), filter(None, &["a/1", "b"])), Err(Beyond::Topic));
        assert_eq!(narrowed(scope(None, Some(&["a/*"])), filter(None, &["a*"])), Err(Beyond::Topic));
        assert_eq!(narrowed(scope(None, Some(&[])), filter(None, &[])), Err(Beyond::Topic));
    }

    #[test]
    fn who_speaks_for_a_tenant_speaks_to_nobody_else() {
        let audience = |tenant: Option<&str>, topics: &[&str]| Audience {
            tenant: tenant.map(Box::from),
            topics: topics.iter().map(|topic| Box::from(*topic)).collect(),
        };
        let ours = scope(Some("t"), None);
        assert_eq!(ours.allows_publishing(&audience(Some("t"), &["x"])), Ok(()));
        assert_eq!(ours.allows_publishing(&audience(Some("u"), &[])), Err(Beyond::Tenant));
        assert_eq!(ours.allows_publishing(&audience(None, &[])), Err(Beyond::Tenant));
        let some = scope(None, Some(&["a/*"]));
        assert_eq!(some.allows_publishing(&audience(None, &["a/1", "a/2"])), Ok(()));
        for topics in [&["a/1", "b"][..], &["b"], &[]] {
            assert_eq!(some.allows_publishing(&audience(None, topics)), Err(Beyond::Topic), "{topics:?}");
        }
        assert_eq!(Scope::ALL.allows_publishing(&audience(Some("u"), &["x"])), Ok(()));
    }
}
