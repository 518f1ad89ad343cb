/** The report as TAP 14 (testanything.org): a test point for each case, a subtest for each peer if there are several. */
import { type CaseResult, passes } from '../verdict.ts'
import { type PeerRun, type Report, reason, verdictWords } from './report.ts'

export function formatTap({ runs }: Report): string {
  const [first, ...others] = runs
  if (first !== undefined && others.length === 0) return `TAP version 14\n${points(first).join('\n')}\n`
  const lines = runs.flatMap((run, i) => [
    `# Subtest: ${escaped(run.agent)}`,
    ...points(run).map(line => `    ${line}`),
    `${run.results.every(passes) ? 'ok' : 'not ok'} ${i + 1} - ${escaped(run.agent)}`,
  ])
  return `TAP version 14\n1..${runs.length}\n${lines.map(line => `${line}\n`).join('')}`
}

function points({ results }: PeerRun): string[] {
  return [`1..${results.length}`, ...results.flatMap((result, i) => point(result, i + 1))]
}

function point(result: CaseResult, number: number): string[] {
  const skip = result.behavior === 'UNIMPLEMENTED' && passes(result) ? ` # SKIP ${escaped(reason(result))}` : ''
  const line = `${passes(result) ? 'ok' : 'not ok'} ${number} - ${escaped(`${result.id} ${result.title}`)}${skip}`
  if (passes(result)) return [line]
  const facts = { verdict: verdictWords(result), message: reason(result), duration_ms: result.duration }
  return [
    line,
    '  ---',
    ...Object.entries(facts).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    '  ...',
  ]
}

function escaped(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\#]/g, '\\$&')
}
