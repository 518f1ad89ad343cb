/**
 * What a client reads of a response, in every chunking: heads that are right and wrong, interim responses before
 * them, what came behind a 101, and the first 64 KiB of any other body, framed in each way that HTTP/1.1 has.
 */
import t from 'tap'
import { type Outcome, ResponseReader } from '../../lib/transport/response-reader.ts'
import { HEAD_FAULTS, type HeadFault } from '../../lib/websocket/http-head.ts'
import { everySplit } from '../support/every-split.ts'
import { LINEAR, timeExponent } from '../support/growth.ts'
import { Random } from '../support/random.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const LIMITS = { maxBytes: 16_384, maxFields: 100 }

/** One line for what the reader makes of the chunks, and what it has at their end. */
function read(chunks: readonly Uint8Array[], limits = LIMITS): string {
  const reader = new ResponseReader(limits)
  const behind: Uint8Array[] = []
  let outcome: Outcome | undefined
  for (const chunk of chunks) {
    if (outcome !== undefined) {
      behind.push(chunk)
      continue
    }
    try {
      outcome = reader.push(chunk)
    } catch (error) {
      const { name, code, response } = error as Error & { code: string; response: unknown }
      return `${name} ${code}${response === undefined ? '' : ' with a response'}`
    }
    if (outcome !== undefined && 'head' in outcome) behind.push(outcome.rest)
  }
  if (outcome === undefined) {
    const { response } = reader
    return response === undefined ? 'incomplete' : `incomplete ${response.status} ${response.body.toString('latin1')}`
  }
  const rest = Buffer.concat(behind).toString('hex')
  if ('head' in outcome) return `head ${outcome.head.status} and ${rest || 'nothing'}`
  return `response ${outcome.response.status} ${outcome.response.body.toString('latin1')}`
}

const UPGRADE = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const EARLY = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

