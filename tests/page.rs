//! The live page in a headless Chromium: what a person sees, presses and hears of it.
//!
//! `scripts/test` installs Chromium, puppeteer and axe-core; `SSECAST_SKIP_CLIENTS=1` leaves them out and says so.

mod common;
#[path = "page/middlebox.rs"]
mod middlebox;

use serde_json::{Value, json};

use common::api::{publish, publish_lines};
use common::browser::{Browser, VIEWS, View};
use common::events::{order_changed, order_created, ticks};
use common::http::{get, request};
use common::installed::skipped;
use common::port::Port;
use common::proxy::FaultProxy;
use common::server::{Server, Setup};
use common::{DEADLINE, wait_until};
use middlebox::{Manner, Middlebox};

/// The events on the list, newest first, as `[type, latency, trace]`.
const ROWS: &str = "[...document.querySelectorAll('#list .event:not([hidden])')].map((row) => \
                    ['.type', '.latency', '.trace'].map((part) => row.querySelector(part).textContent))";
/// The marks on the list, newest first.
const MARKS: &str = "[...document.querySelectorAll('#list .mark span')].map((mark) => mark.textContent)";
/// A token that may do everything.
const TOKEN: &str = "a-token-of-this-test-7f3c9a";
const STATE: &str = "document.getElementById('connection').dataset";

fn rows(browser: &mut Browser) -> Vec<[String; 3]> {
    serde_json::from_value(browser.eval(ROWS)).expect("texts")
}

fn marks(browser: &mut Browser) -> Vec<String> {
    serde_json::from_value(browser.eval(MARKS)).expect("texts")
}

/// Waits until so many events are on the list, and all is known of them that will be.
fn wait_for_rows(browser: &mut Browser, count: usize) {
    browser.wait_for(&format!("{count} events"), &format!("({ROWS}).length === {count}"));
    browser.wait_for("their latencies", &format!("({ROWS}).every(([, latency]) => latency !== '·')"));
}

/// Whether a latency is one, as people say it.
fn is_latency(text: &str) -> bool {
    let (number, unit) = text.split_once(' ').unwrap_or_default();
    number.trim_start_matches('<').parse::<f64>().is_ok() && matches!(unit, "ms" | "s")
}

/// The titles of what the diagnosis found, each with how good that is.
fn diagnose(browser: &mut Browser) -> Vec<[String; 2]> {
    browser.eval("document.getElementById('diagnose').click()");
    browser.wait_for("findings", "document.querySelector('#findings [data-level]')");
    let findings = "[...document.querySelectorAll('#findings .finding')].map((finding) => \
                    [finding.dataset.level, finding.querySelector('strong').textContent])";
    serde_json::from_value(browser.eval(findings)).expect("texts")
}

/// Diagnoses until what is found is `expected`: on a busy machine the way is uneven now and then.
fn diagnose_until(browser: &mut Browser, expected: impl Fn(&[[String; 2]]) -> bool) {
    let mut found = Vec::new();
    for _ in 0..5 {
        found = diagnose(browser);
        if expected(&found) {
            return;
        }
    }
    panic!("found {found:?}");
}

