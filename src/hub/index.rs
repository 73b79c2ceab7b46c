//! From an event to the filtered clients that see it, without looking at the others.
//!
//! A client stands under one facet per audience: its topics if it asked for any, else its types, else
//! everything. A client with a tenant stands in two audiences: the public one and its tenant's.
//!
//! Invariant: each client's entries are those that `facets` gives for its filter, and no others; an empty
//! entry is not kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::Audience;
use crate::filter::Filter;
use crate::key::Key;
use crate::topic::TopicPattern;

/// Clients by the text that they stand under.
type ByText = HashMap<Box<str>, BTreeSet<Key>>;

#[derive(Debug, Default)]
struct AudienceIndex {
    everything: BTreeSet<Key>,
    types: ByText,
    topics: ByText,
    /// Topic prefixes, by length in bytes, so that an event asks once per length.
    prefixes: BTreeMap<usize, ByText>,
}

/// The index of all filtered clients.
#[derive(Debug, Default)]
pub struct Index {
    public: AudienceIndex,
    tenants: HashMap<Box<str>, AudienceIndex>,
}

impl Index {
    /// Adds a client.
    pub fn insert(&mut self, key: Key, filter: &Filter) {
        self.public.insert(key, filter);
        if let Some(tenant) = &filter.tenant {
            self.tenants.entry(tenant.clone()).or_default().insert(key, filter);
        }
    }

    /// Removes a client that was added with this filter.
    pub fn remove(&mut self, key: Key, filter: &Filter) {
        self.public.remove(key, filter);
        let Some(tenant) = &filter.tenant else { return };
        let Some(index) = self.tenants.get_mut(tenant) else { return };
        index.remove(key, filter);
        if index.is_empty() {
            self.tenants.remove(tenant);
        }
    }

    /// Appends to `found` the clients that may see an event of this name and audience: a client may stand
    /// there more than once, and its types are still to be checked.
    pub fn candidates(&self, name: &str, audience: &Audience, found: &mut Vec<Key>) {
        match &audience.tenant {
            None => self.public.candidates(name, &audience.topics, found),
            Some(tenant) => {
                if let Some(index) = self.tenants.get(tenant) {
                    index.candidates(name, &audience.topics, found);
                }
            }
        }
    }

    /// Whether nobody stands in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.tenants.is_empty()
    }
}

impl AudienceIndex {
    fn insert(&mut self, key: Key, filter: &Filter) {
        for facet in facets(filter) {
            match facet {
                Facet::Everything => {
                    self.everything.insert(key);
                }
                Facet::Type(name) => add(&mut self.types, name, key),
                Facet::Topic(topic) => add(&mut self.topics, topic, key),
                Facet::Prefix(prefix) => add(self.prefixes.entry(prefix.len()).or_default(), prefix, key),
            }
        }
    }

    fn remove(&mut self, key: Key, filter: &Filter) {
        for facet in facets(filter) {
            match facet {
                Facet::Everything => {
                    self.everything.remove(&key);
                }
                Facet::Type(name) => take_out(&mut self.types, name, key),
                Facet::Topic(topic) => take_out(&mut self.topics, topic, key),
                Facet::Prefix(prefix) => {
                    let Some(of_length) = self.prefixes.get_mut(&prefix.len()) else { continue };
                    take_out(of_length, prefix, key);
                    if of_length.is_empty() {
                        self.prefixes.remove(&prefix.len());
                    }
                }
            }
        }
    }

    fn candidates(&self, name: &str, topics: &[Box<str>], found: &mut Vec<Key>) {
        found.extend(&self.everything);
        let mut take = |keys: Option<&BTreeSet<Key>>| found.extend(keys.into_iter().flatten());
        take(self.types.get(name));
        for topic in topics {
            take(self.topics.get(topic));
            for (&bytes, of_length) in self.prefixes.range(..=topic.len()) {
                take(topic.get(..bytes).and_then(|prefix| of_length.get(prefix)));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.everything.is_empty()
            && self.types.is_empty()
            && self.topics.is_empty()
            && self.prefixes.is_empty()
    }
}

fn add(by_text: &mut ByText, text: &str, key: Key) {
    by_text.entry(text.into()).or_default().insert(key);
}

fn take_out(by_text: &mut ByText, text: &str, key: Key) {
    let Some(keys) = by_text.get_mut(text) else { return };
    keys.remove(&key);
    if keys.is_empty() {
        by_text.remove(text);
    }
}

/// What a client stands under, within one audience.
enum Facet<'f> {
    Everything,
    Type(&'f str),
    Topic(&'f str),
    Prefix(&'f str),
}

/// What a client of this filter stands under.
fn facets(filter: &Filter) -> Vec<Facet<'_>> {
    if !filter.topics.is_empty() {
        let topics = filter.topics.iter();
        topics
            .map(|pattern| match pattern {
                TopicPattern::Exact(topic) => Facet::Topic(topic),
                TopicPattern::Prefix(prefix) => Facet::Prefix(prefix),
            })
            .collect()
    } else if !filter.types.is_empty() {
        filter.types.iter().map(|name| Facet::Type(name)).collect()
    } else {
        vec![Facet::Everything]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word() -> impl Strategy<Value = Box<str>> {
        "[abä]{0,3}".prop_map(Into::into)
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let pattern = (word(), any::<bool>()).prop_map(|(word, prefix)| {
            TopicPattern::new(&if prefix { format!("{word}*") } else { word.into_string() })
        });
        let (types, topics) = (prop::collection::vec(word(), 0..3), prop::collection::vec(pattern, 0..3));
        (types, topics, prop::option::of("[xy]".prop_map(Into::into)))
            .prop_map(|(types, topics, tenant)| Filter { types, topics, tenant })
    }

    fn audience() -> impl Strategy<Value = Audience> {
        (prop::option::of("[xyz]".prop_map(Into::into)), prop::collection::vec(word(), 0..3))
            .prop_map(|(tenant, topics)| Audience { tenant, topics })
    }

    proptest! {
        /// The oracle asks every client's filter.
        #[test]
        fn the_index_finds_whom_the_filters_would(
            filters in prop::collection::vec(filter(), 0..20),
            gone in prop::collection::vec(any::<bool>(), 20),
            events in prop::collection::vec((word(), audience()), 1..10),
        ) {
            let key = |at: usize| Key { index: at as u32, generation: 7 };
            let mut index = Index::default();
            for (at, filter) in filters.iter().enumerate() {
                index.insert(key(at), filter);
            }
            let mut left: Vec<(Key, &Filter)> = Vec::new();
            for (at, filter) in filters.iter().enumerate() {
                if gone[at] { index.remove(key(at), filter) } else { left.push((key(at), filter)) }
            }
            for (name, audience) in &events {
                let mut found = Vec::new();
                index.candidates(name, audience, &mut found);
                let found: BTreeSet<Key> =
                    found.into_iter().filter(|key| filters[key.index as usize].takes_type(name)).collect();
                let wanted: BTreeSet<Key> =
                    left.iter().filter(|(_, filter)| filter.sees(name, audience)).map(|(key, _)| *key).collect();
                prop_assert_eq!(found, wanted);
            }
            for (key, filter) in left {
                index.remove(key, filter);
            }
            prop_assert!(index.is_empty());
        }
    }
}
