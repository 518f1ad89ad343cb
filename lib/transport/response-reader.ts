/**
 * What a client reads before the connection is open: the response's head within its bounds, interim responses
 * skipped, and of a response that is not a 101 the first bytes of the body, for whoever wants to know why.
 */
import { HandshakeError, type HandshakeResponse } from '../errors.ts'
import { HEAD_FAULTS, type HeadLimits, HeadParser, type ResponseHead } from '../websocket/http-head.ts'

/** The most of a body that is kept. */
const BODY_LIMIT = 65_536
/** Interim responses (RFC 9110 §15.2) that may come before the final one. */
const MOST_INTERIM = 8
/** The longest line between two chunks; a longer one ends the body. */
const LINE_LIMIT = 1024
const LF = 0x0a

/** A 101 with what came behind its head, or another response, complete as far as it is kept. */
export type Outcome =
  | { readonly head: ResponseHead; readonly rest: Uint8Array }
  | { readonly response: HandshakeResponse }

export class ResponseReader {
  readonly #limits: HeadLimits
  #parser: HeadParser<'response'>
  #interim = 0
  #head: ResponseHead | undefined = undefined
  #body: BodyReader | undefined = undefined

  constructor(limits: HeadLimits) {
    this.#limits = limits
    this.#parser = new HeadParser('response', limits)
  }

  /** The response so far, if it is not a 101 and its head is there. */
  get response(): HandshakeResponse | undefined {
    return this.#head === undefined ? undefined : responseOf(this.#head, this.#body?.content)
  }

  /**
   * Takes what came; undefined while more is needed.
   *
   * @throws {HandshakeError} the head cannot be read
   */
  push(chunk: Uint8Array): Outcome | undefined {
    if (this.#body !== undefined) return this.#pushBody(this.#body, chunk)
    const state = this.#parser.push(chunk)
    if (state === 'incomplete') return undefined
    const { head, fault, rest } = this.#parser
    if (head === undefined) {
      const [, clause, words] = HEAD_FAULTS[fault ?? 'WS_ERR_HEAD_START_LINE']
      throw new HandshakeError(fault ?? 'WS_ERR_HEAD_START_LINE', `${words} (${clause})`)
    }
    if (head.status === 101) return { head, rest }
    if (head.status < 200 && ++this.#interim <= MOST_INTERIM) {
      this.#parser = new HeadParser('response', this.#limits)
      return this.push(rest)
    }
    this.#head = head
    this.#body = new BodyReader(head)
    return this.#pushBody(this.#body, rest)
  }

  #pushBody(body: BodyReader, chunk: Uint8Array): Outcome | undefined {
    body.push(chunk)
    const response = body.isComplete ? this.response : undefined
    return response === undefined ? undefined : { response }
  }
}

export function responseOf(head: ResponseHead, body: Buffer = Buffer.alloc(0)): HandshakeResponse {
  return { status: head.status, headers: head.headers, body }
}

/** Takes content out of its framing (RFC 9112 §6.3), in time that is linear whatever the chunking. */
class BodyReader {
  /** All of it is there, or as much as is kept, or the framing is broken. */
  isComplete = false
  readonly #pieces: Buffer[] = []
  #length = 0
  /** Bytes of content that come before anything else. */
  #remaining: number
  /** The line of the chunked coding that comes then (RFC 9112 §7.1). */
  #next: 'size' | 'chunk-end' | 'trailer' | undefined = undefined
  #line = ''

  constructor({ status, headers }: ResponseHead) {
    const length = headers['content-length']
    if (status < 200 || status === 204 || status === 304) this.#remaining = 0
    else if (/\bchunked\s*$/i.test(headers['transfer-encoding'] ?? '')) {
      this.#remaining = 0
      this.#next = 'size'
    } else this.#remaining = length === undefined ? Infinity : /^\d+$/.test(length) ? Number(length) : 0
    this.isComplete = this.#remaining === 0 && this.#next === undefined
  }

  get content(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.isComplete; ) {
      if (this.#remaining === 0) this.#pushLine(bytes[at++] as number)
      else at += this.#keep(bytes.subarray(at, at + Math.min(this.#remaining, BODY_LIMIT - this.#length)))
    }
  }

  #keep(piece: Uint8Array): number {
    this.#pieces.push(Buffer.from(piece))
    this.#length += piece.length
    this.#remaining -= piece.length
    this.isComplete = this.#length === BODY_LIMIT || (this.#remaining === 0 && this.#next === undefined)
    return piece.length
  }

  #pushLine(byte: number): void {
    this.#line += String.fromCharCode(byte)
    if (byte !== LF && this.#line.length < LINE_LIMIT) return
    const line = this.#line.trim()
    this.#line = ''
    if (this.#next === 'size' && /^[\da-f]+/i.test(line)) {
      this.#remaining = Number.parseInt(line, 16)
      this.#next = this.#remaining === 0 ? 'trailer' : 'chunk-end'
    } else if (this.#next === 'chunk-end' && line === '') {
      this.#next = 'size'
    } else {
      this.isComplete = this.#next !== 'trailer' || line === ''
    }
  }
}
