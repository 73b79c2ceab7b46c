// Follows a stream with several EventSources until each has an event `end`: `sources.mjs URL COUNT`.
// Prints a JSON list for each: what it got, events by their data and gaps by their reason.
// Installed in tests/clients/node; the test puts a link to it beside this file's copy.
import { EventSource } from 'eventsource'

const [url, count] = process.argv.slice(2)
const one = () => new Promise((resolve, reject) => {
  const source = new EventSource(url)
  const got = []
  source.addEventListener('tick', ({ data }) => got.push(JSON.parse(data).n))
  source.addEventListener('gap', ({ data }) => got.push(JSON.parse(data).reason))
  source.addEventListener('end', () => {
    source.close()
    resolve(got)
  })
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) reject(new Error('it gave up'))
  })
})
console.log(JSON.stringify(await Promise.all(Array.from({ length: Number(count) }, one))))
