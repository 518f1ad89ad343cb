/**
 * An event stream, parsed: WHATWG HTML §9.2.6, "Interpreting an event stream".
 *
 *     feed(chunk) ──► UnparsedText ──► lines ──► fields ──► data buffer, event type buffer, last event ID buffer
 *                                                                      └─ blank line ──► handlers.event
 *
 * It knows no connection: what a reconnection time or an end of the stream means is up to its owner. Handlers run
 * within `feed`, in the order of the stream.
 *
 * Memory: one unfinished line and the data of one event, both bounded, and four MiB for the pieces that these come in. An
 * event's `data` is a slice of the text of its chunk, as any substring in V8, and keeps that text alive for as long as it
 * is kept itself. Time: linear in the input, whatever the chunks. No object is made per line.
 */
import { isUint8Array } from 'node:util/types'
import { UnparsedText } from './unparsed-text.ts'

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const LOWER_D = 0x64
const LOWER_E = 0x65
const LOWER_I = 0x69

/** One MiB. */
const DEFAULT_LIMIT = 1_048_576

export interface ServerSentEvent {
  /** The event type: "message" unless the stream named another. */
  readonly type: string
  /** Lines are joined with LF, whatever they ended with in the stream. */
  readonly data: string
  /**
   * The last event ID as of this event: the ID that the stream gave to it or, if it gave none, to the last one before
   * that had an ID; the empty string if there was none.
   */
  readonly lastEventId: string
}

export interface EventStreamHandlers {
  event(event: ServerSentEvent): void
  /** The text after the colon, without a space that follows it. Streams use comments to keep a connection alive. */
  comment?: ((text: string) => void) | undefined
  /** The stream has set the reconnection time, in milliseconds. At most 2^53 - 1. */
  retry?: ((reconnectionTime: number) => void) | undefined
}

export interface EventStreamParserOptions {
  /** Longest line, in bytes of UTF-8 without its end. Default 1 MiB. */
  readonly maxLineBytes?: number | undefined
  /** Longest `data` of an event, in bytes of UTF-8. Default 1 MiB. */
  readonly maxEventBytes?: number | undefined
  /**
   * The last event ID to begin with. Default the empty string, as §9.2.6 has it; a client that has reconnected gives
   * the one that it has asked to go on from.
   */
  readonly lastEventId?: string | undefined
}

/**
 * Lines are joined to a rope, whose pieces keep the texts alive that they are slices of: what that takes for each code unit
 * of those texts at the most, 64 bytes for a line of five, and from how much on the rope is made one string. As it must
 * have grown by its own length meanwhile, this is linear in the input.
 */
const ROPE = 13
const ROPE_LIMIT = 4_194_304

const ERRORS = {
  ERR_EVENT_STREAM_LINE_TOO_LONG: 'a line is longer than maxLineBytes',
  ERR_EVENT_STREAM_EVENT_TOO_LONG: 'the data of an event is longer than maxEventBytes',
} as const

export type EventStreamErrorCode = keyof typeof ERRORS

/** The stream goes beyond a limit. Its parser has failed for good. */
export class EventStreamError extends Error {
  override readonly name = 'EventStreamError'
  readonly code: EventStreamErrorCode
  /** The limit, in bytes. */
  readonly limit: number

  constructor(code: EventStreamErrorCode, limit: number) {
    super(`${ERRORS[code]} (${limit})`)
    this.code = code
    this.limit = limit
  }
}

export class EventStreamParser {
  readonly #handlers: EventStreamHandlers
  readonly #maxLineBytes: number
  readonly #maxEventBytes: number
  /** So many code units are within both limits, whatever they are: each is at most three bytes. */
  readonly #harmless: number
  readonly #unparsed = new UnparsedText()
  /** Resting is open between events, with nothing in any buffer and nothing unparsed. */
  #state: 'open' | 'resting' | 'parsing' | 'ended' | 'failed' = 'open'
  #failure: EventStreamError | undefined
  /** The data buffer, without the LF at its end; undefined when it is empty. */
  #data: string | undefined
  /** Code units of the texts that lines of it may be slices of, since it was one string. */
  #behindData = 0
  /** The event type buffer. */
  #type = ''
  #lastEventId: string
  /** The last event ID buffer, as long as no blank line has made it the last event ID. */
  #nextId: string | undefined
  #reconnectionTime: number | undefined

