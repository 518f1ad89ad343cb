/**
 * The WHATWG's WebSocket class, to the letter of its standard: what the constructor and close() refuse, the shape
 * that Web IDL gives it, states, events and their order, what send() takes and in which order it goes out,
 * bufferedAmount, binaryType, and that every end is an error or a close as it should be.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { setImmediate as nextTask } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { CloseEvent } from '../../lib/transport/close-event.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import type { ServerOptions } from '../../lib/transport/server-options.ts'
import { WebSocket } from '../../lib/transport/websocket.ts'
import type { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { acceptFor } from '../../lib/websocket/handshake.ts'
import { certificates } from '../support/certificate.ts'
import { CLOSE, closePayload, rawFrame, rawFrames, readFrames, TEXT } from '../support/raw-frames.ts'
import { fieldOf, leftOpen, openHandles, rawServer } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

const before = openHandles()
const unhandled: unknown[] = []
process.on('unhandledRejection', reason => unhandled.push(reason))

type Arguments = ConstructorParameters<typeof WebSocket>

/** Arguments that no type allows. */
const make = (...args: unknown[]) => new WebSocket(...(args as Arguments))

/** One line for each event with the state in which it was fired, and a promise of the last. */
function logged(socket: WebSocket) {
  const log: string[] = []
  const messages: unknown[] = []
  const state = () => ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'][socket.readyState]
  socket.addEventListener('open', () => log.push(`open ${state()}`))
  socket.addEventListener('error', () => log.push(`error ${state()}`))
  socket.addEventListener('message', event => {
    messages.push((event as MessageEvent).data)
    log.push(`message ${state()}`)
  })
  const closed = new Promise<CloseEvent>(resolve => {
    socket.addEventListener('close', event => {
      const { code, reason, wasClean } = event as unknown as CloseEvent
      log.push(`close ${state()} ${code} ${JSON.stringify(reason)} ${wasClean ? 'clean' : 'unclean'}`)
      resolve(event as unknown as CloseEvent)
    })
  })
  const opened = new Promise<unknown>(resolve => socket.addEventListener('open', resolve))
  return { log, messages, closed, opened }
}

/** A server, and a WebSocket of each side that is connected. */
async function open(options: ServerOptions = {}, ...[protocols, settings]: [Arguments[1]?, Arguments[2]?]) {
  const server = new WebSocketServer(options)
  const { url } = await server.listen({ host: '127.0.0.1' })
  const accepted = new Promise<WebSocketConnection>(resolve => server.once('connection', resolve))
  const socket = new WebSocket(url, protocols, settings)
  const events = logged(socket)
  const peer = await within(accepted, 'connection')
  await within(events.opened, 'open')
  const close = async () => {
    socket.close()
    peer.terminate()
    await events.closed
    await server.close()
  }
  return { server, url, socket, peer, close, ...events }
}

/** A bare server that answers 101 with `first` in the same packet, and keeps what it gets. */
async function openRaw(first: Uint8Array = Buffer.alloc(0), settings: Arguments[2] = {}) {
  const received: Buffer[] = []
  let peer: Socket | undefined
  const server = await rawServer((socket, request) => {
    peer = socket
    socket.on('data', chunk => received.push(chunk))
    const accept = acceptFor(fieldOf(request, 'Sec-WebSocket-Key') ?? '')
    const head = `HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
    socket.write(Buffer.concat([Buffer.from(head), first]))
  })
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`, [], settings)
  const events = logged(socket)
  await within(events.opened, 'open')
  return { server, socket, peer: peer as unknown as Socket, bytes: () => Buffer.concat(received), ...events }
}

t.test('the interface is where Web IDL puts it', async t => {
  const constants = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }
  for (const [name, value] of Object.entries(constants)) {
    for (const holder of [WebSocket, WebSocket.prototype]) {
      t.strictSame(Object.getOwnPropertyDescriptor(holder, name), {
        value,
        writable: false,
        enumerable: true,
        configurable: false,
      })
    }
  }
  const readonly = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol']
  for (const name of readonly) {
    const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)
    t.match(descriptor, { get: Function, set: undefined, enumerable: true, configurable: true }, name)
  }
  for (const name of ['binaryType', 'onopen', 'onmessage', 'onerror', 'onclose']) {
    const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)
    t.match(descriptor, { get: Function, set: Function, enumerable: true, configurable: true }, name)
  }
  for (const [name, length] of Object.entries({ send: 1, close: 0 })) {
    const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)
    t.match(descriptor, { value: Function, writable: true, enumerable: true, configurable: true }, name)
    t.equal(descriptor?.value.length, length, name)
  }
  t.equal(WebSocket.length, 1)
  t.equal(WebSocket.name, 'WebSocket')
  t.equal(Object.getPrototypeOf(WebSocket.prototype), EventTarget.prototype)
  t.equal(String(WebSocket.prototype), '[object WebSocket]')
  t.throws(() => (WebSocket as unknown as (url: string) => void)('ws://a'), TypeError)
  t.strictSame(
    Object.keys(WebSocket.prototype).sort(),
    [
      ...Object.keys(constants),
      ...readonly,
      'binaryType',
      'onopen',
      'onmessage',
      'onerror',
      'onclose',
      'send',
      'close',
    ].sort(),
    'and nothing else can be seen',
  )
})

