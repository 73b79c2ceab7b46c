// Reads events with the eventsource package until it has `count` of them: `node read.mjs URL COUNT NAME...`.
// Prints one JSON object a line for each event, and one for each time the connection was lost. Reconnecting
// and resuming is the package's own business.
import { EventSource } from 'eventsource'

const [url, count, ...names] = process.argv.slice(2)
const source = new EventSource(url)
let seen = 0

for (const name of names) {
  source.addEventListener(name, ({ type, data, lastEventId }) => {
    if (seen === Number(count)) return
    seen += 1
    console.log(JSON.stringify({ event: type, data, id: lastEventId }))
    if (seen === Number(count)) {
      source.close()
    }
  })
}
source.addEventListener('error', () => {
  console.log(JSON.stringify({ lost: true }))
  if (source.readyState === EventSource.CLOSED && seen < Number(count)) {
    console.error('the package gave up')
    process.exit(1)
  }
})
