/**
 * The LZ77 sliding window of one direction, as plain bytes: the last of what was compressed or inflated, for zlib to
 * refer back to as its dictionary. A live zlib state would hold the same bytes and up to seven times as much beside.
 *
 * It holds at most the window that was negotiated, and at most twice what has been put into it.
 */
const NO_BYTES = Buffer.alloc(0)

export class SlidingWindow {
  readonly #size: number
  #buffer: Buffer = NO_BYTES
  #length = 0

  /** @param size bytes that it reaches back */
  constructor(size: number) {
    this.#size = size
  }

  /** What may be referred back to; valid until the next `append`. */
  get bytes(): Buffer {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#length)
  }

  /** Moves the window on behind `data`. */
  append(data: Uint8Array): void {
    const size = this.#size
    const added = data.length > size ? data.subarray(data.length - size) : data
    const kept = Math.min(this.#length, size - added.length)
    const length = kept + added.length
    const from = this.#length - kept
    if (length > this.#buffer.length) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(size, Math.max(length, 2 * this.#buffer.length)))
      this.#buffer.copy(buffer, 0, from, this.#length)
      this.#buffer = buffer
    } else if (from > 0) {
      this.#buffer.copyWithin(0, from, this.#length)
    }
    this.#buffer.set(added, kept)
    this.#length = length
  }
}
