/**
 * The server as a whole, on sockets: its own ports, single requests, hooks that decide late or never, what refused
 * clients get, requests for pages, the set of open connections, and closing while all of that is going on.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { connect } from '../../lib/transport/client.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import type { Authorization, ServerOptions } from '../../lib/transport/server-options.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'
import type { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { REQUEST_FAULTS, type Refusal, type RequestFault } from '../../lib/websocket/handshake.ts'
import { certificates } from '../support/certificate.ts'
import { CLOSE, closePayload, MASK, PING, rawFrame, readFrames, TEXT } from '../support/raw-frames.ts'
import {
  type Answer,
  exchange,
  isLastAnswer,
  leftOpen,
  openHandles,
  RawClient,
  readAnswer,
  requestText,
} from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

const before = openHandles()
const UPGRADE = requestText()
const PLAIN = 'GET /page HTTP/1.1\r\nHost: a\r\n\r\n'
const withoutUpgrade = { Upgrade: [], Connection: [], 'Sec-WebSocket-Key': [], 'Sec-WebSocket-Version': [] }

/** A server on a port of its own that keeps what it told. */
async function open(options: ServerOptions = {}) {
  const server = new WebSocketServer(options)
  const connections: WebSocketConnection[] = []
  const refused: { refusal: Refusal; request: UpgradeRequest; error: unknown }[] = []
  server.on('connection', connection => connections.push(connection))
  server.on('refused', (refusal, request, error) => refused.push({ refusal, request, error }))
  const { port = 0, url } = await server.listen({ host: '127.0.0.1' })
  return { server, port, url, connections, refused }
}

/** A client that has its 101. */
async function openClient(port: number, request = UPGRADE): Promise<RawClient> {
  const client = new RawClient(port).send(request)
  await client.untilHead()
  return client
}

t.test('a client connects, and both talk', async t => {
  const { server, port, url, connections } = await open()
  t.equal(url, `ws://127.0.0.1:${port}`)
  server.on('connection', (connection, request) => {
    connection.on('message', data => connection.send(`${request.url} ${data}`))
  })
  const client = await openClient(port, requestText({}, 'GET /chat?a HTTP/1.1'))
  t.match(client.text, /^HTTP\/1\.1 101 /)
  client.send(rawFrame({ opcode: TEXT, payload: 'hello', mask: MASK }))
  await client.until(text => text.includes('hello'))
  t.equal(readFrames(client.behindHead)[0]?.payload.toString(), '/chat?a hello')
  t.strictSame([...server.connections], connections)
  client.send(rawFrame({ opcode: CLOSE, payload: closePayload(1000), mask: MASK }))
  t.equal(await client.ended, 'end')
  await client.destroy()
  await connections[0]?.closed
  t.equal(server.connections.size, 0)
  await server.close()
})

t.test('it listens to several ports at once, plain and TLS [6455-10.6-1]', async t => {
  const { ca, local } = certificates()
  const server = new WebSocketServer()
  server.on('connection', connection => connection.on('message', data => connection.send(data)))
  const addresses = [
    await server.listen({ host: '127.0.0.1' }),
    await server.listen({ host: '127.0.0.1' }),
    await server.listen({ host: '127.0.0.1', tls: local }),
  ]
  t.equal(new Set(addresses.map(({ port }) => port)).size, 3)
  for (const { url } of addresses) {
    const client = await connect(url, { tls: { ca } })
    client.send(url)
    t.strictSame(await client[Symbol.asyncIterator]().next(), { done: false, value: url })
    client.close()
    await client.closed
  }
  await server.close()
  for (const { port = 0 } of addresses) t.equal((await exchange(port, UPGRADE)).ended, 'ECONNREFUSED')
})

t.test('listen rejects a port that is taken, and the server stays usable', async t => {
  const { server, port } = await open()
  const other = new WebSocketServer()
  await t.rejects(other.listen({ host: '127.0.0.1', port }), { code: 'EADDRINUSE' })
  const { port: own = 0 } = await other.listen({ host: '127.0.0.1' })
  const client = await openClient(own)
  t.match(client.text, /^HTTP\/1\.1 101 /)
  await client.destroy()
  await other.close()
  await server.close()
})

