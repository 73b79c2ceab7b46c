//! A stream that is read by a thread of its own, and what came in it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::common::server::Server;
use super::common::sse::Item;
use super::common::stream::Stream;

/// How often the thread looks whether it is to stop.
const TICK: Duration = Duration::from_millis(50);

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The numbers of events, in their order.
    pub(crate) numbers: Vec<usize>,
    /// The numbers of events.
    pub(crate) seen: HashSet<usize>,
    /// When gaps were read, and their reasons.
    pub(crate) gaps: Vec<(Instant, String)>,
    /// Events that are no ticks, by their data.
    pub(crate) others: Vec<String>,
    /// The stream ended.
    pub(crate) has_ended: bool,
}

impl Record {
    /// When the last gap was read.
    pub(crate) fn last_gap(&self) -> Option<Instant> {
        self.gaps.last().map(|(at, _)| *at)
    }

    fn take(&mut self, item: Item) {
        let Item::Event(event) = item else { return };
        match event.event.as_str() {
            "ping" => {}
            "gap" => {
                let data: Value = serde_json::from_str(&event.data).expect("the data of a gap is JSON");
                self.gaps.push((Instant::now(), data["reason"].as_str().unwrap_or_default().to_owned()));
            }
            "tick" => {
                let data: Value = serde_json::from_str(&event.data).expect("a payload is JSON");
                let number = data["n"].as_u64().and_then(|n| usize::try_from(n).ok()).expect("a number");
                assert!(event.has_id, "an event has an id: {event:?}");
                assert!(self.seen.insert(number), "event {number} came twice, {} later", {
                    let first = self.numbers.iter().position(|n| *n == number);
                    self.numbers.len() - first.unwrap_or_default()
                });
                self.numbers.push(number);
            }
            _ => self.others.push(event.data),
        }
    }
}

/// See the top of this file.
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Opens a stream of everything and reads it until it is stopped.
    pub(crate) fn open(server: &Server, stop: Arc<AtomicBool>) -> Self {
        let mut stream = Stream::open(server);
        let record = Arc::new(Mutex::new(Record::default()));
        let shared = record.clone();
        let thread = spawn(move || {
            while !stop.load(Ordering::Acquire) {
                match stream.try_next_item(TICK) {
                    Ok(Some(item)) => lock(&shared).take(item),
                    Ok(None) => {
                        lock(&shared).has_ended = true;
                        return;
                    }
                    Err(_) => {}
                }
                stream.raw.clear();
            }
        });
        Self { record, thread }
    }

    /// What came so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        assert!(!self.record.is_poisoned(), "the stream's reader found something wrong, see above");
        look(&lock(&self.record))
    }

    /// All that came; to be asked after it was told to stop.
    pub(crate) fn end(self) -> Record {
        self.thread.join().expect("nothing came twice, and everything could be read");
        lock(&self.record).clone()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
