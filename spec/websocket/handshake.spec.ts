/**
 * The opening handshake: the RFC's own examples to the byte; each row of REQUEST_FAULTS and RESPONSE_FAULTS, and
 * that the first row wins; that what one side writes the other accepts, in every chunking; that every refusal can
 * be read back and ends the connection (S13); and that nothing a caller gives can forge a field (S19).
 */
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import {
  acceptFor,
  checkProtocols,
  checkRequest,
  checkResponse,
  chooseProtocol,
  formatRefusal,
  formatRequest,
  formatResponse,
  REQUEST_FAULTS,
  RESPONSE_FAULTS,
  type Refusal,
  type RequestCheck,
  type RequestFault,
  type ResponseFault,
  refusalFor,
} from '../../lib/websocket/handshake.ts'
import type { HeaderFields } from '../../lib/websocket/header-fields.ts'
import { HEAD_FAULTS, type HeadFault, HeadParser, type ResponseHead } from '../../lib/websocket/http-head.ts'
import { everySplit } from '../support/every-split.ts'

// RFC 6455 §1.3
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A node:http server's request is taken as it is. */
export const takesIncomingMessage: (request: IncomingMessage) => RequestCheck = checkRequest

interface RequestChange {
  readonly method?: string
  readonly httpVersion?: string
  /** Lower-case names; an empty list leaves the field out. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
}

function request({ method = 'GET', httpVersion = '1.1', fields = {} }: RequestChange) {
  const all: Record<string, readonly string[]> = {
    host: ['server.example.com'],
    upgrade: ['websocket'],
    connection: ['Upgrade'],
    'sec-websocket-key': [KEY],
    'sec-websocket-version': ['13'],
    ...fields,
  }
  return { method, httpVersion, rawHeaders: flatten(all) }
}

function flatten(fields: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(fields).flatMap(([name, values]) => values.flatMap(value => [name, value]))
}

const latin1 = (text: string) => Buffer.from(text, 'latin1')

const field = (name: string, ...values: string[]): RequestChange => ({ fields: { [name]: values } })

t.test('acceptFor: the example of RFC 6455 §1.3 [6455-4.2.2-10]', async t => {
  t.equal(acceptFor(KEY), ACCEPT)
})

t.test('requests that are an opening handshake', async t => {
  const vectors: [change: RequestChange, clause: string][] = [
    [{}, '§4.2.1'],
    [field('upgrade', 'WebSocket'), '§4.2.1: case-insensitive'],
    [field('upgrade', 'h2c, websocket'), '§4.1: "MUST include"'],
    [field('upgrade', 'HTTP/2.0', 'websocket', 'websocket'), '§4.1: "MUST include"'],
    [field('connection', 'keep-alive, UPGRADE'), '§4.2.1: "includes the token"'],
    [field('connection', 'keep-alive', ',upgrade'), '§4.2.1: "includes the token"'],
    [field('host', '[::1]:8080'), 'RFC 9110 §7.2'],
    [field('host', 'a_b.example:'), 'RFC 9110 §7.2'],
    [field('content-length', '0'), 'no body'],
    [field('content-length', '0', '0'), 'no body'],
    [field('sec-websocket-key', 'AQIDBAUGBwgJCgsMDQ4PEC=='), '§4.1, the example that is not canonical'],
    [field('origin', 'null'), '§4.2.1: for the server to judge'],
  ]
  for (const [change, clause] of vectors) {
    t.match(checkRequest(request(change)), { ok: true, protocols: [], extensions: [] }, clause)
  }
  const check = checkRequest(
    request({
      fields: {
        'sec-websocket-protocol': ['chat, superchat', 'v1'],
        'sec-websocket-extensions': ['foo', 'bar; baz="2"'],
      },
    }),
  )
  t.strictSame(check, {
    ok: true,
    key: KEY,
    protocols: ['chat', 'superchat', 'v1'],
    extensions: [
      { name: 'foo', parameters: [] },
      { name: 'bar', parameters: [['baz', '2']] },
    ],
  })
})

/** One change for each list of values that the field is to have; none leaves it out. */
const eachOf = (name: string, ...lists: string[][]) => lists.map(values => field(name, ...values))

const TOO_LONG = `${KEY.slice(0, -2)}A=`
const NOT_KEYS = ['', KEY.slice(0, -2), KEY.slice(0, -1), `${KEY}=`, TOO_LONG, `${KEY}${KEY}`, `${KEY}, ${KEY}`]
NOT_KEYS.push(KEY.replace('b', '-'), KEY.replace('b', ' '), `${KEY}\n`)

const INVALID_REQUESTS: Readonly<Record<RequestFault, readonly RequestChange[]>> = {
  // [6455-4.2.1-2]
  WS_ERR_REQUEST_HTTP_VERSION: [{ httpVersion: '1.0' }, { httpVersion: '0.9' }, { httpVersion: '2.0' }],
  // [6455-4.2.1-3]
  WS_ERR_REQUEST_METHOD: [{ method: 'POST' }, { method: 'get' }, { method: 'HEAD' }, { method: '' }],
  // [6455-4.2.1-4]
  WS_ERR_REQUEST_HOST: [
    ...eachOf('host', [], ['a', 'a'], [''], ['a b'], ['a/b'], ['user@a'], ['a:b'], ['[::1'], ['http://a'], ['\xe4']),
  ],
  // [6455-4.2.1-5]
  WS_ERR_REQUEST_UPGRADE: [
    ...eachOf('upgrade', [], [''], ['h2c'], ['h2c', 'TLS/1.3'], ['websockets'], ['websocket/13'], ['websocket;a']),
  ],
  // [6455-4.2.1-6]
  WS_ERR_REQUEST_CONNECTION: [
    ...eachOf('connection', [], [''], ['close'], ['keep-alive, upgrades'], ['upgrade;a'], ['Up grade']),
  ],
  WS_ERR_REQUEST_BODY: [
    ...eachOf('content-length', ['1'], ['00'], ['0, 1'], [''], ['-0'], ['+0'], ['0x0'], ['0', '5']),
    ...eachOf('transfer-encoding', ['chunked'], ['']),
  ],
  // [6455-4.2.1-8]
  WS_ERR_REQUEST_VERSION: eachOf('sec-websocket-version', [], ['13', '13'], ['13', '8']),
  // [6455-4.2.2-4]
  WS_ERR_REQUEST_UNSUPPORTED_VERSION: [
    ...eachOf('sec-websocket-version', ['8'], ['14'], ['013'], ['13.0'], ['13, 8'], ['']),
  ],
  // [6455-4.2.1-7, 6455-11.3.1-2]
  WS_ERR_REQUEST_KEY: eachOf('sec-websocket-key', [], [KEY, KEY], ...NOT_KEYS.map(key => [key])),
  // [6455-4.2.1-9]
  WS_ERR_REQUEST_PROTOCOL: [
    ...eachOf('sec-websocket-protocol', [''], [','], ['a b'], ['a/b'], ['"a"'], ['a, b, a'], ['a', 'a'], ['\xe4']),
  ],
  // [6455-4.2.1-10, 6455-9.1-1]
  WS_ERR_REQUEST_EXTENSIONS: [
    ...eachOf('sec-websocket-extensions', [''], [','], ['a;'], ['a;b="c d"'], ['a;b="c'], ['a', 'b;']),
  ],
}

t.test('every way in which a request is invalid [6455-10.7-1]', async t => {
  t.strictSame(Object.keys(INVALID_REQUESTS), Object.keys(REQUEST_FAULTS))
  for (const [fault, changes] of Object.entries(INVALID_REQUESTS)) {
    for (const change of changes) {
      t.strictSame(checkRequest(request(change)), { ok: false, fault }, JSON.stringify(change))
    }
  }
})

t.test('of two faults, the one that is first in the table is told', async t => {
  const faults = Object.entries(INVALID_REQUESTS)
  for (const [index, [fault, changes]] of faults.entries()) {
    for (const [, laterChanges] of faults.slice(index + 1)) {
      const [first, second] = [changes[0] as RequestChange, laterChanges[0] as RequestChange]
      const both = { ...second, ...first, fields: { ...second.fields, ...first.fields } }
      t.strictSame(checkRequest(request(both)), { ok: false, fault })
    }
  }
})

function parseResponse(text: string) {
  const parser = new HeadParser('response')
  if (parser.push(latin1(text)) !== 'complete') throw new Error(parser.fault ?? 'incomplete')
  return { head: parser.head as ResponseHead, body: Buffer.from(parser.rest).toString() }
}

t.test('every fault has a refusal that can be read and ends the connection [6455-4.4-1, 6455-11.3.5-1]', async t => {
  const faults = { ...HEAD_FAULTS, ...REQUEST_FAULTS }
  for (const [fault, [status, clause, words]] of Object.entries(faults)) {
    const { head, body } = parseResponse(formatRefusal(refusalFor(fault as RequestFault | HeadFault)))
    t.equal(head.status, status)
    t.not(head.reason, '', `${status} has a reason phrase`)
    t.equal(body, `${words} (${clause})\n`)
    t.equal(head.headers['content-length'], String(Buffer.byteLength(body)))
    t.equal(head.headers['content-type'], 'text/plain; charset=utf-8')
    t.equal(head.headers.connection, status === 426 ? 'close, Upgrade' : 'close')
    t.equal(head.headers.upgrade, status === 426 ? 'websocket' : undefined)
    t.equal(head.headers.allow, status === 405 ? 'GET' : undefined)
    const version = /^WS_ERR_REQUEST_(UNSUPPORTED_)?VERSION$/.test(fault) ? '13' : undefined
    t.equal(head.headers['sec-websocket-version'], version)
  }
})

t.test('formatRefusal, to the byte', async t => {
  const plain = 'Content-Type: text/plain; charset=utf-8\r\nContent-Length: '
  const vectors: [refusal: Refusal, text: string][] = [
    [{ status: 403 }, `HTTP/1.1 403 Forbidden\r\nConnection: close\r\n${plain}14\r\n\r\n403 Forbidden\n`],
    [
      { status: 599, headers: { 'content-type': 'a/b', 'Set-Cookie': ['a=1', 'b=2'] }, body: '' },
      'HTTP/1.1 599 \r\nConnection: close\r\ncontent-type: a/b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n' +
        'Content-Length: 0\r\n\r\n',
    ],
    [
      { status: 400, headers: { UPGRADE: 'TLS/1.3' }, body: 'ä€' },
      `HTTP/1.1 400 Bad Request\r\nConnection: close, Upgrade\r\nUPGRADE: TLS/1.3\r\n${plain}5\r\n\r\n` +
        '\xc3\xa4\xe2\x82\xac',
    ],
    [
      { status: 426, headers: { upgrade: 'websocket, h2c' }, body: 'a' },
      'HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nupgrade: websocket, h2c\r\n' +
        `${plain}1\r\n\r\na`,
    ],
    [{ status: 200, body: 'a' }, `HTTP/1.1 200 OK\r\nConnection: close\r\n${plain}1\r\n\r\na`],
    [{ status: 204, body: 'none' }, 'HTTP/1.1 204 \r\nConnection: close\r\n\r\n'],
    [{ status: 205 }, 'HTTP/1.1 205 \r\nConnection: close\r\n\r\n'],
    [{ status: 304 }, 'HTTP/1.1 304 \r\nConnection: close\r\n\r\n'],
  ]
  for (const [refusal, text] of vectors) t.equal(formatRefusal(refusal), text)
})

t.test('formatRefusal throws for a status or a field that is not for the caller to set', async t => {
  for (const status of [0, 99, 100, 101, 199, 600, 404.5, NaN, '404' as unknown as number]) {
    t.throws(() => formatRefusal({ status }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }, String(status))
  }
  for (const name of ['Connection', 'content-length', 'TRANSFER-ENCODING']) {
    const refuse = () => formatRefusal({ status: 400, headers: { [name]: '0' } })
    t.throws(refuse, { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: new RegExp(name) })
  }
})
// [6455-4.1-17, 6455-4.1-18, 6455-4.1-20..22, 6455-4.1-25, 6455-4.1-26]
t.test('the handshake of RFC 6455 §1.3, to the byte', async t => {
  const written = formatRequest({
    url: new URL('ws://server.example.com/chat?room=1#fragment'),
    key: KEY,
    protocols: ['chat', 'superchat'],
    extensions: [{ name: 'bar', parameters: [['baz', '2']] }],
    headers: { Origin: 'http://example.com' },
  })
  t.equal(
    written,
    'GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n` +
      'Sec-WebSocket-Extensions: bar; baz=2\r\nOrigin: http://example.com\r\n\r\n',
  )
  const accepted = formatResponse({
    key: KEY,
    protocol: 'chat',
    extensions: [{ name: 'bar', parameters: [] }],
    headers: { 'Set-Cookie': ['a', 'b'] },
  })
  t.equal(
    accepted,
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: bar\r\n` +
      'Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n',
  )
})

t.test('what is not asked for is not written', async t => {
  t.equal(
    formatRequest({ url: new URL('ws://a'), key: KEY, protocols: [] }),
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  t.equal(
    formatResponse({ key: KEY }),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
  )
})

t.test('what one side writes the other accepts, in every chunking and with every name [6455-4.1-16]', async t => {
  const names = Object.getOwnPropertyNames(Object.prototype)
  const extensions = names.map(name => ({ name, parameters: [[name, name] as const] }))
  const headers = Object.fromEntries(names.map(name => [name, name]))
  const url = new URL('wss://a.example/')
  everySplit(latin1(formatRequest({ url, key: KEY, protocols: names, extensions, headers })), chunks => {
    const parser = new HeadParser('request')
    for (const chunk of chunks) parser.push(chunk)
    if (parser.head === undefined) return t.fail('refused')
    t.strictSame(checkRequest(parser.head), { ok: true, key: KEY, protocols: names, extensions })
  })
  for (const protocol of names) {
    const { head } = parseResponse(formatResponse({ key: KEY, protocol, extensions, headers }))
    const check = checkResponse(head, { key: KEY, protocols: names, extensionsOffered: names })
    t.strictSame(check, { ok: true, protocol, extensions })
  }
})

t.test('Host is what the URL has, without the default port [6455-4.1-19, 6455-11.1.1-1, 6455-11.1.1-2]', async t => {
  const hosts: [url: string, host: string, target: string][] = [
    ['ws://a.example', 'a.example', '/'],
    ['ws://a.example:80/b', 'a.example', '/b'],
    ['ws://a.example:443', 'a.example:443', '/'],
    ['wss://a.example:443', 'a.example', '/'],
    ['wss://a.example:8443/?', 'a.example:8443', '/'],
    ['https://[::1]:8443/?a b', '[::1]:8443', '/?a%20b'],
    ['ws://ä.example/ä', 'xn--4ca.example', '/%C3%A4'],
    ['ws://a.example/\r\nX: y\r\n\r\n?\0\ta', 'a.example', '/X:%20y?%00a'],
  ]
  for (const [url, host, target] of hosts) {
    const [requestLine, hostLine] = formatRequest({ url: new URL(url), key: KEY, protocols: [] }).split('\r\n')
    t.equal(requestLine, `GET ${target} HTTP/1.1`, url)
    t.equal(hostLine, `Host: ${host}`, url)
  }
  const own = formatRequest({ url: new URL('ws://a'), key: KEY, protocols: [], headers: { host: 'b' } })
  t.strictSame(own.match(/host: .*/gi), ['host: b'])
})

t.test('Authorization comes from the URL unless it is given', async t => {
  const credentials: [url: string, expected: string | undefined][] = [
    ['ws://a', undefined],
    ['ws://Aladdin:open%20sesame@a', 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ['ws://user@a', Buffer.from('user:').toString('base64')],
    ['ws://:pass@a', Buffer.from(':pass').toString('base64')],
    ['ws://ü:%E2%82%AC@a', Buffer.from('ü:€').toString('base64')],
    ['ws://%zz%:%0d%0A%00%FF@a', Buffer.from('%zz%:\r\n\0\xff', 'latin1').toString('base64')],
  ]
  for (const [url, expected] of credentials) {
    const text = formatRequest({ url: new URL(url), key: KEY, protocols: [] })
    t.equal(/\r\nAuthorization: Basic (.*)\r\n/.exec(text)?.[1], expected, url)
    t.notMatch(text, /@/, 'the URL in the request has no credentials')
  }
  const headers = { AUTHORIZATION: 'Bearer b' }
  const own = formatRequest({ url: new URL('ws://user:pass@a'), key: KEY, protocols: [], headers })
  t.strictSame(own.match(/authorization: .*/gi), ['AUTHORIZATION: Bearer b'])
})

t.test('nothing that a caller gives can forge a field', async t => {
  const url = new URL('ws://a')
  for (const bad of ['\r', '\n', '\r\nX: y', '\0', '\u0100', '\x7f']) {
    const text = `secret${bad}secret`
    const extensions = [{ name: 'a', parameters: [['b', text] as const] }]
    const writes: [option: string, write: () => string][] = [
      ['request key', () => formatRequest({ url, key: text, protocols: [] })],
      ['request protocol', () => formatRequest({ url, key: KEY, protocols: ['a', text] })],
      ['request extension', () => formatRequest({ url, key: KEY, protocols: [], extensions })],
      ['request header', () => formatRequest({ url, key: KEY, protocols: [], headers: { Cookie: text } })],
      ['request Host', () => formatRequest({ url, key: KEY, protocols: [], headers: { Host: text } })],
      ['response protocol', () => formatResponse({ key: KEY, protocol: text })],
      ['response extension', () => formatResponse({ key: KEY, extensions })],
      ['response header', () => formatResponse({ key: KEY, headers: { Cookie: ['fine', text] } })],
      ['refusal header', () => formatRefusal({ status: 400, headers: { Cookie: text } })],
    ]
    for (const [option, write] of writes) {
      t.throws(write, { name: 'TypeError', code: /^ERR_INVALID_/, message: /^(?!.*secret)/s }, option)
    }
    const names = [() => formatRefusal({ status: 400, headers: { [text]: 'a' } })]
    names.push(() => formatResponse({ key: KEY, headers: { [text]: 'a' } }))
    names.push(() => formatRequest({ url, key: KEY, protocols: [], headers: { [text]: 'a' } }))
    for (const write of names) t.throws(write, { name: 'TypeError', code: 'ERR_INVALID_HTTP_TOKEN' })
    const response = formatResponse({ key: text })
    t.equal(response.split('\r\n').length, 6, 'a key is only hashed')
  }
})
// [6455-11.3.1-1, 6455-11.3.2-1, 6455-11.3.3-1, 6455-11.3.4-1]
t.test("the handshake's own fields are not for the caller to set", async t => {
  const reserved = ['Upgrade', 'CONNECTION', 'Content-Length', 'transfer-encoding', 'Sec-WebSocket-Key']
  reserved.push('sec-websocket-protocol', 'Sec-WebSocket-Accept', 'Sec-WebSocket-Future')
  const url = new URL('ws://a')
  for (const name of reserved) {
    const headers: HeaderFields = { [name]: '13' }
    const expected = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: new RegExp(name) }
    t.throws(() => formatRequest({ url, key: KEY, protocols: [], headers }), expected)
    t.throws(() => formatResponse({ key: KEY, headers }), expected)
  }
  for (const headers of [{ Host: ['a', 'b'] }, { Host: 'a', host: 'b' }] as HeaderFields[]) {
    const write = () => formatRequest({ url, key: KEY, protocols: [], headers })
    t.throws(write, { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: /Host/ })
  }
})

t.test('subprotocols [6455-4.1-27]', async t => {
  checkProtocols([])
  checkProtocols(['a', 'A', 'v1.chat'])
  for (const protocols of [[''], ['a b'], ['a,b'], ['a', 'a'], ['a/b'], ['ä'], [1 as unknown as string]]) {
    t.throws(() => checkProtocols(protocols), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  t.throws(() => formatResponse({ key: KEY, protocol: '' }), { name: 'TypeError' })
  const choices: [offered: string[], supported: string[], chosen: string | undefined][] = [
    [['a', 'b'], ['b', 'a'], 'b'],
    [['a', 'b'], ['c', 'a'], 'a'],
    [['a'], ['A'], undefined],
    [[], ['a'], undefined],
    [['a'], [], undefined],
    [['a'], Object.getOwnPropertyNames(Object.prototype), undefined],
  ]
  for (const [offered, supported, chosen] of choices) t.equal(chooseProtocol(offered, supported), chosen)
})

const OFFER = { key: KEY, protocols: ['chat', 'superchat'], extensionsOffered: ['foo', 'bar'] }

const eachResponse = (name: string, ...lists: string[][]) => lists.map(values => response({ [name]: values }))

function response(fields: Readonly<Record<string, readonly string[]>>, start = {}): ResponseHead {
  const all = {
    upgrade: ['websocket'],
    connection: ['Upgrade'],
    'sec-websocket-accept': [ACCEPT],
    'sec-websocket-protocol': ['chat'],
    ...fields,
  }
  return { httpVersion: '1.1', status: 101, reason: '', rawHeaders: flatten(all), headers: {}, ...start }
}

t.test('responses that accept', async t => {
  const bar = { name: 'bar', parameters: [['a', '1']] }
  const foo = { name: 'foo', parameters: [] }
  const vectors: [fields: Record<string, string[]>, extensions: unknown[], clause: string][] = [
    [{}, [], '§4.1'],
    [{ upgrade: ['WebSocket'], connection: ['keep-alive', 'upgrade'] }, [], '§4.1: case-insensitive'],
    [{ 'sec-websocket-extensions': ['bar;a=1 , foo'] }, [bar, foo], '§9.1: in the order of the response'],
    [{ 'sec-websocket-extensions': ['bar;a="1"', 'foo'] }, [bar, foo], '§4.2.2: "split between multiple instances"'],
  ]
  for (const [fields, extensions, clause] of vectors) {
    t.strictSame(checkResponse(response(fields), OFFER), { ok: true, protocol: 'chat', extensions }, clause)
  }
  const none = checkResponse(response({ 'sec-websocket-protocol': [] }), { ...OFFER, protocols: [] })
  t.strictSame(none, { ok: true, protocol: '', extensions: [] })
})

const INVALID_RESPONSES: Readonly<Record<ResponseFault, readonly ResponseHead[]>> = {
  // [6455-4.1-30]
  WS_ERR_HANDSHAKE_STATUS: [
    ...[100, 103, 200, 302, 401, 426, 999].map(status => response({}, { status })),
    response({}, { httpVersion: '1.0' }),
  ],
  // [6455-4.1-31]
  WS_ERR_HANDSHAKE_UPGRADE: [
    ...eachResponse('upgrade', [], [''], ['h2c'], ['websocket, h2c'], ['websocket', 'websocket'], ['websocket/13']),
  ],
  // [6455-4.1-32]
  WS_ERR_HANDSHAKE_CONNECTION: [
    ...eachResponse('connection', [], [''], ['close'], ['keep-alive', 'upgrades'], ['upgrade;a'], ['up grade']),
  ],
  // [6455-4.1-33, 6455-11.3.3-2]
  WS_ERR_HANDSHAKE_ACCEPT: [
    ...eachResponse('sec-websocket-accept', [], [''], [KEY], [ACCEPT, ACCEPT], [`${ACCEPT}, ${ACCEPT}`]),
    ...eachResponse('sec-websocket-accept', [ACCEPT.toLowerCase()], [acceptFor(`${KEY} `)]),
  ],
  // [6455-4.1-34, 6455-9.1-1, 7692-5-1, 7692-7-8]
  WS_ERR_HANDSHAKE_EXTENSIONS: [
    ...eachResponse('sec-websocket-extensions', [''], ['foo;'], ['baz'], ['foo, baz'], ['foo', 'baz'], ['FOO']),
    ...eachResponse('sec-websocket-extensions', ['foo, foo'], ['foo', 'foo'], ['__proto__']),
  ],
  // [6455-4.1-35, 6455-11.3.4-2]
  WS_ERR_HANDSHAKE_PROTOCOL: [
    ...eachResponse('sec-websocket-protocol', [], [''], ['other'], ['Chat'], ['chat, superchat'], ['constructor']),
    ...eachResponse('sec-websocket-protocol', ['chat', 'superchat'], ['chat', 'chat']),
  ],
}

t.test('every way in which a response is invalid [6455-10.7-1]', async t => {
  t.strictSame(Object.keys(INVALID_RESPONSES), Object.keys(RESPONSE_FAULTS))
  for (const [fault, heads] of Object.entries(INVALID_RESPONSES)) {
    const [clause, words] = RESPONSE_FAULTS[fault as ResponseFault]
    for (const head of heads) {
      const check = checkResponse(head, OFFER)
      t.match(check, { ok: false, fault }, JSON.stringify(head))
      if (!check.ok) t.ok(check.words.startsWith(words) && check.words.endsWith(`(${clause})`), check.words)
    }
  }
  for (const values of [['chat'], ['']]) {
    const check = checkResponse(response({ 'sec-websocket-protocol': values }), { ...OFFER, protocols: [] })
    t.match(check, { ok: false, fault: 'WS_ERR_HANDSHAKE_PROTOCOL' }, 'none was offered')
  }
})

t.test('words tell what came, but not all of it and no secret', async t => {
  const wordsOf = (head: ResponseHead) => {
    const check = checkResponse(head, OFFER)
    return check.ok ? '' : check.words
  }
  t.equal(
    wordsOf(response({}, { status: 403, httpVersion: '1.0' })),
    'response is not HTTP/1.1 101: got "HTTP/1.0 403" (RFC 6455 §4.1)',
  )
  t.match(wordsOf(response({ upgrade: ['h2c'] })), /: got "h2c" \(/)
  const long = 'x'.repeat(10_000)
  for (const name of ['upgrade', 'connection', 'sec-websocket-accept', 'sec-websocket-extensions']) {
    t.ok(wordsOf(response({ [name]: [long] })).length < 200, name)
  }
  t.notMatch(wordsOf(response({ 'sec-websocket-protocol': ['secret'] })), /secret/)
  t.notMatch(wordsOf(response({ 'sec-websocket-accept': ['secret'] })), /secret|s3pP/)
})

t.test('2,000 fields more hide nothing [6455-4.2.1-11]', async t => {
  const more = Array.from({ length: 2000 }, (_, i) => [`x-${i}`, 'v']).flat()
  const crowded = request({})
  t.match(checkRequest({ ...crowded, rawHeaders: [...more, ...crowded.rawHeaders] }), { ok: true })
  t.match(checkRequest({ ...crowded, rawHeaders: more }), { ok: false, fault: 'WS_ERR_REQUEST_HOST' })
  const head = response({})
  t.match(checkResponse({ ...head, rawHeaders: [...more, ...head.rawHeaders] }, OFFER), { ok: true })
})