t.test('what comes in the same packet as the request is not lost, control frames included', async t => {
  const told: string[] = []
  for (const authorize of [undefined, () => true, () => turns(3).then(() => true)]) {
    told.length = 0
    const { server, port } = await open({ authorize })
    server.on('connection', connection => {
      connection.on('ping', payload => told.push(`ping ${payload}`))
      connection.on('message', data => told.push(`message ${data}`))
      connection.on('closing', ({ code }) => told.push(`closing ${code}`))
    })
    const frames = [
      rawFrame({ opcode: PING, payload: 'a', mask: MASK }),
      rawFrame({ opcode: TEXT, payload: 'b', mask: MASK }),
      rawFrame({ opcode: CLOSE, payload: closePayload(4000), mask: MASK }),
    ]
    const client = new RawClient(port).send(Buffer.concat([Buffer.from(UPGRADE), ...frames]))
    t.equal(await client.ended, 'end')
    t.strictSame(told, ['ping a', 'message b', 'closing 4000'])
    t.strictSame(
      readFrames(client.behindHead).map(({ opcode }) => opcode),
      [10, 8],
    )
    await client.destroy()
    await server.close()
  }
})
// [6455-4.2.1-1, 6455-10.7-3]
t.test('each fault of a request is refused with its status, and the socket ends', async t => {
  const requests: Readonly<Record<RequestFault, string | undefined>> = {
    // The port itself refuses what is not HTTP/1.1; see http-attachment.spec.ts.
    WS_ERR_REQUEST_HTTP_VERSION: undefined,
    WS_ERR_REQUEST_METHOD: requestText({}, 'POST / HTTP/1.1'),
    WS_ERR_REQUEST_HOST: requestText({ Host: ['a', 'b'] }),
    WS_ERR_REQUEST_UPGRADE: requestText({ Upgrade: 'h2c' }),
    WS_ERR_REQUEST_CONNECTION: requestText({ Connection: 'keep-alive' }),
    WS_ERR_REQUEST_BODY: requestText({ 'Content-Length': '5' }),
    WS_ERR_REQUEST_VERSION: requestText({ 'Sec-WebSocket-Version': [] }),
    WS_ERR_REQUEST_UNSUPPORTED_VERSION: requestText({ 'Sec-WebSocket-Version': '8' }),
    WS_ERR_REQUEST_KEY: requestText({ 'Sec-WebSocket-Key': 'short' }),
    WS_ERR_REQUEST_PROTOCOL: requestText({ 'Sec-WebSocket-Protocol': 'a, a' }),
    WS_ERR_REQUEST_EXTENSIONS: requestText({ 'Sec-WebSocket-Extensions': 'a;' }),
  }
  t.strictSame(Object.keys(requests), Object.keys(REQUEST_FAULTS))
  const { server, port, connections, refused } = await open()
  for (const [fault, request] of Object.entries(requests)) {
    if (request === undefined) continue
    const [status] = REQUEST_FAULTS[fault as RequestFault]
    // S13: a request behind it, with it or later
    for (const pieces of [[request + UPGRADE], [request, UPGRADE]]) {
      const reply = await exchange(port, ...pieces)
      t.equal(reply.status, status, fault)
      t.ok(isLastAnswer(reply), reply.text)
    }
    t.equal(refused.length, 2, fault)
    t.match(refused.pop(), { refusal: { status }, request: { httpVersion: '1.1' }, error: undefined })
    refused.length = 0
  }
  t.equal(connections.length, 0)
  t.equal(server.connections.size, 0)
  await server.close()
})

