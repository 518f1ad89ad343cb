/**
 * Masking (RFC 6455 §5.3): octet i of the payload is XORed with octet i modulo 4 of the masking key. The same
 * step masks and unmasks. It is done in place, and tells on the way whether all the resulting bytes are ASCII,
 * which saves whoever decodes text a second pass.
 *
 * Two ways through, with the same result (a spec holds them to each other): byte by byte, and 32-bit words, eight at a
 * time (bench `micro-mask-65536`: half the time of one by one).
 */

/** From this length on words are faster. */
export const WORDS_FROM = 32
/** A view of what was not masked in before costs as much as so many bytes one by one. */
export const VIEW_FROM = 128

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

// What something was masked in last, and its words: frames that arrive in one chunk share theirs, and so do those that
// are written into one slab. It keeps at most one of them alive. (To ask for its `buffer` costs as much as 60 bytes.)
let viewed: Uint8Array = new Uint8Array(0)
let words: Int32Array<ArrayBufferLike> = new Int32Array(0)

/**
 * XORs `bytes[start..end)` with the key in place. Returns true when every byte is ASCII afterwards.
 *
 * @param key the four octets as a little-endian integer, the first one lowest
 */
export function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  // What else there is in `bytes` is likely to be masked next.
  const isWorthAView = bytes === viewed || bytes.length - start >= VIEW_FROM
  if (end - start < WORDS_FROM || !isWorthAView || !LITTLE_ENDIAN) {
    return (maskByBytes(bytes, start, end, key) & 0x80) === 0
  }
  return (maskByWords(bytes, start, end, key) & 0x80808080) === 0
}

/** The key as it stands for the payload octets that follow the first `count`. */
export function advanceKey(key: number, count: number): number {
  const bits = (count & 3) << 3
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits))
}

/** Returns all the resulting bytes ORed together. */
export function maskByBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
  const k0 = key & 0xff
  const k1 = (key >>> 8) & 0xff
  const k2 = (key >>> 16) & 0xff
  const k3 = key >>> 24
  let seen = 0
  let i = start
  for (const last = end - 3; i < last; i += 4) {
    seen |= bytes[i]! ^= k0
    seen |= bytes[i + 1]! ^= k1
    seen |= bytes[i + 2]! ^= k2
    seen |= bytes[i + 3]! ^= k3
  }
  if (i < end) seen |= bytes[i]! ^= k0
  if (i + 1 < end) seen |= bytes[i + 1]! ^= k1
  if (i + 2 < end) seen |= bytes[i + 2]! ^= k2
  return seen
}

/** Returns all the resulting words ORed together, with the bytes before and behind them. */
export function maskByWords(bytes: Uint8Array, start: number, end: number, key: number): number {
  if (bytes !== viewed) {
    viewed = bytes
    words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2)
  }
  const view = words
  const { byteOffset } = bytes
  let phase = key
  let seen = 0
  let at = start
  for (; ((byteOffset + at) & 3) !== 0 && at < end; at++) {
    seen |= bytes[at]! ^= phase & 0xff
    phase = (phase >>> 8) | (phase << 24)
  }
  const last = (byteOffset + end) >>> 2
  let i = (byteOffset + at) >>> 2
  for (const from = last - 7; i < from; i += 8) {
    seen |= view[i]! ^= phase
    seen |= view[i + 1]! ^= phase
    seen |= view[i + 2]! ^= phase
    seen |= view[i + 3]! ^= phase
    seen |= view[i + 4]! ^= phase
    seen |= view[i + 5]! ^= phase
    seen |= view[i + 6]! ^= phase
    seen |= view[i + 7]! ^= phase
  }
  for (; i < last; i++) seen |= view[i]! ^= phase
  for (at = Math.max(at, last * 4 - byteOffset); at < end; at++) {
    seen |= bytes[at]! ^= phase & 0xff
    phase = (phase >>> 8) | (phase << 24)
  }
  return seen
}
