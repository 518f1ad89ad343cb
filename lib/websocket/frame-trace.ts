/**
 * Frames for people to look at: a decoder that keeps no rule. It shows what is on the wire, right or wrong, beside
 * the parser that judges it, for the playground, for tools and for debugging. It copies what it shows and changes
 * no byte; only the first bytes of a payload are kept.
 */
import { FIN, headerLength, LENGTH_BITS, MASK, MAX_HEADER_LENGTH, OPCODE_BITS, RSV1 } from './frame.ts'
import { maskBytes } from './mask.ts'

/** One frame as it was on the wire. */
export interface FrameRecord {
  readonly fin: boolean
  readonly rsv1: boolean
  readonly rsv2: boolean
  readonly rsv3: boolean
  readonly opcode: number
  readonly masked: boolean
  /** The header's bytes, masking key included. */
  readonly header: Buffer
  /** Payload length in bytes, as the header announced it. */
  readonly length: number
  /** The first bytes of the payload, unmasked. */
  readonly payload: Buffer
}

export class FrameTracer {
  readonly #onFrame: (frame: FrameRecord) => void
  readonly #maxPayload: number
  readonly #header: Buffer = Buffer.alloc(MAX_HEADER_LENGTH)
  #headerLength = 0
  #payload: Buffer[] = []
  #kept = 0
  #remaining = -1

  /** @param maxPayload how many bytes of each payload to keep */
  constructor(onFrame: (frame: FrameRecord) => void, maxPayload = 256) {
    this.#onFrame = onFrame
    this.#maxPayload = maxPayload
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#remaining < 0) {
        this.#header[this.#headerLength++] = chunk[at++]!
        if (this.#headerLength < this.#announcedHeaderLength()) continue
        this.#remaining = this.#announcedLength()
      } else {
        const size = Math.min(this.#remaining, chunk.length - at)
        const kept = Math.min(size, this.#maxPayload - this.#kept)
        if (kept > 0) this.#payload.push(Buffer.from(chunk.subarray(at, at + kept)))
        this.#kept += kept
        this.#remaining -= size
        at += size
      }
      if (this.#remaining === 0) this.#finish()
    }
  }

  #announcedHeaderLength(): number {
    if (this.#headerLength < 2) return 2
    const short = this.#header[1]! & LENGTH_BITS
    const example = short < 126 ? 0 : short === 126 ? 126 : 65_536
    return headerLength(example, this.#isMasked())
  }

  #announcedLength(): number {
    const short = this.#header[1]! & LENGTH_BITS
    if (short < 126) return short
    if (short === 126) return this.#header.readUInt16BE(2)
    return Number(this.#header.readBigUInt64BE(2))
  }

  #isMasked(): boolean {
    return (this.#header[1]! & MASK) !== 0
  }

  #finish(): void {
    const byte0 = this.#header[0]!
    const header = Buffer.from(this.#header.subarray(0, this.#headerLength))
    const payload = Buffer.concat(this.#payload)
    const masked = this.#isMasked()
    if (masked) maskBytes(payload, 0, payload.length, header.readInt32LE(header.length - 4))
    const length = this.#announcedLength()
    this.#headerLength = 0
    this.#payload = []
    this.#kept = 0
    this.#remaining = -1
    this.#onFrame({
      fin: (byte0 & FIN) !== 0,
      rsv1: (byte0 & RSV1) !== 0,
      rsv2: (byte0 & 0x20) !== 0,
      rsv3: (byte0 & 0x10) !== 0,
      opcode: byte0 & OPCODE_BITS,
      masked,
      header,
      length,
      payload,
    })
  }
}
