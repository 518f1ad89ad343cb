/**
 * DEFLATE (RFC 1951) read with an eye on distances: zlib looks at them only where its own window ends, and takes what
 * refers farther back than was agreed on as long as it has it. Slow, exact, and for short messages alone.
 */

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
/** §3.2.7: the order in which the lengths of the code for code lengths stand. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** By length and code: the symbol. */
type Codes = ReadonlyMap<number, number>

export interface Inflated {
  readonly message: Buffer
  /** The farthest that a match refers back; 0 where there is none. */
  readonly distance: number
}

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= 8 * this.#bytes.length
  }

  bits(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#at >> 3]
      if (byte === undefined) throw new Error('it ends within a block')
      value |= ((byte >> (this.#at++ & 7)) & 1) << i
    }
    return value
  }

  symbol(codes: Codes): number {
    let code = 1
    for (let length = 1; length <= 15; length++) {
      code = (code << 1) | this.bits(1)
      const symbol = codes.get(code)
      if (symbol !== undefined) return symbol
    }
    throw new Error('a code that stands for nothing')
  }

  align(): void {
    this.#at = (this.#at + 7) & ~7
  }
}

/** §3.2.2. A code's key is its bits behind a 1, so that its length is told too. */
function codesOf(lengths: readonly number[]): Codes {
  const codes = new Map<number, number>()
  let code = 0
  for (let length = 1; length <= 15; length++) {
    for (const [symbol, own] of lengths.entries()) if (own === length) codes.set((1 << length) | code++, symbol)
    if (code > 1 << length) throw new Error('more codes than there are')
    code <<= 1
  }
  return codes
}

const FIXED_LITERALS = codesOf(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)))
const FIXED_DISTANCES = codesOf(Array.from({ length: 30 }, () => 5))

function readDynamicCodes(reader: BitReader): [Codes, Codes] {
  const [literals, distances, count] = [reader.bits(5) + 257, reader.bits(5) + 1, reader.bits(4) + 4]
  const own = Array.from({ length: 19 }, () => 0)
  for (let i = 0; i < count; i++) own[ORDER[i]!] = reader.bits(3)
  const codes = codesOf(own)
  const lengths: number[] = []
  while (lengths.length < literals + distances) {
    const symbol = reader.symbol(codes)
    if (symbol < 16) lengths.push(symbol)
    else {
      const value = symbol === 16 ? lengths.at(-1) : 0
      if (value === undefined) throw new Error('a length that repeats none')
      const times = symbol === 16 ? 3 + reader.bits(2) : symbol === 17 ? 3 + reader.bits(3) : 11 + reader.bits(7)
      for (let i = 0; i < times; i++) lengths.push(value)
    }
  }
  return [codesOf(lengths.slice(0, literals)), codesOf(lengths.slice(literals, literals + distances))]
}

/**
 * All blocks, which must end where the octets do.
 *
 * @param window what stands before the message and may be referred to
 * @throws {Error} it is no DEFLATE, or refers to what is not there
 */
export function inflate(bytes: Uint8Array, window: Uint8Array): Inflated {
  const reader = new BitReader(bytes)
  const output = [...window]
  let farthest = 0
  // RFC 7692 §7.2.3.4: behind a block with BFINAL the rest of the octet is left out, and more may follow.
  for (let final = 0; !reader.isAtEnd; final && reader.align()) {
    final = reader.bits(1)
    const type = reader.bits(2)
    if (type === 3) throw new Error('a block of type 3')
    if (type === 0) {
      reader.align()
      const length = reader.bits(16)
      if (reader.bits(16) !== 65_535 - length) throw new Error('a length that is not its complement')
      for (let i = 0; i < length; i++) output.push(reader.bits(8))
      continue
    }
    const [literals, distances] = type === 1 ? [FIXED_LITERALS, FIXED_DISTANCES] : readDynamicCodes(reader)
    for (let symbol = reader.symbol(literals); symbol !== 256; symbol = reader.symbol(literals)) {
      if (symbol < 256) {
        output.push(symbol)
        continue
      }
      const length = (LENGTH_BASE[symbol - 257] ?? 0) + reader.bits(LENGTH_EXTRA[symbol - 257] ?? 0)
      const half = reader.symbol(distances)
      const extra = half < 4 ? 0 : (half >> 1) - 1
      const distance = 1 + (half < 4 ? half : ((2 + (half & 1)) << extra) + reader.bits(extra))
      if (distance > output.length)
        throw new Error(`a distance of ${distance}, with ${output.length} octets before it`)
      farthest = Math.max(farthest, distance)
      for (let i = 0; i < length; i++) output.push(output[output.length - distance]!)
    }
  }
  return { message: Buffer.from(output.slice(window.length)), distance: farthest }
}
