/**
 * The opening handshake between us and any peer: what is agreed on, what is refused, and what each side then tells.
 * Like the table of behaviours, it is run by each peer's spec in every direction the peer has.
 */
import { once } from 'node:events'
import type { Test } from 'tap'
import {
  connect,
  type DeflateOptions,
  HandshakeError,
  type Refusal,
  type ServerOptions,
  type TraceListener,
} from '../../lib/index.ts'
import { directionsOf } from './behaviours.ts'
import { type Direction, type LinkOptions, listen, listenAs, openLink, take } from './link.ts'
import { dataOf, type Payload, type Peer, type PeerRefusal, receiptFor } from './peer.ts'

/** Runs the handshakes with a peer, in each direction that it has. */
export function testHandshakes(t: Test, peer: Peer): void {
  for (const direction of directionsOf(peer)) {
    t.test(`opening handshake: ${direction}`, async t => {
      t.test('a subprotocol that both speak is agreed on', t => agreesOnSubprotocol(t, peer, direction))
      t.test('permessage-deflate is not agreed on unless we want it', t => declinesDeflate(t, peer, direction))
      t.test('permessage-deflate is agreed on with any parameters', t => agreesOnDeflate(t, peer, direction))
      if (peer.abilities.includes('headers')) {
        t.test('header fields get through, both ways', t => carriesHeaders(t, peer, direction))
      }
      const ways: Readonly<Record<string, LinkOptions>> =
        direction === 'their client, our server'
          ? { 'a server on node:http': { attached: true }, TLS: { tls: true } }
          : { TLS: { tls: true } }
      for (const [way, options] of Object.entries(ways)) {
        t.test(`messages and the closing handshake go over ${way}`, t => worksOver(t, peer, direction, options))
      }
    })
  }
  t.test('their client reports what we refuse with', t => testOurRefusals(t, peer))
  t.test('their client is not given a subprotocol that it did not offer', t => testNoSubprotocol(t, peer))
  if (peer.listen === undefined) return
  t.test('we report what their server refuses with', t => testTheirRefusals(t, peer))
  t.test('we fail when their server chooses no subprotocol', async t => {
    const { url } = await listenAs(t, peer, {})
    await t.rejects(connect(url, { protocols: ['one'] }), { code: 'WS_ERR_HANDSHAKE_PROTOCOL' })
  })
}

async function agreesOnSubprotocol(t: Test, peer: Peer, direction: Direction): Promise<void> {
  const link = await openLink(t, peer, direction, { offered: ['one', 'two', 'three'], spoken: ['two', 'four'] })
  t.same([link.ours.protocol, link.peer.protocol], ['two', 'two'])
}

async function declinesDeflate(t: Test, peer: Peer, direction: Direction): Promise<void> {
  const { ours, peer: theirs, request } = await openLink(t, peer, direction)
  if (direction === 'their client, our server') {
    t.match(request?.headers['sec-websocket-extensions'], /permessage-deflate/, 'it was offered')
  }
  t.equal(theirs.extensions, '')
  const payload = { text: 'compressible ', times: 5000 }
  ours.send('compressible '.repeat(5000))
  t.same(await theirs.take(1), [receiptFor(payload)])
  await theirs.send(payload)
  t.same(await take(ours, 1), [receiptFor(payload)])
}

const DEFLATES: readonly DeflateOptions[] = [
  {},
  { serverContextTakeover: true, clientContextTakeover: true },
  {
    serverContextTakeover: true,
    clientContextTakeover: true,
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 9,
    level: 9,
  },
  { serverContextTakeover: true, serverMaxWindowBits: 15 },
  { clientContextTakeover: true, clientMaxWindowBits: 15, threshold: 0 },
]

