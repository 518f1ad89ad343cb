/**
 * Frames written and read from the figure in RFC 6455 §5.2 alone, and not with anything from lib/: a frame may be
 * as wrong as a vector wants it, and what lib/ wrote is read by something that does not share its mistakes.
 */

export interface RawFrame {
  readonly fin?: boolean
  /** Three bits: 4 is RSV1, 2 is RSV2, 1 is RSV3. */
  readonly rsv?: number
  readonly opcode: number
  /** Four bytes; the payload is masked with it. Left out, MASK is 0. */
  readonly mask?: readonly number[] | undefined
  readonly payload?: string | Uint8Array
  /** What the header says, where that is not the truth. */
  readonly length?: number | bigint
  /** Bytes of extended payload length: 0, 2 or 8; the fewest unless given. */
  readonly extended?: 0 | 2 | 8
}

/** RFC 6455 §5.7. */
export const MASK = [0x37, 0xfa, 0x21, 0x3d]

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export function rawFrame({ fin = true, rsv = 0, opcode, mask, payload = '', length, extended }: RawFrame): Buffer {
  const content = Buffer.from(payload as string)
  const announced = BigInt(length ?? content.length)
  const size = extended ?? (announced < 126n ? 0 : announced < 65_536n ? 2 : 8)
  const lengthBytes = Buffer.from(announced.toString(16).padStart(16, '0'), 'hex').subarray(8 - size)
  const short = size === 0 ? Number(announced) : size === 2 ? 126 : 127
  const header = [(fin ? 128 : 0) + rsv * 16 + opcode, (mask === undefined ? 0 : 128) + short, ...lengthBytes]
  if (mask === undefined) return Buffer.concat([Buffer.from(header), content])
  return Buffer.concat([Buffer.from([...header, ...mask]), content.map((byte, i) => byte ^ mask[i % 4]!)])
}

/** Several frames, one behind the other. */
export function rawFrames(frames: readonly RawFrame[]): Buffer {
  return Buffer.concat(frames.map(rawFrame))
}

/** Payload of a Close frame. */
export function closePayload(code: number, reason: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason as string)])
}

export interface ReadFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean
  /** Unmasked. */
  readonly payload: Buffer
}

/** The frames in `bytes`, which must hold nothing but whole ones. */
export function readFrames(bytes: Uint8Array): ReadFrame[] {
  const frames: ReadFrame[] = []
  for (let at = 0; at < bytes.length; ) {
    const [byte0, byte1] = [bytes[at]!, bytes[at + 1]!]
    const size = byte1 % 128 < 126 ? 0 : byte1 % 128 === 126 ? 2 : 8
    const extended = Buffer.from(bytes.subarray(at + 2, at + 2 + size)).toString('hex')
    const length = size === 0 ? byte1 % 128 : Number(BigInt(`0x${extended}`))
    const masked = byte1 >= 128
    const keyAt = at + 2 + size
    const start = keyAt + (masked ? 4 : 0)
    const end = start + length
    if (!(end <= bytes.length))
      throw new Error(`a frame at ${at} ends at ${end}, behind the last byte ${bytes.length}`)
    const payload = Buffer.from(bytes.subarray(start, end))
    if (masked) for (let i = 0; i < payload.length; i++) payload[i]! ^= bytes[keyAt + (i % 4)]!
    frames.push({ fin: byte0 >= 128, rsv: (byte0 >> 4) & 7, opcode: byte0 & 15, masked, payload })
    at = end
  }
  return frames
}
