/**
 * A table of peers and groups for the README, from the JSON reports of one or more real runs:
 *
 *     node dist/conformance/adapters/run.js --peers --json FILE && node dist/conformance/adapters/table.js FILE...
 *
 * A cell is how many cases are strictly OK, or only told, of those that the peer implements.
 */
import { readFileSync } from 'node:fs'
import { deviates } from '../baseline.ts'
import type { PeerRun, Report } from '../report/report.ts'

const files = process.argv.slice(2)
if (files.length === 0) throw new Error('takes JSON reports')
const reports = files.map(file => JSON.parse(readFileSync(file, 'utf8')) as Report)
const { groups } = reports[0]!
const runs = reports.flatMap(report => report.runs)

function cell({ results }: PeerRun, group: string): string {
  const played = results.filter(it => it.group === group && it.behavior !== 'UNIMPLEMENTED')
  const strict = played.filter(result => !deviates(result)).length
  return played.length === 0 ? '–' : strict === played.length ? String(strict) : `${strict} of ${played.length}`
}

const used = groups.filter(({ id }) => runs.some(({ results }) => results.some(({ group }) => group === id)))
const rows = [
  ['', ...used.map(({ id }) => id)],
  ['---', ...used.map(() => '---')],
  ...runs.map(run => [run.agent, ...used.map(({ id }) => cell(run, id))]),
]
console.log(rows.map(row => `| ${row.join(' | ')} |`).join('\n'))
console.log(`\nGroups: ${used.map(({ id, title }) => `${id} ${title}`).join(', ')}.`)
