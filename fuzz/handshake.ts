/**
 * Requests and responses out of the grammar, with parts exchanged and bytes changed: nothing throws, the chunking
 * makes no difference, what is accepted can be answered and is accepted in turn, and what is refused gets an answer
 * that can be read and ends the connection.
 */
import fc from 'fast-check'
import {
  acceptFor,
  checkRequest,
  checkResponse,
  chooseProtocol,
  formatRefusal,
  formatResponse,
  REQUEST_FAULTS,
  RESPONSE_FAULTS,
  refusalFor,
} from '../lib/websocket/handshake.ts'
import { HEAD_FAULTS, HeadParser } from '../lib/websocket/http-head.ts'
import { fromProperty, hold } from './target.ts'
import { cut, cuts } from './traffic.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Usually the first; else something that is as good, or is not. */
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(usual, ...others) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 12 }) },
  )

const token = fc.oneof(
  fc.constantFrom('a', 'chat', 'superchat', 'v1.x', 'constructor', '__proto__', 'permessage-deflate', 'upgrade'),
  fc.string({ unit: 'grapheme-ascii', maxLength: 6 }),
)
const list = fc
  .array(token, { maxLength: 4 })
  .chain(tokens => fc.constantFrom(', ', ',', ' ,\t', ',,').map(comma => tokens.join(comma)))
const extensionName = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('permessage-deflate', 'x-other') }, token)
const argument = fc.oneof(
  token.map(value => `=${value}`),
  token.map(value => `="${value}"`),
  fc.constant(''),
)
const parameter = fc.tuple(token, argument).map(([name, argument]) => `; ${name}${argument}`)
const extensions = fc
  .array(
    fc.tuple(extensionName, fc.array(parameter, { maxLength: 3 })).map(([name, rest]) => name + rest.join('')),
    { maxLength: 3 },
  )
  .map(list => list.join(', '))

const field = (name: string, value: fc.Arbitrary<string>) => value.map(value => `${name}: ${value}`)

/** Fields that are there as a rule, some of them left out, repeated or joined by others. */
const fields = (...usual: fc.Arbitrary<string>[]) =>
  fc
    .tuple(
      fc.tuple(...usual),
      fc.array(
        fc.oneof(
          field('Sec-WebSocket-Protocol', list),
          field('Sec-WebSocket-Extensions', extensions),
          field('Content-Length', fc.constantFrom('0', '1', '', 'a')),
          field('Transfer-Encoding', fc.constantFrom('chunked', '')),
          field('X-Other', fc.string({ unit: 'binary', maxLength: 20 })),
          fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
          ...usual,
        ),
        { maxLength: 4 },
      ),
      fc.option(fc.nat({ max: 20 })),
    )
    .map(([there, more, missing]) => [...there, ...more].filter((_, i) => i !== missing))

const requestText = fc
  .tuple(
    mostly('GET', 'POST', 'get', 'OPTIONS'),
    mostly('/chat?a=1', '*', 'http://example.com/', '/\u00e9', '//', ''),
    mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1'),
    fields(
      field('Host', mostly('example.com', 'example.com:80', '[::1]', '', 'a b')),
      field('Upgrade', mostly('websocket', 'WebSocket', 'h2c, websocket', 'h2c', 'websocket/13')),
      field('Connection', mostly('Upgrade', 'keep-alive, upgrade', 'close', ', Upgrade ,')),
      field('Sec-WebSocket-Version', mostly('13', '8', '013', '13, 8')),
      field('Sec-WebSocket-Key', mostly(KEY, 'AQIDBAUGBwgJCgsMDQ4PEC==', 'short==')),
    ),
  )
  .map(([method, url, version, fields]) => [`${method} ${url} ${version}`, ...fields])

const responseText = fc
  .tuple(
    mostly('HTTP/1.1', 'HTTP/1.0'),
    mostly('101', '200', '1010', '404'),
    fields(
      field('Upgrade', mostly('websocket', 'WEBSOCKET', 'h2c')),
      field('Connection', mostly('Upgrade', 'keep-alive, Upgrade', 'close')),
      field('Sec-WebSocket-Accept', mostly(acceptFor(KEY), acceptFor('other'), '')),
      field('Sec-WebSocket-Extensions', extensions),
    ),
  )
  .map(([version, status, fields]) => [`${version} ${status} Switching Protocols`, ...fields])

const ending = fc.record({
  lineEnd: fc.oneof({ weight: 15, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r', '\r\n ', '\r\n\r\n')),
  rest: fc.string({ unit: 'binary-ascii', maxLength: 10 }),
  change: fc.option(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }), { freq: 4 }),
})

