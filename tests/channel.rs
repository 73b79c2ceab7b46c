//! The channel between threads and the loop, in every interleaving (`loom`): no wake is lost, nothing is lost, and
//! nobody waits for ever.

use std::collections::VecDeque;

/// The primitives that loom goes through, in the place of those that the channel has in the server.
mod sync {
    pub(super) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
}

/// The channel's own source.
#[allow(dead_code, reason = "the tests use a part of it")]
#[allow(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../src/bus/channel.rs"]
mod channel;

mod wakes {
    use loom::sync::atomic::{AtomicUsize, Ordering};

    use super::channel::Wake;

    /// Counts wakes, as the poller's descriptor does.
    pub(super) struct Counter(AtomicUsize);

    impl Counter {
        pub(super) fn new() -> Self {
            Self(AtomicUsize::new(0))
        }

        /// Whether there was one since the last time.
        pub(super) fn take(&self) -> bool {
            self.0.swap(0, Ordering::AcqRel) > 0
        }
    }

    impl Wake for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Runs it in every order in which threads are preempted three times at most: nearly all errors need fewer
/// (Musuvathi and Qadeer, 2007), and more would take minutes.
fn explore(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(run);
}

/// The loop: it receives whenever it is woken, and only then. Ends when it has `wanted` items.
fn receive_when_woken(receiver: &channel::Receiver<u32>, wakes: &wakes::Counter, wanted: usize) -> Vec<u32> {
    let mut received = Vec::new();
    while received.len() < wanted {
        if wakes.take() {
            let mut batch = VecDeque::new();
            receiver.receive(&mut batch);
            received.extend(batch);
        } else {
            // If a wake were lost, loom would find that this goes on for ever.
            loom::thread::yield_now();
        }
    }
    received
}

#[test]
fn no_wake_is_lost_whatever_the_order() {
    explore(|| {
        let wakes = loom::sync::Arc::new(wakes::Counter::new());
        // loom's Arc takes no unsized values.
        let waker = WakeByReference(loom::sync::Arc::clone(&wakes));
        let (sender, receiver) = channel::channel(2, arc_of(waker));
        let other = sender.clone();
        let first = loom::thread::spawn(move || sender.send(&mut vec![1, 2], |_| 1).map(drop));
        let second = loom::thread::spawn(move || other.send(&mut vec![3], |_| 1).map(drop));
        let mut received = receive_when_woken(&receiver, &wakes, 3);
        assert_eq!(first.join().expect("no panic"), Ok(()));
        assert_eq!(second.join().expect("no panic"), Ok(()));
        received.retain(|&item| item != 3);
        assert_eq!(received, [1, 2], "in order, once each");
    });
}

#[test]
fn a_sender_that_waits_for_room_learns_that_the_receiver_is_gone() {
    explore(|| {
        let waker = WakeByReference(loom::sync::Arc::new(wakes::Counter::new()));
        let (sender, receiver) = channel::channel(1, arc_of(waker));
        let thread = loom::thread::spawn(move || {
            let mut batch = vec![1, 2, 3];
            (sender.send(&mut batch, |_| 1), batch.len())
        });
        drop(receiver);
        let (result, left) = thread.join().expect("no panic");
        assert_eq!(result, Err(channel::Closed));
        assert!(left >= 2, "one fits: {left}");
    });
}

struct WakeByReference(loom::sync::Arc<wakes::Counter>);

impl channel::Wake for WakeByReference {
    fn wake(&self) {
        self.0.wake();
    }
}

fn arc_of(waker: WakeByReference) -> loom::sync::Arc<dyn channel::Wake> {
    let waker: std::sync::Arc<dyn channel::Wake> = std::sync::Arc::new(waker);
    loom::sync::Arc::from_std(waker)
}
