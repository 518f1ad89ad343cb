/**
 * Inflates the messages of one direction (RFC 7692 §7.2.2), one at a time and in order. Between two messages there is
 * no zlib object: context takeover is a window of plain bytes, given to the next call as its dictionary.
 *
 * Small messages are inflated at once, which costs less than a trip to the thread pool; what is long, or turns out to
 * be, goes there. Beside the message itself, which is never longer than the limit, it costs one more chunk of zlib's
 * output, and no byte behind the limit is kept.
 *
 * A message is fed with a final block behind it. So zlib ends exactly where the message does, and data that stop short
 * are told from data that are whole; and where zlib ends earlier, the message has a final block of its own.
 */
import { inflateRaw, inflateRawSync } from 'node:zlib'
import type { Inflated } from '../websocket/connection.ts'
import type { DirectionTerms } from './deflate-options.ts'
import { SlidingWindow } from './sliding-window.ts'
import { addJob, dropJob, type ZlibJob } from './zlib-jobs.ts'

export interface InflaterOwner {
  /** The result of a message that took its time. @internal */
  onInflated(result: Inflated): void
}

/** Longer data go to the thread pool at once. */
const SYNC_DATA = 65_536
/** What comes to more goes on in the thread pool: at once it would take as long as the trip. */
const SYNC_LENGTH = 262_144
/** Bytes of output that zlib is given room for at a time; 64 KiB fit with some to spare, since a full one wants another. */
const MIN_CHUNK = 1024
const MAX_CHUNK = 69_632

/** What the sender took off (§7.2.1), and an empty final block. */
const TAIL = Buffer.from('0000ffff010000ffff', 'hex')

/** A message has no more final blocks than this: each costs a new zlib state, and a byte or two to send. */
const MOST_FINAL_BLOCKS = 1024

/** What Node gives with the option `info`. */
interface InflatedStream {
  readonly buffer: Buffer
  /** Told how much zlib took of what it was given. */
  readonly engine: { readonly bytesWritten: number }
}

export class MessageInflater {
  readonly #bits: number
  /** Undefined without context takeover. */
  readonly #window: SlidingWindow | undefined
  readonly #owner: InflaterOwner
  #job: ZlibJob | undefined = undefined

  constructor({ windowBits, contextTakeover }: DirectionTerms, owner: InflaterOwner) {
    this.#bits = windowBits
    this.#window = contextTakeover ? new SlidingWindow(2 ** windowBits) : undefined
    this.#owner = owner
  }

  /** As the core's `Inflate` says; a result that is not returned goes to the owner. */
  inflate(data: Buffer, maxLength: number): Inflated | undefined {
    const inflation = new Inflation(Buffer.concat([data, TAIL]), maxLength, this.#bits, this.#window)
    const result = data.length > SYNC_DATA ? undefined : inflateSync(inflation)
    if (result !== undefined) return result
    const job: ZlibJob = { start: done => this.#inflateStream(inflation, done) }
    this.#job = job
    addJob(job)
    return undefined
  }

  /** No result is wanted any more. */
  abort(): void {
    if (this.#job !== undefined) dropJob(this.#job)
    this.#job = undefined
  }

  #inflateStream(inflation: Inflation, done: () => void): void {
    const job = this.#job
    inflateRaw(inflation.input, inflation.optionsFor(Infinity), (error, stream) => {
      if (this.#job !== job) return done()
      const result = error ? violationOf(error) : inflation.take(stream as unknown as InflatedStream)
      if (result === undefined) return this.#inflateStream(inflation, done)
      this.#job = undefined
      done()
      this.#owner.onInflated(result)
    })
  }
}

/** Undefined when the message gets too long for that; what has been inflated of it need not be inflated again. */
function inflateSync(inflation: Inflation): Inflated | undefined {
  for (;;) {
    let stream: InflatedStream
    try {
      stream = inflateRawSync(inflation.input, inflation.optionsFor(SYNC_LENGTH)) as unknown as InflatedStream
    } catch (error) {
      const violation = violationOf(error)
      const isOurLimit = violation === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' && inflation.maxLength > SYNC_LENGTH
      return isOurLimit ? undefined : violation
    }
    const result = inflation.take(stream)
    if (result !== undefined) return result
  }
}

/** One message on its way through zlib: a stream of DEFLATE, and another one behind each final block. */
class Inflation {
  /** What has not been inflated. */
  input: Buffer
  readonly maxLength: number
  readonly #bits: number
  #window: SlidingWindow | undefined
  /** The message up to the last final block. */
  #parts: Buffer[] | undefined = undefined
  #length = 0
  #finalBlocks = 0

  constructor(input: Buffer, maxLength: number, bits: number, window: SlidingWindow | undefined) {
    this.input = input
    this.maxLength = maxLength
    this.#bits = bits
    this.#window = window
  }

  /** For zlib and the next stream, when the message may come to `limit` bytes. */
  optionsFor(limit: number) {
    const dictionary = this.#window?.bytes
    return {
      windowBits: this.#bits,
      chunkSize: Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, this.input.length * 8)),
      maxOutputLength: Math.max(1, Math.min(limit, this.maxLength) - this.#length),
      info: true,
      ...(dictionary === undefined || dictionary.length === 0 ? {} : { dictionary }),
    }
  }

  /** Takes what a stream came to; returns the message, or undefined when there is more of it. */
  take({ buffer, engine }: InflatedStream): Inflated | undefined {
    const left = this.input.length - engine.bytesWritten
    this.#length += buffer.length
    if (this.#length > this.maxLength) return 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    // §7.2.3.4 has an octet of zeros behind a final block, which begins the block that was taken off. Whoever forgets
    // it is understood all the same.
    if (left === 0 || left === TAIL.length) {
      this.#window?.append(buffer)
      return this.#parts === undefined ? buffer : Buffer.concat([...this.#parts, buffer])
    }
    if (++this.#finalBlocks > MOST_FINAL_BLOCKS) return 'WS_ERR_TOO_MANY_BUFFERED_PARTS'
    // The window survives a final block: what follows may refer back over it. zlib forgets it, and is told again.
    this.#window ??= new SlidingWindow(2 ** this.#bits)
    this.#window.append(buffer)
    this.#parts ??= []
    this.#parts.push(buffer)
    this.input = this.input.subarray(engine.bytesWritten)
    return undefined
  }
}

function violationOf(error: unknown): Inflated {
  const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
  return isTooLong ? 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' : 'WS_ERR_INVALID_DEFLATE_DATA'
}
