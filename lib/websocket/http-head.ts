/**
 * The head of an HTTP/1.1 message (RFC 9112 §2.1) out of bytes in any chunking: the request on a server's own
 * port, the response on a client.
 *
 *     switch (parser.push(chunk)) {
 *       case 'complete': use(parser.head, parser.rest)   // rest: what came behind the blank line
 *       case 'failed': refuse(parser.fault)              // a row of HEAD_FAULTS
 *     }
 *
 * Strict where leniency lets two parsers read two messages out of the same bytes: lines end in CRLF, nothing is
 * folded, nothing stands between a field name and its colon, nothing is a control character.
 *
 * Each byte is looked at once, when it comes: line ends, controls, size and number of lines are checked there, so
 * that the chunking makes no difference and garbage is refused at once. The text is taken apart when the blank
 * line is there. A head that comes in one chunk is not copied; of any other, at most `maxBytes` are kept.
 *
 * Knows nothing of WebSocket, of what the fields mean, or of bodies.
 */
import { argumentError } from '../errors.ts'
import { isToken } from './header-fields.ts'

/** Status that a server answers, the clause that is broken, and the words for it. */
export type HttpFault = readonly [status: number, clause: string, words: string]

/** Every way in which a head can be refused. The status is of use for requests only. */
export const HEAD_FAULTS = {
  WS_ERR_HEAD_LINE_END: [400, 'RFC 9112 §2.2', 'line does not end in CRLF'],
  WS_ERR_HEAD_CONTROL: [400, 'RFC 9110 §5.5', 'control character in the head'],
  WS_ERR_HEAD_TOO_LARGE: [431, 'RFC 6585 §5', 'head is longer than maxBytes'],
  WS_ERR_HEAD_TOO_MANY_FIELDS: [431, 'RFC 6585 §5', 'head has more than maxFields fields'],
  WS_ERR_HEAD_START_LINE: [400, 'RFC 9112 §2.1', 'start-line is malformed'],
  WS_ERR_HEAD_HTTP_VERSION: [505, 'RFC 9110 §15.6.6', 'HTTP version is not supported'],
  WS_ERR_HEAD_TARGET: [400, 'RFC 9112 §3.2', 'request-target is malformed'],
  WS_ERR_HEAD_FOLDED: [400, 'RFC 9112 §5.2', 'line begins with whitespace'],
  WS_ERR_HEAD_SPACE_BEFORE_COLON: [400, 'RFC 9112 §5.1', 'whitespace between a field name and its colon'],
  WS_ERR_HEAD_FIELD_NAME: [400, 'RFC 9110 §5.1', 'field name is missing or not a token'],
} as const satisfies Record<string, HttpFault>

export type HeadFault = keyof typeof HEAD_FAULTS

interface Fields {
  /** Names and values in turn, as they came: the shape of node's `IncomingMessage.rawHeaders`. */
  readonly rawHeaders: readonly string[]
  /** No prototype; names in lower case, the values of a repeated field joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
}

/** Has the property names of node's `IncomingMessage`. */
export interface RequestHead extends Fields {
  readonly method: string
  /** The request-target: origin-form or absolute-form, or `*` with OPTIONS. */
  readonly url: string
  readonly httpVersion: string
}

export interface ResponseHead extends Fields {
  readonly httpVersion: string
  readonly status: number
  readonly reason: string
}

interface Heads {
  readonly request: RequestHead
  readonly response: ResponseHead
}

export interface HeadLimits {
  /** Default 16384, blank line included. */
  readonly maxBytes?: number | undefined
  /** Default 100. */
  readonly maxFields?: number | undefined
}

export type HeadState = 'incomplete' | 'complete' | 'failed'

const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const DEL = 0x7f

const NO_BYTES = Buffer.alloc(0)
const NOT_FOUND = -1

export class HeadParser<Kind extends keyof Heads> {
  /** Set once the head is complete. */
  head: Heads[Kind] | undefined = undefined
  /** What the last chunk holds behind the head: a view of it. */
  rest: Uint8Array = NO_BYTES
  /** Set once the head is refused. */
  fault: HeadFault | undefined = undefined

