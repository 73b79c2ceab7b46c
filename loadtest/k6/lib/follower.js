// Follows one client over all of its connections and says what is wrong with each frame. It knows what a
// client must see from the ids of the frames and the numbers of the events; it does no I/O and reads no
// clock.

import exec from "k6/execution";

import { parseId } from "./frames.js";
import { json, read } from "./orders.js";

/** Whether this VU has said on the console what it found. It says so once; the checks count all of it. */
let hasComplained = false;

/** What the words for what is wrong with a frame mean. */
const MEANINGS = {
  id: "no id of the form instance-seq-fingerprint",
  seq: "a seq that does not grow",
  missing: "events are missing before this",
  repeated: "an event that came before",
  data: "not what the map and the filter make",
};

/** A check each of what `Follower.takeAll` returns. */
export const EVENT_CHECKS = {
  "ids are instance-seq-fingerprint": (seen) => !seen.wrong.has("id"),
  "seq only grows": (seen) => !seen.wrong.has("seq"),
  "no event is missing": (seen) => !seen.wrong.has("missing"),
  "no event comes twice": (seen) => !seen.wrong.has("repeated"),
  "names and data are as mapped": (seen) => !seen.wrong.has("data"),
};

/** A client of the events of one run. */
export class Follower {
  /** With a filter a client sees only each `step`th number, those for which `matches` says so. */
  constructor(run, step = 1, matches = () => true) {
    this.run = run;
    this.step = step;
    this.matches = matches;
    this.lastId = null;
    this.place = null;
    this.numbers = {};
    this.missing = 0;
    this.repeated = 0;
  }

  /** Takes the frames of one connection: `wrong`, a set of words, and `events`, those of this run. */
  takeAll(frames) {
    const seen = { wrong: new Set(), events: [] };
    for (const frame of frames) {
      const { wrong, event } = this.take(frame);
      wrong.forEach((word) => seen.wrong.add(word));
      if (event !== null) {
        seen.events.push(event);
      }
    }
    return seen;
  }

  /** Takes one frame: `wrong`, a list of words, and `event`, where it is of this run. */
  take(frame) {
    const wrong = this.takeId(frame);
    let event = null;
    if (frame.event === "gap") {
      wrong.push("missing");
    } else if (frame.event === "ping") {
      if (Number.isNaN(Date.parse((json(frame.data) || {}).ts))) {
        wrong.push("data");
      }
    } else {
      event = read(this.run, frame);
      wrong.push(...(event === null ? [] : this.takeEvent(event)));
    }
    complain(wrong, frame);
    return { wrong, event };
  }

  takeId(frame) {
    if (frame.id === null && frame.event === "gap") {
      return [];
    }
    const place = parseId(frame.id || "");
    if (place === null) {
      return ["id"];
    }
    const last = this.place;
    this.place = place;
    this.lastId = frame.id;
    // Each server numbers its own frames.
    const isBehind = last !== null && last.instance === place.instance && place.seq <= last.seq;
    return isBehind ? ["seq"] : [];
  }

  takeEvent({ source, n, isRight }) {
    const wrong = isRight && this.matches(n) ? [] : ["data"];
    const last = this.numbers[source];
    if (last !== undefined && n > last + this.step) {
      this.missing += Math.round((n - last) / this.step) - 1;
      wrong.push("missing");
    } else if (last !== undefined && n <= last) {
      this.repeated += 1;
      wrong.push("repeated");
    }
    this.numbers[source] = last === undefined ? n : Math.max(last, n);
    return wrong;
  }
}

function complain(wrong, frame) {
  if (wrong.length > 0 && !hasComplained) {
    hasComplained = true;
    const meaning = wrong.map((word) => MEANINGS[word]).join("; ");
    console.error(`the first that VU ${exec.vu.idInTest} found: ${meaning}: ${JSON.stringify(frame)}`);
  }
}
