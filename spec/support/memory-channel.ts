/**
 * Two Duplex streams in memory, connected like the two ends of a socket, which break where a spec wants it.
 *
 * Like a socket, each end takes bytes until what the other has not read exceeds a capacity, hands them over in a
 * later turn of the event loop, passes an end on behind them (half closed until the other ends too), and is told of
 * a reset. Unlike a socket it counts: every hand-over of bytes, every write and every end is an operation, numbered
 * from 0 over both ends, and `failAt` names one that fails.
 */
import { Duplex } from 'node:stream'

export interface MemoryOptions {
  /** Number of the operation that fails. */
  readonly failAt?: number
  /** Sizes of the chunks in which bytes arrive, over and over; otherwise all that is there arrives at once. */
  readonly split?: readonly number[]
  /** Bytes that are taken without being read. Default 65,536. */
  readonly capacity?: number
  /** How bytes are handed over: in a later turn, or within the write, as no socket does it. Default later. */
  readonly delivery?: 'later' | 'within-write'
}

/** What both ends have in common. */
class Line {
  readonly options: MemoryOptions
  readonly operations: string[] = []

  constructor(options: MemoryOptions) {
    this.options = options
  }

  /** Counts an operation; returns the error if it is the one that fails. */
  operate(name: string): Error | undefined {
    const fails = this.operations.length === this.options.failAt
    this.operations.push(name)
    return fails ? systemError('ECONNRESET', name) : undefined
  }
}

/** The bytes on their way from one end to the other. */
class Pipe {
  readonly #line: Line
  readonly #reader: () => MemoryStream
  #chunks: Buffer[] = []
  #length = 0
  #ended = false
  #gone = false
  #wanted = false
  #scheduled = false
  #turn = 0
  #waiting: ((error?: Error) => void) | undefined
  /** Bytes that the reader still takes. */
  budget = Infinity

  constructor(line: Line, reader: () => MemoryStream) {
    this.#line = line
    this.#reader = reader
  }

  write(bytes: Buffer, callback: (error?: Error) => void): void {
    if (this.#gone) return void setImmediate(callback, systemError('EPIPE', 'write'))
    this.#chunks.push(Buffer.from(bytes))
    this.#length += bytes.length
    if (this.#length <= (this.#line.options.capacity ?? 65_536)) setImmediate(callback)
    else this.#waiting = callback
    this.schedule()
  }

  end(): void {
    this.#ended = true
    this.schedule()
  }

  /** The reader is destroyed: nothing is taken any more. */
  close(): void {
    this.#gone = true
    this.#settle(systemError('ECONNRESET', 'write'))
  }

  want(): void {
    this.#wanted = true
    this.schedule()
  }

  schedule(): void {
    if (this.#line.options.delivery === 'within-write') return this.#deliver()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const reader = this.#reader()
    if (!this.#wanted || reader.destroyed) return
    if (this.#length === 0) {
      if (this.#ended) {
        this.#wanted = false
        reader.push(null)
        // As net.Socket does: an end with nothing before it is told to a paused stream too.
        reader.read(0)
      }
      return
    }
    const size = Math.min(this.#nextSize(), this.budget, this.#length)
    if (size === 0) return
    const error = this.#line.operate(`read ${reader.name}`)
    if (error !== undefined) return void reader.destroy(error)
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#length -= size
    this.budget -= size
    this.#chunks = this.#length === 0 ? [] : [bytes.subarray(size)]
    this.#wanted = false
    if (this.#length <= (this.#line.options.capacity ?? 65_536)) this.#settle()
    // Memory of its own: whoever gets it may change it.
    reader.push(Buffer.from(new Uint8Array(bytes.subarray(0, size)).buffer))
  }

  /** Calls back for the write that waits; what is called may write again. */
  #settle(error?: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(error)
  }

  #nextSize(): number {
    const { split } = this.#line.options
    return split === undefined ? 65_536 : split[this.#turn++ % split.length]!
  }
}

export class MemoryStream extends Duplex {
  readonly name: string
  /** What each write operation carried. */
  readonly writes: Buffer[] = []
  readonly #line: Line
  readonly #incoming: Pipe
  readonly #outgoing: Pipe
  readonly #other: () => MemoryStream

  constructor(name: string, line: Line, incoming: Pipe, outgoing: Pipe, other: () => MemoryStream) {
    super({ allowHalfOpen: true })
    this.name = name
    this.#line = line
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#other = other
  }

  /** All bytes that were written. */
  get written(): Buffer {
    return Buffer.concat(this.writes)
  }

  /** Takes `bytes` more bytes from the other end, then none. */
  stall(bytes = 0): void {
    this.#incoming.budget = bytes
  }

  /** Takes bytes again after `stall`. */
  unstall(): void {
    this.#incoming.budget = Infinity
    this.#incoming.schedule()
  }

  /** Goes away as a socket with a reset does: the other end gets ECONNRESET. */
  reset(): void {
    this.destroy()
    const other = this.#other()
    setImmediate(() => other.destroy(systemError('ECONNRESET', 'read')))
  }

  override _read(): void {
    this.#incoming.want()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send(chunk, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    const error = this.#line.operate(`end ${this.name}`)
    if (error === undefined) this.#outgoing.end()
    setImmediate(callback, error)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null) {
      const other = this.#other()
      setImmediate(() => other.destroy(systemError('ECONNRESET', 'read')))
    }
    this.#outgoing.end()
    this.#incoming.close()
    // As the handle of a socket, it takes a turn to close.
    setImmediate(callback, error)
  }

  #send(bytes: Buffer, callback: (error?: Error | null) => void): void {
    const error = this.#line.operate(`write ${this.name}`)
    if (error !== undefined) return void setImmediate(callback, error)
    this.writes.push(Buffer.from(bytes))
    this.#outgoing.write(bytes, callback)
  }
}

export interface MemoryChannel {
  readonly server: MemoryStream
  readonly client: MemoryStream
  /** Names of the operations so far. */
  readonly operations: readonly string[]
}

export function memoryChannel(options: MemoryOptions = {}): MemoryChannel {
  const line = new Line(options)
  const toServer: Pipe = new Pipe(line, () => server)
  const toClient: Pipe = new Pipe(line, () => client)
  const server: MemoryStream = new MemoryStream('server', line, toServer, toClient, () => client)
  const client: MemoryStream = new MemoryStream('client', line, toClient, toServer, () => server)
  return { server, client, operations: line.operations }
}

function systemError(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
}