t.test('what the constructor refuses with a SyntaxError [6455-4.1-27]', async t => {
  const urls: unknown[] = ['', 'a.example', '/chat', 'ws:', 'ws://', 'ws://a:b', 'ws://[::1', 'ws://a b']
  urls.push('ftp://a', 'about:blank', 'mailto:a', 'blob:http://a/b', 'file:///a', 'ws+unix:/a', 'xws://a')
  urls.push('ws://a/#', 'ws://a/#b', 'http://a#', new URL('ws://a/#b'), null, undefined, {}, 1)
  for (const url of urls) {
    t.throws(() => make(url), { name: 'SyntaxError', code: 12, constructor: DOMException }, String(url))
  }
  const protocols: unknown[] = [
    '',
    ' ',
    'a b',
    'a,b',
    'a/b',
    '"a"',
    'ä',
    'a\0',
    '\t',
    'a;',
    '(a)',
    {},
    '[]',
    'a\r\nb',
  ]
  protocols.push(['a', 'a'], ['a', ''], ['a b'], ['a', 'b', 'a'], [[]], [['a', 'b']], new Set(['a', 'ü']), '\u007f')
  for (const protocol of protocols) {
    t.throws(() => make('ws://a', protocol), { name: 'SyntaxError', code: 12, constructor: DOMException })
  }
  t.strictSame(await leftOpen(before), [], 'nothing was begun')
})

t.test('what the constructor refuses with a TypeError', async t => {
  t.throws(() => make(), TypeError, 'a URL is required')
  t.throws(() => make(Symbol('a')), TypeError)
  t.throws(() => make('ws://a', Symbol('a')), TypeError)
  t.throws(() => make('ws://a', [Symbol('a')]), TypeError)
  t.throws(() => make('ws://a', [], { maxPayload: 1 }), { name: 'TypeError', message: /maxPayload/ })
  t.throws(() => make('ws://a', [], { headers: { 'X-A': 'a\r\nb' } }), { name: 'TypeError', message: /X-A/ })
  t.throws(() => make('ws://a', [], { headers: { Upgrade: 'b' } }), { name: 'TypeError', message: /Upgrade/ })
  t.throws(() => make('ws://a', [], { maxMessageSize: 0 }), { name: 'RangeError', message: /maxMessageSize/ })
  t.strictSame(await leftOpen(before), [], 'nothing was begun')
})

t.test('url is the URL as it is serialised', async t => {
  const vectors: [given: string | URL, url: string][] = [
    ['ws://127.0.0.1:1', 'ws://127.0.0.1:1/'],
    ['http://127.0.0.1:1/a?b', 'ws://127.0.0.1:1/a?b'],
    ['https://127.0.0.1:1/a', 'wss://127.0.0.1:1/a'],
    [new URL('https://127.0.0.1:1/a'), 'wss://127.0.0.1:1/a'],
    ['  WS://127.0.0.1:1/\u00fc?\u00fc ', 'ws://127.0.0.1:1/%C3%BC?%C3%BC'],
    ['ws://127.0.0.1:1/a/../b/./c', 'ws://127.0.0.1:1/b/c'],
    ['ws://user:pass@127.0.0.1:1/', 'ws://user:pass@127.0.0.1:1/'],
    ['ws://127.0.0.1:1/\ud800', 'ws://127.0.0.1:1/%EF%BF%BD'],
  ]
  for (const [given, url] of vectors) {
    const socket = new WebSocket(given)
    t.equal(socket.url, url)
    await logged(socket).closed
    t.equal(socket.url, url)
  }
})

t.test('how it begins', async t => {
  const socket = new WebSocket('ws://127.0.0.1:1')
  const { readyState, bufferedAmount, extensions, protocol, binaryType } = socket
  t.strictSame(
    { readyState, bufferedAmount, extensions, protocol, binaryType },
    { readyState: 0, bufferedAmount: 0, extensions: '', protocol: '', binaryType: 'blob' },
  )
  t.strictSame([socket.onopen, socket.onmessage, socket.onerror, socket.onclose], [null, null, null, null])
  await logged(socket).closed
})

t.test('open, messages, close', async t => {
  const { socket, peer, log, messages, closed, server } = await open()
  t.equal(socket.readyState, WebSocket.OPEN)
  t.equal(peer.state, 'open')
  peer.send('hello')
  await until(() => messages.length === 1)
  peer.close(4321, 'grüß')
  t.match(await closed, { code: 4321, reason: 'grüß', wasClean: true })
  t.strictSame(log, ['open OPEN', 'message OPEN', 'close CLOSED 4321 "grüß" clean'])
  t.equal(socket.readyState, WebSocket.CLOSED)
  await server.close()
})

