/**
 * The head parser: what it accepts and what it refuses, in every chunking; that each row of HEAD_FAULTS is reached;
 * that every byte in every place is judged as the grammar says; that its limits hold exactly, and that it keeps
 * nothing of what it was given.
 */
import t from 'tap'
import { HEAD_FAULTS, type HeadFault, HeadParser } from '../../lib/websocket/http-head.ts'
import { everySplit } from '../support/every-split.ts'
import { LINEAR, timeExponent } from '../support/growth.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** All that can be seen of a parser once it has all of `chunks`; what follows the head is put together again. */
function outcome(kind: 'request' | 'response', chunks: readonly Uint8Array[], limits = {}) {
  const parser = new HeadParser(kind, limits)
  const behind: Uint8Array[] = []
  for (const chunk of chunks) {
    if (parser.head === undefined) {
      parser.push(chunk)
      behind.push(parser.rest)
    } else {
      behind.push(chunk)
    }
  }
  const { head, fault } = parser
  return { head, fault, behind: Buffer.concat(behind).toString('latin1') }
}

t.test('a request, field by field, in every chunking', async t => {
  const text =
    'GET /chat?a=%20 HTTP/1.1\r\nHost: a.example:81\r\nX-Empty:\r\nX-Space: \t a \t b \t \r\n' +
    'x-list:1\r\nX-LIST: 2,3\r\nX-Latin: \xa0\xff\xa0\r\nX-Colon: a:b:\r\n\r\n'
  everySplit(latin1(`${text}\x81\0\r\n\r\nGET`), chunks => {
    const { head, fault, behind } = outcome('request', chunks)
    t.equal(fault, undefined)
    t.equal(behind, '\x81\0\r\n\r\nGET')
    if (head === undefined || !('method' in head)) return t.fail('no head')
    t.equal(`${head.method} ${head.url} ${head.httpVersion}`, 'GET /chat?a=%20 1.1')
    const flat = 'Host|a.example:81|X-Empty||X-Space|a \t b|x-list|1|X-LIST|2,3|X-Latin|\xa0\xff\xa0|X-Colon|a:b:'
    t.equal(head.rawHeaders.join('|'), flat)
    t.strictSame(Object.entries(head.headers), [
      ['host', 'a.example:81'],
      ['x-empty', ''],
      ['x-space', 'a \t b'],
      ['x-list', '1, 2,3'],
      ['x-latin', '\xa0\xff\xa0'],
      ['x-colon', 'a:b:'],
    ])
    t.equal(Object.getPrototypeOf(head.headers), null)
  })
})

t.test('a response, field by field, in every chunking', async t => {
  const text = 'HTTP/1.1 101 Switching \xa0 Protocols\r\nUpgrade: websocket\r\n\r\n'
  everySplit(latin1(`${text}\x81\x01a`), chunks => {
    const { head, fault, behind } = outcome('response', chunks)
    t.equal(fault, undefined)
    t.equal(behind, '\x81\x01a')
    t.strictSame(
      { ...head, headers: { ...head?.headers } },
      {
        httpVersion: '1.1',
        status: 101,
        reason: 'Switching \xa0 Protocols',
        rawHeaders: ['Upgrade', 'websocket'],
        headers: { upgrade: 'websocket' },
      },
    )
  })
})

const REQUESTS: readonly [line: string, method: string, url: string, httpVersion?: string][] = [
  ['GET / HTTP/1.1', 'GET', '/'],
  ['GET //a/../b?c?d/e HTTP/1.1', 'GET', '//a/../b?c?d/e'],
  ['GET /"<>\\^`{|}~ HTTP/1.1', 'GET', '/"<>\\^`{|}~'],
  ['GET http://a.example/chat HTTP/1.1', 'GET', 'http://a.example/chat'],
  ['GET WSS://a.example HTTP/1.1', 'GET', 'WSS://a.example'],
  ['OPTIONS * HTTP/1.1', 'OPTIONS', '*'],
  ["!#$%&'*+-.^_`|~ / HTTP/1.1", "!#$%&'*+-.^_`|~", '/'],
  ['\r\nGET / HTTP/1.1', 'GET', '/'],
  ['GET /events HTTP/1.0', 'GET', '/events', '1.0'],
]

t.test('request-lines', async t => {
  for (const [line, method, url, httpVersion = '1.1'] of REQUESTS) {
    everySplit(latin1(`${line}\r\nA: b\r\n\r\n`), chunks => {
      t.match(
        outcome('request', chunks),
        { head: { method, url, httpVersion, rawHeaders: ['A', 'b'] }, fault: undefined },
        line,
      )
    })
  }
})

