// Streams as a browser has them: open all the time, each event handled when it comes. Measures the latency of
// every live event, checks order and completeness over reconnects as stream.js does, and expects heartbeats.
//
// FOR K6 WITH THE SSE EXTENSION ONLY (https://github.com/phymbert/xk6-sse), which stock k6 does not have:
//
//     xk6 build v1.1.0 --with github.com/phymbert/xk6-sse@v0.1.11
//     ./k6 run --no-usage-report -e VUS=200 -e DURATION=60s loadtest/k6/sse.js
//
// WRITTEN AFTER THE EXTENSION'S DOCUMENTATION AND SOURCE, and never run with it by those who wrote it: such a
// k6 could not be built where ssecast is developed. The tests run this script on stock k6 with a stand-in for
// the extension (tests/k6/sse-stand-in.js), which has the documented interface but hands out all events at
// the end of a stream. So what is known to work is the script, not its times. Run it with the real one before
// a release.
//
// What it knows of the extension: `sse.open(url, params, setup)` blocks the VU until the stream has ended,
// and calls handlers meanwhile. `client.close()` of some versions reads the stream to its end first, which
// never comes; so every stream here has a `limit`, and the server ends it. After a read error nothing more
// comes until the client is closed. A block of comments is handed out as an event with neither name, id nor
// data.
//
// VUS streams end after LIMIT events and resume at once by Last-Event-ID, as EventSource does, but without
// the wait that `retry` asks for. `event_latency` is the time from an event's `ts` until its handler ran,
// where it was published after the stream had been opened; with a resolution of 1 ms, by the clock of the
// machine that k6 runs on. With `stream.data=payload` only each third event carries its time (orders.js). One
// more stream asks for a topic of which nothing comes until the end: it lives by heartbeats.
//
//     BASE_URL        http://127.0.0.1:8080  the server
//     ADMIN_URL       BASE_URL               where its /publish is
//     VUS             100    streams
//     DURATION        30s    how long streams are opened
//     RATE            50     events published a second
//     LIMIT           200    events after which a stream ends
//     HEARTBEAT       15s    the server's stream.heartbeat; 0s if it sends none as events
//     TIMEOUT         30s    how long a stream may take
//     P95_MS          100    bound on p(95) of event_latency
//     P99_MS          250    bound on p(99) of event_latency
//     PUBLISH_P95_MS  250    bound on p(95) of POST /publish
//     MIN_CHECKS      1      share of the checks that have to pass

import { check } from "k6";
import { Counter, Trend } from "k6/metrics";
import sse from "k6/x/sse";

import { EVENT_CHECKS, Follower } from "./lib/follower.js";
import { COMMON, millis, rate, seconds, share, time, vus, whole } from "./lib/options.js";
import { envelope, json, newRun } from "./lib/orders.js";
import { publishAtRate, publisherScenario, sourceOf } from "./lib/publisher.js";
import { acceptedChecks, BASE_URL, publish, reach, TIMEOUT } from "./lib/server.js";
import {
  countStreams,
  HEAD_CHECKS,
  STREAM_THRESHOLDS,
  streamsFinished,
  streamsUnfinished,
} from "./lib/streams.js";

const VUS = vus("VUS", 100);
const DURATION = seconds("DURATION", 30, 1);
const RATE = rate("RATE", 50);
const LIMIT = whole("LIMIT", 200, 1);
const HEARTBEAT = seconds("HEARTBEAT", 15);

/** For so long publishing goes on after the last stream was opened, so that it gets its events. */
const LAST_STREAM = LIMIT / RATE + 1;
if (LAST_STREAM > TIMEOUT) {
  throw new Error(`LIMIT=${LIMIT} events at RATE=${RATE} a second take longer than TIMEOUT`);
}
const ALL = DURATION + LAST_STREAM;

const eventLatency = new Trend("event_latency", true);
const eventsMeasured = new Counter("events_measured");
const heartbeats = new Counter("heartbeats");
const streamErrors = new Counter("stream_errors");

