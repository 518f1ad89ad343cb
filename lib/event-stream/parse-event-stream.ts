/**
 * The parser, for those who pull: an async iterable and a web `TransformStream`, both over {@link EventStreamParser}.
 *
 *     for await (const { type, data } of parseEventStream(await fetch(url))) { … }
 *     response.body.pipeThrough(new EventStreamParserStream())
 *
 * It knows web streams and async iterables by their shape, and nothing of what is behind them. Reading is pulled: no
 * chunk is asked for while an event is left, so what is held is the events of one chunk.
 */
import { EventStreamParser, type EventStreamParserOptions, type ServerSentEvent } from './parser.ts'

type Chunk = Uint8Array | string
type Result = IteratorResult<ServerSentEvent, undefined>

/** A web `ReadableStream`, of any realm or type library. */
export interface ReadableStreamLike {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Chunk | undefined }>
    cancel(reason?: unknown): Promise<void>
  }
}

/** A stream, or what carries one: a fetch `Response`, whose status and content type are not looked at here. */
export type EventStreamSource =
  | AsyncIterable<Chunk>
  | ReadableStreamLike
  | { readonly body: AsyncIterable<Chunk> | ReadableStreamLike | null }

export interface ParseEventStreamOptions extends EventStreamParserOptions {
  /** Called for every comment, ahead of the events behind it. */
  readonly comment?: ((text: string) => void) | undefined
  /** Called with the reconnection time, in milliseconds, when the stream sets it. */
  readonly retry?: ((reconnectionTime: number) => void) | undefined
}

/**
 * The events of a stream of bytes or strings: of a web stream, a Node stream such as `IncomingMessage`, a fetch
 * `Response`, or any async iterable.
 *
 * Ends when the source ends; an event that is unfinished then is discarded. Rejects with what the source fails with, or
 * with {@link EventStreamError} when it goes beyond a limit, after the events before that. Leaving the loop cancels the
 * source.
 *
 * @throws {TypeError} not such a source, or it is locked
 * @throws {RangeError} a limit is not a number from 1 up
 */
export function parseEventStream(
  source: EventStreamSource,
  options: ParseEventStreamOptions = {},
): AsyncIterableIterator<ServerSentEvent> & AsyncDisposable {
  return new EventIterator(source, options)
}

/** Bytes or strings in, {@link ServerSentEvent}s out; an {@link EventStreamError} is the error of both its sides. */
export class EventStreamParserStream extends TransformStream<Uint8Array | string, ServerSentEvent> {
  constructor(options: ParseEventStreamOptions = {}) {
    let enqueue: (event: ServerSentEvent) => void
    const { comment, retry } = options
    const parser = new EventStreamParser({ event: event => enqueue(event), comment, retry }, options)
    super({
      start(controller) {
        enqueue = event => controller.enqueue(event)
      },
      transform: chunk => parser.feed(chunk),
      flush: () => parser.end(),
    })
  }
}

/** The two things that are wanted of a source. */
interface ChunkReader {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: Chunk | undefined }>
  close(): Promise<unknown>
}

class EventIterator implements AsyncIterableIterator<ServerSentEvent>, AsyncDisposable {
  readonly #chunks: ChunkReader
  readonly #parser: EventStreamParser
  #events: ServerSentEvent[] = []
  /** How many of them were handed out. */
  #taken = 0
  /** No chunk will be asked for any more. */
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  /** Calls of `next` that wait for a chunk; the last of them. */
  #waiting = 0
  #lastPull: Promise<unknown> = Promise.resolve()

  constructor(source: EventStreamSource, options: ParseEventStreamOptions) {
    const { comment, retry } = options
    this.#parser = new EventStreamParser({ event: event => this.#events.push(event), comment, retry }, options)
    this.#chunks = readerOf(source)
  }

  next(): Promise<Result> {
    // Calls that do not wait for one another are answered in their order.
    if (this.#waiting === 0 && this.#taken < this.#events.length) return Promise.resolve(this.#take())
    this.#waiting++
    const pull = this.#lastPull.then(() => this.#pull()).finally(() => this.#waiting--)
    this.#lastPull = pull.catch(() => {})
    return pull
  }

  async return(): Promise<Result> {
    this.#isOver = true
    this.#events = []
    this.#taken = 0
    await this.#chunks.close()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #pull(): Promise<Result> {
    while (this.#taken === this.#events.length && !this.#isOver) {
      this.#events.length = 0
      this.#taken = 0
      await this.#read()
    }
    if (this.#taken < this.#events.length) return this.#take()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
    return { done: true, value: undefined }
  }

  /** Parses the next chunk. A failure is kept until the events before it have been taken. */
  async #read(): Promise<void> {
    try {
      const { done, value } = await this.#chunks.next()
      if (this.#isOver) return
      if (done) {
        this.#isOver = true
        this.#parser.end()
      } else {
        this.#parse(value as Chunk)
      }
    } catch (error) {
      this.#isOver = true
      this.#failure = { error }
    }
  }

  #parse(chunk: Chunk): void {
    try {
      this.#parser.feed(chunk)
    } catch (error) {
      // Nobody waits for the source to close: the error is what is to be heard of.
      this.#chunks.close().catch(() => {})
      throw error
    }
  }

  #take(): Result {
    return { done: false, value: this.#events[this.#taken++]! }
  }
}

function readerOf(source: EventStreamSource): ChunkReader {
  const carrier = source as Partial<AsyncIterable<Chunk> & ReadableStreamLike> & { readonly body?: unknown }
  if (typeof carrier?.getReader === 'function') {
    const reader = carrier.getReader()
    return { next: () => reader.read(), close: () => reader.cancel() }
  }
  if (typeof carrier?.[Symbol.asyncIterator] === 'function') {
    const iterator = carrier[Symbol.asyncIterator]!()
    return { next: () => iterator.next(), close: async () => iterator.return?.() }
  }
  // A Response without a body, such as a 204, is an empty stream.
  if (carrier?.body === null) return { next: async () => ({ done: true }), close: async () => {} }
  if (typeof carrier?.body === 'object') return readerOf(carrier.body as EventStreamSource)
  throw Object.assign(new TypeError('source must be a stream, an async iterable or a Response'), {
    code: 'ERR_INVALID_ARG_TYPE',
  })
}
