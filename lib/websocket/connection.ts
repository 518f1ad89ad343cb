/**
 * One WebSocket connection as a pure machine (RFC 6455 §5–§7): bytes from the peer go in, messages and control
 * frames come out through a handler, frames to send are gathered, and the closing handshake is kept. It knows no
 * socket, timer, clock or randomness; whoever drives it owns those.
 *
 *     connection.receive(chunk)                    bytes from the peer → handler calls
 *     connection.send(…), ping(…), close(…)        → handler.onOutput, once until takeOutput is called
 *     connection.takeOutput()                      bytes for the peer
 *     connection.transportEnded()                  the peer's bytes have ended
 *
 * The handler is never called inside the parser: each call is made between two frames, with everything at rest, so
 * a handler may send, pause, close or abandon the connection. It holds at most one message within the limits, the
 * chunk that is being read, and one Pong that is owed.
 *
 * Compressed messages (RFC 7692) are given to one function that inflates them, and are told as any other. While that
 * takes its time nothing behind the message is read, so that all that comes stays in order.
 */
import { constants } from 'node:buffer'
import { isAnyArrayBuffer } from 'node:util/types'
import { argumentError, ProtocolError, VIOLATIONS, type ViolationCode } from '../errors.ts'
import {
  CLOSING_HANDSHAKE,
  type CloseStatus,
  type ClosingEvent,
  type ClosingState,
  checkCloseArguments,
  parseClosePayload,
  readsInput,
  truncateReason,
  writeClosePayload,
} from './close.ts'
import {
  CONTROL_BIT,
  FIN,
  MAX_CONTROL_PAYLOAD_LENGTH,
  OPCODES,
  ROLES,
  type Role,
  type RoleFacts,
  RSV1,
} from './frame.ts'
import { borrowParser, type FrameParser, returnParser } from './frame-parser.ts'
import { borrowWriter, type FrameWriter, type MaskingKeySource, returnWriter } from './frame-writer.ts'
import { type MessageLimits, OutgoingMessage, PartialMessage } from './message.ts'
import { decodeText, isAsciiRange } from './utf8.ts'

export interface ConnectionOptions {
  readonly role: Role
  /** Where masking keys come from; a client must have it. 32 unpredictable bits each. */
  readonly maskingKeys?: MaskingKeySource
  /** Longest message that is accepted, in bytes; a longer one fails the connection with 1009. Default 1 MiB. */
  readonly maxMessageSize?: number
  /** Most frames that a message may come in; more fail the connection with 1008. Default 131,072. */
  readonly maxFragments?: number
  /**
   * Most pieces that a message may be read in, a piece being what one chunk holds of one frame; more fail the
   * connection with 1008. Default 1,048,576.
   */
  readonly maxChunks?: number
  /** Given when permessage-deflate was negotiated (RFC 7692): what undoes it, which this machine does not. */
  readonly inflate?: Inflate
}

/**
 * Inflates the data of a compressed message, in the order of the calls (RFC 7692 §7.2.2). The data may be read during
 * the call only.
 *
 * @param maxLength bytes that the message may come to; more is `WS_ERR_UNSUPPORTED_MESSAGE_LENGTH`
 * @returns undefined when it takes time: `Connection.inflated` is then to be called, and nothing is read before
 */
export type Inflate = (data: Buffer, maxLength: number) => Inflated | undefined

/** The bytes of the message, which then belong to the connection; or what is wrong with it. */
export type Inflated = Buffer | ViolationCode

/** A message, or a fragment of one, in the form in which its frame carries it. */
export interface EncodedMessage {
  /** The payload is UTF-8, or was before it was compressed. */
  readonly isText: boolean
  /** The payload is what RFC 7692 §7.2.1 makes of the message. Of fragments it is the first one that tells. */
  readonly isCompressed: boolean
  readonly payload: Uint8Array
  /** The message as a server's whole frame, if it goes to many: see `encodeFrame`. Its bytes never change. */
  readonly frame?: Buffer | undefined
}

export const DEFAULT_LIMITS = { maxMessageSize: 1_048_576, maxFragments: 131_072, maxChunks: 1_048_576 } as const

