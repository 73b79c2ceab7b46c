//! A bounded channel from a thread to the loop, with one wake per batch.
//!
//! A sender that finds it full waits: whoever it reads from feels that, and nothing is dropped here. The
//! receiver never waits. Its wake is given at most once between two `receive`s, however much is sent.
//!
//! Invariant, shown by `tests/channel.rs` for every interleaving: after the last `send` there is a wake that
//! the receiver has not answered with a `receive`, or the receiver has everything.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Tells the receiver that there is something.
pub trait Wake: Send + Sync {
    /// Makes the loop look, now or later; cheap, and may be called by any thread.
    fn wake(&self);
}

/// The receiver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// How a batch was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// At once.
    AtOnce,
    /// The channel was full for a while.
    AfterWaiting,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    weight: usize,
    /// The receiver was woken and has not looked yet.
    is_woken: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    has_room: Condvar,
    capacity: usize,
}

impl<T> Shared<T> {
    /// A panic elsewhere leaves the state whole: nothing panics while it is half changed.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a thread; may be cloned.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    waker: Arc<dyn Wake>,
}

/// The end of the loop.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// A channel that holds items of `capacity` weight in all, and always one, whatever it weighs.
pub fn channel<T>(capacity: usize, waker: Arc<dyn Wake>) -> (Sender<T>, Receiver<T>) {
    let state = State { queue: VecDeque::new(), weight: 0, is_woken: false, is_closed: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), has_room: Condvar::new(), capacity });
    (Sender { shared: Arc::clone(&shared), waker }, Receiver { shared })
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), waker: Arc::clone(&self.waker) }
    }
}

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> Sender<T> {
    /// Sends all of `batch`, in order, waiting for room as often as it must.
    ///
    /// # Errors
    /// When the receiver is gone; what is left in `batch` was not sent.
    pub fn send(&self, batch: &mut Vec<T>, weight: impl Fn(&T) -> usize) -> Result<Sent, Closed> {
        let mut sent = Sent::AtOnce;
        let mut items = std::mem::take(batch).into_iter().peekable();
        while items.peek().is_some() {
            let mut state = self.shared.lock();
            while state.weight >= self.shared.capacity && !state.is_closed {
                sent = Sent::AfterWaiting;
                state = self.shared.has_room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_closed {
                batch.extend(items);
                return Err(Closed);
            }
            while state.weight < self.shared.capacity
                && let Some(item) = items.next()
            {
                state.weight += weight(&item);
                state.queue.push_back(item);
            }
            let wakes = !std::mem::replace(&mut state.is_woken, true);
            drop(state);
            if wakes {
                self.waker.wake();
            }
        }
        Ok(sent)
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed
    }
}

impl<T> Receiver<T> {
    /// Adds everything that is there to `out`.
    pub fn receive(&self, out: &mut VecDeque<T>) {
        let mut state = self.shared.lock();
        state.is_woken = false;
        state.weight = 0;
        if out.is_empty() {
            std::mem::swap(out, &mut state.queue);
        } else {
            out.append(&mut state.queue);
        }
        drop(state);
        self.shared.has_room.notify_all();
    }

    /// Items that are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        state.queue.clear();
        drop(state);
        self.shared.has_room.notify_all();
    }
}
