/**
 * The beginning of an event stream on everything that can carry one: the head that goes out, what the client's request
 * says, how both sides end, and a client that reads nothing.
 */
import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, connect as http2Connect } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import t, { type Test } from 'tap'
import type { EventStream } from '../../lib/transport/event-stream.ts'
import { eventStream } from '../../lib/transport/event-stream-client.ts'
import type { EventStreamOptions } from '../../lib/transport/event-stream-options.ts'
import { declineEventStream, eventStreamResponse, openEventStream } from '../../lib/transport/open-event-stream.ts'
import { prepareEvent } from '../../lib/transport/outgoing-event.ts'
import type { PortResponse } from '../../lib/transport/port-response.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'
import { certificates } from '../support/certificate.ts'
import { clockMembers } from '../support/clock-members.ts'
import { exchange, leftOpen, openHandles, RawClient, readAnswer } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

const before = openHandles()
const GET = 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n'

type OnStream = (stream: EventStream, request: { readonly url?: string | undefined }) => void

interface Carrier {
  readonly port: number
  /** Of the server: those that were opened, in their order. */
  readonly streams: readonly EventStream[]
}

/** Opens a stream for every request. */
type MakeCarrier = (t: Test, options?: EventStreamOptions, onStream?: OnStream) => Promise<Carrier>

