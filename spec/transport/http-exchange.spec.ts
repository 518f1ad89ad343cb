/** One request and its response over node:http: to the byte, and whatever the server does to it. */
import { getEventListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import {
  exchange,
  type HttpOutcome,
  type HttpRequest,
  type HttpResponse,
  type HttpTransport,
} from '../../lib/transport/http-exchange.ts'
import { certificates } from '../support/certificate.ts'
import { head, STREAM, scriptedServer } from '../support/event-stream-server.ts'
import { fieldOf, leftOpen, openHandles, rawServer } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

const before = openHandles()
const { ca, local, wrongHost } = certificates()

interface Sent extends Partial<Omit<HttpRequest, 'url'>>, Partial<HttpTransport> {
  readonly signal?: AbortSignal
}

function send(url: string | URL, sent: Sent = {}): Promise<HttpOutcome> {
  const { method = 'GET', headers = {}, body, agent = false, tls = {}, socketPath, signal } = sent
  const request = { url: new URL(url), method, headers, body }
  return exchange(request, { agent, tls, socketPath }, signal ?? new AbortController().signal)
}

/** What came of it: the body as text, or the code of the failure. */
async function told(outcome: HttpOutcome): Promise<string> {
  if ('failure' in outcome) return `failure ${(outcome.failure as NodeJS.ErrnoException).code}`
  return textOf(outcome.response)
}

async function textOf({ body }: HttpResponse): Promise<string> {
  let text = ''
  try {
    for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) text += String(chunk)
  } catch (error) {
    text += `… ${(error as NodeJS.ErrnoException).code}`
  }
  return text
}

t.test('the request, to the byte', async t => {
  const server = await scriptedServer([`${STREAM}body`])
  t.equal(
    await told(await send(`http://u:p@localhost:${server.port}/a%20b?c=d#e`, { headers: { A: '1', B: ['2', '3'] } })),
    'body',
  )
  t.equal(
    server.requests[0],
    `GET /a%20b?c=d HTTP/1.1\r\nHost: localhost:${server.port}\r\nA: 1\r\nB: 2\r\nB: 3\r\nConnection: close\r\n\r\n`,
  )
  await server.close()
})

t.test('bodies: a string as UTF-8, bytes as they are; the head stays latin1', async t => {
  const bodies: [string, string][] = []
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      bodies.push([
        `${request.method} ${request.headers['content-length']} ${request.headers.x}`,
        String(Buffer.concat(chunks)),
      ])
      response.end()
    })
  }).listen(0)
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`
  const headers = { X: '\xc3\xa9' }
  await told(await send(url, { method: 'POST', body: 'é€', headers }))
  await told(await send(url, { method: 'POST', body: Buffer.from('é€'), headers }))
  await told(await send(url, { method: 'POST', headers }))
  await told(await send(url, { method: 'DELETE', body: 'x', headers }))
  t.same(bodies, [
    ['POST 5 \xc3\xa9', 'é€'],
    ['POST 5 \xc3\xa9', 'é€'],
    ['POST 0 \xc3\xa9', ''],
    ['DELETE 1 \xc3\xa9', 'x'],
  ])
  server.close()
})

t.test('the response: status, fields, URL, body in its framing', async t => {
  const rows: [say: string, status: number, body: string][] = [
    [`${head(200, { 'X-A': '1', 'x-a': '2' })}abc`, 200, 'abc'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef', 200, 'abc'],
    ['HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 500, 'abc'],
    ['HTTP/1.0 200 OK\r\n\r\nabc', 200, 'abc'],
    ['HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 X\r\n\r\nabc', 404, 'abc'],
    ['HTTP/1.1 204 X\r\n\r\n', 204, ''],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 200, 'abc… ECONNRESET'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n', 200, 'a… ECONNRESET'],
  ]
  for (const [say, status, body] of rows) {
    const server = await scriptedServer([say])
    const outcome = await send(`http://user:secret@localhost:${server.port}/x`)
    if ('failure' in outcome) throw outcome.failure
    const { response } = outcome
    t.equal(response.status, status)
    t.equal(response.url.href, `${server.url}x`, 'the password is not told')
    t.equal(await textOf(response), body, JSON.stringify(say))
    if (say.includes('X-A')) t.equal(response.headers['x-a'], '1, 2')
    t.equal(Object.getPrototypeOf(response.headers), null)
    await server.close()
  }
})

