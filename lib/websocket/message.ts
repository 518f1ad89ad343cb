/**
 * One message in progress: {@link PartialMessage} for one that comes in as several pieces, {@link OutgoingMessage}
 * for one that goes out as several fragments. Each ends with its message; a message in one frame within one chunk
 * needs neither.
 *
 * A partial message keeps large pieces as they came and copies small ones together, into buffers that grow as bytes
 * arrive and never by what a header announces: it holds at most four times what the peer has sent, and nothing for a
 * fragment or chunk as such. The pieces are joined once, at the end.
 */
import type { ViolationCode } from '../errors.ts'
import { OPCODES, RSV1 } from './frame.ts'
import type { FrameParser } from './frame-parser.ts'
import { decodeValidText, INVALID, validateUtf8 } from './utf8.ts'

const FIRST_CAPACITY = 256
/** From this length on a piece is kept rather than copied, if its chunk holds little else. */
const KEPT_FROM = 4096
/** Up to this length texts are joined in memory that is used again and again (bench `echo-65536-text-1`). */
const LARGEST_SCRATCH = 2 ** 20 + 65_536

const NO_BYTES = Buffer.alloc(0)
let scratch = NO_BYTES

export interface MessageLimits {
  readonly maxFragments: number
  readonly maxChunks: number
}

export class PartialMessage {
  /** `text` or `binary`. */
  readonly opcode: number
  /** RSV1 was set on the first frame: the bytes are not the message, but what is to be inflated to it. */
  readonly isCompressed: boolean
  /** What came before the bytes in `#tail`. */
  #pieces: Buffer[] | undefined = undefined
  #length = 0
  /** Small pieces, copied. */
  #tail: Buffer
  #tailLength = 0
  #fragments = 0
  #chunks = 0
  #ascii = true
  #utf8 = 0

  /** @param announced payload length in the first frame's header: no need to hold more, if it is the only one */
  constructor(opcode: number, isCompressed: boolean, announced: number) {
    this.opcode = opcode
    this.isCompressed = isCompressed
    this.#tail = Buffer.allocUnsafe(Math.min(announced, FIRST_CAPACITY))
  }

  /** Adds the piece that `parser` has found. */
  append(parser: FrameParser, limits: MessageLimits): ViolationCode | undefined {
    const { chunk, start, end } = parser
    if (parser.isFirst) this.#fragments++
    this.#chunks++
    // §10.4: limits are to be kept; a part as such costs no memory here, but it costs time
    if (this.#fragments > limits.maxFragments || this.#chunks > limits.maxChunks) {
      return 'WS_ERR_TOO_MANY_BUFFERED_PARTS'
    }
    if (this.opcode === OPCODES.text && !this.isCompressed && !this.#validate(parser)) return 'WS_ERR_INVALID_UTF8'
    this.#length += end - start
    if (end - start >= KEPT_FROM && (end - start) * 2 > chunk.buffer.byteLength)
      this.#keep(chunk.subarray(start, end))
    else this.#copy(chunk, start, end, parser)
    return undefined
  }

  /** What has been added so far. */
  get bytes(): Buffer {
    if (this.#pieces === undefined) return this.#tail.subarray(0, this.#tailLength)
    return this.#joinInto(Buffer.allocUnsafeSlow(this.#length))
  }

  /** The message, once its last piece is there; undefined for a text that stops within a character. */
  finish(): string | Buffer | undefined {
    if (this.opcode === OPCODES.binary) return this.bytes
    if (this.#utf8 !== 0) return undefined
    // A text is decoded at once, and leaves nothing behind.
    const isInScratch = this.#pieces !== undefined && this.#length <= LARGEST_SCRATCH
    const bytes = isInScratch ? this.#joinInto(scratchOf(this.#length)) : this.bytes
    return decodeValidText(bytes, 0, this.#length, this.#ascii)
  }

  #joinInto(bytes: Buffer): Buffer {
    let at = 0
    for (const piece of this.#pieces ?? []) {
      bytes.set(piece, at)
      at += piece.length
    }
    bytes.set(this.#tail.subarray(0, this.#tailLength), at)
    return bytes.subarray(0, this.#length)
  }

  #keep(piece: Buffer): void {
    this.#pieces ??= []
    if (this.#tailLength > 0) {
      this.#pieces.push(this.#tail.subarray(0, this.#tailLength))
      this.#tail = NO_BYTES
      this.#tailLength = 0
    }
    this.#pieces.push(piece)
  }

  #copy(chunk: Buffer, start: number, end: number, parser: FrameParser): void {
    const length = this.#tailLength + end - start
    if (length > this.#tail.length) this.#grow(length, parser)
    chunk.copy(this.#tail, this.#tailLength, start, end)
    this.#tailLength = length
  }

  #validate(parser: FrameParser): boolean {
    const ascii = parser.isAscii
    this.#ascii &&= ascii
    if (ascii && this.#utf8 === 0) return true
    this.#utf8 = validateUtf8(this.#utf8, parser.chunk, parser.start, parser.end)
    return this.#utf8 !== INVALID
  }

  #grow(length: number, { fin, remaining }: FrameParser): void {
    // Fourfold, so that a message of n bytes costs n/3 of copying, but no more than the last frame still wants.
    const wanted = fin ? remaining : Math.max(remaining, length)
    const bytes = Buffer.allocUnsafe(Math.min(length * 4, length + wanted))
    this.#tail.copy(bytes, 0, 0, this.#tailLength)
    this.#tail = bytes
  }
}

/** Memory for the text that is being joined. */
function scratchOf(length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length)
  return scratch
}

/** A message that is sent as fragments: its type is that of the first one. */
export class OutgoingMessage {
  readonly isText: boolean
  readonly isCompressed: boolean
  /** A text fragment ended in the first half of a surrogate pair; the half waits for the next one. */
  #highSurrogate = ''
  #begun = false

  constructor(isText: boolean, isCompressed: boolean) {
    this.isText = isText
    this.isCompressed = isCompressed
  }

  /** The opcode of the next fragment (§5.4), with RSV1 on the first one of a compressed message (RFC 7692 §6.1). */
  nextOpcode(): number {
    if (this.#begun) return OPCODES.continuation
    this.#begun = true
    return (this.isText ? OPCODES.text : OPCODES.binary) | (this.isCompressed ? RSV1 : 0)
  }

  /** The text to send now, when `text` is the next part: a character is never cut into two invalid halves. */
  joinSurrogates(text: string, fin: boolean): string {
    const joined = this.#highSurrogate + text
    const last = joined.charCodeAt(joined.length - 1)
    if (fin || !(last >= 0xd800 && last <= 0xdbff)) {
      this.#highSurrogate = ''
      return joined
    }
    this.#highSurrogate = joined.slice(-1)
    return joined.slice(0, -1)
  }
}
