/**
 * The client's side of one opening handshake, against a bare server: what is written, each way in which an answer
 * can be wrong (S29), what is kept of it for whoever asks why, frames in the same packet, and servers that close or
 * reset after every byte.
 */
import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import t from 'tap'
import { HandshakeError } from '../../lib/errors.ts'
import { openOn } from '../../lib/transport/client-handshake.ts'
import { type ConnectOptions, checkConnectOptions } from '../../lib/transport/client-options.ts'
import { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { acceptFor, RESPONSE_FAULTS, type ResponseFault } from '../../lib/websocket/handshake.ts'
import { CLOSE, closePayload, PING, rawFrames, TEXT } from '../support/raw-frames.ts'
import { fieldOf, KEY, leftOpen, openHandles, type RawServer, rawServer } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

const before = openHandles()

type Fields = Readonly<Record<string, readonly string[]>>

/** A 101 to KEY; an empty list leaves a field out. */
function accepting(fields: Fields = {}, statusLine = 'HTTP/1.1 101 Switching Protocols'): string {
  const all: Fields = {
    Upgrade: ['websocket'],
    Connection: ['Upgrade'],
    'Sec-WebSocket-Accept': ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
    ...fields,
  }
  const lines = Object.entries(all).flatMap(([name, values]) => values.map(value => `${name}: ${value}\r\n`))
  return `${statusLine}\r\n${lines.join('')}\r\n`
}

/** Opens one handshake with KEY, and the socket beside it. */
function open(port: number, options: ConnectOptions = {}, signal = new AbortController().signal) {
  const socket = netConnect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const checked = checkConnectOptions(options)
  const url = new URL('ws://server.example.com/chat?a=1')
  const outcome = openOn(socket, { url, key: KEY, headers: checked.headers }, checked, signal)
  return { socket, outcome }
}

/** Opens one handshake with a server that answers with these pieces, a turn between them, and then does `then`. */
async function answered(
  server: Answering,
  pieces: readonly (string | Uint8Array)[],
  options: ConnectOptions = {},
  then: (socket: Socket) => void = () => {},
) {
  server.answer = async socket => {
    for (const piece of pieces) {
      socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
      if (pieces.length > 1) await turns(2)
    }
    then(socket)
  }
  const { socket, outcome } = open(server.port, options)
  const result = await within(
    outcome.catch((error: Error) => error),
    'the handshake',
  )
  return { socket, result }
}

type Answering = RawServer & { answer: (socket: Socket) => void }

/** One server for a whole test; what it answers is set for each handshake. */
async function answering(): Promise<Answering> {
  const server: Answering = Object.assign(await rawServer(socket => server.answer(socket)), { answer: () => {} })
  return server
}

/** The error that a handshake came to; its socket must be gone. */
function refusal(
  t: { ok(value: unknown, message: string): boolean },
  { socket, result }: Awaited<ReturnType<typeof answered>>,
  name: string,
) {
  t.ok(socket.destroyed, `${name}: the socket is gone`)
  return result as HandshakeError
}

t.test('the request is written as §4.1 wants it [6455-4.1-15]', async t => {
  const server = await answering()
  const options = { protocols: ['chat', 'v2'], headers: { Origin: 'http://a.example', 'X-A': ['1', '2'] } }
  await answered(server, ['HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'], options)
  t.equal(
    server.requests[0],
    'GET /chat?a=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, v2\r\n` +
      'Origin: http://a.example\r\nX-A: 1\r\nX-A: 2\r\n\r\n',
  )
  await server.close()
})

t.test('nothing follows the request before the answer has come [6455-4.1-28]', async t => {
  const server = await answering()
  let answer = () => {}
  const seen: string[] = []
  server.answer = socket => {
    socket.on('data', chunk => seen.push(String(chunk)))
    answer = () => socket.write(accepting())
  }
  const { outcome } = open(server.port)
  await until(() => server.requests.length === 1)
  await turns(20)
  t.same(seen, [])
  t.ok(server.requests[0]?.endsWith('\r\n\r\n'))
  answer()
  const connection = await within(outcome)
  if (!(connection instanceof WebSocketConnection)) return t.fail(String(connection))
  connection.send('first')
  await until(() => seen.length > 0)
  connection.terminate()
  await connection.closed
  await server.close()
})

t.test('a right answer opens the connection [6455-4.1-1]', async t => {
  const server = await answering()
  const { socket, result } = await answered(server, [accepting({ 'Sec-WebSocket-Protocol': ['v2'] })], {
    protocols: ['v1', 'v2'],
  })
  if (!(result instanceof WebSocketConnection)) return t.fail(String(result))
  t.equal(result.protocol, 'v2')
  t.equal(result.state, 'open')
  result.terminate()
  await result.closed
  t.ok(socket.destroyed)
  await server.close()
})
// [6455-5.8-1, 6455-9.1-5, 7692-5-1, 7692-5.1-1, 7692-7.1.1.2-1]
t.test('permessage-deflate: what is offered, what comes of the answer, and which answers are none', async t => {
  const server = await answering()
  const lean = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  const cases: [
    options: ConnectOptions['perMessageDeflate'],
    offer: string | undefined,
    answer: string,
    ok: boolean,
  ][] = [
    [undefined, undefined, '', true],
    [false, undefined, 'permessage-deflate', false],
    [true, `${lean}; client_max_window_bits`, lean, true],
    [true, `${lean}; client_max_window_bits`, '', true],
    [true, `${lean}; client_max_window_bits`, 'permessage-deflate', false],
    [true, `${lean}; client_max_window_bits`, `${lean}; server_max_window_bits=16`, false],
    [true, `${lean}; client_max_window_bits`, `${lean}, ${lean}`, false],
    [
      { serverContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
      'permessage-deflate; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9',
      'permessage-deflate; server_max_window_bits=9',
      true,
    ],
    [{ serverMaxWindowBits: 10 }, `${lean}; server_max_window_bits=10; client_max_window_bits`, lean, false],
  ]
  for (const [perMessageDeflate, offer, answer, isRight] of cases) {
    const fields = answer === '' ? {} : { 'Sec-WebSocket-Extensions': [answer] }
    const { result } = await answered(server, [accepting(fields)], { perMessageDeflate })
    t.equal(fieldOf(server.requests.at(-1) ?? '', 'Sec-WebSocket-Extensions'), offer)
    if (result instanceof WebSocketConnection) {
      t.same([isRight, result.extensions, result.deflate !== undefined], [true, answer, answer !== ''], answer)
      result.terminate()
    } else {
      t.same(isRight, false, answer)
      t.match(result, { code: 'WS_ERR_HANDSHAKE_EXTENSIONS', response: { status: 101 } })
    }
  }
  await server.close()
})

t.test('each fault of an answer rejects with its name and the answer [6455-4.1-29]', async t => {
  const faults: Readonly<Record<ResponseFault, readonly string[]>> = {
    // Another status is an outcome and no fault here; see client.spec.ts.
    WS_ERR_HANDSHAKE_STATUS: [accepting({}, 'HTTP/1.0 101 Switching Protocols')],
    WS_ERR_HANDSHAKE_UPGRADE: [
      accepting({ Upgrade: [] }),
      accepting({ Upgrade: ['h2c'] }),
      accepting({ Upgrade: ['websocket', 'websocket'] }),
    ],
    WS_ERR_HANDSHAKE_CONNECTION: [accepting({ Connection: [] }), accepting({ Connection: ['close'] })],
    WS_ERR_HANDSHAKE_ACCEPT: [
      accepting({ 'Sec-WebSocket-Accept': [] }),
      accepting({ 'Sec-WebSocket-Accept': [KEY] }),
      accepting({ 'Sec-WebSocket-Accept': [acceptFor('AAAAAAAAAAAAAAAAAAAAAA==')] }),
      accepting({ 'Sec-WebSocket-Accept': Array(2).fill(acceptFor(KEY)) }),
    ],
    WS_ERR_HANDSHAKE_EXTENSIONS: [
      accepting({ 'Sec-WebSocket-Extensions': ['permessage-deflate'] }),
      accepting({ 'Sec-WebSocket-Extensions': ['__proto__'] }),
      accepting({ 'Sec-WebSocket-Extensions': [''] }),
    ],
    WS_ERR_HANDSHAKE_PROTOCOL: [
      accepting({ 'Sec-WebSocket-Protocol': [] }),
      accepting({ 'Sec-WebSocket-Protocol': ['other'] }),
      accepting({ 'Sec-WebSocket-Protocol': [''] }),
      accepting({ 'Sec-WebSocket-Protocol': ['chat', 'chat'] }),
      accepting({ 'Sec-WebSocket-Protocol': ['chat, v2'] }),
    ],
  }
  t.strictSame(Object.keys(faults), Object.keys(RESPONSE_FAULTS))
  const server = await answering()
  for (const [fault, answers] of Object.entries(faults)) {
    for (const answer of answers) {
      const outcome = await answered(server, [answer], { protocols: ['chat', 'v2'] })
      const error = refusal(t, outcome, fault)
      t.match(error, { name: 'HandshakeError', code: fault, response: { status: 101 } })
      t.type(error.response?.headers, 'object')
    }
  }
  const outcome = await answered(server, [accepting({ 'Sec-WebSocket-Protocol': ['chat'] })])
  t.match(refusal(t, outcome, 'not offered'), { code: 'WS_ERR_HANDSHAKE_PROTOCOL' })
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('a head that cannot be read rejects with its fault [6455-4.1-36]', async t => {
  const heads: [head: string, code: string][] = [
    ['SSH-2.0-OpenSSH_9.6\r\n\r\n', 'WS_ERR_HEAD_START_LINE'],
    ['\x15\x03\x01\0\x02\x02\x46', 'WS_ERR_HEAD_CONTROL'],
    ['HTTP/2 101\r\n\r\n', 'WS_ERR_HEAD_START_LINE'],
    ['HTTP/3.0 101 Yes\r\n\r\n', 'WS_ERR_HEAD_HTTP_VERSION'],
    ['HTTP/1.1 1e2 Yes\r\n\r\n', 'WS_ERR_HEAD_START_LINE'],
    ['\r\nHTTP/1.1 101 Yes\r\n\r\n', 'WS_ERR_HEAD_START_LINE'],
    [accepting().replaceAll('\r\n', '\n'), 'WS_ERR_HEAD_LINE_END'],
    [accepting({ 'X-A': ['a\r\n b'] }), 'WS_ERR_HEAD_FOLDED'],
    [accepting({ 'X-A ': ['a'] }), 'WS_ERR_HEAD_SPACE_BEFORE_COLON'],
    [accepting({ 'X-A': ['a'.repeat(16_384)] }), 'WS_ERR_HEAD_TOO_LARGE'],
    ['a'.repeat(1_000_000), 'WS_ERR_HEAD_TOO_LARGE'],
    [accepting({ 'X-A': Array(2000).fill('a') }), 'WS_ERR_HEAD_TOO_MANY_FIELDS'],
  ]
  const server = await answering()
  for (const [head, code] of heads) {
    const error = refusal(t, await answered(server, [head]), code)
    t.match(error, { name: 'HandshakeError', code })
    t.equal(error.response, undefined)
  }
  const wide = { maxHeaders: 3000, maxHeaderBytes: 200_000 }
  const { result } = await answered(server, [accepting({ 'X-A': Array(2000).fill('a') })], wide)
  if (!(result instanceof WebSocketConnection)) return t.fail(String(result))
  result.terminate()
  await result.closed
  await server.close()
})

t.test('another status is an outcome, with the body as it is framed', async t => {
  const answers: [answer: string, ends: boolean, expected: object][] = [
    ['HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?rest', false, { status: 401 }],
    ['HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwho?\r\n0\r\n\r\n', false, { status: 401 }],
    ['HTTP/1.1 401 No\r\n\r\nwho?', true, { status: 401 }],
    ['HTTP/1.0 401 No\r\n\r\nwho?', true, { status: 401 }],
    ['HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nwho?', true, { status: 401 }],
    ['HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nwho?', true, { status: 401 }],
    ['HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nwho?', false, { status: 401 }],
  ]
  const server = await answering()
  for (const [answer, ends, expected] of answers) {
    for (const pieces of [[answer], [answer.slice(0, -3), answer.slice(-3)]]) {
      const { socket, result } = await answered(server, pieces, {}, peer => ends && peer.end())
      t.match(result, expected)
      t.equal((result as { body: Buffer }).body.toString(), 'who?')
      t.ok(socket.destroyed)
    }
  }
  const large = `HTTP/1.1 500 No\r\n\r\n${'x'.repeat(1_000_000)}`
  const { result } = await answered(server, [large])
  t.equal((result as { body: Buffer }).body.length, 65_536, 'a body without end is not waited for')
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('what comes in the same packet as the 101 is not lost, control frames included', async t => {
  const frames = rawFrames([
    { opcode: PING, payload: 'a' },
    { opcode: TEXT, payload: 'b' },
    { opcode: CLOSE, payload: closePayload(4000, 'c') },
  ])
  const head = Buffer.from(accepting({ 'X-A': ['b'] }), 'latin1')
  const bytes = Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'), head, frames])
  const server = await answering()
  const wrong: string[] = []
  const cuts = Array.from({ length: bytes.length }, (_, cut) => cut)
  for (const cut of cuts.filter(cut => cut % 7 === 0 || cut > bytes.length - frames.length - 5)) {
    const pieces = cut === 0 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)]
    const { result } = await answered(server, pieces)
    if (!(result instanceof WebSocketConnection)) return t.fail(String(result))
    const told: string[] = []
    result.on('ping', payload => told.push(`ping ${payload}`))
    result.on('message', data => told.push(`message ${data}`))
    result.on('closing', ({ code, reason }) => told.push(`closing ${code} ${reason}`))
    await until(() => told.length >= 3, told.join()).catch(() => {})
    if (told.join() !== 'ping a,message b,closing 4000 c') wrong.push(`${cut}: ${told.join()}`)
    result.terminate()
    await result.closed
    if (wrong.length > 0) break
  }
  t.strictSame(wrong, [])
  await server.close()
})

t.test('a server that ends without an answer', async t => {
  const server = await answering()
  for (const bytes of ['', 'HTTP/1.1 101', accepting().slice(0, -1), 'HTTP/1.1 103 Early Hints\r\n\r\n']) {
    const outcome = await answered(server, [bytes], {}, socket => socket.end())
    t.match(refusal(t, outcome, bytes), { name: 'HandshakeError', code: 'WS_ERR_HANDSHAKE_CLOSED' })
  }
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('a server that resets after any byte of its answer', async t => {
  const server = await answering()
  const text = accepting() + rawFrames([{ opcode: TEXT, payload: 'hello' }]).toString('latin1')
  const codes = new Set<string>()
  const resetAfter = async (length: number) => {
    const { socket, outcome } = open(server.port)
    const result = await within(
      outcome.catch((error: NodeJS.ErrnoException) => error),
      `the handshake that is reset after ${length} bytes`,
    )
    if (result instanceof WebSocketConnection) {
      const { detail } = await within(result.closed, 'the connection')
      codes.add(`open ${detail.cause}`)
    } else {
      codes.add((result as NodeJS.ErrnoException).code ?? 'none')
    }
    if (!socket.destroyed) throw new Error('a socket is left')
  }
  let length = 0
  server.answer = async socket => {
    socket.write(Buffer.from(text.slice(0, length++), 'latin1'))
    await turns(2)
    socket.resetAndDestroy()
  }
  const all = Array.from({ length: text.length + 1 }, (_, i) => i)
  for (let start = 0; start < all.length; start += 32) {
    await Promise.all(all.slice(start, start + 32).map(resetAfter))
  }
  const expected = ['ECONNRESET', 'EPIPE', 'WS_ERR_HANDSHAKE_CLOSED', 'open ECONNRESET', 'open EPIPE']
  t.strictSame(
    [...codes].filter(code => !expected.includes(code)),
    [],
  )
  t.ok(codes.has('ECONNRESET'))
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
  await server.close()
})

t.test('a socket that is destroyed without a word', async t => {
  const server = await answering()
  const { socket, outcome } = open(server.port)
  await once(socket, 'connect')
  socket.destroy()
  await t.rejects(within(outcome), { code: 'WS_ERR_HANDSHAKE_CLOSED' })
  await server.close()
})

t.test('nobody listens [6455-4.1-10]', async t => {
  const server = await answering()
  const { port } = server
  await server.close()
  await t.rejects(open(port).outcome, { code: 'ECONNREFUSED' })
})

t.test('the signal', async t => {
  const server = await answering()
  const reason = new Error('enough')

  const early = open(server.port, {}, AbortSignal.abort(reason))
  await t.rejects(early.outcome, reason)
  t.ok(early.socket.destroyed)

  const steps: [name: string, answer: string][] = [
    ['before an answer', ''],
    ['within the head', 'HTTP/1.1 101 Yes\r\nUpgra'],
    ['within a body', 'HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nhalf'],
  ]
  for (const [name, answer] of steps) {
    let isAnswered = false
    server.answer = socket => {
      socket.write(answer)
      isAnswered = true
    }
    const abort = new AbortController()
    const { socket, outcome } = open(server.port, {}, abort.signal)
    await until(() => isAnswered && socket.bytesRead === answer.length)
    abort.abort(reason)
    await t.rejects(outcome, reason, name)
    t.ok(socket.destroyed)
  }

  // Out of time, which is a HandshakeError, within a body: what has come of the answer is told.
  const late = new AbortController()
  const { socket, outcome } = open(server.port, {}, late.signal)
  await until(() => socket.bytesRead > 0)
  late.abort(new HandshakeError('WS_ERR_HANDSHAKE_TIMEOUT', ''))
  const result = await outcome
  t.match(result, { status: 500 })
  t.equal((result as { body: Buffer }).body.toString(), 'half')

  const after = new AbortController()
  server.answer = peer => peer.write(accepting())
  const opened = open(server.port, {}, after.signal)
  const connection = await opened.outcome
  after.abort(reason)
  await turns()
  if (!(connection instanceof WebSocketConnection)) return t.fail(String(connection))
  t.equal(connection.state, 'open', 'an open connection is not its business')
  connection.terminate()
  await connection.closed
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('nothing is left listening to the socket', async t => {
  const server = await answering()
  const { socket, result } = await answered(server, [accepting()])
  if (!(result instanceof WebSocketConnection)) return t.fail(String(result))
  t.equal(socket.listenerCount('error'), 1)
  t.equal(socket.listenerCount('data'), 1)
  t.equal(socket.listenerCount('close'), 1)
  result.terminate()
  await once(result, 'close')
  await server.close()
  t.strictSame(await leftOpen(before), [])
})
