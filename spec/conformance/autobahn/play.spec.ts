/**
 * Playing and judging: servers that are good, or broken in one way each, get exactly the verdicts that Autobahn's rules
 * give them. And what a verdict says in words.
 */
import t from 'tap'
import { AUTOBAHN_CASES } from '../../../conformance/autobahn/index.ts'
import { fewest } from '../../../conformance/autobahn/play.ts'
import type { PlayOptions } from '../../../conformance/case.ts'
import { parseTarget } from '../../../conformance/handshake.ts'
import { judgeServer } from '../../../conformance/runner.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import { brokenServer, type Fault } from '../../support/broken-endpoint.ts'
import { forEachFault, PLAYED, PLAYED_DEFLATE, playFor, SERVER_VERDICTS } from '../../support/broken-verdicts.ts'
import { verdictTable } from '../../support/verdict-table.ts'

interface Judging {
  readonly deflate?: boolean
  readonly play?: Partial<PlayOptions>
}

async function judge(
  faults: readonly Fault[],
  ids: readonly string[],
  { deflate = false, play }: Judging = {},
): Promise<CaseResult[]> {
  const server = await brokenServer(faults, { deflate })
  const cases = AUTOBAHN_CASES.filter(({ id }) => ids.includes(id))
  const target = { ...parseTarget(server.url), insecure: false }
  const results = await judgeServer(target, cases, { play: { ...playFor(faults), ...play }, jobs: 60 })
  await server.close()
  return results
}

// Most of it is waiting, which takes longer where there is other work.
t.setTimeout(60_000)

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  const found: Record<string, unknown> = {}
  await forEachFault(SERVER_VERDICTS, async (fault, faults) => {
    found[fault] = verdictTable(await judge(faults, PLAYED))
  })
  for (const [fault, expected] of Object.entries(SERVER_VERDICTS)) t.same(found[fault], expected, fault)
})

t.test('round trips', async t => {
  const trips = ['9.7.2', '9.8.1']
  t.same(verdictTable(await judge([], trips)), {})
  t.same(verdictTable(await judge(['echo truncated'], trips)), { 'FAILED / OK': '9.7.2' })
  t.same(verdictTable(await judge(['echo of the other type'], trips)), { 'FAILED / OK': '9.7.2…9.8.1' })
  t.same(verdictTable(await judge(['empty messages lost'], trips)), { 'FAILED / OK': '9.8.1' })
})

t.test('servers and permessage-deflate', async t => {
  const table = async (...faults: Fault[]) => verdictTable(await judge(faults, PLAYED_DEFLATE, { deflate: true }))
  t.same(await table(), {})
  t.same(await table('deflate context kept'), { 'FAILED / UNCLEAN': '13.2.4…13.2.11 13.5.4…13.7.11' })
  t.same(await table('deflate context lost'), { 'FAILED / FAILED': '12.1.4…13.7.11' })
  // Without takeover, zlib does not tell of it within its first 16 KiB.
  t.same(await table('deflate window ignored'), { 'FAILED / UNCLEAN': '13.3.4…13.3.11' })
  const none = await judge([], PLAYED_DEFLATE)
  t.same(new Set(none.map(({ behavior }) => behavior)), new Set(['UNIMPLEMENTED']))
})

t.test('few messages show the faults that many show', async t => {
  t.same([16, 64, 256, 1024, 4096, 131_072].map(fewest), [1000, 512, 128, 32, 8, 4])
  const ids = ['13.2.3', '13.3.3']
  for (const fault of ['deflate context kept', 'deflate window ignored'] as const) {
    const few = verdictTable(await judge([fault], ids, { deflate: true }))
    t.same(few, verdictTable(await judge([fault], ids, { deflate: true, play: { full: true } })), fault)
    t.not(Object.keys(few).length, 0)
  }
})

t.test('a failing case says in one sentence what was expected and what came', async t => {
  const table: readonly (readonly [fault: Fault, id: string, words: string])[] = [
    ['no pong', '2.2', 'expected pong 13, got no message or pong'],
    ['echo doubled', '1.1.2', 'expected text 125, got 2 × text 125'],
    ['echo of other content', '5.3', 'expected text 18, got text 18 of another content'],
    [
      'no UTF-8 check',
      '6.3.1',
      'expected the peer to fail the connection, but the suite had to end it: the peer sent text that is not UTF-8',
    ],
    [
      'late UTF-8 check',
      '6.4.1',
      'expected the peer to fail the connection before wait B was over; later is allowed, but not strict',
    ],
    ['any close code accepted', '7.9.2', 'expected Close 1002 or none, got Close 999'],
    ['nothing echoed', '9.1.1', 'expected text of 65536 bytes, got no message'],
    ['long messages refused', '9.2.1', 'expected binary of 65536 bytes, got no message'],
    ['echo truncated', '9.7.2', 'message 1: expected 16 bytes, got 15'],
    [
      'wrong accept',
      '1.1.1',
      "expected an open connection, but the server's response is wrong: expected Sec-WebSocket-Accept",
    ],
  ]
  for (const [fault, id, words] of table) {
    const [result] = await judge([fault], [id])
    t.ok(result?.words.startsWith(words), `${fault}: ${result?.words}`)
  }
  const closes: readonly (readonly [fault: Fault, id: string, words: string])[] = [
    ['wrong close code', '1.1.1', 'expected Close 1000 or none, got Close 4321'],
    ['close never answered', '1.1.1', 'expected Close 1000 and a clean end, got no Close'],
    ['TCP never ended', '1.1.1', 'expected Close 1000 and a clean end, got Close 1000 and no end of TCP in time'],
    ['TCP never ended', '2.5', 'expected the server to end TCP, but the suite had to'],
    [
      'RSV bits accepted',
      '3.1',
      'expected the peer to fail the connection, but the suite had to end it: nothing more came within 1 s',
    ],
    [
      'masks wrongly',
      '2.5',
      'expected the peer to fail the connection, but the suite had to end it: the peer sent something wrong: a server masked a frame (§5.1)',
    ],
    [
      'long messages refused',
      '9.1.1',
      'expected the suite to close, but the peer ended the connection first, with Close 1009',
    ],
  ]
  for (const [fault, id, words] of closes) {
    const [result] = await judge([fault], [id])
    t.equal(result?.closeWords, words, fault)
  }
})
