//! `GET /events` as a client meets it: frames, filters, resume, heartbeats, bounds.
//!
//! That something does *not* come is shown by what comes instead: the next event, published after it.

mod common;

#[path = "stream/cors.rs"]
mod cors;
#[path = "stream/filters.rs"]
mod filters;
#[path = "stream/frames.rs"]
mod frames;
#[path = "stream/gone.rs"]
mod gone;
#[path = "stream/head.rs"]
mod head;
#[path = "stream/heartbeats.rs"]
mod heartbeats;
#[path = "stream/resume.rs"]
mod resume;
#[path = "stream/shedding.rs"]
mod shedding;
#[path = "stream/slow.rs"]
mod slow;
#[path = "stream/tenants.rs"]
mod tenants;

use common::server::Setup;

/// An event of this type and these topics.
fn with_topics(event_type: &str, id: &str, topics: &[&str]) -> String {
    let topics = serde_json::to_string(topics).expect("strings");
    format!(r#"{{"eventType":"{event_type}","id":"{id}","payload":"{id}","topics":{topics}}}"#)
}

/// A server that closes a client that is so many bytes behind; an event may have half of that.
fn bounded(bytes: usize) -> Setup {
    let setup = Setup::new().flag("--stream-buffer-bytes", &bytes.to_string());
    setup.flag("--limits-event-bytes", &(bytes / 2).to_string())
}
