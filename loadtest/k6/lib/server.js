// Where the server is, and publishing to it.

import exec from "k6/execution";
import http from "k6/http";

import { parseId } from "./frames.js";
import { address, seconds } from "./options.js";
import { json } from "./orders.js";

/** Where streams are. */
export const BASE_URL = address("BASE_URL", "http://127.0.0.1:8080");
/** Where the rest is, if the server has an address of its own for it. */
export const ADMIN_URL = address("ADMIN_URL", BASE_URL);
/** How long one request may take, a stream too. */
export const TIMEOUT = seconds("TIMEOUT", 30, 0.1);

/** For `setup`: ends the run where nobody answers. */
export function reach() {
  const response = http.request("HEAD", `${BASE_URL}/events`, null, {
    timeout: "5s",
    tags: { name: "HEAD /events" },
  });
  if (response.status !== 200) {
    const answer = response.status || response.error;
    exec.test.abort(`${BASE_URL}/events answers ${answer}; BASE_URL says where the server is`);
  }
}

/** Posts a body; `name` is what k6 calls the request. */
export function publish(name, body, type = "application/json", params = {}) {
  return http.post(`${ADMIN_URL}/publish`, body, {
    headers: { "Content-Type": type },
    timeout: TIMEOUT * 1000,
    tags: { name },
    ...params,
  });
}

/** A check each of the answer to a publish of `count` events. */
export function acceptedChecks(count) {
  const answer = (response) => json(response.body) || {};
  return {
    "publish is answered 202": (response) => response.status === 202,
    "all events are accepted": (response) => answer(response).accepted === count,
    "via is local, redis or fallback": (response) =>
      ["local", "redis", "fallback"].includes(answer(response).via),
    // Only this server's own log gives ids at once; what goes to Redis gets one when it comes back.
    "lastId is an id": (response) =>
      answer(response).via === "redis" || parseId(answer(response).lastId) !== null,
  };
}
