/**
 * What can be set for a client: the defaults, that every wrong value is refused before a socket is opened, that
 * nothing given can end a line of the request early (S19), and which URLs are WebSocket URLs (RFC 6455 §3).
 */
import t from 'tap'
import { connect } from '../../lib/transport/client.ts'
import { type ConnectOptions, checkConnectOptions, checkUrl } from '../../lib/transport/client-options.ts'
import { checkSettings } from '../../lib/transport/connection-options.ts'
import { leftOpen, openHandles, rawServer } from '../support/raw-socket.ts'

const before = openHandles()

t.test('defaults', async t => {
  t.strictSame(checkConnectOptions({}), {
    settings: checkSettings({}),
    protocols: [],
    perMessageDeflate: undefined,
    headers: {},
    signal: undefined,
    handshakeTimeout: 10_000,
    tls: {},
    socketPath: undefined,
    maxRedirects: 0,
    maxHeaderBytes: 16_384,
    maxHeaders: 100,
  })
})

t.test('undefined stands for the default, whatever the option', async t => {
  const names = Object.keys(checkConnectOptions({})).filter(name => name !== 'settings')
  names.push(...Object.keys(checkSettings({})))
  t.equal(names.length, 18)
  const all = Object.fromEntries(names.map(name => [name, undefined]))
  t.strictSame(checkConnectOptions(all), checkConnectOptions({}))
})

t.test('values that are taken as they are', async t => {
  const given = {
    protocols: ['a', 'b'],
    perMessageDeflate: undefined,
    headers: { Cookie: ['a=1', 'b=2'], 'X-Tab': 'a\tb', 'X-Latin': '\xe4' },
    signal: new AbortController().signal,
    handshakeTimeout: 1,
    tls: { ca: 'a' },
    socketPath: '/a',
    maxRedirects: 20,
    maxHeaderBytes: 1,
    maxHeaders: 1,
  }
  const { settings, ...checked } = checkConnectOptions({ ...given, closeTimeout: 1 })
  t.strictSame(checked, given)
  t.match(settings, { closeTimeout: 1 })
})

/** What must not come into a field: line ends, NUL, other controls, characters that latin1 cannot write. */
const FORBIDDEN = ['a\r\nX: y', 'a\rb', 'a\nb', '\n', 'a\0', '\x01', '\x1b[0m', '\x7f', 'a\u0100', '\u2028', '😀']

const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  protocols: ['chat', null, 1, {}, ['a b'], ['a', 'a'], [''], [1], ...FORBIDDEN.map(text => [text])],
  headers: [
    ...FORBIDDEN.flatMap(text => [{ [text]: 'a' }, { 'X-A': text }, { 'X-A': ['fine', text] }, { Host: text }]),
    ...[{ '': 'a' }, { 'X A': 'a' }, { 'X-A:': 'a' }, { 'X-A': 1 }, { 'X-A': null }, { 'X-A': [1] }],
    // The handshake's own, and what says where a message ends
    ...[{ Upgrade: 'h2c' }, { connection: 'close' }, { 'Content-Length': '5' }, { 'Transfer-Encoding': 'chunked' }],
    ...[{ 'Sec-WebSocket-Key': 'a' }, { 'sec-websocket-protocol': 'a' }, { 'Sec-WebSocket-Extensions': 'a' }],
    ...[{ Host: ['a', 'b'] }, { Host: 'a', host: 'b' }],
    ...['X-A: b', 1, null],
  ],
  perMessageDeflate: ['yes', 1, null, () => true, { clientMaxWindowBits: 16 }, { threshold: -1 }],
  signal: [null, {}, new AbortController(), { aborted: false }],
  handshakeTimeout: [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, '1', null],
  tls: [null, 'ca', true],
  socketPath: [1, null, ''],
  maxRedirects: [-1, 21, 0.5, '1', true, null],
  maxHeaderBytes: [0, '1', null],
  maxHeaders: [0, '1', null],
  maxMessageSize: [0, 2 ** 31, '1', null],
  heartbeat: [0, 'on', true],
}

t.test('perMessageDeflate: checked, with the defaults of a client', async t => {
  t.equal(checkConnectOptions({ perMessageDeflate: false }).perMessageDeflate, undefined)
  t.match(checkConnectOptions({ perMessageDeflate: true }).perMessageDeflate, { wanted: { clientMaxWindowBits: 15 } })
})

const WORDS: Readonly<Record<string, RegExp>> = { protocols: /protocol/, headers: /header/ }

/** What `check` throws, in words. */
function refusalOf(check: () => unknown): string {
  try {
    check()
    return 'nothing'
  } catch (error) {
    return String(error)
  }
}