t.test('events are as the standard makes them', async t => {
  const { socket, peer, closed, server, url } = await open()
  const events: Event[] = []
  for (const type of ['message', 'close']) socket.addEventListener(type, event => void events.push(event))
  peer.send('text')
  await until(() => events.length === 1)
  const [message] = events as [MessageEvent]
  t.ok(message instanceof MessageEvent)
  t.match(message, { type: 'message', data: 'text', origin: new URL(url).origin, lastEventId: '', source: null })
  peer.close()
  const close = await closed
  t.ok(close instanceof CloseEvent)
  t.match(close, { code: 1005, reason: '', wasClean: true })
  for (const event of events) {
    t.match(event, { bubbles: false, cancelable: false, target: socket, currentTarget: null }, event.type)
  }
  await server.close()
  const failed = new WebSocket('ws://127.0.0.1:1')
  const errors: Event[] = []
  failed.addEventListener('error', event => void errors.push(event))
  await logged(failed).closed
  t.equal(errors[0]?.constructor, Event, 'an error tells nothing')
})

t.test('open is first, whatever came with the 101', async t => {
  const { socket, log, messages, closed, peer, server } = await openRaw(
    rawFrames([
      { opcode: TEXT, payload: 'first' },
      { opcode: TEXT, payload: 'second' },
      { opcode: CLOSE, payload: closePayload(1001) },
    ]),
  )
  await until(() => messages.length === 2)
  t.strictSame(messages, ['first', 'second'])
  peer.end()
  await closed
  t.strictSame(log, ['open OPEN', 'message OPEN', 'message OPEN', 'close CLOSED 1001 "" clean'])
  t.equal(socket.protocol, '')
  await server.close()
})

t.test("the server's Close frame makes it CLOSING, also when it came with the 101", async t => {
  for (const isEarly of [true, false]) {
    const close = rawFrame({ opcode: CLOSE, payload: closePayload(4000, 'later') })
    const { socket, log, closed, peer, server, bytes } = await openRaw(isEarly ? close : undefined)
    if (!isEarly) peer.write(close)
    await until(() => socket.readyState === WebSocket.CLOSING)
    await until(() => bytes().length > 0)
    t.match(readFrames(bytes()), [{ opcode: CLOSE, payload: closePayload(4000, 'later') }])
    socket.send('too late')
    t.equal(socket.bufferedAmount, 8)
    socket.close(3000)
    t.equal(socket.readyState, WebSocket.CLOSING)
    peer.end()
    await closed
    t.strictSame(log, ['open OPEN', 'close CLOSED 4000 "later" clean'])
    t.equal(readFrames(bytes()).length, 1, 'nothing goes out behind the Close frame')
    await server.close()
  }
})

t.test('close() refuses codes and reasons, in every state, and then does nothing', async t => {
  const codes: unknown[] = [0, 1, 999, 1001, 1005, 1006, 1015, 2000, 2999, 5000, 65_535, 65_536, 1e9, -1, 1000.6]
  codes.push(Number.NaN, Infinity, null, '', 'a', '1001', {}, [], true, 2999.4)
  const refuses = (socket: WebSocket) => {
    const { readyState } = socket
    for (const code of codes) {
      const expected = { name: 'InvalidAccessError', code: 15, constructor: DOMException }
      t.throws(() => socket.close(code as number), expected, String(code))
    }
    for (const reason of ['x'.repeat(124), 'ü'.repeat(62), '\ud800'.repeat(42), '😀'.repeat(31)]) {
      for (const code of [1000, 3000, undefined]) {
        const expected = { name: 'SyntaxError', code: 12, constructor: DOMException }
        t.throws(() => socket.close(code, reason), expected)
      }
    }
    t.throws(() => socket.close(1001, 'x'.repeat(124)), { name: 'InvalidAccessError' }, 'the code is first')
    t.throws(() => socket.close(Symbol('a') as unknown as number), TypeError)
    t.throws(() => socket.close(1000n as unknown as number), TypeError)
    t.throws(() => socket.close(1000, Symbol('a') as unknown as string), TypeError)
    t.equal(socket.readyState, readyState)
  }
  const connecting = new WebSocket('ws://127.0.0.1:1')
  refuses(connecting)
  const { closed } = logged(connecting)
  await closed
  refuses(connecting)
  const { socket, close } = await open()
  refuses(socket)
  socket.close()
  refuses(socket)
  await close()
})

