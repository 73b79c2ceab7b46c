//! The subscriber: a thread that receives messages from Redis, decodes and encodes them, and hands them to the
//! loop in batches: all that one read of the socket brought.
//!
//! Never ends for what Redis sends or does not send: it connects anew, with growing pauses, until nobody takes
//! what it hands over. Never trusts silence: it asks (PING, and ROLE where the protocol lets it), and what does
//! not answer within `redis.liveness` is lost. While the loop is behind it waits and reads nothing, so that
//! Redis feels that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Cmd, ProtocolVersion, cmd};

use super::connector::Connector;
use super::error::LinkError;
use super::greeting::check_role;
use super::link::Link;
use super::received::{Received, classify};

use crate::bus::{Backoff, Closed, Inbound, Sender, Sent};
use crate::intake::Intake;
use crate::throttle::Throttle;

/// Parts of `liveness` after which a silent server is asked.
const ASKS_PER_LIVENESS: u32 = 3;
/// How often it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// A connection that lasts as long was worth it: the next pause is a short one.
const WORTH_IT: Duration = Duration::from_secs(5);
/// Bytes of an invalid message that are logged.
const SHOWN_BYTES: usize = 120;

/// What a subscriber needs.
#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) connector: Connector,
    /// What the connection is called in Redis.
    pub(super) name: String,
    /// What is subscribed to: a pattern, or channels.
    pub(super) wanted: Wanted,
    /// Where our own canaries are published.
    pub(super) canary: String,
    /// What all canaries' channels begin with, those of other instances too.
    pub(super) canaries: String,
    pub(super) connect_timeout: Duration,
    pub(super) liveness: Duration,
    /// How messages become events; the loop may change it.
    pub(super) intake: Arc<Mutex<Intake>>,
}

/// What is subscribed to.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Channels(Vec<String>),
    Pattern(String),
}

/// Why a connection is given up.
enum End {
    /// Nobody takes what comes.
    NotWanted,
    Lost(LinkError),
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        Self::Lost(error)
    }
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::NotWanted
    }
}

impl Subscriber {
    /// Works until nobody takes what it hands over.
    pub(super) fn run(&self, loop_: &Sender<Inbound>) {
        supervise(loop_, || self.session(loop_));
    }

    /// One connection, from its first byte to its last.
    fn session(&self, loop_: &Sender<Inbound>) -> End {
        match self.subscribe().map_err(End::from).and_then(|session| session.run(loop_)) {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    fn subscribe(&self) -> Result<Session<'_>, LinkError> {
        let link = self.connector.connect(&self.name)?;
        let now = Instant::now();
        let mut session = Session {
            of: self,
            link,
            batch: Vec::new(),
            heard: now,
            asked: now,
            incomplete: 0,
            start: now,
            throttle: Throttle::default(),
        };
        match &self.wanted {
            Wanted::Channels(channels) => {
                for channel in channels {
                    session.confirm(cmd("SUBSCRIBE").arg(channel))?;
                }
            }
            Wanted::Pattern(pattern) => session.confirm(cmd("PSUBSCRIBE").arg(pattern))?,
        }
        match session.confirm(cmd("SUBSCRIBE").arg(&self.canary)) {
            Err(LinkError::Refused { code, .. }) if code == "NOPERM" => {
                log::warn!(channel = self.canary.as_str();
                    "Redis does not let us subscribe to our canary: whether messages come back is not known");
                session.batch.push(Inbound::NoCanary);
            }
            confirmed => confirmed?,
        }
        // What came since the first confirmation comes after this.
        session.batch.insert(0, Inbound::Subscribed);
        log::debug!(server = session.link.peer(); "subscriber connected to Redis");
        Ok(session)
    }
}

/// Has one session after another, with pauses, whatever ends them, a panic too, until nobody takes what they hand
/// over.
fn supervise(loop_: &Sender<Inbound>, mut session: impl FnMut() -> End) {
    let mut backoff = Backoff::default();
    let mut random = fastrand::Rng::new();
    loop {
        let start = Instant::now();
        let why = match catch_unwind(AssertUnwindSafe(&mut session)) {
            Ok(End::NotWanted) => return,
            Ok(End::Lost(error)) => error.to_string(),
            Err(_) => "the subscriber panicked".to_owned(),
        };
        if loop_.send(&mut vec![Inbound::Lost { why }], Inbound::weight).is_err() {
            return;
        }
        if start.elapsed() >= WORTH_IT {
            backoff.reset();
        }
        if !pause(backoff.next(random.f64()), loop_) {
            return;
        }
    }
}

/// Waits, and looks whether it is still wanted; false when it is not.
fn pause(wait: Duration, loop_: &Sender<Inbound>) -> bool {
    let until = Instant::now() + wait;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if loop_.is_closed() || left.is_zero() {
            return !loop_.is_closed();
        }
        thread::sleep(left.min(LOOK));
    }
}

/// A connection with a confirmed subscription.
struct Session<'s> {
    of: &'s Subscriber,
    link: Link,
    /// What was received and not handed over yet.
    batch: Vec<Inbound>,
    /// When something came last.
    heard: Instant,
    /// When the server was asked last.
    asked: Instant,
    /// Bytes that had come of the next value.
    incomplete: usize,
    start: Instant,
    throttle: Throttle,
}

