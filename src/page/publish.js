// The form that publishes a sample event, for real: what its text says goes to POST /publish.
//
// An untouched sample is a new order every time, and "status changed" takes the last order one step further.

import { ask } from "./api.js"
import { byId, now, say } from "./dom.js"

const STEPS = ['Pending', 'Paid', 'Packed', 'Shipped', 'Delivered']

/** What else a refusal may mean to whoever reads it. */
const HINTS = {
  401: 'Publishing needs a token.',
  403: 'This token may not publish.',
  404: 'Nothing can be published at this address.',
  429: 'Too many at once; try again shortly.',
}

export class Publish {
  #form = byId('publish-form')
  #text = byId('envelope')
  #sample = byId('sample')
  #order = newOrder()
  #isUntouched = true
  #isBusy = false
  #onUnauthorized

  /** `onUnauthorized()` is told when a token is needed. */
  constructor({ onUnauthorized }) {
    this.#onUnauthorized = onUnauthorized
    this.#form.addEventListener('submit', (submitted) => {
      submitted.preventDefault()
      this.publish()
    })
    this.#sample.addEventListener('change', () => this.#write())
    this.#text.addEventListener('input', () => (this.#isUntouched = false))
    this.#write()
  }

  /** Publishes what the form says. */
  async publish() {
    if (this.#isBusy) return
    this.#isBusy = true
    const started = now()
    try {
      const headers = { 'Content-Type': 'application/json' }
      const response = await ask('/publish', { method: 'POST', headers, body: this.#text.value })
      this.#answered(response.status, await bodyOf(response), Math.round(now() - started))
    } catch {
      this.#say('bad', 'The server cannot be reached.')
    }
    this.#isBusy = false
  }

  #answered(status, body, milliseconds) {
    if (status === 202) {
      this.#say('good', `202: accepted ${body.accepted} via ${body.via}, ${milliseconds} ms`)
      this.#moveOn()
      return
    }
    this.#say('bad', [`${status}:`, body.detail ?? body.title ?? 'refused.', HINTS[status] ?? ''].join(' ').trim())
    if (status === 401) this.#onUnauthorized()
  }

  #moveOn() {
    if (!this.#isUntouched) return
    if (this.#sample.value === 'changed') this.#order.step += 1
    if (this.#sample.value === 'created' || this.#order.step >= STEPS.length - 1) this.#order = newOrder()
    this.#write()
  }

  #write() {
    this.#isUntouched = true
    // A list of one stands on one line.
    this.#text.value = JSON.stringify(this.#envelope(), null, 2).replace(/\[\s+("[^"]*")\s+\]/g, '[$1]')
  }

  #envelope() {
    const { id, customerId, step } = this.#order
    const about = { id, traceId: hex(16), topics: [`customers/${customerId}`] }
    if (this.#sample.value === 'created') {
      const payload = { orderId: id, status: STEPS[0], customerId }
      return { eventType: 'OrderCreatedDomainEvent', ...about, payload }
    }
    if (this.#sample.value === 'changed') {
      const payload = { orderId: id, oldStatus: STEPS[step], newStatus: STEPS[step + 1], customerId }
      return { eventType: 'OrderStatusChangedDomainEvent', ...about, payload }
    }
    return { eventType: 'greeting', id: hex(4), payload: { text: 'Hello' } }
  }

  #say(level, text) {
    const answer = byId('answer')
    answer.dataset.level = level
    say(answer, text)
  }
}

function newOrder() {
  return { id: hex(4), customerId: String(1 + Math.floor(Math.random() * 99)), step: 0 }
}

/** So many random bytes as text. */
function hex(bytes) {
  const values = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(values, (value) => value.toString(16).padStart(2, '0')).join('')
}

async function bodyOf(response) {
  try {
    return await response.json()
  } catch {
    return {}
  }
}