t.test('wrong values are refused, by name', async t => {
  const passed: string[] = []
  for (const [option, values] of Object.entries(WRONG)) {
    for (const value of values) {
      const words = refusalOf(() => checkConnectOptions({ [option]: value } as ConnectOptions))
      const isRefused = /^(?:Type|Range)Error: /.test(words) && (WORDS[option] ?? new RegExp(option)).test(words)
      if (!isRefused) passed.push(`${option} ${JSON.stringify(value)}: ${words}`)
    }
  }
  t.strictSame(passed, [])
})

t.test('wrong values open no socket', async t => {
  let connections = 0
  const server = await rawServer(() => {})
  server.server.on('connection', () => connections++)
  for (const [option, values] of Object.entries(WRONG)) {
    const options = { handshakeTimeout: 5000, [option]: values[0] } as ConnectOptions
    await t.rejects(connect(`ws://127.0.0.1:${server.port}`, options), { name: /^(?:Type|Range)Error$/ }, option)
  }
  const headers = { Upgrade: 'h2c' }
  await t.rejects(connect(`ws://127.0.0.1:${server.port}`, { headers }), { name: 'TypeError' })
  t.equal(connections, 0)
  await server.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('names that do not exist are refused', async t => {
  for (const name of ['origin', 'rejectUnauthorized', 'permessageDeflate', 'Headers', 'constructor', '']) {
    const expected = { name: 'TypeError', message: `connect has no option ${JSON.stringify(name)}` }
    t.throws(() => checkConnectOptions({ [name]: undefined } as ConnectOptions), expected, name)
    await t.rejects(connect('ws://127.0.0.1:1', { [name]: undefined } as ConnectOptions), expected)
  }
})

t.test('URLs [6455-3-2, 6455-4.1-2, 6455-11.1.2-1, 6455-11.1.2-2]', async t => {
  const vectors: [given: string | URL, href: string][] = [
    ['ws://a.example', 'ws://a.example/'],
    ['wss://a.example:8443/chat?b=%20', 'wss://a.example:8443/chat?b=%20'],
    ['http://a.example/chat', 'ws://a.example/chat'],
    ['https://a.example/chat', 'wss://a.example/chat'],
    [new URL('https://a.example/chat'), 'wss://a.example/chat'],
    ['WS://A.Example:80/', 'ws://a.example/'],
    ['wss://a.example:443', 'wss://a.example/'],
    ['http://a.example:443', 'ws://a.example:443/'],
    ['https://a.example:80', 'wss://a.example:80/'],
    ['ws://[::1]:81', 'ws://[::1]:81/'],
    ['ws://u:p@a.example', 'ws://u:p@a.example/'],
    ['ws://bücher.example/ü', 'ws://xn--bcher-kva.example/%C3%BC'],
    ['  ws://a.example/b\nc\r\n', 'ws://a.example/bc'],
    ['ws://a.example/%23', 'ws://a.example/%23'],
  ]
  for (const [given, href] of vectors) t.equal(checkUrl(given).href, href)
  const url = new URL('http://a.example')
  checkUrl(url)
  t.equal(url.href, 'http://a.example/', 'a URL that is given stays as it is')
})

t.test('what is no WebSocket URL is refused, without being repeated [6455-3-1, 6455-4.1-3]', async t => {
  const wrong: [given: unknown, words: RegExp][] = [
    ['', /is not a URL/],
    ['a.example', /is not a URL/],
    ['/secret', /is not a URL/],
    ['ws://', /is not a URL/],
    ['ws://secret:99999', /is not a URL/],
    ['ws://[::1', /is not a URL/],
    [undefined, /is not a URL/],
    [{}, /is not a URL/],
    ['ftp://secret', /must begin with ws: or wss:, got ftp:/],
    ['file:///secret', /must begin with ws: or wss:, got file:/],
    ['ws+unix:/secret', /must begin with ws: or wss:, got ws\+unix:/],
    ['javascript:secret', /must begin with ws: or wss:/],
    // §3: "MUST NOT be used on these URIs"
    ['ws://secret/#a', /fragment/],
    ['ws://secret/#', /fragment/],
    ['https://secret/a#b', /fragment/],
    [new URL('ws://secret/#'), /fragment/],
  ]
  for (const [given, words] of wrong) {
    const expected = { name: 'TypeError', code: 'ERR_INVALID_URL', message: words }
    t.throws(() => checkUrl(given as string), expected, String(given))
    t.throws(() => checkUrl(given as string), { message: /^(?!.*secret)/ })
    await t.rejects(connect(given as string), expected)
  }
  t.strictSame(await leftOpen(before), [])
})
