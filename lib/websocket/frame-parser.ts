/**
 * Frames out of bytes in any chunking. A pull parser: `push` hands it a chunk, each `next` finds the next piece of
 * a frame's payload in it, and between two calls it is at rest, so that whoever acts on a piece may do anything.
 *
 *     parser.push(chunk)
 *     while (parser.next()) use(parser.chunk, parser.start, parser.end)
 *     if (parser.violation !== undefined) fail(parser.violation)
 *
 * A piece is as much of one frame's payload as the chunk holds; a frame within one chunk is one piece. Payload is
 * unmasked where it lies, so the chunk must belong to the parser from `push` on. Nothing is allocated for a frame,
 * and nothing is kept between chunks but the frame's header, at most 14 bytes; payload is never kept. All limits
 * are applied to the header, before a byte of the payload is looked at.
 */
import type { ViolationCode } from '../errors.ts'
import { CONTROL_BIT, checkHeader, FIN, LENGTH_BITS, MAX_HEADER_LENGTH, OPCODE_BITS, OPCODES, RSV1 } from './frame.ts'
import { advanceKey, maskBytes } from './mask.ts'
import { isAsciiRange } from './utf8.ts'

const NO_BYTES = Buffer.alloc(0)
const NO_MESSAGE = -1

export class FrameParser {
  /** First byte of the header of the frame that the piece belongs to. */
  byte0 = 0
  /** Length of that frame's payload. */
  payloadLength = 0
  /** Bytes of that payload which are behind this piece. */
  remaining = 0
  /** The piece is `chunk[start..end)`, unmasked. */
  chunk: Buffer = NO_BYTES
  start = 0
  end = 0
  /** What broke; the parser finds nothing from then on. */
  violation: ViolationCode | undefined = undefined

  #expectsMask = false
  #deflate = false
  #maxMessageSize = 0
  /** What the headers of this message may announce. */
  #limit = 0
  /** Where the unread bytes of the chunk begin. */
  #position = 0
  #inPayload = false
  #maskingKey = 0
  /** What unmasking saw of the piece. */
  #ascii = false
  /** Payload bytes that the headers of the message so far announced, or NO_MESSAGE. */
  #messageLength = NO_MESSAGE
  /** The first bytes of a header that a chunk ended in. */
  #header: Buffer | undefined = undefined
  #headerLength = 0

  constructor(expectsMask: boolean, maxMessageSize: number, deflate: boolean) {
    this.begin(expectsMask, maxMessageSize, deflate)
  }

  /** Makes a parser that is at rest one for other frames. */
  begin(expectsMask: boolean, maxMessageSize: number, deflate: boolean): void {
    this.#expectsMask = expectsMask
    this.#maxMessageSize = maxMessageSize
    this.#deflate = deflate
  }

  get opcode(): number {
    return this.byte0 & OPCODE_BITS
  }

  get fin(): boolean {
    return this.byte0 >= FIN
  }

  get rsv1(): boolean {
    return (this.byte0 & RSV1) !== 0
  }

  /** The piece is the whole payload. */
  get isWhole(): boolean {
    return this.end - this.start === this.payloadLength
  }

  /** The piece is the first one of its frame. */
  get isFirst(): boolean {
    return this.end - this.start + this.remaining === this.payloadLength
  }

  /** All bytes of the piece are ASCII. Unmasking has told that on the way. */
  get isAscii(): boolean {
    return this.#expectsMask ? this.#ascii : isAsciiRange(this.chunk, this.start, this.end)
  }

  /** Nothing of what has come matters to what comes next. */
  get isAtRest(): boolean {
    const isBetweenMessages = !this.#inPayload && this.#messageLength === NO_MESSAGE && this.#header === undefined
    return isBetweenMessages && this.unread === 0 && this.violation === undefined
  }

  /** Bytes of the chunk that `next` has not looked at. */
  get unread(): number {
    return this.chunk.length - this.#position
  }

