// One stream that is opened again whenever it ends, and goes on after the last event that it had.
//
// Its state is one of: connecting, live, waiting (until a time), stopped (it would be of no use to try again).

import { ask } from "./api.js"
import { now } from "./dom.js"
import { Parser } from "./stream.js"

/** What to wait where the server said nothing yet, and at most. */
const RETRY_MS = 3000
const MAX_RETRY_MS = 30_000
/** How often a live stream is looked at, and how many heartbeats may be missing. */
const WATCH_MS = 1000
/** How long a server may take to begin. */
const CONNECT_MS = 20_000
const MISSED_HEARTBEATS = 2.5

const STOPPED = {
  401: 'The stream needs a token',
  403: 'The token does not allow this stream',
  404: 'There is no stream at this address',
  400: 'The server does not accept this filter',
}

export class Connection {
  #handlers
  #query = ''
  #lastId = ''
  #retryMs = RETRY_MS
  #failures = 0
  #timer = 0
  #abort = null
  #lostAt = null
  #isLive = false
  #heardAt = 0
  #pingAt = null
  #heartbeatMs = null

  /** `onState(state)` and `onEvent(event)` are told; an event also has `at`, when it came. */
  constructor(handlers) {
    this.#handlers = handlers
    addEventListener('online', () => this.reconnectIfWaiting())
    setInterval(() => this.#watch(), WATCH_MS)
  }

  /** Opens the stream of this query (`type=…&topic=…`), or opens it anew. */
  open(query) {
    this.#query = query
    this.#failures = 0
    this.#lostAt = null
    this.#connect()
  }

  /** Does not wait any longer. */
  reconnectIfWaiting() {
    if (this.#timer) this.#connect()
  }

  #connect() {
    clearTimeout(this.#timer)
    this.#timer = 0
    this.#abort?.abort()
    this.#abort = new AbortController()
    this.#pingAt = null
    this.#isLive = false
    this.#heardAt = now()
    this.#tell({ name: 'connecting', attempt: this.#failures + 1 })
    this.#run(this.#abort)
  }

  async #run(abort) {
    let refusal = null
    try {
      refusal = await this.#read(abort)
    } catch {
      // A broken connection is an end like any other.
    }
    // Otherwise another one was opened instead.
    if (abort === this.#abort) this.#ended(refusal)
  }

  /** Reads to the end of the stream; gives back why there was none, if there was none. */
  async #read({ signal }) {
    const requested = this.#lastId
    const headers = { Accept: 'text/event-stream' }
    if (requested) headers['Last-Event-ID'] = requested
    // A heartbeat that is seen tells that the connection lives, and has an id to resume from.
    const response = await ask(`/events?heartbeat=event&${this.#query}`, { headers, signal })
    if (response.status !== 200) return refusalOf(response)
    let came = []
    let isGreeted = false
    const parser = new Parser({
      onRetry: (ms) => (this.#retryMs = Math.min(ms, MAX_RETRY_MS)),
      onComment: () => (isGreeted = true),
      onEvent: (event) => came.push(event),
    })
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      // It may have been let go while this piece was on its way.
      if (signal.aborted) return null
      // Who is turned away is told when to come back, and nothing else.
      if (done) return this.#isLive ? null : { isBusy: true }
      const at = now()
      this.#heardAt = at
      parser.push(decoder.decode(value, { stream: true }))
      if (!this.#isLive && (isGreeted || came.length)) {
        this.#isLive = true
        this.#becameLive(requested, came.find((event) => event.type === 'gap'))
      }
      for (const event of came) this.#take({ ...event, at })
      came = []
    }
  }

  #becameLive(requested, gap) {
    const away = this.#lostAt === null ? null : now() - this.#lostAt
    this.#failures = 0
    this.#lostAt = null
    this.#tell({ name: 'live', away, requested: requested || null, hasGap: Boolean(gap) })
  }

  #take(event) {
    if (event.id) this.#lastId = event.id
    if (event.type === 'ping') {
      if (this.#pingAt) this.#heartbeatMs = event.at - this.#pingAt
      this.#pingAt = event.at
    }
    this.#handlers.onEvent(event)
  }

  #ended(refusal) {
    if (this.#lostAt === null) this.#lostAt = now()
    if (refusal && STOPPED[refusal.status]) {
      this.#tell({ name: 'stopped', why: STOPPED[refusal.status], status: refusal.status })
      return
    }
    const slower = this.#retryMs * 1.5 ** Math.min(this.#failures, 8)
    const wait = refusal?.retryAfterMs ?? Math.min(slower, MAX_RETRY_MS)
    this.#failures += 1
    this.#timer = setTimeout(() => this.#connect(), wait)
    const isBusy = refusal?.isBusy || refusal?.status === 503
    this.#tell({ name: 'waiting', until: now() + wait, attempt: this.#failures, isBusy })
  }

  /** A connection may die without a word, as when a phone changes its network. */
  #watch() {
    const heartbeat = this.#heartbeatMs && this.#pingAt ? this.#heartbeatMs * MISSED_HEARTBEATS + WATCH_MS : Infinity
    const patience = this.#isLive ? heartbeat : CONNECT_MS
    if (!this.#timer && now() - this.#heardAt > patience) this.#abort?.abort()
  }

  #tell(state) {
    this.#handlers.onState(state)
  }
}

function refusalOf(response) {
  const seconds = Number(response.headers.get('Retry-After'))
  return { status: response.status, retryAfterMs: seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_MS) : null }
}
