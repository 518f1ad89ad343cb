/** What a run shows while it goes: a line for each case that is not as expected, and on a terminal a line that moves. */
import type { Expectation } from './baseline.ts'
import { countGroups, type Report, reason, verdictWords } from './report/report.ts'
import type { CaseResult } from './verdict.ts'

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Milliseconds between two states of the moving line. */
const REDRAW = 80
const BAR = 24

export class Progress {
  readonly #output: Output
  readonly #total: number
  readonly #started = performance.now()
  #played = 0
  #unexpected = 0
  #drawn = 0

  constructor(output: Output, total: number) {
    this.#output = output
    this.#total = total
  }

  result(result: CaseResult, expectation: Expectation, agent?: string): void {
    this.#played++
    if (expectation !== 'as expected') {
      this.#unexpected++
      this.#clear()
      const mark = expectation === 'better' ? '✓' : '✗'
      const who = agent === undefined ? '' : `${agent}  `
      const told = expectation === 'better' ? 'better than the baseline has it' : reason(result)
      const line = `${mark} ${who}${result.id}  ${verdictWords(result)}: ${told}`
      // What a peer has sent must not steer the terminal.
      this.#output.write(`${line.replace(/\p{Cc}/gu, '·')}\n`)
    }
    const now = performance.now()
    if (this.#output.isTTY && (now - this.#drawn > REDRAW || this.#played === this.#total)) this.#draw(result.id, now)
  }

  /** Takes the moving line away. */
  end(): void {
    this.#clear()
  }

  #draw(id: string, now: number): void {
    this.#drawn = now
    const share = Math.min(1, this.#played / this.#total)
    const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░')
    const seconds = ((now - this.#started) / 1000).toFixed(1)
    const bad = this.#unexpected === 0 ? '' : `  ${this.#unexpected} not as expected`
    const line = `${bar} ${this.#played}/${this.#total}  ${id}${bad}  ${seconds} s`
    this.#output.write(`\r\x1b[K${line.slice(0, (this.#output.columns ?? 80) - 1)}`)
  }

  #clear(): void {
    if (this.#output.isTTY && this.#drawn > 0) this.#output.write('\r\x1b[K')
  }
}

/** A table of the groups, for the end. */
export function summaryTable({ groups, runs }: Report): string {
  const tables = runs.map(run => {
    const counts = countGroups(groups, run.results)
    const rows = counts.map(({ group, cases, behaviors, closes }) => [
      `${group.id} ${group.title}`,
      String(cases),
      ...[
        behaviors.OK,
        behaviors['NON-STRICT'],
        behaviors.INFORMATIONAL,
        behaviors.UNIMPLEMENTED,
        behaviors.FAILED,
        closes,
      ].map(count => (count === 0 ? '·' : String(count))),
    ])
    const head = ['', 'cases', 'OK', 'non-strict', 'informational', 'unimplemented', 'failed', 'bad closes']
    const widths = head.map((name, column) => Math.max(name.length, ...rows.map(row => row[column]!.length)))
    const line = (row: readonly string[]) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd()
    return `${[`${run.agent}, ${(run.duration / 1000).toFixed(1)} s`, line(head), ...rows.map(line)].join('\n')}\n`
  })
  return tables.join('\n')
}
