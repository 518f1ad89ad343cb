/**
 * Seeded randomness: the same numbers for the same seed on every machine. Whoever uses it prints the seed, and
 * WIREWRIGHT_SEED repeats a run.
 */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed = Number(process.env.WIREWRIGHT_SEED ?? 6455)) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** The next 32 random bits, as an unsigned integer (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return (bits ^ (bits >>> 14)) >>> 0
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let at = 0; at < length; at++) bytes[at] = this.next()
    return bytes
  }

  /** Bytes that DEFLATE has something to do with: words that come again, and some noise between them. */
  text(length: number): Buffer {
    const words = ['the ', 'price ', 'of ', '"symbol":', '{"id":', '}, ', 'update', '\n']
    let text = ''
    while (text.length < length) text += this.below(4) === 0 ? this.next().toString(36) : this.pick(words)
    return Buffer.from(text.slice(0, length))
  }

  /** Cuts `bytes` into chunks of 1 to `longest` bytes, each with memory of its own. */
  chunks(bytes: Uint8Array, longest: number): Buffer[] {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + this.below(longest))
      chunks.push(Buffer.from(new Uint8Array(bytes.subarray(at, end)).buffer))
      at = end
    }
    return chunks
  }
}