export const options = {
  ...COMMON,
  scenarios: {
    publisher: publisherScenario(ALL),
    streams: {
      executor: "constant-vus",
      vus: VUS,
      duration: time(DURATION),
      gracefulStop: time(TIMEOUT + 5),
      exec: "streams",
    },
    quiet: {
      executor: "per-vu-iterations",
      vus: 1,
      iterations: 1,
      maxDuration: time(ALL + TIMEOUT),
      gracefulStop: "5s",
      exec: "quiet",
    },
  },
  thresholds: {
    ...STREAM_THRESHOLDS,
    checks: [`rate>=${share("MIN_CHECKS", 1)}`],
    event_latency: [`p(95)<${millis("P95_MS", 100)}`, `p(99)<${millis("P99_MS", 250)}`],
    events_measured: ["count>0"],
    stream_errors: ["count==0"],
    "http_req_duration{name:POST /publish}": [`p(95)<${millis("PUBLISH_P95_MS", 250)}`],
  },
};

export function setup() {
  reach();
  countStreams();
  eventsMeasured.add(0);
  streamErrors.add(0);
  return { run: newRun() };
}

function quietTopic(run) {
  return `${run}/quiet`;
}

/** Publishes, and at the end the one event that ends the quiet stream. */
export function publisher({ run }) {
  publishAtRate(sourceOf(run), RATE, ALL);
  check(publish("POST /publish", envelope(`${run}.quiet`, 1, [quietTopic(run)])), acceptedChecks(1));
}

/**
 * Reads a stream to its end. `handle` is called with each frame, the time now, and the time when the stream
 * was open, both in milliseconds.
 */
function follow(query, lastEventId, timeout, handle) {
  const headers = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
  const params = { headers, timeout: time(timeout), tags: { name: "GET /events" } };
  let openedAt = Infinity;
  streamsUnfinished.add(1);
  const response = sse.open(`${BASE_URL}/events?${query}`, params, (client) => {
    client.on("open", () => {
      openedAt = Date.now();
    });
    client.on("event", ({ id, name, data }) => {
      if (id !== "" || name !== "" || data !== "") {
        handle({ id: id || null, event: name || "message", data }, Date.now(), openedAt);
      }
    });
    client.on("error", (error) => {
      streamErrors.add(1);
      console.error(`the stream broke: ${error.error()}`);
      client.close();
    });
  });
  streamsUnfinished.add(-1);
  streamsFinished.add(1);
  check(response, HEAD_CHECKS);
}

/** This VU's client, over all of its streams. */
let follower = null;

export function streams({ run }) {
  follower = follower || new Follower(run);
  const seen = { wrong: new Set(), events: 0 };
  follow(`limit=${LIMIT}`, follower.lastId, TIMEOUT, (frame, now, openedAt) => {
    const { wrong, event } = follower.take(frame);
    wrong.forEach((word) => seen.wrong.add(word));
    seen.events += frame.event === "ping" || frame.event === "gap" ? 0 : 1;
    // What was published before is a replay.
    if (event !== null && event.at !== null && event.at >= openedAt) {
      eventLatency.add(now - event.at);
      eventsMeasured.add(1);
    }
  });
  check(seen, EVENT_CHECKS);
  check(seen, { "as many events as limit says": ({ events }) => events === LIMIT });
}

export function quiet({ run }) {
  const times = [];
  const events = [];
  follow(`topic=${encodeURIComponent(quietTopic(run))}&limit=1`, null, ALL + TIMEOUT, (frame) => {
    if (frame.event === "ping") {
      heartbeats.add(1);
      times.push(Date.parse((json(frame.data) || {}).ts));
    } else {
      events.push(frame);
    }
  });
  check(events, { "the one event of the quiet topic": (events) => events.length === 1 });
  if (HEARTBEAT > 0) {
    const pauses = times.slice(1).map((time, n) => time - times[n]);
    check(times, {
      "heartbeats come": (times) => times.length >= Math.floor(ALL / HEARTBEAT / 2),
      "heartbeats come in time": () => pauses.every((pause) => pause < HEARTBEAT * 1500 + 1000),
    });
  }
}