t.test('what close() sends', async t => {
  const cases: [args: unknown[], payload: Buffer][] = [
    [[], Buffer.alloc(0)],
    [[undefined, undefined], Buffer.alloc(0)],
    [[undefined, ''], Buffer.alloc(0)],
    [[1000], closePayload(1000)],
    [[3000, ''], closePayload(3000)],
    [[4999, 'grüß'], closePayload(4999, 'grüß')],
    [[3000, 'x'.repeat(123)], closePayload(3000, 'x'.repeat(123))],
    [[3000, '\ud800'], closePayload(3000, '\ufffd')],
    // Web IDL [Clamp]: to the nearest, halfway to the even one
    [['3000'], closePayload(3000)],
    [[2999.5], closePayload(3000)],
    [[999.5], closePayload(1000)],
    [[1000.5], closePayload(1000)],
    [[4999.49], closePayload(4999)],
    [[3000, null], closePayload(3000, 'null')],
    [[3000, 12], closePayload(3000, '12')],
  ]
  for (const [args, payload] of cases) {
    const { socket, peer, bytes, closed, log, server } = await openRaw()
    socket.close(...(args as [number, string]))
    t.equal(socket.readyState, WebSocket.CLOSING)
    socket.close(4000, 'again')
    await until(() => bytes().length > 0)
    t.match(readFrames(bytes()), [{ opcode: CLOSE, masked: true, payload }], JSON.stringify(args))
    peer.write(rawFrame({ opcode: CLOSE, payload: closePayload(3333) }))
    peer.end()
    await closed
    t.strictSame(log, ['open OPEN', 'close CLOSED 3333 "" clean'])
    t.equal(readFrames(bytes()).length, 1)
    await server.close()
  }
})

t.test('a reason without a code is not lost', async t => {
  const { socket, peer, closed, server } = await open()
  socket.close(undefined, 'bye')
  t.match(await peer.closed, { code: 1000, reason: 'bye' })
  await closed
  await server.close()
})

t.test('close() while it is CONNECTING fails it', async t => {
  const server = await rawServer(() => {})
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
  const { log, closed } = logged(socket)
  await until(() => server.requests.length === 1)
  socket.close()
  t.equal(socket.readyState, WebSocket.CLOSING)
  t.strictSame(log, [], 'events are for a later task')
  socket.close(3000)
  t.match(await closed, { code: 1006, reason: '', wasClean: false })
  t.strictSame(log, ['error CLOSED', 'close CLOSED 1006 "" unclean'])
  await until(() => server.sockets.size === 0)
  await server.close()

  const early = new WebSocket(`ws://127.0.0.1:${server.port}`)
  early.close(3000, 'no')
  t.equal(early.readyState, WebSocket.CLOSING)
  const events = logged(early)
  await events.closed
  t.strictSame(events.log, ['error CLOSED', 'close CLOSED 1006 "" unclean'])
})

t.test('close() in the very task in which the connection is established', async t => {
  const server = new WebSocketServer()
  const { url } = await server.listen({ host: '127.0.0.1' })
  // After any number of steps behind the server's 101: never both an open event and none.
  for (let steps = 0; steps < 40; steps++) {
    const accepted = new Promise<WebSocketConnection>(resolve => server.once('connection', resolve))
    const socket = new WebSocket(url)
    const { log, closed } = logged(socket)
    await accepted
    for (let step = 0; step < steps % 8; step++) await nextTask()
    socket.close(3000)
    const { code, wasClean } = await closed
    const expected = log.includes('open OPEN') ? [3000, true] : [1006, false]
    t.strictSame([code, wasClean], expected, log.join())
  }
  await until(() => server.connections.size === 0)
  await server.close()
})

t.test('close() between the answer and the open event', async t => {
  const server = new WebSocketServer()
  const { url } = await server.listen({ host: '127.0.0.1' })
  const outcomes = new Set<string>()
  const wrong: string[] = []
  for (let steps = 0; steps < 30; steps++) {
    let socket: WebSocket | undefined
    // The answer comes in one chunk: so many steps after it, still in the same task, the socket is closed.
    const onSocket = (message: unknown) => {
      const { socket: lower } = message as { socket: Socket }
      lower.prependOnceListener('data', async () => {
        for (let step = 0; step < steps; step++) await undefined
        socket?.close(3000)
      })
    }
    subscribe('net.client.socket', onSocket)
    socket = new WebSocket(url)
    unsubscribe('net.client.socket', onSocket)
    const { log, closed } = logged(socket)
    await within(closed, 'close')
    outcomes.add(log.join())
    const isOpened = log[0] === 'open OPEN'
    const expected = isOpened
      ? ['open OPEN', 'close CLOSED 3000 "" clean']
      : ['error CLOSED', 'close CLOSED 1006 "" unclean']
    if (log.join() !== expected.join()) wrong.push(`${steps}: ${log.join()}`)
    await until(() => server.connections.size === 0)
  }
  t.strictSame(wrong, [])
  t.equal(outcomes.size, 2, 'both happen')
  await server.close()
})

