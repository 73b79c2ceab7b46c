//! The publisher: a thread that sends messages to Redis, as many at once as wait for it, and says of each what
//! became of it.
//!
//! Never tries a message again: that is the bus' to decide. After a failure it gives messages back until a probe
//! got through, so that none overtakes one that failed.
//!
//! Every batch ends with ROLE: a master that became a replica goes on to answer PUBLISH, and reaches nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use redis::{Value, cmd};

use super::connector::Connector;
use super::error::LinkError;
use super::greeting::check_role;
use super::link::Link;
use crate::bus::{Failure, Job, Probed, Report, Sender};

/// Jobs done in one go.
const BATCH_JOBS: usize = 512;

/// What a publisher needs.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    pub(super) connector: Connector,
    /// What the connection is called in Redis.
    pub(super) name: String,
    /// Where messages are published.
    pub(super) channel: String,
    /// Where canaries are published.
    pub(super) canary: String,
    pub(super) timeout: Duration,
}

/// The connection.
enum Connection {
    /// There was none yet.
    Untried,
    Open(Link),
    /// It broke, or could not be made, with jobs up to this epoch: what was given away before the bus knew of that
    /// is given back, so that nothing overtakes what failed.
    Lost {
        epoch: u64,
    },
}

/// What became of a job.
type Done = Result<Option<Probed>, Failure>;

