/** What Autobahn does not see: endpoints that are broken in that way get exactly the verdicts that they earn. */
import t from 'tap'
import { BLIND_SPOT_CASES } from '../../conformance/blind-spots.ts'
import type { Case, Side } from '../../conformance/case.ts'
import { ClientJudge } from '../../conformance/client-judge.ts'
import { parseTarget } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY, judgeServer } from '../../conformance/runner.ts'
import type { CaseResult } from '../../conformance/verdict.ts'
import { brokenClient, brokenServer, type Fault } from '../support/broken-endpoint.ts'
import { until } from '../support/waiting.ts'

const WRONG = BLIND_SPOT_CASES.filter(({ id }) => id.startsWith('B.1.'))
/** The broken endpoints look at a text anew with each fragment: they have no time for many. */
const MUCH = BLIND_SPOT_CASES.filter(({ id }) => ['B.2.1', 'B.2.5'].includes(id))
const PLAY = { ...DEFAULT_PLAY, pace: 0.3, timeout: 10_000 }

async function judge(side: Side, faults: readonly Fault[], played: readonly Case[]): Promise<CaseResult[]> {
  const cases = played.filter(({ sides }) => sides.includes(side))
  if (side === 'server') {
    const server = await brokenServer(faults)
    const target = { ...parseTarget(server.url), insecure: false }
    const results = await judgeServer(target, cases, { play: PLAY, jobs: 30 })
    await server.close()
    return results
  }
  const judge = new ClientJudge({ cases, play: PLAY, port: 0, host: '127.0.0.1' })
  const url = await judge.listen()
  await Promise.all(cases.map((_, i) => brokenClient(`${url}/runCase?case=${i + 1}&agent=a`, faults)))
  await until(() => judge.resultsOf('a').length === cases.length)
  const results = judge.resultsOf('a')
  await judge.close()
  return results
}

// Most of it is waiting, which takes longer where there is other work.
t.setTimeout(60_000)

type Verdicts = Readonly<Partial<Record<Fault | 'good', Record<string, string>>>>

/** Of a server; a client has the same but for B.1.1 and B.1.3, where it would have to mask, and is not asked. */
const WRONG_VERDICTS: Verdicts = {
  good: {},
  'any masking accepted': { 'FAILED / OK': 'B.1.1 B.1.2 B.1.3' },
  'RSV bits accepted': { 'FAILED / OK': 'B.1.5 B.1.6 B.1.7 B.1.11 B.1.12' },
  'fragmented control frames accepted': { 'FAILED / OK': 'B.1.8' },
  'reserved opcodes accepted': { 'FAILED / OK': 'B.1.13' },
  'no UTF-8 check': { 'FAILED / OK': 'B.1.14 B.1.15' },
  'any close payload accepted': { 'FAILED / OK': 'B.1.4 B.1.9' },
  'any close code accepted': { 'FAILED / OK': 'B.1.10' },
  'any length accepted': { 'NON-STRICT / OK': 'B.1.16 B.1.17', 'FAILED / OK': 'B.1.18 B.1.19' },
  'close code not echoed': {},
  'wrong close code': {
    'NON-STRICT / OK': 'B.1.1 B.1.2 B.1.3 B.1.11 B.1.12 B.1.13 B.1.14 B.1.15 B.1.16 B.1.17 B.1.18 B.1.19',
    'FAILED / OK': 'B.1.4 B.1.5 B.1.6 B.1.7 B.1.8 B.1.9 B.1.10',
  },
  'TCP dropped without close': { 'NON-STRICT / OK': WRONG.map(({ id }) => id).join(' ') },
}

const MUCH_VERDICTS: Verdicts = {
  good: {},
  'echo of other content': { 'FAILED / OK': 'B.2.1 B.2.5' },
  'TCP dropped without close': { 'OK / UNCLEAN': 'B.2.1 B.2.5' },
}

/** Without drawing neighbours together, since the two sides are not asked the same. */
function table(results: readonly CaseResult[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { id, behavior, behaviorClose } of results) {
    const verdict = `${behavior} / ${behaviorClose}`
    if (verdict !== 'OK / OK') found[verdict] = found[verdict] === undefined ? id : `${found[verdict]} ${id}`
  }
  return found
}

/** What is left of a table when only these cases are played. */
function restrictedTo(side: Side, verdicts: Record<string, string>): Record<string, string> {
  const asked = (id: string) => BLIND_SPOT_CASES.some(it => it.id === id && it.sides.includes(side))
  const entries = Object.entries(verdicts).map(([verdict, ids]) => [verdict, ids.split(' ').filter(asked).join(' ')])
  return Object.fromEntries(entries.filter(([, ids]) => ids !== ''))
}

for (const side of ['server', 'client'] as const) {
  t.test(`a ${side} with one fault gets exactly the verdicts that it earns, a good one none`, async t => {
    const faults = (name: string) => (name === 'good' ? [] : [name as Fault])
    const names = Object.keys(WRONG_VERDICTS)
    const found = await Promise.all(names.map(async name => table(await judge(side, faults(name), WRONG))))
    for (const [i, [name, expected]] of Object.entries(WRONG_VERDICTS).entries()) {
      t.same(found[i], restrictedTo(side, expected), name)
    }
    for (const [name, expected] of Object.entries(MUCH_VERDICTS)) {
      t.same(table(await judge(side, faults(name), MUCH)), expected, name)
    }
  })
}

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: Fault, id: string) =>
    (
      await judge(
        'server',
        [fault],
        [...WRONG, ...MUCH].filter(it => it.id === id),
      )
    )[0]?.words
  const rows = [
    ['any masking accepted', 'B.1.1', 'expected Close 1002, but it was taken: text of 13'],
    [
      'any close payload accepted',
      'B.1.4',
      'expected Close 1002, got a Close without a code, as if nothing were wrong',
    ],
    ['any length accepted', 'B.1.19', 'expected Close 1009, but nothing more came within 1 s'],
    ['TCP dropped without close', 'B.1.14', 'expected Close 1007, but TCP was ended without a Close'],
    ['echo of other content', 'B.2.1', 'expected it to come back, got octet 0 changed'],
    ['long messages refused', 'B.2.1', 'expected it to come back, got no message, but Close 1009'],
  ] as const
  for (const [fault, id, expected] of rows) t.equal(await words(fault, id), expected, fault)
})
