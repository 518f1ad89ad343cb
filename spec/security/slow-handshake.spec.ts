/**
 * Peers that take their time with the opening handshake (S12): a byte now and then, silence after half a head, silence
 * before TLS has begun. Each has one deadline for all of it, and costs little until then.
 */
import { createServer as createTcpServer, connect as netConnect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { connect, type HandshakeError, WebSocketServer } from 'wirewright'
import { certificates } from '../support/certificate.ts'
import { RawClient, RawPeer, requestText } from '../support/raw-socket.ts'
import { acceptText, bareServer, CARRIERS, clientTls, inWords, Victim } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const HANDSHAKE_TIMEOUT = 400

/** A byte at a time, until the other end has had enough. */
async function drip(peer: RawPeer, text: string): Promise<void> {
  let isOver = false
  void peer.ended.then(() => {
    isOver = true
  })
  for (const byte of text) {
    if (isOver) return
    peer.send(byte)
    await delay(10)
  }
}

for (const carrier of CARRIERS) {
  t.test(`${carrier}: a server whose clients are slow`, async t => {
    const server = new WebSocketServer({ handshakeTimeout: HANDSHAKE_TIMEOUT })
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port = 0 } = await server.listen({ host: '127.0.0.1', tls })
    t.teardown(() => server.close())
    const text = requestText({ 'X-Padding': 'x'.repeat(500) })
    const deeds: Record<string, (client: RawClient) => void> = {
      'a byte now and then': client => void drip(client, text),
      'half a head': client => void client.send(text.slice(0, 80)),
      'all but the last byte': client => void client.send(text.slice(0, -1)),
      nothing: () => {},
    }
    const answers = Object.entries(deeds).map(async ([deed, act]) => {
      const client = new RawClient(port, clientTls(carrier))
      act(client)
      await within(client.ended, deed)
      const answer = client.text.slice(0, 12)
      await client.destroy()
      return [deed, answer]
    })
    t.same(
      await Promise.all(answers),
      Object.keys(deeds).map(deed => [deed, 'HTTP/1.1 408']),
    )
  })

  t.test(`${carrier}: a client whose server is slow`, async t => {
    const deeds: Record<string, (peer: RawPeer, request: string) => void> = {
      'a byte now and then': (peer, request) =>
        void drip(peer, acceptText(request, `X-Padding: ${'x'.repeat(500)}\r\n`)),
      'half a head': (peer, request) => void peer.send(acceptText(request).slice(0, 80)),
      'all but the last byte': (peer, request) => void peer.send(acceptText(request).slice(0, -1)),
      nothing: () => {},
    }
    const outcomes = Object.entries(deeds).map(async ([deed, act]) => {
      const server = await bareServer(t, carrier, (socket, request) => act(new RawPeer(socket), request))
      const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
      const options = { handshakeTimeout: HANDSHAKE_TIMEOUT, ...tls }
      const outcome = await within(connect(server.url, options), deed).catch((error: HandshakeError) => error.code)
      return [deed, outcome]
    })
    t.same(
      await Promise.all(outcomes),
      Object.keys(deeds).map(deed => [deed, 'WS_ERR_HANDSHAKE_TIMEOUT']),
    )
  })
}

t.test('a server whose clients never begin with TLS', async t => {
  const server = new WebSocketServer({ handshakeTimeout: HANDSHAKE_TIMEOUT })
  const { port = 0 } = await server.listen({ host: '127.0.0.1', tls: certificates().local })
  t.teardown(() => server.close())
  for (const bytes of ['', '\x16\x03\x01\x02\x00\x01']) {
    const client = new RawPeer(netConnect(port, '127.0.0.1'))
    if (bytes !== '') client.send(bytes)
    await within(client.ended, 'a socket that is silent')
    t.equal(client.text, '')
    await client.destroy()
  }
})

t.test('a client whose server never begins with TLS', async t => {
  const server = createTcpServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const outcome = connect(`wss://localhost:${port}`, { handshakeTimeout: HANDSHAKE_TIMEOUT })
  await t.rejects(within(outcome, 'connect'), { code: 'WS_ERR_HANDSHAKE_TIMEOUT' })
})

t.test('1,000 clients at half a head each', async t => {
  const victim = Victim.start(t)
  const port = Number(await victim.call('serve', { options: {}, doing: 'listen' }))
  const before = await victim.call('measure')
  const half = requestText().slice(0, 80)
  const clients = Array.from({ length: 1000 }, () => new RawClient(port).send(half))
  for (const { socket } of clients)
    if (socket.connecting) await new Promise(resolve => socket.once('connect', resolve))
  const { held, peak } = await victim.call('measure')
  const each = (held - before.held) / 1000
  t.comment(`${inWords(each)} held for each, ${inWords((peak - before.rss) / 1000)} of RSS`)
  t.ok(each < 10_000)
  await Promise.all(clients.map(client => client.destroy()))
  t.ok((await victim.call('measure')).held - before.held < 2 ** 20)
  t.same((await victim.call('account')).uncaught, [])
})
