/**
 * The report as one HTML page that needs nothing else: a matrix of peers and cases, each case with its wire log. What it
 * shows is in the page as JSON; page.css and page.js, which are put into it, show it.
 */
import { readFileSync } from 'node:fs'
import { type CaseResult, passes } from '../verdict.ts'
import type { LogEntry } from '../wire-log.ts'
import type { Report } from './report.ts'

/** Of a case that passes, so many log entries are kept at the beginning, and half as many at the end. */
const KEPT_OF_PASSING = 16

export function formatHtml(report: Report): string {
  const cases = new Map(
    report.runs.flatMap(({ results }) => results).map(({ id, title, group }) => [id, { id, title, group }]),
  )
  const data = {
    made: report.made,
    groups: report.groups,
    cases: inOrder([...cases.values()], report),
    runs: report.runs.map(({ results, ...run }) => ({
      ...run,
      results: Object.fromEntries(results.map(result => [result.id, compact(result)])),
    })),
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Conformance: ${escapeHtml(report.runs.map(({ agent }) => agent).join(', '))}</title>
<style>${asset('page.css')}</style>
</head>
<body>
<main id="page"></main>
<script type="application/json" id="report">${scriptSafe(JSON.stringify(data))}</script>
<script type="module">${asset('page.js')}</script>
</body>
</html>
`
}

/** The order of the run that has most of them, then what it does not have. */
function inOrder<T extends { readonly id: string }>(cases: readonly T[], { runs }: Report): T[] {
  const longest = runs.reduce<readonly CaseResult[]>(
    (most, { results }) => (results.length > most.length ? results : most),
    [],
  )
  const places = new Map(longest.map(({ id }, i) => [id, i]))
  return [...cases].sort((a, b) => (places.get(a.id) ?? Infinity) - (places.get(b.id) ?? Infinity) || 0)
}

/** Without what the page has already, and with less of what nobody looks for. */
function compact(result: CaseResult): unknown {
  const { id: _, title: __, group: ___, log, ...rest } = result
  return { ...rest, log: passes(result) ? shortened(log) : log }
}

function shortened(log: readonly LogEntry[]): readonly LogEntry[] {
  const end = KEPT_OF_PASSING / 2
  if (log.length <= KEPT_OF_PASSING + end) return log
  const left = log.length - KEPT_OF_PASSING - end
  const gap: LogEntry = { at: log.at(-end)!.at, from: 'note', words: `… ${left} more entries …` }
  return [...log.slice(0, KEPT_OF_PASSING), gap, ...log.slice(-end)]
}

function asset(name: string): string {
  return readFileSync(new URL(import.meta.resolve(`#report/${name}`)), 'utf8')
}

/** Text of a script element: it must not hold its own end. */
function scriptSafe(json: string): string {
  return json.replaceAll('<', '\\u003c')
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
