// Publishes single envelopes, arrays and NDJSON at a steady rate, and beside that what has to be refused.
//
//     k6 run --no-usage-report -e RATE=200 -e DURATION=30s loadtest/k6/publish.js
//
// RATE counts requests; the three kinds take turns. k6 starts them on time whether or not earlier ones are
// answered, with up to VUS at once; those that it could not start are `dropped_iterations`. Each kind of
// request has a threshold of its own, `http_req_duration{name:publish …}`. Invalid bodies are to be answered
// by a problem document that names the place and the field and repeats nothing of the body. They do not count
// as failed.
//
//     BASE_URL      http://127.0.0.1:8080  the server
//     ADMIN_URL     BASE_URL               where its /publish is
//     RATE          60     valid requests a second
//     INVALID_RATE  5      invalid requests a second
//     VUS           20     the most valid requests at once
//     DURATION      10s    how long
//     BATCH         50     events in an array and in NDJSON
//     TIMEOUT       30s    how long a request may take
//     P95_MS        100    bound on p(95) of each kind's http_req_duration
//     MAX_FAILED    0      share of the requests that may fail
//     MAX_DROPPED   0      requests that k6 may fail to start in time
//     MIN_CHECKS    1      share of the checks that have to pass

import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter } from "k6/metrics";

import { parseId } from "./lib/frames.js";
import { COMMON, millis, rate, seconds, share, time, vus, whole } from "./lib/options.js";
import { envelope, json, newRun } from "./lib/orders.js";
import { sourceOf } from "./lib/publisher.js";
import { acceptedChecks, publish, reach } from "./lib/server.js";

const RATE = rate("RATE", 60);
const INVALID_RATE = rate("INVALID_RATE", 5);
const VUS = vus("VUS", 20);
const DURATION = seconds("DURATION", 10, 1);
const BATCH = whole("BATCH", 50, 1, 10000);
const P95 = [`p(95)<${millis("P95_MS", 100)}`];

const NDJSON = "application/x-ndjson";
const eventsPublished = new Counter("events_published");

export const options = {
  ...COMMON,
  scenarios: {
    valid: arrivals(RATE, VUS, "valid"),
    invalid: arrivals(INVALID_RATE, 2, "invalid"),
  },
  thresholds: {
    checks: [`rate>=${share("MIN_CHECKS", 1)}`],
    events_published: ["count>0"],
    http_req_failed: [`rate<=${share("MAX_FAILED", 0)}`],
    dropped_iterations: [`count<=${whole("MAX_DROPPED", 0)}`],
    "http_req_duration{name:publish one}": P95,
    "http_req_duration{name:publish array}": P95,
    "http_req_duration{name:publish NDJSON}": P95,
    "http_req_duration{name:publish invalid}": P95,
  },
};

function arrivals(rate, vus, name) {
  // Rates below one a second are whole numbers a minute.
  const unit = Number.isInteger(rate)
    ? { rate, timeUnit: "1s" }
    : { rate: Math.ceil(rate * 60), timeUnit: "1m" };
  return {
    executor: "constant-arrival-rate",
    ...unit,
    duration: time(DURATION),
    preAllocatedVUs: vus,
    maxVUs: vus,
    exec: name,
  };
}

export function setup() {
  reach();
  eventsPublished.add(0);
  return { run: newRun() };
}

const KINDS = [
  { name: "publish one", count: 1, body: (events) => events[0] },
  { name: "publish array", count: BATCH, body: (events) => `[${events.join(",")}]` },
  {
    name: "publish NDJSON",
    count: BATCH,
    body: (events) => events.map((event) => `${event}\n`).join(""),
    type: NDJSON,
  },
];

/** What this VU has published, and the place of its last event. */
let published = 0;
let lastPlace = null;

export function valid({ run }) {
  const { name, count, body, type } = KINDS[exec.scenario.iterationInTest % KINDS.length];
  const events = [];
  for (let n = published + 1; n <= published + count; n += 1) {
    events.push(envelope(sourceOf(run), n));
  }
  published += count;
  const response = publish(name, body(events), type);
  if (response.status === 202) {
    eventsPublished.add(count);
  }
  check(response, acceptedChecks(count));
  const place = parseId((json(response.body) || {}).lastId);
  if (place !== null && lastPlace !== null && place.instance === lastPlace.instance) {
    check(place, { "lastId grows": ({ seq }) => seq >= lastPlace.seq + count });
  }
  lastPlace = place || lastPlace;
}

/** Is in every invalid body and in no answer. */
const MARKER = "not-to-be-repeated";
const GOOD = JSON.stringify({ eventType: "k6-invalid", id: MARKER, payload: MARKER });

/** What has to be refused: a body, and of the answer its status (400), `index` and a part of `detail`. */
const INVALID = [
  { body: `{"eventType":"${MARKER}"`, detail: "JSON" },
  { body: `{"eventType":"k6-invalid","id":"${MARKER}"}`, detail: "payload" },
  { body: `{"id":"${MARKER}","payload":1}`, detail: "eventType" },
  { body: `{"eventType":"k6-invalid","id":7,"payload":"${MARKER}"}`, detail: "id" },
  { body: `{"eventType":"ping","id":"${MARKER}","payload":1}`, detail: "eventType" },
  { body: `{"eventType":"k6-invalid","id":"${MARKER}","payload":1,"id":"2"}`, detail: "id" },
  { body: `{"eventType":"k6-invalid","id":"${MARKER}","payload":1,"ts":"yesterday"}`, detail: "ts" },
  { body: `[${GOOD},{"eventType":"k6-invalid","id":"${MARKER}"}]`, index: 1, detail: "payload" },
  {
    body: `${GOOD}\n${GOOD}\n{"eventType":"k6\\nvalid","id":"${MARKER}","payload":1}\n`,
    type: NDJSON,
    index: 2,
    detail: "eventType",
  },
  { body: GOOD, type: "text/plain", status: 415, detail: "Content-Type" },
];

export function invalid() {
  const { body, type, status = 400, index, detail } = INVALID[exec.scenario.iterationInTest % INVALID.length];
  const params = { responseCallback: http.expectedStatuses(status) };
  const response = publish("publish invalid", body, type, params);
  const problem = json(response.body) || {};
  const isRight = check(response, {
    "invalid: status": (response) => response.status === status && problem.status === status,
    "invalid: application/problem+json": (response) =>
      /^application\/problem\+json\b/.test(response.headers["Content-Type"] || ""),
    "invalid: title and detail": () =>
      typeof problem.title === "string" && `${problem.detail}`.includes(detail),
    "invalid: index in a batch": () => problem.index === index,
    "invalid: nothing of the body is repeated": (response) => !`${response.body}`.includes(MARKER),
  });
  if (!isRight) {
    console.error(`${body} is answered ${response.status}: ${response.body || response.error}`);
  }
}