const RESPONSES: readonly [line: string, httpVersion: string, status: number, reason: string][] = [
  ['HTTP/1.1 200 OK', '1.1', 200, 'OK'],
  ['HTTP/1.0 404 Not Found', '1.0', 404, 'Not Found'],
  ['HTTP/1.1 101 ', '1.1', 101, ''],
  ['HTTP/1.1 101', '1.1', 101, ''],
  ['HTTP/1.1 999  a\t', '1.1', 999, ' a\t'],
]

t.test('status-lines', async t => {
  for (const [line, httpVersion, status, reason] of RESPONSES) {
    everySplit(latin1(`${line}\r\n\r\n`), chunks => {
      t.match(outcome('response', chunks), { head: { httpVersion, status, reason }, fault: undefined }, line)
    })
  }
})

const REFUSED_REQUESTS: readonly [head: string, fault: HeadFault, clause: string][] = [
  ['GET / HTTP/1.1\nHost: a\n\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare LF'],
  ['GET / HTTP/1.1\r\nHost: a\n\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare LF'],
  ['GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare LF'],
  ['\nGET / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare LF'],
  ['GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare CR'],
  ['GET / HTTP/1.1\r\r\nA: b\r\n\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare CR'],
  ['GET / HTTP/1.1\r\nA: b\r\n\r\r\n', 'WS_ERR_HEAD_LINE_END', 'RFC 9112 §2.2: bare CR'],
  ['\x16\x03\x01\x02\0\x01', 'WS_ERR_HEAD_CONTROL', 'RFC 9110 §5.5: a TLS ClientHello'],
  ['GET / HTTP/1.1\r\nA: b\0\r\n\r\n', 'WS_ERR_HEAD_CONTROL', 'RFC 9110 §5.5: NUL'],
  ['GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n', 'WS_ERR_HEAD_CONTROL', 'RFC 9110 §5.5: DEL'],
  ['\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.2: one empty line may be ignored'],
  ['\r\n\r\nGET / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.2: one empty line may be ignored'],
  ['GET /\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: HTTP/0.9'],
  ['GET  / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: one SP'],
  ['GET /  HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: one SP'],
  [' GET / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: one SP'],
  ['GET / HTTP/1.1 \r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: one SP'],
  ['GET / a HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3.2: "No whitespace is allowed"'],
  ['GET\t/\tHTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: SP'],
  ['G(T / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9110 §9.1: token'],
  ['GET / http/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.3: "HTTP-name is case-sensitive"'],
  ['GET / HTTP/1.10\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.3: DIGIT "." DIGIT'],
  ['GET / HTTP/11\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.3: DIGIT "." DIGIT'],
  ['HTTP/1.1 200 OK\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §3: a response'],
  ['GET / HTTP/0.9\r\n\r\n', 'WS_ERR_HEAD_HTTP_VERSION', 'RFC 9110 §15.6.6'],
  ['GET / HTTP/1.2\r\n\r\n', 'WS_ERR_HEAD_HTTP_VERSION', 'RFC 9110 §15.6.6'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'WS_ERR_HEAD_HTTP_VERSION', 'RFC 9113 §3.4: the HTTP/2 preface'],
  ['GET * HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9112 §3.2.4: OPTIONS only'],
  ['GET chat HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9112 §3.2'],
  ['GET ?a HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9112 §3.2.1: "/" for an empty path'],
  ['CONNECT a.example:443 HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9112 §3.2.3: not a proxy'],
  ['GET http:/a HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9110 §4.2.1'],
  ['GET http:// HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9110 §4.2.1: empty host'],
  ['GET http:///a HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9110 §4.2.1: empty host'],
  ['GET /a#b HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 6455 §3: no fragment'],
  ['GET /\xe4 HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 3986 §2: ASCII'],
  ['GET /\ta HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_TARGET', 'RFC 9112 §3.2: "No whitespace is allowed"'],
  ['GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n', 'WS_ERR_HEAD_FOLDED', 'RFC 9112 §5.2'],
  ['GET / HTTP/1.1\r\nA: b\r\n\tc: d\r\n\r\n', 'WS_ERR_HEAD_FOLDED', 'RFC 9112 §5.2'],
  ['GET / HTTP/1.1\r\n A: b\r\n\r\n', 'WS_ERR_HEAD_FOLDED', 'RFC 9112 §2.2'],
  ['GET / HTTP/1.1\r\n \r\n\r\n', 'WS_ERR_HEAD_FOLDED', 'RFC 9112 §2.2'],
  ['GET / HTTP/1.1\r\nA : b\r\n\r\n', 'WS_ERR_HEAD_SPACE_BEFORE_COLON', 'RFC 9112 §5.1'],
  ['GET / HTTP/1.1\r\nA\t: b\r\n\r\n', 'WS_ERR_HEAD_SPACE_BEFORE_COLON', 'RFC 9112 §5.1'],
  ['GET / HTTP/1.1\r\n: b\r\n\r\n', 'WS_ERR_HEAD_FIELD_NAME', 'RFC 9110 §5.1'],
  ['GET / HTTP/1.1\r\nA\r\n\r\n', 'WS_ERR_HEAD_FIELD_NAME', 'RFC 9112 §5: no colon'],
  ['GET / HTTP/1.1\r\nA B: c\r\n\r\n', 'WS_ERR_HEAD_FIELD_NAME', 'RFC 9110 §5.1'],
  ['GET / HTTP/1.1\r\n\xe4: c\r\n\r\n', 'WS_ERR_HEAD_FIELD_NAME', 'RFC 9110 §5.1'],
  [`GET / HTTP/1.1\r\nA: ${'b'.repeat(300)}`, 'WS_ERR_HEAD_TOO_LARGE', 'RFC 6585 §5'],
  [`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(7)}`, 'WS_ERR_HEAD_TOO_MANY_FIELDS', 'RFC 6585 §5'],
]