impl Publisher {
    /// Works until nobody gives it jobs or takes its reports any more.
    pub(super) fn run(&self, jobs: &Receiver<Job>, reports: &Sender<Report>) {
        let mut link = Connection::Untried;
        while let Ok(first) = jobs.recv() {
            let batch: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCH_JOBS - 1)).collect();
            let worked = catch_unwind(AssertUnwindSafe(|| self.work(&mut link, &batch)));
            let done = worked.unwrap_or_else(|_| {
                log::error!("the publisher panicked; its connection is made anew");
                link = Connection::Lost { epoch: last_epoch(&batch) };
                vec![Err(failure("the publisher panicked", true)); batch.len()]
            });
            let mut batch: Vec<Report> =
                batch.iter().zip(done).map(|(job, done)| report(job, done)).collect();
            if reports.send(&mut batch, |_| 1).is_err() {
                return;
            }
        }
    }

    /// Does the jobs; gives back what became of each, in their order.
    fn work(&self, connection: &mut Connection, jobs: &[Job]) -> Vec<Done> {
        let mut done = vec![None; jobs.len()];
        let from = match connection {
            // Epochs never go down.
            Connection::Lost { epoch } => jobs.partition_point(|job| job.epoch() <= *epoch),
            Connection::Untried | Connection::Open(_) => 0,
        };
        done[..from].fill(Some(Err(failure("the connection was lost", false))));
        let failure = match self.attempt(connection, &jobs[from..], &mut done[from..]) {
            Ok(()) => failure("no answer", true),
            Err(failure) => {
                *connection = Connection::Lost { epoch: last_epoch(jobs) };
                failure
            }
        };
        done.into_iter().map(|done| done.unwrap_or_else(|| Err(failure.clone()))).collect()
    }

    /// Does the jobs, over a new connection if there is none; says in `done`, at the place of each, what became of
    /// it, as far as that is known.
    fn attempt(
        &self,
        connection: &mut Connection,
        jobs: &[Job],
        done: &mut [Option<Done>],
    ) -> Result<(), Failure> {
        if jobs.is_empty() {
            return Ok(());
        }
        let link = match connection {
            Connection::Open(link) => link,
            Connection::Untried | Connection::Lost { .. } => {
                *connection = Connection::Open(self.connect().map_err(|error| of_link(&error, false))?);
                let Connection::Open(link) = connection else { return Ok(()) };
                link
            }
        };
        self.work_over(link, jobs, done).map_err(|error| of_link(&error, true))
    }

    /// Does the jobs over a connection, which is of no more use after an error; says in `done`, at the place of
    /// each, what became of it, as far as that is known.
    fn work_over(&self, link: &mut Link, jobs: &[Job], done: &mut [Option<Done>]) -> Result<(), LinkError> {
        self.publish(link, jobs, done)?;
        for (job, done) in jobs.iter().zip(done) {
            if let Job::Probe { token, .. } = job {
                *done = Some(self.probe(link, *token).map(|said| Ok(Some(said))).or_else(refused)?);
            }
        }
        Ok(())
    }

    /// Publishes all messages among the jobs at once, and reads the answers.
    fn publish(&self, link: &mut Link, jobs: &[Job], done: &mut [Option<Done>]) -> Result<(), LinkError> {
        let mut commands = Vec::new();
        let mut messages = Vec::with_capacity(jobs.len());
        for (job, done) in jobs.iter().zip(done) {
            if let Job::Publish(message) = job {
                cmd("PUBLISH").arg(&self.channel).arg(&*message.text).write_packed_command(&mut commands);
                messages.push(done);
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        let asks_role = link.role_is_known();
        if asks_role {
            cmd("ROLE").write_packed_command(&mut commands);
        }
        link.set_timeout(self.timeout);
        link.send(&commands)?;
        if !asks_role {
            for done in messages {
                *done = Some(outcome(reply(link, deadline)?));
            }
            return Ok(());
        }
        // Before the last answer nobody knows on what kind of server they were published.
        let answers: Vec<Value> = messages.iter().map(|_| reply(link, deadline)).collect::<Result<_, _>>()?;
        check_role(&reply(link, deadline)?)?;
        for (done, answer) in messages.into_iter().zip(answers) {
            *done = Some(outcome(answer));
        }
        Ok(())
    }

    /// Sees whether Redis is there, and what it says.
    fn probe(&self, link: &mut Link, token: u64) -> Result<Probed, LinkError> {
        self.connector.check_master(link, self.timeout)?;
        let canary = link.request(cmd("PUBLISH").arg(&self.canary).arg(token), self.timeout);
        let has_canary = match canary {
            // The canary's channel, and not the command: its text names one or the other.
            Err(LinkError::Refused { code, detail }) if code == "NOPERM" && detail.contains("channel") => {
                false
            }
            canary => canary.map(|_| true)?,
        };
        if link.role_is_known() {
            check_role(&link.request(&cmd("ROLE"), self.timeout)?)?;
        }
        let subscribers = link.request(cmd("PUBSUB").arg("NUMSUB").arg(&self.channel), self.timeout);
        let subscribers = match allowed(subscribers)? {
            Some(Value::Array(parts)) => match parts.last() {
                Some(&Value::Int(count)) => u64::try_from(count).ok(),
                _ => None,
            },
            _ => None,
        };
        Ok(Probed { has_canary, subscribers })
    }

    fn connect(&self) -> Result<Link, LinkError> {
        let link = self.connector.connect(&self.name)?;
        log::debug!(server = link.peer(); "publisher connected to Redis");
        if !link.role_is_known() {
            log::warn!("Redis does not let us ask ROLE: a failover may go unnoticed; allow it with +role");
        }
        Ok(link)
    }
}

/// An answer; `None` where we may not ask.
fn allowed(answer: Result<Value, LinkError>) -> Result<Option<Value>, LinkError> {
    match answer {
        Err(LinkError::Refused { code, .. }) if code == "NOPERM" => Ok(None),
        answer => answer.map(Some),
    }
}

/// An error that Redis answered is one of the job; any other one is of the connection.
fn refused(error: LinkError) -> Result<Done, LinkError> {
    match error {
        LinkError::Refused { .. } => Ok(Err(of_link(&error, false))),
        error => Err(error),
    }
}

fn last_epoch(jobs: &[Job]) -> u64 {
    jobs.last().map_or(0, Job::epoch)
}

/// The next answer.
fn reply(link: &mut Link, deadline: Instant) -> Result<Value, LinkError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(LinkError::TimedOut("publishing"));
        }
        link.set_timeout(left);
        match link.receive(&mut || {})? {
            // Nobody asked for those.
            Some(Value::Push { .. }) | None => {}
            Some(value) => return Ok(value),
        }
    }
}

/// What an answer to PUBLISH says.
fn outcome(answer: Value) -> Done {
    match answer {
        Value::Int(_) => Ok(None),
        Value::ServerError(error) => Err(of_link(&LinkError::from(&error), false)),
        _ => Err(failure("an answer to PUBLISH that is no number", true)),
    }
}

fn failure(why: &str, may_be_there: bool) -> Failure {
    Failure { why: why.into(), may_be_there, is_not_master: false }
}

fn of_link(error: &LinkError, may_be_there: bool) -> Failure {
    let is_not_master = matches!(error, LinkError::NotMaster(_));
    Failure { why: error.to_string().into(), may_be_there, is_not_master }
}

fn report(job: &Job, done: Done) -> Report {
    match job {
        Job::Publish(message) => match done {
            Ok(_) => Report::Published { ticket: message.ticket },
            Err(failure) => Report::Failed { ticket: message.ticket, failure },
        },
        Job::Probe { token, .. } => {
            let probed = Probed { has_canary: true, subscribers: None };
            let result = done.map(|said| said.unwrap_or(probed));
            Report::Probed { token: *token, result }
        }
    }
}
