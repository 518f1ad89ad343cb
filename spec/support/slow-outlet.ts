/** A stream to write to whose reader takes what was written when the spec says so. */
import { Writable } from 'node:stream'

export class SlowOutlet extends Writable {
  /** What was written, write for write; those that were put together by the stream itself as one. */
  readonly writes: string[] = []
  #take: (() => void) | undefined
  readonly #isPrompt: boolean

  /** @param isPrompt takes everything at once, as a system that has room does */
  constructor({ isPrompt = false } = {}) {
    super()
    this.#isPrompt = isPrompt
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.writes.push(chunk.toString())
    if (this.#isPrompt) callback()
    else this.#take = callback
  }

  /** Takes what is on its way; what was written behind it is on its way then. */
  take(): void {
    const take = this.#take
    this.#take = undefined
    take?.()
  }

  /** Takes everything, until nothing more comes. */
  async takeAll(): Promise<void> {
    while (this.writableLength > 0) {
      this.take()
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  get text(): string {
    return this.writes.join('')
  }
}
