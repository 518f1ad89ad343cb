/**
 * WebSocket servers beside a `node:http` or `node:https` server: which of several gets an upgrade, that the HTTP
 * server's own requests and listeners go on as before, that nothing behind a refused upgrade is answered (S13), and
 * what is left when they are taken off.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { connect } from '../../lib/transport/client.ts'
import { hangUp } from '../../lib/transport/hang-up.ts'
import { attachTo } from '../../lib/transport/http-attachment.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import { certificates } from '../support/certificate.ts'
import { MASK, rawFrame, readFrames, TEXT } from '../support/raw-frames.ts'
import {
  exchange,
  isLastAnswer,
  leftOpen,
  openHandles,
  RawClient,
  readAnswer,
  requestText,
} from '../support/raw-socket.ts'
import { turns, until } from '../support/waiting.ts'

const before = openHandles()
const UPGRADE = requestText()
const PLAIN = 'GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const at = (path: string) => requestText({}, `GET ${path} HTTP/1.1`)

/** An HTTP server that says which path was asked for; what was asked for is kept. */
async function httpServer(server: Server = createServer()) {
  const pages: string[] = []
  server.on('request', (request, response) => {
    pages.push(request.url ?? '')
    response.end(`page ${request.url}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { server, pages, port: (server.address() as AddressInfo).port, close }
}

/** Answers every upgrade with 101, and its name in the reason; the socket is ended. */
function named(name: string, path?: string) {
  const onUpgrade = (_request: IncomingMessage, socket: Duplex) => hangUp(socket, `HTTP/1.1 101 ${name}\r\n\r\n`)
  return { path, onUpgrade }
}

/** Who answered an upgrade to the path: a name, or the status. */
async function whoAnswers(port: number, path: string): Promise<string> {
  const { text, status } = await exchange(port, at(path))
  return status === 101 ? (/^HTTP\/1\.1 101 (.*)\r/.exec(text)?.[1] ?? '') : String(status)
}

t.test('of several, an upgrade goes to the first that serves its path', async t => {
  const http = await httpServer()
  attachTo(http.server, named('chat', '/chat'))
  attachTo(http.server, named('news', '/news'))
  attachTo(http.server, named('second', '/chat'))
  t.equal(http.server.listenerCount('upgrade'), 1)
  const cases: [path: string, name: string][] = [
    ['/chat', 'chat'],
    ['/news?since=1', 'news'],
    ['http://a.example/news', 'news'],
    ['/', '404'],
    ['/chat/', '404'],
    ['/other', '404'],
  ]
  for (const [path, name] of cases) t.equal(await whoAnswers(http.port, path), name, path)
  attachTo(http.server, named('rest'))
  t.equal(await whoAnswers(http.port, '/chat'), 'chat')
  t.equal(await whoAnswers(http.port, '/other'), 'rest', 'one without a path serves all that is left')
  await http.close()
})

t.test('a path that none serves is refused, and the socket ends', async t => {
  const http = await httpServer()
  attachTo(http.server, named('chat', '/chat'))
  const reply = await exchange(http.port, at('/other'), PLAIN)
  t.equal(reply.status, 404)
  t.ok(isLastAnswer(reply))
  t.strictSame(http.pages, [], 'what stood behind it is not a request')
  await http.close()
})

t.test('a path that none serves is left alone where the application listens for upgrades too', async t => {
  for (const order of ['before', 'after']) {
    const http = await httpServer()
    const own = (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/own') hangUp(socket, 'HTTP/1.1 101 own\r\n\r\n')
    }
    if (order === 'before') http.server.on('upgrade', own)
    attachTo(http.server, named('chat', '/chat'))
    if (order === 'after') http.server.on('upgrade', own)
    t.equal(await whoAnswers(http.port, '/own'), 'own')
    t.equal(await whoAnswers(http.port, '/chat'), 'chat')
    await http.close()
  }
})

t.test('taken off again, it gets no upgrades, and the others stay', async t => {
  const http = await httpServer()
  const chat = attachTo(http.server, named('chat', '/chat'))
  const news = attachTo(http.server, named('news', '/news'))
  chat()
  t.equal(await whoAnswers(http.port, '/chat'), '404')
  t.equal(await whoAnswers(http.port, '/news'), 'news')
  chat()
  t.equal(await whoAnswers(http.port, '/news'), 'news', 'twice does no more than once')
  news()
  t.equal(http.server.listenerCount('upgrade'), 0)
  t.equal((await exchange(http.port, PLAIN)).status, 200)
  await http.close()
})

t.test('taken off twice, it does not take off who came in between', async t => {
  const http = await httpServer()
  const first = attachTo(http.server, named('first'))
  first()
  const second = attachTo(http.server, named('second'))
  first()
  t.equal(http.server.listenerCount('upgrade'), 1)
  t.equal(await whoAnswers(http.port, '/'), 'second')
  second()
  t.equal(http.server.listenerCount('upgrade'), 0)
  await http.close()
})

t.test('servers do not know of each other', async t => {
  const [one, two] = [await httpServer(), await httpServer()]
  attachTo(one.server, named('one'))
  const detach = attachTo(two.server, named('two'))
  t.equal(await whoAnswers(one.port, '/'), 'one')
  t.equal(await whoAnswers(two.port, '/'), 'two')
  detach()
  t.equal(await whoAnswers(one.port, '/'), 'one')
  await one.close()
  await two.close()
})

t.test("the HTTP server's own requests go on, also on a connection that is kept alive", async t => {
  const http = await httpServer()
  const server = new WebSocketServer({ path: '/chat' })
  server.attach(http.server)
  const client = new RawClient(http.port)
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  client.send(get('/1') + get('/2'))
  await client.until(text => text.includes('page /2'))
  client.send(at('/chat'))
  await client.until(text => text.includes('101 Switching Protocols'))
  t.strictSame(http.pages, ['/1', '/2'])
  t.equal(server.connections.size, 1, 'and may become a WebSocket')
  client.send(rawFrame({ opcode: 8, mask: MASK }))
  t.equal(await client.ended, 'end')
  t.equal((await exchange(http.port, PLAIN)).body.includes('page /page'), true)
  await client.destroy()
  await server.close()
  t.equal(http.server.listenerCount('upgrade'), 0)
  t.equal((await exchange(http.port, PLAIN)).status, 200, 'an attached server stays as it is')
  await http.close()
})

t.test('what comes in the same packet as the request is not lost, in any cut', async t => {
  const http = await httpServer()
  const server = new WebSocketServer()
  server.attach(http.server)
  const messages: unknown[] = []
  server.on('connection', connection => {
    connection.on('message', data => connection.send(`got ${data}`))
    connection.on('ping', () => messages.push('ping'))
  })
  const frame = rawFrame({ opcode: TEXT, payload: 'first', mask: MASK })
  const bytes = Buffer.concat([Buffer.from(UPGRADE), rawFrame({ opcode: 9, mask: MASK }), frame])
  const cuts = [UPGRADE.length - 1, UPGRADE.length, UPGRADE.length + 3, UPGRADE.length + 6, bytes.length - 1]
  for (const cut of [...cuts, bytes.length]) {
    messages.length = 0
    const client = new RawClient(http.port).send(bytes.subarray(0, cut))
    await once(client.socket, 'connect')
    await turns(3)
    client.send(bytes.subarray(cut))
    await client.until(text => text.includes('got first'))
    t.equal(readFrames(client.behindHead).at(-1)?.payload.toString(), 'got first')
    t.strictSame(messages, ['ping'], `cut at ${cut - UPGRADE.length} behind the head`)
    await client.destroy()
  }
  await server.close()
  await http.close()
})

t.test('a refused upgrade ends the socket, and what stands behind it is never a request', async t => {
  const http = await httpServer()
  const server = new WebSocketServer({ path: '/chat', origin: [], authorize: () => false })
  server.attach(http.server)
  const cases: [request: string, status: number][] = [
    [requestText({ 'Sec-WebSocket-Version': '8' }, 'GET /chat HTTP/1.1'), 426],
    [requestText({ 'Sec-WebSocket-Key': 'a' }, 'GET /chat HTTP/1.1'), 400],
    [requestText({ Origin: 'http://evil.example' }, 'GET /chat HTTP/1.1'), 403],
    [requestText({}, 'GET /chat HTTP/1.1'), 403],
    [requestText({}, 'GET /other HTTP/1.1'), 404],
    [requestText({ Upgrade: 'h2c' }, 'GET /chat HTTP/1.1'), 426],
    [requestText({ 'Content-Length': String(PLAIN.length) }, 'GET /chat HTTP/1.1'), 400],
    [requestText({}, 'POST /chat HTTP/1.1'), 405],
  ]
  for (const [request, status] of cases) {
    for (const pieces of [[request + PLAIN], [request, PLAIN]]) {
      const reply = await exchange(http.port, ...pieces)
      t.equal(reply.status, status)
      t.ok(isLastAnswer(reply), reply.text)
      t.match(reply.headers.connection, /^close/)
    }
  }
  t.strictSame(http.pages, [])
  await server.close()
  await http.close()
})

t.test('2,000 fields: the client is refused or let in, and the process lives', async t => {
  const http = await httpServer(createServer({ maxHeaderSize: 200_000 }))
  const server = new WebSocketServer()
  server.attach(http.server)
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'v']))
  const first = new RawClient(http.port).send(requestText(many))
  await first.untilHead()
  // Node keeps the first of them, or since 22 refuses them all.
  t.ok([101, 431].includes(readAnswer(first.text).status))
  await first.destroy()
  const last = await exchange(http.port, `GET / HTTP/1.1\r\n${'X: v\r\n'.repeat(2000)}${UPGRADE.slice(16)}`)
  t.ok([400, 426, 431].includes(last.status), String(last.status))
  t.equal((await exchange(http.port, PLAIN)).status, 200)
  await server.close()
  await http.close()
})

t.test('a client that resets after any byte of its request is let go', async t => {
  const http = await httpServer()
  const server = new WebSocketServer({ path: '/', authorize: () => turns(2).then(() => true) })
  server.attach(http.server)
  const reset = async (bytes: string) => {
    const client = new RawClient(http.port).send(bytes)
    await once(client.socket, 'connect')
    await turns(2)
    client.socket.resetAndDestroy()
    await client.ended
  }
  const all: Promise<void>[] = []
  for (let length = 0; length <= UPGRADE.length; length += 2) all.push(reset(UPGRADE.slice(0, length)))
  for (const request of [at('/other'), requestText({ Upgrade: 'h2c' })]) all.push(reset(request))
  await Promise.all(all)
  t.equal((await exchange(http.port, PLAIN)).status, 200)
  await server.close()
  t.equal(server.connections.size, 0)
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
  await http.close()
})

t.test('a client that resets while authorize thinks is let go', async t => {
  const http = await httpServer()
  const connections: unknown[] = []
  let hasLeft = false
  const server = new WebSocketServer({
    authorize: async ({ socket }) => {
      client.socket.resetAndDestroy()
      await new Promise(resolve => socket.once('close', resolve))
      hasLeft = true
      return true
    },
  })
  server.on('connection', connection => connections.push(connection))
  server.attach(http.server)
  const client = new RawClient(http.port).send(UPGRADE)
  await until(() => hasLeft)
  await turns()
  t.strictSame(connections, [])
  t.equal(server.connections.size, 0)
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
  await server.close()
  await http.close()
})

t.test('beside node:https', async t => {
  const { ca, local } = certificates()
  const http = await httpServer(createHttpsServer(local))
  const server = new WebSocketServer({ origin: 'same-origin' })
  server.attach(http.server)
  server.on('connection', connection => connection.on('message', data => connection.send(data)))
  const url = `wss://localhost:${http.port}`
  const client = await connect(url, { tls: { ca } })
  client.send('over TLS')
  t.strictSame(await client[Symbol.asyncIterator]().next(), { done: false, value: 'over TLS' })
  client.close()
  await client.closed
  const headers = { Origin: `http://localhost:${http.port}` }
  await t.rejects(connect(url, { tls: { ca }, headers }), {
    code: 'WS_ERR_HANDSHAKE_STATUS',
    response: { status: 403 },
  })
  const same = await connect(url, { tls: { ca }, headers: { Origin: `https://localhost:${http.port}` } })
  same.terminate()
  await server.close()
  await http.close()
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
