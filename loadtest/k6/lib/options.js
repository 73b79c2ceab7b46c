// Options from environment variables, read once when a script starts. A missing or empty one is its default;
// a bad one ends the run before anything is sent, with a message that names it.

/** Beyond this many VUs a machine runs out of ports before k6 does anything useful. */
const VUS_MOST = 50000;

/** What every script sets, for `options`. */
export const COMMON = {
  summaryTrendStats: ["count", "min", "med", "p(95)", "p(99)", "max"],
};

function read(name, otherwise, wanted, parse) {
  const text = __ENV[name] === undefined ? "" : __ENV[name].trim();
  if (text === "") {
    return otherwise;
  }
  const value = parse(text);
  if (value === undefined) {
    throw new Error(`${name}=${JSON.stringify(text)} is not ${wanted}`);
  }
  return value;
}

function within(value, least, most) {
  return Number.isFinite(value) && value >= least && value <= most ? value : undefined;
}

/** A whole number. */
export function whole(name, otherwise, least = 0, most = 1e9) {
  const parse = (text) => (/^\d+$/.test(text) ? within(Number(text), least, most) : undefined);
  return read(name, otherwise, `a whole number from ${least} to ${most}`, parse);
}

/** How many VUs do a thing. */
export function vus(name, otherwise, least = 1) {
  return whole(name, otherwise, least, VUS_MOST);
}

/** Events or requests a second. */
export function rate(name, otherwise) {
  const parse = (text) => (/^\d+(\.\d+)?$/.test(text) ? within(Number(text), 0.1, 1e6) : undefined);
  return read(name, otherwise, "a number from 0.1 to 1000000", parse);
}

/** A share of one, such as 0.999. */
export function share(name, otherwise) {
  const parse = (text) => (/^\d+(\.\d+)?$/.test(text) ? within(Number(text), 0, 1) : undefined);
  return read(name, otherwise, "a number from 0 to 1", parse);
}

const UNITS = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** A time such as "500ms", "30s" or "1m30s"; in seconds. */
export function seconds(name, otherwise, least = 0) {
  const parse = (text) => {
    if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
      return undefined;
    }
    const parts = text.match(/\d+(\.\d+)?(ms|s|m|h)/g);
    const total = parts.reduce((sum, part) => sum + parseFloat(part) * UNITS[part.replace(/[\d.]+/, "")], 0);
    return within(total, least, 7 * 24 * 3600);
  };
  const wanted =
    least > 0 ? `a time of at least ${least}s, such as 30s` : "a time such as 500ms, 30s or 1m30s";
  return read(name, otherwise, wanted, parse);
}

/** A bound on a Trend, in milliseconds. */
export function millis(name, otherwise) {
  return whole(name, otherwise, 0);
}

/** One of a few words. */
export function choice(name, otherwise, words) {
  return read(name, otherwise, `one of ${words.join(", ")}`, (text) => words.find((word) => word === text));
}

/** The address of a server, without the slash at its end. */
export function address(name, otherwise) {
  const parse = (text) =>
    /^https?:\/\/[^\s/?#]+(\/[^\s?#]*)?$/.test(text) ? text.replace(/\/+$/, "") : undefined;
  return read(name, otherwise, "an address such as http://127.0.0.1:8080", parse);
}

/** Seconds as k6 writes them. */
export function time(seconds) {
  return `${Math.round(seconds * 1000)}ms`;
}
