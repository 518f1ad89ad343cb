/** The opening handshakes of clients: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { ClientJudge } from '../../../conformance/client-judge.ts'
import { CLIENT_OPENING_CASES } from '../../../conformance/opening/clients.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import { brokenClient, type Fault } from '../../support/broken-endpoint.ts'
import { verdictTable } from '../../support/verdict-table.ts'
import { until } from '../../support/waiting.ts'

async function judge(faults: readonly Fault[], cases = CLIENT_OPENING_CASES): Promise<CaseResult[]> {
  const judge = new ClientJudge({ cases, play: { ...DEFAULT_PLAY, pace: 0.2 }, port: 0, host: '127.0.0.1' })
  const url = await judge.listen()
  await Promise.all(cases.map((_, i) => brokenClient(`${url}/runCase?case=${i + 1}&agent=a`, faults)))
  await until(() => judge.resultsOf('a').length === cases.length)
  const results = judge.resultsOf('a')
  await judge.close()
  return results
}

const VERDICTS: Readonly<Partial<Record<Fault | 'good', Record<string, string>>>> = {
  good: {},
  'any response accepted': {
    'FAILED / OK': 'C2.1…C2.22 C2.24…C2.27 C2.29…C2.31',
    'NON-STRICT / OK': 'C2.23 C2.28',
    'FAILED / UNCLEAN': 'C1.14',
  },
  'bad responses ignored': { 'FAILED / OK': 'C2.1…C2.31', 'FAILED / UNCLEAN': 'C1.14' },
  'interim responses not skipped': { 'FAILED / UNCLEAN': 'C1.11' },
  refuses: { 'FAILED / UNCLEAN': 'C1.1…C1.12' },
  'nothing echoed': { 'FAILED / OK': 'C1.1…C1.13 C1.15' },
  'close never answered': { 'OK / UNCLEAN': 'C1.1…C1.13 C1.15' },
}

t.test('clients with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  const found = await Promise.all(
    Object.keys(VERDICTS).map(async fault => verdictTable(await judge(fault === 'good' ? [] : [fault as Fault]))),
  )
  for (const [i, [fault, expected]] of Object.entries(VERDICTS).entries()) t.same(found[i], expected, fault)
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: Fault, id: string) =>
    (
      await judge(
        [fault],
        CLIENT_OPENING_CASES.filter(it => it.id === id),
      )
    )[0]?.words
  t.equal(
    await words('any response accepted', 'C2.1'),
    'expected the client to fail the connection, but it echoed a text',
  )
  t.equal(
    await words('bad responses ignored', 'C2.1'),
    'expected the client to fail the connection, but the suite had to end it: nothing more came within 2 s',
  )
  t.match(
    await words('bad responses ignored', 'C2.29'),
    /^expected the client to fail the connection, but it took \d+ bytes$/,
  )
})