const REFUSED_RESPONSES: readonly [head: string, fault: HeadFault, clause: string][] = [
  ['\r\nHTTP/1.1 101 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.2: for requests only'],
  ['HTTP/1.1 99 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4: 3DIGIT'],
  ['HTTP/1.1 099 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9110 §15: "100..599"'],
  ['HTTP/1.1 1010\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4: 3DIGIT'],
  ['HTTP/1.1  101 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4: one SP'],
  ['HTTP/1.1\t101 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4: SP'],
  ['http/1.1 101 A\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §2.3: "HTTP-name is case-sensitive"'],
  ['GET / HTTP/1.1\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4: a request'],
  ['SSH-2.0-OpenSSH_9.6\r\n\r\n', 'WS_ERR_HEAD_START_LINE', 'RFC 9112 §4'],
  ['HTTP/2.0 101 A\r\n\r\n', 'WS_ERR_HEAD_HTTP_VERSION', 'RFC 9110 §15.6.6'],
  ['HTTP/1.1 101 A\r\nUpgrade : websocket\r\n\r\n', 'WS_ERR_HEAD_SPACE_BEFORE_COLON', 'RFC 9112 §5.1'],
  ['HTTP/1.1 101 A\r\nUpgrade:\r\n websocket\r\n\r\n', 'WS_ERR_HEAD_FOLDED', 'RFC 9112 §5.2'],
]

t.test('what is refused is refused in every chunking, and for good', async t => {
  const limits = { maxBytes: 256, maxFields: 6 }
  for (const [kind, vectors] of [
    ['request', REFUSED_REQUESTS],
    ['response', REFUSED_RESPONSES],
  ] as const) {
    for (const [head, fault, clause] of vectors) {
      everySplit(latin1(head), chunks => {
        const parser = new HeadParser(kind, limits)
        for (const chunk of chunks) parser.push(chunk)
        if (parser.fault !== fault) t.fail(`${JSON.stringify(head)} (${clause}): ${fault}, not ${parser.fault}`)
        if (parser.push(latin1('GET / HTTP/1.1\r\n\r\n')) !== 'failed') t.fail('must stay failed')
        if (parser.head !== undefined || parser.rest.length > 0) t.fail('must not have anything')
      })
    }
  }
})

t.test('every row of HEAD_FAULTS is reached', async t => {
  const reached = new Set(REFUSED_REQUESTS.map(([, fault]) => fault))
  t.strictSame([...reached].sort(), Object.keys(HEAD_FAULTS).sort())
})

t.test('every byte in every place is judged as the grammar says', async t => {
  const isTchar = (byte: number) =>
    byte > 0x20 && byte < 0x7f && !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(byte))
  const isVchar = (byte: number) => byte > 0x20 && byte < 0x7f
  const isText = (byte: number) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
  const places: [before: string, after: string, kind: 'request' | 'response', allowed: (byte: number) => boolean][] =
    [
      ['G', 'T / HTTP/1.1\r\n\r\n', 'request', isTchar],
      ['GET /', 'a HTTP/1.1\r\n\r\n', 'request', byte => isVchar(byte) && byte !== 0x23],
      ['GET http://a', 'a HTTP/1.1\r\n\r\n', 'request', byte => isVchar(byte) && byte !== 0x23],
      ['GET / HTTP/1.1\r\nA', 'a: b\r\n\r\n', 'request', byte => isTchar(byte) || byte === 0x3a],
      ['GET / HTTP/1.1\r\nA: b', 'b\r\n\r\n', 'request', isText],
      ['HTTP/1.1 101 a', 'a\r\n\r\n', 'response', isText],
    ]
  for (const [before, after, kind, allowed] of places) {
    for (let byte = 0; byte < 256; byte++) {
      const { head } = outcome(kind, [latin1(before + String.fromCharCode(byte) + after)])
      if ((head !== undefined) !== allowed(byte)) t.fail(`0x${byte.toString(16)} behind ${JSON.stringify(before)}`)
    }
  }
})