async function listen(t: Test, server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

const onHttp: MakeCarrier = async (t, options, onStream) => {
  const streams: EventStream[] = []
  const server = createServer((request, response) => {
    const stream = openEventStream(request, response, options)
    streams.push(stream)
    onStream?.(stream, request)
  })
  return { port: await listen(t, server), streams }
}

const onOwnPort: MakeCarrier = async (t, options, onStream) => {
  const streams: EventStream[] = []
  const server = new WebSocketServer({
    onRequest(request, response) {
      const stream = openEventStream(request, response, options)
      streams.push(stream)
      onStream?.(stream, request)
      return stream
    },
  })
  t.teardown(() => server.close())
  return { port: (await server.listen({ host: '127.0.0.1' })).port ?? 0, streams }
}

const BOTH = { 'node:http': onHttp, 'a port of our own': onOwnPort }

/** The text of the body of a response to HTTP/1.1, chunked or not. */
function bodyOf(text: string): string {
  const { headers, body } = readAnswer(text)
  if (headers['transfer-encoding'] !== 'chunked') return body
  return body.replace(/([\da-f]+)\r\n([\s\S]*?)\r\n(?=[\da-f]+\r\n|$)/g, (_, _size, chunk) => chunk)
}

for (const [name, carrier] of Object.entries(BOTH)) {
  // [html-9.2.3-14, html-9.2.5-1]
  t.test(`${name}: the head goes out at once, and events follow as they are sent`, async t => {
    const { port, streams } = await carrier(t, { retry: 2500, headers: { 'X-A': ['1', '2'] } })
    const client = new RawClient(port).send(GET)
    await client.until(text => text.includes('retry: 2500\n\n'))
    const { status, headers } = readAnswer(client.text)
    t.match(
      { status, ...headers },
      {
        status: 200,
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-a': '2',
      },
    )
    t.equal(client.text.match(/^x-a: /gim)?.length, 2)
    t.match(headers.date, / GMT$/, 'RFC 9110 §6.6.1')
    t.equal(bodyOf(client.text), ':\nretry: 2500\n\n')
    const [stream] = streams
    t.equal(stream?.send({ event: 'price', data: 'ü\n2', id: '1' }), true)
    stream?.send(prepareEvent({ data: 'more' }))
    await client.until(text => text.includes('more'))
    t.equal(
      Buffer.from(bodyOf(client.text), 'latin1').toString(),
      ':\nretry: 2500\n\nevent: price\nid: 1\ndata: ü\ndata: 2\n\ndata: more\n\n',
    )
    await client.destroy()
    t.match(await within(stream!.closed), { by: 'peer' })
    t.equal(clockMembers.size, 0)
  })

  t.test(`${name}: close() ends the body in good order`, async t => {
    const { port } = await carrier(t, {}, stream => {
      for (let i = 0; i < 1000; i++) stream.send({ data: `${i}` })
      stream.close()
    })
    const client = new RawClient(port).send(GET)
    await client.until(text => text.endsWith('data: 999\n\n') || text.endsWith('\r\n0\r\n\r\n'))
    t.equal((client.text.match(/^data: \d+$/gm) ?? []).length, 1000)
    await client.destroy()
  })

  t.test(`${name}: the last event ID is that of the field, else of the query [html-9.2.4-2]`, async t => {
    const { port, streams } = await carrier(t, { maxLastEventIdBytes: 8 }, stream => stream.close())
    const ask = async (target: string, field?: string) => {
      await fetch(
        `http://127.0.0.1:${port}${target}`,
        field === undefined ? {} : { headers: { 'Last-Event-ID': field } },
      )
      return streams.at(-1)?.lastEventId
    }
    t.equal(await ask('/'), '')
    t.equal(await ask('/', '7'), '7')
    t.equal(await ask('/?lastEventId=5', Buffer.from('é7').toString('latin1')), 'é7')
    t.equal(await ask('/?a=b&lastEventId=5'), '5')
    t.equal(await ask('/', '123456789'), '', 'longer than is believed')
  })

  t.test(`${name}: HEAD gets the head alone`, async t => {
    const { port, streams } = await carrier(t, {}, stream => stream.send({ data: 'x' }))
    const answer = await within(
      exchange(port, GET.replace('GET', 'HEAD').replace('Host: a', 'Host: a\r\nConnection: close')),
    )
    t.match(answer, { status: 200, body: '', headers: { 'content-type': 'text/event-stream' }, ended: 'end' })
    t.equal(streams[0]?.isClosed, true)
  })

  t.test(`${name}: a silent client that reads nothing costs the limit, and is cut`, async t => {
    const { port, streams } = await carrier(t, { maxBufferedAmount: 300_000 })
    const client = new RawClient(port).send(GET)
    await until(() => streams.length > 0)
    client.socket.pause()
    const [stream] = streams
    const event = prepareEvent({ data: 'x'.repeat(10_000) })
    let most = 0
    let sent = 0
    for (; !stream!.isClosed && sent < 100_000; sent++) {
      stream?.send(event)
      most = Math.max(most, stream!.bufferedAmount)
      if (sent % 20 === 0) await turns(1)
    }
    t.ok(most > 280_000 && most <= 300_000, `${most} bytes were held`)
    const { unsent, ...close } = await within(stream!.closed)
    t.strictSame(close, { by: 'local', cause: 'ERR_EVENT_STREAM_OUTPUT_LIMIT' })
    t.ok(unsent > 280_000, `${unsent} of them were not sent`)
    await client.destroy()
  })

  t.test(`${name}: who waits for drained() loses nothing, however slow the client is`, async t => {
    const count = 400
    const { port } = await carrier(t, {}, async stream => {
      for (let i = 0; i < count; i++) {
        if (!stream.send({ data: `${i} ${'x'.repeat(20_000)}` })) await stream.drained()
      }
      stream.close()
    })
    const client = new RawClient(port).send(GET)
    for (let i = 0; i < 20; i++) {
      client.socket.pause()
      await turns(5)
      client.socket.resume()
      await turns(5)
    }
    await client.until(text => text.includes(`data: ${count - 1} `) && /x\n\n(\r\n0\r\n\r\n)?$/.test(text))
    const numbers = Array.from(client.text.matchAll(/data: (\d+) /g), ([, number]) => Number(number))
    t.strictSame(
      numbers,
      Array.from({ length: count }, (_, i) => i),
    )
    await client.destroy()
  })

  t.test(`${name}: a silence is broken by comments`, async t => {
    const { port } = await carrier(t, { heartbeat: 20 })
    const client = new RawClient(port).send(GET)
    await client.until(text => (text.match(/:\n\n/g)?.length ?? 0) >= 4)
    await client.destroy()
  })

  t.test(`${name}: the client resets the connection`, async t => {
    const { port, streams } = await carrier(t)
    const client = new RawClient(port).send(GET)
    await client.untilHead()
    client.socket.resetAndDestroy()
    const { signal } = streams[0]!
    await within(streams[0]!.closed)
    t.ok(signal.aborted)
    t.equal(streams[0]?.send({ data: 'x' }), false)
  })
}

t.test('node:http: the server’s timeout for idle sockets does not end a quiet stream', async t => {
  const streams: EventStream[] = []
  const server = createServer((request, response) => streams.push(openEventStream(request, response)))
  server.setTimeout(50)
  const port = await listen(t, server)
  const client = new RawClient(port).send(GET)
  await client.untilHead()
  const control = new RawClient(port)
  await within(control.ended, 'an idle socket without a stream is closed')
  streams[0]?.send({ data: 'still here' })
  await client.until(text => text.includes('still here'))
  t.match(client.text, 'still here')
  await client.destroy()
  await control.destroy()
})

t.test('node:http: after close() the connection serves the next request', async t => {
  const { port, streams } = await onHttp(t, {}, stream => stream.close())
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < 3; i++) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ port, host: '127.0.0.1', agent }, resolve).on('error', reject).end()
    })
    response.resume()
    await once(response, 'end')
  }
  t.equal(streams.length, 3)
  agent.destroy()
})

