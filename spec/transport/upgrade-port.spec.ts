/**
 * A server's own port, over bare sockets: request heads in pieces, every fault of a head with its status, slow and
 * endless heads, clients that reset after every byte, and what becomes of all of them when the port closes.
 */
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import t from 'tap'
import { hangUp } from '../../lib/transport/hang-up.ts'
import { checkServerOptions, type ListenOptions, type ServerOptions } from '../../lib/transport/server-options.ts'
import { type RequestHandler, UpgradePort } from '../../lib/transport/upgrade-port.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'
import { HEAD_FAULTS, type HeadFault } from '../../lib/websocket/http-head.ts'
import { certificates } from '../support/certificate.ts'
import {
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
const CLOSING = { status: 503 }
const HEAD = requestText()

/** Answers every request with 200. */
const answer: RequestHandler = (_request, socket) => hangUp(socket, 'HTTP/1.1 200 OK\r\n\r\n')

async function open(options: ServerOptions = {}, onRequest = answer, listen: ListenOptions = {}) {
  const port = new UpgradePort(listen, checkServerOptions(options), onRequest)
  const where = listen.socketPath === undefined ? { host: '127.0.0.1' } : {}
  const address = await port.listen({ ...where, ...listen }, error => t.fail(String(error)))
  return { where: address.port ?? address.address, address, close: () => port.close(CLOSING), port }
}

/** A port that keeps the requests that came, and the sockets open. */
async function openKeeping(options: ServerOptions = {}) {
  const requests: UpgradeRequest[] = []
  const sockets: Socket[] = []
  const rests: Buffer[] = []
  const opened = await open(options, (request, socket, rest) => {
    requests.push(request)
    sockets.push(socket)
    rests.push(Buffer.from(rest))
  })
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await opened.close()
  }
  return { ...opened, requests, sockets, rests, close }
}

t.test('a request is handed over with its head, its socket, and what came behind it', async t => {
  const port = await openKeeping()
  const head = 'GET /chat?a HTTP/1.1\r\nHost: a.example\r\nX-List: 1\r\nx-list: 2\r\n\r\n'
  const client = new RawClient(port.where).send(`${head}\x81\x00`)
  await until(() => port.requests.length === 1)
  const [request] = port.requests
  t.match(request, { method: 'GET', url: '/chat?a', httpVersion: '1.1' })
  t.strictSame({ ...request?.headers }, { host: 'a.example', 'x-list': '1, 2' })
  t.strictSame(request?.rawHeaders, ['Host', 'a.example', 'X-List', '1', 'x-list', '2'])
  t.equal(request?.socket, port.sockets[0])
  t.equal(port.rests[0]?.toString('hex'), '8100')
  t.ok(port.sockets[0]?.isPaused())
  t.equal(port.sockets[0]?.destroyed, false)
  await client.destroy()
  await port.close()
})

t.test('a head may come in any pieces', async t => {
  const port = await openKeeping()
  const pieces: string[][] = [[...HEAD]]
  for (let cut = 1; cut < HEAD.length; cut += 7) pieces.push([HEAD.slice(0, cut), HEAD.slice(cut)])
  for (const list of pieces) {
    const client = new RawClient(port.where)
    client.socket.setNoDelay(true)
    for (const piece of list) {
      client.send(piece)
      if (list.length === 2) await turns(3)
    }
    await until(() => port.requests.length > 0)
    t.equal(port.requests.pop()?.url, '/')
    await client.destroy()
  }
  await port.close()
})