t.test('the limits hold to the byte and to the field', async t => {
  const head = `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(5)}\r\n`
  everySplit(latin1(`${head}rest`), chunks => {
    t.match(outcome('request', chunks, { maxBytes: head.length, maxFields: 5 }), { fault: undefined, behind: 'rest' })
    t.match(outcome('request', chunks, { maxBytes: head.length - 1 }), { fault: 'WS_ERR_HEAD_TOO_LARGE' })
    t.match(outcome('request', chunks, { maxFields: 4 }), { fault: 'WS_ERR_HEAD_TOO_MANY_FIELDS' })
  })
  t.equal(new HeadParser('request', { maxBytes: 1, maxFields: 1 }).push(latin1('G')), 'failed')
  for (const limit of [0, -1, 1.5, NaN, Infinity, '100' as unknown as number]) {
    t.throws(() => new HeadParser('request', { maxBytes: limit }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    t.throws(() => new HeadParser('request', { maxFields: limit }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  }
})

t.test('2,000 fields: refused as too many, or all of them there', async t => {
  const fields = Array.from({ length: 2000 }, (_, i) => `X-${i}: v\r\n`).join('')
  for (const [kind, line] of [
    ['request', 'GET / HTTP/1.1'],
    ['response', 'HTTP/1.1 101 A'],
  ] as const) {
    const bytes = latin1(`${line}\r\n${fields}Upgrade: websocket\r\n\r\n`)
    t.equal(outcome(kind, [bytes]).fault, 'WS_ERR_HEAD_TOO_MANY_FIELDS')
    const { head } = outcome(kind, [bytes], { maxBytes: 65536, maxFields: 2001 })
    t.equal(head?.rawHeaders.length, 4002)
    t.equal(head?.headers.upgrade, 'websocket')
  }
})

t.test('no field name is special', async t => {
  const keys = Object.getOwnPropertyNames(Object.prototype)
  const fields = keys.map(key => `${key}: a\r\n${key}: b\r\n`).join('')
  const { head } = outcome('request', [latin1(`GET / HTTP/1.1\r\n${fields}\r\n`)])
  t.strictSame(Object.entries(head?.headers ?? {}).sort(), keys.map(key => [key.toLowerCase(), 'a, b']).sort())
  const { head: empty } = outcome('request', [latin1('GET / HTTP/1.1\r\n\r\n')])
  for (const key of keys) t.equal(empty?.headers[key], undefined)
})

t.test('garbage is refused at its byte, not when the head is complete', async t => {
  for (const [text, length] of [
    ['\x16\x03\x01', 1],
    ['GET / HTTP/1.1\nHost: a', 15],
    ['GET / HTTP/1.1\r\rHost: a', 16],
  ] as const) {
    const parser = new HeadParser('request')
    t.equal(parser.push(latin1(text.slice(0, length - 1))), 'incomplete')
    t.equal(parser.push(latin1(text.slice(length - 1, length))), 'failed')
  }
})

t.test('rest is a view of the chunk, and the head is not', async t => {
  const [first, second] = [latin1('GET / HTTP/1.1\r\nA'), latin1(': b\r\n\r\nrest')]
  const parser = new HeadParser('request')
  t.equal(parser.push(new Uint8Array(0)), 'incomplete')
  t.equal(parser.push(first), 'incomplete')
  first.fill(0)
  t.equal(parser.push(new Uint8Array(second)), 'complete', 'any Uint8Array will do')
  t.match(parser.head, { rawHeaders: ['A', 'b'] })
  const whole = new HeadParser('request')
  const chunk = latin1('GET / HTTP/1.1\r\nA: b\r\n\r\nrest')
  t.equal(whole.push(chunk), 'complete')
  t.equal(whole.rest.buffer, chunk.buffer)
  chunk.fill(0)
  t.match(whole.head, { rawHeaders: ['A', 'b'] })
  t.equal(whole.push(latin1('more')), 'complete')
  t.equal(whole.rest.length, 4)
})

t.test('a head of up to 1 MiB that comes byte by byte takes linear time', async t => {
  const exponent = timeExponent(1024, 16, fields => {
    const bytes = latin1(`GET / HTTP/1.1\r\n${`A: ${'b'.repeat(60)}\r\n`.repeat(fields)}\r\n`)
    const parser = new HeadParser('request', { maxBytes: bytes.length, maxFields: fields })
    return () => {
      for (let at = 0; at < bytes.length; at++) parser.push(bytes.subarray(at, at + 1))
      t.equal(parser.head?.rawHeaders.length, 2 * fields)
    }
  })
  t.ok(exponent < LINEAR, `exponent ${exponent.toFixed(2)}`)
})
