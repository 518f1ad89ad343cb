/**
 * The server's side of one opening handshake: what decides in which order, and each answer that `authorize`,
 * `origin` and `protocols` can give; and over memory, what is written to the socket, and that bytes which came with
 * the request are read by the connection.
 */
import t from 'tap'
import { decideUpgrade, openUpgraded } from '../../lib/transport/server-handshake.ts'
import { type Authorization, checkServerOptions, type ServerOptions } from '../../lib/transport/server-options.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'
import type { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { memoryChannel } from '../support/memory-channel.ts'
import { BINARY, MASK, rawFrame, rawFrames, TEXT } from '../support/raw-frames.ts'
import { fieldOf, KEY } from '../support/raw-socket.ts'
import { turns } from '../support/waiting.ts'

interface Change {
  readonly url?: string
  readonly method?: string
  readonly fields?: Readonly<Record<string, string | undefined>>
}

const NO_BYTES = new Uint8Array(0)

const SOCKET = {} as UpgradeRequest['socket']

/** What is decided, with the status that the client gets and the text of a 101. */
async function handshake(options: ServerOptions, change: Change = {}) {
  const outcome = await decideUpgrade(requestOn(SOCKET, change), checkServerOptions(options))
  if ('refusal' in outcome)
    return { ...outcome, status: outcome.refusal.status, response: '', protocol: undefined, deflate: undefined }
  const { deflate, ...accepted } = outcome
  return { ...accepted, deflate, status: Number(outcome.response.slice(9, 12)), refusal: undefined, error: undefined }
}

function requestOn(socket: UpgradeRequest['socket'], { url = '/', method = 'GET', fields = {} }: Change) {
  const headers = {
    host: 'a.example',
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': KEY,
    'sec-websocket-version': '13',
    ...fields,
  }
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [name, value]))
  return { method, url, httpVersion: '1.1', headers, rawHeaders, socket }
}

t.test('a request that is right is answered with 101 [6455-4.2.2-1, 6455-4.2.2-10]', async t => {
  const expected =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    // RFC 6455 §1.3
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
  t.match(await handshake({}), { response: expected, protocol: '' })
})

t.test('the request is looked at first, then the path, the origin, and authorize last', async t => {
  const asked: string[] = []
  const options: ServerOptions = {
    path: '/chat',
    origin: () => {
      asked.push('origin')
      return false
    },
    authorize: () => {
      asked.push('authorize')
      return false
    },
  }
  const wrongKey = { 'sec-websocket-key': 'a' }
  const cases: [change: Change, status: number, asked: string][] = [
    [{ url: '/other', fields: wrongKey }, 400, ''],
    [{ url: '/other' }, 404, ''],
    [{ url: '/chat' }, 403, 'origin'],
    [{ url: '/chat?token=1' }, 403, 'origin'],
  ]
  for (const [change, status, expected] of cases) {
    asked.length = 0
    t.match(await handshake(options, change), { status })
    t.equal(asked.join(' '), expected)
  }
  asked.length = 0
  t.match(await handshake({ ...options, origin: () => true }, { url: '/chat' }), { status: 403 })
  t.equal(asked.join(' '), 'authorize')
})

t.test('paths [6455-4.2.2-5]', async t => {
  const cases: [url: string, status: number][] = [
    ['/chat', 101],
    ['/chat?a=/b', 101],
    ['http://a.example/chat', 101],
    ['/', 404],
    ['/chat/', 404],
    ['/Chat', 404],
    ['/chat%20', 404],
    ['//chat', 404],
    ['/x/../chat', 404],
    ['/other?/chat', 404],
  ]
  for (const [url, status] of cases) t.match(await handshake({ path: '/chat' }, { url }), { status }, url)
  t.match(await handshake({}, { url: '/anything/at?all' }), { status: 101 }, 'without a path every one is served')
})

t.test('origins [6455-10.2-1, 6455-10.2-2]', async t => {
  const from = (origin: string | undefined): Change => ({ fields: { origin } })
  const hooks: [origin: ServerOptions['origin'], change: Change, status: number][] = [
    ['same-origin', from('http://a.example'), 101],
    ['same-origin', from(undefined), 101],
    ['same-origin', from('http://b.example'), 403],
    ['same-origin', from('null'), 403],
    [['http://b.example'], from('http://b.example'), 101],
    [['http://b.example'], from('http://a.example'), 403],
    [() => true, from('null'), 101],
    [async () => true, from('null'), 101],
    [() => false, from('http://a.example'), 403],
    [async () => false, from('http://a.example'), 403],
    // Only true lets anybody in.
    [() => 'yes' as unknown as boolean, from('http://a.example'), 403],
    [() => undefined as unknown as boolean, from('http://a.example'), 403],
  ]
  for (const [origin, change, status] of hooks) t.match(await handshake({ origin }, change), { status })
})

