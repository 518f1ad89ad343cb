/**
 * Frames as the suite writes and reads them: from the figure in RFC 6455 §5.2 alone, with nothing of the library under
 * test, so that a bug there cannot hide in its judge. The writer writes what it is told, however wrong; the reader
 * keeps no rule but tells which one the peer broke, and leaves what to do about it to its caller.
 *
 * Memory: the reader keeps the chunks of one frame until it is whole.
 */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const NAMES: Readonly<Record<number, string>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'close',
  9: 'ping',
  10: 'pong',
}

export function opcodeName(opcode: number): string {
  return NAMES[opcode] ?? `opcode ${opcode}`
}

/** A frame to write. */
export interface FrameToWrite {
  readonly opcode: number
  /** Default true. */
  readonly fin?: boolean
  /** The three bits as a number: 4 is RSV1, 2 is RSV2, 1 is RSV3. Default 0. */
  readonly rsv?: number
  /** Default: none. */
  readonly payload?: Uint8Array
  /** Four bytes. Left out, the frame is not masked. */
  readonly maskingKey?: Uint8Array | undefined
  /** What the header says of the payload's length, where that is not the truth. */
  readonly announced?: number | bigint
  /** Bytes of extended payload length: 0, 2 or 8. Default: the fewest that hold it. */
  readonly lengthBytes?: 0 | 2 | 8
}

/** The header alone, masking key included: for a payload that follows in parts. */
export function writeFrameHeader(frame: FrameToWrite): Buffer {
  const { opcode, fin = true, rsv = 0, maskingKey } = frame
  const length = BigInt(frame.announced ?? frame.payload?.length ?? 0)
  const lengthBytes = frame.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8)
  const header = Buffer.alloc(2 + lengthBytes + (maskingKey === undefined ? 0 : 4))
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  header[1] =
    (maskingKey === undefined ? 0 : 0x80) | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) header.writeUInt16BE(Number(length), 2)
  if (lengthBytes === 8) header.writeBigUInt64BE(length, 2)
  if (maskingKey !== undefined) header.set(maskingKey, 2 + lengthBytes)
  return header
}

export function writeFrame(frame: FrameToWrite): Buffer {
  const payload = frame.payload ?? new Uint8Array(0)
  const header = writeFrameHeader(frame)
  const bytes = Buffer.allocUnsafe(header.length + payload.length)
  bytes.set(header)
  bytes.set(payload, header.length)
  if (frame.maskingKey !== undefined) mask(bytes.subarray(header.length), frame.maskingKey, 0)
  return bytes
}

/** §5.3: masks or unmasks in place; `offset` is where in the payload the bytes stand. */
export function mask(bytes: Uint8Array, key: Uint8Array, offset: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i]! ^ key[(offset + i) & 3]!
}

/** Payload of a Close frame. */
export function closePayload(code: number | undefined, reason: Uint8Array = new Uint8Array(0)): Buffer {
  if (code === undefined) return Buffer.from(reason)
  const payload = Buffer.alloc(2 + reason.length)
  payload.writeUInt16BE(code)
  payload.set(reason, 2)
  return payload
}

/** The header of a frame that was read. */
export interface FrameHeader {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean
  /** What the header says; above 2^53 not exact. */
  readonly length: number
  /** §5.2: "the minimal number of bytes MUST be used to encode the length". */
  readonly minimal: boolean
  /** The header's bytes, masking key included. */
  readonly bytes: Buffer
}

export interface FrameHandler {
  /** The header is whole. False stops the reader for good: nothing behind it is looked at. */
  onHeader(header: FrameHeader): boolean
  /** The frame is whole; `payload` is unmasked. */
  onFrame(header: FrameHeader, payload: Buffer): void
}

/** Reads frames in whatever chunks they come. */
export class FrameReader {
  readonly #handler: FrameHandler
  #head: Buffer = Buffer.alloc(0)
  #header: FrameHeader | undefined
  #parts: Buffer[] = []
  #missing = 0
  #stopped = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Whether bytes of a frame were read that is not whole yet. */
  get inFrame(): boolean {
    return this.#head.length > 0 || this.#header !== undefined
  }

