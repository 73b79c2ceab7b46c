//! What comes from Redis: whether it is broadcast, and what else it says.

use super::Bus;
use super::origins::Standing;
use super::upstream::Inbound;
use crate::clock::Now;
use crate::hub::{Hub, Whose};
use crate::intake::Message;
use crate::sse::GapReason;

impl Bus {
    /// The subscriber says what came.
    pub fn handle_inbound(&mut self, inbound: Inbound, hub: &mut Hub, now: Now) {
        self.upstream.heard = now.mono;
        match inbound {
            Inbound::Message(message) => {
                hub.metrics_mut().redis.messages += 1;
                self.handle_message(message, hub, now);
            }
            Inbound::Invalid => {
                hub.metrics_mut().redis.messages += 1;
                hub.metrics_mut().redis.invalid += 1;
            }
            Inbound::Canary { token } => {
                if let Some(sent) = self.outbound.probe_sent(token) {
                    self.upstream.handle_canary(sent, now.mono);
                    self.own.handle_canary_back();
                }
            }
            // That it came is all that it says.
            Inbound::Alive => {}
            Inbound::NoCanary => self.upstream.handle_no_canary(),
            Inbound::Subscribed => self.handle_subscribed(hub, now),
            Inbound::Lost { why } => self.handle_lost(why, hub, now),
        }
    }

    fn handle_subscribed(&mut self, hub: &mut Hub, now: Now) {
        if !self.mode.subscribes() {
            return;
        }
        log::info!("subscribed to Redis");
        self.upstream.handle_subscribed(now.mono);
        if self.mode.forwards() {
            self.tell_missed(hub, now);
        }
        self.outbound.probe_now(now.mono);
    }

    /// The subscription is gone, or could not be made.
    fn handle_lost(&mut self, why: String, hub: &mut Hub, now: Now) {
        if !self.mode.subscribes() {
            return;
        }
        let is_news = self.upstream.why_down.as_ref() != Some(&why);
        let level = if is_news { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, why = why.as_str(); "not subscribed to Redis, trying again");
        if self.upstream.handle_lost(Some(why)) {
            hub.metrics_mut().redis.reconnects += 1;
        }
        self.upstream.has_missed |= self.mode.forwards();
        // What was to come back will not.
        self.show_through(u64::MAX, None, hub, now);
    }

    /// Whether the subscriber is to be replaced, and is taken as lost: canaries do not come back although Redis
    /// takes them, or the publisher found that the master is another server. To be asked after
    /// `handle_deadline` and `handle_report`.
    pub fn poll_stale(&mut self, hub: &mut Hub, now: Now) -> bool {
        let is_elsewhere = std::mem::take(&mut self.upstream.is_elsewhere) && self.upstream.is_confirmed();
        let is_deaf = self.outbound.is_up(now.mono) && self.upstream.is_deaf(now.mono);
        let why = match (is_elsewhere, is_deaf) {
            (true, _) => "the server is no longer the master",
            (_, true) => "what is published does not come back",
            _ => return false,
        };
        self.handle_lost(why.to_owned(), hub, now);
        true
    }

    fn handle_message(&mut self, message: Message, hub: &mut Hub, now: Now) {
        if !self.mode.forwards() {
            hub.metrics_mut().redis.not_forwarded += 1;
            if let Some((instance, seq)) = &message.origin
                && **instance == *self.instance.as_str()
                && self.own.is_ours(*seq, message.fingerprint)
            {
                self.own.confirm(*seq);
            }
            return;
        }
        match &message.origin {
            Some((instance, seq))
                if **instance == *self.instance.as_str() && self.own.is_ours(*seq, message.fingerprint) =>
            {
                let seq = *seq;
                if self.own.is_awaited(seq) {
                    self.show_through(seq, Some(seq), hub, now);
                } else {
                    hub.metrics_mut().redis.echoes += 1;
                }
                if let Some(start) = self.own.confirm(seq) {
                    hub.note_race(message.fingerprint, Whose::AnyOther, Some(start));
                }
            }
            _ => self.handle_foreign(message, hub, now),
        }
    }

    /// A message of another instance, or of a service.
    fn handle_foreign(&mut self, message: Message, hub: &mut Hub, now: Now) {
        let standing = self.upstream.standing(&message);
        if let Standing::AfterHole(missing) = standing {
            let metric = &mut hub.metrics_mut().redis.missing;
            *metric = metric.saturating_add(missing);
            log::warn!(missing; "messages of another instance never came");
            hub.append_gap(GapReason::UpstreamLost, now);
        }
        let Message { event, fingerprint, mark, .. } = message;
        let Some(event) = event else {
            hub.metrics_mut().map_dropped += 1;
            return;
        };
        let origin = event.origin;
        let behind = mark.and_then(|mark| hub.log().goes_on_after(mark.after, origin));
        if standing == Standing::Duplicate {
            hub.metrics_mut().redis.duplicates += 1;
        } else if self.show(Some(event), hub, now) {
            self.upstream.last_shown = Some(fingerprint);
            if let Some(start) = self.own.first_unconfirmed() {
                hub.note_race(fingerprint, Whose::AnyOther, Some(start));
            }
            if mark.is_some_and(|mark| mark.is_again) {
                // Others may have been shown it long ago.
                hub.note_race(fingerprint, Whose::AnyOther, None);
            }
        }
        if let Some(from) = behind {
            hub.note_race(fingerprint, Whose::Of(origin), from);
        }
    }
}
