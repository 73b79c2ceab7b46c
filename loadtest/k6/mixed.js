// Everything at once: subscribers that come and go, with filters and without, publishers, and monitoring that
// asks for /healthz, /readyz, /metrics and /stats meanwhile.
//
//     k6 run --no-usage-report -e VUS=200 -e HOLD=60s loadtest/k6/mixed.js
//
// Subscribers ramp up to VUS in RAMP, stay for HOLD and ramp down in RAMP. A third of them have no filter, a
// third ask for `type=order-status-changed`, a third for one of TOPICS topics. Each VU resumes by
// Last-Event-ID where its last stream ended, and must get exactly what its filter lets through, from each
// publisher, all of it and in order, in the whole run.
//
//     BASE_URL        http://127.0.0.1:8080  the server
//     ADMIN_URL       BASE_URL               where its /publish, /healthz, /readyz, /metrics and /stats are
//     VUS             50     subscribers at the top of the ramp
//     RAMP            5s     until there are that many, and until there are none
//     HOLD            10s    how long there are that many
//     PUBLISHERS      2      publishers
//     RATE            100    events a second of all of them
//     TOPICS          10     topics
//     LIMIT           10     events after which a stream ends
//     PAUSE           500ms  the most that a subscriber waits before it resumes
//     POLLERS         2      VUs that ask for /healthz and so on
//     POLL            500ms  how long they wait between rounds
//     TIMEOUT         30s    how long a request, a stream too, may take
//     PUBLISH_P95_MS  250    bound on p(95) of POST /publish
//     HEALTH_P95_MS   100    bound on p(95) of GET /healthz
//     METRICS_P95_MS  250    bound on p(95) of GET /metrics and of GET /stats
//     MIN_CHECKS      1      share of the checks that have to pass

import { check, sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";

import { EVENT_CHECKS, Follower } from "./lib/follower.js";
import { COMMON, millis, rate, seconds, share, time, vus, whole } from "./lib/options.js";
import { json, nameOf, newRun, topicOf, TYPES } from "./lib/orders.js";
import { publishAtRate, publisherScenario, sourceOf } from "./lib/publisher.js";
import { ADMIN_URL, reach, TIMEOUT } from "./lib/server.js";
import { countStreams, readStream, STREAM_THRESHOLDS } from "./lib/streams.js";

const VUS = vus("VUS", 50);
const RAMP = seconds("RAMP", 5, 0.5);
const HOLD = seconds("HOLD", 10);
const PUBLISHERS = vus("PUBLISHERS", 2);
const RATE = rate("RATE", 100);
const TOPICS = whole("TOPICS", 10, 1);
const LIMIT = whole("LIMIT", 10, 1);
const PAUSE = seconds("PAUSE", 0.5);
const POLLERS = vus("POLLERS", 2);
const POLL = seconds("POLL", 0.5);

/** For so long publishing goes on after the last stream was opened, so that it gets its events. */
const LAST_STREAM = (LIMIT * Math.max(TOPICS, TYPES)) / RATE + PAUSE + 1;
if (LAST_STREAM > TIMEOUT) {
  throw new Error(
    `LIMIT=${LIMIT} events of TOPICS=${TOPICS} at RATE=${RATE} a second take longer than TIMEOUT`,
  );
}
const DURATION = 2 * RAMP + HOLD;

export const options = {
  ...COMMON,
  scenarios: {
    publisher: publisherScenario(DURATION + LAST_STREAM, PUBLISHERS),
    subscribers: {
      executor: "ramping-vus",
      startVUs: 0,
      stages: [
        { duration: time(RAMP), target: VUS },
        { duration: time(HOLD), target: VUS },
        { duration: time(RAMP), target: 0 },
      ],
      gracefulRampDown: time(TIMEOUT + 5),
      gracefulStop: time(TIMEOUT + 5),
      exec: "subscribers",
    },
    pollers: { executor: "constant-vus", vus: POLLERS, duration: time(DURATION), exec: "pollers" },
  },
  thresholds: {
    ...STREAM_THRESHOLDS,
    checks: [`rate>=${share("MIN_CHECKS", 1)}`],
    "http_req_duration{name:POST /publish}": [`p(95)<${millis("PUBLISH_P95_MS", 250)}`],
    "http_req_duration{name:GET /healthz}": [`p(95)<${millis("HEALTH_P95_MS", 100)}`],
    "http_req_duration{name:GET /metrics}": [`p(95)<${millis("METRICS_P95_MS", 250)}`],
    "http_req_duration{name:GET /stats}": [`p(95)<${millis("METRICS_P95_MS", 250)}`],
  },
};

export function setup() {
  reach();
  countStreams();
  return { run: newRun() };
}

export function publisher({ run }) {
  publishAtRate(sourceOf(run), RATE / PUBLISHERS, DURATION + LAST_STREAM, (n) => [topicOf(run, n, TOPICS)]);
}

/** This VU's client, over all of its streams, and what it asks for. */
let subscriber = null;

export function subscribers({ run }) {
  subscriber = subscriber || newSubscriber(run, exec.vu.idInTest);
  const { follower, query } = subscriber;
  const { frames } = readStream(`${query}limit=${LIMIT}`, follower.lastId);
  const events = frames.filter(({ event }) => event !== "ping" && event !== "gap");
  check(events, { "as many events as limit says": (events) => events.length === LIMIT });
  check(follower.takeAll(frames), EVENT_CHECKS);
  sleep(Math.random() * PAUSE);
}

function newSubscriber(run, number) {
  const topic = Math.floor(number / 3) % TOPICS;
  const kinds = [
    { follower: new Follower(run), query: "" },
    { follower: new Follower(run, TYPES, (n) => n % TYPES === 1), query: `type=${nameOf(1)}&` },
    {
      follower: new Follower(run, TOPICS, (n) => n % TOPICS === topic),
      query: `topic=${encodeURIComponent(topicOf(run, topic, TOPICS))}&`,
    },
  ];
  return kinds[number % 3];
}

export function pollers() {
  check(ask("/healthz"), { "/healthz is 200": ({ status }) => status === 200 });
  check(ask("/readyz"), { "/readyz is 200": ({ status }) => status === 200 });
  check(ask("/metrics"), {
    "/metrics is 200": ({ status }) => status === 200,
    "/metrics counts connections": ({ body }) => /^ssecast_active_connections \d+$/m.test(body || ""),
  });
  check(ask("/stats"), {
    "/stats is 200": ({ status }) => status === 200,
    "/stats counts streams": ({ body }) => Number.isInteger(((json(body) || {}).connections || {}).streams),
  });
  sleep(POLL);
}

function ask(path) {
  return http.get(`${ADMIN_URL}${path}`, { timeout: TIMEOUT * 1000, tags: { name: `GET ${path}` } });
}