t.test('each fault of a head is answered once with its status, and ends the socket [6455-10.7-3]', async t => {
  const vectors: Readonly<Record<HeadFault, string>> = {
    WS_ERR_HEAD_LINE_END: 'GET / HTTP/1.1\nHost: a\n\n',
    WS_ERR_HEAD_CONTROL: 'GET / HTTP/1.1\r\nHost: a\0\r\n\r\n',
    WS_ERR_HEAD_TOO_LARGE: `GET / HTTP/1.1\r\nHost: ${'a'.repeat(16_384)}\r\n\r\n`,
    WS_ERR_HEAD_TOO_MANY_FIELDS: `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(101)}\r\n`,
    WS_ERR_HEAD_START_LINE: 'GET /\r\n\r\n',
    WS_ERR_HEAD_HTTP_VERSION: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    WS_ERR_HEAD_TARGET: 'GET chat HTTP/1.1\r\n\r\n',
    WS_ERR_HEAD_FOLDED: 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n',
    WS_ERR_HEAD_SPACE_BEFORE_COLON: 'GET / HTTP/1.1\r\nA : b\r\n\r\n',
    WS_ERR_HEAD_FIELD_NAME: 'GET / HTTP/1.1\r\n: b\r\n\r\n',
  }
  t.strictSame(Object.keys(vectors), Object.keys(HEAD_FAULTS))
  const port = await openKeeping()
  for (const [fault, head] of Object.entries(vectors)) {
    const [status, clause] = HEAD_FAULTS[fault as HeadFault]
    // S13: what stands behind is not read as another request
    const reply = await exchange(port.where, head, 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n')
    t.match(reply, { status, ended: 'end' }, fault)
    t.ok(isLastAnswer(reply), fault)
    t.match(Buffer.from(reply.body, 'latin1').toString(), clause)
  }
  t.strictSame(port.requests, [])
  await port.close()
})

t.test('a client that speaks TLS or nonsense gets 400', async t => {
  const port = await openKeeping()
  for (const bytes of [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\0',
    '\x80',
    '\r\n\r\n',
    ' GET / HTTP/1.1\r\n',
  ]) {
    const client = new RawClient(port.where).send(bytes)
    // What is no head yet is waited for, so that these two have to end.
    if (bytes === '\x80' || bytes.startsWith(' ')) client.send('\r\n\r\n')
    await client.ended
    t.equal(readAnswer(client.text).status, 400, JSON.stringify(bytes))
    await client.destroy()
  }
  await port.close()
})

t.test('the limits are those that are set', async t => {
  const port = await open({ maxHeaderBytes: HEAD.length, maxHeaders: 5 })
  t.equal((await exchange(port.where, HEAD)).status, 200)
  t.equal((await exchange(port.where, requestText({ Host: 'server.example.com1' }))).status, 431)
  t.equal((await exchange(port.where, 'GET / HTTP/1.1\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\n\r\n')).status, 200)
  t.equal(
    (await exchange(port.where, 'GET / HTTP/1.1\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\n\r\n')).status,
    431,
  )
  await port.close()
})

t.test('2,000 fields: 431, or read where that is wanted', async t => {
  const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'v']))
  const port = await open()
  t.equal((await exchange(port.where, requestText(fields))).status, 431)
  await port.close()
  const wide = await openKeeping({ maxHeaders: 3000, maxHeaderBytes: 100_000 })
  const client = new RawClient(wide.where).send(requestText(fields))
  await until(() => wide.requests.length === 1)
  t.equal(wide.requests[0]?.rawHeaders.length, 2 * 2005)
  t.equal(wide.requests[0]?.headers.upgrade, 'websocket')
  await client.destroy()
  await wide.close()
})

t.test('a head that never ends is refused when it has become too long, and what comes then is dropped', async t => {
  const port = await openKeeping()
  const client = new RawClient(port.where).send('GET / HTTP/1.1\r\nA: ')
  for (let i = 0; i < 100; i++) client.send('a'.repeat(10_000))
  t.equal(await client.ended, 'end')
  t.equal(readAnswer(client.text).status, 431)
  await client.destroy()
  await port.close()
})

t.test('a slow head is answered with 408', async t => {
  const port = await openKeeping({ handshakeTimeout: 100 })
  const silent = new RawClient(port.where)
  const slow = new RawClient(port.where)
  const half = new RawClient(port.where).send(HEAD.slice(0, -2))
  const feed = setInterval(() => slow.send('a'), 10)
  for (const client of [silent, slow, half]) {
    t.equal(await client.ended, 'end')
    const reply = readAnswer(client.text, 'end')
    t.equal(reply.status, 408)
    t.ok(isLastAnswer(reply))
    await client.destroy()
  }
  clearInterval(feed)
  t.strictSame(port.requests, [])
  await port.close()
})

t.test('the time is for the head alone', async t => {
  const port = await openKeeping({ handshakeTimeout: 100 })
  const client = new RawClient(port.where).send(HEAD)
  await until(() => port.requests.length === 1)
  await new Promise(resolve => setTimeout(resolve, 250))
  t.equal(client.text, '')
  t.equal(port.sockets[0]?.destroyed, false)
  await client.destroy()
  await port.close()
})

t.test('a client that ends before its head is complete is let go', async t => {
  const port = await openKeeping()
  for (const bytes of ['', 'GET', HEAD.slice(0, -1)]) {
    const client = new RawClient(port.where)
    client.socket.end(bytes)
    await client.ended
    t.equal(client.text, '')
    await client.destroy()
  }
  t.strictSame(port.requests, [])
  await port.close()
})

t.test('a client that resets after any byte of its request is let go', async t => {
  const port = await open()
  const left: Promise<unknown>[] = []
  for (let length = 0; length <= HEAD.length; length++) {
    const client = new RawClient(port.where)
    client.send(HEAD.slice(0, length))
    left.push(
      new Promise(resolve => {
        client.socket.once('connect', async () => {
          await turns(2)
          client.socket.resetAndDestroy()
          resolve(client.ended)
        })
      }),
    )
    if (length % 20 === 0) await Promise.all(left)
  }
  await Promise.all(left)
  t.equal((await exchange(port.where, HEAD)).status, 200, 'it serves the next')
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [], 'no socket and no timer stays')
  await port.close()
})

t.test('over TLS [6455-4.2.2-2]', async t => {
  const { ca, local } = certificates()
  const port = await open({}, answer, { tls: local })
  const { port: number = 0 } = port.address
  t.equal(port.address.url, `wss://127.0.0.1:${number}`)
  const client = new RawClient(number, { ca })
  client.send(HEAD)
  t.equal(await client.ended, 'end')
  t.equal(readAnswer(client.text).status, 200)
  await client.destroy()
  const plain = new RawClient(number).send(HEAD)
  await plain.ended
  t.notMatch(plain.text, 'HTTP', 'who does not speak TLS gets no answer in HTTP')
  await plain.destroy()
  await port.close()
})