t.test('node:http: headers that were set before stay, a response that has begun is refused', async t => {
  let thrown: unknown
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', 'https://example.com')
    openEventStream(request, response).close()
    try {
      openEventStream(request, response)
    } catch (error) {
      thrown = error
    }
  })
  const response = await fetch(`http://127.0.0.1:${await listen(t, server)}/`)
  t.equal(response.headers.get('access-control-allow-origin'), 'https://example.com')
  t.equal(response.headers.get('content-type'), 'text/event-stream')
  t.match(thrown, { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: 'the response was answered already' })
  await response.text()
})

t.test('node:http: what framing alone has put above the mark is no reason to cut', async t => {
  const { port, streams } = await onHttp(t, { maxBufferedAmount: 1000 })
  const client = new RawClient(port).send(GET)
  await client.untilHead()
  t.equal(streams[0]?.send({ data: 'x'.repeat(990) }), true)
  streams[0]?.send({ data: 'and' })
  t.equal(streams[0]?.isClosed, false)
  await client.until(text => text.includes('and'))
  await client.destroy()
})

t.test('node:http: a length that was set before does not cut the body off', async t => {
  const server = createServer((request, response) => {
    response.setHeader('Content-Length', '3')
    const stream = openEventStream(request, response)
    stream.send({ data: 'all of it' })
    stream.close()
  })
  const response = await fetch(`http://127.0.0.1:${await listen(t, server)}/`)
  t.equal(response.headers.get('content-length'), null)
  t.equal(await response.text(), ':\n\ndata: all of it\n\n')
})

t.test('a header may have a name that every object has', async t => {
  const headers = JSON.parse('{ "constructor": "a", "toString": ["b", "c"], "__proto__": "d" }')
  for (const carrier of [onHttp, onOwnPort]) {
    const { port } = await carrier(t, { headers }, stream => stream.close())
    const { text } = await exchange(port, GET.replace('Host: a', 'Host: a\r\nConnection: close'))
    for (const line of ['constructor: a', 'toString: b', 'toString: c', '__proto__: d'])
      t.ok(text.includes(`\r\n${line}\r\n`), line)
    t.notMatch(text, /native code/)
  }
})

t.test('node:http: a head that cannot be written leaves no stream behind', async t => {
  const server = createServer((request, response) => {
    const { writeHead } = response
    response.writeHead = () => {
      throw new Error('middleware')
    }
    t.throws(() => openEventStream(request, response), { message: 'middleware' })
    t.equal(clockMembers.size, 0)
    response.writeHead = writeHead
    response.writeHead(500).end()
  })
  t.equal((await fetch(`http://127.0.0.1:${await listen(t, server)}/`)).status, 500)
})

t.test('a client that has gone before the stream is opened: it is closed from the beginning', async t => {
  let resolve!: (stream: EventStream) => void
  const stream = new Promise<EventStream>(settle => (resolve = settle))
  const server = createServer((request, response) => {
    response.once('close', () => setImmediate(() => resolve(openEventStream(request, response))))
  })
  const client = new RawClient(await listen(t, server)).send(GET)
  await until(() => client.socket.bytesWritten > 0)
  await turns()
  await client.destroy()
  const late = await within(stream)
  t.equal(late.send({ data: 'x' }), false)
  t.match(await within(late.closed), { by: 'peer' })
  t.equal(clockMembers.size, 0)
})