/** What the connection tells. Calls are synchronous and may re-enter the connection. */
export interface ConnectionHandler {
  /** A message: a string for text, a Buffer for binary, which then belongs to the handler. */
  onMessage(data: string | Buffer): void
  /** A Ping; its Pong is already on the way. The payload is the handler's. */
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** The peer's Close frame: the closing handshake has begun, or ended if ours went first. */
  onClose(status: CloseStatus): void
  /** The peer broke a rule; the connection has been failed (§7.1.7). */
  onFailure(error: ProtocolError): void
  /** There is output to take; not called again before it was taken. */
  onOutput(): void
}

/** Application data: text is a string; anything else is binary. */
export type MessageData = string | ArrayBufferView | ArrayBufferLike

export class Connection {
  /** What the role comes down to. */
  readonly facts: RoleFacts
  /** While true `receive` keeps what it has not read, and reads nothing more. */
  paused = false
  /** The transport takes no more for now: of the Pongs owed only the newest is kept (§5.5.3). */
  congested = false
  /** The Close frame that was sent, and the one that came. */
  closeSent: CloseStatus | undefined = undefined
  closeReceived: CloseStatus | undefined = undefined

  readonly #handler: ConnectionHandler
  readonly #limits: Limits
  readonly #maskingKeys: MaskingKeySource | undefined
  /** Only within a frame or a message. */
  #parser: FrameParser | undefined = undefined
  /** Only while there is output. */
  #writer: FrameWriter | undefined = undefined
  readonly #inflate: Inflate | undefined
  /** Opcode of the message that is being inflated. */
  #inflating: number | undefined = undefined
  #state: ClosingState = 'open'
  #incoming: PartialMessage | undefined = undefined
  #outgoing: OutgoingMessage | undefined = undefined
  /** Payload of a control frame that came in several pieces. */
  #control: Buffer[] | undefined = undefined
  #owedPong: Buffer | undefined = undefined
  #reading = false

