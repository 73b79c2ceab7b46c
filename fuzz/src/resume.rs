//! Resuming: any id that a client may send leads to the place that the contract says (section 3), and a client
//! lacks nothing that it is not told of.
//!
//! Input: a byte that chooses how the id is sent (its two last bits), which parts of it are those of an event that
//! is or was kept (the next three) and whether the client has a filter (the next one); a byte that chooses the
//! event; then text, which gives the other parts, or all of it.

use std::cell::RefCell;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use ssecast::hub::{Filter, Subscription};
use ssecast::id::EventId;
use ssecast::intake::{BatchFormat, DataStyle};
use ssecast::limits::{Limits, RESUME_ID_BYTES};

use crate::stream::Event;
use crate::talk::{Step, Talk};
use crate::world::{INSTANCE, World, events};

const PUBLISHED: usize = 12;
const KEPT: usize = 8;

/// A hub with a history, and all of the ids that it ever gave.
struct Past {
    world: World,
    /// Every event ever published.
    all: Vec<Event>,
}

thread_local! {
    static PAST: RefCell<Past> = RefCell::new(Past::new());
}

impl Past {
    fn new() -> Self {
        let mut world = World::new(KEPT, DataStyle::Payload);
        let mut all = Vec::new();
        for n in 0..PUBLISHED {
            let name = if n % 2 == 0 { "even" } else { "odd" };
            let envelope =
                format!(r#"{{"eventType":"{name}","id":"{n}","payload":{n},"ts":"2026-01-31T12:00:00Z"}}"#);
            world.publish(envelope.as_bytes(), BatchFormat::Json).expect("a valid envelope");
            all.push(world.history().pop().expect("it is kept"));
        }
        Self { world, all }
    }
}

/// Resumes at what the input says.
pub fn run(data: &[u8]) {
    let Some((&[flags, which], text)) = data.split_first_chunk() else { return };
    PAST.with_borrow_mut(|past| {
        let sent = compose(flags >> 2, &past.all[usize::from(which) % PUBLISHED].id, text);
        let Some(resume) = carry(flags & 3, &sent) else { return };
        let types = if flags & 32 == 0 { vec![] } else { vec!["even".into()] };
        let filter = Filter { types, ..Filter::default() };
        let filtered = !filter.types.is_empty();
        let stream = past.world.follow(Subscription {
            resume: Some(resume.clone()),
            filter,
            ..Subscription::default()
        });
        check(&past.all, &resume, filtered, &events(&stream));
    });
}

/// The id: parts of a real one where the bits of `real` say so, parts of the text elsewhere.
fn compose(real: u8, id: &str, text: &[u8]) -> Vec<u8> {
    if real & 7 == 0 {
        return text.to_vec();
    }
    let mut texts = text.splitn(3, |&b| b == b'-');
    let parts = id.split('-').enumerate().map(|(place, part)| {
        if real >> place & 1 == 1 { part.as_bytes() } else { texts.next().unwrap_or_default() }
    });
    parts.collect::<Vec<_>>().join(&b'-')
}

/// The id as it arrives; `None` where the request is refused.
fn carry(way: u8, id: &[u8]) -> Option<String> {
    let request = match way {
        0 => [b"GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: ", id, b"\r\n\r\n"].concat(),
        1 => {
            let id = percent_encode(id, NON_ALPHANUMERIC);
            format!("GET /events?lastEventId={id} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
        }
        _ => return Some(String::from_utf8_lossy(id).into_owned()),
    };
    let talk = Talk::of(&request, [], &Limits::default());
    let Some(Step::Head(request)) = talk.steps.first() else { return None };
    match way {
        // A header that is no text is an id that nobody knows.
        0 => Some(request.header("last-event-id").unwrap_or("\u{fffd}").to_owned()),
        _ => request.target.query("lastEventId").map(str::to_owned),
    }
}

/// What the contract promises to whoever sends this id.
fn check(all: &[Event], resume: &str, filtered: bool, got: &[Event]) {
    let kept = &all[PUBLISHED - KEPT..];
    let (reason, expected): (Option<&str>, &[Event]) = if resume.is_empty() {
        (None, &[])
    } else if resume == "earliest" {
        (None, kept)
    } else {
        place(all, resume)
    };
    let (gap, got) = match got.split_first() {
        Some((gap, rest)) if gap.event == "gap" => (Some(gap), rest),
        _ => (None, got),
    };
    let data = gap.map(|gap| serde_json::from_str::<serde_json::Value>(&gap.data).expect("JSON"));
    assert_eq!(data.as_ref().and_then(|data| data["reason"].as_str()), reason, "after {resume:?}");
    if let Some(data) = data {
        let requested = data["requested"].as_str().unwrap_or_default();
        assert!(resume.starts_with(requested) && requested.len() <= RESUME_ID_BYTES, "{requested:?}");
        assert!(requested == resume || requested.len() + 4 > RESUME_ID_BYTES, "cut too short: {requested:?}");
    }
    let seen = |event: &&Event| !filtered || event.event == "even";
    let ids = |events: &[Event]| events.iter().filter(seen).map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(
        got.iter().map(|event| event.id.clone()).collect::<Vec<_>>(),
        ids(expected),
        "after {resume:?}"
    );
}

/// The table of the contract, line by line.
fn place<'a>(all: &'a [Event], resume: &str) -> (Option<&'static str>, &'a [Event]) {
    let first_kept = PUBLISHED - KEPT;
    let kept = &all[first_kept..];
    if resume.len() > RESUME_ID_BYTES {
        return (Some("unknown-id"), kept);
    }
    // The last one that is no longer kept is known, too: nothing after it is missing.
    if let Some(at) = (first_kept - 1..PUBLISHED).find(|&at| all[at].id == resume) {
        return (None, &all[at + 1..]);
    }
    let Some(id) = EventId::parse(resume) else { return (Some("unknown-id"), kept) };
    let fingerprint = |event: &Event| event.id.rsplit('-').next().map(str::to_owned);
    let wanted = resume.rsplit('-').next().map(str::to_owned);
    if let Some(at) = (first_kept..PUBLISHED).find(|&at| fingerprint(&all[at]) == wanted) {
        return (None, &all[at + 1..]);
    }
    // The numbers begin with 1.
    let is_ours = id.instance == INSTANCE && id.seq < first_kept as u64;
    (Some(if is_ours { "expired" } else { "unknown-id" }), kept)
}