t.test('node:http: pipelined behind another stream, it waits for its turn, and ends with the connection', async t => {
  const { port, streams } = await onHttp(t, { heartbeat: 20 })
  const client = new RawClient(port).send(GET + GET + GET)
  await until(() => streams.length === 3)
  streams[1]?.send({ data: 'second' })
  await turns()
  t.notMatch(client.text, 'second')
  streams[0]?.close()
  await client.until(text => text.includes('second'))
  t.equal(client.text.match(/HTTP\/1\.1 200/g)?.length, 2)
  t.equal(streams[2]?.bufferedAmount !== 0, true)
  await client.destroy()
  t.match(await Promise.all(streams.map(({ closed }) => within(closed))), [
    { by: 'local' },
    { by: 'peer' },
    { by: 'peer' },
  ])
  t.equal(clockMembers.size, 0)
})

t.test('node:http: pipelined, and opened when the connection has ended', async t => {
  const waiting: (() => EventStream)[] = []
  const server = createServer((request, response) => waiting.push(() => openEventStream(request, response)))
  const client = new RawClient(await listen(t, server)).send(GET + GET)
  await until(() => waiting.length === 2)
  await client.destroy()
  await turns()
  const streams = waiting.map(openNow => openNow())
  t.strictSame(
    streams.map(({ isClosed }) => isClosed),
    [true, true],
  )
  await Promise.all(streams.map(({ closed }) => within(closed)))
  t.equal(clockMembers.size, 0)
})

t.test('node:http: many that are pipelined one after the other leave no listeners on the socket', async t => {
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    sockets.add(request.socket)
    openEventStream(request, response).close()
  })
  const client = new RawClient(await listen(t, server)).send(GET.repeat(30))
  await client.until(text => (text.match(/\r\n0\r\n\r\n/g)?.length ?? 0) === 30)
  const [socket] = sockets
  t.ok(socket!.listenerCount('close') < 5, `${socket!.listenerCount('close')} listeners`)
  await client.destroy()
})

t.test('node:http: a connection that is no socket, as of a tunnel or a test', async t => {
  const server = createServer((request, response) => {
    const stream = openEventStream(request, response)
    stream.send({ data: 'x' })
    stream.close()
  })
  const [serverSide, clientSide] = duplexPair()
  server.emit('connection', serverSide)
  clientSide.write(GET)
  let text = ''
  clientSide.setEncoding('latin1').on('data', chunk => (text += chunk))
  await until(() => text.endsWith('\r\n0\r\n\r\n'))
  t.match(bodyOf(text), ':\n\ndata: x\n\n')
  clientSide.destroy()
  serverSide.destroy()
})

t.test('a wrong option is refused before anything is answered', async t => {
  const server = createServer((request, response) => {
    t.throws(() => openEventStream(request, response, { heartbeat: 0 }), { code: 'ERR_OUT_OF_RANGE' })
    t.equal(response.headersSent, false)
    response.end('plain')
  })
  t.equal(await (await fetch(`http://127.0.0.1:${await listen(t, server)}/`)).text(), 'plain')
})

t.test('TLS', async t => {
  const { ca, local } = certificates()
  const server = createHttpsServer(local, (request, response) => {
    const stream = openEventStream(request, response)
    stream.send({ data: 'secret' })
  })
  const client = new RawClient(await listen(t, server), { ca, servername: 'localhost' }).send(GET)
  await client.until(text => text.includes('secret'))
  t.match(bodyOf(client.text), ':\n\ndata: secret\n\n')
  await client.destroy()
})

t.test('declineEventStream answers 204 [html-9.2.3-13]', async t => {
  const server = createServer((_request, response) => declineEventStream(response))
  const response = await fetch(`http://127.0.0.1:${await listen(t, server)}/`)
  t.equal(response.status, 204)
  const begun = { headersSent: true } as ServerResponse
  t.throws(() => declineEventStream(begun), { message: 'the response was answered already' })
})

async function http2Client(t: Test, options?: EventStreamOptions) {
  const streams: EventStream[] = []
  const server = createHttp2Server((request, response) => streams.push(openEventStream(request, response, options)))
  const port = await listen(t, server)
  const session = http2Connect(`http://127.0.0.1:${port}`)
  t.teardown(() => new Promise<void>(resolve => session.close(resolve)))
  return { session, streams }
}

