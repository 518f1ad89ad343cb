/** The README's table of figures, made from a recorded run. Pure. */
import type { CaseResult, Recording, Result } from './recording.ts'
import { formatNumber } from './terminal.ts'

export const BEGIN = '<!-- bench: begin, made by npm run bench:readme -->'
export const END = '<!-- bench: end -->'

/** Columns, as far as they have figures. */
const PEERS: readonly (readonly [peer: string, title: string])[] = [
  ['wirewright', 'wirewright'],
  ['uws', 'uWebSockets.js'],
  ['bun', 'Bun'],
  ['deno', 'Deno'],
  ['ws-bufferutil', 'ws + bufferutil'],
  ['ws', 'ws'],
  ['raw', '`node:net`'],
]
const CASES = [
  'echo-16-text-1',
  'echo-125-text-1',
  'echo-1024-text-1',
  'echo-16384-text-1',
  'echo-65536-text-1',
  'echo-1048576-text-1',
  'echo-1048576-binary-1',
  'echo-16-text-64',
  'echo-125-text-64',
  'echo-1024-text-64',
  'broadcast',
  'handshake',
  'client-125-text-64',
  'idle-websocket',
]

/** Times cheaper than ws; of ws itself, what it costs. */
export function formatTable({ cases, machine, rounds, seconds, made }: Recording): string {
  const rows = CASES.flatMap(name => cases.find(it => it.name === name) ?? [])
  const columns = PEERS.filter(([peer]) => rows.some(({ results }) => find(results, peer) !== undefined))
  const versions = columns.flatMap(([peer, title]) => {
    const version = rows.flatMap(({ results }) => find(results, peer)?.version ?? []).at(0)
    return version === undefined || peer === 'raw' || peer === 'wirewright'
      ? []
      : `${title.split(' ').at(-1)} ${version}`
  })
  return [
    `| times cheaper than ws | ${columns.map(([, title]) => title).join(' | ')} |`,
    `|---|${columns.map(() => '--:|').join('')}`,
    ...rows.map(row => `| ${row.title} | ${columns.map(([peer]) => cell(row, peer)).join(' | ')} |`),
    '',
    `${machine.processor}, ${machine.processors} processors, ${machine.platform}, Node ${machine.node}; ${versions.join(', ')}; ` +
      `medians of ${rounds} rounds of ${seconds} s, ${made}.`,
  ].join('\n')
}

function find(results: readonly Result[], peer: string): Result | undefined {
  return results.find(it => it.peer === peer && it.error === undefined)
}

function cell({ results, kind }: CaseResult, peer: string): string {
  const result = find(results, peer)
  if (result === undefined) return '–'
  if (peer === 'ws') return `(${formatNumber(result.cost.median)} ${kind === 'idle' ? 'B' : 'µs'})`
  return result.timesWs === undefined ? '–' : formatNumber(result.timesWs)
}

/** The text with a new table between the markers; as it was when it has none. */
export function withTable(readme: string, table: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) return readme
  return `${readme.slice(0, begin + BEGIN.length)}\n${table}\n${readme.slice(end)}`
}
