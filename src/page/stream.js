// Reads the event stream format (WHATWG HTML section 9.2.6), fed in pieces of any size.
//
// Not the browser's own EventSource: that one can't send a token, hands out only events whose names are known
// beforehand, and says neither why a connection ended nor when it will try again.

/** Parses a stream; `onEvent({ type, data, id })`, `onRetry(milliseconds)` and `onComment()` are told. */
export class Parser {
  #handlers
  #line = ''
  #type = ''
  #data = []
  #lastId = ''
  #isFirst = true
  #endedWithCr = false

  constructor(handlers) {
    this.#handlers = handlers
  }

  push(text) {
    let rest = text
    if (rest === '') return
    if (this.#isFirst && rest.startsWith('\uFEFF')) rest = rest.slice(1)
    this.#isFirst = false
    // The LF of a CRLF that was cut in two.
    if (this.#endedWithCr && rest.startsWith('\n')) rest = rest.slice(1)
    this.#endedWithCr = text.endsWith('\r')
    const lines = rest.split(/\r\n|\n|\r/)
    lines[0] = this.#line + lines[0]
    this.#line = lines.pop()
    for (const line of lines) this.#take(line)
  }

  #take(line) {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return this.#handlers.onComment?.()
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'event') this.#type = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#lastId = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.#handlers.onRetry?.(Number(value))
  }

  #dispatch() {
    const [type, data] = [this.#type || 'message', this.#data]
    this.#type = ''
    this.#data = []
    if (data.length) this.#handlers.onEvent?.({ type, data: data.join('\n'), id: this.#lastId })
  }
}