t.test('what authorize answers [6455-4.2.2-3]', async t => {
  const answers: [answer: unknown, status: number, why: string][] = [
    [true, 101, 'true'],
    [{ status: 101, headers: {} }, 101, 'an acceptance'],
    [{ status: 101 }, 101, 'an acceptance without headers'],
    [false, 403, 'false'],
    [undefined, 403, 'a hook that returns nothing says no'],
    [null, 403, 'null'],
    [0, 403, 'nothing'],
    ['', 403, 'nothing'],
    [{ status: 401, headers: { 'WWW-Authenticate': 'Basic' } }, 401, 'a refusal'],
    [{ status: 200 }, 200, 'a page instead'],
    [{ status: 503, body: 'full' }, 503, 'a refusal'],
  ]
  for (const [answer, status, why] of answers) {
    t.match(await handshake({ authorize: () => answer as Authorization }), { status }, why)
    t.match(await handshake({ authorize: async () => answer as Authorization }), { status }, `${why}, later`)
  }
  const refusal = { status: 401, headers: { 'WWW-Authenticate': 'Basic' }, body: 'who?' }
  t.equal((await handshake({ authorize: () => refusal })).refusal, refusal)
})

t.test('whatever else authorize answers, the client is not let in', async t => {
  for (const answer of ['yes', 1, {}, [], { status: 102 }, { status: '101' }, { status: 99 }, Symbol('a')]) {
    const { response, refusal } = await handshake({ authorize: () => answer as unknown as boolean })
    t.equal(response, '')
    t.ok(refusal)
  }
})

t.test('authorize may add fields to the response', async t => {
  const headers = { 'Set-Cookie': ['a=1', 'b=2'], 'X-Request-Id': '7' }
  const { response } = await handshake({ authorize: () => ({ status: 101, headers }) })
  t.match(response, '\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Request-Id: 7\r\n\r\n')
})

t.test('authorize gets the request', async t => {
  const request = requestOn(SOCKET, { url: '/chat?token=1' })
  const seen: unknown[] = []
  const authorize = (...args: unknown[]) => seen.push(...args) > 1
  await decideUpgrade(request, checkServerOptions({ authorize }))
  t.equal(seen.length, 1)
  t.equal(seen[0], request)
})

t.test("a hook that throws is a 500, with the hook's error beside it", async t => {
  const error = new Error('database')
  const fail = () => {
    throw error
  }
  const hooks: ServerOptions[] = [
    { authorize: fail },
    { authorize: () => Promise.reject(error) },
    { origin: fail },
    { origin: () => Promise.reject(error) },
    { protocols: fail },
  ]
  for (const options of hooks) {
    const outcome = await handshake(options)
    t.equal(outcome.status, 500)
    t.equal(outcome.error, error)
    t.notMatch(JSON.stringify(outcome.refusal), 'database', 'the client is not told')
  }
})

t.test('an acceptance that cannot be written is a 500 [6455-11.3.3-1]', async t => {
  const wrong = [{ 'X-A': 'a\r\nX-B: c' }, { 'X A': 'a' }, { Upgrade: 'h2c' }, { 'Sec-WebSocket-Accept': 'a' }]
  for (const headers of [...wrong, { 'X-A': 1 } as unknown as Record<string, string>]) {
    const outcome = await handshake({ authorize: () => ({ status: 101, headers }) })
    t.match(outcome, { status: 500, error: { name: 'TypeError' } })
  }
})

