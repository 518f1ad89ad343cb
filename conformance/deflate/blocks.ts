/**
 * DEFLATE (RFC 1951) written block by block, right or wrong: what no compressor writes when it is asked to. Blocks are
 * bits, which do not end with an octet; {@link blocks} puts them together.
 */

/** Bits, first to last. */
export type Bits = readonly (0 | 1)[]

/** A literal octet, or a match: so many octets from so far back. */
export type Piece = number | { readonly length: number; readonly distance: number }

/** A number, least significant bit first, as all but Huffman codes stand (§3.1.1). */
export function number(value: number, size: number): Bits {
  return Array.from({ length: size }, (_, i) => ((value >> i) & 1) as 0 | 1)
}

/** A Huffman code, most significant bit first. */
function code(value: number, size: number): Bits {
  return [...number(value, size)].reverse()
}

/** §3.2.3: BFINAL and BTYPE. */
export function blockHeader(type: 0 | 1 | 2 | 3, final: boolean): Bits {
  return [final ? 1 : 0, ...number(type, 2)]
}

/** §3.2.6: the fixed code of a literal or length. */
function fixedCode(symbol: number): Bits {
  if (symbol < 144) return code(0x30 + symbol, 8)
  if (symbol < 256) return code(0x190 + symbol - 144, 9)
  return symbol < 280 ? code(symbol - 256, 7) : code(0xc0 + symbol - 280, 8)
}

/** §3.2.5: the symbol and the extra bits of a length. */
function lengthBits(length: number): Bits {
  if (length === 258) return fixedCode(285)
  const at = length - 3
  if (at < 8) return fixedCode(257 + at)
  const extra = 29 - Math.clz32(at)
  return [...fixedCode(257 + 4 * extra + (at >> extra)), ...number(at, extra)]
}

/** §3.2.5: the symbol and the extra bits of a distance. */
function distanceBits(distance: number): Bits {
  const at = distance - 1
  if (at < 4) return code(at, 5)
  const extra = 30 - Math.clz32(at)
  return [...code(2 * extra + (at >> extra), 5), ...number(at, extra)]
}

/** A block with fixed codes. */
export function fixedBlock(symbols: readonly Piece[], final = false): Bits {
  const body = symbols.map(symbol =>
    typeof symbol === 'number' ? fixedCode(symbol) : [...lengthBits(symbol.length), ...distanceBits(symbol.distance)],
  )
  return [blockHeader(1, final), ...body, fixedCode(256)].flat()
}

/** Blocks without compression, as many as it takes, each behind the end of an octet, where the bits before it must end too. */
export function storedBlocks(data: Uint8Array, final = false): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at === 0 || at < data.length; at += 65_535) {
    const part = data.subarray(at, at + 65_535)
    const head = Buffer.alloc(5)
    head[0] = final && at + 65_535 >= data.length ? 1 : 0
    head.writeUInt16LE(part.length, 1)
    head.writeUInt16LE(65_535 - part.length, 3)
    parts.push(head, Buffer.from(part))
  }
  return Buffer.concat(parts)
}

/** Octets of bits; what is left of the last one is zero. */
export function octets(...parts: readonly Bits[]): Buffer {
  const bits = parts.flat()
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) bytes[i >> 3]! |= bit << (i & 7)
  return bytes
}

/**
 * RFC 7692 §7.2.1: a message ends in an empty block without compression, whose last four octets are left out: three bits
 * behind the last block, to the end of the octet.
 */
export function messageOf(...parts: readonly Bits[]): Buffer {
  return octets(...parts, blockHeader(0, false))
}
