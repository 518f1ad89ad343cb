import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { BEGIN, END, formatTable, withTable } from '../../bench/readme-table.ts'
import { newestRecording } from '../../bench/recorded.ts'
import { type CaseResult, type Recording, toResults } from '../../bench/recording.ts'

function played(peer: string, ...costs: number[]) {
  return { contender: { peer, title: peer, version: '1.2.3' }, samples: costs.map(cost => ({ cost })) }
}

const ECHO: CaseResult = {
  name: 'echo-125-text-64',
  title: 'echo of 125 B',
  kind: 'traffic',
  unit: 'µs of processor time per message',
  results: toResults([
    played('wirewright', 1, 1, 2),
    played('ws', 10, 12, 30),
    { ...played('deno'), error: 'it fell' },
    played('raw', 0.5, 0.5, 1),
  ]),
}
const RECORDING: Recording = {
  made: '2025-01-02',
  machine: { processor: 'A processor', processors: 4, memory: 2 ** 33, platform: 'linux x64', node: '20.19.0' },
  rounds: 3,
  seconds: 1,
  pinning: '',
  malloc: '',
  missing: [],
  cases: [ECHO],
}

t.test('times cheaper than ws, what ws costs, and the versions', async t => {
  t.equal(
    formatTable(RECORDING),
    [
      '| times cheaper than ws | wirewright | ws | `node:net` |',
      '|---|--:|--:|--:|',
      '| echo of 125 B | 12.0 | (12.0 µs) | 24.0 |',
      '',
      'A processor, 4 processors, linux x64, Node 20.19.0; ws 1.2.3; medians of 3 rounds of 1 s, 2025-01-02.',
    ].join('\n'),
  )
})

t.test('the table goes between the markers, and what is around stays', async t => {
  const readme = `before\n${BEGIN}\nold\n${END}\nafter\n`
  t.equal(withTable(readme, 'new'), `before\n${BEGIN}\nnew\n${END}\nafter\n`)
  t.equal(withTable(withTable(readme, 'new'), 'newer'), withTable(readme, 'newer'))
  t.equal(withTable('no markers', 'new'), 'no markers')
})

t.test('the README has the table of the newest recorded run, or none where none is recorded', async t => {
  const readme = readFileSync(fileURLToPath(import.meta.resolve('../../../README.md')), 'utf8')
  const recording = newestRecording()
  t.equal(readme.includes(BEGIN) && readme.includes(END), recording !== undefined)
  if (recording !== undefined) t.equal(withTable(readme, formatTable(recording)), readme)
})