t.test('the fields that a refusal must have [6455-4.2.2-4]', async t => {
  const { server, port } = await open({ path: '/' })
  const version = await exchange(port, requestText({ 'Sec-WebSocket-Version': '8' }))
  t.match(version, { status: 426, headers: { 'sec-websocket-version': '13', upgrade: 'websocket' } }, 'RFC 6455 §4.4')
  const plain = await exchange(port, PLAIN)
  t.match(
    plain,
    { status: 426, headers: { upgrade: 'websocket', connection: 'close, Upgrade' } },
    'RFC 9110 §15.5.22',
  )
  const method = await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(method, { status: 405, headers: { allow: 'GET' } }, 'RFC 9110 §15.5.6')
  t.equal((await exchange(port, requestText({}, 'GET /other HTTP/1.1'))).status, 404)
  for (const version of ['1.0', '0.9', '2.0']) {
    t.equal((await exchange(port, requestText({}, `GET / HTTP/${version}`))).status, 505)
  }
  await server.close()
})

t.test('refusals of authorize go out as they are written [6455-4.2.2-3]', async t => {
  const answers: [answer: unknown, expected: Partial<Answer>][] = [
    [false, { status: 403 }],
    [
      { status: 401, headers: { 'WWW-Authenticate': 'Basic' }, body: 'grüß' },
      { status: 401, headers: { 'www-authenticate': 'Basic' }, body: 'gr\xc3\xbc\xc3\x9f' },
    ],
    [
      { status: 302, headers: { Location: '/login' } },
      { status: 302, headers: { location: '/login' } },
    ],
    [
      { status: 429, headers: { 'Retry-After': '5' } },
      { status: 429, headers: { 'retry-after': '5' } },
    ],
    [
      { status: 426, headers: { Upgrade: 'other' } },
      { status: 426, headers: { upgrade: 'other' } },
    ],
    // What cannot be written is a 500, and never half written.
    [{ status: 99 }, { status: 500 }],
    [{ status: 600 }, { status: 500 }],
    [{ status: '403' }, { status: 500 }],
    [{}, { status: 500 }],
    ['no', { status: 500 }],
    [{ status: 403, headers: { 'X-A': 'a\r\nX-B: c' } }, { status: 500 }],
    [{ status: 403, headers: { Connection: 'keep-alive' } }, { status: 500 }],
    [{ status: 403, headers: { 'Content-Length': '0' } }, { status: 500 }],
    [{ status: 101, headers: { 'X-A': 'a\nb' } }, { status: 500 }],
  ]
  let answer: unknown
  const { server, port, refused } = await open({ authorize: () => answer as Authorization })
  for (const [given, expected] of answers) {
    answer = given
    const reply = await exchange(port, UPGRADE + PLAIN)
    t.match(reply, expected)
    t.ok(isLastAnswer(reply), reply.text)
    const last = refused.pop()
    t.equal(last?.refusal.status, reply.status)
    t.equal(last?.error !== undefined, reply.status === 500)
  }
  answer = { status: 204 }
  t.match(await exchange(port, UPGRADE), { status: 204, body: '', ended: 'end' })
  await server.close()
})

t.test('authorize may set cookies with the 101', async t => {
  const headers = { 'Set-Cookie': ['a=1; HttpOnly', 'b=2'] }
  const { server, port } = await open({ authorize: async () => ({ status: 101, headers }) })
  const client = await openClient(port)
  t.match(client.text, /^HTTP\/1\.1 101 .*\r\nSet-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2\r\n\r\n$/s)
  await client.destroy()
  await server.close()
})

t.test('a hook that throws is a 500 that tells nothing, and its error is told to the application', async t => {
  const error = new Error('password of the database')
  const { server, port, refused } = await open({ authorize: () => Promise.reject(error) })
  const reply = await exchange(port, UPGRADE)
  t.equal(reply.status, 500)
  t.notMatch(reply.text, 'database')
  t.equal(refused[0]?.error, error)
  await server.close()
})