  /** @throws {TypeError | RangeError} an option is wrong */
  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    const limits = checkLimits(options)
    if (!Object.hasOwn(ROLES, options.role))
      throw argumentError('ERR_INVALID_ARG_VALUE', 'role must be server or client')
    if (options.role === 'client' && options.maskingKeys === undefined) {
      throw argumentError(
        'ERR_INVALID_ARG_VALUE',
        'a client needs maskingKeys: every frame it sends is masked with a fresh random key',
      )
    }
    this.facts = ROLES[options.role]
    this.#handler = handler
    this.#limits = limits
    this.#inflate = options.inflate
    this.#maskingKeys = this.facts.sendsMask ? options.maskingKeys : undefined
  }

  get state(): ClosingState {
    return this.#state
  }

  /** Bytes of output that have not been taken. */
  get outputLength(): number {
    return this.#writer?.length ?? 0
  }

  /** Bytes of input that were received and, because of a pause, not read. */
  get unread(): number {
    return this.#parser?.unread ?? 0
  }

  /** A message is being inflated, and nothing is read before `inflated` is called. */
  get isInflating(): boolean {
    return this.#inflating !== undefined
  }

  /** Takes bytes from the peer. The chunk becomes the connection's own: payload is unmasked where it lies. */
  receive(chunk: Buffer): void {
    if (!readsInput(this.#state)) return
    const { expectsMask } = this.facts
    this.#parser ??= borrowParser(expectsMask, this.#limits.maxMessageSize, this.#inflate !== undefined)
    this.#parser.push(chunk)
    this.read()
  }

  /** Goes on reading what was received, after `paused` was set back. Nothing happens inside a handler's call. */
  read(): void {
    const parser = this.#parser
    if (this.#reading || parser === undefined) return
    this.#reading = true
    try {
      while (!this.paused && this.#inflating === undefined && readsInput(this.#state) && parser.next()) {
        if ((parser.byte0 & CONTROL_BIT) !== 0) this.#readControlPiece(parser)
        else if (this.#incoming === undefined && parser.isWhole && parser.fin) this.#readWholeMessage(parser)
        else this.#readMessagePiece(parser)
      }
    } finally {
      this.#reading = false
    }
    if (parser.violation !== undefined) this.#fail(parser.violation)
    // A handler of the failure may have gone on reading: then the parser was returned, and may be another's now.
    if (this.#parser !== parser) return
    parser.release()
    if (!parser.isAtRest) return
    this.#parser = undefined
    returnParser(parser)
  }

  /** What became of the message that `inflate` took its time for; goes on reading. Ignored when none is awaited. */
  inflated(result: Inflated): void {
    const opcode = this.#inflating
    if (opcode === undefined) return
    this.#inflating = undefined
    this.#receiveInflated(opcode, result)
    this.read()
  }

  /**
   * Sends a message. False, and nothing is sent, once the closing handshake has begun.
   *
   * @throws {TypeError} data is neither a string nor bytes
   */
  send(data: MessageData): boolean {
    const payload = payloadOf(data)
    this.#checkOutgoing()
    return this.#write(FIN | (typeof payload === 'string' ? OPCODES.text : OPCODES.binary), payload)
  }

  /** Sends a message that was encoded by the caller, who answers for it. False as with `send`. */
  sendEncoded(message: EncodedMessage): boolean {
    this.#checkOutgoing()
    this.#checkCompressed(message.isCompressed)
    // A client masks each of its frames afresh (§5.3).
    const frame = this.facts.sendsMask ? undefined : message.frame
    return this.#write(byte0Of(message), message.payload, frame)
  }

  /**
   * Sends the next fragment of a message; the first one decides whether it is text or binary, and `fin` ends it.
   *
   * @throws {TypeError} data is neither a string nor bytes, or text and binary are mixed
   */
  sendFragment(data: MessageData, fin: boolean): boolean {
    const payload = payloadOf(data)
    if (this.#state !== 'open') return false
    const isText = typeof payload === 'string'
    const message = this.#fragmented(isText, false)
    if (fin) this.#outgoing = undefined
    return this.#write(
      (fin ? FIN : 0) | message.nextOpcode(),
      isText ? message.joinSurrogates(payload, fin) : payload,
    )
  }

  /** Sends the next fragment of a message that is encoded by the caller, who answers for it. */
  sendEncodedFragment({ isText, isCompressed, payload }: EncodedMessage, fin: boolean): boolean {
    this.#checkCompressed(isCompressed)
    if (this.#state !== 'open') return false
    const message = this.#fragmented(isText, isCompressed)
    if (fin) this.#outgoing = undefined
    return this.#write((fin ? FIN : 0) | message.nextOpcode(), payload)
  }

  /** @throws {RangeError} the payload is longer than 125 bytes */
  ping(payload: MessageData = ''): boolean {
    return this.#writeControl(OPCODES.ping, payload)
  }

  /** An unsolicited Pong (§5.5.3). Pings are answered without it. */
  pong(payload: MessageData = ''): boolean {
    return this.#writeControl(OPCODES.pong, payload)
  }

  /**
   * Starts the closing handshake (§7.1.2); does nothing if it has begun.
   *
   * @param code 1000–1003, 1007–1014 or 3000–4999; the Close frame is empty without it
   * @param reason at most 123 bytes of UTF-8
   * @throws {TypeError | RangeError} a code or reason that may not be sent
   */
  close(code?: number, reason?: string): void {
    this.#advance('close', checkCloseArguments(code, reason))
  }

  /**
   * Fails the connection (§7.1.7) for a reason of our own. What the peer sends is ignored from then on.
   *
   * @throws {TypeError | RangeError} a code that may not be sent
   */
  fail(code: number, reason: string): void {
    this.#advance('fail', checkCloseArguments(code, truncateReason(reason)))
  }

  /** The transport brings and takes nothing any more. */
  transportEnded(): void {
    this.#advance('transportEnd', undefined)
    this.#owedPong = undefined
    this.takeOutput()
  }

  /** The bytes to send, in order; to be written at once. */
  takeOutput(): Buffer[] {
    const writer = this.#writer
    if (writer === undefined) return []
    this.#writer = undefined
    const output = writer.take()
    returnWriter(writer)
    return output
  }

  /** The transport takes bytes again: sends the Pong that is owed. */
  drained(): void {
    this.congested = false
    const payload = this.#owedPong
    this.#owedPong = undefined
    if (payload !== undefined) this.pong(payload)
  }

  #readWholeMessage(parser: FrameParser): void {
    const { chunk, start, end, opcode, rsv1 } = parser
    if (rsv1) return this.#startInflating(opcode, chunk.subarray(start, end))
    if (opcode === OPCODES.binary) return this.#handler.onMessage(ownBytes(chunk, start, end))
    const text = decodeText(chunk, start, end, parser.isAscii)
    if (text === undefined) this.#fail('WS_ERR_INVALID_UTF8')
    else this.#handler.onMessage(text)
  }

  #readMessagePiece(parser: FrameParser): void {
    this.#incoming ??= new PartialMessage(parser.opcode, parser.rsv1, parser.payloadLength)
    const incoming = this.#incoming
    const violation = incoming.append(parser, this.#limits)
    if (violation !== undefined) return this.#fail(violation)
    if (parser.remaining !== 0 || !parser.fin) return
    this.#incoming = undefined
    if (incoming.isCompressed) return this.#startInflating(incoming.opcode, incoming.bytes)
    const message = incoming.finish()
    if (message === undefined) this.#fail('WS_ERR_INVALID_UTF8')
    else this.#handler.onMessage(message)
  }

  #startInflating(opcode: number, data: Buffer): void {
    this.#inflating = opcode
    const result = this.#inflate?.(data, this.#limits.maxMessageSize)
    if (result === undefined) return
    this.#inflating = undefined
    this.#receiveInflated(opcode, result)
  }

  #receiveInflated(opcode: number, result: Inflated): void {
    if (typeof result === 'string') return this.#fail(result)
    if (result.length > this.#limits.maxMessageSize) return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    if (opcode === OPCODES.binary) return this.#handler.onMessage(result)
    // RFC 6455 §8.1 is about the text, and so about what comes out (RFC 7692 §7.2.2 comes first)
    const text = decodeText(result, 0, result.length, isAsciiRange(result, 0, result.length))
    if (text === undefined) this.#fail('WS_ERR_INVALID_UTF8')
    else this.#handler.onMessage(text)
  }

  #readControlPiece(parser: FrameParser): void {
    const piece = parser.chunk.subarray(parser.start, parser.end)
    if (!parser.isWhole) {
      this.#control ??= []
      this.#control.push(Buffer.from(piece))
      if (parser.remaining !== 0) return
    }
    const payload = this.#control === undefined ? Buffer.from(piece) : Buffer.concat(this.#control)
    this.#control = undefined
    if (parser.opcode === OPCODES.ping) this.#receivePing(payload)
    else if (parser.opcode === OPCODES.pong) this.#handler.onPong(payload)
    else this.#receiveClose(payload)
  }

  #receivePing(payload: Buffer): void {
    // §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping
    // frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame."
    this.#owedPong = this.congested ? payload : undefined
    if (!this.congested) this.pong(payload)
    this.#handler.onPing(payload)
  }

  #receiveClose(payload: Buffer): void {
    const status = parseClosePayload(payload)
    if (typeof status === 'string') return this.#fail(status)
    this.closeReceived = status
    // §5.5.1: "When sending a Close frame in response, the endpoint typically echos the status code it received."
    // The reason goes with it, so that both sides tell the same story.
    this.#advance('receiveClose', status)
    this.#handler.onClose(status)
  }

  #fail(violation: ViolationCode): void {
    const error = new ProtocolError(violation)
    if (this.#parser !== undefined) this.#parser.violation = undefined
    this.fail(error.closeCode, VIOLATIONS[violation][2])
    this.#handler.onFailure(error)
  }

  /** Takes the closing handshake one event further, and sends our Close frame where the table says so. */
  #advance(event: ClosingEvent, status: CloseStatus | undefined): void {
    const [next, sendsClose] = CLOSING_HANDSHAKE[this.#state][event]
    const isFirstOutput = this.#writer === undefined
    if (sendsClose && status !== undefined) {
      this.#output.writeBytes(FIN | OPCODES.close, writeClosePayload(status))
      this.closeSent = status
    }
    this.#state = next
    if (!readsInput(next)) {
      this.#incoming = undefined
      this.#inflating = undefined
      this.#parser?.discard()
    }
    // Only now, because the handler may send or close: nothing goes out behind the Close frame (§5.5.1).
    if (sendsClose && isFirstOutput) this.#handler.onOutput()
  }

  get #output(): FrameWriter {
    this.#writer ??= borrowWriter(this.#maskingKeys)
    return this.#writer
  }

  #checkOutgoing(): void {
    if (this.#outgoing !== undefined && this.#state === 'open') {
      throw new Error('a fragmented message is being sent: finish it first')
    }
  }

  #checkCompressed(isCompressed: boolean): void {
    // RFC 7692 §6: RSV1 means nothing, and so breaks RFC 6455 §5.2, when the extension is not in use
    if (isCompressed && this.#inflate === undefined) throw new Error('permessage-deflate was not negotiated')
  }

  /** The message that the next fragment belongs to; begun by it, if none is. */
  #fragmented(isText: boolean, isCompressed: boolean): OutgoingMessage {
    this.#outgoing ??= new OutgoingMessage(isText, isCompressed)
    if (this.#outgoing.isText !== isText)
      throw argumentError('ERR_INVALID_ARG_VALUE', 'a message is text or binary: its fragments must be alike')
    return this.#outgoing
  }

  #writeControl(opcode: number, data: MessageData): boolean {
    const payload = payloadOf(data)
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    if (bytes.length > MAX_CONTROL_PAYLOAD_LENGTH) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `control frame payload takes ${bytes.length} bytes, more than ${MAX_CONTROL_PAYLOAD_LENGTH}`,
      )
    }
    return this.#write(FIN | opcode, bytes)
  }

  /** @param frame the same as a whole frame, if there is one */
  #write(byte0: number, payload: string | Uint8Array, frame?: Buffer): boolean {
    // §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame."
    if (this.#state !== 'open') return false
    const isFirstOutput = this.#writer === undefined
    const output = this.#output
    if (frame !== undefined) output.writeFrame(frame)
    else if (typeof payload === 'string') output.writeText(byte0, payload)
    else output.writeBytes(byte0, payload)
    if (isFirstOutput) this.#handler.onOutput()
    return true
  }
}

