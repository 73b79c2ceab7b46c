// Requests to the server that this page came from, with the token if there is one.
//
// The token is kept for this tab only, and goes nowhere but into the Authorization header.

const KEY = 'ssecast-token'
let fallback = ''

/** The token, or an empty text. */
export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? ''
  } catch {
    return fallback
  }
}

/** Keeps a token for this tab; an empty one forgets it. */
export function setToken(value) {
  fallback = value
  try {
    if (value) sessionStorage.setItem(KEY, value)
    else sessionStorage.removeItem(KEY)
  } catch {
    // Then it lasts as long as the page.
  }
}

/** `fetch`, authorised. */
export function ask(path, { headers = {}, ...options } = {}) {
  const authorized = token() ? { ...headers, Authorization: `Bearer ${token()}` } : headers
  return fetch(path, { cache: 'no-store', credentials: 'same-origin', ...options, headers: authorized })
}

/** JSON of this path; what is not 200 is thrown as a `Refused`. */
export async function askJson(path, options) {
  const response = await ask(path, options)
  if (response.status !== 200) throw new Refused(response.status)
  return response.json()
}

/** The server answered, but not with what was asked for. */
export class Refused extends Error {
  constructor(status) {
    super(`status ${status}`)
    this.status = status
  }
}