  readonly #kind: Kind
  readonly #maxBytes: number
  readonly #maxFields: number
  /** The chunks before this one, when the head did not come in one. */
  #kept = NO_BYTES
  #keptLength = 0
  /** Lines that have ended, the start-line included. */
  #lineCount = 0
  #lineLength = 0
  #afterCr = false

  constructor(kind: Kind, { maxBytes = 16384, maxFields = 100 }: HeadLimits = {}) {
    for (const [name, limit] of Object.entries({ maxBytes, maxFields })) {
      if (!Number.isSafeInteger(limit) || limit < 1) {
        throw argumentError('ERR_OUT_OF_RANGE', `${name} must be a positive integer`)
      }
    }
    this.#kind = kind
    this.#maxBytes = maxBytes
    this.#maxFields = maxFields
  }

  /** Takes the next chunk, of which nothing is kept but a copy. Once complete or failed, chunks are not looked at. */
  push(chunk: Uint8Array): HeadState {
    if (this.fault !== undefined) return 'failed'
    if (this.head !== undefined) return 'complete'
    const end = this.#findEnd(chunk)
    if (this.fault === undefined) {
      if (end === NOT_FOUND) {
        this.#keep(chunk)
        return 'incomplete'
      }
      const result = PARSERS[this.#kind](this.#linesUpTo(end, chunk))
      if (typeof result === 'string') {
        this.fault = result
      } else {
        this.head = result
        this.rest = chunk.subarray(end)
      }
    }
    this.#kept = NO_BYTES
    return this.fault === undefined ? 'complete' : 'failed'
  }

  /** Where in `chunk` the blank line ends. */
  #findEnd(chunk: Uint8Array): number {
    const limit = Math.min(chunk.length, this.#maxBytes - this.#keptLength)
    for (let at = 0; at < limit; at++) {
      const byte = chunk[at] as number
      if (this.#afterCr) {
        // RFC 9112 §2.2: "A recipient of such a bare CR MUST consider that element to be invalid"
        if (byte !== LF) return this.#fail('WS_ERR_HEAD_LINE_END')
        this.#afterCr = false
        if (this.#lineLength > 0) {
          this.#lineLength = 0
          if (++this.#lineCount > 1 + this.#maxFields) return this.#fail('WS_ERR_HEAD_TOO_MANY_FIELDS')
        } else if (this.#lineCount > 0) {
          return at + 1
        } else if (this.#kind === 'response' || this.#keptLength + at > 1) {
          // §2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one
          // empty line (CRLF) received prior to the request-line": one, at the very beginning
          return this.#fail('WS_ERR_HEAD_START_LINE')
        }
      } else if (byte === CR) {
        this.#afterCr = true
      } else if (byte === LF) {
        // §2.2: "a recipient MAY recognize a single LF as a line terminator"; we do not
        return this.#fail('WS_ERR_HEAD_LINE_END')
      } else if ((byte < SP && byte !== HTAB) || byte === DEL) {
        // RFC 9110 §5.5: "Field values containing other CTL characters are also invalid"
        return this.#fail('WS_ERR_HEAD_CONTROL')
      } else {
        this.#lineLength++
      }
    }
    // A head that has not ended within maxBytes cannot end there any more.
    return this.#keptLength + limit === this.#maxBytes ? this.#fail('WS_ERR_HEAD_TOO_LARGE') : NOT_FOUND
  }

  #fail(fault: HeadFault): typeof NOT_FOUND {
    this.fault = fault
    return NOT_FOUND
  }

  #keep(chunk: Uint8Array): void {
    const length = this.#keptLength + chunk.length
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(1024, 2 * length)))
      larger.set(this.#kept.subarray(0, this.#keptLength))
      this.#kept = larger
    }
    this.#kept.set(chunk, this.#keptLength)
    this.#keptLength = length
  }

  /** The start-line and the field lines, once the blank line is there; by then their ends are known to be CRLF. */
  #linesUpTo(end: number, chunk: Uint8Array): string[] {
    const last = Buffer.from(chunk.buffer, chunk.byteOffset, end)
    const text = this.#kept.toString('latin1', 0, this.#keptLength) + last.toString('latin1')
    return text.slice(text.startsWith('\r\n') ? 2 : 0, -4).split('\r\n')
  }
}

