/**
 * Requests that ask for something else, or for more than one thing (S14): `h2c`, several tokens, fields that come twice
 * or are folded, other methods, a body. One answer, the end of the socket, and nothing behind it is a request (S13).
 */
import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'wirewright'
import { certificates } from '../support/certificate.ts'
import { KEY, RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { clientTls } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const BEHIND = 'GET /admin HTTP/1.1\r\nHost: server.example.com\r\n\r\n'
const twice = (name: string, a: string, b: string) =>
  requestText({ [name]: [] }).replace('\r\n\r\n', `\r\n${name}: ${a}\r\n${name}: ${b}\r\n\r\n`)

/** Requests, with the statuses that they may get on a port of ours. */
const REQUESTS: readonly (readonly [what: string, request: string, ...statuses: number[]])[] = [
  ['h2c', requestText({ Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA' }), 426],
  ['h2c first', requestText({ Upgrade: 'h2c, websocket' }), 101],
  ['h2c second', requestText({ Upgrade: 'websocket, h2c' }), 101],
  ['h2c in a field of its own', twice('Upgrade', 'websocket', 'h2c'), 101],
  ['the token in part', requestText({ Upgrade: 'websocket2' }), 426],
  ['the token in quotes', requestText({ Upgrade: '"websocket"' }), 400, 426],
  ['the token twice', requestText({ Upgrade: 'websocket, websocket' }), 101],
  ['no Upgrade', requestText({ Upgrade: [] }), 426],
  ['Connection without upgrade', requestText({ Connection: 'keep-alive' }), 400, 426],
  ['Connection: close', requestText({ Connection: 'close' }), 400, 426],
  ['POST', requestText({ 'Content-Length': '0' }, 'POST / HTTP/1.1'), 405],
  ['PUT with a body', `${requestText({ 'Content-Length': '5' }, 'PUT / HTTP/1.1')}hello`, 405],
  ['CONNECT', requestText({}, 'CONNECT server.example.com:443 HTTP/1.1'), 400, 405],
  ['GET with a body', `${requestText({ 'Content-Length': '5' })}hello`, 400],
  ['GET with chunks', `${requestText({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`, 400],
  ['both lengths', requestText({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }), 400],
  ['HTTP/1.0', requestText({}, 'GET / HTTP/1.0'), 400, 426, 505],
  ['two keys', twice('Sec-WebSocket-Key', KEY, KEY), 400],
  ['two versions', twice('Sec-WebSocket-Version', '13', '13'), 400, 426],
  ['version 8', requestText({ 'Sec-WebSocket-Version': '8' }), 426],
  ['two hosts', twice('Host', 'server.example.com', 'evil.example'), 400],
  ['no host', requestText({ Host: [] }), 400],
  ['a folded field', requestText().replace('Upgrade: websocket', 'Upgrade:\r\n websocket'), 400],
  ['a space before the colon', requestText().replace('Upgrade:', 'Upgrade :'), 400],
  ['line feeds alone', requestText().replaceAll('\r\n', '\n'), 400],
  ['a NUL', requestText({ 'X-A': 'a\0b' }), 400],
]

async function ask(port: number, request: string, tls?: ReturnType<typeof clientTls>) {
  const client = new RawClient(port, tls).send(request + BEHIND)
  await within(client.untilHead(), request)
  client.send(BEHIND)
  const { status } = readAnswer(client.text)
  if (status !== 101) await within(client.ended, `the end behind ${status}`)
  const answers = client.text.match(/HTTP\/1\.1 \d+/g)?.length
  await client.destroy()
  return { status, answers }
}

async function judge(
  t: Test,
  port: number,
  tls: ReturnType<typeof clientTls>,
  heard: readonly (string | undefined)[],
) {
  for (const [what, request, ...statuses] of REQUESTS) {
    const { status, answers } = await ask(port, request, tls)
    t.ok(statuses.includes(status), `${what}: ${status}`)
    t.equal(answers, 1, what)
  }
  t.notOk(heard.includes('/admin'), 'what stood behind was never a request')
}

for (const carrier of ['TCP', 'TLS'] as const) {
  t.test(`${carrier}: a port of our own`, async t => {
    const heard: (string | undefined)[] = []
    const server = new WebSocketServer()
    server.on('connection', (_, { url }) => heard.push(url)).on('refused', (_, { url }) => heard.push(url))
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port = 0 } = await server.listen({ host: '127.0.0.1', tls })
    t.teardown(() => server.close())
    await judge(t, port, clientTls(carrier), heard)
  })
}

t.test('beside node:http, what Node takes for an upgrade', async t => {
  const heard: (string | undefined)[] = []
  const http = createServer((request, response) => {
    heard.push(request.url)
    response.writeHead(200, { Connection: 'close' }).end()
  })
  const server = new WebSocketServer()
  server.attach(http)
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    await server.close()
    await new Promise(resolve => http.close(resolve))
  })
  const { port } = http.address() as { port: number }
  const upgrades = REQUESTS.filter(([what]) => what !== 'CONNECT').filter(
    ([, request]) => /\r\nUpgrade: /.test(request) && /\r\nConnection: Upgrade/.test(request),
  )
  for (const [what, request, ...statuses] of upgrades) {
    const { status, answers } = await ask(port, request)
    // What Node refuses itself is 400.
    t.ok(statuses.includes(status) || status === 400, `${what}: ${status}`)
    t.equal(answers, 1, what)
  }
  t.same(heard, [], 'no request of the application was made of them')
})
