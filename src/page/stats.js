// What `/stats` says: four charts, the state of the bus, and the facts about the server.

import { Refused, askJson } from "./api.js"
import { Chart, POINTS } from "./chart.js"
import { byId, make, say } from "./dom.js"
import { textOf } from "./row.js"

/** Between two questions; the answer costs the server a look at every stream. */
const PAUSE_MS = 1000
const LONG_PAUSE_MS = 5000
const MANY_STREAMS = 5000

const count = (value) => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })

/** What the server measures is cut off here: an event may be older. */
const LONGEST_MS = 3_600_000

/** A latency that the server measured, which may be less than a millisecond. */
function latency(ms) {
  if (ms === null) return '–'
  if (ms >= LONGEST_MS) return 'over 1 h'
  return ms < 10 ? `${ms.toFixed(1)} ms` : textOf(ms)
}

/** A latency as a value and its unit. */
function latencyParts(ms) {
  const text = latency(ms)
  const at = text.lastIndexOf(' ')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** A number of bytes as people say it. */
function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = value < 1024 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1)
  const scaled = value / 1024 ** power
  return [scaled < 10 && power ? scaled.toFixed(1) : String(Math.round(scaled)), units[power]]
}

function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

/** Each tile: how many lines its chart has, the least value at its top, what it shows and says, and its peak. */
const TILES = {
  deliveries: {
    lines: 1,
    least: 1,
    values: ({ rates }) => [rates.deliveries_per_second],
    show: ({ rates }) => [count(rates.deliveries_per_second), '/s', `${count(rates.events_per_second)} events/s`],
    peak: count,
  },
  streams: {
    lines: 1,
    least: 1,
    values: ({ connections }) => [connections.streams],
    show: ({ connections }) => [count(connections.streams), '', `${count(connections.open)} connections`],
    peak: count,
  },
  latency: {
    lines: 2,
    least: 1,
    values: ({ latency_ms: { broadcast } }) => [broadcast.p99, broadcast.p50],
    show: ({ latency_ms: { broadcast } }) => [
      ...latencyParts(broadcast.p50),
      broadcast.p99 === null ? 'median, last minute' : `median · p99 ${latency(broadcast.p99)}`,
    ],
    peak: latency,
  },
  lag: {
    lines: 1,
    least: 1024,
    values: ({ lag }) => [lag.max_bytes],
    show: ({ lag }) => [...bytes(lag.max_bytes), lag.clients ? `most · ${count(lag.clients)} behind` : 'nobody is behind'],
    peak: (value) => bytes(value).join(' '),
  },
}

export class Stats {
  #charts = {}
  #timer = 0
  #onAnswer

  /** `onAnswer(refused)` is told how each question ended: with `null`, a `Refused`, or another error. */
  constructor(onAnswer) {
    this.#onAnswer = onAnswer
    for (const [name, tile] of Object.entries(TILES)) {
      const figure = byId(`tile-${name}`).querySelector('.chart')
      this.#charts[name] = new Chart(figure, tile.lines, tile.least)
      byId(`tile-${name}`).querySelector('.peak').title = `The top of the chart, which shows the last ${POINTS} values`
    }
    this.#ask()
    document.addEventListener('visibilitychange', () => document.hidden || this.#askNow())
  }

  #askNow() {
    clearTimeout(this.#timer)
    this.#ask()
  }

  async #ask() {
    let pause = PAUSE_MS
    try {
      const stats = await askJson('/stats')
      if (stats.connections.streams > MANY_STREAMS) pause = LONG_PAUSE_MS
      this.#show(stats)
      this.#end(null)
    } catch (error) {
      if (error instanceof Refused) pause = LONG_PAUSE_MS
      this.#end(error)
    }
    clearTimeout(this.#timer)
    // A page that nobody sees asks nothing.
    if (!document.hidden) this.#timer = setTimeout(() => this.#ask(), pause)
  }

  #end(error) {
    document.body.classList.toggle('is-stale', error !== null)
    // What is old is dim, and what nobody knows any more is not said.
    if (error) for (const name of ['mode', 'breaker', 'redis']) showState(name, 'plain', '–')
    this.#onAnswer(error)
  }

  #show(stats) {
    for (const [name, tile] of Object.entries(TILES)) {
      const element = byId(`tile-${name}`)
      const [value, unit, note] = tile.show(stats)
      this.#charts[name].push(tile.values(stats))
      say(element.querySelector('.value'), value)
      say(element.querySelector('.unit'), unit)
      say(element.querySelector('.note'), note)
      const { max } = this.#charts[name]
      say(element.querySelector('.peak'), max ? `peak ${tile.peak(max)}` : '')
    }
    showStates(stats)
    showFacts(stats)
  }
}

/** Mode, breaker and Redis: a word each, and whether it is a good one. */
function showStates({ mode, redis, draining }) {
  const breaker = redis?.publisher.breaker
  const states = {
    mode: draining ? ['warn', `${mode}, draining`] : ['plain', mode],
    breaker: breaker ? [breaker === 'closed' ? 'good' : 'warn', breaker] : ['plain', 'not used'],
    redis: redis ? redisState(redis) : ['plain', 'not used'],
  }
  for (const [name, [level, text]] of Object.entries(states)) showState(name, level, text)
}

function showState(name, level, text) {
  const element = byId(`state-${name}`)
  element.dataset.level = level
  say(element, text)
}

function redisState({ up, round_trip_ms: trip }) {
  if (!up) return ['bad', 'down']
  return ['good', trip === null ? 'up' : `up, ${latency(trip)}`]
}

function showFacts(stats) {
  const { version, instance, uptime_seconds: uptime, log, process, totals, redis, last_event: last } = stats
  say(byId('instance'), instance)
  const [publishedSum, gaps] = [totals.published, totals.gaps].map((of) => Object.values(of).reduce((a, b) => a + b, 0))
  const facts = [
    ['Version', version],
    ['Instance', instance],
    ['Running for', duration(uptime)],
    ['Published', count(publishedSum)],
    ['Delivered', count(totals.deliveries)],
    ['Kept to resume', `${count(log.events)} events, ${bytes(log.bytes).join(' ')}`],
    ['Gaps', count(gaps)],
    ['Memory', bytes(process.resident_bytes).join(' ')],
    redis?.subscriber.why_down && ['Redis is down', redis.subscriber.why_down],
    redis && ['Waiting for Redis', `${count(redis.publisher.spooled)} events`],
    redis && ['Behind Redis', `${count(redis.subscriber.backlog)} messages`],
    last && ['Last event', last.event],
    last?.trace_id && ['Last trace', last.trace_id, 'code'],
  ]
  const list = byId('facts')
  const rows = facts.filter(Boolean)
  if (list.childElementCount !== rows.length) {
    list.replaceChildren(...rows.map(() => make('div', {}, make('dt', {}), make('dd', {}))))
  }
  rows.forEach(([name, value, manner = ''], at) => {
    const [term, description] = list.children[at].children
    say(term, name)
    say(description, value)
    description.className = manner
  })
}
