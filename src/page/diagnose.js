// The button that finds out what lies between: reads `/diagnose`, notes when each probe came, and says what it means.

import { ask } from "./api.js"
import { byId, make, makeSvg, now } from "./dom.js"
import { Parser } from "./stream.js"
import { judge } from "./verdict.js"

const MARKS = { good: '✓', plain: '·', warn: '!', bad: '✕' }
/** The picture: when probes were sent above, when they came below. */
const WIDTH = 300
const [SENT_Y, CAME_Y, MARGIN] = [10, 46, 12]

export class Diagnose {
  #button = byId('diagnose')
  #findings = byId('findings')
  #picture = byId('timeline')

  constructor() {
    this.#button.addEventListener('click', () => this.#run())
  }

  async #run() {
    // Not `disabled`: that would take the focus away from whoever pressed it.
    if (this.#button.ariaDisabled === 'true') return
    this.#button.ariaDisabled = 'true'
    this.#findings.replaceChildren(make('li', { class: 'finding', textContent: 'Ten probes are on their way …' }))
    try {
      this.#show(judge(await this.#read()))
    } catch (error) {
      this.#show([{ level: 'bad', title: 'There is no answer', text: error.message }])
    }
    this.#button.ariaDisabled = 'false'
  }

  async #read() {
    const headers = { Accept: 'text/event-stream', 'Last-Event-ID': 'diagnosis' }
    const response = await ask('/diagnose', { headers })
    if (response.status !== 200) throw new Error(`The server answered with ${response.status}.`)
    const seen = { headers: response.headers, facts: null, probes: [], end: null, host: location.hostname }
    const started = now()
    let at = started
    const parser = new Parser({
      onEvent: ({ type, data }) => {
        if (type === 'facts') seen.facts = JSON.parse(data)
        if (type === 'probe') seen.probes.push({ sentMs: JSON.parse(data).sent_ms, at })
        if (type === 'end') seen.end = JSON.parse(data)
        this.#draw(seen)
      },
    })
    const pieces = []
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const piece = await reader.read().catch(() => ({ done: true }))
      if (piece.done) break
      at = now()
      pieces.push(piece.value)
      parser.push(decoder.decode(piece.value, { stream: true }))
    }
    return { ...seen, ...sumOf(pieces), tookMs: now() - started }
  }

  #draw({ facts, probes }) {
    if (!probes.length || !facts) return
    const whole = facts.probes * facts.interval_ms
    const start = Math.min(...probes.map(({ sentMs, at }) => at - sentMs))
    const x = (ms) => (MARGIN + (ms / whole) * (WIDTH - 2 * MARGIN)).toFixed(1)
    const marks = probes.flatMap(({ sentMs, at }) => [
      makeSvg('line', { x1: x(sentMs), y1: SENT_Y, x2: x(at - start), y2: CAME_Y }),
      makeSvg('circle', { class: 'sent', cx: x(sentMs), cy: SENT_Y, r: 3 }),
      makeSvg('circle', { class: 'came', cx: x(at - start), cy: CAME_Y, r: 4 }),
    ])
    this.#picture.replaceChildren(...marks)
    this.#picture.parentElement.hidden = false
  }

  #show(findings) {
    const lines = findings.map(({ level, title, text }) =>
      make(
        'li',
        { class: 'finding', data: { level } },
        make('span', { class: 'mark-sign', ariaHidden: 'true', textContent: MARKS[level] }),
        make('div', {}, make('strong', { textContent: title }), make('p', { textContent: text })),
      ),
    )
    this.#findings.replaceChildren(...lines)
  }
}

/** How many bytes came before the last frame, and their FNV-1a. */
function sumOf(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let length = 0
  for (const piece of pieces) {
    all.set(piece, length)
    length += piece.length
  }
  const text = new TextDecoder('latin1').decode(all)
  const end = text.lastIndexOf('event: end')
  const bytes = end < 0 ? all.length : end
  let sum = 0x811c9dc5
  for (const byte of all.subarray(0, bytes)) sum = Math.imul(sum ^ byte, 0x01000193)
  return { bytes, sum: (sum >>> 0).toString(16).padStart(8, '0') }
}
