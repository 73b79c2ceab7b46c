// That what loadtest/k6/lib finds wrong is wrong and that it finds it: against frames made by hand. A load
// test against a server that does everything right would pass with checks that never fail.

import { check } from "k6";

import { Follower } from "../../loadtest/k6/lib/follower.js";
import { parse, parseId } from "../../loadtest/k6/lib/frames.js";
import { rate, seconds, share, whole } from "../../loadtest/k6/lib/options.js";
import { envelope, nameOf, read, topicOf } from "../../loadtest/k6/lib/orders.js";

export const options = { thresholds: { checks: ["rate==1"] } };

const RUN = "k6-test";
const SOURCE = `${RUN}.1`;

/** The frame that number `n` becomes, as the built-in map has it. */
function frame(n, seq = n, changes = {}) {
  const { payload } = JSON.parse(envelope(SOURCE, n));
  delete payload.customerId;
  delete payload.total;
  return {
    id: `node_1-${seq}-0123456789abcdef`,
    event: nameOf(n),
    data: JSON.stringify({ ...payload, ...changes }),
  };
}

function same(name, found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (!check(found, { [name]: () => a === b })) {
    console.error(`${name}: ${a} is not ${b}`);
  }
}

/** What a follower finds wrong with frames. */
function wrong(frames, follower = new Follower(RUN)) {
  return Array.from(follower.takeAll(frames).wrong);
}

export default function () {
  frames();
  orders();
  followers();
  variables();
}

function frames() {
  const whole = parse(
    "\uFEFFretry: 20\n: hello\n\nid: 1\r\nevent: a\r\ndata: x\r\ndata:  y\r\n\r\ndata\r\rid: 3\n\ndata: cut\n",
  );
  same("frames", whole.frames, [
    { id: "1", event: "a", data: "x\n y" },
    { id: null, event: "message", data: "" },
  ]);
  same("retry", whole.retry, 20);
  same("nothing", parse(""), { retry: null, frames: [] });
  same("cut off within the end of a line", parse("data: x\n").frames, []);
  same("id", parseId("a.B_1-17-0123456789abcdef"), {
    instance: "a.B_1",
    seq: 17,
    fingerprint: "0123456789abcdef",
  });
  for (const id of [
    "",
    "a-1",
    "a-x-0123456789abcdef",
    "a-1-0123456789ABCDEF",
    "a b-1-0123456789abcdef",
    undefined,
  ]) {
    same(`no id: ${id}`, parseId(id), null);
  }
}

function orders() {
  for (const n of [1, 2, 3]) {
    const event = read(RUN, frame(n));
    same(`event ${n}`, [event.source, event.n, event.isRight], [SOURCE, n, true]);
    same(`event ${n} carries its time`, event.at !== null, n === 2);
    const inEnvelope = {
      eventType: nameOf(n),
      payload: JSON.parse(frame(n).data),
      ts: "2026-01-31T12:00:00.123Z",
    };
    const enveloped = read(RUN, { ...frame(n), data: JSON.stringify(inEnvelope) });
    same(`event ${n} in an envelope`, [enveloped.isRight, enveloped.at], [true, 1769860800123]);
    same(
      `event ${n} of another name`,
      read(RUN, { ...frame(n), event: nameOf(n + 1) })?.isRight || false,
      false,
    );
    same(`event ${n} with a private field`, read(RUN, frame(n, n, { customerId: 1 })).isRight, false);
    same(`event ${n} of another run`, read("k6-tes", frame(n)), null);
  }
  same("another status", read(RUN, frame(3, 3, { status: "Shipped" })).isRight, false);
  for (const data of ["", "1", "null", "[]", '{"eventType":"x","payload":null}', '{"orderId":null}']) {
    same(`a stranger's event: ${data}`, read(RUN, { id: null, event: "order-created", data }), null);
  }
  same("topic", topicOf(RUN, 13, 10), "k6-test/3");
}

function followers() {
  const ping = { id: "node_1-4-0123456789abcdef", event: "ping", data: '{"ts":"2026-01-31T12:00:00.123Z"}' };
  const stranger = { id: "node_1-6-0123456789abcdef", event: "order-created", data: '{"orderId":"7"}' };
  same("all right", wrong([frame(1), frame(2), frame(3), ping, frame(4, 5), stranger, frame(5, 7)]), []);
  same("missing", wrong([frame(1), frame(3)]), ["missing"]);
  same("repeated", wrong([frame(1), frame(2), frame(2, 3)]), ["repeated"]);
  same("swapped", wrong([frame(1), frame(3, 2), frame(2, 3)]), ["missing", "repeated"]);
  same("seq stands still", wrong([frame(1), frame(2, 1)]), ["seq"]);
  same("seq of a ping", wrong([frame(4), ping]), ["seq"]);
  same("no id", wrong([{ ...frame(1), id: null }]), ["id"]);
  same("data", wrong([frame(1), frame(2, 2, { extra: 1 })]), ["data"]);
  same("a ping without a time", wrong([{ ...ping, data: "{}" }]), ["data"]);
  same("gap", wrong([{ id: null, event: "gap", data: "{}" }]), ["missing"]);
  same(
    "another server counts from 1",
    wrong([frame(5), { ...frame(6), id: "node_2-1-0123456789abcdef" }]),
    [],
  );

  const resumed = new Follower(RUN);
  wrong([frame(1), frame(2)], resumed);
  same("the id to resume at", resumed.lastId, frame(2).id);
  same("missing between two streams", wrong([frame(6)], resumed), ["missing"]);
  same("how many", [resumed.missing, resumed.repeated], [3, 0]);

  const every = () => new Follower(RUN, 3, (n) => n % 3 === 1);
  same("every third", wrong([frame(1), frame(4), frame(7)], every()), []);
  same("every third, one missing", wrong([frame(1), frame(7)], every()), ["missing"]);
  same("what the filter should keep out", wrong([frame(1), frame(2)], every()), ["data"]);
}

function variables() {
  const parsed = (parse, text) => {
    __ENV.SSECAST_K6_TEST = text;
    try {
      return parse("SSECAST_K6_TEST", "default");
    } catch (error) {
      return error.message;
    }
  };
  same("empty", parsed(whole, " "), "default");
  same("whole", parsed(whole, "12"), 12);
  for (const text of ["-1", "1.5", "1e3", "x", "9999999999"]) {
    const message = `SSECAST_K6_TEST="${text}" is not a whole number from 0 to 1000000000`;
    same(`not whole: ${text}`, parsed(whole, text), message);
  }
  same("rate", parsed(rate, "0.5"), 0.5);
  same(
    "share",
    [parsed(share, "0.999"), parsed(share, "1"), /is not/.test(parsed(share, "1.1"))],
    [0.999, 1, true],
  );
  const times = { "500ms": 0.5, "30s": 30, "1m30s": 90, "1.5h": 5400, "0s": 0 };
  for (const [text, expected] of Object.entries(times)) {
    same(`seconds: ${text}`, parsed(seconds, text), expected);
  }
  for (const text of ["10", "s", "-1s", "1d", "1s1"]) {
    same(`no time: ${text}`, /is not a time/.test(parsed(seconds, text)), true);
  }
}