function toBytes(
  lines: string[],
  { lineEnd, rest, change }: typeof ending extends fc.Arbitrary<infer T> ? T : never,
) {
  const bytes = Buffer.from(lines.join(lineEnd) + lineEnd + lineEnd + rest, 'latin1')
  if (change !== null) bytes[change.at % bytes.length] = change.byte
  return bytes
}

/** A head out of chunks, and what came behind it. */
function parse<Kind extends 'request' | 'response'>(kind: Kind, chunks: readonly Uint8Array[]) {
  const parser = new HeadParser(kind, { maxBytes: 400, maxFields: 12 })
  const behind: Uint8Array[] = []
  for (const chunk of chunks) {
    const isLate = parser.head !== undefined
    const state = parser.push(chunk)
    hold(state === (parser.fault ? 'failed' : parser.head ? 'complete' : 'incomplete'), () => `${state} is wrong`)
    if (parser.head !== undefined) behind.push(isLate ? chunk : parser.rest)
  }
  hold(
    parser.fault === undefined || (parser.head === undefined && parser.fault in HEAD_FAULTS),
    () => 'head and fault',
  )
  return { head: parser.head, fault: parser.fault, behind: Buffer.concat(behind).toString('latin1') }
}

/** The head of an answer of ours: it must be readable. */
function readAnswer(text: string) {
  const parser = new HeadParser('response')
  hold(parser.push(Buffer.from(text, 'latin1')) === 'complete', () => `cannot be read: ${text}`)
  return parser.head!
}

const request = fc.property(requestText, ending, cuts, (lines, end, sizes) =>
  judgeRequest(toBytes(lines, end), sizes),
)

/** Throws for what must not be. */
export function judgeRequest(bytes: Buffer, sizes: readonly number[]): void {
  const whole = parse('request', cut(bytes, [bytes.length]))
  hold(
    JSON.stringify(parse('request', cut(bytes, sizes))) === JSON.stringify(whole),
    () => `another result in chunks than ${JSON.stringify(whole)}`,
  )
  const { head, fault: headFault } = whole
  const check = head === undefined ? undefined : checkRequest(head)
  const fault = check?.ok === false ? check.fault : headFault
  if (fault !== undefined) {
    hold(fault in REQUEST_FAULTS || fault in HEAD_FAULTS, () => fault)
    const { status, headers } = readAnswer(formatRefusal(refusalFor(fault)))
    hold(status >= 400 && /^close\b/.test(headers.connection ?? ''), () => `${fault}: ${status}, kept open`)
  } else if (check?.ok) {
    const protocol = chooseProtocol(check.protocols, ['superchat', 'chat'])
    const response = readAnswer(formatResponse({ key: check.key, protocol }))
    const offer = { key: check.key, protocols: protocol === undefined ? [] : check.protocols, extensionsOffered: [] }
    const answer = checkResponse(response, offer)
    hold(answer.ok, () => `our own answer is refused: ${JSON.stringify(answer)}`)
    hold(new Set(check.protocols).size === check.protocols.length, () => 'a subprotocol twice')
  }
}

const response = fc.property(responseText, ending, cuts, list, (lines, end, sizes, offered) =>
  judgeResponse(toBytes(lines, end), sizes, offered),
)

/** Throws for what must not be. */
export function judgeResponse(bytes: Buffer, sizes: readonly number[], offered: string): void {
  const whole = parse('response', cut(bytes, [bytes.length]))
  hold(
    JSON.stringify(parse('response', cut(bytes, sizes))) === JSON.stringify(whole),
    () => `another result in chunks than ${JSON.stringify(whole)}`,
  )
  if (whole.head === undefined) return
  const protocols = [...new Set(offered.split(/[ ,\t]+/).filter(name => name !== ''))]
  const offer = { key: KEY, protocols, extensionsOffered: ['permessage-deflate'] }
  const answer = checkResponse(whole.head, offer)
  if (!answer.ok) {
    hold(answer.fault in RESPONSE_FAULTS && answer.words.length < 500, () => JSON.stringify(answer))
    return
  }
  const { status, headers } = whole.head
  hold(status === 101 && headers['sec-websocket-accept'] === acceptFor(KEY), () => 'accepted without a proof')
  hold(protocols.length === 0 ? answer.protocol === '' : protocols.includes(answer.protocol), () => answer.protocol)
  hold(
    answer.extensions.every(({ name }) => name === 'permessage-deflate'),
    () => JSON.stringify(answer.extensions),
  )
}

export const targets = [fromProperty('request', request), fromProperty('response', response)]
