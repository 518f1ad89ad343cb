/** WebSockets over HTTP/2: clients that are broken get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import type { Case } from '../../../conformance/case.ts'
import { CASES } from '../../../conformance/cases.ts'
import { ClientJudge, type ClientJudgeOptions } from '../../../conformance/client-judge.ts'
import { HTTP2_CLIENT_CASES } from '../../../conformance/http2/client-cases.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { selectCases } from '../../../conformance/selection.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import type { Fault } from '../../support/broken-endpoint.ts'
import { PLAYED, PLAYED_DEFLATE } from '../../support/broken-verdicts.ts'
import { certificates } from '../../support/certificate.ts'
import {
  brokenHttp2Client,
  connectHttp2,
  type Http2ClientFault,
  type Http2ClientOptions,
} from '../../support/http2-client.ts'
import { verdictsOf } from '../../support/judged.ts'
import { until, within } from '../../support/waiting.ts'

t.setTimeout(60_000)

interface JudgeOptions extends Http2ClientOptions {
  readonly cases?: readonly Case[]
  readonly pace?: number
  readonly tls?: ClientJudgeOptions['tls']
}

async function judge(
  faults: readonly (Http2ClientFault | Fault)[],
  { cases = HTTP2_CLIENT_CASES, pace = 0.5, tls, ...options }: JudgeOptions = {},
): Promise<CaseResult[]> {
  const play = { ...DEFAULT_PLAY, pace }
  const it = new ClientJudge({ cases, play, port: 0, host: '127.0.0.1', http2: true, tls })
  const url = await it.listen()
  let next = 0
  const work = async () => {
    while (next < cases.length) {
      const number = ++next
      await brokenHttp2Client(`${url}/runCase?case=${number}&agent=a`, faults, options)
    }
  }
  await within(Promise.all(Array.from({ length: 20 }, work)), faults.join(), 50_000)
  await until(() => it.resultsOf('a').length === cases.length)
  const results = it.resultsOf('a')
  await it.close()
  return results
}

/** Each WebSocket is the first on its connection. */
const INFORMATIONAL = { 'INFORMATIONAL / OK': 'H2.44' }

const EARNED: Readonly<Partial<Record<Http2ClientFault | Fault | 'good', Record<string, string>>>> = {
  good: {},
  'other protocol': { 'FAILED / OK': 'H2.16' },
  'other scheme': { 'FAILED / OK': 'H2.17' },
  'other version': { 'FAILED / OK': 'H2.18' },
  'other host': { 'FAILED / OK': 'H2.19' },
  'host repeated': { 'NON-STRICT / OK': 'H2.19' },
  'key sent': { 'NON-STRICT / OK': 'H2.20' },
  'SETTINGS not waited for': { 'FAILED / OK': 'H2.21' },
  'accept value looked at': { 'FAILED / OK': 'H2.23' },
  'unknown fields not taken': { 'FAILED / OK': 'H2.24' },
  'interim responses not skipped': { 'FAILED / OK': 'H2.25' },
  'any 2xx taken': {},
  'any status taken': { 'FAILED / OK': 'H2.27 H2.28 H2.29 H2.30 H2.31' },
  'any extension taken': { 'FAILED / OK': 'H2.32 H2.33 H2.34 H2.41' },
  'any subprotocol taken': { 'FAILED / OK': 'H2.35' },
  'bad responses ignored': {
    'FAILED / OK': 'H2.26 H2.27 H2.28 H2.29 H2.30 H2.31 H2.32 H2.33 H2.34 H2.35 H2.41',
  },
  'reset with an error': { 'NON-STRICT / OK': 'H2.41' },
  'reset after the closing handshake': { 'NON-STRICT / OK': 'H2.36' },
  'streams never ended': { 'FAILED / OK': 'H2.36 H2.38 H2.39 H2.42' },
  'reads late': { 'FAILED / OK': 'H2.37' },
  'GOAWAY ends all': { 'FAILED / OK': 'H2.43' },
  'streams end their connection': { 'FAILED / OK': 'H2.36 H2.37 H2.38 H2.39 H2.40' },
  'nothing echoed': { 'FAILED / OK': 'H2.22 H2.23 H2.24 H2.25 H2.43 H2.44' },
}

t.test('each fault', async t => {
  const found = await Promise.all(
    Object.keys(EARNED).map(async fault => [
      fault,
      verdictsOf(await judge(fault === 'good' ? [] : [fault as Fault])),
    ]),
  )
  for (const [fault, verdicts] of found as [keyof typeof EARNED, Record<string, string>][])
    t.same(verdicts, { ...(fault === 'nothing echoed' ? {} : INFORMATIONAL), ...EARNED[fault] }, fault)
})

t.test('over TLS too', async t => {
  t.same(verdictsOf(await judge([], { tls: certificates().local })), INFORMATIONAL)
})

t.test('cases of frames are played on streams, compression too', async t => {
  const play = (faults: readonly Fault[], ids: readonly string[], deflate?: string) => {
    const cases = selectCases(CASES, { side: 'client', http: '2', transport: 'websocket', only: ids, skip: [] })
    return judge(faults, { cases, deflate }).then(verdictsOf)
  }
  t.same(await play([], PLAYED), {
    'INFORMATIONAL / INFORMATIONAL': '7.1.6 7.13.1',
    'UNIMPLEMENTED / OK': '12.1.1',
  })
  t.same(await play([], PLAYED_DEFLATE, 'permessage-deflate; client_max_window_bits'), {})
  t.same(await play([], ['B.1', 'H.2.1', 'H.4']), {})
  t.same(await play(['no pong'], ['2']), { 'FAILED / OK': '2.1 2.2 2.3 2.4 2.6 2.9 2.10 2.11' })
})

t.test('several on one connection, one after the other and at a time', async t => {
  const cases = HTTP2_CLIENT_CASES.filter(({ id }) => id === 'H2.44')
  const words: string[] = []
  const onResult: ClientJudgeOptions['onResult'] = (_, result) => void words.push(result.words)
  const it = new ClientJudge({ cases, play: DEFAULT_PLAY, port: 0, host: '127.0.0.1', http2: true, onResult })
  const url = `${await it.listen()}/runCase?case=1&agent=a`
  const session = connectHttp2(url)
  t.teardown(() => {
    session.destroy()
    return it.close()
  })
  await new Promise(resolve => session.once('remoteSettings', resolve))
  await brokenHttp2Client(url, [], { session })
  await within(Promise.all([1, 2].map(() => brokenHttp2Client(url, [], { session }))))
  await until(() => words.length === 3)
  t.same(words.sort(), ['it is number 2 on it', 'it is number 3 on it', 'it is the first on its connection'])
})
