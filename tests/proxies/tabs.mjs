// Opens tabs on one connection, as a browser does over HTTP/2, publishes events on it, and waits until every tab has
// them: `tabs.mjs ORIGIN TABS EVENTS PAUSE_MS`. `https:` is HTTP/2, `http:` a connection for each tab.
// Prints one JSON object: what each tab was answered, the ids that it got, and how long each event took from the
// publish to the last tab. A stream that ends is a failure.
import http2 from 'node:http2'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [origin, tabCount, eventCount, pauseMs] = process.argv.slice(2)
const ca = process.env.CA && readFileSync(process.env.CA)
const session = origin.startsWith('https:') ? http2.connect(origin, { ca }) : undefined
session?.on('error', fail)

function fail(error) {
  console.error(error)
  process.exit(1)
}

// Answers { status, headers, chunks } of a request.
async function ask(path, { method = 'GET', headers = {}, body } = {}) {
  if (!session) {
    const answer = await fetch(origin + path, { method, headers, body })
    return { status: answer.status, headers: Object.fromEntries(answer.headers), chunks: answer.body }
  }
  const stream = session.request({ ':path': path, ':method': method, ...headers })
  const answered = new Promise((resolve, reject) => {
    stream.once('response', resolve)
    stream.once('error', reject)
  })
  stream.end(body)
  const { ':status': status, ...rest } = await answered
  return { status, headers: rest, chunks: stream }
}

const arrived = new Map() // of each event: how many tabs have it, and what to call when all do

async function open() {
  const { status, headers, chunks } = await ask('/events?type=probe', { headers: { 'accept-encoding': 'gzip, br' } })
  const tab = { status, headers, ids: [] }
  let opened
  const ready = new Promise((resolve) => (opened = resolve))
  const read = async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true })
      if (text.includes(': connected')) opened()
      const frames = text.split('\n\n')
      text = frames.pop()
      for (const frame of frames.filter((frame) => frame.includes('event: probe'))) {
        tab.ids.push(/^id: (.*)$/m.exec(frame)[1])
        const { n } = JSON.parse(/^data: (.*)$/m.exec(frame)[1])
        arrived.get(n)()
      }
    }
    fail(new Error(`a stream ended with ${tab.ids.length} events`))
  }
  read().catch(fail)
  await ready
  return tab
}

const tabs = await Promise.all(Array.from({ length: Number(tabCount) }, open))
const latencies = []
for (let n = 0; n < Number(eventCount); n += 1) {
  await sleep(Number(pauseMs))
  const all = new Promise((resolve) => {
    let left = tabs.length
    arrived.set(n, () => (left -= 1) || resolve())
  })
  const body = JSON.stringify({ eventType: 'probe', id: `${n}`, payload: { n } })
  const begun = performance.now()
  const { status, chunks } = await ask('/publish', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body,
  })
  if (status !== 202) fail(new Error(`a publish was answered with ${status}`))
  for await (const _ of chunks) { /* read to its end */ }
  await all
  latencies.push(performance.now() - begun)
}
console.log(JSON.stringify({ tabs, latencies }))
process.exit(0)
