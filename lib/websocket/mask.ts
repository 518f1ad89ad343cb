/**
 * Masking (RFC 6455 §5.3): octet i of the payload is XORed with octet i modulo 4 of the masking key. The same
 * step masks and unmasks. It is done in place, and tells on the way whether all the resulting bytes are ASCII,
 * which saves whoever decodes text a second pass.
 *
 * Two ways through, with the same result (a spec holds them to each other): byte by byte in steps of four, and
 * 32-bit words. Words win once their alignment and the look at the cached view are paid for.
 */

/** From this length on words are faster. */
export const WORDS_FROM = 48

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

// A view of words over the memory of the last bytes that were masked. Frames that arrive in one chunk share its
// memory, and a view costs more than masking 100 bytes. It keeps at most one read buffer or slab alive.
let wordsOf: ArrayBufferLike | undefined
let words: Int32Array<ArrayBufferLike> = new Int32Array(0)

/**
 * XORs `bytes[start..end)` with the key in place. Returns true when every byte is ASCII afterwards.
 *
 * @param key the four octets as a little-endian integer, the first one lowest
 */
export function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  if (end - start < WORDS_FROM || !LITTLE_ENDIAN) return (maskByBytes(bytes, start, end, key) & 0x80) === 0
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
  if (bytes.buffer !== wordsOf) {
    wordsOf = bytes.buffer
    words = new Int32Array(wordsOf, 0, wordsOf.byteLength >>> 2)
  }
  const aligned = start + (-(bytes.byteOffset + start) & 3)
  const first = (bytes.byteOffset + aligned) >>> 2
  const last = (bytes.byteOffset + end) >>> 2
  const wordKey = advanceKey(key, aligned - start)
  let seen = maskByBytes(bytes, start, aligned, key)
  for (let i = first; i < last; i++) seen |= words[i]! ^= wordKey
  return seen | maskByBytes(bytes, aligned + ((last - first) << 2), end, wordKey)
}
