// What the stream does not say of an event: its entity, its trace, when it was published.
//
// Asked for once for many events, and only while some on the list lack it. Latencies are corrected by the difference
// between the clocks here and there, which every answer measures.

import { askJson } from "./api.js"
import { now } from "./dom.js"

/** From an event to the question, so that those that come with it are asked for together; and between two. */
const SOON_MS = 120
const PAUSE_MS = 1000
/** How long a measurement of the clocks holds. */
const CLOCK_MS = 60_000

export class Recent {
  #events
  #timer = 0
  #askedAt = 0
  #clock = null

  constructor(events) {
    this.#events = events
  }

  /** There are new rows. */
  handleShown() {
    this.#timer ||= setTimeout(() => this.#ask(), Math.max(SOON_MS, this.#askedAt + PAUSE_MS - now()))
  }

  async #ask() {
    this.#askedAt = now()
    const rows = this.#events.unknown()
    let known = new Map()
    try {
      if (rows.length) known = await this.#answer(rows)
    } catch {
      // Then nobody knows, and the list shows what the stream said.
    }
    for (const row of rows) row.learn(this.#knownOf(row, known.get(row.id)))
    this.#timer = 0
    if (this.#events.unknown().length) this.handleShown()
  }

  async #answer(rows) {
    const after = Math.min(...rows.map((row) => numberOf(row.id))) - 1
    const asked = now()
    const answer = await askJson(`/recent?after=${Math.max(after, 0)}`)
    // It was cut to milliseconds.
    this.#measure(Date.parse(answer.now) + 0.5, asked, now())
    return new Map(answer.events.map((event) => [event.id, event]))
  }

  #knownOf(row, event) {
    if (!event) return {}
    const { entity, trace_id: trace, ts } = event
    const latencyMs = ts ? Math.max(row.at + this.#clock.offset - Date.parse(ts), 0) : undefined
    return { entity, trace, ts, latencyMs }
  }

  /** The best of the last measurements: that of the shortest round trip. */
  #measure(there, asked, answered) {
    const error = (answered - asked) / 2
    if (this.#clock && this.#clock.error < error && answered - this.#clock.at < CLOCK_MS) return
    const offset = there - (asked + answered) / 2
    // Within what cannot be measured the clocks are the same.
    this.#clock = { at: answered, error, offset: Math.abs(offset) <= error + 1 ? 0 : offset }
  }
}

/** The number in `<instance>-<number>-<fingerprint>`. */
const numberOf = (id) => Number(id.split('-')[1]) || 0