/** The first byte of a message in one frame. */
export function byte0Of({ isText, isCompressed }: Pick<EncodedMessage, 'isText' | 'isCompressed'>): number {
  return FIN | (isCompressed ? RSV1 : 0) | (isText ? OPCODES.text : OPCODES.binary)
}

type GivenLimits = { readonly [name in keyof typeof DEFAULT_LIMITS]?: number | undefined }

type Limits = MessageLimits & { readonly maxMessageSize: number }

let latest: Limits = DEFAULT_LIMITS

/** @throws {TypeError | RangeError} naming the limit that is wrong */
export function checkLimits(options: GivenLimits): Limits {
  // A text of one byte for each character is a string of that length.
  const maxMessageSize = checkLimit('maxMessageSize', options.maxMessageSize, constants.MAX_STRING_LENGTH)
  const maxFragments = checkLimit('maxFragments', options.maxFragments, Number.MAX_SAFE_INTEGER)
  const maxChunks = checkLimit('maxChunks', options.maxChunks, Number.MAX_SAFE_INTEGER)
  // The connections of one server have the same, and share them.
  const isSame =
    latest.maxMessageSize === maxMessageSize && latest.maxFragments === maxFragments && latest.maxChunks === maxChunks
  if (!isSame) latest = { maxMessageSize, maxFragments, maxChunks }
  return latest
}

function checkLimit(name: keyof typeof DEFAULT_LIMITS, value: number | undefined, highest: number): number {
  if (value === undefined) return DEFAULT_LIMITS[name]
  if (typeof value !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number, got ${typeof value}`)
  if (!Number.isInteger(value) || value < 1 || value > highest) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be an integer from 1 to ${highest}, got ${value}`)
  }
  return value
}

/**
 * A string as it is, anything else as bytes, without a copy. A number or an array would be a length or a list
 * elsewhere and has sent uninitialised memory (CVE-2016-10518): only what is bytes is taken for bytes.
 */
export function payloadOf(data: MessageData): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (isAnyArrayBuffer(data)) return new Uint8Array(data)
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `data must be a string, ArrayBuffer or view of one, got ${data === null ? 'null' : typeof data}`,
  )
}

/** Bytes for the handler to keep: a view of the chunk only where that keeps less than twice as much alive. */
function ownBytes(chunk: Buffer, start: number, end: number): Buffer {
  const bytes = chunk.subarray(start, end)
  return bytes.length * 2 > chunk.buffer.byteLength ? bytes : Buffer.from(bytes)
}
