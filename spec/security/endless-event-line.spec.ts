/**
 * Event streams without an end where there should be one (S21): a line, a comment, the lines of one event, a head, a body
 * that is no event stream; and silence (S27). The client keeps no more than its limit, fails for good and does not come
 * back, or comes back no faster than it says.
 */
import t from 'tap'
import { certificates } from '../support/certificate.ts'
import { RawPeer } from '../support/raw-socket.ts'
import { bareServer, CARRIERS, inWords, pour, Victim } from '../support/victim.ts'
import { until } from '../support/waiting.ts'

const MIB = 2 ** 20
const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'
const chunk = (text: string) => Buffer.alloc(65_536, text)

/** What comes without an end, and what the client makes of it. */
const DEEDS: readonly (readonly [what: string, head: string, endless: Buffer, code: string])[] = [
  ['a line of data', `${STREAM}data: `, chunk('x'), 'ERR_EVENT_STREAM_LINE_TOO_LONG'],
  ['a comment', `${STREAM}: `, chunk('x'), 'ERR_EVENT_STREAM_LINE_TOO_LONG'],
  ['a field without a name', STREAM, chunk('x'), 'ERR_EVENT_STREAM_LINE_TOO_LONG'],
  ['lines of data', STREAM, chunk('data: x\n'), 'ERR_EVENT_STREAM_EVENT_TOO_LONG'],
  ['empty lines of data', STREAM, chunk('data\n'), 'ERR_EVENT_STREAM_EVENT_TOO_LONG'],
  ['an ID', `${STREAM}id: `, chunk('9'), 'ERR_EVENT_STREAM_LINE_TOO_LONG'],
  ['a page', 'HTTP/1.1 500 No\r\nContent-Type: text/html\r\n\r\n', chunk('<p>'), 'ERR_EVENT_STREAM_STATUS'],
]

for (const carrier of CARRIERS) {
  const deeds = carrier === 'TCP' ? DEEDS : DEEDS.slice(0, 1)
  t.test(`${carrier}: without an end: ${deeds.map(([what]) => what).join(', ')}`, { timeout: 60_000 }, async t => {
    const victim = Victim.start(t)
    const before = await victim.call('measure')
    for (const [at, [what, head, endless, code]] of deeds.entries()) {
      let poured = 0
      const server = await bareServer(t, carrier, socket => {
        socket.write(head)
        void pour(new RawPeer(socket), Array(1000).fill(endless)).then(bytes => {
          poured += bytes
        })
      })
      const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
      const options = { reconnectionTime: 10, reconnect: 'always', ...tls }
      await victim.call('follow', { url: server.url.replace('ws', 'http'), options })
      const { ends } = await victim.ended(at + 1)
      t.same(ends[at], [code, 0], what)
      t.equal(server.requests.length, 1, 'it did not come back')
      await until(() => server.sockets.size === 0)
      t.ok(poured < 16 * MIB, `${inWords(poured)} were taken`)
    }
    const { held, peak } = await victim.call('measure')
    t.comment(`${inWords(peak - before.rss)} of RSS at the most; ${inWords(held - before.held)} held afterwards`)
    t.ok(held - before.held < 2 * MIB)
    const { messages, uncaught } = await victim.call('account')
    t.equal(messages, 0)
    t.same(uncaught, [])
  })
}

t.test('a head without an end: what Node lets in of it, and no more', async t => {
  const victim = Victim.start(t)
  const endless = chunk('X-A: b\r\n')
  const server = await bareServer(t, 'TCP', socket => {
    socket.write('HTTP/1.1 200 OK\r\n')
    void pour(new RawPeer(socket), Array(1000).fill(endless))
  })
  const before = await victim.call('measure')
  await victim.call('follow', { url: server.url.replace('ws', 'http'), options: { reconnect: false } })
  t.match((await victim.ended(1)).ends, [['HPE_HEADER_OVERFLOW', 0]])
  t.ok((await victim.call('measure')).held - before.held < 2 * MIB)
})

t.test('lines of data between comments: an event holds its own bytes, not those of its chunks', async t => {
  const victim = Victim.start(t)
  const piece = Buffer.from(`data: 12345678901234567890\n:${'c'.repeat(65_536 - 30)}\n`)
  let hold: () => void = () => {}
  const isSent = new Promise<void>(resolve => (hold = resolve))
  const server = await bareServer(t, 'TCP', socket => {
    socket.write(STREAM)
    void pour(new RawPeer(socket), Array(1000).fill(piece)).then(() => hold())
  })
  const before = await victim.call('measure')
  await victim.call('follow', { url: server.url.replace('ws', 'http'), options: {} })
  await isSent
  const { held } = await victim.call('measure')
  t.equal((await victim.call('account')).open, 1)
  t.comment(`${inWords(held - before.held)} held for 21 KiB of data in 62 MiB of a stream`)
  t.ok(held - before.held < 4 * MIB)
})

t.test('a server that ends every stream at once is not asked in a loop', async t => {
  const victim = Victim.start(t)
  const server = await bareServer(t, 'TCP', socket => socket.end(STREAM))
  const start = performance.now()
  const options = { reconnectionTime: 50, reconnect: 'always' }
  await victim.call('follow', { url: server.url.replace('ws', 'http'), options })
  await until(() => server.requests.length >= 3)
  t.ok(performance.now() - start > 99, 'each attempt waits for the reconnection time')
})
