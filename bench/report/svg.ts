/**
 * Plots as SVG, for a page that gives them their colours by classes, so that they are light and dark as the page is.
 * Pure: numbers and words in, text out. All words are escaped here.
 */

export interface Bar {
  readonly label: string
  readonly value: number
  /** The range that it was found in. */
  readonly low: number
  readonly high: number
  /** Behind the bar. */
  readonly words: string
  readonly isOurs: boolean
}

export interface Line {
  readonly label: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly isOurs: boolean
}

const WIDTH = 760
const LABEL_WIDTH = 230
/** For the words behind a bar. */
const WORDS_WIDTH = 230
const ROW = 24

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** The shorter, the better; linear from zero, so that lengths can be compared. */
export function barPlot(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ high }) => high), Number.MIN_VALUE)
  const scale = (value: number) => round((value / most) * (WIDTH - LABEL_WIDTH - WORDS_WIDTH))
  const rows = bars.map(({ label, value, low, high, words, isOurs }, nth) => {
    const top = nth * ROW
    const middle = top + ROW / 2
    const kind = isOurs ? 'ours' : 'theirs'
    return [
      `<text class="label ${kind}" x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(label)}</text>`,
      `<rect class="bar ${kind}" x="${LABEL_WIDTH}" y="${top + 4}" width="${Math.max(1, scale(value))}" height="${ROW - 8}" rx="2"/>`,
      `<path class="range" d="M${LABEL_WIDTH + scale(low)} ${middle}H${LABEL_WIDTH + scale(high)}"/>`,
      `<text class="words" x="${LABEL_WIDTH + scale(high) + 8}" y="${middle + 4}">${escapeXml(words)}</text>`,
    ].join('')
  })
  return picture(title, bars.length * ROW, rows.join('\n'))
}

const HEIGHT = 260
const LEFT = 70
const BOTTOM = 40
const RIGHT = 140

/** Both axes logarithmic: what is flat costs the same however much there is. */
export function linePlot(title: string, axis: string, all: readonly Line[]): string {
  // Zero has no place on these axes.
  const lines = all.map(line => ({ ...line, points: line.points.filter(([x, y]) => x > 0 && y > 0) }))
  const points = lines.flatMap(({ points }) => points)
  if (points.length === 0) return picture(title, 20, '')
  const x = logScale(
    points.map(([x]) => x),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = logScale(
    points.map(([, y]) => y),
    HEIGHT - BOTTOM,
    12,
  )
  const grid = [
    ...x.decades.map(
      at =>
        `<path class="grid" d="M${x.at(at)} 12V${HEIGHT - BOTTOM}"/>${tick(x.at(at), HEIGHT - BOTTOM + 16, at, 'middle')}`,
    ),
    ...y.decades.map(
      at =>
        `<path class="grid" d="M${LEFT} ${y.at(at)}H${WIDTH - RIGHT}"/>${tick(LEFT - 6, y.at(at) + 4, at, 'end')}`,
    ),
    `<text class="label" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeXml(axis)}</text>`,
  ]
  const curves = lines.map(({ label, points, isOurs }) => {
    const kind = isOurs ? 'ours' : 'theirs'
    const path = points.map(([px, py], nth) => `${nth === 0 ? 'M' : 'L'}${x.at(px)} ${y.at(py)}`).join('')
    const dots = points
      .map(([px, py]) => `<circle class="dot ${kind}" cx="${x.at(px)}" cy="${y.at(py)}" r="3"/>`)
      .join('')
    const last = points.at(-1)
    if (last === undefined) return ''
    const [lastX, lastY] = last
    const name = `<text class="label ${kind}" x="${x.at(lastX) + 8}" y="${y.at(lastY) + 4}">${escapeXml(label)}</text>`
    return `<path class="line ${kind}" d="${path}"/>${dots}${name}`
  })
  return picture(title, HEIGHT, [...grid, ...curves].join('\n'))
}

function tick(x: number, y: number, value: number, anchor: string): string {
  return `<text class="tick" x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(shorten(value))}</text>`
}

/** 10,000,000 is 10M, 0.001 is 1e-3. */
export function shorten(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  if (value >= 1e3) return `${value / 1e3}k`
  return value >= 0.01 ? String(value) : `1e${Math.round(Math.log10(value))}`
}

/** From the power of ten below the least to the one above the most. */
function logScale(
  values: readonly number[],
  from: number,
  to: number,
): { at: (value: number) => number; decades: number[] } {
  const logs = values.map(Math.log10)
  const low = Math.floor(Math.min(...logs))
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)))
  return {
    at: value => round(from + ((Math.log10(value) - low) / (high - low)) * (to - from)),
    decades: Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n)),
  }
}

function picture(title: string, height: number, content: string): string {
  const name = escapeXml(title)
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${name}">\n<title>${name}</title>\n${content}\n</svg>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
