//! A subscriber of one channel that keeps what it gets, as an onlooker of what a server publishes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redis::{Client, RedisResult};

use super::{DEADLINE, admin, wait_until};

/// How often the thread looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(20);

/// See the top of this file.
pub(crate) struct Watcher {
    channel: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    messages: Mutex<Vec<Vec<u8>>>,
    /// The watcher is dropped.
    stopped: AtomicBool,
    /// The connection is gone.
    ended: AtomicBool,
}

impl Watcher {
    /// Subscribes; what is published after it returns is seen.
    pub(super) fn open(client: &Client, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let (ready, subscribed) = channel();
        let (client, watched, name) = (client.clone(), shared.clone(), name.to_owned());
        let channel = name.clone();
        let thread = std::thread::spawn(move || {
            if let Err(error) = watched.collect(&client, &name, &ready) {
                let _ = ready.send(Err(error));
            }
            watched.ended.store(true, Ordering::Release);
        });
        let watcher = Self { channel, shared, thread: Some(thread) };
        let answer = subscribed.recv_timeout(DEADLINE).expect("an answer to SUBSCRIBE");
        answer.unwrap_or_else(|error| panic!("SUBSCRIBE {}: {error}", watcher.channel));
        watcher
    }

    /// What it got so far.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.shared.lock().clone()
    }

    /// Waits until it has got that many; all that it got so far.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Vec<u8>> {
        let what = format!("{count} messages on {}", self.channel);
        wait_until(&what, DEADLINE, || {
            // In this order: what came before the end is there once the end is seen.
            let ended = self.has_ended();
            let got = self.shared.lock().len();
            assert!(got >= count || !ended, "the subscription ended after {got} of {what}");
            got >= count
        });
        self.messages()
    }

    /// Whether its connection is gone; it does not come back.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(&self, client: &Client, name: &str, ready: &Sender<RedisResult<()>>) -> RedisResult<()> {
        let mut connection = admin::connect(client, DEADLINE)?;
        let mut subscription = connection.as_pubsub();
        subscription.subscribe(name)?;
        subscription.set_read_timeout(Some(TICK))?;
        let _ = ready.send(Ok(()));
        while !self.stopped.load(Ordering::Acquire) {
            match subscription.get_message() {
                Ok(message) => self.lock().push(message.get_payload_bytes().to_vec()),
                Err(error) if error.is_timeout() => {}
                Err(_) => break,
            }
        }
        Ok(())
    }
}
