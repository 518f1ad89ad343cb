/**
 * The bytes that a load sends, made beforehand, and how long the answers are, so that these need not be parsed. Written
 * from RFC 6455 §5.2 and not with lib/, which is what is measured.
 */

/** What a message consists of. `text` is ASCII; `multibyte` has two bytes and more in most of its characters. */
export type Content = 'text' | 'multibyte' | 'binary'

/** Any key but zero, which a server might be quick with. */
const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, at) => (at * 167 + 13) & 255)
const PROSE = 'Wer reitet so spät durch Nacht und Wind? 夜風を切り馬で駆け行くのは誰だ。Кто скачет, кто мчится? '

/** Exactly `size` bytes. */
export function payloadOf(content: Content, size: number): Buffer {
  if (content === 'text') {
    const row = '{"id":184467,"symbol":"ACME","price":1234.56,"at":"2025-03-14T15:09:26Z"},'
    return Buffer.from(row.repeat(Math.ceil(size / row.length)).slice(0, size))
  }
  if (content === 'binary') return Buffer.alloc(size, ALL_BYTES)
  const bytes = Buffer.from(PROSE.repeat(Math.ceil(size / Buffer.byteLength(PROSE)))).subarray(0, size)
  // A character that was cut through is replaced by as many letters as it had bytes left.
  let end = size
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end--
  if (end > 0 && bytes[end - 1]! >= 0xc0) end--
  if (!isWhole(bytes.subarray(end))) bytes.fill(0x78, end)
  return bytes
}

function isWhole(bytes: Buffer): boolean {
  return !bytes.toString('utf8').includes('\ufffd')
}

/** Bytes of a frame with a payload of `length`. */
export function frameLength(length: number, masked: boolean): number {
  return 2 + (length < 126 ? 0 : length < 65_536 ? 2 : 8) + (masked ? 4 : 0) + length
}

/** A message in `fragments` frames, the payload divided among them as evenly as it goes. */
export function messageOf(content: Content, payload: Buffer, masked: boolean, fragments = 1): Buffer {
  const opcode = content === 'binary' ? 2 : 1
  const cut = (nth: number) => Math.floor((payload.length * nth) / fragments)
  return Buffer.concat(
    Array.from({ length: fragments }, (_, nth) =>
      frame(
        (nth === fragments - 1 ? 0x80 : 0) | (nth === 0 ? opcode : 0),
        payload.subarray(cut(nth), cut(nth + 1)),
        masked,
      ),
    ),
  )
}

/** A Pong without data, for whoever only wants to hear something. */
export const PONG: Buffer = frame(0x8a, Buffer.alloc(0), false)
export const MASKED_PONG: Buffer = frame(0x8a, Buffer.alloc(0), true)

export function frame(byte0: number, payload: Uint8Array, masked: boolean): Buffer {
  const { length } = payload
  const bytes = Buffer.alloc(frameLength(length, masked))
  const bit = masked ? 0x80 : 0
  bytes[0] = byte0
  bytes[1] = bit | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (length >= 126 && length < 65_536) bytes.writeUInt16BE(length, 2)
  if (length >= 65_536) bytes.writeBigUInt64BE(BigInt(length), 2)
  const start = bytes.length - length
  bytes.set(payload, start)
  if (!masked) return bytes
  bytes.set(KEY, start - 4)
  for (let at = 0; at < length; at++) bytes[start + at]! ^= KEY[at & 3]!
  return bytes
}

/** The length of the frame that begins `bytes`, header included. */
export function lengthOfFrame(bytes: Buffer): number {
  const short = bytes[1]! & 0x7f
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  return frameLength(length, bytes[1]! >= 0x80)
}
