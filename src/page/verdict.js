// From what came of a diagnosis, and when, to what it means. Touches neither the page nor the network.

/** Probes that come this close together, though they were sent far apart, were held back. */
const TOGETHER_MS = 25
/** One may be late and meet the next; so many do not by themselves. */
const TOGETHER = 2
/** A network is this uneven without anybody holding anything back. */
const UNEVEN_MS = 150

/**
 * Findings `{ level, title, text }`, where the level is good, plain, warn or bad.
 *
 * `seen` is `{ headers, facts, probes: [{ sentMs, at }], end, bytes, sum, tookMs, host }`.
 */
export function judge(seen) {
  return [
    ...completeness(seen),
    ...timing(seen),
    compression(seen),
    ...content(seen),
    headers(seen),
    ...resuming(seen),
    ...address(seen),
  ]
}

function completeness({ facts, probes, end, tookMs }) {
  if (end) return []
  const of = facts ? ` of ${facts.probes}` : ''
  const after = (tookMs / 1000).toFixed(1)
  const text = `${probes.length}${of} probes came, and after ${after} s it ended. Look for a limit on the time or the size of an answer.`
  return [{ level: 'bad', title: 'Something cuts the stream', text }]
}

function timing({ probes }) {
  if (probes.length < 2) return []
  const lates = probes.map(({ sentMs, at }) => at - sentMs)
  const least = Math.min(...lates)
  const latest = Math.round(Math.max(...lates) - least)
  const together = probes.filter(
    ({ sentMs, at }, index) =>
      index > 0 && at - probes[index - 1].at < TOGETHER_MS && sentMs - probes[index - 1].sentMs > 2 * TOGETHER_MS,
  ).length
  if (together === probes.length - 1) {
    const text = `All ${probes.length} probes came at once, up to ${latest} ms late. Switch buffering off for text/event-stream, as X-Accel-Buffering: no asks for.`
    return [{ level: 'bad', title: 'Something buffers the stream', text }]
  }
  if (together >= TOGETHER) {
    const text = `${together} of ${probes.length} probes came together with the one before, up to ${latest} ms late: small pieces wait until there are more.`
    return [{ level: 'bad', title: 'Something holds back small pieces', text }]
  }
  if (latest > UNEVEN_MS) {
    const text = `Probes came up to ${latest} ms late, but one by one: the network or a machine is busy.`
    return [{ level: 'warn', title: 'The way is uneven', text }]
  }
  return [{ level: 'good', title: 'Nothing holds the stream back', text: `Every probe came within ${Math.max(latest, 1)} ms.` }]
}

function compression({ headers }) {
  const coding = headers.get('content-encoding')
  if (!coding || coding === 'identity') {
    return { level: 'good', title: 'Nothing compresses it', text: 'There is no Content-Encoding.' }
  }
  const text = `Content-Encoding is ${coding}. Compressing an event stream tends to hold it back: leave text/event-stream out.`
  return { level: 'bad', title: 'Something compresses the stream', text }
}

function content({ end, bytes, sum }) {
  if (!end) return []
  if (end.bytes === bytes && end.fnv1a === sum) {
    return [{ level: 'good', title: 'Nothing changes it', text: `All ${bytes} bytes are those that were sent.` }]
  }
  const text = `${end.bytes} bytes were sent and ${bytes} came, or others. Something rewrites what goes through it.`
  return [{ level: 'bad', title: 'Something changes the stream', text }]
}

function headers({ headers }) {
  const has = (name, part) => (headers.get(name) ?? '').toLowerCase().includes(part)
  const missing = [
    has('content-type', 'text/event-stream') || 'Content-Type: text/event-stream',
    has('cache-control', 'no-transform') || 'Cache-Control: no-transform',
    has('x-content-type-options', 'nosniff') || 'X-Content-Type-Options: nosniff',
  ].filter((one) => one !== true)
  if (missing.length) {
    return { level: 'warn', title: 'Something strips headers', text: `These did not come: ${missing.join(', ')}.` }
  }
  if (!headers.has('x-accel-buffering')) {
    const text = 'All came but X-Accel-Buffering, which nginx takes out after it has done what it says.'
    return { level: 'plain', title: 'The headers came', text }
  }
  return { level: 'good', title: 'The headers came', text: 'None of those that matter is missing.' }
}

function resuming({ facts }) {
  if (!facts) return []
  if (facts.last_event_id) {
    return [{ level: 'good', title: 'Clients can resume', text: 'Last-Event-ID reaches the server.' }]
  }
  const text = 'Last-Event-ID does not reach the server: whoever reconnects misses events. Let that header through.'
  return [{ level: 'bad', title: 'Clients cannot resume', text }]
}

function address({ facts, host }) {
  if (!facts?.address) return []
  const version = facts.http === '1.0' ? ' The last of those on the way speaks HTTP/1.0.' : ''
  if (isPrivate(facts.address) && !isPrivate(host)) {
    const text = `The server counts you as ${facts.address}, an address of its own network: all clients look like one to it, unless server.trusted_proxies names the proxy.${version}`
    return [{ level: 'warn', title: 'Something hides your address', text }]
  }
  const title = facts.forwarded ? 'You come through a proxy' : 'No proxy says that it is there'
  return [{ level: 'plain', title, text: `The server counts you as ${facts.address}.${version}` }]
}

/** Whether an address or a name is of a private network (RFC 6890), as far as its text says. */
function isPrivate(text) {
  const name = text.replace(/^\[|\]$/g, '')
  return /^(localhost$|.*\.local(host)?$|127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:|fe80:)/i.test(name)
}
