// Reads streams while it publishes orders, and checks every frame: head, ids, order, names and data as the
// built-in map makes them, and, as each VU resumes where its last stream ended, that no event is missing and
// none comes twice in the whole run.
//
//     k6 run --no-usage-report -e VUS=50 -e DURATION=30s loadtest/k6/stream.js
//
// Two kinds of streams are open all the time. VUS of them end after LIMIT events, wait a moment, and resume
// by Last-Event-ID: what was published in between they are replayed. LATENCY_VUS of them end after one event,
// and measure.
//
// WHAT STOCK K6 CAN MEASURE. It hands out a body only when the stream has ended, so the times at which single
// events came are not to be had (sse.js has them). What it does know is when the body ended. The server ends
// a stream with `limit=1` right after its event; `ts_to_end_of_stream` is the time from that event's `ts`
// until the script had the body. So it is no less than the event's latency: it contains the publisher's
// request, the closing of the connection, and k6's own work. Its resolution is 1 ms. It is a sample: an event
// published while these streams reconnect is not measured. Both ends are read from the clock of the machine
// that k6 runs on. Only an event that no map changes carries its time through a stream of payloads, so it is
// of the type `k6-tick`; with `stream.data=envelope` its `ts` is read from the envelope.
//
// The server has to have the built-in map, and `map_only` off.
//
// `http_req_duration{name:GET /events}` is how long streams were open; that says nothing about the server.
//
//     BASE_URL        http://127.0.0.1:8080  the server
//     ADMIN_URL       BASE_URL               where its /publish is
//     VUS             20     streams that resume
//     LATENCY_VUS     2      streams that measure; may be 0
//     DURATION        10s    how long streams are opened
//     RATE            50     events published a second
//     LIMIT           10     events after which a stream ends
//     PAUSE           200ms  the most that a VU waits before it resumes
//     TIMEOUT         30s    how long a stream may take
//     P95_MS          250    bound on p(95) of ts_to_end_of_stream
//     PUBLISH_P95_MS  250    bound on p(95) of POST /publish
//     MIN_CHECKS      1      share of the checks that have to pass

import { check, sleep } from "k6";
import { Trend } from "k6/metrics";

import { EVENT_CHECKS, Follower } from "./lib/follower.js";
import { COMMON, millis, rate, seconds, share, time, vus, whole } from "./lib/options.js";
import { newRun, read, TICK, TYPES } from "./lib/orders.js";
import { publishAtRate, publisherScenario, sourceOf } from "./lib/publisher.js";
import { reach, TIMEOUT } from "./lib/server.js";
import { countStreams, readStream, STREAM_THRESHOLDS } from "./lib/streams.js";

const VUS = vus("VUS", 20);
const LATENCY_VUS = vus("LATENCY_VUS", 2, 0);
const DURATION = seconds("DURATION", 10, 1);
const RATE = rate("RATE", 50);
const LIMIT = whole("LIMIT", 10, 1);
const PAUSE = seconds("PAUSE", 0.2);

/** For so long publishing goes on after the last stream was opened, so that it gets its events. */
const LAST_STREAM = Math.max(LIMIT, TYPES) / RATE + 1;
if (LAST_STREAM > TIMEOUT) {
  throw new Error(`LIMIT=${LIMIT} events at RATE=${RATE} a second take longer than TIMEOUT`);
}

const tsToEndOfStream = new Trend("ts_to_end_of_stream", true);

const readers = { executor: "constant-vus", duration: time(DURATION), gracefulStop: time(TIMEOUT + 5) };
export const options = {
  ...COMMON,
  scenarios: {
    publisher: publisherScenario(DURATION + LAST_STREAM),
    streams: { ...readers, vus: VUS, exec: "streams" },
    ...(LATENCY_VUS > 0 ? { latency: { ...readers, vus: LATENCY_VUS, exec: "latency" } } : {}),
  },
  thresholds: {
    ...STREAM_THRESHOLDS,
    checks: [`rate>=${share("MIN_CHECKS", 1)}`],
    ts_to_end_of_stream: [`p(95)<${millis("P95_MS", 250)}`],
    "http_req_duration{name:POST /publish}": [`p(95)<${millis("PUBLISH_P95_MS", 250)}`],
  },
};

export function setup() {
  reach();
  countStreams();
  return { run: newRun() };
}

export function publisher({ run }) {
  publishAtRate(sourceOf(run), RATE, DURATION + LAST_STREAM);
}

/** This VU's client, over all of its streams. */
let follower = null;

export function streams({ run }) {
  follower = follower || new Follower(run);
  const { retry, frames } = readStream(`limit=${LIMIT}`, follower.lastId);
  const events = frames.filter(({ event }) => event !== "ping" && event !== "gap");
  check(retry, { "retry is told": (retry) => retry > 0 });
  check(events, { "as many events as limit says": (events) => events.length === LIMIT });
  check(follower.takeAll(frames), EVENT_CHECKS);
  sleep(Math.random() * PAUSE);
}

export function latency({ run }) {
  const { frames, endedAt } = readStream(`type=${TICK}&limit=1`);
  const events = frames.filter(({ event }) => event === TICK);
  check(events, { "the one event asked for": (events) => events.length === 1 });
  for (const event of events.map((frame) => read(run, frame))) {
    if (event !== null) {
      tsToEndOfStream.add(endedAt - event.at);
    }
  }
}
