/**
 * Everything that can go wrong, by whose fault it is.
 *
 * - The peer broke the WebSocket protocol: a row of {@link VIOLATIONS}, raised as {@link ProtocolError}.
 * - The opening handshake did not succeed: {@link HandshakeError}.
 * - The connection is closed, so what was asked cannot be done: {@link ClosedError}.
 * - What a server answered is not an event stream: {@link EventStreamResponseError}; it is silent for too long:
 *   {@link EventStreamTimeoutError}.
 * - The caller passed something wrong: a plain `TypeError` or `RangeError` with a `code`, thrown at the call.
 *
 * Messages say what was expected and what came; they never carry payload.
 */

/** Close code to send, the clause that is broken, and the words for it. */
export type Violation = readonly [closeCode: number, clause: string, words: string]

/**
 * Every way in which a peer can break the protocol once the connection is open. Names that `ws` documents for
 * the same fault are kept, so that code which looks at `error.code` can move.
 */
export const VIOLATIONS = {
  WS_ERR_UNEXPECTED_RSV_1: [1002, 'RFC 6455 §5.2', 'RSV1 is set where no negotiated extension gives it a meaning'],
  WS_ERR_UNEXPECTED_RSV_2_3: [1002, 'RFC 6455 §5.2', 'RSV2 or RSV3 is set'],
  WS_ERR_INVALID_OPCODE: [1002, 'RFC 6455 §5.2', 'reserved opcode'],
  WS_ERR_EXPECTED_FIN: [1002, 'RFC 6455 §5.5', 'control frame is fragmented'],
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: [1002, 'RFC 6455 §5.5', 'control frame payload is longer than 125 bytes'],
  WS_ERR_EXPECTED_MASK: [1002, 'RFC 6455 §5.1', 'frame from a client is not masked'],
  WS_ERR_UNEXPECTED_MASK: [1002, 'RFC 6455 §5.1', 'frame from a server is masked'],
  WS_ERR_UNEXPECTED_CONTINUATION: [1002, 'RFC 6455 §5.4', 'continuation frame without a message to continue'],
  WS_ERR_EXPECTED_CONTINUATION: [1002, 'RFC 6455 §5.4', 'new message before the last one was finished'],
  WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH: [1002, 'RFC 6455 §5.2', 'payload length is not encoded in the fewest bytes'],
  WS_ERR_INVALID_PAYLOAD_LENGTH: [1002, 'RFC 6455 §5.2', 'most significant bit of the 64-bit payload length is set'],
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: [1009, 'RFC 6455 §10.4', 'payload length is above 2^53 - 1'],
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: [1009, 'RFC 6455 §10.4', 'message is longer than maxMessageSize'],
  WS_ERR_TOO_MANY_BUFFERED_PARTS: [
    1008,
    'RFC 6455 §10.4',
    'message comes in more parts than maxFragments or maxChunks',
  ],
  WS_ERR_INVALID_DEFLATE_DATA: [1007, 'RFC 7692 §7.2.2', 'compressed message is not whole, valid DEFLATE data'],
  WS_ERR_INVALID_UTF8: [1007, 'RFC 6455 §8.1', 'text is not valid UTF-8'],
  WS_ERR_INVALID_CLOSE_PAYLOAD_LENGTH: [1002, 'RFC 6455 §5.5.1', 'Close payload of one byte'],
  WS_ERR_INVALID_CLOSE_CODE: [1002, 'RFC 6455 §7.4', 'Close code that must not be sent'],
} as const satisfies Record<string, Violation>

export type ViolationCode = keyof typeof VIOLATIONS

/** The peer broke the protocol; the connection was failed with {@link closeCode} (RFC 6455 §7.1.7). */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ViolationCode
  readonly closeCode: number
  readonly clause: string

  constructor(code: ViolationCode) {
    const [closeCode, clause, words] = VIOLATIONS[code]
    super(`${words} (${clause}, close code ${closeCode})`)
    this.code = code
    this.closeCode = closeCode
    this.clause = clause
  }
}

/** What the other side answered, as far as it came, when an opening handshake failed on a client. */
export interface HandshakeResponse {
  readonly status: number
  /** Field names in lower case; a repeated field is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The first bytes of the body, at most 64 KiB. */
  readonly body: Buffer
}

/** The opening handshake failed (RFC 6455 §4). On a client, {@link response} is what the server answered. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError'
  readonly code: string
  readonly response: HandshakeResponse | undefined

  constructor(code: string, message: string, details: { response?: HandshakeResponse; cause?: unknown } = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.response = details.response
  }
}

/** The connection closed before what was asked for could happen. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError'
  readonly code = 'WS_ERR_CLOSED'
  /** The close code (RFC 6455 §7.1.5): 1005 when the Close frame had none, 1006 when no Close frame came. */
  readonly closeCode: number
  readonly reason: string
  readonly wasClean: boolean

  constructor(closeCode: number, reason: string, wasClean: boolean) {
    super(`the connection is closed (${closeCode}${reason === '' ? '' : `, ${JSON.stringify(reason)}`})`)
    this.closeCode = closeCode
    this.reason = reason
    this.wasClean = wasClean
  }
}

/** What a server answered in place of an event stream, as far as it came. */
export interface EventStreamResponse {
  /** Where it came from: the URL after redirects. */
  readonly url: string
  readonly status: number
  /** Field names in lower case; a repeated field is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The first bytes of the body, at most 64 KiB, and what of them came within two seconds. */
  readonly body: Buffer
}

export type EventStreamResponseErrorCode =
  | 'ERR_EVENT_STREAM_STATUS'
  | 'ERR_EVENT_STREAM_TYPE'
  | 'ERR_EVENT_STREAM_ENCODING'
  | 'ERR_EVENT_STREAM_REDIRECT'

/**
 * What the server answered is not an event stream (WHATWG HTML §9.2.2, constructor, 15.3): another status than 200,
 * another type than text/event-stream, a content coding, or a redirect that leads nowhere.
 */
export class EventStreamResponseError extends Error {
  override readonly name = 'EventStreamResponseError'
  readonly code: EventStreamResponseErrorCode
  readonly response: EventStreamResponse

  constructor(code: EventStreamResponseErrorCode, message: string, response: EventStreamResponse) {
    super(message)
    this.code = code
    this.response = response
  }
}

const SILENCES = {
  ERR_EVENT_STREAM_RESPONSE_TIMEOUT: 'no response',
  ERR_EVENT_STREAM_IDLE_TIMEOUT: 'not a byte',
} as const

export type EventStreamTimeoutErrorCode = keyof typeof SILENCES

/** The server of an event stream was silent for longer than `responseTimeout` or `idleTimeout` allows. */
export class EventStreamTimeoutError extends Error {
  override readonly name = 'EventStreamTimeoutError'
  readonly code: EventStreamTimeoutErrorCode
  /** In milliseconds. */
  readonly timeout: number

  constructor(code: EventStreamTimeoutErrorCode, timeout: number) {
    super(`${SILENCES[code]} within ${timeout} ms`)
    this.code = code
    this.timeout = timeout
  }
}

/** The codes that Node's own functions have for the same mistakes of a caller. */
export type ArgumentErrorCode =
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_INVALID_CHAR'
  | 'ERR_INVALID_HTTP_TOKEN'
  | 'ERR_INVALID_URL'
  | 'ERR_OUT_OF_RANGE'

/** A `RangeError` for what is out of range, a `TypeError` for any other mistake of the caller's. */
export function argumentError(code: ArgumentErrorCode, message: string): TypeError | RangeError {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}
