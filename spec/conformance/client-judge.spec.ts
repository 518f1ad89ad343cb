/**
 * The judge of clients: Autobahn's protocol, and the verdicts on clients that are good or broken in one way each. The
 * verdicts are those that Autobahn's rules give.
 */
import t, { type Test } from 'tap'
import { AUTOBAHN_CASES } from '../../conformance/autobahn/index.ts'
import { ClientJudge, type ClientJudgeOptions } from '../../conformance/client-judge.ts'
import { DEFAULT_PLAY } from '../../conformance/runner.ts'
import { brokenClient, type Fault } from '../support/broken-endpoint.ts'
import { CLIENT_VERDICTS, forEachFault, PLAYED, PLAYED_DEFLATE, playFor } from '../support/broken-verdicts.ts'
import { closePayload, readFrames } from '../support/raw-frames.ts'
import { RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { verdictTable } from '../support/verdict-table.ts'
import { within } from '../support/waiting.ts'

async function judge(
  t: Test,
  options: Partial<ClientJudgeOptions> = {},
): Promise<{ it: ClientJudge; url: string; port: number }> {
  const it = new ClientJudge({ cases: AUTOBAHN_CASES, play: DEFAULT_PLAY, port: 0, host: '127.0.0.1', ...options })
  const url = await it.listen()
  t.teardown(() => it.close())
  return { it, url, port: Number(new URL(url).port) }
}

/** What a client is told that asks for `path` and answers nothing. */
async function ask(
  port: number,
  path: string,
): Promise<{ status: number; body: string; frames: readonly { opcode: number; payload: Buffer }[] }> {
  const client = new RawClient(port).send(requestText({}, `GET ${path} HTTP/1.1`))
  await within(client.ended, path)
  const { status, body } = readAnswer(client.text)
  const frames = status === 101 ? readFrames(client.behindHead) : []
  await client.destroy()
  return { status, body, frames }
}

// Most of it is waiting, which takes longer where there is other work.
t.setTimeout(60_000)

t.test('questions that are one message, and a close', async t => {
  const asked: string[] = []
  const { port } = await judge(t, { onReports: agent => void asked.push(agent) })
  const bye = { opcode: 8, payload: closePayload(1000) }
  const answers = async (path: string) => (await ask(port, path)).frames
  t.match(await answers('/getCaseCount'), [{ opcode: 1, payload: Buffer.from('517') }, bye])
  const [info, close] = await answers('/getCaseInfo?case=17')
  t.match(JSON.parse(String(info?.payload)), { id: '2.1', description: /^ping 0 → pong 0/ })
  t.match(close, bye)
  t.match(await answers('/updateReports?agent=a%20b'), [bye])
  t.same(asked, ['a b'])
})

t.test('a case by its number and by its id, and its verdict', async t => {
  const results: string[] = []
  const { it, url, port } = await judge(t, {
    onResult: (agent, { id, behavior }) => results.push(`${agent} ${id} ${behavior}`),
  })
  await brokenClient(`${url}/runCase?case=17&agent=one`, [])
  await brokenClient(`${url}/runCase?casetuple=2.2&agent=two`, ['no pong'])
  t.same(results, ['one 2.1 OK', 'two 2.2 FAILED'])
  t.same(it.agents, ['one', 'two'])
  t.match(it.resultsOf('two'), [{ id: '2.2', behavior: 'FAILED', words: 'expected pong 13, got no message or pong' }])
  const [status] = (await ask(port, '/getCaseStatus?case=18&agent=two')).frames
  t.same(JSON.parse(String(status?.payload)), { behavior: 'FAILED', behaviorClose: 'OK' })
})

t.test('what makes no sense is refused in words', async t => {
  const { port } = await judge(t)
  const table: readonly (readonly [path: string, words: string])[] = [
    ['/nothing', '/nothing is not served here'],
    ['/runCase?case=518&agent=a', 'there is no case 518, but 1 to 517'],
    ['/runCase?case=x&agent=a', 'there is no case x, but 1 to 517'],
    ['/runCase?case=1', 'the parameter "agent" is missing'],
    ['/updateReports', 'the parameter "agent" is missing'],
    ['/getCaseStatus?case=1&agent=a', 'case 1.1.1 was not played'],
  ]
  for (const [path, words] of table) t.match(await ask(port, path), { status: 400, body: `${words}\n` }, path)
  const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await within(client.ended)
  t.match(client.text, /^HTTP\/1\.1 400 .*\r\n/)
  t.match(client.text, 'expected Upgrade: websocket')
  await client.destroy()
})

/** Verdicts on a client with these faults. */
async function verdicts(
  t: Test,
  faults: readonly Fault[],
  ids: readonly string[],
  deflate?: string,
): Promise<Record<string, string>> {
  const cases = AUTOBAHN_CASES.filter(({ id }) => ids.includes(id))
  const { it, url } = await judge(t, { cases, play: playFor(faults) })
  let next = 0
  const work = async () => {
    while (next < cases.length) {
      await brokenClient(`${url}/runCase?case=${++next}&agent=a`, faults, deflate === undefined ? {} : { deflate })
    }
  }
  await within(Promise.all(Array.from({ length: 60 }, work)), faults.join(), 60_000)
  // The last verdicts are found when TCP has ended on this side too.
  for (let n = 0; n < 500 && it.resultsOf('a').length < cases.length; n++)
    await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(it.resultsOf('a').length, cases.length)
  return verdictTable(it.resultsOf('a'))
}

t.test('clients with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  const found: Record<string, unknown> = {}
  await forEachFault(CLIENT_VERDICTS, async (fault, faults) => {
    found[fault] = await verdicts(t, faults, PLAYED)
  })
  for (const [fault, expected] of Object.entries(CLIENT_VERDICTS)) t.same(found[fault], expected, fault)
})

t.test('clients and permessage-deflate', async t => {
  const offer = 'permessage-deflate; client_max_window_bits'
  t.same(await verdicts(t, [], PLAYED_DEFLATE, offer), {})
  // Without client_max_window_bits in the offer, 13.3 to 13.6 cannot be had.
  const bare = await verdicts(t, [], ['12.1.4', '13.1.4', '13.2.4', '13.3.4', '13.7.4'], 'permessage-deflate')
  t.same(bare, {})
  t.same(await verdicts(t, ['deflate context kept'], PLAYED_DEFLATE, offer), {
    'FAILED / UNCLEAN': '13.2.4…13.2.11 13.5.4…13.7.11',
  })
  t.same(await verdicts(t, ['deflate context lost'], PLAYED_DEFLATE, offer), {
    'FAILED / FAILED': '12.1.4…13.7.11',
  })
  t.same(await verdicts(t, ['deflate window ignored'], PLAYED_DEFLATE, offer), {
    'FAILED / UNCLEAN': '13.3.4…13.3.11',
  })
})
