//! The publisher: a thread that sends messages to Redis, as many at once as wait for it, and says of each what
//! became of it.
//!
//! Never tries a message again: that is the bus' to decide.
//!
//! Every batch ends with ROLE: a master that became a replica goes on to answer PUBLISH, and reaches nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use redis::{Value, cmd};

use super::connector::Connector;
use super::error::LinkError;
use super::greeting::check_role;
use super::link::Link;
use crate::bus::{Canary, Job, Report, Sender};

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

/// What became of a job.
type Done = Result<Option<Canary>, Failure>;

/// Why a job was not done.
#[derive(Clone, Debug)]
struct Failure {
    why: Arc<str>,
    /// It was sent, and nobody knows what became of it.
    may_be_there: bool,
}

impl Publisher {
    /// Works until nobody gives it jobs or takes its reports any more.
    pub(super) fn run(&self, jobs: &Receiver<Job>, reports: &Sender<Report>) {
        let mut link = None;
        while let Ok(first) = jobs.recv() {
            let batch: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCH_JOBS - 1)).collect();
            let worked = catch_unwind(AssertUnwindSafe(|| self.work(&mut link, &batch)));
            let done = worked.unwrap_or_else(|_| {
                log::error!("the publisher panicked; its connection is made anew");
                link = None;
                vec![Err(Failure { why: "the publisher panicked".into(), may_be_there: true }); batch.len()]
            });
            let mut batch: Vec<Report> =
                batch.iter().zip(done).map(|(job, done)| report(job, done)).collect();
            if reports.send(&mut batch, |_| 1).is_err() {
                return;
            }
        }
    }

    /// Does the jobs; gives back what became of each, in their order.
    fn work(&self, link: &mut Option<Link>, jobs: &[Job]) -> Vec<Done> {
        let open = match link {
            Some(open) => open,
            None => match self.connect() {
                Ok(new) => link.insert(new),
                Err(error) => {
                    let failure = Failure { why: error.to_string().into(), may_be_there: false };
                    return vec![Err(failure); jobs.len()];
                }
            },
        };
        let mut done = Vec::with_capacity(jobs.len());
        if let Err(error) = self.publish(open, jobs, &mut done) {
            *link = None;
            done.resize(jobs.len(), Err(Failure { why: error.to_string().into(), may_be_there: true }));
        }
        done
    }

    /// Sends all jobs and reads the answers, each of which is added to `done` once it counts.
    fn publish(&self, link: &mut Link, jobs: &[Job], done: &mut Vec<Done>) -> Result<(), LinkError> {
        let deadline = Instant::now() + self.timeout;
        let asks_role = link.role_is_known();
        let mut commands = Vec::new();
        for job in jobs {
            self.command(job).write_packed_command(&mut commands);
        }
        if asks_role {
            cmd("ROLE").write_packed_command(&mut commands);
        }
        link.set_timeout(self.timeout);
        link.send(&commands)?;
        let mut answers = Vec::with_capacity(jobs.len());
        let mut end = Ok(());
        while answers.len() < jobs.len() && end.is_ok() {
            end = reply(link, deadline).map(|answer| answers.push(answer));
        }
        if asks_role {
            // Before this nobody knows on what kind of server they were published.
            end?;
            check_role(&reply(link, deadline)?)?;
            end = Ok(());
        }
        done.extend(jobs.iter().zip(answers).map(|(job, answer)| outcome(job, answer)));
        end
    }

    fn connect(&self) -> Result<Link, LinkError> {
        let link = self.connector.connect(&self.name)?;
        log::debug!(server = link.peer(); "publisher connected to Redis");
        if !link.role_is_known() {
            log::warn!("Redis does not let us ask ROLE: a failover may go unnoticed; allow it with +role");
        }
        Ok(link)
    }

    fn command(&self, job: &Job) -> redis::Cmd {
        let mut publish = cmd("PUBLISH");
        match job {
            Job::Publish(message) => publish.arg(&self.channel).arg(&*message.text),
            Job::Probe { token } => publish.arg(&self.canary).arg(*token),
        };
        publish
    }
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

/// What an answer says about its job.
fn outcome(job: &Job, answer: Value) -> Done {
    match (job, answer) {
        (Job::Publish(_), Value::Int(_)) => Ok(None),
        (Job::Probe { .. }, Value::Int(_)) => Ok(Some(Canary::Sent)),
        (Job::Probe { .. }, Value::ServerError(error)) if error.code() == "NOPERM" => {
            Ok(Some(Canary::Refused))
        }
        (_, Value::ServerError(error)) => {
            Err(Failure { why: LinkError::from(&error).to_string().into(), may_be_there: false })
        }
        (_, _) => Err(Failure { why: "an answer to PUBLISH that is no number".into(), may_be_there: true }),
    }
}

fn report(job: &Job, done: Done) -> Report {
    match job {
        Job::Publish(message) => match done {
            Ok(_) => Report::Published { ticket: message.ticket },
            Err(Failure { why, may_be_there }) => {
                Report::Failed { ticket: message.ticket, may_be_there, why }
            }
        },
        Job::Probe { token } => Report::Probed {
            token: *token,
            result: done.map(|canary| canary.unwrap_or(Canary::Sent)).map_err(|failure| failure.why),
        },
    }
}
