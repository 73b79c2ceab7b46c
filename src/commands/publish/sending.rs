//! The way from the input to the server: collect a batch, send it, until the input ends or something is wrong.
//!
//! At every end it says how many events the server has, and how to go on behind them.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::super::stop::{Stop, Why, die};
use super::super::{EXIT_FAILURE, EXIT_REFUSED, fail, print, say};
use super::input::{Fed, Input};
use super::progress::Progress;
use crate::client::Error;
use crate::client::batch::{Batch, Bounds};
use crate::client::error::Status;
use crate::client::pace::Pace;
use crate::client::publisher::{Outcome, Publisher};
use crate::client::records::{self, Layout, Record, Records};

/// How long an envelope waits for others to come along.
const LINGER: Duration = Duration::from_millis(50);
/// How often the line on a terminal is written anew.
const REFRESH: Duration = Duration::from_millis(200);

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Of one request.
    pub(super) bounds: Bounds,
    /// Bytes of one envelope.
    pub(super) event_bytes: usize,
    /// Events a second.
    pub(super) rate: Option<u64>,
    /// Envelopes that are left out at the start.
    pub(super) skip: u64,
    /// Bytes of the input, where that is known.
    pub(super) total_bytes: Option<u64>,
    /// Neither progress nor a summary.
    pub(super) quiet: bool,
}

/// See the top of this file.
pub(super) struct Sending {
    publisher: Publisher,
    input: Input,
    stop: Stop,
    plan: Plan,
    records: Records,
    /// Cut off and not yet in a batch.
    pending: VecDeque<Record>,
    /// Envelopes still to be left out.
    to_skip: u64,
    /// Why no more input comes, once that is so.
    input_end: Option<End>,
    pace: Pace,
    progress: Progress,
    start: Instant,
    display: Display,
}

/// Why it is over.
enum End {
    /// All of the input is sent.
    Done,
    /// The input cannot be cut into envelopes.
    Malformed(records::Error),
    /// The input cannot be read.
    Unreadable(io::Error),
    /// The server refused a batch: these lines.
    Refused(Status, Vec<u64>),
    /// The server did not get a batch.
    GivenUp(Error),
    /// The server may have a batch, these lines.
    Unknown(Error, Vec<u64>),
    /// It was to end.
    Stopped(Why),
}

/// The line on the terminal.
enum Display {
    Off,
    On { written_at: Option<Instant> },
}

impl Sending {
    pub(super) fn new(publisher: Publisher, input: Input, stop: Stop, plan: Plan) -> Self {
        let mut plan = plan;
        let pace = Pace::new(plan.rate);
        plan.bounds.events = pace.batch_events(plan.bounds.events);
        let is_shown = !plan.quiet && io::stderr().is_terminal();
        Self {
            records: Records::new(plan.event_bytes),
            pending: VecDeque::new(),
            to_skip: plan.skip,
            input_end: None,
            pace,
            progress: Progress { total_bytes: plan.total_bytes, ..Progress::default() },
            start: Instant::now(),
            display: if is_shown { Display::On { written_at: None } } else { Display::Off },
            publisher,
            input,
            stop,
            plan,
        }
    }

    /// Sends all of the input.
    pub(super) fn run(mut self) -> ExitCode {
        let end = loop {
            match self.collect().and_then(|batch| self.send(batch)) {
                Ok(()) => self.display.show(&self.progress, self.start.elapsed()),
                Err(end) => break end,
            }
        };
        self.display.clear();
        self.tell(end)
    }

