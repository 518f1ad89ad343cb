/** Round-trip times over the last two minutes, drawn in SVG at the size the page has for it. */
import { formatMilliseconds } from './bytes.js'
import { svg } from './dom.js'

/** The chart shows the shortest of these spans that holds all samples, and in the end always the last. */
const SPANS = [30_000, 60_000, 120_000]
/** Two samples further apart are not joined by a line. */
const GAP = 5000
const MARGIN = { top: 12, right: 14, bottom: 24, left: 58 }
const MARK = 3
/** Milliseconds that may be a line of the grid. */
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
const MOST_TICKS = 6

const isPowerOfTen = tick => Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6)

/** The lines of the grid: just around the values, or only powers of ten where the others would be too many. */
function ticksFor(values) {
  const least = values.length === 0 ? 0.1 : Math.min(...values)
  const greatest = values.length === 0 ? 1 : Math.max(...values)
  const around = candidates => {
    const below = candidates.findLastIndex(tick => tick <= least)
    const from = Math.max(0, Math.min(below, candidates.length - 3))
    const found = candidates.findIndex(tick => tick >= greatest)
    const to = found < 0 ? candidates.length - 1 : Math.max(found, from + 2)
    return candidates.slice(from, to + 1)
  }
  const ticks = around(TICKS)
  return ticks.length <= MOST_TICKS ? ticks : around(TICKS.filter(isPowerOfTen))
}

/** The value that `share` of the sorted values do not exceed (nearest rank). */
function percentile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** Last, least, median and 99th percentile of the samples; null without any. */
export function statistics(samples) {
  if (samples.length === 0) return null
  const sorted = samples.map(sample => sample.ms).sort((a, b) => a - b)
  return {
    count: sorted.length,
    last: samples.at(-1).ms,
    min: sorted[0],
    median: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  }
}

export class Chart {
  #svg
  #series = []
  #points = []
  #width = 0
  #height = 0
  #hover = null

  constructor(element) {
    this.#svg = element
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = Math.round(contentRect.width)
      this.#height = Math.round(contentRect.height)
      this.#render()
    }).observe(element)
    element.addEventListener('pointermove', event => {
      this.#hover = event.clientX - element.getBoundingClientRect().left
      this.#renderHover()
    })
    element.addEventListener('pointerleave', () => {
      this.#hover = null
      this.#renderHover()
    })
  }

  /** `series` is a list of `{ key, label, samples: [{ at, ms }] }`, `at` by performance.now(). */
  draw(series) {
    this.#series = series
    this.#render()
  }

  #render() {
    if (this.#width === 0) return
    const width = this.#width
    const height = this.#height
    const now = performance.now()
    const oldest = Math.min(now, ...this.#series.flatMap(({ samples }) => samples.slice(0, 1).map(({ at }) => at)))
    const span = SPANS.find(length => now - oldest < length) ?? SPANS.at(-1)
    const recent = this.#series.map(({ key, label, samples }) => ({
      key,
      label,
      samples: samples.filter(sample => now - sample.at <= span),
    }))
    const ticks = ticksFor(recent.flatMap(({ samples }) => samples.map(sample => sample.ms)))
    const floor = Math.log10(ticks[0])
    const decades = Math.log10(ticks.at(-1)) - floor
    const x = at => width - MARGIN.right - ((now - at) / span) * (width - MARGIN.left - MARGIN.right)
    // Logarithmic: an echo may take ten times as long as a ping, and a hiccup a hundred times.
    const y = ms => {
      const share = Math.max(0, Math.min(1, (Math.log10(ms) - floor) / decades))
      return height - MARGIN.bottom - share * (height - MARGIN.top - MARGIN.bottom)
    }

    const axis = svg('g', { class: 'axis' })
    let labelled = Number.POSITIVE_INFINITY
    for (const tick of ticks) {
      const at = y(tick)
      const isBase = tick === ticks[0]
      axis.append(
        svg('line', {
          x1: MARGIN.left,
          x2: width - MARGIN.right,
          y1: at,
          y2: at,
          class: isBase ? 'base' : 'grid',
        }),
      )
      if (labelled - at < 14) continue
      labelled = at
      axis.append(svg('text', { x: MARGIN.left - 8, y: at + 4, 'text-anchor': 'end' }, `${tick} ms`))
    }
    const seconds = span / 1000 / (width < 300 ? 2 : 3)
    for (let ago = 0; ago <= span / 1000; ago += seconds) {
      const at = x(now - ago * 1000)
      axis.append(
        svg('line', { x1: at, x2: at, y1: height - MARGIN.bottom, y2: height - MARGIN.bottom + 4, class: 'base' }),
        svg(
          'text',
          { x: at, y: height - 6, 'text-anchor': ago === 0 ? 'end' : 'middle' },
          ago === 0 ? 'now' : `−${ago} s`,
        ),
      )
    }

    this.#points = []
    const lines = recent.map(({ key, label, samples }) => {
      let path = ''
      let before = null
      const marks = []
      for (const sample of samples) {
        const point = [x(sample.at), y(sample.ms)]
        path += `${before !== null && sample.at - before < GAP ? 'L' : 'M'}${point[0].toFixed(1)} ${point[1].toFixed(1)}`
        before = sample.at
        this.#points.push({ key, label, ms: sample.ms, x: point[0], y: point[1] })
        marks.push(mark(key, ...point))
      }
      return svg('g', { class: `series ${key}` }, svg('path', { d: path, class: 'line' }), marks)
    })
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.#svg.replaceChildren(axis, ...lines, svg('g', { class: 'hover' }))
    this.#renderHover()
  }

  #renderHover() {
    const group = this.#svg.querySelector('.hover')
    if (!group) return
    group.replaceChildren()
    if (this.#hover === null || this.#points.length === 0) return
    let nearest = this.#points[0]
    for (const point of this.#points) {
      if (Math.abs(point.x - this.#hover) < Math.abs(nearest.x - this.#hover)) nearest = point
    }
    if (Math.abs(nearest.x - this.#hover) > 24) return
    const together = this.#points.filter(point => Math.abs(point.x - nearest.x) < 4)
    const onRight = nearest.x > this.#width / 2
    group.append(
      svg('line', { x1: nearest.x, x2: nearest.x, y1: MARGIN.top, y2: this.#height - MARGIN.bottom }),
      ...together.map((point, i) =>
        svg(
          'text',
          {
            x: nearest.x + (onRight ? -8 : 8),
            y: MARGIN.top + 10 + 16 * i,
            'text-anchor': onRight ? 'end' : 'start',
            class: point.key,
          },
          `${point.label} ${formatMilliseconds(point.ms)} ms`,
        ),
      ),
    )
  }
}

/** Series differ in the shape of their marks, not only in colour. */
function mark(key, x, y) {
  if (key === 'echo') return svg('circle', { cx: x, cy: y, r: MARK, class: 'mark' })
  return svg('path', {
    d: `M${x} ${y - MARK - 1}l${MARK + 1} ${MARK + 1}l${-MARK - 1} ${MARK + 1}l${-MARK - 1} ${-MARK - 1}z`,
    class: 'mark',
  })
}
