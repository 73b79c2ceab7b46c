//! Requests: from bytes of a socket to a checked head and a whole body.

use criterion::{Criterion, Throughput};
use ssecast::clock::Mono;
use ssecast::http::{Connection, Event, Response};
use ssecast::limits::Limits;

use crate::support::{Orders, measured};

/// What a browser sends when its EventSource reconnects.
const STREAM: &str = "GET /events?type=order-created&topic=customerId%2F42 HTTP/1.1\r\n\
    Host: events.shop.example\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36\r\n\
    Accept: text/event-stream\r\n\
    Origin: https://shop.example\r\n\
    Sec-Fetch-Site: same-site\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Referer: https://shop.example/orders\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Last-Event-ID: 5eedc0de-18231-0123456789abcdef\r\n\r\n";

pub(crate) fn bench(criterion: &mut Criterion) {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut group = criterion.benchmark_group("request");

    group.throughput(Throughput::Bytes(STREAM.len() as u64));
    group.bench_function("stream", |b| {
        b.iter(|| {
            measured(|| {
                let mut connection = Connection::new(now, &limits);
                connection.handle_input(STREAM.as_bytes(), now, &limits);
                let event = connection.poll_event(now, &limits);
                assert!(matches!(event, Some(Event::Head(_))), "{event:?}");
                (event, connection.into_stream())
            })
        });
    });

    let publish = publish(&Orders::new().envelopes(1)[0]);
    group.throughput(Throughput::Bytes(publish.len() as u64));
    let mut connection = Connection::new(now, &limits);
    group.bench_function("publish", |b| {
        b.iter(|| measured(|| exchange(&mut connection, publish.as_bytes(), now, &limits)));
    });
    group.finish();
}

fn publish(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /publish HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: orders/1.4\r\nAccept: */*\r\n\
        Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// One request of a connection that is kept, with its answer; gives back the body.
fn exchange(connection: &mut Connection, request: &[u8], now: Mono, limits: &Limits) -> Vec<u8> {
    connection.handle_input(request, now, limits);
    let head = connection.poll_event(now, limits);
    assert!(matches!(head, Some(Event::Head(_))), "{head:?}");
    connection.accept_body(now, limits);
    let Some(Event::Body(body)) = connection.poll_event(now, limits) else { panic!("the body is whole") };
    let answer = r#"{"accepted":1,"via":"local","lastId":"5eedc0de-18231-0123456789abcdef"}"#;
    connection.respond(Response::new(202).json(answer.to_owned()), now, limits);
    connection.handle_output_taken(connection.output().len(), now);
    body
}