impl Session<'_> {
    /// Subscribes to one channel or pattern and waits until that is confirmed.
    fn confirm(&mut self, command: &mut Cmd) -> Result<(), LinkError> {
        let deadline = Instant::now() + self.of.connect_timeout;
        self.link.set_timeout(self.of.connect_timeout);
        self.link.send(&command.get_packed_command())?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LinkError::TimedOut("the confirmation of a subscription"));
            }
            self.link.set_timeout(left);
            let Some(value) = self.link.receive(&mut || {})? else { continue };
            match classify(value) {
                Received::Confirmed => return Ok(()),
                Received::Error(error) => return Err(error),
                received => self.take(received)?,
            }
        }
    }

    /// Receives until the connection is lost or nobody wants it any more.
    fn run(mut self, loop_: &Sender<Inbound>) -> Result<std::convert::Infallible, End> {
        self.link.set_timeout((self.of.liveness / (2 * ASKS_PER_LIVENESS)).min(LOOK));
        loop {
            let mut handed = Ok(Sent::AtOnce);
            let batch = &mut self.batch;
            // The parser has used up what it had: hand over what it gave, before waiting for more.
            let mut hand_over = || handed = hand_over(batch, loop_);
            let value = self.link.receive(&mut hand_over)?;
            if handed? == Sent::AfterWaiting {
                // The silence was ours.
                self.heard = Instant::now();
            }
            match value {
                Some(value) => {
                    let received = classify(value);
                    self.take(received)?;
                    self.heard_now();
                }
                None if loop_.is_closed() => return Err(End::NotWanted),
                None => self.handle_silence(),
            }
            self.ask()?;
        }
    }

    /// No whole value came in time: parts of a large one are no silence.
    fn handle_silence(&mut self) {
        let incomplete = self.link.incomplete_bytes();
        if std::mem::replace(&mut self.incomplete, incomplete) != incomplete && incomplete > 0 {
            self.heard = Instant::now();
            self.batch.push(Inbound::Alive);
        }
    }

    /// Reads the clock only once for what one read brought.
    fn heard_now(&mut self) {
        if self.batch.len() <= 1 {
            self.heard = Instant::now();
        }
    }

    /// Asks the server whether it is there and still the master; gives it up when it does not answer.
    fn ask(&mut self) -> Result<(), LinkError> {
        if self.batch.len() > 1 {
            return Ok(());
        }
        let every = self.of.liveness / ASKS_PER_LIVENESS;
        if self.heard.elapsed() > self.of.liveness {
            return Err(LinkError::TimedOut("the answer to PING"));
        }
        if self.asked.elapsed() < every {
            return Ok(());
        }
        self.asked = Instant::now();
        // In RESP2 a subscriber may say little else than PING (Redis documentation, SUBSCRIBE).
        let mut commands = cmd("PING").get_packed_command();
        if self.link.protocol() == ProtocolVersion::RESP3 && self.link.role_is_known() {
            cmd("ROLE").write_packed_command(&mut commands);
        }
        self.link.send(&commands)
    }

    fn take(&mut self, received: Received) -> Result<(), LinkError> {
        match received {
            Received::Message { channel, payload } => self.take_message(&channel, &payload),
            Received::Role(answer) => check_role(&answer)?,
            Received::Unsubscribed => return Err(LinkError::Protocol("an end of the subscription")),
            Received::Error(error) => return Err(error),
            Received::Pong | Received::Confirmed | Received::Other => {}
        }
        Ok(())
    }

    fn take_message(&mut self, channel: &[u8], payload: &[u8]) {
        if channel == self.of.canary.as_bytes() {
            let token = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
            return self.batch.extend(token.map(|token| Inbound::Canary { token }));
        }
        // Where a pattern is subscribed to, other instances' canaries may match it.
        if channel.starts_with(self.of.canaries.as_bytes()) {
            return;
        }
        let intake = self.of.intake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match intake.message(payload) {
            Ok(message) => self.batch.push(Inbound::Message(message)),
            Err(error) => {
                self.batch.push(Inbound::Invalid);
                let Some(left_out) = self.throttle.pass(self.start.elapsed()) else { return };
                let (reason, channel) = (error.to_string(), String::from_utf8_lossy(channel));
                let start = String::from_utf8_lossy(&payload[..payload.len().min(SHOWN_BYTES)]);
                log::warn!(reason, channel:%, start:%, left_out; "invalid message from Redis dropped");
            }
        }
    }
}

fn hand_over(batch: &mut Vec<Inbound>, loop_: &Sender<Inbound>) -> Result<Sent, Closed> {
    if batch.is_empty() {
        return Ok(Sent::AtOnce);
    }
    loop_.send(batch, Inbound::weight)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::bus::{Wake, channel};

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    #[test]
    fn a_session_that_ends_or_panics_is_followed_by_another() {
        let (sender, receiver) = channel(1 << 20, Arc::new(Nobody));
        let mut sessions = 0;
        supervise(&sender, || {
            sessions += 1;
            match sessions {
                1 => panic!("this test wants it"),
                2 => End::Lost(LinkError::Closed),
                _ => End::NotWanted,
            }
        });
        let mut inbound = VecDeque::new();
        receiver.receive(&mut inbound);
        let lost = |why: &str| Inbound::Lost { why: why.to_owned() };
        assert_eq!(inbound, [lost("the subscriber panicked"), lost("closed by the server")]);
        assert_eq!(sessions, 3);
    }

    #[test]
    fn it_ends_when_nobody_takes_what_it_hands_over() {
        let (sender, receiver) = channel(1 << 20, Arc::new(Nobody));
        drop(receiver);
        let mut sessions = 0;
        supervise(&sender, || {
            sessions += 1;
            End::Lost(LinkError::Closed)
        });
        assert_eq!(sessions, 1);
    }
}
