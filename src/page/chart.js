// A small chart of the last minutes: one or two lines, drawn anew with every value.

import { makeSvg } from "./dom.js"

/** Values that are shown. */
export const POINTS = 90
const WIDTH = 300
const HEIGHT = 56
/** Room for the stroke at the top. */
const TOP = 3

export class Chart {
  #svg
  #lines
  #series

  /** A chart in `figure` with so many lines; `least` is the least value that its top stands for. */
  constructor(figure, lines, least) {
    this.least = least
    this.#series = Array.from({ length: lines }, () => [])
    this.#lines = this.#series.map((_, index) => ({
      area: makeSvg('path', { class: 'area', 'data-line': index }),
      line: makeSvg('path', { class: 'line', 'data-line': index, 'vector-effect': 'non-scaling-stroke' }),
    }))
    this.#svg = makeSvg(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      ...this.#lines.flatMap(({ area, line }) => [area, line]),
    )
    figure.append(this.#svg)
  }

  /** Adds a value for each line; `null` is a hole. */
  push(values) {
    values.forEach((value, index) => {
      this.#series[index].push(value)
      if (this.#series[index].length > POINTS) this.#series[index].shift()
    })
    this.#draw()
  }

  /** The largest value that is shown; `null` where none is. */
  get max() {
    const values = this.#series.flat().filter((value) => value !== null)
    return values.length ? Math.max(...values) : null
  }

  #draw() {
    const top = Math.max(this.max ?? 0, this.least)
    this.#series.forEach((values, index) => {
      const { line, area } = this.#lines[index]
      const runs = runsOf(values).map((run) => run.map(([at, value]) => pointOf(at, values.length, value / top)))
      line.setAttribute('d', runs.map((run) => `M${run.join('L')}`).join(''))
      const closed = runs.map((run) => `M${run[0][0]},${HEIGHT}L${run.join('L')}L${run.at(-1)[0]},${HEIGHT}Z`)
      area.setAttribute('d', closed.join(''))
    })
  }
}

/** The newest value stands at the right edge. */
function pointOf(at, count, share) {
  const x = WIDTH - ((count - 1 - at) * WIDTH) / (POINTS - 1)
  return [x.toFixed(1), (HEIGHT - share * (HEIGHT - TOP)).toFixed(1)]
}

/** The values with their places, in runs without a hole. */
function runsOf(values) {
  const runs = [[]]
  values.forEach((value, at) => {
    if (value !== null) runs.at(-1).push([at, value])
    else if (runs.at(-1).length) runs.push([])
  })
  return runs.filter((run) => run.length)
}
