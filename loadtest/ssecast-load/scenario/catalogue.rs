//! The scenarios: their names, what they are for, and what they take where the command line says nothing.

/// The largest TCP segment on Ethernet: 1 500 bytes without the headers of IPv4 and TCP.
const ETHERNET_MSS_BYTES: u64 = 1_460;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Events one at a time to all streams.
    Fanout,
    /// Many events at once.
    Burst,
    /// Events that concern one stream of many, by its topic.
    Topics,
    /// Events that concern one stream of many, by its tenant.
    Tenants,
    /// Streams that do not read, beside others that do.
    Slow,
    /// Streams that reconnect all the time.
    Churn,
    /// All streams reconnect at once.
    Storm,
    /// Streams that get nothing.
    Idle,
    /// Everything at once, for hours.
    Soak,
    /// `/healthz` while events are broadcast.
    Health,
    /// Envelopes from Redis to one stream.
    Ingest,
    /// The same envelopes, for `redis_floor`.
    Feed,
}

/// What a scenario takes where the command line says nothing; `None` where it has no such option.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) streams: u64,
    pub(crate) stalled: Option<u64>,
    pub(crate) live: Option<u64>,
    pub(crate) events: Option<u64>,
    pub(crate) seconds: Option<u64>,
    pub(crate) payload_bytes: u64,
    pub(crate) publishers: Option<u64>,
    pub(crate) rounds: Option<u64>,
    pub(crate) rate: Option<u64>,
    pub(crate) churn_pct: Option<f64>,
    pub(crate) back: Option<u64>,
    pub(crate) mss_bytes: u64,
}

impl Scenario {
    pub(crate) const ALL: [Self; 12] = [
        Self::Fanout,
        Self::Burst,
        Self::Topics,
        Self::Tenants,
        Self::Slow,
        Self::Churn,
        Self::Storm,
        Self::Idle,
        Self::Soak,
        Self::Health,
        Self::Ingest,
        Self::Feed,
    ];

    /// Its name on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Burst => "burst",
            Self::Topics => "topics",
            Self::Tenants => "tenants",
            Self::Slow => "slow",
            Self::Churn => "churn",
            Self::Storm => "storm",
            Self::Idle => "idle",
            Self::Soak => "soak",
            Self::Health => "health",
            Self::Ingest => "ingest",
            Self::Feed => "feed",
        }
    }

    /// What it does, in a line.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Fanout => {
                "Events to all streams, each when the one before has reached the last of them: CPU, latency"
            }
            Self::Burst => "Many events at once to all streams: deliveries per second",
            Self::Topics => "A topic for each stream, and events for one of them: CPU per event",
            Self::Tenants => {
                "A tenant for each stream (--auth-open-tenants), and events for one: CPU per event"
            }
            Self::Slow => "Streams that never read, beside others that do: latency of those, memory",
            Self::Churn => "Streams reconnect all the time and resume: completeness, latency",
            Self::Storm => "All streams reconnect at once and resume, beside some that stay: time, latency",
            Self::Idle => "Streams that get nothing: memory of each",
            Self::Soak => "Churn and stalled streams for a long time: growth of memory and descriptors",
            Self::Health => "/healthz without a pause while events are broadcast: its latency",
            Self::Ingest => "Envelopes from Redis to a stream, as fast as they come: events per second",
            Self::Feed => "The envelopes of `ingest` for `redis_floor`",
        }
    }

    pub(crate) fn defaults(self) -> Defaults {
        let common = Defaults { payload_bytes: 200, ..Defaults::default() };
        let paced = Defaults { publishers: Some(1), ..common };
        match self {
            Self::Fanout => Defaults { streams: 5_000, events: Some(100), rate: Some(0), ..paced },
            Self::Burst => Defaults { streams: 2_000, events: Some(64), rounds: Some(10), ..common },
            Self::Topics | Self::Tenants => Defaults { streams: 10_000, events: Some(2_000), ..common },
            Self::Slow => Defaults { streams: 4_000, events: Some(150), stalled: Some(0), ..common },
            Self::Churn => {
                let churn_pct = Some(10.0);
                Defaults { streams: 5_000, seconds: Some(10), rate: Some(20), churn_pct, ..paced }
            }
            Self::Storm => {
                let (rate, back) = (Some(5), Some(100));
                Defaults { streams: 15_000, live: Some(1_000), seconds: Some(5), rate, back, ..paced }
            }
            Self::Idle => Defaults { streams: 15_000, ..common },
            Self::Soak => {
                let (stalled, churn_pct) = (Some(100), Some(2.0));
                Defaults { streams: 5_000, stalled, seconds: Some(1_800), rate: Some(10), churn_pct, ..paced }
            }
            Self::Health => Defaults { streams: 15_000, events: Some(20), rate: Some(0), ..paced },
            // Envelopes of 300 bytes, from Redis. So many for one stream fill the server's SO_SNDBUF, which is
            // less than one segment of loopback.
            Self::Ingest => {
                let (payload_bytes, mss_bytes) = (240, ETHERNET_MSS_BYTES);
                Defaults { streams: 1, events: Some(500_000), payload_bytes, mss_bytes, ..common }
            }
            Self::Feed => Defaults { events: Some(500_000), payload_bytes: 240, ..common },
        }
    }

    /// Whether it opens streams of a server.
    pub(crate) fn has_streams(self) -> bool {
        self != Self::Feed
    }

    /// Whether it publishes anything.
    pub(crate) fn publishes(self) -> bool {
        self != Self::Idle
    }

    /// Whether it publishes to Redis and nowhere else.
    pub(crate) fn needs_redis(self) -> bool {
        matches!(self, Self::Ingest | Self::Feed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    #[test]
    fn an_envelope_from_redis_has_300_bytes() {
        let Defaults { events, payload_bytes, .. } = Scenario::Ingest.defaults();
        let stamp = payload::Stamp { number: events.unwrap(), sent_ns: 0 };
        assert_eq!(payload::envelope(stamp, payload_bytes as usize, None).len(), 300);
    }

    #[test]
    fn names_are_unique() {
        let mut names = Scenario::ALL.map(Scenario::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