#[test]
fn the_files_are_kept_and_asked_for_anew() {
    let server = Server::start();
    let index = get(server.addr(), "/");
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = index.text();
    let named = text.split('"').filter(|part| part.starts_with("/page/"));
    let files: std::collections::BTreeSet<&str> = named.collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files.iter().copied().chain(["/"]) {
        let answer = get(server.addr(), file);
        let policy = answer.header("content-security-policy").expect("a policy").to_owned();
        assert_eq!(answer.status, 200, "{file}");
        assert!(!policy.contains("unsafe") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        let again =
            request(server.addr(), "GET", file, &[("If-None-Match", &tag), ("Connection", "close")], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{file}");
        assert_eq!(again.header("etag"), Some(&*tag), "{file}");
        let other = request(
            server.addr(),
            "GET",
            file,
            &[("If-None-Match", "\"other\""), ("Connection", "close")],
            b"",
        );
        assert_eq!(other.body, answer.body, "{file}");
        let head = request(server.addr(), "HEAD", file, &[("Connection", "close")], b"");
        assert_eq!((head.status, head.header("etag")), (200, Some(&*tag)), "{file}");
    }
    for nothing in
        ["/page", "/page/", "/page/index.html", "/page/mod.rs", "/page/../page/page.js", "/index.html"]
    {
        assert_eq!(get(server.addr(), nothing).status, 404, "{nothing}");
    }
}

#[test]
fn an_event_appears_with_its_type_latency_and_trace_and_filters_work() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    assert!(browser.text("#empty").contains("Quiet so far"));

    browser.click("#publish-first");
    wait_for_rows(&mut browser, 1);
    let [kind, latency, trace] = rows(&mut browser).remove(0);
    assert_eq!(kind, "order-created");
    assert!(is_latency(&latency), "{latency}");
    assert_eq!(trace.len(), 32, "{trace}");
    let answer = browser.text("#answer");
    assert!(answer.starts_with("202: accepted 1 via local, "), "{answer}");

    browser.click("#list summary");
    browser.wait_for("the details", "document.querySelector('#list pre')");
    let (facts, data) = (browser.text("#list .details dl"), browser.text("#list pre"));
    assert!(facts.contains(&trace) && facts.contains("Published") && facts.contains("Entity"), "{facts}");
    assert!(
        data.starts_with("{\n  \"orderId\": \"") && data.ends_with("\",\n  \"status\": \"Pending\"\n}"),
        "{data}"
    );

    // The next sample is another order; a status may be changed as well.
    browser.eval("document.getElementById('sample').value = 'changed'");
    browser.eval("document.getElementById('sample').dispatchEvent(new Event('change'))");
    browser.click("#publish");
    wait_for_rows(&mut browser, 2);
    assert_eq!(rows(&mut browser)[0][0], "order-status-changed");

    browser.type_into("#filter-type", "order-status-changed");
    browser.press("Enter");
    browser.wait_for("the others are hidden", &format!("({ROWS}).length === 1"));
    wait_until("the server filters", DEADLINE, || {
        let clients = common::api::clients(&server);
        clients.len() == 1 && clients[0]["filters"]["types"] == json!(["order-status-changed"])
    });
    publish(&server, &order_created("hidden"));
    publish(&server, &order_changed("seen", "a", "b"));
    wait_for_rows(&mut browser, 2);
    assert!(rows(&mut browser).iter().all(|[kind, ..]| kind == "order-status-changed"));
    assert_eq!(browser.eval("location.search"), "?type=order-status-changed");

    browser.type_into("#filter-type", " ");
    browser.type_into("#filter-topic", "customers/*");
    browser.press("Enter");
    wait_until("the server filters by topic", DEADLINE, || {
        let clients = common::api::clients(&server);
        clients.len() == 1 && clients[0]["filters"]["topics"] == json!(["customers/*"])
    });
    publish(&server, r#"{"eventType":"not-this","id":"1","payload":1}"#);
    publish(&server, r#"{"eventType":"but-this","id":"1","payload":1,"topics":["customers/7"]}"#);
    browser.wait_for("what has the topic", &format!("({ROWS})[0][0] === 'but-this'"));
    assert!(rows(&mut browser).iter().all(|[kind, ..]| kind != "not-this"));
    assert_eq!(browser.problems(), Vec::<String>::new());
}

#[test]
fn a_killed_server_is_waited_for_and_what_comes_next_is_seen() {
    if skipped("Chromium") {
        return;
    }
    let port = Port::any();
    let start = || {
        let listen = format!("127.0.0.1:{}", port.number());
        Setup::bare().flag("--listen", &listen).flag("--stream-retry", "1500ms").start()
    };
    let server = start();
    let mut browser = Browser::start();
    browser.view(VIEWS[2]);
    browser.open(server.addr());
    publish(&server, &order_created("before"));
    wait_for_rows(&mut browser, 1);
    assert_eq!(browser.problems(), Vec::<String>::new());
    let bar = "document.querySelector('.bar').offsetHeight";
    let height = browser.eval(bar);

    // SIGKILL.
    drop(server);
    browser.wait_for("it reconnects", &format!("{STATE}.state === 'waiting'"));
    assert_eq!(browser.eval(bar), height, "what is below jumps on a telephone");
    let text = browser.text("#connection-text");
    assert!(text.starts_with("Reconnecting in ") && text.ends_with(" s"), "{text}");
    browser.wait_for("it says so on the list", &format!("({MARKS})[0] === 'Connection lost'"));

    let server = start();
    browser.eval("document.getElementById('reconnect').click()");
    browser.wait_for("it is live again", &format!("{STATE}.state === 'live'"));
    // Another process has other ids: this one says that it cannot know what was missed.
    browser.wait_for("it says how it went on", &format!("{STATE}.resumed === 'gap'"));
    assert_eq!(browser.text("#connection-text"), "Live, resumed with a gap");
    assert_eq!(browser.eval(bar), height, "what is below jumps on a telephone");
    publish(&server, &order_created("after"));
    wait_for_rows(&mut browser, 2);
    let marks = marks(&mut browser);
    assert!(marks[0].starts_with("Gap (unknown-id)"), "{marks:?}");
    assert!(
        marks[1].starts_with("Connected again after ") && marks[1].ends_with("resumed with a gap"),
        "{marks:?}"
    );
    // The browser itself complains of what it cannot reach, and nothing else does.
    let others: Vec<String> =
        browser.problems().into_iter().filter(|line| !line.contains("net::ERR_")).collect();
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn what_was_published_while_the_connection_was_broken_is_caught_up_with() {
    if skipped("Chromium") {
        return;
    }
    let server = Setup::new().flag("--stream-retry", "300ms").start();
    let proxy = FaultProxy::start(server.addr());
    let mut browser = Browser::start();
    browser.open(proxy.addr());
    publish(&server, &order_created("1"));
    wait_for_rows(&mut browser, 1);
    proxy.refuse(true);
    proxy.reset();
    browser.wait_for("it reconnects", &format!("{STATE}.state === 'waiting'"));
    publish_lines(&server, &ticks(0..5));
    proxy.refuse(false);
    browser.wait_for("it is resumed", &format!("{STATE}.resumed === 'complete'"));
    wait_for_rows(&mut browser, 6);
    let kinds: Vec<String> = rows(&mut browser).into_iter().map(|[kind, ..]| kind).collect();
    assert_eq!(kinds, ["tick", "tick", "tick", "tick", "tick", "order-created"]);
    let marks = marks(&mut browser);
    assert!(marks[0].ends_with("nothing is missing"), "{marks:?}");
    assert_eq!(browser.text("#connection-text"), "Live, resumed");
}

#[test]
fn nothing_of_an_event_runs() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    let attacks = [
        "<script>window.ran=1</script>",
        "<img src=x onerror=window.ran=1>",
        "<svg/onload=window.ran=1>",
        "\"><iframe srcdoc='<script>parent.ran=1</script>'>",
        "javascript:window.ran=1",
        "</pre></details></li></ol><style>*{display:none}</style>",
        "{{constructor.constructor('window.ran=1')()}}",
    ];
    for attack in attacks {
        let short: String = attack.chars().take(128).collect();
        let payload = json!({ attack: attack, "deep": [{ "html": attack }] });
        let envelope = json!({ "eventType": short, "id": short, "traceId": short, "payload": payload });
        publish(&server, &envelope.to_string());
    }
    wait_for_rows(&mut browser, attacks.len());
    browser.eval("document.querySelectorAll('#list details').forEach((fold) => (fold.open = true))");
    browser.wait_for(
        "all details",
        &format!("document.querySelectorAll('#list pre').length === {}", attacks.len()),
    );
    for (n, attack) in attacks.iter().rev().enumerate() {
        assert_eq!(rows(&mut browser)[n][0], *attack);
        assert_eq!(rows(&mut browser)[n][2], *attack);
        let written = json!(attack).to_string();
        let data = browser.eval(&format!("document.querySelectorAll('#list pre')[{n}].textContent"));
        assert_eq!(data.as_str().expect("text").matches(&written).count(), 3, "{data}");
    }
    let foreign = "document.querySelectorAll('main script, #list img, #list svg, iframe, main style').length";
    assert_eq!(browser.eval(foreign), 0);
    assert_eq!(browser.eval("typeof window.ran"), "undefined");
    assert_eq!(browser.problems(), Vec::<String>::new());
}

#[test]
fn payloads_are_shown_as_they_came() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    let shown = |browser: &mut Browser, payload: &str| {
        browser.eval("document.getElementById('clear').click()");
        publish(&server, &format!(r#"{{"eventType":"e","id":"1","payload":{payload}}}"#));
        wait_for_rows(browser, 1);
        browser.click("#list summary");
        browser.wait_for("the data", "document.querySelector('#list pre')");
        browser.text("#list pre")
    };
    let payload = r#"{"b":12345678901234567890.10,"a":[],"b":{},"c":[1,{"d":"x, \"y\": {z}"}],"e":null}"#;
    let expected = "{\n  \"b\": 12345678901234567890.10,\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x, \\\"y\\\": {z}\"\n    }\n  ],\n  \"e\": null\n}";
    assert_eq!(shown(&mut browser, payload), expected);
    assert_eq!(shown(&mut browser, "\"text\""), "\"text\"");
    assert_eq!(shown(&mut browser, "-1.5e+300"), "-1.5e+300");
    assert_eq!(shown(&mut browser, "[ true , false ]"), "[\n  true,\n  false\n]");
    let long = format!("[\"{}\"]", "x".repeat(100_000));
    assert_eq!(shown(&mut browser, &long).len(), long.len());
}

#[test]
fn many_events_leave_the_list_bounded_and_pausing_holds_it_still() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    publish_lines(&server, &ticks(0..1200));
    browser.wait_for("all came", "document.getElementById('count').textContent === '1,200 received'");
    assert_eq!(browser.eval("document.getElementById('list').childElementCount"), 500);
    let newest = "document.querySelector('#list .data').textContent";
    assert_eq!(browser.eval(newest), r#"{"n":1199}"#);

    browser.click("#pause");
    assert_eq!(browser.eval("document.getElementById('pause').ariaPressed"), "true");
    publish_lines(&server, &ticks(1200..1207));
    browser.wait_for("they are held back", "document.getElementById('count').textContent === '7 held back'");
    assert_eq!(browser.eval(newest), r#"{"n":1199}"#);
    browser.click("#pause");
    browser.wait_for("they are shown", &format!("{newest} === '{{\"n\":1206}}'"));
    assert_eq!(browser.text("#count"), "1,207 received");
    browser.click("#clear");
    browser.wait_for("none is left", "document.getElementById('list').childElementCount === 0");
    assert_eq!(browser.problems(), Vec::<String>::new());
}

#[test]
fn the_charts_say_how_high_they_go_and_what_is_older_than_is_measured() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    let peak = |tile: &str| format!("document.querySelector('#tile-{tile} .peak').textContent");
    browser.wait_for("a stream", &format!("{} === 'peak 1'", peak("streams")));
    assert_eq!(browser.eval(&peak("latency")), "", "nothing was measured yet");
    publish(&server, r#"{"eventType":"e","id":"1","payload":1,"ts":"2016-09-04T21:15:06Z"}"#);
    browser.wait_for("its age", &format!("{} === 'peak over 1 h'", peak("latency")));
    assert_eq!(browser.text("#tile-latency .value"), "over 1");
    assert_eq!(browser.text("#tile-latency .unit"), "h");
    assert_eq!(browser.problems(), Vec::<String>::new());
}

#[test]
fn a_token_is_asked_for_and_sent() {
    if skipped("Chromium") {
        return;
    }
    let for_all = ["--auth-publish-tokens", "--auth-subscribe-tokens", "--auth-admin-tokens"];
    let server = for_all.iter().fold(Setup::new(), |setup, flag| setup.flag(flag, TOKEN)).start();
    let mut browser = Browser::start();
    browser.goto(server.addr());
    browser.wait_for("it does not go on", &format!("{STATE}.state === 'stopped'"));
    assert!(browser.text("#notice-text").contains("needs a token"));
    assert!(browser.text("#empty").contains("Not connected yet"));
    browser.click("#publish");
    browser.wait_for("the answer", "document.getElementById('answer').textContent.startsWith('401: ')");

    browser.click("#notice-token");
    browser.type_into("#token", TOKEN);
    browser.press("Enter");
    browser.wait_for("it is live", &format!("{STATE}.state === 'live'"));
    browser.wait_for("the notice is gone", "document.getElementById('notice').hidden");
    browser.wait_for(
        "the measurements came",
        "document.querySelector('#tile-streams .value').textContent === '1'",
    );
    browser.click("#publish");
    wait_for_rows(&mut browser, 1);
    assert_eq!(
        browser.eval("[localStorage.length, sessionStorage.length, document.cookie]"),
        json!([0, 1, ""])
    );

    browser.click("#token-open");
    browser.click("#token-forget");
    browser.wait_for("it is locked out", &format!("{STATE}.state === 'stopped'"));
    assert_eq!(browser.eval("sessionStorage.length"), 0);
}

/// It stood there without figures, and only where streams need a token too.
#[test]
fn a_stranger_is_told_why_there_are_no_measurements() {
    if skipped("Chromium") {
        return;
    }
    let server = Setup::new().flag("--auth-publish-tokens", TOKEN).start();
    let between = Middlebox::start(server.addr(), Manner::Tell);
    let mut browser = Browser::start();
    browser.open(between.addr());
    browser.wait_for(
        "why not",
        "document.getElementById('notice-text').textContent.includes('are for operators')",
    );
    assert_eq!(browser.eval(&format!("{STATE}.state")), "live", "the stream is for everybody");
    let headers =
        [("Authorization", format!("Bearer {TOKEN}")), ("Content-Type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let envelope = br#"{"eventType":"hello","id":"1","traceId":"a-trace","payload":1}"#;
    assert_eq!(request(server.addr(), "POST", "/publish", &headers, envelope).status, 202);
    browser.wait_for("the event", &format!("({ROWS}).length === 1"));
    assert!(!browser.text("#list").contains("a-trace"), "that is for operators, too");
    // Who is on this machine, and nobody between, sees them.
    browser.open(server.addr());
    browser.wait_for("them", "document.querySelector('#tile-streams .value').textContent === '2'");
    assert!(browser.eval("document.getElementById('notice').hidden") == true);
}

#[test]
fn the_diagnosis_sees_what_stands_between() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    diagnose_until(&mut browser, |findings| {
        let of = |level: &str| findings.iter().filter(|[found, _]| found == level).count();
        of("good") == 5 && of("plain") == 1 && findings.len() == 6
    });
    for (manner, title) in [
        (Manner::Buffer, "Something buffers the stream"),
        (Manner::Cut, "Something cuts the stream"),
        (Manner::Rewrite, "Something changes the stream"),
        (Manner::Strip, "Clients cannot resume"),
    ] {
        let between = Middlebox::start(server.addr(), manner);
        browser.open(between.addr());
        diagnose_until(&mut browser, |findings| {
            let bad: Vec<_> = findings.iter().filter(|[level, _]| level == "bad").collect();
            bad.len() == 1 && bad[0][1] == title
        });
    }
}

/// What a diagnosis means, for ways that are hard to build here.
#[test]
fn the_verdict_follows_from_what_was_seen() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    let usual = "{'content-type': 'text/event-stream', 'cache-control': 'no-store, no-transform', \
                 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff'}";
    let mut judge = |changes: &str| -> Vec<[String; 2]> {
        let code = format!(
            "import('/page/verdict.js').then(({{ judge }}) => judge({{
               headers: new Headers({usual}), host: 'shop.example', bytes: 9, sum: 'a', tookMs: 2000,
               facts: {{ probes: 10, address: '203.0.113.9', http: '1.1', forwarded: false, last_event_id: true }},
               probes: Array.from({{ length: 10 }}, (_, n) => ({{ sentMs: 200 * n, at: 7000 + 200 * n }})),
               end: {{ bytes: 9, fnv1a: 'a' }}, {changes}
             }}).filter(({{ level }}) => level !== 'good').map(({{ level, title }}) => [level, title]))"
        );
        serde_json::from_value(browser.eval(&code)).expect("texts")
    };
    let proxy_free = ["plain", "No proxy says that it is there"].map(str::to_owned);
    let facts = "facts: { probes: 10, http: '1.0', last_event_id: true, ";
    let cases = [
        (format!("headers: new Headers({{...{usual}, 'content-encoding': 'gzip'}})"), "bad", "Something compresses the stream"),
        ("headers: new Headers({'content-type': 'text/plain'})".into(), "warn", "Something strips headers"),
        (format!("headers: (() => {{ const all = new Headers({usual}); all.delete('x-accel-buffering'); return all }})()"), "plain", "The headers came"),
        ("probes: Array.from({ length: 10 }, (_, n) => ({ sentMs: 200 * n, at: n < 5 ? 1000 : 1800 }))".into(), "bad", "Something holds back small pieces"),
        ("probes: Array.from({ length: 10 }, (_, n) => ({ sentMs: 200 * n, at: 200 * n + (n === 4 ? 160 : 0) }))".into(), "warn", "The way is uneven"),
        (format!("{facts} address: '10.0.0.2', forwarded: true }}"), "warn", "Something hides your address"),
        (format!("{facts} address: '203.0.113.9', forwarded: true }}"), "plain", "You come through a proxy"),
        (format!("host: '10.0.0.1', {facts} address: '10.0.0.2', forwarded: true }}"), "plain", "You come through a proxy"),
    ];
    assert_eq!(judge(""), [proxy_free]);
    for (changes, level, title) in cases {
        let found = judge(&changes);
        assert!(found.contains(&[level.to_owned(), title.to_owned()]), "{changes}: {found:?}");
    }
}

/// The page has a parser of its own: it reads what the standard says, however it is cut.
#[test]
fn the_stream_is_read_the_same_however_it_is_cut() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    browser.open(server.addr());
    let text = "\u{feff}retry: 12\r\n: c\r\rid: 1\nevent: a\ndata: x\ndata:y\r\ndata:  z\n\nid:2\0\ndata\n\n\
                id: 3\r\nevent: lost\r\n\r\ndata: \u{1f600}\rid\r\rretry: x\nother: 1\ndata: end\n\nevent: cut\ndata: 1";
    let code = format!(
        "import('/page/stream.js').then(({{ Parser }}) => {{
           const text = {}
           const read = (pieces) => {{
             const seen = []
             const parser = new Parser({{
               onEvent: ({{ type, data, id }}) => seen.push([type, data, id]),
               onRetry: (ms) => seen.push(ms),
               onComment: () => seen.push('comment'),
             }})
             for (const piece of pieces) parser.push(piece)
             return JSON.stringify(seen)
           }}
           const all = new Set([read([text]), read([...text])])
           for (let cut = 0; cut <= text.length; cut += 1) all.add(read([text.slice(0, cut), text.slice(cut)]))
           return [...all]
         }})",
        json!(text)
    );
    let expected = json!([
        12,
        "comment",
        ["a", "x\ny\n z", "1"],
        ["message", "", "1"],
        ["message", "\u{1f600}", ""],
        ["message", "end", ""],
    ]);
    assert_eq!(browser.eval(&code), json!([expected.to_string()]));
}

