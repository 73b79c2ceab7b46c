// A publisher beside the readers: numbered events (orders.js) at a steady rate, one request at a time, so
// that their numbers are in the order in which the server got them.

import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";

import { time } from "./options.js";
import { envelope } from "./orders.js";
import { acceptedChecks, publish, TIMEOUT } from "./server.js";

/** The most events in one request. */
const BATCH_MOST = 500;
/** How long it waits after a refusal, in seconds. */
const REFUSED_PAUSE = 0.1;

const eventsPublished = new Counter("events_published");
let refusals = 0;

/** The scenario of publishers that work for so many seconds; the script exports `publisher`. */
export function publisherScenario(seconds, vus = 1) {
  const maxDuration = time(seconds + TIMEOUT);
  return {
    executor: "per-vu-iterations",
    vus,
    iterations: 1,
    maxDuration,
    gracefulStop: "0s",
    exec: "publisher",
  };
}

/** The name of this VU as a publisher. */
export function sourceOf(run) {
  return `${run}.${exec.vu.idInTest}`;
}

/**
 * Publishes numbers from 1 on, so many a second. What came due while a request was under way goes into the
 * next one, all of it.
 */
export function publishAtRate(source, perSecond, seconds, topicsOf) {
  const start = Date.now();
  const all = Math.ceil(perSecond * seconds);
  let sent = 0;
  while (sent < all) {
    const due = Math.min(all, Math.floor(((Date.now() - start) / 1000) * perSecond) + 1);
    if (due > sent) {
      publishNumbers(source, sent + 1, due, topicsOf);
      sent = due;
    } else {
      sleep(Math.max(0.001, (start - Date.now()) / 1000 + sent / perSecond));
    }
  }
}

/**
 * Publishes the numbers `from` to `to`, in one request if they are not too many. What is refused is tried
 * again, as readers want every number; that the check has failed stays.
 */
export function publishNumbers(source, from, to, topicsOf = () => undefined) {
  while (from <= to) {
    const last = Math.min(to, from + BATCH_MOST - 1);
    const events = [];
    for (let n = from; n <= last; n += 1) {
      events.push(envelope(source, n, topicsOf(n)));
    }
    const response = publish("POST /publish", events.length === 1 ? events[0] : `[${events.join(",")}]`);
    check(response, acceptedChecks(events.length));
    if (response.status === 202) {
      eventsPublished.add(events.length);
      from = last + 1;
    } else {
      complain(response);
      sleep(REFUSED_PAUSE);
    }
  }
}

function complain(response) {
  refusals += 1;
  if (refusals === 1) {
    console.error(`${response.url} answers ${response.status}: ${response.body || response.error}`);
  }
}
