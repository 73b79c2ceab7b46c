//! Events of a tenant, where no token says whose a client is.

use super::common::api::publish;
use super::common::events::tick;
use super::common::server::{Server, Setup};
use super::common::stream::{Stream, data_of};
use super::with_topics;

/// An event of one tenant.
fn with_tenant(tenant: &str, id: &str) -> String {
    format!(r#"{{"eventType":"secret","id":"{id}","payload":"{id}","tenant":"{tenant}"}}"#)
}

#[test]
fn an_event_of_a_tenant_reaches_nobody_else() {
    let server = Server::start();
    let mut live = Stream::open(&server);
    let mut asked = Stream::open_at(&server, "/events?tenant=acme");
    let mut filtered = Stream::open_at(&server, "/events?type=secret&type=after");
    let mut by_topic = Stream::open_at(&server, "/events?topic=t&topic=after");
    let first = publish(&server, &tick(0));
    publish(&server, &with_tenant("acme", "1"));
    let with_topic = r#"{"eventType":"secret","id":"1","payload":1,"tenant":"acme","topics":["t"]}"#;
    publish(&server, with_topic);
    publish(&server, &with_topics("after", "2", &["after"]));
    assert_eq!(live.next().event, "tick");
    assert_eq!(asked.next().event, "tick", "?tenant= does not count without auth.open_tenants");
    let mut resumed = Stream::resume(&server, &first);
    for stream in [&mut live, &mut asked, &mut filtered, &mut by_topic, &mut resumed] {
        assert_eq!(stream.next().event, "after");
    }
    let mut all = Stream::resume(&server, "earliest");
    assert_eq!([all.next().event, all.next().event], ["tick", "after"]);
}

#[test]
fn open_tenants_get_their_own_events_and_those_of_everyone() {
    let server = Setup::new().config("[auth]\nopen_tenants = true\n").start();
    let mut acme = Stream::open_at(&server, "/events?tenant=acme");
    let mut other = Stream::open_at(&server, "/events?tenant=other");
    let mut nobody = Stream::open(&server);
    for (n, tenant) in ["acme", "other", "acme", "acm", "acme2"].iter().enumerate() {
        publish(&server, &with_tenant(tenant, &n.to_string()));
    }
    publish(&server, &tick(9));
    assert_eq!(data_of(&acme.take(3)), ["\"0\"", "\"2\"", "{\"n\":9}"]);
    assert_eq!(data_of(&other.take(2)), ["\"1\"", "{\"n\":9}"]);
    assert_eq!(data_of(&nobody.take(1)), ["{\"n\":9}"]);
    let mut replayed = Stream::open_at(&server, "/events?tenant=acme&lastEventId=earliest&type=secret");
    assert_eq!(data_of(&replayed.take(2)), ["\"0\"", "\"2\""]);
}
