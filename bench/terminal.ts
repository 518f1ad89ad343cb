/** What a run shows while it goes: one line that is written over, and a table after each case. */
import type { CaseResult, Result } from './recording.ts'
import { rise } from './statistics.ts'

export class Terminal {
  readonly #output: NodeJS.WriteStream
  #hasProgress = false

  constructor(output: NodeJS.WriteStream) {
    this.#output = output
  }

  /** Of no use where lines cannot be written over. */
  progress(words: string): void {
    if (!this.#output.isTTY) return
    this.#output.write(`\r\x1b[2K${words.slice(0, (this.#output.columns ?? 80) - 1)}`)
    this.#hasProgress = true
  }

  print(text: string): void {
    if (this.#hasProgress) this.#output.write('\r\x1b[2K')
    this.#hasProgress = false
    this.#output.write(`${text}\n`)
  }
}

/** Three digits that mean something. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const magnitude = Math.floor(Math.log10(Math.abs(value)))
  if (magnitude >= 2) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.min(6, 2 - magnitude))
}

function formatShare(share: number | undefined): string {
  return share === undefined ? '' : `${Math.round(share * 100)} %`
}

const COLUMNS = [40, 10, 19, 12, 8, 8, 9, 11] as const

function row(cells: readonly string[]): string {
  return cells
    .map((cell, nth) => (nth === 0 ? cell.padEnd(COLUMNS[0]) : cell.padStart(COLUMNS[nth] ?? 10)))
    .join('')
    .trimEnd()
}

export function caseTable({ name, title, unit, results, kind, axis }: CaseResult): string {
  const head = ['', unit.split(' ')[0]!, 'low – high', 'per second', '× ws', '× raw', 'process', 'generator']
  const lines = results.map(result => resultRow(result))
  const flat = kind === 'growth' ? growthLines(results) : []
  const grows = axis === undefined ? '' : `; ${axis}`
  return [`\n${name}: ${title}`, `  ${unit}${grows}`, row(head), ...lines, ...flat].join('\n')
}

function resultRow({
  title,
  version,
  point,
  cost,
  perSecond,
  generator,
  measured,
  timesWs,
  timesRaw,
  error,
  note,
}: Result): string {
  const label = `  ${title} ${point === undefined ? version : `at ${point.toLocaleString('en-US')}`}`
  if (error !== undefined) return `${label.padEnd(COLUMNS[0])}  no figure: ${error}`
  // Whoever makes the load must have time left: else the rate is the generator's, though the cost is still the server's.
  const isBusy = generator !== undefined && measured !== undefined && generator > measured
  return row([
    label,
    formatNumber(cost.median),
    `${formatNumber(cost.low)} – ${formatNumber(cost.high)}`,
    perSecond === undefined ? '' : formatNumber(perSecond),
    timesWs === undefined ? '' : timesWs.toFixed(2),
    timesRaw === undefined ? '' : timesRaw.toFixed(2),
    formatShare(measured),
    `${formatShare(generator)}${isBusy ? ' !' : ''}`,
  ]).concat(note === undefined || note === '' ? '' : `  ${note}`)
}

function growthLines(results: readonly Result[]): string[] {
  return [...new Set(results.map(({ peer }) => peer))].map(peer => {
    const costs = results.filter(it => it.peer === peer && it.error === undefined).map(({ cost }) => cost.median)
    return `  ${peer}: the last point costs ${rise(costs).toFixed(2)} times the cheapest one before it`
  })
}