    /// As many envelopes as fit, or as come within a short time.
    fn collect(&mut self) -> Result<Batch, End> {
        let mut batch: Option<(Batch, Instant)> = None;
        loop {
            if let Some(why) = self.stop.why() {
                return Err(End::Stopped(why));
            }
            while let Some(record) = self.pending.pop_front() {
                let layout = self.records.layout().unwrap_or(Layout::Lines);
                let (begun, _) = batch.get_or_insert_with(|| (Batch::new(layout), Instant::now()));
                if !begun.has_room(&record, self.plan.bounds) {
                    self.pending.push_front(record);
                    break;
                }
                begun.add(&record);
            }
            if let Some((full, _)) = batch.take_if(|(begun, _)| {
                !self.pending.is_empty() || begun.len() >= self.plan.bounds.events || self.input_end.is_some()
            }) {
                return Ok(full);
            }
            if let Some(end) = self.input_end.take() {
                return Err(end);
            }
            let time = batch.as_ref().map(|(_, since)| LINGER.saturating_sub(since.elapsed()));
            match self.input.next(time) {
                Fed::Bytes(bytes) => self.take(&bytes),
                Fed::Nothing => {
                    if let Some((late, _)) = batch.take() {
                        return Ok(late);
                    }
                }
                Fed::End => {
                    let mut out = Vec::new();
                    let finished = self.records.finish(&mut out);
                    self.queue(out);
                    self.input_end = Some(finished.map_or_else(End::Malformed, |()| End::Done));
                }
                Fed::Failed(error) => self.input_end = Some(End::Unreadable(error)),
                Fed::Woken => {}
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut out = Vec::new();
        if let Err(error) = self.records.push(bytes, &mut out) {
            self.input_end = Some(End::Malformed(error));
        }
        self.progress.bytes += bytes.len() as u64;
        self.queue(out);
    }

    fn queue(&mut self, out: Vec<Record>) {
        let skipped = usize::try_from(self.to_skip).unwrap_or(usize::MAX).min(out.len());
        self.to_skip -= skipped as u64;
        self.pending.extend(out.into_iter().skip(skipped));
    }

    fn send(&mut self, batch: Batch) -> Result<(), End> {
        let pause = self.pace.wait(self.start.elapsed());
        if let Some(why) = self.stop.wait(pause) {
            return Err(End::Stopped(why));
        }
        self.pace.handle_sent(batch.len(), self.start.elapsed());
        let content_type = batch.content_type();
        let (body, lines) = batch.into_parts();
        let (stop, quiet, display) = (&self.stop, self.plan.quiet, &mut self.display);
        let outcome = self.publisher.send(content_type, &body, |pause, error| {
            display.clear();
            if !quiet {
                say(&format!("{error}; again in {:.1} s", pause.as_secs_f64()));
            }
            stop.wait(pause).is_none()
        });
        match outcome {
            Outcome::Accepted(receipt) => {
                self.progress.accepted += lines.len() as u64;
                self.progress.batches += 1;
                if receipt.via == "fallback" {
                    self.progress.fallback += receipt.accepted;
                }
                self.progress.last_id = receipt.last_id;
                Ok(())
            }
            Outcome::Refused(status) => Err(End::Refused(status, lines)),
            Outcome::GivenUp(error) => Err(End::GivenUp(error)),
            Outcome::Unknown(error) => Err(End::Unknown(error, lines)),
            Outcome::Stopped => Err(End::Stopped(self.stop.why().unwrap_or(Why::OutputGone))),
        }
    }

    fn tell(&self, end: End) -> ExitCode {
        let address = self.publisher.client().address();
        match end {
            End::Done => self.summary(),
            End::Malformed(error) => {
                let code = fail(&format!("line {}: {}", error.line, error.kind), EXIT_REFUSED);
                self.tell_accepted();
                code
            }
            End::Unreadable(error) => {
                let code = fail(&format!("the input cannot be read: {error}"), EXIT_FAILURE);
                self.tell_accepted();
                code
            }
            End::Refused(status, lines) => self.tell_refused(status, &lines),
            End::GivenUp(error) => {
                let code = fail(&format!("{address}: {error}"), EXIT_FAILURE);
                self.tell_advice(&error);
                self.tell_accepted();
                code
            }
            End::Unknown(error, lines) => {
                let code = fail(&format!("{address}: {error}"), EXIT_FAILURE);
                say(&format!(
                    "  {} may have been accepted or not. To send them again: --skip {}; to leave them out: --skip {}. \
                     With --at-least-once they would have been sent again",
                    shown_lines(&lines),
                    self.done(),
                    self.done() + lines.len() as u64,
                ));
                code
            }
            End::Stopped(why) => {
                say("stopped");
                self.tell_accepted();
                die(why)
            }
        }
    }

    fn summary(&self) -> ExitCode {
        if self.plan.quiet {
            return ExitCode::SUCCESS;
        }
        print(&format!("{}\n", self.progress.summary(self.start.elapsed())))
    }

    fn tell_refused(&self, status: Status, lines: &[u64]) -> ExitCode {
        let line = status.index.and_then(|index| lines.get(index).copied());
        let is_about_events = matches!(status.code, 400 | 413 | 422);
        let code = if is_about_events { EXIT_REFUSED } else { EXIT_FAILURE };
        let is_too_large = status.code == 413 && line.is_none();
        let error = Error::Status(status);
        match line {
            Some(line) => fail(&format!("line {line}: {error}"), code),
            None => fail(&format!("{}: {error}", self.publisher.client().address()), code),
        };
        if is_too_large {
            say("  the server takes less in one request: try a smaller --batch-bytes");
        }
        if lines.len() > 1 && is_about_events {
            say(&format!("  none of {} was accepted", shown_lines(lines)));
        }
        self.tell_advice(&error);
        self.tell_accepted();
        ExitCode::from(code)
    }

    fn tell_advice(&self, error: &Error) {
        if let Some(advice) = error.advice(self.publisher.client().address()) {
            say(&format!("  {advice}"));
        }
    }

    /// How many the server has, and how to go on.
    fn tell_accepted(&self) {
        if self.progress.accepted > 0 {
            let Self { progress, .. } = self;
            say(&format!(
                "  {}; to go on behind them: --skip {}",
                progress.summary(self.start.elapsed()),
                self.done()
            ));
        }
    }

    /// Envelopes of the input that are done with.
    const fn done(&self) -> u64 {
        self.plan.skip + self.progress.accepted
    }
}

fn shown_lines(lines: &[u64]) -> String {
    match lines {
        [first, .., last] => format!("the {} events of lines {first} to {last}", lines.len()),
        [line] => format!("the event of line {line}"),
        [] => "nothing".to_owned(),
    }
}

impl Display {
    /// Writes the line, if it was not written a moment ago.
    fn show(&mut self, progress: &Progress, elapsed: Duration) {
        let Self::On { written_at } = self else { return };
        if written_at.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        *written_at = Some(Instant::now());
        let _ = write!(io::stderr(), "\r\u{1b}[K{}", progress.line(elapsed));
    }

    /// Takes the line away.
    fn clear(&mut self) {
        if let Self::On { written_at: written_at @ Some(_) } = self {
            *written_at = None;
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
