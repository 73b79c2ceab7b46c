//! How a server is talked to: paths, the body of a publish, the ids of its events.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::payload::{self, Concerned, EVENT_TYPE, Stamp};

/// The server's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// ssecast and the floor: an envelope to `/publish`, ids `<instance>-<seq>-<fingerprint>`.
    Ssecast,
    /// nginx with Nchan as `nchan.conf` sets it up: the payload to `/publish`, a topic is a channel, ids
    /// `<seconds>:<number within>`.
    Nchan,
}

/// A request that publishes.
pub(crate) struct Publication {
    pub(crate) path: String,
    /// Lines of the head that only this server needs.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Dialect {
    /// The request for one event.
    pub(crate) fn publication(
        self,
        stamp: Stamp,
        payload_bytes: usize,
        concerned: Option<Concerned<'_>>,
    ) -> Publication {
        match self {
            Self::Ssecast => Publication {
                path: "/publish".to_owned(),
                headers: String::new(),
                body: payload::envelope(stamp, payload_bytes, concerned),
            },
            Self::Nchan => Publication {
                path: match concerned {
                    None => "/publish".to_owned(),
                    Some(Concerned::Topic(topic)) => format!("/publish?topic={topic}"),
                    Some(Concerned::Tenant(tenant)) => format!("/publish?tenant={tenant}"),
                },
                headers: format!("X-EventSource-Event: {EVENT_TYPE}\r\n"),
                body: payload::payload(stamp, payload_bytes),
            },
        }
    }

    /// Whether a publish was accepted. Nchan says 202 where it has not queued the event for anybody yet.
    pub(crate) fn is_accepted(self, status: u16) -> bool {
        match self {
            Self::Ssecast => status == 202,
            Self::Nchan => matches!(status, 200..=202),
        }
    }
}

impl ValueEnum for Dialect {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ssecast, Self::Nchan]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Ssecast => "ssecast",
            Self::Nchan => "nchan",
        }))
    }
}

/// A number that grows from event to event, out of an id of either kind.
pub(crate) fn seq_of(id: &[u8]) -> Option<u64> {
    if let Some(colon) = memchr::memchr(b':', id) {
        let seconds = payload::decimal(&id[..colon])?;
        return seconds.checked_mul(1 << 24)?.checked_add(payload::decimal(&id[colon + 1..])?);
    }
    let mut parts = id.rsplit(|byte| *byte == b'-').skip(1);
    let seq = payload::decimal(parts.next()?);
    parts.next().and(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_without_a_number_is_no_event_of_ours() {
        for id in ["", "a", "a-1", "a-x-00", ":", "1:", ":1", "1:x"] {
            assert_eq!(seq_of(id.as_bytes()), None, "{id}");
        }
        assert_eq!(seq_of(b"a-0-00"), Some(0));
    }

    #[test]
    fn ids_of_nchan_grow() {
        let ids = ["1700000000:0", "1700000000:1", "1700000001:0"].map(|id| seq_of(id.as_bytes()).unwrap());
        assert!(ids.is_sorted());
    }

    #[test]
    fn both_are_published_the_same_payload() {
        let stamp = Stamp { number: 7, sent_ns: 9 };
        let [ours, theirs] = [Dialect::Ssecast, Dialect::Nchan]
            .map(|dialect| dialect.publication(stamp, 200, Some(Concerned::Topic("t1"))));
        assert!(ours.body.contains(&theirs.body));
        assert_eq!(theirs.path, "/publish?topic=t1");
    }
}