t.test('HTTP/2: many streams on one connection, each with its own end', async t => {
  const { session, streams } = await http2Client(t)
  const texts: string[] = []
  const requests = Array.from({ length: 20 }, (_, i) => {
    texts.push('')
    return session
      .request({ ':path': '/', 'last-event-id': `${i}` })
      .setEncoding('utf8')
      .on('data', chunk => (texts[i] += chunk))
  })
  const [headers] = await once(requests[0]!, 'response')
  t.match(headers, { ':status': 200, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  await until(() => streams.length === 20)
  for (const stream of streams) stream.send({ data: `for ${stream.lastEventId}` })
  await until(() => texts.every((text, i) => text === `:\n\ndata: for ${i}\n\n`))
  streams[0]?.close()
  await once(requests[0]!, 'end')
  t.match(await within(streams[0]!.closed), { by: 'local' })
  requests[1]?.close()
  t.match(await within(streams[1]!.closed), { by: 'peer' })
  t.equal(streams[2]?.isClosed, false)
  for (const request of requests) request.close()
  await Promise.all(streams.map(stream => within(stream.closed)))
  t.equal(clockMembers.size, 0)
})

t.test('HTTP/2: a client that opens no window costs the limit', async t => {
  const { session, streams } = await http2Client(t, { maxBufferedAmount: 200_000, overflow: 'drop-oldest' })
  const request = session.request({ ':path': '/' })
  await once(request, 'response')
  request.pause()
  const event = prepareEvent({ data: 'x'.repeat(10_000) })
  let most = 0
  for (let i = 0; i < 500; i++) {
    streams[0]?.send(event)
    most = Math.max(most, streams[0]!.bufferedAmount)
    await turns(1)
  }
  t.ok(most <= 200_000, `${most} bytes were held`)
  t.ok(streams[0]!.dropped > 300, `${streams[0]!.dropped} of 500 were dropped`)
  request.resume()
  await until(() => streams[0]?.bufferedAmount === 0, 'it goes on when the client reads')
  request.close()
  await within(streams[0]!.closed)
})

t.test('HTTP/2: HEAD gets the head alone', async t => {
  const { session } = await http2Client(t)
  const request = session.request({ ':path': '/', ':method': 'HEAD' }).resume()
  const [headers] = await once(request, 'response')
  t.equal(headers['content-type'], 'text/event-stream')
  await once(request, 'close')
})

t.test('Fetch: a Response with the stream as its body', async t => {
  const request = new Request('http://a/events?lastEventId=7', { headers: { 'Last-Event-ID': '8' } })
  const { response, stream } = eventStreamResponse(request, { retry: 1, headers: { 'X-A': 'b' } })
  t.equal(stream.lastEventId, '8')
  const other = eventStreamResponse(new Request('http://a/events?lastEventId=7'))
  t.equal(other.stream.lastEventId, '7')
  await other.response.body?.cancel()
  t.equal(response.status, 200)
  t.match(Object.fromEntries(response.headers), {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-a': 'b',
  })
  stream.send({ data: '1' })
  stream.send({ data: '2' })
  stream.close()
  t.equal(await response.text(), ':\nretry: 1\n\ndata: 1\n\ndata: 2\n\n')
  t.match(await within(stream.closed), { by: 'local', unsent: 0 })
})

t.test('Fetch: a body that is cancelled, a request that is aborted, a HEAD', async t => {
  const cancelled = eventStreamResponse(new Request('http://a/'))
  await cancelled.response.body?.cancel()
  t.match(await within(cancelled.stream.closed), { by: 'peer' })
  const controller = new AbortController()
  const aborted = eventStreamResponse(new Request('http://a/', { signal: controller.signal }))
  controller.abort()
  t.match(await within(aborted.stream.closed), { by: 'peer' })
  const late = eventStreamResponse(new Request('http://a/', { signal: AbortSignal.abort() }))
  t.match(await within(late.stream.closed), { by: 'peer' })
  const head = eventStreamResponse(new Request('http://a/', { method: 'HEAD' }))
  t.equal(head.response.body, null)
  t.equal(head.response.headers.get('content-type'), 'text/event-stream')
  t.equal(head.stream.isClosed, true)
})

t.test('Fetch: a body that nobody reads costs the limit', async t => {
  const { stream } = eventStreamResponse(new Request('http://a/'), { maxBufferedAmount: 100_000 })
  for (let i = 0; i < 100 && !stream.isClosed; i++) {
    stream.send({ data: 'x'.repeat(5000) })
    t.ok(stream.bufferedAmount <= 100_000)
    await turns(1)
  }
  t.match(await within(stream.closed), { cause: 'ERR_EVENT_STREAM_OUTPUT_LIMIT' })
})

async function ownPort(
  t: Test,
  onRequest: (request: UpgradeRequest, response: PortResponse) => unknown,
  handshakeTimeout = 5000,
) {
  const server = new WebSocketServer({ onRequest: onRequest as never, handshakeTimeout })
  const refused: unknown[] = []
  server.on('refused', (refusal, _request, error) =>
    refused.push([refusal.status, (error as Error | undefined)?.message]),
  )
  t.teardown(() => server.close())
  return { server, refused, port: (await server.listen({ host: '127.0.0.1' })).port ?? 0 }
}

t.test('a port of our own: a last chunk tells of the end, to HTTP/1.0 the end of the connection', async t => {
  const { port, server } = await ownPort(t, (request, response) => {
    const stream = openEventStream(request, response)
    stream.send({ data: request.httpVersion })
    stream.close()
    return stream
  })
  for (const version of ['1.1', '1.0']) {
    const answer = await exchange(port, `GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
    const coding = version === '1.1' ? 'chunked' : undefined
    t.match(answer, {
      status: 200,
      ended: 'end',
      headers: { connection: 'close', 'transfer-encoding': coding },
    })
    t.equal(bodyOf(answer.text), `:\n\ndata: ${version}\n\n`)
    t.equal(answer.text.endsWith('\r\n0\r\n\r\n'), version === '1.1')
  }
  await until(() => server.eventStreams.size === 0)
})

t.test('a port of our own: a handler that fails is no end in good order for who pulls', async t => {
  const { port } = await ownPort(t, async (request, response) => {
    const stream = openEventStream(request, response)
    stream.send({ data: 'begun' })
    if (request.url !== '/fails') return stream.close()
    throw new Error('upstream')
  })
  const pull = async (path: string) => {
    const data: string[] = []
    try {
      for await (const event of eventStream(`http://127.0.0.1:${port}${path}`, { reconnect: false }))
        data.push(event.data)
      return [...data, 'end']
    } catch (error) {
      return [...data, (error as NodeJS.ErrnoException).code]
    }
  }
  t.same(await within(pull('/')), ['begun', 'end'])
  t.same(await within(pull('/fails')), ['begun', 'ECONNRESET'])
})

t.test('a port of our own: HEAD is told of chunks, and gets none', async t => {
  const { port } = await ownPort(t, (request, response) => openEventStream(request, response))
  const client = new RawClient(port).send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal(await within(client.ended), 'end')
  t.match(client.text, /\r\nTransfer-Encoding: chunked\r\n(.*\r\n)*\r\n$/)
  await client.destroy()
})

t.test('a port of our own: the server knows its streams, and closes them when it closes', async t => {
  const { port, server } = await ownPort(t, (request, response) => openEventStream(request, response))
  const clients = Array.from({ length: 5 }, () => new RawClient(port).send(GET))
  await until(() => server.eventStreams.size === 5)
  const news = prepareEvent({ data: 'news' })
  for (const stream of server.eventStreams) stream.send(news)
  await Promise.all(clients.map(client => client.until(text => text.includes('news'))))
  await clients[0]?.destroy()
  await until(() => server.eventStreams.size === 4)
  const closed = server.close()
  for (const client of clients.slice(1)) {
    t.equal(await within(client.ended), 'end')
    await client.destroy()
  }
  await within(closed)
  t.equal(server.eventStreams.size, 0)
})

t.test('a port of our own: a client that ends its side has gone', async t => {
  const { port, server } = await ownPort(t, (request, response) => openEventStream(request, response))
  const client = new RawClient(port).send(GET)
  await until(() => server.eventStreams.size === 1)
  const [stream] = server.eventStreams
  client.socket.end()
  t.match(await within(stream!.closed), { by: 'peer' })
  await client.destroy()
})

t.test('a port of our own: what follows the request is never read as another one', async t => {
  let requests = 0
  const { port, server } = await ownPort(t, (request, response) => {
    requests++
    return openEventStream(request, response)
  })
  const client = new RawClient(port).send(GET + GET)
  await until(() => server.eventStreams.size === 1)
  client.send(GET)
  for (const stream of server.eventStreams) stream.send({ data: 'x' })
  await client.until(text => text.includes('data: x'))
  await turns()
  t.equal(requests, 1)
  t.equal(client.text.match(/HTTP\/1\.1/g)?.length, 1)
  await client.destroy()
})

t.test(
  'a port of our own: onRequest that opens a stream need not return it; one that fails then closes it',
  async t => {
    const { port, refused } = await ownPort(t, async (request, response) => {
      const stream = openEventStream(request, response)
      stream.send({ data: 'begun' })
      if (request.url === '/fails') throw new Error('later')
      stream.close()
    })
    const CHUNKS = '3\r\n:\n\n\r\nd\r\ndata: begun\n\n\r\n'
    t.match(await exchange(port, GET), { status: 200, body: `${CHUNKS}0\r\n\r\n`, ended: 'end' })
    t.strictSame(refused, [])
    const failed = await exchange(port, GET.replace('/events', '/fails'))
    t.match(failed, { status: 200, body: CHUNKS, ended: 'end' })
    t.strictSame(refused, [[500, 'later']])
  },
)

t.test('a port of our own: onRequest that fails long after it opened a stream closes it all the same', async t => {
  let fail!: () => void
  const { port, refused } = await ownPort(
    t,
    async (request, response) => {
      openEventStream(request, response)
      await new Promise<void>(resolve => (fail = resolve))
      throw new Error('upstream')
    },
    20,
  )
  const client = new RawClient(port).send(GET)
  await client.untilHead()
  await new Promise(resolve => setTimeout(resolve, 100))
  fail()
  t.equal(await within(client.ended), 'end')
  t.strictSame(refused, [[500, 'upstream']])
  await client.destroy()
})

t.test('a port of our own: a stream that is opened in the very moment in which the server closes', async t => {
  let openNow!: () => void
  const { port, server } = await ownPort(t, async (request, response) => {
    await new Promise<void>(resolve => (openNow = resolve))
    return openEventStream(request, response)
  })
  const client = new RawClient(port).send(GET)
  await until(() => openNow !== undefined)
  openNow()
  const closed = server.close()
  t.equal(await within(client.ended), 'end')
  await client.destroy()
  await within(closed)
  await until(() => server.eventStreams.size === 0)
})

t.test('a port of our own: a request is answered once', async t => {
  const errors: unknown[] = []
  const { port } = await ownPort(
    t,
    async (request, response) => {
      if (request.url === '/late') await new Promise(resolve => setTimeout(resolve, 100))
      try {
        const stream = openEventStream(request, response)
        openEventStream(request, response)
        return stream
      } catch (error) {
        errors.push((error as Error).message)
        return undefined
      }
    },
    50,
  )
  const twice = new RawClient(port).send(GET)
  await twice.untilHead()
  t.match(readAnswer(twice.text), { status: 200 })
  await twice.destroy()
  t.equal((await exchange(port, GET.replace('/events', '/late'))).status, 503)
  await until(() => errors.length === 2)
  t.strictSame(errors, ['the response was answered already', 'the response was answered already'])
})

t.test('whatever the mark, it is told when it is passed no more', async t => {
  for (const [name, make] of Object.entries(BOTH)) {
    for (const highWaterMark of [0, 1, 50, 111, 222, 300, 1000, 65_536]) {
      // 111 bytes each: some marks are met to the byte, and passed by the framing alone.
      const events = Array.from({ length: 3000 }, (_, i) => ({ id: String(10_000 + i), data: 'x'.repeat(93) }))
      const { port } = await make(t, { highWaterMark }, stream => {
        void stream.sendAll(events).then(() => stream.close())
      })
      const client = new RawClient(port).send(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      await within(client.ended, `${name}, ${highWaterMark}`)
      t.equal(client.text.match(/id: \d/g)?.length, 3000, `${name}, ${highWaterMark}`)
      await client.destroy()
    }
  }
})

t.test('what is no request or no response is refused by name', async t => {
  const [request, response] = [{ headers: {} }, { writeHead() {} }]
  const wrongs: [unknown, unknown, RegExp][] = [
    [undefined, response, /^request must/],
    [response, request, /^request must/],
    [new Request('http://a/'), response, /^request must/],
    [request, undefined, /^response must/],
    [request, {}, /^response must/],
  ]
  for (const [request, response, message] of wrongs)
    t.throws(() => openEventStream(request as never, response as never), { code: 'ERR_INVALID_ARG_TYPE', message })
  t.throws(() => eventStreamResponse(request as never), { code: 'ERR_INVALID_ARG_TYPE', message: /^request must/ })
})

t.test('nothing is left open', async t => {
  t.same(await leftOpen(before), [])
  t.equal(clockMembers.size, 0)
})
