/**
 * Line breaks and other bytes in whatever an application puts into a head (S19): thrown at the call, naming the option,
 * and nothing goes out; or a refused request, if it is a server's answer.
 */
import { createServer } from 'node:http'
import t from 'tap'
import { connect, EventSource, eventStream, openEventStream, WebSocket, WebSocketServer } from 'wirewright'
import { exchange, requestText } from '../support/raw-socket.ts'
import { acceptText, bareServer } from '../support/victim.ts'

const EVIL = [
  'a\r\nX-Evil: b',
  'a\nX-Evil: b',
  'a\rX-Evil: b',
  'a\0b',
  '\u0130',
  'a\u010ab\u010d',
  '\u{1f600}',
  'a\x7fb',
]

t.test('a client: nothing goes out', async t => {
  const server = await bareServer(t, 'TCP', (socket, request) => socket.write(acceptText(request)))
  const wrong: unknown[] = []
  for (const evil of EVIL) {
    const attempts: Record<string, () => unknown> = {
      'headers, value': () => connect(server.url, { headers: { 'X-A': evil } }),
      'headers, list': () => connect(server.url, { headers: { 'X-A': ['b', evil] } }),
      'headers, name': () => connect(server.url, { headers: { [evil]: 'b' } }),
      Host: () => connect(server.url, { headers: { Host: evil } }),
      Origin: () => connect(server.url, { headers: { Origin: evil } }),
      Cookie: () => connect(server.url, { headers: { Cookie: evil } }),
      protocols: () => connect(server.url, { protocols: [evil] }),
      'WebSocket, protocols': () => new WebSocket(server.url, evil),
      'eventStream, headers': async () =>
        eventStream(server.url.replace('ws', 'http'), { headers: { 'X-A': evil } }).next(),
      'eventStream, method': async () => eventStream(server.url.replace('ws', 'http'), { method: evil }).next(),
      EventSource: () => new EventSource(server.url.replace('ws', 'http'), { headers: { 'X-A': evil } }).close(),
    }
    for (const [what, attempt] of Object.entries(attempts)) {
      const error = await (async () => attempt())().then(
        () => undefined,
        error => error,
      )
      const isRefused = error instanceof TypeError || error instanceof RangeError || error instanceof DOMException
      if (!isRefused) wrong.push([what, evil, String(error)])
      // A name is told, in quotes and escaped; a value may be a secret.
      else if (/Evil/.test(error.message) && what !== 'headers, name')
        wrong.push([what, evil, 'the message repeats it'])
    }
  }
  t.same(wrong, [])
  t.same(server.requests, [])
})

t.test('a URL: what it has is escaped, or is no URL', async t => {
  const server = await bareServer(t, 'TCP', (socket, request) => socket.write(acceptText(request)))
  for (const evil of EVIL) {
    for (const url of [
      `${server.url}${evil}`,
      `${server.url}?${evil}`,
      server.url.replace('//', `//${evil}:${evil}@`),
    ]) {
      const connection = await connect(url).catch(() => undefined)
      connection?.terminate()
    }
    await t.rejects(connect(`ws://${evil}/`), JSON.stringify(evil))
  }
  t.ok(server.requests.length >= 16)
  t.ok(server.requests.every(request => !/^X-Evil/im.test(request)))
  t.ok(server.requests.every(request => /^GET \/[\x21-\x7e]* HTTP\/1\.1\r\n/.test(request)))
})

t.test('a server: the client gets 500, and no field of somebody else’s', async t => {
  for (const evil of EVIL) {
    const errors: unknown[] = []
    const server = new WebSocketServer({
      authorize({ url }) {
        if (url === '/accept') return { status: 101, headers: { 'X-A': evil } }
        if (url === '/refuse') return { status: 403, headers: { 'X-A': evil } }
        if (url === '/name') return { status: 101, headers: { [evil]: 'b' } }
        return true
      },
      protocols: () => evil,
      onRequest(request, response) {
        if (request.url === '/page') return { status: 200, headers: { 'X-A': evil } }
        return openEventStream(request, response, { headers: { 'X-A': evil } })
      },
    })
    server.on('refused', (_refusal, _request, error) => errors.push(error))
    const { port = 0 } = await server.listen({ host: '127.0.0.1' })
    for (const path of ['/accept', '/refuse', '/name', '/protocols']) {
      const { status, text } = await exchange(
        port,
        requestText({ 'Sec-WebSocket-Protocol': 'a' }, `GET ${path} HTTP/1.1`),
      )
      t.equal(status, 500, `${path} ${JSON.stringify(evil)}`)
      t.notMatch(text, 'Evil')
    }
    for (const path of ['/page', '/events']) {
      const { status, text } = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      t.equal(status, 500, `${path} ${JSON.stringify(evil)}`)
      t.notMatch(text, 'Evil')
    }
    t.equal(errors.length, 6)
    await server.close()
  }
})

t.test('an event stream beside node:http', async t => {
  const thrown: unknown[] = []
  const http = createServer((request, response) => {
    for (const evil of EVIL) {
      try {
        openEventStream(request, response, { headers: { 'X-A': evil } })
      } catch (error) {
        thrown.push(error)
      }
    }
    response.end('still mine')
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number }
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'still mine')
  t.equal(thrown.length, EVIL.length)
  http.closeAllConnections()
  await new Promise(resolve => http.close(resolve))
})