t.test('a hook that never settles costs the client its connection, with 503', async t => {
  const never = new Promise<never>(() => {})
  const hooks: ServerOptions[] = [
    { authorize: () => never },
    { origin: () => never },
    { onRequest: () => never, origin: [] },
  ]
  for (const hook of hooks) {
    const { server, port, connections, refused } = await open({ ...hook, handshakeTimeout: 100 })
    const reply = await exchange(port, hook.onRequest === undefined ? UPGRADE : PLAIN)
    t.equal(reply.status, 503)
    t.ok(isLastAnswer(reply))
    t.match(refused, [{ refusal: { status: 503 }, request: { httpVersion: '1.1' } }])
    t.equal(connections.length, 0)
    await server.close()
    t.strictSame(await leftOpen(before), [])
  }
})

t.test('a hook that settles after its time changes nothing', async t => {
  for (const settle of [() => true, () => Promise.reject(new Error('late'))]) {
    let decide = () => {}
    const decision = new Promise<void>(resolve => {
      decide = resolve
    })
    const { server, port, connections, refused } = await open({
      authorize: () => decision.then(settle),
      handshakeTimeout: 50,
    })
    const client = new RawClient(port).send(UPGRADE)
    await client.ended
    decide()
    await turns()
    t.equal(client.text.split('HTTP/1.1').length, 2, 'one answer')
    t.match(client.text, /^HTTP\/1\.1 503 /)
    t.equal(connections.length, 0)
    t.equal(refused.length, 1)
    t.equal(server.connections.size, 0)
    await client.destroy()
    await server.close()
  }
})

t.test('a client that goes while authorize thinks is let go', async t => {
  let decide = (_: boolean) => {}
  const decision = new Promise<boolean>(resolve => {
    decide = resolve
  })
  const requests: UpgradeRequest[] = []
  const { server, port } = await open({
    authorize: request => {
      requests.push(request)
      return decision
    },
  })
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const client = new RawClient(port).send(UPGRADE)
    await until(() => requests.length > 0)
    requests.length = 0
    client.socket[leave]()
  }
  await turns()
  decide(true)
  await until(() => server.connections.size === 0)
  await server.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('a client that resets after any byte of its request, or right behind it, is let go', async t => {
  for (const authorize of [undefined, () => turns(2).then(() => true)]) {
    const { server, port } = await open({ authorize })
    server.on('connection', connection => connection.send('welcome'))
    const reset = async (length: number) => {
      const client = new RawClient(port).send(UPGRADE.slice(0, length))
      await once(client.socket, 'connect')
      await turns(1 + (length % 3))
      client.socket.resetAndDestroy()
      await client.ended
    }
    const lengths = Array.from({ length: UPGRADE.length + 1 }, (_, length) => length)
    await Promise.all([...lengths, ...Array(5).fill(UPGRADE.length)].map(reset))
    const client = await openClient(port)
    t.match(client.text, /^HTTP\/1\.1 101 /, 'it serves the next')
    await client.destroy()
    await until(() => server.connections.size === 0)
    t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
    await server.close()
  }
})

t.test('slow heads get 408, heads that are too large 431, and 2,000 fields 431', async t => {
  const { server, port, refused } = await open({ handshakeTimeout: 150 })
  const slow = new RawClient(port)
  for (const byte of UPGRADE.slice(0, 30)) {
    slow.send(byte)
    await turns(1)
  }
  await slow.ended
  t.equal(readAnswer(slow.text).status, 408)
  await slow.destroy()
  t.equal((await exchange(port, requestText({ 'X-A': 'a'.repeat(16_384) }))).status, 431)
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'v']))
  t.equal((await exchange(port, requestText(many))).status, 431)
  t.strictSame(refused, [], 'there was no request')
  const client = await openClient(port)
  t.match(client.text, /^HTTP\/1\.1 101 /)
  await client.destroy()
  await server.close()
})

