use proptest::prelude::*;

use super::*;

fn text(number: u64) -> Arc<str> {
    format!("{number:04}").into()
}

#[derive(Clone, Debug)]
enum Step {
    Push,
    Poll,
    Published(usize),
    Failed(usize),
    Replace(u64),
    Gone,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Push),
        8 => Just(Step::Poll),
        6 => (0_usize..8).prop_map(Step::Published),
        3 => (0_usize..8).prop_map(Step::Failed),
        2 => (0_u64..40).prop_map(Step::Replace),
        1 => Just(Step::Gone),
    ]
}

/// The naive spool: two lists that are kept in order.
#[derive(Default)]
struct Oracle {
    waiting: Vec<(u64, Arc<str>)>,
    with_publisher: Vec<(u64, Arc<str>)>,
    dropped: u64,
}

impl Oracle {
    fn bound(&mut self, events: usize, bytes: usize) {
        let size = |oracle: &Self| {
            let all = oracle.waiting.iter().chain(&oracle.with_publisher);
            (
                oracle.waiting.len() + oracle.with_publisher.len(),
                all.map(|(_, text)| text.len()).sum::<usize>(),
            )
        };
        self.waiting.sort();
        while !self.waiting.is_empty() && (size(self).0 > events || size(self).1 > bytes) {
            self.waiting.remove(0);
            self.dropped += 1;
        }
    }
}

proptest! {
    #[test]
    fn it_keeps_order_and_bounds(events in 1_usize..12, bytes in 8_usize..60, steps in prop::collection::vec(step(), 0..150)) {
        let mut spool = Spool::new(events, bytes);
        let mut oracle = Oracle::default();
        let mut tickets = 0;
        for step in steps {
            match step {
                Step::Push => {
                    prop_assert_eq!(spool.push(text(tickets), false), tickets);
                    oracle.waiting.push((tickets, text(tickets)));
                    tickets += 1;
                }
                Step::Poll => {
                    let expected = match oracle.waiting.first().cloned() {
                        Some(first) => {
                            oracle.waiting.remove(0);
                            oracle.with_publisher.push(first.clone());
                            Some(first.0)
                        }
                        None => None,
                    };
                    prop_assert_eq!(spool.poll(0).map(|message| message.ticket), expected);
                }
                Step::Published(at) if at < oracle.with_publisher.len() => {
                    let (ticket, _) = oracle.with_publisher.remove(at);
                    prop_assert!(spool.handle_published(ticket));
                    prop_assert!(!spool.handle_published(ticket), "once");
                }
                Step::Failed(at) if at < oracle.with_publisher.len() => {
                    let entry = oracle.with_publisher.remove(at);
                    prop_assert!(spool.handle_failed(entry.0, false));
                    oracle.waiting.push(entry);
                }
                Step::Replace(ticket) => {
                    let new: Arc<str> = "a longer text".into();
                    // What the publisher has changes when that is known; another test is about that.
                    if oracle.with_publisher.iter().all(|entry| entry.0 != ticket) {
                        let found = oracle.waiting.iter_mut().find(|entry| entry.0 == ticket);
                        prop_assert_eq!(spool.replace(ticket, &new), found.is_some());
                        if let Some(entry) = found { entry.1 = new; }
                    }
                }
                Step::Gone => {
                    spool.handle_publisher_gone();
                    oracle.waiting.append(&mut oracle.with_publisher);
                }
                Step::Published(_) | Step::Failed(_) => prop_assert!(!spool.handle_published(u64::MAX)),
            }
            oracle.bound(events, bytes);
            prop_assert_eq!(spool.dropped(), oracle.dropped);
            prop_assert_eq!(spool.len(), oracle.waiting.len() + oracle.with_publisher.len());
            prop_assert_eq!(spool.with_publisher(), oracle.with_publisher.len());
            prop_assert_eq!(spool.is_empty(), oracle.waiting.is_empty() && oracle.with_publisher.is_empty());
        }
    }
}

#[test]
fn the_publisher_has_a_bounded_part_of_it() {
    let mut spool = Spool::new(10_000, usize::MAX);
    for number in 0..2 * WITH_PUBLISHER as u64 {
        spool.push(text(number), false);
    }
    assert_eq!(std::iter::from_fn(|| spool.poll(0)).count(), WITH_PUBLISHER);
    assert_eq!(spool.len(), 2 * WITH_PUBLISHER);

    let mut spool = Spool::new(10_000, usize::MAX);
    let large: Arc<str> = "x".repeat(WITH_PUBLISHER_BYTES / 4).into();
    for _ in 0..8 {
        spool.push(Arc::clone(&large), false);
    }
    assert_eq!(std::iter::from_fn(|| spool.poll(0)).count(), 4);
}

#[test]
fn bounds_may_shrink() {
    let mut spool = Spool::new(100, 1_000);
    for number in 0..10 {
        spool.push(text(number), false);
    }
    assert_eq!(spool.poll(0).map(|message| message.ticket), Some(0));
    spool.set_bounds(3, 1_000);
    assert_eq!((spool.len(), spool.dropped()), (3, 7));
    assert_eq!(spool.poll(0).map(|message| message.ticket), Some(8));
}

#[test]
fn what_redis_may_have_is_marked_when_it_is_sent_again() {
    let envelope: Arc<str> = r#"{"a":1}"#.into();
    let again = stamp::mark_again(&envelope);
    let mut spool = Spool::new(100, 1_000);
    for _ in 0..3 {
        spool.push(Arc::clone(&envelope), false);
    }
    let sent = |spool: &mut Spool| spool.poll(0).expect("one waits").text.to_string();
    assert_eq!((sent(&mut spool), sent(&mut spool)), (envelope.to_string(), envelope.to_string()));
    assert!(spool.handle_failed(0, false) && spool.handle_failed(1, true));
    assert_eq!((sent(&mut spool), sent(&mut spool)), (envelope.to_string(), again.clone()));
    assert_eq!(sent(&mut spool), envelope.to_string());
    spool.handle_publisher_gone();
    assert_eq!(sent(&mut spool), again);
}

#[test]
fn a_text_that_changes_while_the_publisher_has_it_goes_out_instead_or_after() {
    let (old, new): (Arc<str>, Arc<str>) = (r#"{"a":1}"#.into(), r#"{"a":1,"b":2}"#.into());
    let mut spool = Spool::new(100, 1_000);
    let (failing, published) = (spool.push(Arc::clone(&old), false), spool.push(Arc::clone(&old), false));
    assert!(spool.poll(0).is_some() && spool.poll(0).is_some());
    assert!(spool.replace(failing, &new) && spool.replace(published, &new));
    assert!(spool.handle_failed(failing, false) && spool.handle_published(published));
    assert!(!spool.replace(published, &new), "it is gone");
    let sent: Vec<String> =
        std::iter::from_fn(|| spool.poll(0)).map(|message| message.text.to_string()).collect();
    assert_eq!(sent, [new.to_string(), stamp::mark_again(&new)]);
    assert_eq!(spool.bytes, new.len() * 2);
}
