/** The peer when a client is judged: its request, and what it is answered. */
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ClientPeer } from '../../conformance/client-peer.ts'
import { readHead } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY } from '../../conformance/runner.ts'
import { WireLog } from '../../conformance/wire-log.ts'
import { MASK, rawFrame } from '../support/raw-frames.ts'
import { fieldOf, KEY, RawClient, rawServer, requestText } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

const HANDLER = { onMessage() {}, onPong() {}, onEnd() {} }

/** A peer whose request has come, and the client behind it. */
async function arrive(t: Test, fields = {}, rest = ''): Promise<{ peer: ClientPeer; client: RawClient }> {
  let arrived: { socket: Socket; text: string } | undefined
  const server = await rawServer((socket, text) => {
    arrived = { socket, text }
  })
  const client = new RawClient(server.port).send(requestText(fields)).send(rest)
  t.teardown(async () => {
    await client.destroy()
    await server.close()
  })
  await until(() => arrived !== undefined)
  const { socket, text } = arrived!
  const bytes = Buffer.from(text, 'latin1')
  const read = readHead(bytes)!
  const request = { socket, head: read.head, text: read.text, rest: bytes.subarray(read.end) }
  return { peer: new ClientPeer(request, DEFAULT_PLAY, new WireLog()), client }
}

t.test('a client is let in, with the accept value of §1.3, and read from then on', async t => {
  const { peer, client } = await arrive(t)
  t.equal(peer.key, KEY)
  const messages: string[] = []
  const opened = await peer.open({ ...HANDLER, onMessage: payload => messages.push(String(payload)) })
  t.match(opened, { agreed: undefined })
  await within(client.untilHead())
  t.match(client.text, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
  t.equal(fieldOf(client.text, 'Sec-WebSocket-Accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  t.equal(fieldOf(client.text, 'Sec-WebSocket-Extensions'), undefined)
  client.send(rawFrame({ opcode: 1, payload: 'hi', mask: MASK }))
  await until(() => messages.length === 1)
  t.same(messages, ['hi'])
  t.match(peer.log.entries()[0], { from: 'testee', words: 'GET / HTTP/1.1' })
})

t.test('extensions: what is wanted of what was offered; what is not known does no harm', async t => {
  const { peer, client } = await arrive(t, {
    'Sec-WebSocket-Extensions': 'x-other; a=1, permessage-deflate; client_max_window_bits',
  })
  let offers: unknown
  const opened = await peer.open(HANDLER, {
    accept: list => {
      offers = list
      return { clientMaxWindowBits: 9, clientNoContextTakeover: true }
    },
  })
  t.same(offers, [{ clientMaxWindowBits: true }])
  t.match(opened, { agreed: { clientMaxWindowBits: 9 } })
  await within(client.untilHead())
  t.equal(
    fieldOf(client.text, 'Sec-WebSocket-Extensions'),
    'permessage-deflate; client_no_context_takeover; client_max_window_bits=9',
  )
})

t.test('none is answered to a client that offers nothing that will do', async t => {
  const { peer, client } = await arrive(t, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  await peer.open(HANDLER, { accept: () => undefined })
  await within(client.untilHead())
  t.equal(fieldOf(client.text, 'Sec-WebSocket-Extensions'), undefined)
})

t.test('a response as it is given: with octets behind it, or in pieces', async t => {
  const { peer, client } = await arrive(t)
  peer.respond('HTTP/1.1 101 A\r\n', Buffer.from('behind'))
  await peer.respondInChops('in pieces', 2)
  await until(() => client.text.endsWith('in pieces'))
  t.equal(client.text, 'HTTP/1.1 101 A\r\nbehindin pieces')
  t.match(
    peer.log.entries().map(({ from, words }) => `${from}: ${words}`),
    [/^testee/, 'suite: HTTP/1.1 101 A', 'suite: 6 bytes behind it, in the same write', 'suite: in pieces'],
  )
})