const PARSERS: { readonly [Kind in keyof Heads]: (lines: readonly string[]) => Heads[Kind] | HeadFault } = {
  request: parseRequestHead,
  response: parseResponseHead,
}

function parseRequestHead(lines: readonly string[]): RequestHead | HeadFault {
  // RFC 9112 §3: "request-line = method SP request-target SP HTTP-version"
  const parts = /^([^ ]+) ([^ ]+) HTTP\/(\d\.\d)$/.exec(lines[0] ?? '')
  if (parts === null) return 'WS_ERR_HEAD_START_LINE'
  const [, method, url, httpVersion] = parts as unknown as [string, string, string, string]
  // RFC 9110 §9.1: "method = token"
  if (!isToken(method)) return 'WS_ERR_HEAD_START_LINE'
  // What is above 1.1 is not written as text. HTTP/1.0 is what many proxies speak to the servers behind them; that it
  // is not enough for an upgrade is looked at with the rest of the handshake.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'WS_ERR_HEAD_HTTP_VERSION'
  // RFC 9112 §3.2: origin-form or absolute-form, printable ASCII without "#"; §3.2.4: "asterisk-form of
  // request-target is only used for a server-wide OPTIONS request"
  const isTarget = /^(?:\/|[a-z][a-z\d+.-]*:\/\/(?=[^/?]))[!-"$-~]*$/i.test(url)
  if (!isTarget && (url !== '*' || method !== 'OPTIONS')) return 'WS_ERR_HEAD_TARGET'
  const fields = parseFields(lines)
  if (typeof fields === 'string') return fields
  return { method, url, httpVersion, rawHeaders: fields.rawHeaders, headers: fields.headers }
}

function parseResponseHead(lines: readonly string[]): ResponseHead | HeadFault {
  // RFC 9112 §4: "status-line = HTTP-version SP status-code SP [ reason-phrase ]". Many servers leave the second
  // SP out with the phrase, and nothing else can be read into that.
  const parts = /^HTTP\/(\d\.\d) ([1-9]\d\d)(?: (.*))?$/.exec(lines[0] ?? '')
  if (parts === null) return 'WS_ERR_HEAD_START_LINE'
  const [, httpVersion, status, reason = ''] = parts as unknown as [string, string, string, string?]
  // An HTTP/1.0 answer can be read and is of use to whoever asks why the handshake failed.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'WS_ERR_HEAD_HTTP_VERSION'
  const fields = parseFields(lines)
  if (typeof fields === 'string') return fields
  return { httpVersion, status: Number(status), reason, rawHeaders: fields.rawHeaders, headers: fields.headers }
}

function parseFields(lines: readonly string[]): Fields | HeadFault {
  const rawHeaders: string[] = []
  const headers: Record<string, string> = Object.create(null)
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string
    // RFC 9112 §5.2: "either reject the message by sending a 400 (Bad Request) [...] or replace"; we reject
    if (isWhitespace(line, 0)) return 'WS_ERR_HEAD_FOLDED'
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    // RFC 9112 §5.1: "A server MUST reject [...] whitespace between a header field name and colon"
    if (isWhitespace(name, name.length - 1)) return 'WS_ERR_HEAD_SPACE_BEFORE_COLON'
    // RFC 9110 §5.1: "field-name = token"
    if (!isToken(name)) return 'WS_ERR_HEAD_FIELD_NAME'
    const value = trimWhitespace(line, colon + 1)
    rawHeaders.push(name, value)
    const key = name.toLowerCase()
    const before = headers[key]
    headers[key] = before === undefined ? value : `${before}, ${value}`
  }
  return { rawHeaders, headers }
}

function isWhitespace(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === SP || code === HTAB
}

/** RFC 9112 §5: "field-line = field-name ":" OWS field-value OWS". String.trim() would take U+00A0 off as well. */
function trimWhitespace(line: string, from: number): string {
  let start = from
  let end = line.length
  while (start < end && isWhitespace(line, start)) start++
  while (end > start && isWhitespace(line, end - 1)) end--
  return line.slice(start, end)
}