t.test('subprotocols [6455-4.2.2-6, 6455-4.2.2-7]', async t => {
  const cases: [protocols: ServerOptions['protocols'], offered: string | undefined, chosen: string | undefined][] = [
    [['b', 'a'], 'a, b', 'b'],
    [['b', 'a'], 'a', 'a'],
    [['b'], 'a', undefined],
    [['b'], undefined, undefined],
    [[], 'a', undefined],
    [undefined, 'a', undefined],
    [offered => offered.at(-1), 'a, b', 'b'],
    [() => undefined, 'a, b', undefined],
    [offered => offered[0], undefined, undefined],
  ]
  for (const [protocols, offered, chosen] of cases) {
    const { response, protocol } = await handshake({ protocols }, { fields: { 'sec-websocket-protocol': offered } })
    t.equal(fieldOf(response, 'Sec-WebSocket-Protocol'), chosen)
    t.equal(protocol, chosen ?? '')
  }
  const offer = { fields: { 'sec-websocket-protocol': 'a, b' } }
  // §4.2.2: one that the client offered, and not the empty string
  for (const chosen of ['c', '', 'a, b', 'A', 1, null, 'a\r\nX: y']) {
    const outcome = await handshake({ protocols: () => chosen as string }, offer)
    t.match(outcome, { status: 500, error: { name: 'TypeError', message: /did not offer/ } })
  }
  const seen: unknown[] = []
  t.match(await handshake({ protocols: (...args) => void seen.push(...args) }, offer), { status: 101 })
  t.strictSame(seen[0], ['a', 'b'])
  t.match(seen[1], { url: '/' })
})
// [6455-4.2.2-8, 6455-4.2.2-9, 6455-9-1]
t.test('permessage-deflate: the first valid offer is accepted, as far as it is wanted', async t => {
  const offer = 'permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits'
  const fields = { 'sec-websocket-extensions': offer }
  const lean =
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12'
  const cases: [perMessageDeflate: ServerOptions['perMessageDeflate'], answer: string | undefined][] = [
    [true, lean],
    [{}, lean],
    [() => true, lean],
    [
      { serverContextTakeover: true, clientContextTakeover: true, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
      'permessage-deflate',
    ],
    [false, undefined],
    [() => false, undefined],
    [() => undefined, undefined],
  ]
  for (const [perMessageDeflate, answer] of cases) {
    const { status, response, deflate } = await handshake({ perMessageDeflate }, { fields })
    t.equal(status, 101)
    t.equal(fieldOf(response, 'Sec-WebSocket-Extensions'), answer)
    t.equal(deflate?.extensions, answer)
    t.notOk((await handshake({ perMessageDeflate }, {})).deflate, 'not offered')
  }
  const request = requestOn(SOCKET, { url: '/chat', fields })
  const seen: unknown[] = []
  await decideUpgrade(request, checkServerOptions({ perMessageDeflate: (...args) => seen.push(...args) > 5 }))
  t.strictSame(seen, [request], 'it may depend on the request')
  for (const wrong of [{ level: 10 }, 'yes', null]) {
    const outcome = await handshake({ perMessageDeflate: () => wrong as unknown as boolean }, { fields })
    t.match(outcome, { status: 500, error: { message: /perMessageDeflate/ } })
  }
})

t.test('extensions that are offered are not accepted [6455-9-1]', async t => {
  const fields = { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits, __proto__' }
  const { status, response } = await handshake({}, { fields })
  t.equal(status, 101)
  t.equal(fieldOf(response, 'Sec-WebSocket-Extensions'), undefined)
})

const ACCEPTED = { response: 'HTTP/1.1 101 \r\n\r\n', protocol: 'chat' }

t.test('an open connection has its answer written, its subprotocol, and a place in the registry', async t => {
  const { server, client } = memoryChannel()
  const registry = new Set<WebSocketConnection>()
  const connection = openUpgraded(server, NO_BYTES, ACCEPTED, checkServerOptions({}), registry)
  if (connection === undefined) return t.fail('no connection')
  await turns()
  t.equal(server.written.toString(), ACCEPTED.response)
  t.equal(connection.protocol, 'chat')
  t.strictSame([...registry], [connection])
  connection.terminate()
  client.destroy()
  await connection.closed
  t.equal(registry.size, 0)
})

t.test('bytes that came with the request are read before those that come later', async t => {
  const message = (opcode: number, payload: string) => rawFrame({ opcode, payload, mask: MASK })
  const first = message(TEXT, 'first')
  const frames = rawFrames([
    { opcode: TEXT, payload: 'first', mask: MASK },
    { opcode: BINARY, payload: 'second', mask: MASK },
    { opcode: TEXT, payload: 'third', mask: MASK },
  ])
  for (const cut of [0, 1, first.length - 1, first.length, first.length + 3, frames.length]) {
    for (const delay of [0, 3]) {
      const { server, client } = memoryChannel()
      // As on the server's own port: the rest lies in the socket's buffer, which is paused.
      server.pause()
      client.write(frames.subarray(cut))
      if (delay > 0) server.read(0)
      await turns(delay)
      const head = new Uint8Array(frames.subarray(0, cut))
      const connection = openUpgraded(server, head, ACCEPTED, checkServerOptions({}), new Set())
      if (connection === undefined) return t.fail('no connection')
      await turns(3)
      const messages: string[] = []
      connection.on('message', data => messages.push(String(data)))
      await turns()
      t.strictSame(messages, ['first', 'second', 'third'], `cut at ${cut}`)
      connection.terminate()
      client.destroy()
    }
  }
})

t.test('a client that is gone before it is let in gets no connection', async t => {
  for (const leave of ['destroy', 'reset', 'end'] as const) {
    const { server, client } = memoryChannel()
    server.on('error', () => {})
    if (leave === 'end') server.end()
    else if (leave === 'reset') client.reset()
    else server.destroy()
    await turns()
    const registry = new Set<WebSocketConnection>()
    t.equal(openUpgraded(server, NO_BYTES, ACCEPTED, checkServerOptions({}), registry), undefined, leave)
    t.equal(registry.size, 0)
    t.notMatch(server.written.toString(), '101')
    server.destroy()
    client.destroy()
  }
})
