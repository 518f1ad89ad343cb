/**
 * The README's tables of peers and groups, one for WebSocket and one for event streams, from the JSON reports of real runs:
 *
 *     node dist/conformance/adapters/run.js --peers --json FILE && node dist/conformance/adapters/table.js FILE...
 *
 * A cell is how many cases are strictly OK, or only told, of those that the peer implements. Of a peer that is in several
 * reports the last one counts.
 */
import { readFileSync } from 'node:fs'
import { deviates } from '../baseline.ts'
import type { PeerRun, Report } from '../report/report.ts'

const files = process.argv.slice(2)
if (files.length === 0) throw new Error('takes JSON reports')
const reports = files.map(file => JSON.parse(readFileSync(file, 'utf8')) as Report)
const { groups } = reports[0]!
const runs = [...new Map(reports.flatMap(report => report.runs).map(run => [run.agent, run])).values()]

function cell({ results }: PeerRun, group: string): string {
  const played = results.filter(it => it.group === group && it.behavior !== 'UNIMPLEMENTED')
  const strict = played.filter(result => !deviates(result)).length
  return played.length === 0 ? '–' : strict === played.length ? String(strict) : `${strict} of ${played.length}`
}

/** Who is called the same but for the side stands together, ours first. */
function inOrder(runs: readonly PeerRun[]): PeerRun[] {
  const nameOf = ({ agent }: PeerRun) => agent.replace(/ (server|client)(, TLS)?$/, '')
  const names = [...new Set(runs.map(nameOf))].sort((a, b) => Number(isOurs(b)) - Number(isOurs(a)))
  return names.flatMap(name => runs.filter(run => nameOf(run) === name))
}

function isOurs(name: string): boolean {
  return name.startsWith('wirewright')
}

function table(isShown: (group: string) => boolean): string {
  const shown = inOrder(runs.filter(({ results }) => results.some(({ group }) => isShown(group))))
  const used = groups.filter(
    ({ id }) => isShown(id) && shown.some(({ results }) => results.some(({ group }) => group === id)),
  )
  const rows = [
    ['', ...used.map(({ id }) => id)],
    ['---', ...used.map(() => '---')],
    ...shown.map(run => [run.agent, ...used.map(({ id }) => cell(run, id))]),
  ]
  const titles = used.map(({ id, title }) => `${id} ${title}`).join(', ')
  return `${rows.map(row => `| ${row.join(' | ')} |`).join('\n')}\n\nGroups: ${titles}.\n`
}

const isOfEventStreams = (group: string) => /^E[SC]/.test(group)
console.log(table(group => !isOfEventStreams(group)))
console.log(table(isOfEventStreams))
