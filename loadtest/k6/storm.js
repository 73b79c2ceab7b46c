// All clients lose their connections at once and come back at the same moment, as after a deployment or
// behind a proxy that restarts. Each resumes by Last-Event-ID, MISSED events behind, and has to get exactly
// what it missed and what is published meanwhile: all of it, once, in order.
//
//     k6 run --no-usage-report -e VUS=500 -e INTERVAL=10s loadtest/k6/storm.js
//
// A round is INTERVAL long. In its first half nobody is connected and MISSED events are published. In the
// middle all VUs reconnect together, and LIVE more events are published from that moment on, so that replay
// and live events meet. A stream ends by `limit` with the last of them. `storm_catch_up` is the time from the
// moment of the storm until the script had the whole body, so until the client had caught up; k6's own work
// for VUS streams is in it, and so is the publishing of the LIVE events. The bodies are checked in the quiet
// half of the next round. That costs k6 some 0.1 ms of CPU time per event and VU, and INTERVAL has to allow
// for it. A VU that is late for a round takes part at once.
//
//     BASE_URL         http://127.0.0.1:8080  the server
//     ADMIN_URL        BASE_URL               where its /publish is
//     VUS              100    clients
//     ROUNDS           5      storms
//     INTERVAL         4s     from one storm to the next
//     MISSED           100    events published while nobody is connected
//     LIVE             20     events published during the storm
//     FILTER           none   none: all events, nobody else may publish; topic: by a topic of this run
//     TIMEOUT          30s    how long a stream may take
//     CATCH_UP_P95_MS  3000   bound on p(95) of storm_catch_up
//     MIN_COMPLETE     1      share of the streams that have to be complete
//     MIN_CHECKS       1      share of the checks that have to pass

import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter, Rate, Trend } from "k6/metrics";

import { EVENT_CHECKS, Follower } from "./lib/follower.js";
import { parse } from "./lib/frames.js";
import { choice, COMMON, millis, seconds, share, time, vus, whole } from "./lib/options.js";
import { newRun } from "./lib/orders.js";
import { publishNumbers } from "./lib/publisher.js";
import { reach, TIMEOUT } from "./lib/server.js";
import { countStreams, fetchStream, readStream, STREAM_THRESHOLDS } from "./lib/streams.js";

const VUS = vus("VUS", 100);
const ROUNDS = whole("ROUNDS", 5, 1, 10000);
const INTERVAL = seconds("INTERVAL", 4, 0.1);
const MISSED = whole("MISSED", 100, 1, 1e6);
const LIVE = whole("LIVE", 20, 0, 1e6);
const FILTER = choice("FILTER", "none", ["none", "topic"]);
/** Time for VUs to get ready before the first round. */
const LEAD = 0.5;
/** The number of the event that all clients have seen at the start. */
const FIRST = 1;

const stormComplete = new Rate("storm_complete");
const stormCatchUp = new Trend("storm_catch_up", true);
const eventsMissing = new Counter("events_missing");
const eventsRepeated = new Counter("events_repeated");

const maxDuration = time(LEAD + ROUNDS * INTERVAL + TIMEOUT);
const once = { executor: "per-vu-iterations", maxDuration, gracefulStop: time(TIMEOUT + 5) };
export const options = {
  ...COMMON,
  scenarios: {
    publisher: { ...once, vus: 1, iterations: ROUNDS, exec: "publisher" },
    storm: { ...once, vus: VUS, iterations: ROUNDS, exec: "storm" },
  },
  thresholds: {
    ...STREAM_THRESHOLDS,
    // One is read by setup.
    streams_finished: ["count>1"],
    checks: [`rate>=${share("MIN_CHECKS", 1)}`],
    storm_complete: [`rate>=${share("MIN_COMPLETE", 1)}`],
    storm_catch_up: [`p(95)<${millis("CATCH_UP_P95_MS", 3000)}`],
    events_missing: ["count==0"],
    events_repeated: ["count==0"],
  },
};

/** Publishes the event that all have seen and learns its id from the server that they resume at. */
export function setup() {
  reach();
  countStreams();
  eventsMissing.add(0);
  eventsRepeated.add(0);
  const run = newRun();
  publishNumbers(`${run}.0`, FIRST, FIRST, () => [run]);
  const { frames } = readStream(`topic=${run}&limit=1&lastEventId=earliest`);
  const first = frames.find(isReal);
  if (first === undefined) {
    exec.test.abort("the first event did not come back through the stream");
  }
  return { run, first, start: Date.now() + LEAD * 1000 };
}

/** The moment of a round's storm; half a round before and after it, the quiet half begins. */
function momentOf(start, round) {
  return start + (round + 0.5) * INTERVAL * 1000;
}

function sleepUntil(moment) {
  sleep(Math.max(0, moment - Date.now()) / 1000);
}

export function publisher({ run, start }) {
  const round = exec.vu.iterationInScenario;
  const from = FIRST + 1 + round * (MISSED + LIVE);
  sleepUntil(momentOf(start, round - 0.5));
  publishNumbers(`${run}.0`, from, from + MISSED - 1, () => [run]);
  sleepUntil(momentOf(start, round));
  for (let n = from + MISSED; n < from + MISSED + LIVE; n += 1) {
    publishNumbers(`${run}.0`, n, n, () => [run]);
  }
}

/** This VU's client, over all rounds. */
let follower = null;

export function storm({ run, first, start }) {
  if (follower === null) {
    follower = new Follower(run);
    follower.take(first);
  }
  const round = exec.vu.iterationInScenario;
  const last = FIRST + (round + 1) * (MISSED + LIVE);
  const due = last - follower.numbers[`${run}.0`];
  if (due <= 0) {
    return;
  }
  sleepUntil(momentOf(start, round));
  const query = `limit=${due}${FILTER === "topic" ? `&topic=${run}` : ""}`;
  const { response, endedAt } = fetchStream(query, follower.lastId);
  sleepUntil(momentOf(start, round + 0.5));
  const { frames } = parse(response.body || "");
  const before = { missing: follower.missing, repeated: follower.repeated };
  const seen = follower.takeAll(frames);
  const isComplete = seen.wrong.size === 0 && seen.events.length === due;
  check(seen, EVENT_CHECKS);
  check(frames, {
    "only events of this run": (frames) => seen.events.length === frames.filter(isReal).length,
  });
  stormComplete.add(isComplete);
  eventsMissing.add(follower.missing - before.missing);
  eventsRepeated.add(follower.repeated - before.repeated);
  if (isComplete) {
    stormCatchUp.add(endedAt - momentOf(start, round));
  }
}

function isReal({ event }) {
  return event !== "ping" && event !== "gap";
}
