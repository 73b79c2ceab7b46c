// What the scripts publish and how it must come out: numbered events of three types in turn, two of them
// order events that the built-in map makes public.
//
// Every event carries who published it and its number, in the order's id or in the payload, so that a reader
// can tell what it lacks. Only the third type can carry the time of publishing through a stream of payloads:
// the map removes it from the others.

/** The type, and so the event name, of the events that no map knows. */
export const TICK = "k6-tick";

const STATUSES = ["Pending", "Confirmed", "Shipped", "Delivered"];

/**
 * The types in turn: `type` as published and `name` as broadcast, what is published of number `n`, and
 * whether a payload is what is public of that.
 */
const KINDS = [
  {
    type: "OrderCreatedDomainEvent",
    name: "order-created",
    payload: (source, n) => ({
      orderId: idOf(source, n),
      customerId: "not-public",
      status: STATUSES[0],
      total: 12.5,
    }),
    isPublic: (payload) => keysOf(payload) === 2 && payload.status === STATUSES[0],
  },
  {
    type: "OrderStatusChangedDomainEvent",
    name: "order-status-changed",
    payload: (source, n) => ({
      orderId: idOf(source, n),
      oldStatus: status(n),
      newStatus: status(n + 1),
      customerId: "not-public",
    }),
    isPublic: (payload, n) =>
      keysOf(payload) === 3 && payload.oldStatus === status(n) && payload.newStatus === status(n + 1),
  },
  {
    type: TICK,
    name: TICK,
    payload: (source, n, at) => ({ source, n, at }),
    isPublic: (payload) => keysOf(payload) === 3 && Number.isFinite(payload.at),
  },
];
/** Numbers of one type are this far apart. */
export const TYPES = KINDS.length;

/** A name for one run, so that a script knows its own events. */
export function newRun() {
  return `k6-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
}

/** The topic of number `n` when there are `topics` of them. */
export function topicOf(run, n, topics) {
  return `${run}/${n % topics}`;
}

/** The event name of number `n`. */
export function nameOf(n) {
  return KINDS[n % TYPES].name;
}

/**
 * Number `n` of `source`, a publisher of this run. It is stamped with the time now, in `ts` and, where the
 * payload is passed on as it is, in there too.
 */
export function envelope(source, n, topics) {
  const { type, payload } = KINDS[n % TYPES];
  const now = Date.now();
  const id = idOf(source, n);
  const ts = new Date(now).toISOString();
  return JSON.stringify({ eventType: type, id, traceId: id, payload: payload(source, n, now), ts, topics });
}

/**
 * The event in a frame if a publisher of `run` made it, else null: `source`, `n`, `at` (milliseconds when it
 * was published, null where the stream does not carry it), and `isRight`, whether name and data are what the
 * built-in map makes of it.
 */
export function read(run, frame) {
  const data = json(frame.data);
  // A server with stream.data=envelope sends the envelope, its payload already mapped.
  const isEnvelope = isObject(data) && typeof data.eventType === "string" && isObject(data.payload);
  const payload = isEnvelope ? data.payload : data;
  if (!isObject(payload)) {
    return null;
  }
  const isTick = frame.event === TICK;
  const { source, n } = isTick ? payload : split(payload.orderId);
  if (typeof source !== "string" || !source.startsWith(`${run}.`) || !Number.isInteger(n) || n < 0) {
    return null;
  }
  const at = isEnvelope ? Date.parse(data.ts) : isTick ? payload.at : null;
  const { name, isPublic } = KINDS[n % TYPES];
  return { source, n, at, isRight: frame.event === name && isPublic(payload, n) };
}

function idOf(source, n) {
  return `${source}-${n}`;
}

/** The parts of what `idOf` makes. */
function split(id) {
  if (typeof id !== "string") {
    return {};
  }
  const dash = id.lastIndexOf("-");
  return { source: id.slice(0, dash), n: Number(id.slice(dash + 1)) };
}

function status(n) {
  return STATUSES[n % STATUSES.length];
}

function isObject(value) {
  return value !== null && typeof value === "object";
}

function keysOf(object) {
  return Object.keys(object).length;
}

/** Parsed JSON, or null. */
export function json(text) {
  try {
    return JSON.parse(text);
  } catch (_) {
    return null;
  }
}
