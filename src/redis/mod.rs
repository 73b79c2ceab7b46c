//! The connections to Redis: two threads, one that publishes and one that is subscribed, and what lies between
//! them and the loop.
//!
//! Decides nothing: the bus says what is published and what is made of what comes. Both threads may wait for
//! Redis as long as they like; the loop waits for neither, also not for their end.

mod address;
mod connector;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod glob;
mod greeting;
mod link;
mod options;
mod publisher;
mod received;
mod sentinel;
mod socket;
mod stream;
mod subscriber;
mod target;
mod tls;

pub use address::{Address, SENTINEL_PORT};
pub use connector::Connector;
pub use error::{LinkError, SetupError};
pub use glob::glob;
pub use greeting::check_role;
pub use link::Link;
pub use options::{Options, Protocol, Secret};
pub use target::Target;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use crate::bus::{Inbound, Job, Receiver, Report, Wake, channel};
use crate::id::Instance;
use crate::intake::Intake;
use publisher::Publisher;
use subscriber::{Subscriber, Wanted};

/// Reports that may wait for the loop: more than the bus ever has under way.
const REPORTS: usize = 4096;

/// Both threads, as far as they are wanted.
pub struct Redis {
    options: Options,
    connector: Connector,
    instance: Instance,
    intake: Arc<Mutex<Intake>>,
    waker: Arc<dyn Wake>,
    publisher: Option<(mpsc::Sender<Job>, Receiver<Report>)>,
    subscriber: Option<Receiver<Inbound>>,
}

impl Redis {
    /// No thread runs yet. `waker` wakes the loop when something came.
    ///
    /// # Errors
    /// What is wrong with the options, where a file shows that: see [`Connector::new`].
    pub fn new(
        options: &Options,
        instance: Instance,
        intake: Intake,
        waker: Arc<dyn Wake>,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            connector: Connector::new(options)?,
            options: options.clone(),
            instance,
            intake: Arc::new(Mutex::new(intake)),
            waker,
            publisher: None,
            subscriber: None,
        })
    }

    /// Takes over how messages become events.
    pub fn set_intake(&self, intake: Intake) {
        *self.intake.lock().unwrap_or_else(PoisonError::into_inner) = intake;
    }

    /// Takes options over; gives back whether the connections are to be others than before. The threads that run
    /// keep theirs: they are to be stopped.
    ///
    /// # Errors
    /// As `new`; then nothing changes.
    pub fn set_options(&mut self, options: &Options) -> Result<bool, SetupError> {
        let are_new = !options.has_connections_of(&self.options);
        if are_new {
            self.connector = Connector::new(options)?;
        }
        self.options = options.clone();
        Ok(are_new)
    }

    /// Whether the publisher runs.
    #[must_use]
    pub const fn has_publisher(&self) -> bool {
        self.publisher.is_some()
    }

    /// Whether the subscriber runs.
    #[must_use]
    pub const fn has_subscriber(&self) -> bool {
        self.subscriber.is_some()
    }

    /// Starts the publisher.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start_publisher(&mut self) -> io::Result<()> {
        let publisher = Publisher {
            connector: self.connector.clone(),
            name: self.name("publisher"),
            channel: self.channels().into_iter().next().unwrap_or_default(),
            canary: self.canary(),
            timeout: self.options.publish_timeout,
        };
        let (jobs, taken) = mpsc::channel();
        let (reports, received) = channel(REPORTS, Arc::clone(&self.waker));
        thread::Builder::new().name("redis-pub".to_owned()).spawn(move || publisher.run(&taken, &reports))?;
        self.publisher = Some((jobs, received));
        Ok(())
    }

    /// Starts the subscriber.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start_subscriber(&mut self) -> io::Result<()> {
        let wanted = match self.options.pattern.as_str() {
            "" => Wanted::Channels(self.channels()),
            pattern => Wanted::Pattern(format!("{}{pattern}", self.options.url.channel_prefix())),
        };
        let subscriber = Subscriber {
            connector: self.connector.clone(),
            name: self.name("subscriber"),
            wanted,
            canary: self.canary(),
            canaries: format!("{}.", self.options.canary),
            connect_timeout: self.options.connect_timeout,
            liveness: self.options.liveness,
            intake: Arc::clone(&self.intake),
        };
        let (sender, received) = channel(self.options.backlog_bytes, Arc::clone(&self.waker));
        thread::Builder::new().name("redis-sub".to_owned()).spawn(move || subscriber.run(&sender))?;
        self.subscriber = Some(received);
        Ok(())
    }

    /// Lets the publisher go; what it has is not waited for.
    pub fn stop_publisher(&mut self) {
        self.publisher = None;
    }

    /// Lets the subscriber go, with all that it handed over and nobody received.
    pub fn stop_subscriber(&mut self) {
        self.subscriber = None;
    }

    /// Gives the publisher a job; false where there is none.
    pub fn send(&self, job: Job) -> bool {
        self.publisher.as_ref().is_some_and(|(jobs, _)| jobs.send(job).is_ok())
    }

    /// Adds what the publisher says.
    pub fn receive_reports(&self, out: &mut VecDeque<Report>) {
        if let Some((_, reports)) = &self.publisher {
            reports.receive(out);
        }
    }

    /// Adds what the subscriber hands over.
    pub fn receive_inbound(&self, out: &mut VecDeque<Inbound>) {
        if let Some(inbound) = &self.subscriber {
            inbound.receive(out);
        }
    }

    /// What the subscriber handed over and nobody received.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.subscriber.as_ref().map_or(0, Receiver::len)
    }

    fn channels(&self) -> Vec<String> {
        let prefix = self.options.url.channel_prefix();
        self.options.channel.iter().map(|channel| format!("{prefix}{channel}")).collect()
    }

    fn canary(&self) -> String {
        format!("{}.{}", self.options.canary, self.instance.as_str())
    }

    fn name(&self, role: &str) -> String {
        format!("ssecast:{}:{role}", self.instance.as_str())
    }
}
