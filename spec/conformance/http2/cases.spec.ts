/** WebSockets over HTTP/2: servers that are broken get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import type { Case } from '../../../conformance/case.ts'
import { CASES } from '../../../conformance/cases.ts'
import { parseTarget } from '../../../conformance/handshake.ts'
import { HTTP2_CASES } from '../../../conformance/http2/cases.ts'
import { DEFAULT_PLAY, judgeServer } from '../../../conformance/runner.ts'
import { selectCases } from '../../../conformance/selection.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import type { Fault } from '../../support/broken-endpoint.ts'
import { type Http2Fault, http2Echo } from '../../support/http2-echo.ts'
import { verdictsOf } from '../../support/judged.ts'

t.setTimeout(60_000)

async function judge(
  faults: readonly (Http2Fault | Fault)[],
  cases: readonly Case[] = HTTP2_CASES,
  tls = false,
): Promise<CaseResult[]> {
  const server = await http2Echo(faults, { tls })
  const target = { ...parseTarget(server.url), insecure: true, http2: true }
  const results = await judgeServer(target, cases, { play: { ...DEFAULT_PLAY, pace: 0.5 }, jobs: 20 })
  await server.close()
  return results
}

const ALL_BUT_BARE = [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15].map(n => `H2.${n}`).join(' ')

const EARNED: Readonly<Partial<Record<Http2Fault | Fault | 'good', Record<string, string>>>> = {
  good: {},
  'any version accepted': { 'FAILED / OK': 'H2.4 H2.5' },
  'any protocol accepted': { 'FAILED / OK': 'H2.6' },
  'accept value sent': { 'NON-STRICT / OK': 'H2.2' },
  'streams share their end': { 'FAILED / OK': 'H2.2 H2.8 H2.9' },
  'streams never ended': { 'FAILED / OK': 'H2.10' },
  'one WebSocket a connection': { 'FAILED / OK': 'H2.2 H2.7 H2.8 H2.9' },
  'GET not answered': { 'FAILED / OK': 'H2.11' },
  'nothing echoed': { 'FAILED / OK': ALL_BUT_BARE },
}

t.test('each fault', async t => {
  for (const [fault, expected] of Object.entries(EARNED))
    t.same(verdictsOf(await judge(fault === 'good' ? [] : [fault as Fault])), expected, fault)
})

t.test('without the setting nothing is opened', async t => {
  const [setting, , third] = await judge(['no CONNECT protocol'])
  t.equal(setting?.words, 'expected SETTINGS_ENABLE_CONNECT_PROTOCOL: 1, got none')
  t.match(third?.words, /SETTINGS_ENABLE_CONNECT_PROTOCOL/)
})

t.test('over TLS too', async t => {
  t.same(verdictsOf(await judge([], HTTP2_CASES, true)), {})
})

t.test('cases of frames are played on streams', async t => {
  const only = ['2', '3', '5.1', '7.3', 'H.2', 'B.1']
  const cases = selectCases(CASES, { side: 'server', http: '2', only, skip: [] })
  t.same(verdictsOf(await judge([], cases)), {})
  t.same(verdictsOf(await judge(['no pong'], cases.slice(0, 11)))['FAILED / OK'], '2.1 2.2 2.3 2.4 2.6 2.9 2.10 2.11')
})
