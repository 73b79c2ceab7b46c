//! What comes from Redis: whether the subscription lives, and which messages are news.
//!
//! Never appends to the log: it says what a message is. That the subscription lives is believed after a round
//! trip only: a canary of our own that came back, for as long as `liveness`.

use std::time::Duration;

use super::origins::{Origins, Standing};
use super::recent::Recent;
use crate::clock::Mono;
use crate::event::{Event, allocated};
use crate::id::Fingerprint;
use crate::intake::Message;
use crate::stamp::After;

/// What comes from the subscriber, in the order in which it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Inbound {
    /// The subscription is confirmed.
    Subscribed,
    /// A message that is a valid envelope.
    Message(Message),
    /// A message that is none; it is logged already.
    Invalid,
    /// A part of a message that is not complete yet.
    Alive,
    /// Our own canary.
    Canary {
        /// Which one.
        token: u64,
    },
    /// The canary's channel may not be subscribed to.
    NoCanary,
    /// The connection was lost, or could not be made.
    Lost {
        /// Why, for people.
        why: String,
    },
}

impl Inbound {
    /// Bytes that it takes while it waits, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let message = match self {
            Self::Message(Message { event, origin, .. }) => {
                let origin = origin.as_ref().map_or(0, |(instance, _)| allocated(instance.len()));
                origin + event.as_ref().map_or(0, Event::memory_bytes)
            }
            _ => 0,
        };
        size_of::<Self>() + message
    }
}

/// The state of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// None is confirmed.
    Down,
    /// Confirmed at that time.
    Confirmed { since: Mono },
}

/// What comes from Redis.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) subscription: Subscription,
    liveness: Duration,
    /// It is being made for the first time, and nothing went wrong so far.
    is_opening: bool,
    /// When something came last.
    pub(super) heard: Mono,
    /// Until when the last round trip is good.
    live_until: Option<Mono>,
    /// The last canary that came back was sent then.
    last_canary: Option<Mono>,
    /// How long the last round trip took.
    pub(super) round_trip: Option<Duration>,
    /// Whether Redis lets us publish canaries, as of the last probe.
    sends_canaries: bool,
    /// Whether Redis let us subscribe to them.
    hears_canaries: bool,
    /// Messages that should have been broadcast may have been missed: everybody is to be told.
    pub(super) has_missed: bool,
    /// Whether there ever was a time without a subscription that should have been there.
    was_lost: bool,
    /// The last event that came from Redis and was shown.
    pub(super) last_shown: Option<Fingerprint>,
    origins: Origins,
    known: Recent<u64>,
    /// The publisher found that the master is another server.
    pub(super) is_elsewhere: bool,
    /// Why it is down, where it is.
    pub(super) why_down: Option<String>,
}

impl Upstream {
    pub(super) fn new(liveness: Duration, dedupe: usize) -> Self {
        Self {
            subscription: Subscription::Down,
            is_opening: false,
            heard: Mono::ZERO,
            liveness,
            live_until: None,
            last_canary: None,
            round_trip: None,
            sends_canaries: true,
            hears_canaries: true,
            has_missed: false,
            was_lost: false,
            last_shown: None,
            origins: Origins::default(),
            known: Recent::new(dedupe),
            is_elsewhere: false,
            why_down: None,
        }
    }

    pub(super) fn set_options(&mut self, liveness: Duration, dedupe: usize) {
        self.liveness = liveness;
        self.known.set_capacity(dedupe);
    }

    /// Whether messages reach us, as far as the last round trip shows.
    pub(super) fn is_live(&self, now: Mono) -> bool {
        self.is_confirmed() && self.live_until.is_some_and(|until| now < until)
    }

    /// Whether nothing comes any more, not even canaries, although Redis takes them.
    pub(super) fn is_deaf(&self, now: Mono) -> bool {
        self.has_canary()
            && self.is_confirmed()
            && !self.is_live(now)
            && self.heard.after(self.liveness) <= now
    }

    /// Whether it is being made, and nothing went wrong so far.
    pub(super) fn is_opening(&self) -> bool {
        self.is_opening
    }

    /// It is no longer waited for; whether it was.
    pub(super) fn end_opening(&mut self) -> bool {
        let was = std::mem::take(&mut self.is_opening);
        self.was_lost |= was;
        was
    }

    /// It is to be made.
    pub(super) fn handle_opening(&mut self) {
        self.is_opening = true;
    }

    pub(super) fn handle_subscribed(&mut self, now: Mono) {
        self.subscription = Subscription::Confirmed { since: now };
        self.heard = now;
        self.live_until = None;
        self.hears_canaries = true;
        self.is_elsewhere = false;
        self.why_down = None;
    }

    /// There is no subscription; gives back whether there was one.
    pub(super) fn handle_lost(&mut self, why: Option<String>) -> bool {
        let was = std::mem::replace(&mut self.subscription, Subscription::Down);
        self.is_opening = false;
        self.live_until = None;
        self.round_trip = None;
        self.was_lost = true;
        self.why_down = why;
        was != Subscription::Down
    }

    /// Our canary's channel may not be subscribed to.
    pub(super) fn handle_no_canary(&mut self) {
        self.hears_canaries = false;
    }

    /// Whether canaries can be expected to come back.
    fn has_canary(&self) -> bool {
        self.sends_canaries && self.hears_canaries
    }

    /// A canary that was sent then came back now.
    pub(super) fn handle_canary(&mut self, sent: Mono, now: Mono) {
        if !self.is_confirmed() {
            return;
        }
        self.is_opening = false;
        self.live_until = Some(sent.after(self.liveness));
        self.last_canary = Some(sent);
        self.round_trip = Some(now.since(sent));
    }

    /// How long the canary of the last probe has not come back; `None` when it did.
    pub(super) fn waits_for_canary(&self, probe: Mono, now: Mono) -> Option<Duration> {
        let is_missing =
            self.has_canary() && self.is_confirmed() && self.last_canary.is_none_or(|last| last < probe);
        is_missing.then(|| now.since(probe))
    }

    /// What our clients have been shown from Redis.
    pub(super) fn shown(&self) -> After {
        match self.last_shown {
            Some(last) => After::Event(last),
            None if self.is_confirmed() && !self.was_lost => After::Nothing,
            None => After::Unknown,
        }
    }

    /// Whether there is a subscription.
    pub(super) fn is_confirmed(&self) -> bool {
        self.subscription != Subscription::Down
    }

    /// Redis answered to a probe that was made then, and published its canary or may not: where canaries are not
    /// allowed, the answer has to do.
    pub(super) fn handle_answer(&mut self, sent: Mono, sends_canaries: bool, now: Mono) {
        self.sends_canaries = sends_canaries;
        if !self.has_canary() {
            self.handle_canary(sent, now);
        }
    }

    /// What a message of another instance, or of a service, is.
    pub(super) fn standing(&mut self, message: &Message) -> Standing {
        match &message.origin {
            Some((instance, seq)) => self.origins.handle(instance, *seq, message.fingerprint),
            None => Standing::Next,
        }
    }

    /// Whether an event is news by its idempotency key; it is known from now on.
    pub(super) fn is_news(&mut self, event: &Event) -> bool {
        event.idempotency.is_none_or(|key| self.known.insert(key))
    }
}
