/**
 * Header fields made to be slow to read (S1): spaces, quotes, backslashes, commas without end, as extensions, subprotocols
 * and anything else. Eight times as long takes about eight times the time, at
 * both ends.
 */
import t from 'tap'
import { connect, WebSocketServer } from 'wirewright'
import { RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { acceptText, bareServer } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const UNITS = [' ', '\t', ',', ';', '"', '\\', '\\"', 'a,', 'a;', 'a="', '"",', 'a=b;', ', ,', 'a="\\', ';a="b"', '=']
const FIELDS = ['Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'Connection']
const LENGTH = 12_000
const LIMITS = { maxHeaderBytes: 2 ** 20 }

/** The least of several times, which the machine's other work can only lengthen. */
async function least(run: () => Promise<void>): Promise<number> {
  let best = Infinity
  for (let n = 0; n < 3; n++) {
    const start = performance.now()
    await run()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

/** Fields whose time grows faster than they do; what takes no time at all is let be. */
async function tooSlow(run: (field: string, value: string) => Promise<void>): Promise<unknown[]> {
  const slow: unknown[] = []
  for (const field of FIELDS) {
    for (const unit of UNITS) {
      const value = (length: number) => unit.repeat(length / unit.length)
      const once = await least(() => run(field, `a${value(LENGTH)}a`))
      const longer = await least(() => run(field, `a${value(8 * LENGTH)}a`))
      // 64 times as long if it were quadratic.
      if (longer > 24 * once + 20) slow.push([field, unit, once, longer])
    }
  }
  return slow
}

t.test('a server', { timeout: 60_000 }, async t => {
  const server = new WebSocketServer({ ...LIMITS, perMessageDeflate: true, protocols: ['chat'] })
  const { port = 0 } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())
  let answers = 0
  const run = async (field: string, value: string) => {
    const client = new RawClient(port).send(requestText({ [field]: value }))
    await within(client.untilHead(), field)
    if (readAnswer(client.text).status > 0) answers++
    client.socket.destroy()
  }
  t.same(await tooSlow(run), [])
  t.equal(answers, FIELDS.length * UNITS.length * 6)
})

t.test('a client', { timeout: 60_000 }, async t => {
  let more = ''
  const server = await bareServer(t, 'TCP', (socket, request) => socket.write(acceptText(request, more)))
  const run = async (field: string, value: string) => {
    more = `${field}: ${value}\r\n`
    const options = { ...LIMITS, perMessageDeflate: true, protocols: ['chat'] }
    const connection = await within(connect(server.url, options), field).catch(() => undefined)
    connection?.terminate()
  }
  t.same(await tooSlow(run), [])
})
