// The live page: puts its parts together.

import { setToken, token } from "./api.js"
import { Connection } from "./connection.js"
import { Diagnose } from "./diagnose.js"
import { announce, byId, make, now, say } from "./dom.js"
import { Events } from "./events.js"
import { Publish } from "./publish.js"
import { Recent } from "./recent.js"
import { textOf } from "./row.js"
import { Stats } from "./stats.js"

const events = new Events({
  onType: (name) => byId('known-types').append(make('option', { value: name })),
  onShown: () => recent.handleShown(),
})
const recent = new Recent(events)
const connection = new Connection({ onState: showConnection, onEvent: take })
/** Why there are no measurements, by the status of the answer. */
const WHY_NO_STATS = {
  401: 'Measurements and traces need a token.',
  403:
    'Measurements and traces are for operators: open this page on the server’s own machine or at its admin listener, ' +
    'or enter a token of auth.admin_tokens.',
}
const notices = { stream: '', stats: '' }
const publish = new Publish({ onUnauthorized: () => askForToken('Publishing needs a token.') })
new Diagnose()
new Stats(showStatsProblem)

byId('reconnect').addEventListener('click', () => connection.reconnectIfWaiting())
byId('publish-first').addEventListener('click', () => publish.publish())
setUpFilter()
setUpToken()
setUpTheme()
say(byId('curl'), `curl -N ${location.origin}/events`)
connection.open(byFilter().query)

/** What a stream brings. */
function take(event) {
  if (event.type === 'ping') return beat()
  if (event.type !== 'gap') return events.add(event)
  events.mark('warn', `Gap (${reasonOf(event.data)}): events may be missing; fetch your state anew`)
}

function reasonOf(data) {
  try {
    return JSON.parse(data).reason
  } catch {
    return 'unknown'
  }
}

/** A heartbeat is seen, not heard. */
function beat() {
  const dot = byId('connection-dot')
  dot.classList.remove('is-beating')
  // Reading the layout lets the animation begin anew.
  void dot.offsetWidth
  dot.classList.add('is-beating')
}

function showConnection(state) {
  const element = byId('connection')
  element.dataset.state = state.name
  byId('reconnect').hidden = state.name !== 'waiting'
  showEmpty(state.name === 'live')
  clearInterval(showConnection.timer)
  if (state.name === 'waiting') {
    const show = () => {
      const seconds = Math.max(Math.ceil((state.until - now()) / 1000), 1)
      say(byId('connection-text'), `${state.isBusy ? 'Server busy, again' : 'Reconnecting'} in ${seconds} s`)
    }
    show()
    showConnection.timer = setInterval(show, 250)
    if (state.attempt === 1) {
      events.mark('warn', state.isBusy ? 'The server is busy' : 'Connection lost')
      announce('Connection lost, reconnecting')
    }
  } else if (state.name === 'connecting') {
    say(byId('connection-text'), state.attempt > 1 ? `Connecting, attempt ${state.attempt}` : 'Connecting')
  } else if (state.name === 'stopped') {
    say(byId('connection-text'), 'Not connected')
    announce(state.why)
    if (state.status === 401 || state.status === 403) askForToken(`${state.why}.`)
    else notify(`${state.why}.`)
  } else {
    showLive(state)
  }
}

/** What the list says as long as nothing is on it. */
function showEmpty(isLive) {
  say(byId('empty-title'), isLive ? 'Quiet so far' : 'Not connected yet')
  const when = isLive ? 'the moment they are published' : 'once the stream is open'
  say(byId('empty-text'), `Events show up here ${when}.`)
}

function showLive({ away, requested, hasGap }) {
  const element = byId('connection')
  notify('')
  say(byId('connection-text'), 'Live')
  delete element.dataset.resumed
  if (away === null) return
  const after = `Connected again after ${textOf(away)}`
  const how = hasGap ? 'gap' : requested ? 'complete' : 'anew'
  element.dataset.resumed = how
  if (how === 'gap') say(byId('connection-text'), 'Live, resumed with a gap')
  if (how === 'complete') say(byId('connection-text'), 'Live, resumed')
  const what = {
    gap: 'resumed with a gap',
    complete: `resumed after ${requested}: nothing is missing`,
    // There was no id to resume from.
    anew: 'and nobody knows what was sent meanwhile',
  }
  const isComplete = how === 'complete'
  events.mark(isComplete ? 'good' : 'warn', `${after}, ${what[how]}`)
  announce(`${after}, ${isComplete ? 'nothing is missing' : 'some events may be missing'}`)
}

/** Shows something that the user should do something about; an empty text takes it away. The stream's comes first. */
function notify(text, about = 'stream') {
  notices[about] = text
  const shown = notices.stream || notices.stats
  byId('notice').hidden = shown === ''
  say(byId('notice-text'), shown)
}

function showStatsProblem(error) {
  notify(WHY_NO_STATS[error?.status] ?? '', 'stats')
}

/** The filter as the form says it: the event names, the stream's query, and for people. */
function byFilter() {
  const values = (id) => byId(id).value.split(',').map((value) => value.trim()).filter(Boolean)
  const [types, topics] = [values('filter-type'), values('filter-topic')]
  const pairs = [...types.map((type) => ['type', type]), ...topics.map((topic) => ['topic', topic])]
  const text = pairs.map(([name, value]) => `${name} ${value}`).join(', ')
  return { types, query: new URLSearchParams(pairs).toString(), text }
}

function setUpFilter() {
  const wanted = new URLSearchParams(location.search)
  byId('filter-type').value = wanted.getAll('type').join(', ')
  byId('filter-topic').value = wanted.getAll('topic').join(', ')
  let current = byFilter()
  events.setTypes(current.types)
  const apply = () => {
    const filter = byFilter()
    if (filter.query === current.query) return
    current = filter
    history.replaceState(null, '', filter.query ? `?${filter.query}` : location.pathname)
    events.setTypes(filter.types)
    events.mark('plain', filter.query ? `Only ${filter.text} from here on` : 'Everything from here on')
    connection.open(filter.query)
  }
  byId('filter').addEventListener('change', apply)
  byId('filter').addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    apply()
  })
}

function askForToken(why) {
  notify(why)
  byId('token-why').textContent = why
}

function setUpToken() {
  const dialog = byId('token-dialog')
  const open = () => {
    byId('token').value = token()
    dialog.showModal()
  }
  const keep = (value) => {
    setToken(value)
    dialog.close()
    notify('')
    notify('', 'stats')
    connection.open(byFilter().query)
  }
  byId('token-open').addEventListener('click', open)
  byId('notice-token').addEventListener('click', open)
  byId('token-forget').addEventListener('click', () => keep(''))
  byId('token-cancel').addEventListener('click', () => dialog.close())
  byId('token-form').addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    keep(byId('token').value.trim())
  })
}

function setUpTheme() {
  const button = byId('theme')
  const root = document.documentElement
  const show = () => {
    const theme = root.dataset.theme ?? 'auto'
    say(byId('theme-name'), theme)
    button.setAttribute('aria-label', `Theme: ${theme}`)
  }
  button.addEventListener('click', () => {
    const themes = ['auto', 'light', 'dark']
    const next = themes[(themes.indexOf(root.dataset.theme ?? 'auto') + 1) % themes.length]
    if (next === 'auto') delete root.dataset.theme
    else root.dataset.theme = next
    try {
      localStorage.setItem('theme', next)
    } catch {
      // Then it lasts as long as the page.
    }
    show()
  })
  show()
}
