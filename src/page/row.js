// One event of the list: a line that opens into all that is known of it.

import { make, say } from "./dom.js"
import { pretty } from "./json.js"

/** Event names are told apart by their text, and at a glance by one of so many colours. */
const COLOURS = 6
/** Names that are remembered. */
const MOST_NAMES = 200
const colours = new Map()
/** Characters of the data on the line. */
const PREVIEW = 160

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** The time of day, to the millisecond. */
export const timeOf = (at) => clock.format(at)

export class Row {
  #event
  #known = null
  #latency = make('span', { class: 'latency', textContent: '·' })
  #trace = make('span', { class: 'trace' })
  #details = make('div', { class: 'details' })

  /** `event` is `{ type, data, id, at }`. */
  constructor(event) {
    this.#event = event
    const { type, data, at } = event
    const line = make(
      'summary',
      {},
      make('time', { class: 'time', dateTime: new Date(at).toISOString(), textContent: timeOf(at) }),
      make('span', { class: 'type', data: { colour: colourOf(type) }, textContent: type }),
      make('span', { class: 'data', textContent: data.slice(0, PREVIEW) }),
      this.#trace,
      this.#latency,
    )
    const fold = make('details', {}, line, this.#details)
    fold.addEventListener('toggle', () => fold.open && this.#fill())
    this.element = make('li', { class: 'event' }, fold)
  }

  get id() {
    return this.#event.id
  }

  get type() {
    return this.#event.type
  }

  get at() {
    return this.#event.at
  }

  get isKnown() {
    return this.#known !== null
  }

  /** Adds what the stream does not say: `{ entity, trace, ts, latencyMs }`, each only where it is known. */
  learn(known) {
    this.#known = known
    const { trace, latencyMs } = known
    say(this.#latency, latencyMs === undefined ? '–' : textOf(latencyMs))
    this.#latency.title = latencyMs === undefined ? 'not known' : 'from its time stamp until it was here'
    say(this.#trace, trace ?? '')
    if (this.#details.firstChild) this.#fill()
  }

  #fill() {
    const { id, type, data, at } = this.#event
    const { entity, trace, ts, latencyMs } = this.#known ?? {}
    const facts = [
      ['Event', type],
      ['Entity', entity],
      ['Trace', trace],
      ['Published', ts],
      ['Latency', latencyMs === undefined ? undefined : textOf(latencyMs)],
      ['Received', timeOf(at)],
      ['Frame', id],
    ]
    const list = make('dl', {})
    for (const [name, value] of facts) {
      if (value) list.append(make('dt', { textContent: name }), make('dd', { textContent: value }))
    }
    const payload = make('pre', { tabIndex: 0 }, ...pretty(data))
    payload.setAttribute('aria-label', 'Data')
    payload.setAttribute('role', 'region')
    this.#details.replaceChildren(list, payload)
  }
}

/** A latency as people say it. */
export function textOf(milliseconds) {
  if (milliseconds < 1) return '<1 ms'
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 100_000) return `${(milliseconds / 1000).toFixed(1)} s`
  if (milliseconds < 6_000_000) return `${Math.round(milliseconds / 60_000)} min`
  if (milliseconds < 360_000_000) return `${Math.round(milliseconds / 3_600_000)} h`
  return `${Math.round(milliseconds / 86_400_000)} d`
}

/** The first names get a colour each, whatever they are; beyond that they share. */
function colourOf(type) {
  const known = colours.get(type)
  if (known !== undefined) return known
  const colour = colours.size % COLOURS
  if (colours.size < MOST_NAMES) colours.set(type, colour)
  return colour
}