  /**
   * @throws {TypeError} `handlers.event` is not a function, or `lastEventId` not a string
   * @throws {RangeError} a limit is not a number from 1 up; Infinity is one
   */
  constructor(handlers: EventStreamHandlers, options: EventStreamParserOptions = {}) {
    const { maxLineBytes = DEFAULT_LIMIT, maxEventBytes = DEFAULT_LIMIT, lastEventId = '' } = options
    if (typeof handlers?.event !== 'function')
      throw misuse('ERR_INVALID_ARG_TYPE', 'handlers.event must be a function')
    if (typeof lastEventId !== 'string') throw misuse('ERR_INVALID_ARG_TYPE', 'lastEventId must be a string')
    this.#handlers = handlers
    this.#maxLineBytes = checkLimit('maxLineBytes', maxLineBytes)
    this.#maxEventBytes = checkLimit('maxEventBytes', maxEventBytes)
    this.#harmless = Math.min(maxLineBytes, maxEventBytes) / 3
    this.#lastEventId = lastEventId
  }

  /** The last event ID string: what a client sends as `Last-Event-ID` when it reconnects. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** In milliseconds; undefined as long as the stream has not set one. */
  get reconnectionTime(): number | undefined {
    return this.#reconnectionTime
  }

  /**
   * Parses the next chunk, cut wherever it may be, and calls the handlers for what it completes.
   *
   * What a handler throws comes out here. Nothing is lost: the next call, with an empty chunk if need be, goes on
   * behind the event or the field whose handler threw.
   *
   * @throws {EventStreamError} the stream goes beyond a limit, now or in an earlier call
   * @throws {TypeError} the chunk is neither a string nor bytes, the parser was ended, or a handler calls this
   */
  feed(chunk: Uint8Array | string): void {
    if (this.#state === 'resting') {
      const text = this.#unparsed.takeLines(chunk)
      if (text !== '' && text.length <= this.#harmless) {
        if (!this.#parseLoneEvent(text)) this.#parseOn(text)
        return
      }
    } else if (this.#state !== 'open') this.#refuse()
    if (typeof chunk !== 'string' && !isUint8Array(chunk)) {
      throw misuse('ERR_INVALID_ARG_TYPE', 'chunk must be a string or a Uint8Array')
    }
    this.#parseOn(this.#unparsed.take(chunk))
  }

  /** Parses `begin`, as it was taken, and what there is more. */
  #parseOn(begin: string): void {
    this.#state = 'open'
    for (let text = begin; text !== ''; text = this.#unparsed.more()) this.#parse(text)
    // An unfinished line is at least as many bytes as it has code units; its bytes are counted when its end comes.
    if (this.#unparsed.length > this.#maxLineBytes) this.#failLine()
    const isPending = this.#data !== undefined || this.#type !== '' || this.#nextId !== undefined
    if (this.#state === 'open' && !isPending && this.#unparsed.isEmpty) this.#state = 'resting'
  }

  /**
   * The stream has ended. A handler may call this, to hear no more. More than once does no harm.
   *
   * §9.2.6: "Once the end of the file is reached, any pending data must be discarded. (If the file ends in the middle
   * of an event, before the final empty line, the incomplete event is not dispatched.)"
   */
  end(): void {
    if (this.#state === 'open') this.feed('') // goes on with what a handler that threw has left
    if (this.#state === 'failed') return
    this.#state = 'ended'
    this.#discard()
  }

  /**
   * Parses `text` if it is one event of one data line, with or without a type before it: what most chunks of a language
   * model are (bench `token`). Returns whether it is that.
   */
  #parseLoneEvent(text: string): boolean {
    const { length } = text
    let start = 0
    let type = 'message'
    if (text.charCodeAt(0) === LOWER_E && isEvent(text, 0)) {
      start = text.indexOf('\n') + 1
      type = fieldValue(text, 5, start - 1) || type
    }
    if (text.charCodeAt(start) !== LOWER_D || !isData(text, start)) return false
    const lf = text.indexOf('\n', start)
    let end = lf
    if (lf !== length - 2 || text.includes('\r')) {
      // Or the same with CRLF (bench `token, CRLF`).
      end = length - 4
      if (lf !== end + 1 || text.indexOf('\r') !== end || text.charCodeAt(length - 2) !== CR) return false
    }
    this.#state = 'parsing'
    try {
      this.#handlers.event({ type, data: fieldValue(text, start + 4, end), lastEventId: this.#lastEventId })
    } finally {
      if (this.#state === 'parsing') this.#state = 'resting'
    }
    return true
  }

  /** Parses the whole lines of `text`, which begins with one, and puts the rest back. */
  #parse(text: string): void {
    const { length } = text
    const idBefore = this.#lastEventId
    const mayExceed = length + (this.#data?.length ?? 0) > this.#harmless
    // The next LF and CR, `length` for none: looked for when what was found last lies behind, so never twice.
    let lf = -1
    let cr = text.includes('\r') ? find(text, '\r', 0) : length
    let at = 0
    let isInterrupted = true
    // The buffers live in variables meanwhile (bench `Anthropic events` and `events with IDs`).
    let data = this.#data
    let type = this.#type
    let nextId = this.#nextId
    this.#state = 'parsing'
    try {
      while (at < length && this.#state === 'parsing') {
        const start = at
        const first = text.charCodeAt(start)
        if (lf < start) lf = first === LF ? start : find(text, '\n', start)
        // §9.2.6: a line ends with "a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single U+000A
        // LINE FEED (LF) character not preceded by a U+000D CARRIAGE RETURN (CR) character, and a single U+000D
        // CARRIAGE RETURN (CR) character not followed by a U+000A LINE FEED (LF) character".
        let end = lf
        let next = lf + 1
        if (cr <= lf) {
          if (cr === length) break
          end = cr
          next = lf === cr + 1 ? lf + 1 : cr + 1
          if (cr + 1 === length) this.#unparsed.ignoreLineFeed()
          cr = find(text, '\r', next)
        }
        // A slice of most lines is spared (bench `data lines of one event`).
        if (mayExceed && (end - start) * 3 > this.#maxLineBytes) this.#checkLine(text.slice(start, end))
        at = next
        if (first === LOWER_D && isData(text, start)) {
          // §9.2.6: "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to
          // the data buffer."
          const value = fieldValue(text, start + 4, end)
          const isNextBlank = text.charCodeAt(at) === LF
          // Most often it is, and nothing is pending (bench `8-byte events`).
          if (isNextBlank && data === undefined && nextId === undefined && !mayExceed) {
            at++
            const eventType = type
            type = ''
            this.#dispatch(value, eventType)
            continue
          }
          data = data === undefined ? value : `${data}\n${value}`
          if (mayExceed && data.length > this.#maxEventBytes) this.#failEvent()
          if (!isNextBlank) continue
          at++
        } else if (first === LOWER_E && isEvent(text, start)) {
          // §9.2.6: "Set the event type buffer to field value."
          type = fieldValue(text, start + 5, end)
          continue
        } else if (first === LOWER_I && isId(text, start)) {
          // §9.2.6: "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field
          // value. Otherwise, ignore the field."
          const value = fieldValue(text, start + 2, end)
          if (!value.includes('\0')) nextId = value
          continue
        } else if (end !== start) {
          this.#processLine(text, start, end)
          continue
        }
        if (mayExceed && data !== undefined && isLonger(data, this.#maxEventBytes)) this.#failEvent()
        // §9.2.6: "If the line is empty (a blank line)[,] Dispatch the event". By its numbers, 1: "Set the last event ID
        // string of the event source to the value of the last event ID buffer. The buffer does not get reset".
        if (nextId !== undefined) {
          this.#lastEventId = nextId
          nextId = undefined
        }
        const eventData = data
        const eventType = type
        data = undefined
        type = ''
        this.#dispatch(eventData, eventType)
      }
      isInterrupted = false
    } finally {
      if (this.#state === 'parsing') {
        this.#state = 'open'
        this.#data = data
        this.#behindData = data === undefined ? 0 : this.#behindData + length
        if (data !== undefined && this.#behindData * ROPE > data.length + ROPE_LIMIT) this.#makeFlat(data)
        this.#type = type
        this.#nextId = nextId
        if (at < length || isInterrupted) this.#unparsed.putBack(text.slice(at), isInterrupted)
        // An ID outlives its chunk: as a slice it would keep the text of that alive, in a client that may be idle then.
        if (length > 1024 && this.#lastEventId !== idBefore) this.#lastEventId = copyOf(this.#lastEventId)
      }
    }
  }

  /** A line that is not blank and leaves the buffers as they are. */
  #processLine(text: string, start: number, end: number): void {
    if (text.charCodeAt(start) === COLON) {
      // §9.2.6: "If the line starts with a U+003A COLON character (:)[,] Ignore the line."
      this.#handlers.comment?.(fieldValue(text, start, end))
    } else if (isRetry(text, start)) {
      // §9.2.6: "If the field value consists of only ASCII digits, then interpret the field value as an integer in base
      // ten, and set the event stream's reconnection time to that integer. Otherwise, ignore the field."
      const value = fieldValue(text, start + 5, end)
      if (!/^[0-9]+$/.test(value)) return
      this.#reconnectionTime = Math.min(Number(value), Number.MAX_SAFE_INTEGER)
      this.#handlers.retry?.(this.#reconnectionTime)
    }
    // §9.2.6: "Otherwise[,] The field is ignored."
  }

  /** §9.2.6, "dispatch the event", from step 2 on. */
  #dispatch(data: string | undefined, type: string): void {
    // 2: "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and
    // return." An empty "data" field is not that: it has appended an LF.
    if (data === undefined) return
    // 6: "If the event type buffer has a value other than the empty string, change the type of the newly created event
    // to equal the value of the event type buffer."
    this.#handlers.event({ type: type === '' ? 'message' : type, data, lastEventId: this.#lastEventId })
  }

  /** V8 makes one string of its own out of a rope when a character of it is looked at. */
  #makeFlat(data: string): void {
    data.charCodeAt(0)
    this.#behindData = 0
  }

  #checkLine(line: string): void {
    if (isLonger(line, this.#maxLineBytes)) this.#failLine()
  }

  #failLine(): never {
    this.#fail('ERR_EVENT_STREAM_LINE_TOO_LONG', this.#maxLineBytes)
  }

  #failEvent(): never {
    this.#fail('ERR_EVENT_STREAM_EVENT_TOO_LONG', this.#maxEventBytes)
  }

  #fail(code: EventStreamErrorCode, limit: number): never {
    this.#failure = new EventStreamError(code, limit)
    this.#state = 'failed'
    this.#discard()
    throw this.#failure
  }

  #discard(): void {
    this.#unparsed.clear()
    this.#data = undefined
    this.#type = ''
    this.#nextId = undefined
  }

  #refuse(): never {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#state === 'ended') throw misuse('ERR_EVENT_STREAM_ENDED', 'feed after end')
    throw misuse('ERR_EVENT_STREAM_REENTRANT', 'a handler must not call feed: what comes next is parsed next')
  }
}

function find(text: string, character: string, from: number): number {
  const at = text.indexOf(character, from)
  return at === -1 ? text.length : at
}

/*
 * §9.2.6: "Field names must be compared literally, with no case folding performed." A name ends at a colon, or at the
 * end of its line: "using the whole line as the field name, and the empty string as the field value". The names that
 * most lines begin with are compared by character (bench `100-byte events`: `startsWith` costs 20 % of a short event).
 */

/** Of a line that begins with d. */
function isData(text: string, at: number): boolean {
  return (
    text.charCodeAt(at + 1) === 0x61 && // a
    text.charCodeAt(at + 2) === 0x74 && // t
    text.charCodeAt(at + 3) === 0x61 && // a
    isNameEnd(text.charCodeAt(at + 4))
  )
}

/** Of a line that begins with e. */
function isEvent(text: string, at: number): boolean {
  return (
    text.charCodeAt(at + 1) === 0x76 && // v
    text.charCodeAt(at + 2) === 0x65 && // e
    text.charCodeAt(at + 3) === 0x6e && // n
    text.charCodeAt(at + 4) === 0x74 && // t
    isNameEnd(text.charCodeAt(at + 5))
  )
}

/** Of a line that begins with i. */
function isId(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === 0x64 && isNameEnd(text.charCodeAt(at + 2)) // d
}

function isRetry(text: string, at: number): boolean {
  return text.startsWith('retry', at) && isNameEnd(text.charCodeAt(at + 5))
}

function isNameEnd(character: number): boolean {
  return character === COLON || character === LF || character === CR
}

/** §9.2.6: "If value starts with a U+0020 SPACE character, remove it from value." Empty when there is no colon. */
function fieldValue(text: string, nameEnd: number, lineEnd: number): string {
  const start = text.charCodeAt(nameEnd + 1) === SPACE ? nameEnd + 2 : nameEnd + 1
  return text.slice(start, lineEnd)
}

/** Whether `text` is longer than `limit` bytes of UTF-8. Most texts need no count: a code unit is at most three. */
function isLonger(text: string, limit: number): boolean {
  return text.length * 3 > limit && Buffer.byteLength(text) > limit
}

function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}

function checkLimit(name: string, limit: number): number {
  if (typeof limit === 'number' && limit >= 1) return limit
  throw Object.assign(new RangeError(`${name} must be a number from 1 up, got ${limit}`), {
    code: 'ERR_OUT_OF_RANGE',
  })
}

function misuse(code: string, message: string): TypeError {
  return Object.assign(new TypeError(message), { code })
}
