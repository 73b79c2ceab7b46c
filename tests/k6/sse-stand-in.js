// Stands in for `k6/x/sse` where sse.js is tested on stock k6: the interface that the extension documents,
// over k6's own HTTP. It hands out a stream's events when the stream has ended, not when they come; and so
// that the script takes them for live ones, it says "open" before the request.

import http from "k6/http";

export default {
  open(url, params, setup) {
    const handlers = { open: [], event: [], error: [] };
    const call = (name, ...args) => handlers[name].forEach((handler) => handler(...args));
    setup({ on: (name, handler) => handlers[name].push(handler), close: () => {} });
    call("open");
    const response = http.request(params.method || "GET", url, params.body || null, {
      headers: { Accept: "text/event-stream", ...params.headers },
      timeout: params.timeout,
      tags: params.tags,
    });
    if (response.error) {
      call("error", { error: () => response.error });
    }
    eventsOf(response.body || "").forEach((event) => call("event", event));
    return { url, status: response.status, headers: response.headers, error: response.error };
  },
};

/** As the extension does it: a block of comments is an event, too. */
function eventsOf(body) {
  const blocks = body.split("\n\n").slice(0, -1);
  return blocks.map((block) => {
    const event = { id: "", comment: "", name: "", data: "" };
    const data = [];
    for (const line of block.split("\n")) {
      const [, field, value] = /^([^:]*): ?(.*)$/.exec(line);
      if (field === "data") {
        data.push(value);
      } else if (field !== "retry") {
        event[{ id: "id", event: "name", "": "comment" }[field]] = value;
      }
    }
    return { ...event, data: data.join("\n") };
  });
}
