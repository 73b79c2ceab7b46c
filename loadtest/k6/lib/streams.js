// Streams that are read to their end, each request under one name, and what is to be checked of each.

import { check } from "k6";
import http from "k6/http";
import { Counter } from "k6/metrics";

import { parse } from "./frames.js";
import { BASE_URL, TIMEOUT } from "./server.js";

/** Streams begun and not ended: one that k6 interrupts fails no check, but leaves this above 0. */
export const streamsUnfinished = new Counter("streams_unfinished");
/** Streams that ended, well or not. */
export const streamsFinished = new Counter("streams_finished");

/** Thresholds without which a run in which nothing happened would pass: k6 skips those of an empty metric. */
export const STREAM_THRESHOLDS = {
  streams_finished: ["count>0"],
  streams_unfinished: ["count==0"],
};

/** For `setup`: the counters count from 0. */
export function countStreams() {
  streamsFinished.add(0);
  streamsUnfinished.add(0);
}

/** A check each of a stream's head, whether k6 or its extension read it. */
export const HEAD_CHECKS = {
  "status is 200": (response) => response.status === 200,
  "Content-Type is text/event-stream": (response) =>
    /^text\/event-stream\b/.test(header(response, "Content-Type")),
  "Cache-Control is no-store, no-transform": (response) =>
    header(response, "Cache-Control") === "no-store, no-transform",
  "X-Accel-Buffering is no": (response) => header(response, "X-Accel-Buffering") === "no",
};

function header(response, name) {
  return (response.headers || {})[name] || "";
}

/**
 * Reads a stream to its end. `query` is the query string, which has to have a `limit`. Returns the
 * `response`, and `endedAt`, milliseconds when the script had the whole body.
 */
export function fetchStream(query, lastEventId) {
  const headers = { Accept: "text/event-stream" };
  if (lastEventId) {
    headers["Last-Event-ID"] = lastEventId;
  }
  streamsUnfinished.add(1);
  const params = { headers, timeout: TIMEOUT * 1000, tags: { name: "GET /events" } };
  const response = http.get(`${BASE_URL}/events?${query}`, params);
  const endedAt = Date.now();
  streamsUnfinished.add(-1);
  streamsFinished.add(1);
  check(response, HEAD_CHECKS);
  return { response, endedAt };
}

/** The same, and what `parse` makes of the body. */
export function readStream(query, lastEventId) {
  const { response, endedAt } = fetchStream(query, lastEventId);
  return { endedAt, ...parse(response.body || "") };
}
