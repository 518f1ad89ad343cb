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
  ['lines of data', STREAM, chunk('data: x\n'), 'ERR_EVENT_STREAM_EVENT_TOO_LARGE'],
  ['empty lines of data', STREAM, chunk('data\n'), 'ERR_EVENT_STREAM_EVENT_TOO_LARGE'],
  ['an ID', `${STREAM}id: `, chunk('9'), 'ERR_EVENT_STREAM_LINE_TOO_LONG'],
  ['fields of a head', 'HTTP/1.1 200 OK\r\n', chunk('X-A: b\r\n'), 'HPE_HEADER_OVERFLOW'],
  ['a page', 'HTTP/1.1 500 No\r\nContent-Type: text/html\r\n\r\n', chunk('<p>'), 'ERR_EVENT_STREAM_STATUS'],
]

for (const carrier of CARRIERS) {
  for (const [what, head, endless, code] of carrier === 'TCP' ? DEEDS : DEEDS.slice(0, 1)) {
    t.test(`${carrier}: ${what} without an end`, async t => {
      const victim = Victim.start(t)
      let poured = 0
      const server = await bareServer(t, carrier, (socket, _request) => {
        socket.write(head)
        void pour(new RawPeer(socket), Array(1000).fill(endless)).then(bytes => (poured += bytes))
      })
      const before = await victim.call('measure')
      const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
      const options = { reconnectionTime: 10, reconnect: 'always', ...tls }
      await victim.call('follow', { url: server.url.replace('ws', 'http'), options })
      const { ends, messages, uncaught } = await victim.ended(1)
      const { held, peak } = await victim.call('measure')
      t.comment(`${inWords(peak - before.rss)} of RSS; ${inWords(held - before.held)} held afterwards`)
      t.match(ends, [[code, 0]])
      t.equal(messages, 0)
      t.same(uncaught, [])
      t.equal(server.requests.length, 1, 'it did not come back')
      await until(() => server.sockets.size === 0)
      t.ok(poured < 16 * MIB, `${inWords(poured)} were taken`)
      t.ok(held - before.held < 2 * MIB)
    })
  }
}

t.test('a server that ends every stream at once is not asked in a loop', async t => {
  const victim = Victim.start(t)
  const server = await bareServer(t, 'TCP', socket => socket.end(STREAM))
  const start = performance.now()
  const options = { reconnectionTime: 100, reconnect: 'always' }
  await victim.call('follow', { url: server.url.replace('ws', 'http'), options })
  await until(() => server.requests.length >= 4)
  t.ok(performance.now() - start >= 300, 'each attempt waits for the reconnection time')
})
