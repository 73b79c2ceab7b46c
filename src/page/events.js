// The list of events, newest first: bounded, and calm however many come.
//
// What comes is put on the screen once a frame; of more than the list holds only the last are made into rows.

import { announce, byId, make, say } from "./dom.js"
import { Row, timeOf } from "./row.js"

/** Entries of the list. */
const MOST = 500
/** Event names that are offered for the filter. */
const MOST_TYPES = 100
/** More than so many at once do not light up. */
const MOST_LIT = 8
/** How often those who listen are told that events came. */
const ANNOUNCE_MS = 10_000

export class Events {
  #list = byId('list')
  #rows = new Map()
  #waiting = []
  #frame = 0
  #isPaused = false
  #held = 0
  #total = 0
  #filter = []
  #untold = 0
  #toldAt = 0

  /** `onType(name)` is told of every event name, once; `onShown()` when there are new rows. */
  constructor({ onType, onShown }) {
    this.onType = onType
    this.onShown = onShown
    this.types = new Set()
    byId('pause').addEventListener('click', () => this.#setPaused(!this.#isPaused))
    byId('clear').addEventListener('click', () => this.#clear())
    setInterval(() => this.#tell(), 1000)
    this.#count()
  }

  /** An event came: `{ type, data, id, at }`. */
  add(event) {
    this.#total += 1
    this.#untold += 1
    this.#hold(event)
    if (!this.types.has(event.type) && this.types.size < MOST_TYPES) {
      this.types.add(event.type)
      this.onType(event.type)
    }
  }

  /** Notes something that is no event; `kind` is good, warn or plain. */
  mark(kind, text) {
    this.#hold({ kind, text, at: Date.now() })
  }

  /** Shows only these event names from now on, of what is there as well; none shows all. */
  setTypes(types) {
    this.#filter = types
    for (const row of this.#rows.values()) this.#hide(row)
  }

  /** The rows of which nobody asked yet what the stream does not say, oldest first. */
  unknown() {
    return [...this.#rows.values()].filter((row) => !row.isKnown)
  }

  #hold(entry) {
    this.#waiting.push(entry)
    if (this.#waiting.length > MOST) this.#waiting.shift()
    if (!this.#isPaused) this.#frame ||= requestAnimationFrame(() => this.#show())
    else if (entry.type) this.#held += 1
    if (this.#isPaused) this.#count()
  }

  #show() {
    this.#frame = 0
    const entries = this.#waiting.splice(0)
    const isCalm = entries.length <= MOST_LIT
    const elements = entries.map((entry) => (entry.kind ? markOf(entry) : this.#rowOf(entry, isCalm)))
    const before = this.#list.scrollHeight
    this.#list.prepend(...elements.reverse())
    // Whoever reads further down goes on reading.
    if (this.#list.scrollTop > 0) this.#list.scrollTop += this.#list.scrollHeight - before
    while (this.#list.childElementCount > MOST) {
      this.#rows.delete(this.#list.lastElementChild.dataset.id)
      this.#list.lastElementChild.remove()
    }
    this.#count()
    if (entries.some((entry) => entry.type)) this.onShown()
  }

  #rowOf(event, isCalm) {
    const row = new Row(event)
    row.element.dataset.id = event.id
    if (isCalm) row.element.classList.add('is-new')
    this.#rows.set(event.id, row)
    this.#hide(row)
    return row.element
  }

  #hide(row) {
    row.element.hidden = this.#filter.length > 0 && !this.#filter.includes(row.type)
  }

  #setPaused(isPaused) {
    this.#isPaused = isPaused
    this.#held = 0
    byId('pause').setAttribute('aria-pressed', String(isPaused))
    if (!isPaused) this.#show()
    this.#count()
  }

  #clear() {
    this.#rows.clear()
    this.#list.replaceChildren()
    this.#total = 0
    this.#count()
  }

  #count() {
    const count = this.#held ? [this.#held, 'held back'] : [this.#total, 'received']
    say(byId('count'), `${count[0].toLocaleString('en')} ${count[1]}`)
    byId('empty').hidden = this.#list.childElementCount > 0
    this.#list.hidden = this.#list.childElementCount === 0
  }

  /** Not every event is told: a count now and then. */
  #tell() {
    if (!this.#untold || Date.now() - this.#toldAt < ANNOUNCE_MS) return
    announce(this.#untold === 1 ? 'One event came' : `${this.#untold} events came`)
    this.#toldAt = Date.now()
    this.#untold = 0
  }
}

function markOf({ kind, text, at }) {
  return make('li', { class: 'mark', data: { kind } }, make('span', {}, text), make('time', {}, timeOf(at)))
}
