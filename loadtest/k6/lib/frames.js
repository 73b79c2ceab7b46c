// The body of a stream that has ended, parsed as WHATWG HTML 9.2.6 says. Stock k6 hands out a body only as a
// whole, so this says nothing about when a frame came.

const ID = /^([A-Za-z0-9._]{1,32})-([0-9]+)-([0-9a-f]{16})$/;

/**
 * Frames in their order: `{ id, event, data }`, `id` null where the frame has none. `retry` is the last
 * reconnection time in milliseconds, or null. A frame that was cut off is not one.
 */
export function parse(body) {
  const lines = body.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  lines.pop(); // What no line end followed: cut off, or nothing.
  const frames = [];
  let retry = null;
  let frame = { id: null, event: "", data: [] };
  for (const line of lines) {
    if (line === "") {
      if (frame.data.length > 0) {
        frames.push({ id: frame.id, event: frame.event || "message", data: frame.data.join("\n") });
      }
      frame = { id: null, event: "", data: [] };
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "id") {
      frame.id = value;
    } else if (field === "event") {
      frame.event = value;
    } else if (field === "data") {
      frame.data.push(value);
    } else if (field === "retry" && /^\d+$/.test(value)) {
      retry = Number(value);
    }
  }
  return { retry, frames };
}

/** An id's parts, or null: `instance`, `seq` (a number), `fingerprint`. */
export function parseId(id) {
  const parts = ID.exec(id);
  return parts && { instance: parts[1], seq: Number(parts[2]), fingerprint: parts[3] };
}