  stop(): void {
    this.#stopped = true
  }

  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    while (!this.#stopped) {
      if (this.#header === undefined) {
        this.#head = this.#head.length === 0 ? rest : Buffer.concat([this.#head, rest])
        const header = readHeader(this.#head)
        if (header === undefined) return
        rest = this.#head.subarray(header.bytes.length)
        this.#head = Buffer.alloc(0)
        this.#header = header
        this.#missing = header.length
        if (!this.#handler.onHeader(header)) return this.stop()
      }
      const part = rest.subarray(0, this.#missing)
      rest = rest.subarray(part.length)
      if (part.length > 0) this.#parts.push(part)
      this.#missing -= part.length
      if (this.#missing > 0) return
      this.#finish(this.#header)
      if (rest.length === 0) return
    }
  }

  #finish(header: FrameHeader): void {
    // A copy, so that unmasking leaves the chunk as it came.
    const payload = Buffer.concat(this.#parts)
    if (header.masked) mask(payload, header.bytes.subarray(-4), 0)
    this.#parts = []
    this.#header = undefined
    this.#handler.onFrame(header, payload)
  }
}

function readHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < 2) return undefined
  const [byte0, byte1] = [bytes[0]!, bytes[1]!]
  const short = byte1 & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const masked = byte1 >= 0x80
  const size = 2 + lengthBytes + (masked ? 4 : 0)
  if (bytes.length < size) return undefined
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  return {
    fin: byte0 >= 0x80,
    rsv: (byte0 >> 4) & 7,
    opcode: byte0 & 15,
    masked,
    length,
    minimal: lengthBytes === 0 || (lengthBytes === 2 ? length > 125 : length > 65_535),
    bytes: Buffer.from(bytes.subarray(0, size)),
  }
}

/** What a receiver knows when a header comes. */
export interface ReceivingContext {
  /** The receiver is a server: §5.1 wants every frame masked, and from a server none. */
  readonly expectsMask: boolean
  /** A fragmented message has begun and not ended. */
  readonly inMessage: boolean
  /** permessage-deflate was agreed on: RFC 7692 §6 gives RSV1 a meaning on the first frame of a message. */
  readonly deflate: boolean
}

/** The rule of RFC 6455 §5 that a header breaks, in words; undefined if it breaks none. */
export function headerFault(header: FrameHeader, context: ReceivingContext): string | undefined {
  const { fin, rsv, opcode, masked, length, minimal } = header
  const isControl = opcode >= 8
  const rsvAllowed = context.deflate && (opcode === OPCODE.text || opcode === OPCODE.binary) ? 4 : 0
  if ((rsv & ~rsvAllowed) !== 0) return `RSV bits ${rsv} set on a ${opcodeName(opcode)} frame (§5.2)`
  if (NAMES[opcode] === undefined) return `reserved opcode ${opcode} (§5.2)`
  if (masked !== context.expectsMask)
    return masked ? 'a server masked a frame (§5.1)' : 'a client did not mask (§5.1)'
  if (!minimal) return 'payload length not in the fewest bytes (§5.2)'
  if (length >= 2 ** 63) return 'payload length with its most significant bit set (§5.2)'
  if (isControl) {
    if (!fin) return `fragmented ${opcodeName(opcode)} frame (§5.5)`
    if (length > 125) return `${opcodeName(opcode)} frame of ${length} bytes (§5.5)`
    if (opcode === OPCODE.close && length === 1) return 'Close frame with a payload of one byte (§5.5.1)'
    return undefined
  }
  if (opcode === OPCODE.continuation && !context.inMessage) return 'continuation with nothing to continue (§5.4)'
  if (opcode !== OPCODE.continuation && context.inMessage) return 'new message amid a fragmented one (§5.4)'
  return undefined
}

/** Whether a code may stand in a Close frame (§7.4.1, §7.4.2, and IANA's registry). */
export function isCloseCode(code: number): boolean {
  const registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
  return registered || (code >= 3000 && code <= 4999)
}