t.test('responses, in every chunking', async t => {
  const vectors: [response: string, outcome: string, clause: string][] = [
    [UPGRADE, 'head 101 and nothing', '101'],
    [`${UPGRADE}\x81\x01a`, 'head 101 and 810161', 'frames behind it'],
    [`${EARLY}HTTP/1.1 100 Continue\r\n\r\n${UPGRADE}\x81`, 'head 101 and 81', 'interim, RFC 9110 §15.2'],
    [EARLY.repeat(8) + UPGRADE, 'head 101 and nothing', 'as many as may come'],
    [EARLY.repeat(9), 'response 103 ', 'one too many is the answer'],
    [EARLY, 'incomplete', 'interim alone'],
    ['HTTP/1.1 101', 'incomplete', 'half a head'],
    ['HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nabc', 'response 401 abc', 'Content-Length'],
    ['HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nab', 'incomplete 401 ab', 'Content-Length, not all'],
    ['HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n', 'response 401 ', 'Content-Length: 0'],
    ['HTTP/1.1 401 No\r\n\r\nabc', 'incomplete 401 abc', 'until the end of the connection'],
    ['HTTP/1.0 401 No\r\n\r\nabc', 'incomplete 401 abc', 'HTTP/1.0'],
    ['HTTP/1.1 204 No Content\r\n\r\n', 'response 204 ', 'no body, RFC 9112 §6.3'],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n', 'response 304 ', 'no body, RFC 9112 §6.3'],
    [`${EARLY}HTTP/1.1 302 Found\r\nContent-Length: 1\r\n\r\na`, 'response 302 a', 'interim, then a redirect'],
    [
      'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n',
      'response 500 abc0123456789',
      'chunks, RFC 9112 §7.1',
    ],
    [
      'HTTP/1.1 500 No\r\nTransfer-Encoding: gzip, Chunked \r\n\r\n10\r\n\r\n0123456789\r\n\r\n\r\n2\r\nab\r\n0\r\n\r\n',
      'response 500 \r\n0123456789\r\n\r\nab',
      'what looks like a last chunk within a chunk',
    ],
    [
      'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n',
      'response 500 abc',
      'a trailer section',
    ],
    ['HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'response 500 ', 'no chunk'],
    ['HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'incomplete 500 ab', 'half a chunk'],
    ['HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', 'incomplete 500 ab', 'a chunk is missing'],
    ['HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab', 'response 500 ', 'not a chunk'],
    [
      'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n',
      'response 500 ab',
      'a chunk that is too long',
    ],
    ['HTTP/1.1 500 No\r\nContent-Length: abc\r\n\r\n', 'response 500 ', 'no length'],
  ]
  const wrong: string[] = []
  for (const [response, outcome, clause] of vectors) {
    everySplit(latin1(response), chunks => {
      const got = read(chunks)
      if (got !== outcome) wrong.push(`${clause}, ${chunks.length} chunks: ${got}`)
    })
  }
  t.strictSame(wrong.slice(0, 10), [])
})

t.test('what comes behind an answer is not part of its body', async t => {
  const vectors: [response: string, outcome: string][] = [
    ['HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n', 'response 401 ab'],
    ['HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\nabc', 'response 401 '],
    ['HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n2\r\ncd\r\n', 'response 401 ab'],
    ['HTTP/1.1 204 No Content\r\n\r\nabc', 'response 204 '],
  ]
  for (const [response, outcome] of vectors) t.equal(read([latin1(response)]), outcome)
})

t.test('each fault of a head is told by its name', async t => {
  const heads: Readonly<Record<HeadFault, string | undefined>> = {
    WS_ERR_HEAD_LINE_END: 'HTTP/1.1 101 Yes\nUpgrade: websocket\n\n',
    WS_ERR_HEAD_CONTROL: 'HTTP/1.1 101 Yes\r\nA: \0\r\n\r\n',
    WS_ERR_HEAD_TOO_LARGE: `HTTP/1.1 101 Yes\r\nA: ${'a'.repeat(16_384)}\r\n\r\n`,
    WS_ERR_HEAD_TOO_MANY_FIELDS: `HTTP/1.1 101 Yes\r\n${'A: b\r\n'.repeat(101)}\r\n`,
    WS_ERR_HEAD_START_LINE: 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
    WS_ERR_HEAD_HTTP_VERSION: 'HTTP/2.0 101 Yes\r\n\r\n',
    // Responses have no target.
    WS_ERR_HEAD_TARGET: undefined,
    WS_ERR_HEAD_FOLDED: 'HTTP/1.1 101 Yes\r\nA: b\r\n c\r\n\r\n',
    WS_ERR_HEAD_SPACE_BEFORE_COLON: 'HTTP/1.1 101 Yes\r\nA : b\r\n\r\n',
    WS_ERR_HEAD_FIELD_NAME: 'HTTP/1.1 101 Yes\r\n: b\r\n\r\n',
  }
  t.strictSame(Object.keys(heads), Object.keys(HEAD_FAULTS))
  for (const [fault, head] of Object.entries(heads)) {
    if (head === undefined) continue
    t.equal(read([latin1(head)]), `HandshakeError ${fault}`)
    t.equal(read([latin1(EARLY + head)]), `HandshakeError ${fault}`, 'behind an interim response')
  }
  const reader = new ResponseReader(LIMITS)
  t.throws(() => reader.push(latin1('HTTP/1.1 101 Yes\r\nA : b\r\n\r\n')), {
    message: 'whitespace between a field name and its colon (RFC 9112 §5.1)',
  })
})

t.test('the limits hold for each head, whatever the chunking', async t => {
  const head = `HTTP/1.1 200 Yes\r\n${'A: b\r\n'.repeat(3)}Content-Length: 0\r\n\r\n`
  for (const chunks of [[latin1(head)], [...latin1(head)].map(byte => Uint8Array.of(byte))]) {
    t.equal(read(chunks, { maxBytes: head.length, maxFields: 4 }), 'response 200 ')
    t.equal(read(chunks, { maxBytes: head.length - 1, maxFields: 4 }), 'HandshakeError WS_ERR_HEAD_TOO_LARGE')
    t.equal(read(chunks, { maxBytes: head.length, maxFields: 3 }), 'HandshakeError WS_ERR_HEAD_TOO_MANY_FIELDS')
  }
  const interim = 'HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n'
  const limits = { maxBytes: Math.max(head.length, interim.length), maxFields: 4 }
  t.equal(read([latin1(interim.repeat(8) + head)], limits), 'response 200 ', 'each head has them for itself')
})

t.test('of a body 64 KiB are kept', async t => {
  const framings: [head: string, frame: (body: string) => string][] = [
    ['', body => body],
    ['Content-Length: 1000000\r\n', body => body],
    ['Transfer-Encoding: chunked\r\n', body => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ]
  for (const [fields, frame] of framings) {
    const reader = new ResponseReader(LIMITS)
    let outcome = reader.push(latin1(`HTTP/1.1 500 No\r\n${fields}\r\n`))
    const bytes = latin1(frame('a'.repeat(1_000_000)))
    for (let at = 0; outcome === undefined && at < bytes.length; at += 10_000) {
      outcome = reader.push(bytes.subarray(at, at + 10_000))
    }
    if (outcome === undefined || !('response' in outcome)) return t.fail(`no response: ${fields}`)
    t.equal(outcome.response.body.length, 65_536, fields)
  }
})

t.test('time is linear: a body in tiny pieces costs little', async t => {
  const exponent = timeExponent(2000, 16, count => {
    const reader = new ResponseReader(LIMITS)
    const chunked = latin1('1\r\na\r\n'.repeat(count))
    reader.push(latin1('HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n'))
    return () => {
      for (let at = 0; at < chunked.length; at++) reader.push(chunked.subarray(at, at + 1))
    }
  })
  t.ok(exponent < LINEAR, `exponent ${exponent.toFixed(2)}`)
})

t.test('random bytes are a fault or wait, and nothing else', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const parts = ['HTTP/1.1 ', '101', '200', ' OK', '\r\n', '\r\n\r\n', 'A: b', 'Transfer-Encoding: chunked', '0', '1']
  parts.push('Content-Length: ', '-1', 'ffffffffffffffff', '1e3', '\0', '\x80', ';', ' ')
  const lines = new Set<string>()
  for (let i = 0; i < 3000; i++) {
    const text = Array.from({ length: random.below(12) }, () => random.pick(parts)).join('')
    const start = random.pick(['', 'HTTP/1.1 500 No\r\n', 'HTTP/1.1 101 Yes\r\n'])
    const line = read(random.chunks(latin1(start + text), 9))
    lines.add(line.replace(/^(HandshakeError WS_ERR_HEAD|head|response|incomplete).*/s, '$1'))
  }
  t.strictSame([...lines].sort(), ['HandshakeError WS_ERR_HEAD', 'head', 'incomplete', 'response'])
})