t.test('origins and subprotocols [6455-10.2-2]', async t => {
  const { server, port, connections } = await open({ origin: 'same-origin', protocols: ['v2', 'v1'] })
  const from = (Origin: string | string[]) => requestText({ Origin, 'Sec-WebSocket-Protocol': 'v1, v2' })
  for (const origin of ['null', 'http://evil.example', 'https://server.example.com.evil.example', '']) {
    t.equal((await exchange(port, from(origin))).status, 403, origin)
  }
  t.equal((await exchange(port, from(['http://server.example.com', 'http://server.example.com']))).status, 403)
  const client = await openClient(port, from('http://server.example.com'))
  t.match(client.text, '\r\nSec-WebSocket-Protocol: v2\r\n')
  t.equal(connections[0]?.protocol, 'v2')
  await client.destroy()
  await server.close()
})

t.test('pages: onRequest answers what does not ask for a WebSocket, once for each connection', async t => {
  const seen: string[] = []
  const { server, port, connections } = await open({
    onRequest: async ({ method, url }) => {
      seen.push(`${method} ${url}`)
      return { status: 200, headers: { 'Content-Type': 'text/html', 'X-A': ['1', '2'] }, body: `<p>ü ${url}` }
    },
  })
  const page = await exchange(port, PLAIN + PLAIN, UPGRADE)
  t.match(page, { status: 200, headers: { 'content-type': 'text/html', 'x-a': '2' }, body: '<p>\xc3\xbc /page' })
  t.ok(isLastAnswer(page))
  t.strictSame(seen, ['GET /page'])
  const head = await exchange(port, PLAIN.replace('GET', 'HEAD') + PLAIN)
  t.match(head, {
    status: 200,
    body: '',
    ended: 'end',
    headers: { 'content-length': page.headers['content-length'] },
  })
  t.match(seen.pop(), 'HEAD /page')
  seen.length = 0
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', 'get', 'X']) {
    const reply = await exchange(port, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`)
    t.match(reply, { status: 405, headers: { allow: 'GET, HEAD' } }, method)
    t.ok(isLastAnswer(reply))
  }
  t.strictSame(seen, [])
  // RFC 9112 §3.2
  for (const fields of [{ Host: [] }, { Host: ['a', 'b'] }, { Host: 'a b' }]) {
    for (const method of ['GET', 'HEAD']) {
      const reply = await exchange(port, requestText({ ...withoutUpgrade, ...fields }, `${method} / HTTP/1.1`))
      t.equal(reply.status, 400, JSON.stringify(fields))
    }
  }
  t.strictSame(seen, [])
  const old = await exchange(port, 'GET /old HTTP/1.0\r\n\r\n')
  t.match(old, { status: 200, body: '<p>\xc3\xbc /old' }, 'what many proxies speak, with or without Host')
  t.equal((await exchange(port, requestText({ Upgrade: 'h2c' }))).status, 200, 'another upgrade may be ignored')
  t.equal((await exchange(port, requestText({ 'Sec-WebSocket-Version': '8' }))).status, 426)
  const client = await openClient(port)
  t.equal(connections.length, 1)
  await client.destroy()
  await server.close()
})

t.test('onRequest that throws, or answers what cannot be written, is a 500', async t => {
  const error = new Error('secret')
  const answers: (() => unknown)[] = [
    () => {
      throw error
    },
    () => Promise.reject(error),
    () => undefined,
    () => null,
    () => 'text',
    () => ({ status: 101 }),
    () => ({ status: 200, headers: { 'X-A': 'a\r\n\r\nb' } }),
  ]
  for (const onRequest of answers) {
    const { server, port, refused } = await open({ onRequest: onRequest as () => Refusal })
    const reply = await exchange(port, PLAIN)
    t.equal(reply.status, 500)
    t.ok(isLastAnswer(reply))
    t.notMatch(reply.text, 'secret')
    t.equal(refused.length, 1)
    t.ok(refused[0]?.error instanceof Error)
    await server.close()
  }
})

t.test('onRequest that answers with nothing that is an answer is told what it must do', async t => {
  for (const answer of [undefined, null, 'text', 404]) {
    const { server, port, refused } = await open({ onRequest: () => answer as never })
    t.equal((await exchange(port, PLAIN)).status, 500)
    t.match(refused[0]?.error, { name: 'TypeError', message: /^onRequest must return an answer such as/ })
    await server.close()
  }
})

t.test('a large page arrives whole', async t => {
  const body = 'x'.repeat(5_000_000)
  const { server, port } = await open({ onRequest: () => ({ status: 200, body }) })
  const reply = await exchange(port, PLAIN)
  t.equal(reply.body.length, body.length)
  t.equal(reply.ended, 'end')
  await server.close()
})

t.test('handleUpgrade takes a single request', async t => {
  const server = new WebSocketServer({ protocols: ['chat'], authorize: ({ url }) => url !== '/no' })
  const results: Promise<WebSocketConnection | undefined>[] = []
  const emitted: unknown[] = []
  server.on('connection', (connection, request) => emitted.push([connection, request.url]))
  server.on('refused', (refusal, request) => emitted.push([refusal.status, request.url]))
  const http = createHttpServer()
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    results.push(server.handleUpgrade(request, socket, head))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const frame = rawFrame({ opcode: TEXT, payload: 'early', mask: MASK })
  const client = new RawClient(port).send(Buffer.concat([Buffer.from(UPGRADE), frame]))
  await client.untilHead()
  const connection = await results.pop()
  if (connection === undefined) return t.fail('no connection')
  t.strictSame(emitted, [[connection, '/']])
  t.strictSame(await connection[Symbol.asyncIterator]().next(), { done: false, value: 'early' })
  t.ok(server.connections.has(connection))
  t.equal((await exchange(port, requestText({}, 'GET /no HTTP/1.1'))).status, 403)
  t.equal(await results.pop(), undefined)
  t.strictSame(emitted[1], [403, '/no'])
  await client.destroy()
  await server.close()
  t.equal((await exchange(port, UPGRADE)).status, 503)
  t.equal(await results.pop(), undefined, 'a closed server refuses')
  t.strictSame(emitted[2], [503, '/'])
  await new Promise(resolve => http.close(resolve))
})

t.test('what handleUpgrade promises is kept when a hook never settles and when the server closes', async t => {
  const http = createHttpServer()
  const results: Promise<WebSocketConnection | undefined>[] = []
  const server = new WebSocketServer({ authorize: () => new Promise(() => {}), handshakeTimeout: 100 })
  http.on('upgrade', (...args) => results.push(server.handleUpgrade(...args)))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  t.equal((await exchange(port, UPGRADE)).status, 503)
  t.equal(await within(results.pop()!), undefined)
  const client = new RawClient(port).send(UPGRADE)
  await until(() => results.length === 1)
  await server.close()
  t.equal(await within(results.pop()!), undefined)
  await client.ended
  t.equal(readAnswer(client.text).status, 503)
  await client.destroy()
  await new Promise(resolve => http.close(resolve))
})

t.test('close: 503 for who waits, 1001 for who is connected, and it resolves when all are gone', async t => {
  const { server, port, connections, refused } = await open({
    authorize: ({ url }) => (url === '/wait' ? new Promise(() => {}) : true),
    onRequest: () => new Promise(() => {}),
  })
  const connected = [await openClient(port), await openClient(port)]
  const waiting = [
    new RawClient(port).send(requestText({}, 'GET /wait HTTP/1.1')),
    new RawClient(port).send(PLAIN),
    new RawClient(port).send(UPGRADE.slice(0, 40)),
    new RawClient(port),
  ]
  await Promise.all(waiting.map(({ socket }) => once(socket, 'connect')))
  await turns()
  let isClosed = false
  const closing = server.close().then(() => {
    isClosed = true
  })
  for (const client of waiting) {
    t.equal(await client.ended, 'end')
    t.equal(readAnswer(client.text).status, 503)
    await client.destroy()
  }
  t.notOk(isClosed)
  for (const client of connected) {
    await client.until(() => client.behindHead.length > 0)
    t.match(readFrames(client.behindHead), [{ opcode: CLOSE, payload: closePayload(1001) }])
    t.notOk(isClosed)
    client.send(rawFrame({ opcode: CLOSE, payload: closePayload(1001), mask: MASK }))
    t.equal(await client.ended, 'end')
    await client.destroy()
  }
  await within(closing, 'close')
  t.equal(server.connections.size, 0)
  t.match(await connections[0]?.closed, { code: 1001, wasClean: true, detail: { by: 'local' } })
  t.equal(refused.filter(({ refusal }) => refusal.status === 503).length, 2)
  t.equal((await exchange(port, UPGRADE)).ended, 'ECONNREFUSED')
  t.strictSame(await leftOpen(before), [])
})

t.test('close with another code and reason, or with one that may not be sent', async t => {
  const { server, port, connections } = await open()
  const client = await openClient(port)
  await t.rejects(server.close(1005), { name: 'RangeError' })
  await t.rejects(server.close(1000, 'x'.repeat(124)), { name: 'RangeError' })
  t.equal(connections[0]?.state, 'open', 'a wrong call changes nothing')
  const other = await openClient(port)
  t.match(other.text, /^HTTP\/1\.1 101 /)
  await other.destroy()
  const closing = server.close(1012, 'restart')
  await client.until(() => client.behindHead.length > 0)
  t.match(readFrames(client.behindHead), [{ payload: closePayload(1012, 'restart') }])
  client.socket.end()
  await closing
  await client.destroy()
})

t.test('close does not wait longer than closeTimeout for a client that does not answer', async t => {
  const { server, port, connections } = await open({ closeTimeout: 100 })
  const client = await openClient(port)
  client.socket.pause()
  await within(server.close(), 'close')
  t.match(await connections[0]?.closed, { code: 1006, detail: { cause: 'WS_ERR_CLOSE_TIMEOUT' } })
  await client.destroy()
})

t.test('close twice, and what is called after it', async t => {
  const { server, port } = await open()
  const client = await openClient(port)
  let second = false
  const first = server.close()
  const again = server.close().then(() => {
    second = true
  })
  await turns()
  t.notOk(second, 'the second call waits as well')
  client.socket.end()
  await Promise.all([first, again])
  await within(server.close())
  await t.rejects(server.listen(), /closed/)
  await client.destroy()
  await server[Symbol.asyncDispose]()
})

t.test('close while listen is under way leaves no port behind', async t => {
  const server = new WebSocketServer()
  const listening = server.listen({ host: '127.0.0.1' })
  const closing = server.close()
  await t.rejects(within(listening), /closed/)
  await within(closing)
  t.strictSame(await leftOpen(before), [])
})

t.test('close in the very moment in which authorize has said yes does not write into a WebSocket', async t => {
  // One promise lets the client in and closes the server: who of the two goes first is a matter of single steps.
  for (let steps = 0; steps < 12; steps++) {
    let decide = () => {}
    const decision = new Promise<void>(resolve => {
      decide = resolve
    })
    let isAsked = false
    const { server, port } = await open({
      authorize: () => {
        isAsked = true
        return decision.then(() => true)
      },
    })
    const client = new RawClient(port).send(UPGRADE)
    await until(() => isAsked)
    let closing: Promise<void> | undefined
    const close = async () => {
      for (let step = 0; step < steps; step++) await undefined
      closing = server.close()
    }
    const called = decision.then(close)
    decide()
    await called
    await client.untilHead()
    const { status } = readAnswer(client.text)
    if (status === 101) {
      await client.until(() => client.behindHead.length >= 4)
      t.match(readFrames(client.behindHead), [{ opcode: CLOSE, payload: closePayload(1001) }], `${steps} steps`)
    } else {
      await client.ended
      t.equal(status, 503)
      t.equal(client.text.split('HTTP/1.1').length, 2)
    }
    client.socket.end()
    await within(closing!)
    await client.destroy()
    t.equal(server.connections.size, 0)
  }
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