#[test]
fn a_keyboard_is_enough() {
    if skipped("Chromium") {
        return;
    }
    let server = Server::start();
    publish(&server, &order_created("1"));
    let mut browser = Browser::start();
    browser.open(server.addr());
    let focused =
        "document.activeElement.id || document.activeElement.className || document.activeElement.tagName";
    browser.press("Tab");
    assert_eq!(browser.eval(focused), "skip");
    assert!(browser.eval("document.activeElement.getBoundingClientRect().top").as_f64() >= Some(0.0));
    publish(&server, &order_created("2"));
    wait_for_rows(&mut browser, 1);
    browser.press("Enter");
    assert_eq!(browser.eval(focused), "list");
    browser.press("Tab");
    assert_eq!(browser.eval(focused), "SUMMARY");
    let outline = browser.eval("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is seen");
    browser.press("Enter");
    browser.wait_for("it opened", "document.querySelector('#list details[open] pre')");
    browser.press("Tab");
    assert_eq!(browser.eval(focused), "PRE");

    browser.eval("document.getElementById('theme').focus()");
    for (theme, scheme) in [("light", "light"), ("dark", "dark"), ("auto", "light dark")] {
        browser.press("Enter");
        assert_eq!(browser.eval("getComputedStyle(document.documentElement).colorScheme"), scheme, "{theme}");
        assert_eq!(browser.eval("document.getElementById('theme').ariaLabel"), format!("Theme: {theme}"));
    }
}

