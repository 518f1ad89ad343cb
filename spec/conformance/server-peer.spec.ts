/** The peer when a server is judged: the opening handshake, and all that a server can answer to it. */
import type { Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { acceptFor, parseTarget, writeHead } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY } from '../../conformance/runner.ts'
import { checkReachable, ServerPeer } from '../../conformance/server-peer.ts'
import { WireLog } from '../../conformance/wire-log.ts'
import { certificates } from '../support/certificate.ts'
import { rawFrame } from '../support/raw-frames.ts'
import { fieldOf, type RawServer, rawServer } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

const HANDLER = { onMessage() {}, onPong() {}, onEnd() {} }

function peerOf({ port }: { port: number }, scheme = 'ws', insecure = false): ServerPeer {
  const target = { ...parseTarget(`${scheme}://127.0.0.1:${port}/path?a=b`), insecure }
  return new ServerPeer(target, DEFAULT_PLAY, new WireLog())
}

async function serve(t: Test, onRequest: (socket: Socket, request: string) => void): Promise<RawServer> {
  const server = await rawServer(onRequest)
  t.teardown(() => server.close())
  return server
}

function response(request: string, fields: Record<string, string | undefined> = {}): string {
  return writeHead('HTTP/1.1 101 Switching Protocols', {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptFor(fieldOf(request, 'Sec-WebSocket-Key')!),
    ...fields,
  })
}

t.test('a right response opens; what stands behind it is read', async t => {
  const server = await serve(t, (socket, request) => {
    socket.write(Buffer.concat([Buffer.from(response(request)), rawFrame({ opcode: 1, payload: 'early' })]))
  })
  const peer = peerOf(server)
  const messages: string[] = []
  const opened = await within(peer.open({ ...HANDLER, onMessage: payload => messages.push(String(payload)) }))
  t.ok('endpoint' in opened)
  await until(() => messages.length === 1)
  t.same(messages, ['early'])
  t.match(server.requests[0], /^GET \/path\?a=b HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/)
  t.equal(fieldOf(server.requests[0]!, 'Sec-WebSocket-Extensions'), undefined)
  peer.release()
})

t.test('responses that a client must not take (§4.1)', async t => {
  const table: readonly (readonly [words: string, fields: Record<string, string | undefined>])[] = [
    ['expected Upgrade: websocket', { Upgrade: undefined }],
    ['expected Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': 'x' }],
    ['no extension was offered', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
    ['subprotocol "chat", and none was offered', { 'Sec-WebSocket-Protocol': 'chat' }],
  ]
  for (const [words, fields] of table) {
    const server = await serve(t, (socket, request) => void socket.write(response(request, fields)))
    const opened = await within(peerOf(server).open(HANDLER))
    t.match(opened, { fault: new RegExp(words) }, words)
  }
})

t.test('what is agreed on of what was offered', async t => {
  const offers = 'permessage-deflate; client_max_window_bits'
  const table: readonly (readonly [value: string | undefined, outcome: object])[] = [
    [undefined, { agreed: undefined }],
    ['permessage-deflate; server_no_context_takeover', { agreed: { serverNoContextTakeover: true } }],
    ['permessage-deflate; client_max_window_bits', { fault: /client_max_window_bits without a value/ }],
    ['permessage-deflate, permessage-deflate', { fault: /more than one/ }],
    ['permessage-deflate; foo=1', { fault: /"foo=1" is unknown/ }],
    ['x-other', { fault: /"x-other" is unknown/ }],
  ]
  for (const [value, outcome] of table) {
    const server = await serve(t, (socket, request) => {
      socket.write(response(request, { 'Sec-WebSocket-Extensions': value }))
    })
    const peer = peerOf(server)
    t.match(await within(peer.open(HANDLER, { offers })), outcome, value ?? 'none')
    t.equal(fieldOf(server.requests[0]!, 'Sec-WebSocket-Extensions'), offers)
    peer.release()
  }
})

t.test('no response, half of one, one without end, no server', async t => {
  const ending = await serve(t, socket => void socket.end())
  t.match(await within(peerOf(ending).open(HANDLER)), { fault: /ended TCP without a response/ })
  const half = await serve(t, socket => void socket.end('HTTP/1.1 101'))
  t.match(await within(peerOf(half).open(HANDLER)), { fault: /without a response/ })
  const endless = await serve(t, socket => void socket.write(`HTTP/1.1 101 x\r\nA: ${'a'.repeat(70_000)}`))
  t.match(await within(peerOf(endless).open(HANDLER)), { fault: /without end/ })
  const gone = await rawServer(() => {})
  await gone.close()
  t.match(await within(peerOf(gone).open(HANDLER)), { fault: /there was no connection: .*ECONNREFUSED/ })
  await t.rejects(checkReachable(peerOf(gone).target))
  await t.resolves(checkReachable(peerOf(half).target))
})

t.test('over TLS, with a certificate that is known or need not be', async t => {
  const { local } = certificates()
  const server = await rawServer((socket, request) => void socket.write(response(request)), createTlsServer(local))
  t.teardown(() => server.close())
  const peer = peerOf(server, 'wss', true)
  t.ok('endpoint' in (await within(peer.open(HANDLER))))
  peer.release()
  t.match(await within(peerOf(server, 'wss').open(HANDLER)), { fault: /there was no connection/ })
})
