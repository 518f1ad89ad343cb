/** The report as JUnit XML, the form that CI servers read: a suite for each peer and group, a test case for each case. */
import { type CaseResult, passes } from '../verdict.ts'
import { type Report, reason, verdictWords } from './report.ts'

export function formatJunit({ groups, runs, made }: Report): string {
  const suites = runs.flatMap(run =>
    groups.flatMap(group => {
      const results = run.results.filter(result => result.group === group.id)
      if (results.length === 0) return []
      const attributes = attributesOf({
        name: `${run.agent}: ${group.id} ${group.title}`,
        timestamp: made,
        tests: results.length,
        failures: results.filter(result => !passes(result)).length,
        skipped: results.filter(({ behavior }) => behavior === 'UNIMPLEMENTED').length,
        time: seconds(results.reduce((sum, { duration }) => sum + duration, 0)),
      })
      return [
        `  <testsuite${attributes}>\n${results.map(result => testCase(run.agent, result)).join('')}  </testsuite>\n`,
      ]
    }),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="wirewright conform">\n${suites.join('')}</testsuites>\n`
}

function testCase(agent: string, result: CaseResult): string {
  const { id, title, group, duration, behavior } = result
  const attributes = attributesOf({
    classname: `${agent}.${group}`,
    name: `${id}: ${title}`,
    time: seconds(duration),
  })
  if (passes(result) && behavior !== 'UNIMPLEMENTED') return `    <testcase${attributes}/>\n`
  const kind = passes(result) ? 'skipped' : 'failure'
  const content = passes(result) ? '' : text(logLines(result))
  const message = attributesOf({
    message: reason(result),
    ...(kind === 'failure' ? { type: verdictWords(result) } : {}),
  })
  return `    <testcase${attributes}>\n      <${kind}${message}>${content}</${kind}>\n    </testcase>\n`
}

function logLines({ log }: CaseResult): string {
  return log
    .map(({ at, from, words, hex = '' }) =>
      `${at.toFixed(1).padStart(9)} ms  ${from.padEnd(6)}  ${words}  ${hex}`.trimEnd(),
    )
    .join('\n')
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}

function attributesOf(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${text(String(value)).replaceAll('"', '&quot;').replace(/\s/g, ' ')}"`)
    .join('')
}

/** XML 1.0 §2.2 has no place for most control characters, escaped or not. */
function text(value: string): string {
  return value
    .replace(/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
