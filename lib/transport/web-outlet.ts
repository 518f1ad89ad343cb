/** The body of a Fetch `Response` as a Node stream to write to: the way in which all event streams are written. */
import { Writable } from 'node:stream'

export class WebOutlet extends Writable {
  readonly body: ReadableStream<Uint8Array>
  #controller!: ReadableStreamDefaultController<Uint8Array>
  /** Lets the next write come; what was written is not taken before somebody has read it. */
  #taken: (() => void) | undefined
  #hasEnd = false

  constructor() {
    super()
    this.body = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          this.#controller = controller
        },
        pull: () => this.#pulled(),
        // The reader has gone, or the client behind it.
        cancel: () => void this.destroy(),
      },
      { highWaterMark: 0 },
    )
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: () => void): void {
    // Before it is enqueued: a reader that has asked for more than this chunk pulls from within.
    this.#taken = callback
    // A copy: what is enqueued may be transferred to another realm, and a prepared event is for many.
    this.#controller.enqueue(new Uint8Array(chunk))
  }

  /** The client has gone: who still reads for it is told of an end, as there is nobody to be told of a failure. */
  leave(): void {
    if (!this.destroyed) this.#end()
    this.destroy()
  }

  override _final(callback: () => void): void {
    this.#end()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#pulled()
    if (!this.#hasEnd) {
      try {
        this.#controller.error(error ?? new Error('the event stream was cut'))
      } catch {
        // It was cancelled, so there is nobody to be told.
      }
    }
    callback(error)
  }

  #end(): void {
    if (!this.#hasEnd) this.#controller.close()
    this.#hasEnd = true
  }

  #pulled(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }
}
