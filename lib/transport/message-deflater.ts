/**
 * Deflates the messages of one direction (RFC 7692 §7.2.1), one at a time and in order. Between two messages there is
 * no zlib object: context takeover is a window of plain bytes, given to the next call as its dictionary, from which
 * zlib makes what its own stream would have made.
 *
 * What is short is deflated at once, which costs less than a trip to the thread pool; what is long goes there.
 */
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib'
import type { DirectionTerms } from './deflate-options.ts'
import { SlidingWindow } from './sliding-window.ts'
import { addJob, dropJob, type ZlibJob } from './zlib-jobs.ts'

/** Above this it goes to the thread pool: at once it would keep the event loop longer than the trip costs. */
const SYNC_LENGTH = 16_384
/** The same for the levels that are several times as fast. */
const FAST_SYNC_LENGTH = 65_536
const FASTEST_SLOW_LEVEL = 4

/** Bytes of output that zlib is given room for at a time. */
const MAX_CHUNK = 262_144

/** §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end." */
const TAIL_LENGTH = 4
/** §7.2.3.6: an empty message is the header of an empty block, whose rest is taken off. */
const EMPTY = Buffer.of(0)
const NO_BYTES = Buffer.alloc(0)

/**
 * Of a window of 32 KiB only this much is used: zlib reads all of it anew for each message, and what lies further back
 * saves 1 or 2 % of JSON (bench/permessage-deflate.ts, "wire") and of prose, 3 or 4 % of source code.
 */
const MOST_REFERRED = 20_480

/** zlib refers back no further than its window, less what it wants to look ahead. */
const LOOKAHEAD = 262

/** DEFLATE data without their tail; later if they take their time. */
export type Deflated = Buffer | Promise<Buffer>

export class MessageDeflater {
  readonly #level: number
  readonly #bits: number
  readonly #contextTakeover: boolean
  /** What may be referred back to; without context takeover only within a message. */
  #window: SlidingWindow | undefined = undefined
  #job: ZlibJob | undefined = undefined

  constructor({ windowBits, contextTakeover }: DirectionTerms, level: number) {
    this.#bits = windowBits
    this.#contextTakeover = contextTakeover
    this.#level = level
  }

  /**
   * The data of a message. They are used or not: only with `messageSent` does the window move on. `payload` must stay
   * as it is until then.
   */
  deflate(payload: Uint8Array): Deflated {
    if (payload.length === 0) return EMPTY
    return this.#run(payload, withoutTail)
  }

  /** The data of one fragment of a message; the last one has `fin`. */
  deflateFragment(payload: Uint8Array, fin: boolean): Deflated {
    if (payload.length === 0) {
      if (fin) this.#endMessage()
      return fin ? EMPTY : NO_BYTES
    }
    return this.#run(payload, data => {
      this.#moveWindow(payload)
      if (fin) this.#endMessage()
      return fin ? withoutTail(data) : data
    })
  }

  /** A message went out compressed, by whomever: the peer's window has it now. */
  messageSent(payload: Uint8Array): void {
    if (this.#contextTakeover) this.#moveWindow(payload)
  }

  /**
   * The data of a message without a reference to what was before it, so that every peer can inflate them. It is no
   * concern of this connection alone, so `abort` does not end it.
   */
  deflateApart(payload: Uint8Array): Deflated {
    if (payload.length === 0) return EMPTY
    return start(payload, this.#optionsFor(payload, undefined), withoutTail, undefined)
  }

  /** Deflating so many bytes goes to the thread pool. */
  takesTime({ length }: Uint8Array): boolean {
    return isLong(length, this.#level)
  }

  /** Messages that `deflateApart` would make the same of have the same kind. */
  kindOf(payload: Uint8Array): string {
    return `${this.#level} ${this.#bitsFor(payload.length)}`
  }

  /** Work in the thread pool is no longer wanted; what was promised stays pending. */
  abort(): void {
    if (this.#job !== undefined) dropJob(this.#job)
  }

  #run(payload: Uint8Array, finish: (data: Buffer) => Buffer): Deflated {
    const options = this.#optionsFor(payload, this.#window?.bytes)
    return start(payload, options, finish, job => {
      this.#job = job
    })
  }

  #optionsFor(payload: Uint8Array, dictionary: Buffer | undefined): ZlibOptions {
    const known = dictionary?.length ?? 0
    return {
      level: this.#level,
      windowBits: this.#bitsFor(known + payload.length),
      finishFlush: constants.Z_SYNC_FLUSH,
      // Room for what cannot be made shorter, and for the flush, which zlib repeats if it fills the room.
      chunkSize: Math.min(MAX_CHUNK, payload.length + (payload.length >> 6) + 64),
      ...(known === 0 ? {} : { dictionary }),
    }
  }

  /** No larger a window than `length` bytes can make use of: it takes time to set up. */
  #bitsFor(length: number): number {
    const useful = 32 - Math.clz32(length + LOOKAHEAD - 1)
    // zlib cannot do 8. With 9 it refers back over no more than 250 bytes, which is what 8 allow.
    return Math.max(9, Math.min(useful, this.#bits))
  }

  #moveWindow(payload: Uint8Array): void {
    this.#window ??= new SlidingWindow(Math.min(2 ** this.#bits, MOST_REFERRED))
    this.#window.append(payload)
  }

  #endMessage(): void {
    if (!this.#contextTakeover) this.#window = undefined
  }
}

function start(
  payload: Uint8Array,
  options: ZlibOptions,
  finish: (data: Buffer) => Buffer,
  onJob: ((job: ZlibJob) => void) | undefined,
): Deflated {
  if (!isLong(payload.length, options.level ?? 0)) return finish(deflateRawSync(payload, options))
  return new Promise((resolve, reject) => {
    const job: ZlibJob = {
      start(done) {
        deflateRaw(payload, options, (error, data) => {
          done()
          if (error) reject(error)
          else resolve(finish(data))
        })
      },
    }
    onJob?.(job)
    addJob(job)
  })
}

function isLong(length: number, level: number): boolean {
  return length > (level < FASTEST_SLOW_LEVEL ? FAST_SYNC_LENGTH : SYNC_LENGTH)
}

function withoutTail(data: Buffer): Buffer {
  return data.subarray(0, data.length - TAIL_LENGTH)
}