  /** Takes the next chunk. What is unread of the last one stays in front of it. */
  push(chunk: Buffer): void {
    this.chunk = this.unread === 0 ? chunk : Buffer.concat([this.chunk.subarray(this.#position), chunk])
    this.#position = 0
  }

  /** Lets go of the chunk once it is read, so that an idle connection keeps no memory alive. */
  release(): void {
    if (this.unread === 0) this.discard()
  }

  /** Drops what is unread: nothing more of it is wanted. */
  discard(): void {
    this.chunk = NO_BYTES
    this.#position = 0
  }

  /** Finds the next piece. False when the chunk has no more or a rule is broken. */
  next(): boolean {
    if (!this.#inPayload && !this.#readHeader()) return false
    const size = Math.min(this.remaining, this.chunk.length - this.#position)
    if (size === 0 && this.remaining !== 0) return false
    this.start = this.#position
    this.end = this.#position += size
    this.remaining -= size
    this.#inPayload = this.remaining !== 0
    if (this.#expectsMask) {
      this.#ascii = maskBytes(this.chunk, this.start, this.end, this.#maskingKey)
      if (this.#inPayload) this.#maskingKey = advanceKey(this.#maskingKey, size)
    }
    return true
  }

  #readHeader(): boolean {
    if (this.violation !== undefined) return false
    if (this.#header === undefined) {
      const size = this.#parseHeader(this.chunk, this.#position, this.chunk.length)
      this.#position += size
      if (size !== 0) return true
      if (this.violation === undefined && this.unread !== 0) this.#header = Buffer.alloc(MAX_HEADER_LENGTH)
    }
    return this.#header !== undefined && this.#readSplitHeader(this.#header)
  }

  #readSplitHeader(header: Buffer): boolean {
    while (this.#position < this.chunk.length) {
      header[this.#headerLength++] = this.chunk[this.#position++]!
      if (this.#parseHeader(header, 0, this.#headerLength) === 0) {
        if (this.violation !== undefined) return false
        continue
      }
      this.#header = undefined
      this.#headerLength = 0
      return true
    }
    return false
  }

  /** Returns the length of the header at `at`, or 0 when it goes on behind `limit` or breaks a rule. */
  #parseHeader(bytes: Buffer, at: number, limit: number): number {
    if (limit - at < 2) return 0
    const byte0 = bytes[at]!
    const byte1 = bytes[at + 1]!
    const violation = checkHeader(byte0, byte1, this.#expectsMask, this.#messageLength !== NO_MESSAGE, this.#deflate)
    if (violation !== undefined) return this.#refuse(violation)

    let length = byte1 & LENGTH_BITS
    let end = at + 2
    if (length === 126) {
      end += 2
      if (limit < end) return 0
      length = (bytes[at + 2]! << 8) | bytes[at + 3]!
      // §5.2: "in all cases, the minimal number of bytes MUST be used to encode the length"
      if (length < 126) return this.#refuse('WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH')
    } else if (length === 127) {
      end += 8
      if (limit < end) return 0
      const high = bytes.readUInt32BE(at + 2)
      // §5.2: "the most significant bit MUST be 0"
      if (high >= 2 ** 31) return this.#refuse('WS_ERR_INVALID_PAYLOAD_LENGTH')
      if (high >= 2 ** 21) return this.#refuse('WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH')
      length = high * 2 ** 32 + bytes.readUInt32BE(at + 6)
      if (length < 65_536) return this.#refuse('WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH')
    }

    const isData = (byte0 & CONTROL_BIT) === 0
    const isContinuation = (byte0 & OPCODE_BITS) === OPCODES.continuation
    const messageLength = (isContinuation ? this.#messageLength : 0) + length
    if (isData && !isContinuation) this.#limit = this.#limitFor(byte0)
    // §10.4: implementations with limits on "the frame size or total message size after reassembly from multiple
    // frames MUST protect themselves against exceeding those limits": here, before a byte of it is kept
    if (isData && messageLength > this.#limit) return this.#refuse('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')

    if (this.#expectsMask) {
      if (limit < end + 4) return 0
      this.#maskingKey = bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)
      end += 4
    }
    if (isData) this.#messageLength = byte0 >= FIN ? NO_MESSAGE : messageLength
    this.byte0 = byte0
    this.payloadLength = length
    this.remaining = length
    this.#inPayload = true
    return end - at
  }

  /**
   * DEFLATE can be longer than what it stands for: blocks have headers, and each fragment may end in an empty block
   * (RFC 7692 §7.2.1). What a compressed message comes to is limited when it is inflated.
   */
  #limitFor(byte0: number): number {
    const size = this.#maxMessageSize
    return (byte0 & RSV1) === 0 ? size : size + Math.ceil(size / 16) + 64
  }

  #refuse(violation: ViolationCode): 0 {
    this.violation = violation
    return 0
  }
}

/*
 * A connection needs a parser only within a frame or a message, and most connections are in neither: those at rest are
 * shared (bench `idle-websocket`).
 */
const atRest: FrameParser[] = []
const MOST_AT_REST = 32

export function borrowParser(expectsMask: boolean, maxMessageSize: number, deflate: boolean): FrameParser {
  const parser = atRest.pop()
  if (parser === undefined) return new FrameParser(expectsMask, maxMessageSize, deflate)
  parser.begin(expectsMask, maxMessageSize, deflate)
  return parser
}

/** @param parser one that is at rest, and that the caller forgets */
export function returnParser(parser: FrameParser): void {
  if (atRest.length < MOST_AT_REST) atRest.push(parser)
}