t.test('every way of not getting connected looks the same', async t => {
  const { ca } = certificates()
  const server = await rawServer((socket, request) => {
    const accept = acceptFor(fieldOf(request, 'Sec-WebSocket-Key') ?? '')
    const upgrade = 'HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: '
    const answers: Readonly<Record<string, string>> = {
      '/404': 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n',
      '/redirect': 'HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n',
      '/accept': `${upgrade}wrong\r\n\r\n`,
      '/none': `${upgrade}${accept}\r\n\r\n`,
      '/other': `${upgrade}${accept}\r\nSec-WebSocket-Protocol: other\r\n\r\n`,
      '/extension': `${upgrade}${accept}\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Extensions: x\r\n\r\n`,
      '/garbage': 'garbage\r\n\r\n',
      '/end': '',
    }
    const answer = answers[/^GET (\S+)/.exec(request)?.[1] ?? '']
    if (answer === undefined) socket.resetAndDestroy()
    else socket.end(answer)
  })
  const base = `127.0.0.1:${server.port}`
  const urls = ['404', 'redirect', 'accept', 'none', 'other', 'extension', 'garbage', 'end', 'reset']
  for (const url of [...urls.map(path => `ws://${base}/${path}`), `wss://${base}/`, 'ws://127.0.0.1:1']) {
    // Who waits for a request in plain HTTP never answers a TLS handshake.
    const socket = new WebSocket(url, ['a'], { tls: { ca }, handshakeTimeout: url.startsWith('wss') ? 200 : 10_000 })
    const { log, closed } = logged(socket)
    t.equal(socket.readyState, WebSocket.CONNECTING)
    await closed
    t.strictSame(log, ['error CLOSED', 'close CLOSED 1006 "" unclean'], url)
    t.equal(socket.protocol, '')
  }
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('a connection that is lost: error, then close 1006 [6455-7.2.1-2]', async t => {
  for (const lose of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const { socket, log, closed, peer, server } = await openRaw()
    peer[lose]()
    t.match(await closed, { code: 1006, reason: '', wasClean: false })
    t.strictSame(log, ['open OPEN', 'error CLOSED', 'close CLOSED 1006 "" unclean'], lose)
    t.equal(socket.readyState, WebSocket.CLOSED)
    await server.close()
  }
})

t.test('a server that breaks the protocol: error, then close', async t => {
  const frames: [frame: Buffer, code: number][] = [
    [rawFrame({ opcode: 3 }), 1002],
    [rawFrame({ opcode: TEXT, payload: 'a', mask: [1, 2, 3, 4] }), 1002],
    [rawFrame({ opcode: TEXT, payload: Buffer.from([0xff]) }), 1007],
    [rawFrame({ opcode: TEXT, payload: 'x'.repeat(200) }), 1009],
    [rawFrame({ opcode: CLOSE, payload: closePayload(1006) }), 1002],
  ]
  for (const [frame, code] of frames) {
    const { socket, log, closed, peer, bytes, server } = await openRaw(undefined, { maxMessageSize: 100 })
    peer.allowHalfOpen = true
    peer.write(frame)
    await until(() => bytes().length > 0)
    t.equal(socket.readyState, WebSocket.CLOSING)
    socket.send('too late')
    t.equal(socket.bufferedAmount, 8)
    socket.close(3000)
    peer.end()
    await closed
    t.equal(socket.bufferedAmount, 8)
    t.strictSame(log, ['open OPEN', 'error CLOSED', 'close CLOSED 1006 "" unclean'])
    t.equal(readFrames(bytes()).length, 1)
    t.equal(readFrames(bytes())[0]?.payload.readUInt16BE(), code)
    await server.close()
  }
})

t.test('close() that the server does not answer ends at closeTimeout', async t => {
  const { socket, log, closed, server } = await openRaw(undefined, { closeTimeout: 50 })
  socket.close(3000)
  await closed
  t.strictSame(log, ['open OPEN', 'error CLOSED', 'close CLOSED 1006 "" unclean'])
  await server.close()
})

/** What a server gets: a string for text, hex for binary. */
function receiving(peer: WebSocketConnection): string[] {
  const received: string[] = []
  peer.on('message', data => received.push(typeof data === 'string' ? data : `<${data.toString('hex')}>`))
  return received
}

t.test('send() before the connection is open [6455-4.1-28]', async t => {
  const socket = new WebSocket('ws://127.0.0.1:1')
  const { closed } = logged(socket)
  for (const data of ['', 'a', new Blob(['a']), new ArrayBuffer(1), new Uint8Array(1)]) {
    const expected = { name: 'InvalidStateError', code: 11, constructor: DOMException }
    t.throws(() => socket.send(data), expected)
  }
  t.throws(() => (socket.send as () => void)(), TypeError, 'data is required')
  t.throws(() => socket.send(Symbol('a') as unknown as string), TypeError)
  t.equal(socket.bufferedAmount, 0)
  await closed
})

t.test('what send() takes, in order', async t => {
  const { socket, peer, close } = await open()
  const received = receiving(peer)
  const bytes = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7])
  const foreign = runInNewContext('({ buffer: new Uint8Array([1, 2]).buffer, view: new Uint8Array([3, 4]) })')
  const cases: [data: unknown, received: string][] = [
    ['text', 'text'],
    ['', ''],
    ['grüß 😀', 'grüß 😀'],
    ['a\ud800b', 'a\ufffdb'],
    [new Blob(['blob', new Uint8Array([0])]), '<626c6f6200>'],
    ['behind a blob', 'behind a blob'],
    [new Blob([]), '<>'],
    [bytes.buffer, '<0001020304050607>'],
    [bytes, '<0001020304050607>'],
    [bytes.subarray(2, 5), '<020304>'],
    [new Uint16Array(bytes.buffer, 2, 2), '<02030405>'],
    [new DataView(bytes.buffer, 7), '<07>'],
    [Buffer.from('abc'), '<616263>'],
    [new ArrayBuffer(0), '<>'],
    [foreign.buffer, '<0102>'],
    [foreign.view, '<0304>'],
    [new Blob(['x'.repeat(10)]).slice(2, 4), '<7878>'],
    // Anything else is a string.
    [1, '1'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [[1, 2], '1,2'],
    [{ toString: () => 'object' }, 'object'],
    [new String('String'), 'String'],
  ]
  for (const [data] of cases) socket.send(data as string)
  await until(() => received.length === cases.length)
  t.strictSame(
    received,
    cases.map(([, expected]) => expected),
  )
  await close()
})

t.test('what is sent is what the data was at the call', async t => {
  const { socket, peer, close } = await open({ maxMessageSize: 1 << 20 })
  const received: (string | Buffer)[] = []
  peer.on('message', data => received.push(data))
  for (const size of [10, 100_000]) {
    for (const mixed of [false, true]) {
      received.length = 0
      const bytes = new Uint8Array(size).fill(1)
      if (mixed) socket.send(new Blob([new Uint8Array(100_000)]))
      socket.send(bytes)
      bytes.fill(2)
      await until(() => received.length === (mixed ? 2 : 1))
      t.ok(
        (received.at(-1) as Buffer).every(byte => byte === 1),
        `${size} bytes${mixed ? ' behind a blob' : ''}`,
      )
    }
  }
  await close()
})

t.test('blobs of any size keep their place', async t => {
  const { socket, peer, close } = await open({ maxMessageSize: 1 << 24 })
  const received: string[] = []
  peer.on('message', data =>
    received.push(typeof data === 'string' ? data : `${data.length} ${data[data.length - 1]}`),
  )
  for (let i = 0; i < 5; i++) {
    socket.send(new Blob([new Uint8Array(300_000 * i), new Uint8Array([i])]))
    socket.send(`text ${i}`)
  }
  await until(() => received.length === 10)
  t.strictSame(
    received,
    [0, 1, 2, 3, 4].flatMap(i => [`${300_000 * i + 1} ${i}`, `text ${i}`]),
  )
  await close()
})

t.test('what was sent before close() arrives, blobs too', async t => {
  const { socket, peer, closed, server } = await open({ maxMessageSize: 1 << 24 })
  const lengths: number[] = []
  peer.on('message', data => lengths.push(data.length))
  socket.send(new Blob([new Uint8Array(2_000_000)]))
  socket.send('text')
  socket.close(3000)
  t.match(await closed, { code: 3000, wasClean: true })
  t.strictSame(lengths, [2_000_000, 4])
  await server.close()
})

t.test('bufferedAmount counts bytes of data, within the task that sends them', async t => {
  const { socket, close } = await open()
  socket.send('grüß')
  t.equal(socket.bufferedAmount, 6, 'UTF-8, without framing')
  socket.send(new Blob(['blob']))
  socket.send(new ArrayBuffer(3))
  socket.send(new Uint16Array(2))
  socket.send('\ud800')
  t.equal(socket.bufferedAmount, 6 + 4 + 3 + 4 + 3)
  await Promise.resolve()
  t.equal(socket.bufferedAmount, 20, 'a microtask is in the same task')
  await new Promise<void>(resolve => process.nextTick(resolve))
  t.equal(socket.bufferedAmount, 20)
  await until(() => socket.bufferedAmount === 0)
  t.throws(() => {
    ;(socket as { bufferedAmount: number }).bufferedAmount = 1
  }, TypeError)
  await close()
})

t.test('bufferedAmount does not count again what went out unnoticed', async t => {
  const { socket, peer, close } = await open()
  const received = receiving(peer)
  for (let i = 1; i <= 3; i++) {
    socket.send('1234567890')
    await until(() => received.length === i)
    await nextTask()
  }
  socket.send('12345')
  t.equal(socket.bufferedAmount, 5)
  await until(() => received.length === 4)
  peer.close()
  await until(() => socket.readyState === WebSocket.CLOSED)
  t.equal(socket.bufferedAmount, 0, 'nor when it is closed')
  await close()
})

t.test('bufferedAmount tells what waits for a server that does not read', async t => {
  for (const kind of ['bytes', 'blob']) {
    const { socket, peer, server, closed } = await openRaw()
    peer.pause()
    const size = 10_000_000
    const data = new Uint8Array(size)
    socket.send(kind === 'blob' ? new Blob([data]) : data)
    t.equal(socket.bufferedAmount, size)
    for (let task = 0; task < 20; task++) await nextTask()
    const left = socket.bufferedAmount
    t.ok(left > size / 4 && left <= size, `${kind}: ${left} of ${size}`)
    socket.send('12345')
    t.equal(socket.bufferedAmount, left + 5)
    peer.on('data', () => {}).resume()
    await until(() => socket.bufferedAmount === 0)
    peer.destroy()
    await closed
    await server.close()
  }
})

t.test('after close() what was sent before still counts down, and what is sent then only up', async t => {
  const { socket, peer, server, closed } = await openRaw()
  peer.pause()
  socket.send(new Uint8Array(10_000_000))
  socket.close()
  t.equal(socket.bufferedAmount, 10_000_000)
  socket.send('12345')
  socket.send(new Uint8Array(3))
  socket.send(new Blob(['ab']))
  t.equal(socket.bufferedAmount, 10_000_010)
  peer.on('data', () => {}).resume()
  await until(() => socket.bufferedAmount === 10)
  peer.write(rawFrame({ opcode: CLOSE }))
  peer.end()
  await closed
  t.equal(socket.readyState, WebSocket.CLOSED)
  t.equal(socket.bufferedAmount, 10)
  socket.send('12345')
  t.equal(socket.bufferedAmount, 15)
  for (let task = 0; task < 5; task++) await nextTask()
  t.equal(socket.bufferedAmount, 15)
  t.throws(() => (socket.send as () => void)(), TypeError)
  await server.close()
})

t.test('what was lost with the connection stays in bufferedAmount', async t => {
  const { socket, peer, server, closed } = await openRaw()
  peer.pause()
  socket.send(new Uint8Array(20_000_000))
  await nextTask()
  peer.destroy()
  await closed
  const left = socket.bufferedAmount
  t.ok(left > 0 && left <= 20_000_000)
  socket.send('12345')
  t.equal(socket.bufferedAmount, left + 5)
  await server.close()
})

t.test('more than may be buffered closes the connection, as full', async t => {
  const { socket, log, peer, server, closed } = await openRaw(undefined, { maxBufferedAmount: 1_000_000 })
  peer.pause()
  const size = 10_000_000
  for (let i = 0; i < 3; i++) socket.send(new Uint8Array(size))
  t.equal(socket.bufferedAmount, 3 * size, 'and each call counts')
  await closed
  t.strictSame(log, ['open OPEN', 'error CLOSED', 'close CLOSED 1006 "" unclean'])
  await server.close()
})

t.test('binaryType', async t => {
  const { socket, peer, messages, close } = await open()
  t.equal(socket.binaryType, 'blob')
  for (const wrong of ['', 'Blob', 'nodebuffer', null, undefined, 1, {}]) {
    socket.binaryType = wrong as 'blob'
    t.equal(socket.binaryType, 'blob', `${wrong} is ignored`)
  }
  peer.send(Buffer.from('abc'))
  await until(() => messages.length === 1)
  const blob = messages.pop() as Blob
  t.ok(blob instanceof Blob)
  t.equal(blob.type, '')
  t.equal(await blob.text(), 'abc')
  socket.binaryType = 'arraybuffer'
  t.equal(socket.binaryType, 'arraybuffer')
  peer.send(Buffer.from('abc'))
  peer.send(Buffer.alloc(0))
  peer.send('text')
  await until(() => messages.length === 3)
  const [buffer, empty, text] = messages as [ArrayBuffer, ArrayBuffer, string]
  t.equal(buffer.constructor, ArrayBuffer)
  t.equal(buffer.byteLength, 3, 'a buffer of its own')
  t.equal(Buffer.from(buffer).toString(), 'abc')
  t.equal(empty.byteLength, 0)
  t.equal(text, 'text')
  messages.length = 0
  socket.addEventListener('message', () => {
    socket.binaryType = 'blob'
  })
  peer.send(Buffer.from('first'))
  peer.send(Buffer.from('second'))
  await until(() => messages.length === 2)
  t.equal((messages[0] as ArrayBuffer).constructor, ArrayBuffer)
  t.ok(messages[1] instanceof Blob, 'it counts when the event is fired')
  await close()
})

t.test('no message after close()', async t => {
  const { socket, log, peer, server, closed } = await openRaw()
  peer.write(rawFrame({ opcode: TEXT, payload: 'a' }))
  socket.addEventListener('message', () => socket.close())
  await until(() => log.includes('message OPEN'))
  peer.write(rawFrames([{ opcode: TEXT, payload: 'b' }, { opcode: TEXT, payload: 'c' }, { opcode: CLOSE }]))
  peer.end()
  await closed
  t.strictSame(log, ['open OPEN', 'message OPEN', 'close CLOSED 1005 "" clean'])
  await server.close()
})

t.test('close() and send() from within handlers', async t => {
  const server = new WebSocketServer()
  const { url } = await server.listen({ host: '127.0.0.1' })
  server.on('connection', connection => {
    connection.send('welcome')
    connection.on('message', data => connection.send(`got ${data}`))
  })
  const socket = new WebSocket(url)
  const { log, messages, closed } = logged(socket)
  socket.onopen = () => socket.send('from onopen')
  socket.onmessage = ({ data }: MessageEvent) => {
    if (data === 'got from onopen') socket.close(3001)
  }
  const last: number[] = []
  socket.onclose = () => {
    socket.close()
    socket.send('ignored')
    last.push(socket.readyState)
  }
  await closed
  t.strictSame(messages, ['welcome', 'got from onopen'])
  t.strictSame(last, [3])
  t.equal(log.at(-1), 'close CLOSED 3001 "" clean')
  const shy = new WebSocket(url)
  const events = logged(shy)
  shy.onopen = () => shy.close()
  await events.closed
  t.strictSame(events.log, ['open OPEN', 'close CLOSED 1005 "" clean'])
  await server.close()
})

t.test('subprotocols', async t => {
  const cases: [protocols: unknown, offered: string | undefined][] = [
    [undefined, undefined],
    [[], undefined],
    [new Set(), undefined],
    ['a', 'a'],
    [['a', 'b'], 'a, b'],
    [new Set(['a', 'b']), 'a, b'],
    [null, 'null'],
    [12, '12'],
    [[1, null], '1, null'],
    [{ toString: () => 'object' }, 'object'],
    [new String('x'), 'x'],
  ]
  const offers: (string | undefined)[] = []
  const server = await rawServer((socket, request) => {
    offers.push(fieldOf(request, 'Sec-WebSocket-Protocol'))
    socket.end('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')
  })
  for (const [protocols] of cases) {
    await logged(make(`ws://127.0.0.1:${server.port}`, protocols)).closed
  }
  t.strictSame(
    offers,
    cases.map(([, offered]) => offered),
  )
  await server.close()
  const { socket, peer, close } = await open({ protocols: ['v2'] }, ['v1', 'v2'])
  t.equal(socket.protocol, 'v2')
  t.equal(peer.protocol, 'v2')
  t.equal(socket.extensions, '')
  await close()
  t.equal(socket.protocol, 'v2', 'it stays')
})

t.test('what connect takes goes into a third argument', async t => {
  const server = new WebSocketServer()
  const { ca, local } = certificates()
  const { url } = await server.listen({ host: '127.0.0.1', tls: local })
  const cookies: unknown[] = []
  server.on('connection', (connection, request) => {
    cookies.push(request.headers.cookie)
    connection.close(1001, 'seen')
  })
  const { closed } = logged(new WebSocket(url, [], { tls: { ca }, headers: { Cookie: 'a=1' } }))
  t.match(await closed, { code: 1001, reason: 'seen', wasClean: true })
  t.strictSame(cookies, ['a=1'])
  await server.close()
})

t.test('extensions tell what the server agreed to, when the options ask for it', async t => {
  const server = new WebSocketServer({ perMessageDeflate: { serverMaxWindowBits: 10 } })
  const { url } = await server.listen({ host: '127.0.0.1' })
  server.on('connection', connection => {
    connection.on('message', message => connection.send(message))
  })
  const socket = new WebSocket(url, [], { perMessageDeflate: true })
  t.equal(socket.extensions, '')
  await new Promise(resolve => (socket.onopen = resolve))
  t.match(socket.extensions, /^permessage-deflate; .*server_max_window_bits=10/)
  const echo = new Promise<{ data: unknown }>(resolve => (socket.onmessage = resolve))
  const blob = new Blob(['compressible '.repeat(1000)])
  socket.binaryType = 'arraybuffer'
  socket.send(blob)
  t.same(new Uint8Array((await echo).data as ArrayBuffer), new Uint8Array(await blob.arrayBuffer()))
  const closed = new Promise(resolve => (socket.onclose = resolve))
  socket.close()
  await closed
  t.match(socket.extensions, /^permessage-deflate/, 'it stays')
  const browserLike = new WebSocket(url)
  await new Promise(resolve => (browserLike.onopen = resolve))
  t.equal(browserLike.extensions, '', 'off unless it is asked for')
  const alsoClosed = new Promise(resolve => (browserLike.onclose = resolve))
  browserLike.close()
  await alsoClosed
  await server.close()
})

t.test('a blob that cannot be sent any more rejects nothing', async t => {
  const { socket, peer, closed, server } = await openRaw()
  peer.pause()
  for (let i = 0; i < 3; i++) socket.send(new Blob([new Uint8Array(5_000_000)]))
  await nextTask()
  peer.destroy()
  t.match(await closed, { code: 1006 })
  await server.close()
})

t.test('nothing is left open, and no rejection unhandled', async t => {
  t.strictSame(await leftOpen(before), [])
  t.strictSame(unhandled, [])
})