#[test]
fn it_is_accessible_by_day_and_by_night_at_a_desk_and_on_a_telephone() {
    if skipped("Chromium and axe-core") {
        return;
    }
    let server = Server::start();
    let mut browser = Browser::start();
    for view in VIEWS {
        browser.view(view);
        browser.open(server.addr());
        browser
            .wait_for("measurements", "document.querySelector('#tile-streams .value').textContent !== '–'");
        check(&mut browser, view, "empty");
        browser.click("#publish-first");
        publish(&server, &order_changed("1", "Pending", "Paid"));
        publish(&server, r#"{"eventType":"e","id":"1","payload":[1,"a",null,{"b":true}]}"#);
        wait_for_rows(&mut browser, 3);
        check(&mut browser, view, "events");
        diagnose(&mut browser);
        browser.click("#list summary");
        browser.click("#pause");
        check(&mut browser, view, "open");
        browser.eval("window.scrollTo(0, 0)");
        browser.click("#token-open");
        check(&mut browser, view, "token");
    }
    assert_eq!(browser.problems(), Vec::<String>::new());
}

fn check(browser: &mut Browser, view: View, what: &str) {
    // What lights up fades first.
    browser.wait_for("nothing moves", "document.getAnimations().every((one) => one.playState !== 'running')");
    browser.screenshot(&format!("{}-{what}", view.name));
    assert_eq!(browser.violations(), Value::Array(Vec::new()), "{} {what}", view.name);
    let overflow =
        browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(overflow, 0, "{} {what}: it is wider than the window", view.name);
}