async function agreesOnDeflate(t: Test, peer: Peer, direction: Direction): Promise<void> {
  for (const deflate of DEFLATES) {
    const compressed = { in: 0, out: 0 }
    const trace: TraceListener = (way, { rsv1 }) => void (rsv1 && compressed[way]++)
    const link = await openLink(t, peer, direction, { deflate, settings: { trace } })
    const { ours, peer: theirs } = link
    t.match(ours.extensions, /^permessage-deflate/)
    t.match(theirs.extensions, /permessage-deflate/i)
    const messages: Payload[] = [
      { text: 'compressible ', times: 300 },
      { text: 'a' },
      { text: 'compressible ', times: 300 },
      { hex: '00ff10', times: 100_000 },
      { text: '' },
      { text: 'é€😀', times: 5000 },
    ]
    const taken = take(ours, messages.length)
    for (const message of messages) {
      if (!ours.send(dataOf(message))) await ours.drained()
      await theirs.send(message)
    }
    await ours.sendFragments(['in ', 'fragments '.repeat(200), '😀'])
    t.same(await theirs.take(messages.length + 1), [
      ...messages.map(receiptFor),
      receiptFor({ text: `in ${'fragments '.repeat(200)}😀` }),
    ])
    t.same(await taken, messages.map(receiptFor))
    const isBoth = compressed.in >= 3 || !peer.abilities.includes('compress')
    t.ok(isBoth && compressed.out >= 3, `${JSON.stringify(compressed)} with ${ours.extensions}`)
    ours.close(1000)
    t.equal((await ours.closed).wasClean, true)
  }
}

async function carriesHeaders(t: Test, peer: Peer, direction: Direction): Promise<void> {
  const requestHeaders = { 'X-Request': 'from the client', Cookie: 'a=1; b=2' }
  const responseHeaders = { 'X-Response': 'from the server' }
  const link = await openLink(t, peer, direction, { requestHeaders, responseHeaders })
  if (direction === 'our client, their server') {
    t.match(link.peer.headers, { 'x-request': 'from the client', cookie: 'a=1; b=2' })
  } else {
    t.match(link.request?.headers, { 'x-request': 'from the client', cookie: 'a=1; b=2' })
    t.match(link.peer.headers, { 'x-response': 'from the server' })
  }
}

async function worksOver(t: Test, peer: Peer, direction: Direction, options: LinkOptions): Promise<void> {
  const { ours, peer: theirs } = await openLink(t, peer, direction, options)
  for (const payload of [{ text: 'é😀' }, { hex: '00ff', times: 300_000 }]) {
    ours.send(dataOf(payload))
    t.same(await theirs.take(1), [receiptFor(payload)], 'from us')
    await theirs.send(payload)
    t.same(await take(ours, 1), [receiptFor(payload)], 'from the peer')
  }
  ours.close(3000, 'done')
  t.same(await theirs.closed(), { code: 3000, reason: 'done' })
  t.equal((await ours.closed).wasClean, true)
}

/** How our server can refuse, and the status that it then answers. */
const OUR_REFUSALS: readonly {
  readonly options: ServerOptions
  readonly status: number
}[] = [
  { options: { path: '/chat' }, status: 404 },
  { options: { origin: ['https://only.example'], authorize: () => false }, status: 403 },
  {
    options: { authorize: () => ({ status: 401, headers: { 'WWW-Authenticate': 'Basic realm="here"' } }) },
    status: 401,
  },
  { options: { authorize: () => ({ status: 503, headers: { 'Retry-After': '5' } }) }, status: 503 },
]

async function testOurRefusals(t: Test, peer: Peer): Promise<void> {
  for (const { options, status } of OUR_REFUSALS) {
    const { server, url } = await listen(t, options)
    const refused = once(server, 'refused') as Promise<[Refusal]>
    await t.rejects(peer.connect(`${url}/other`, {}), { message: peer.refused(status) }, `${status}`)
    t.equal((await refused)[0].status, status)
    t.equal(server.connections.size, 0)
  }
}

async function testNoSubprotocol(t: Test, peer: Peer): Promise<void> {
  const { url } = await listen(t, { protocols: ['other'] })
  const opening = peer.connect(url, { protocols: ['one', 'two'] })
  if (peer.withoutSubprotocol === 'fails') await t.rejects(opening)
  else t.equal((await opening).protocol, '')
}

const THEIR_REFUSALS: readonly PeerRefusal[] = [
  { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="here"' }, body: 'who are you?' },
  { status: 403, headers: {}, body: 'é' },
  { status: 503, headers: { 'Retry-After': '5' }, body: 'x'.repeat(20_000) },
]

async function testTheirRefusals(t: Test, peer: Peer): Promise<void> {
  for (const refuse of THEIR_REFUSALS) {
    const { url } = await listenAs(t, peer, { refuse })
    const error = await connect(url).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (!(error instanceof HandshakeError)) throw new Error(`no HandshakeError, but ${error}`)
    const { status, headers, body } = error.response ?? {}
    t.same([error.code, status, body?.toString()], ['WS_ERR_HANDSHAKE_STATUS', refuse.status, refuse.body])
    for (const [name, value] of Object.entries(refuse.headers)) t.equal(headers?.[name.toLowerCase()], value)
  }
}
