//! The invariants that the hub's files state, checked by looking at all of it.

use std::collections::BTreeSet;

use super::super::client::Flow;
use super::super::{Hub, Key};

pub(super) fn check(hub: &Hub) {
    let queued = || hub.ready.iter().chain(&hub.returning);
    let ready: BTreeSet<Key> = queued().copied().collect();
    let mut stalls = 0;
    let mut overdue = BTreeSet::new();
    for (key, client) in hub.clients.iter() {
        let list = if client.is_bare() { &hub.idle_bare } else { &hub.idle_narrow };
        let in_idle = list.iter().filter(|&&idle| idle == key).count();
        let in_ready = queued().filter(|&&other| other == key).count();
        match client.flow {
            Flow::Idle { at } if in_idle == 1 => {
                assert_eq!(list[at as usize], key);
                assert_eq!(in_ready, 0, "idle and ready");
                assert_eq!(client.pending_bytes(&hub.log), 0, "idle and behind");
            }
            // Its list was moved to the ready queue.
            Flow::Idle { .. } | Flow::Ready { .. } => {
                assert_eq!((in_idle, in_ready), (0, 1), "{key:?} {:?}", client.flow);
            }
            Flow::Blocked { overrun_at, .. } => {
                assert_eq!((in_idle, in_ready), (0, 0), "blocked and elsewhere");
                stalls += 1;
                let bound = client.bound(&hub.log, hub.options.buffer_bytes as u64);
                assert!(client.pending_bytes(&hub.log) <= bound, "over its bound and open");
                if client.is_bare() {
                    overdue.insert((overrun_at, key));
                }
            }
        }
    }
    assert_eq!(hub.stalls.len(), stalls, "each blocked client has one stall deadline, and no other has");
    assert_eq!(hub.overdue, overdue);
    for key in hub.idle_bare.iter().chain(&hub.idle_narrow) {
        assert!(hub.clients.get(*key).is_some(), "a client that is gone is idle");
    }
    assert!(ready.len() <= queued().count());
    for key in &hub.returning {
        let is_replaying = |client: &super::super::client::Client| client.is_replaying();
        assert!(hub.clients.get(*key).is_none_or(is_replaying), "{key:?} has missed nothing");
    }
    check_index(hub);
    let log = &hub.log;
    assert!(log.tail() <= log.history_start() && log.history_start() <= log.head());
}

/// The index finds exactly those whose filters match, for events of each kind.
fn check_index(hub: &Hub) {
    use crate::event::Audience;
    for name in super::NAMES {
        for tenant in [None, Some("x")] {
            for topic in super::TOPICS {
                let audience = Audience { tenant: tenant.map(Box::from), topics: vec![topic.into()] };
                let mut found = Vec::new();
                hub.index.candidates(name, &audience, &mut found);
                let found: BTreeSet<Key> = found
                    .into_iter()
                    .filter(|&key| {
                        let client = hub.clients.get(key).expect("the index knows only open clients");
                        client.narrow.as_ref().is_some_and(|narrow| narrow.filter.takes_type(name))
                    })
                    .collect();
                let wanted: BTreeSet<Key> =
                    hub.clients
                        .iter()
                        .filter(|(_, client)| {
                            client.narrow.as_ref().is_some_and(|narrow| {
                                narrow.is_indexed() && narrow.filter.sees(name, &audience)
                            })
                        })
                        .map(|(key, _)| key)
                        .collect();
                assert_eq!(found, wanted);
            }
        }
    }
}