t.test('a server that resets, or ends, behind any byte of its head (S25)', async t => {
  for (const ending of ['reset', 'end'] as const) {
    const outcomes = new Map<string, number>()
    const lines = Array.from({ length: STREAM.length }, (_, length) => ({ say: STREAM.slice(0, length), ending }))
    const server = await scriptedServer(lines)
    for (const { say } of lines) {
      const outcome = await within(told(await send(server.url)), `${ending} behind ${JSON.stringify(say)}`)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
    t.equal(outcomes.get('failure ECONNRESET'), STREAM.length, JSON.stringify([...outcomes]))
    await server.close()
  }
})

t.test('a server that resets within the body, with nobody reading', async t => {
  let accepted: Socket | undefined
  const server = await rawServer(socket => {
    accepted = socket
    socket.write(`${STREAM}a`)
  })
  for (const isReading of [false, true]) {
    // With the head has come what was in its packet, so that no reset can overtake it.
    const outcome = await send(`http://localhost:${server.port}/`)
    const reading = isReading ? told(outcome) : undefined
    accepted?.resetAndDestroy()
    await new Promise(resolve => setTimeout(resolve, 30))
    t.equal(await (reading ?? told(outcome)), 'a… ECONNRESET')
  }
  await server.close()
})

t.test('answers that are none', async t => {
  const rows: [say: string, code: RegExp][] = [
    ['', /ECONNRESET/],
    ['hello\r\n\r\n', /HPE_/],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', /ECONNRESET/],
    [`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, /HPE_HEADER_OVERFLOW/],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', /HPE_/],
  ]
  for (const [say, code] of rows) {
    const server = await scriptedServer([say])
    t.match(await within(told(await send(server.url)), say.slice(0, 40)), code, say.slice(0, 40))
    await server.close()
  }
})

t.test('nobody listens', async t => {
  const server = createServer().listen(0)
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  t.equal(await told(await send(`http://127.0.0.1:${port}`)), 'failure ECONNREFUSED')
})

t.test('what Node refuses to send is thrown', async t => {
  await t.rejects(send('http://localhost:1', { headers: { 'a b': 'c' } }), { code: 'ERR_INVALID_HTTP_TOKEN' })
  await t.rejects(send('https://localhost:1', { agent: new Agent() }), { code: 'ERR_INVALID_PROTOCOL' })
})

t.test('the signal ends it before, within the head and within the body', async t => {
  const early = new AbortController()
  early.abort()
  const server = await scriptedServer([
    { say: 'HTTP/1.1 200', ending: 'hold' },
    { say: `${STREAM}a`, ending: 'hold' },
  ])
  t.equal(await told(await send(server.url, { signal: early.signal })), 'failure ECONNRESET')
  t.equal(server.requests.length, 0)
  const inHead = new AbortController()
  const sending = send(server.url, { signal: inHead.signal })
  await until(() => server.requests.length === 1)
  inHead.abort()
  t.equal(await told(await sending), 'failure ECONNRESET')
  const inBody = new AbortController()
  const outcome = await send(server.url, { signal: inBody.signal })
  if ('failure' in outcome) throw outcome.failure
  t.equal(String(await outcome.response.body.next()), 'a')
  const next = outcome.response.body.next()
  inBody.abort()
  await t.rejects(next)
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('a body that is not wanted costs its connection', async () => {
  const server = await scriptedServer([{ say: `${STREAM}a`, ending: 'hold' }])
  const outcome = await send(server.url)
  if ('failure' in outcome) throw outcome.failure
  outcome.response.body.close()
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('what is not asked for is not read', async t => {
  let written = 0
  const server = await rawServer(socket => {
    socket.write(STREAM)
    const chunk = Buffer.alloc(65_536, 'x')
    const more = () => {
      while (written < 512 * chunk.length) {
        written += chunk.length
        if (!socket.write(chunk)) return void socket.once('drain', more)
      }
      socket.end()
    }
    more()
  })
  const outcome = await send(`http://localhost:${server.port}/`)
  if ('failure' in outcome) throw outcome.failure
  await outcome.response.body.next()
  let before = -1
  // Until the buffers of both kernels are full and nothing moves any more.
  while (before < written) {
    before = written
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  t.ok(written < 16 * 1024 * 1024, `${written} bytes went out`)
  let length = 0
  for (
    let chunk = await outcome.response.body.next();
    chunk !== undefined;
    chunk = await outcome.response.body.next()
  )
    length += chunk.length
  t.ok(length > 30 * 1024 * 1024, `${length} bytes came behind it`)
  await server.close()
})

t.test('TCP keeps an eye on the peer', async t => {
  const calls: unknown[][] = []
  const { setKeepAlive } = Socket.prototype
  Socket.prototype.setKeepAlive = function (...parameters) {
    calls.push(parameters)
    return setKeepAlive.apply(this, parameters)
  }
  t.teardown(() => {
    Socket.prototype.setKeepAlive = setKeepAlive
  })
  const server = await scriptedServer([STREAM])
  await told(await send(server.url))
  t.same(calls, [[true, 60_000]])
  await server.close()
})

t.test('a pooled connection that has died meanwhile: GET goes out again, POST does not', async t => {
  for (const [method, outcome, requests] of [
    ['GET', 'second', 3],
    ['HEAD', '', 3],
    ['POST', 'failure ECONNRESET', 2],
  ] as const) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const seen: string[] = []
    const server = createServer(socket => {
      let isFirst = true
      socket
        .on('error', () => {})
        .on('data', chunk => {
          seen.push(String(chunk).split(' ')[0] as string)
          if (!isFirst) return socket.resetAndDestroy()
          isFirst = false
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${seen.length === 1 ? 'first.' : 'second'}`)
        })
    }).listen(0)
    const url = `http://localhost:${(server.address() as AddressInfo).port}/`
    t.equal(await told(await send(url, { agent })), 'first.')
    await until(() => Object.keys(agent.freeSockets).length === 1)
    t.equal(await within(told(await send(url, { agent, method }))), outcome, method)
    t.equal(seen.length, requests)
    agent.destroy()
    server.close()
  }
})

t.test('agents: one, none, or one for each URL', async t => {
  const server = await scriptedServer([STREAM])
  const urls: string[] = []
  const agent = new Agent({ keepAlive: true })
  await told(
    await send(server.url, {
      agent: url => {
        urls.push(url.href)
        return agent
      },
    }),
  )
  t.same(urls, [server.url])
  t.match(server.requests[0], /\r\nConnection: keep-alive\r\n/, 'as this agent has it')
  await told(await send(server.url, { agent: () => undefined }))
  await told(await send(server.url, { agent: () => false }))
  t.equal(server.requests.length, 3)
  agent.destroy()
  await server.close()
})

t.test('TLS: for its host alone, whatever Host says, and from a known authority alone', async t => {
  const rows: [credentials: typeof local, sent: Sent, outcome: string][] = [
    [local, { tls: { ca } }, 'body'],
    [local, { tls: { ca }, headers: { Host: 'wrong.example' } }, 'body'],
    [local, {}, 'failure UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [wrongHost, { tls: { ca } }, 'failure ERR_TLS_CERT_ALTNAME_INVALID'],
    [wrongHost, { tls: { ca }, headers: { Host: 'wrong.example' } }, 'failure ERR_TLS_CERT_ALTNAME_INVALID'],
    [wrongHost, { tls: { ca, servername: 'wrong.example' } }, 'body'],
  ]
  for (const [credentials, sent, outcome] of rows) {
    const server = await scriptedServer([`${STREAM}body`], createTlsServer(credentials), 'https')
    server.server.on('tlsClientError', () => {})
    t.equal(await told(await send(server.url, sent)), outcome)
    const byAddress = await told(await send(`https://127.0.0.1:${server.port}`, sent))
    t.equal(byAddress, outcome, 'an address in place of a name')
    await server.close()
  }
})

t.test('TLS: the name is sent, the certificate of the client too', async t => {
  const tls = createTlsServer({ ...local, ca, requestCert: true })
  let peer: TLSSocket | undefined
  tls.on('secureConnection', socket => {
    peer = socket
  })
  const server = await scriptedServer([`${STREAM}body`], tls, 'https')
  t.equal(await told(await send(server.url, { tls: { ca, cert: local.cert, key: local.key } })), 'body')
  t.equal((peer as unknown as { servername: string }).servername, 'localhost')
  t.equal(peer?.authorized, true)
  await server.close()
})

t.test('Unix sockets', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'wirewright-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  const server = await rawServer(socket => socket.end(`${STREAM}body`), createServer(), socketPath)
  t.equal(await told(await send('http://inside.example/x', { socketPath })), 'body')
  t.equal(fieldOf(server.requests[0] ?? '', 'Host'), 'inside.example')
  await server.close()
})

t.test('no listener stays on the signal, and nothing open', async t => {
  const { signal } = new AbortController()
  const server = await scriptedServer([`${STREAM}body`])
  await told(await send(server.url, { signal }))
  await server.close()
  await told(await send(server.url, { signal }))
  await until(() => getEventListeners(signal, 'abort').length === 0)
  t.strictSame(await leftOpen(before), [])
})
