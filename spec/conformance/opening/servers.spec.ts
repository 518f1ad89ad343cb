/** The opening handshakes of servers: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { parseTarget } from '../../../conformance/handshake.ts'
import { SERVER_OPENING_CASES } from '../../../conformance/opening/servers.ts'
import { DEFAULT_PLAY, judgeServer } from '../../../conformance/runner.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import { brokenServer, type Fault } from '../../support/broken-endpoint.ts'
import { verdictTable } from '../../support/verdict-table.ts'

async function judge(faults: readonly Fault[], deflate = false): Promise<CaseResult[]> {
  const server = await brokenServer(faults, { deflate })
  const target = { ...parseTarget(server.url), insecure: false }
  const results = await judgeServer(target, SERVER_OPENING_CASES, { play: { ...DEFAULT_PLAY, pace: 0.2 }, jobs: 30 })
  await server.close()
  return results
}

const VERDICTS: Readonly<Partial<Record<Fault | 'good', Record<string, string>>>> = {
  good: {},
  'any request accepted': { 'FAILED / OK': 'S1.25 S2.1…S2.25 S2.29…S2.34', 'NON-STRICT / OK': 'S2.26…S2.28' },
  // What is not read of S2.25 may turn any answer into a reset.
  'bad requests dropped': { 'FAILED / OK': 'S1.25', 'NON-STRICT / OK': 'S2.1…S2.24 S2.26…S2.34' },
  'folds accepted': { 'NON-STRICT / OK': 'S2.26' },
  'bodies taken for frames': { 'FAILED / OK': 'S2.32…S2.34' },
  'versions not told': { 'FAILED / OK': 'S2.8…S2.11' },
  'wrong accept': { 'FAILED / OK': 'S1.1…S1.24 S1.26' },
  refuses: { 'FAILED / OK': 'S1.1…S1.11 S1.20…S1.21', 'NON-STRICT / OK': 'S1.12…S1.19 S1.22…S1.24' },
  'nothing echoed': { 'FAILED / OK': 'S1.1…S1.24 S1.26' },
  'close never answered': { 'OK / UNCLEAN': 'S1.1…S1.24 S1.26' },
}

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  const found = await Promise.all(
    Object.keys(VERDICTS).map(async fault => verdictTable(await judge(fault === 'good' ? [] : [fault as Fault]))),
  )
  for (const [i, [fault, expected]] of Object.entries(VERDICTS).entries()) t.same(found[i], expected, fault)
})

t.test('offers of permessage-deflate that are accepted unseen', async t => {
  t.same(verdictTable(await judge([], true)), { 'FAILED / OK': 'S1.12…S1.18' })
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: Fault, id: string) => (await judge([fault])).find(it => it.id === id)?.words
  t.equal(
    await words('any request accepted', 'S2.1'),
    'expected an error of HTTP, such as 400, got "HTTP/1.1 101 Switching Protocols"',
  )
  t.equal(
    await words('bad requests dropped', 'S2.12'),
    'expected any answer of HTTP but 101, but the server ended TCP without a response',
  )
  t.equal(await words('versions not told', 'S2.8'), 'expected Sec-WebSocket-Version: 13, got none')
  t.equal(await words('refuses', 'S1.1'), 'expected status 101, got "HTTP/1.1 503 Service Unavailable"')
})