t.test('over TLS: clients that end or reset in the middle of its handshake [6455-4.2.2-2]', async t => {
  const { ca, local } = certificates()
  const port = await open({ handshakeTimeout: 500 }, answer, { tls: local })
  const { port: number = 0 } = port.address
  const hello = await clientHello()
  const lengths = Array.from({ length: Math.ceil(hello.length / 29) }, (_, i) => 29 * i)
  const leave = async (length: number, how: 'end' | 'resetAndDestroy') => {
    const client = new RawClient(number).send(hello.subarray(0, length))
    await once(client.socket, 'connect')
    await turns(2)
    client.socket[how]()
    await client.ended
    await client.destroy()
  }
  await Promise.all(lengths.flatMap(length => [leave(length, 'end'), leave(length, 'resetAndDestroy')]))
  const client = new RawClient(number, { ca })
  await once(client.socket, 'secureConnect')
  client.send(HEAD.slice(0, 20))
  await turns(2)
  client.socket.destroy()
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
  await port.close()
})

/** The first bytes that a TLS client sends. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = tlsConnect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return hello
}

t.test('over TLS: HTTP/2 is not spoken', async t => {
  const { ca, local } = certificates()
  const port = await open({}, answer, { tls: { ...local, ALPNProtocols: ['h2'] } })
  const { port: number = 0 } = port.address
  const both = new RawClient(number, { ca, ALPNProtocols: ['h2', 'http/1.1'] }).send(HEAD)
  await both.ended
  t.equal(readAnswer(both.text).status, 200, 'of h2 and http/1.1 the latter is chosen')
  await both.destroy()
  await port.close()
})

t.test('on a Unix socket, which is gone afterwards', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'wirewright-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  const port = await open({}, answer, { socketPath })
  t.strictSame(port.address, { url: `ws+unix:${socketPath}`, address: socketPath, port: undefined })
  t.equal((await exchange(socketPath, HEAD)).status, 200)
  await port.close()
  await t.rejects(stat(socketPath), { code: 'ENOENT' })
})

t.test('the address is one to connect to', async t => {
  const hosts: [host: string | undefined, url: RegExp][] = [
    ['127.0.0.1', /^ws:\/\/127\.0\.0\.1:(\d+)$/],
    ['0.0.0.0', /^ws:\/\/localhost:(\d+)$/],
    [undefined, /^ws:\/\/localhost:(\d+)$/],
  ]
  for (const [host, url] of hosts) {
    const port = new UpgradePort({}, checkServerOptions({}), answer)
    const address = await port.listen({ host }, () => {})
    t.equal(url.exec(address.url)?.[1], String(address.port), `${host}: ${address.url}`)
    await port.close(CLOSING)
  }
  const ipv6 = new UpgradePort({}, checkServerOptions({}), answer)
  const address = await ipv6.listen({ host: '::1' }, () => {}).catch(() => undefined)
  if (address !== undefined) t.equal(address.url, `ws://[::1]:${address.port}`)
  else t.comment('no IPv6 here')
  await ipv6.close(CLOSING)
})

t.test('a port that is taken rejects with the error of the system', async t => {
  const first = await open()
  const { port = 0 } = first.address
  await t.rejects(open({}, answer, { port }), { code: 'EADDRINUSE' })
  await t.rejects(open({}, answer, { socketPath: '/no/such/folder/s' }), { code: /^E(?:NOENT|ACCES)$/ })
  await first.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('close answers heads that are not complete with 503, and waits until all sockets are gone', async t => {
  const port = await openKeeping()
  const silent = new RawClient(port.where)
  const half = new RawClient(port.where).send(HEAD.slice(0, 20))
  const whole = new RawClient(port.where).send(HEAD)
  await until(() => port.requests.length === 1)
  await turns(3)
  let isClosed = false
  const closed = port.port.close(CLOSING).then(() => {
    isClosed = true
  })
  for (const client of [silent, half]) {
    t.equal(await client.ended, 'end')
    const reply = readAnswer(client.text, 'end')
    t.equal(reply.status, 503)
    t.ok(isLastAnswer(reply))
    await client.destroy()
  }
  await turns()
  t.notOk(isClosed, 'a request that was handed over still has its socket')
  await whole.destroy()
  port.sockets[0]?.destroy()
  await within(closed)
  t.equal((await exchange(port.where, HEAD)).ended, 'ECONNREFUSED')
  t.strictSame(await leftOpen(before), [])
})

t.test('close does not wait for clients that never begin their TLS handshake', async t => {
  const port = await open({ handshakeTimeout: 60_000 }, answer, { tls: certificates().local })
  const { port: number = 0 } = port.address
  const silent = new RawClient(number)
  const half = new RawClient(number).send('\x16\x03\x01')
  await new Promise(resolve => half.socket.once('connect', resolve))
  await turns()
  await within(port.close(), 'the port', 5000)
  await silent.destroy()
  await half.destroy()
  t.strictSame(await leftOpen(before), [])
})
