// JSON for people: indented and coloured, out of the text as it came.
//
// The text is not parsed into values and written again: numbers keep their digits, keys their order and their
// doubles. What is no JSON stays as it is.

import { make } from "./dom.js"

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)|([{}[\],])|\s+/y
const INDENT = '  '
/** Beyond this a text is shown as it came: a browser has better things to do. */
const MOST_CHARACTERS = 65_536

/** Nodes that show this text. */
export function pretty(text) {
  if (text.length > MOST_CHARACTERS || !isJson(text)) return [text]
  return new Printer(text).nodes()
}

function isJson(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

class Printer {
  #text
  #nodes = []
  #plain = ''
  #depth = 0

  constructor(text) {
    this.#text = text
  }

  nodes() {
    TOKEN.lastIndex = 0
    for (let match; TOKEN.lastIndex < this.#text.length && (match = TOKEN.exec(this.#text)); ) this.#take(match)
    this.#flush()
    return this.#nodes
  }

  #take([, string, colon, number, word, punctuation]) {
    if (string && colon !== undefined) {
      this.#colour('key', string)
      this.#plain += ': '
    } else if (string) this.#colour('string', string)
    else if (number) this.#colour('number', number)
    else if (word) this.#colour('word', word)
    else if (punctuation) this.#punctuate(punctuation)
  }

  #punctuate(character) {
    if (character === ',') {
      this.#plain += `,${this.#newLine()}`
    } else if (character === '{' || character === '[') {
      const isEmpty = /^\s*[}\]]/.test(this.#text.slice(TOKEN.lastIndex, TOKEN.lastIndex + 99))
      this.#depth += 1
      this.#plain += isEmpty ? character : character + this.#newLine()
    } else {
      this.#depth -= 1
      const isEmpty = /[{[]$/.test(this.#plain)
      this.#plain += isEmpty ? character : this.#newLine() + character
    }
  }

  #newLine() {
    return `\n${INDENT.repeat(this.#depth)}`
  }

  #colour(name, text) {
    this.#flush()
    this.#nodes.push(make('span', { class: `json-${name}` }, text))
  }

  #flush() {
    if (this.#plain) this.#nodes.push(this.#plain)
    this.#plain = ''
  }
}
