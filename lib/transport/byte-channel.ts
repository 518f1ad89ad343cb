/**
 * The byte stream under a connection: any Duplex, usually a TCP or TLS socket. It turns the stream's events into
 * calls on one owner, writes the pieces of a turn in one go, and knows whether the system took them.
 *
 * The listeners are shared functions and find the channel through a property of the stream: a set of closures for
 * every connection would cost more memory than all the rest of it.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { reclaim } from '../websocket/frame-writer.ts'

export interface ChannelOwner {
  /** @internal */
  onData(chunk: Buffer): void
  /** The peer's bytes have ended. @internal */
  onEnd(): void
  /** The system has taken what it was to tell of: see `write`. @internal */
  onTaken(): void
  /** The stream is gone; the last call. @internal */
  onClosed(error: Error | undefined): void
}

const kChannel = Symbol('channel')
type OwnedStream = Duplex & { [kChannel]?: ByteChannel | undefined }

export class ByteChannel {
  readonly stream: Duplex
  readonly #owner: ChannelOwner
  /** What is written to it is in the kernel, and copied, once the stream holds no more of it. */
  readonly #isKernelSocket: boolean
  #error: Error | undefined = undefined
  #unsent = 0

  constructor(stream: Duplex, owner: ChannelOwner) {
    this.stream = stream
    this.#owner = owner
    this.#isKernelSocket = stream instanceof Socket && !(stream instanceof TLSSocket)
    if (stream instanceof Socket) {
      stream.setNoDelay(true)
      stream.setTimeout(0)
    }
    const owned: OwnedStream = stream
    owned[kChannel] = this
    // A listener alone would start the stream in the next tick, which may come before the promise that brings the
    // connection to the application: what came with the handshake would be told to nobody.
    stream.pause()
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
    // What happened while the opening handshake was decided is not told again.
    if (stream.closed) process.nextTick(onClose.bind(owned))
    else if (stream.readableEnded) process.nextTick(onEnd.bind(owned))
    queueMicrotask(() => stream.resume())
  }

  /** Bytes that were written and that the system has not taken. */
  get buffered(): number {
    return this.stream.writableLength
  }

  /** Bytes that a stream which is gone did not pass on, as far as the last look told: it tells no more itself. */
  get unsent(): number {
    return this.stream.writableFinished ? 0 : this.#unsent
  }

  /** What {@link buffered} is no more than, without asking the stream. */
  get bufferedAtMost(): number {
    return this.#unsent
  }

  get isPaused(): boolean {
    return this.stream.isPaused()
  }

  /** Bytes that the system has taken so far, where the stream counts them. */
  get taken(): number {
    return this.stream instanceof Socket ? (this.stream.bytesWritten ?? 0) - this.stream.writableLength : 0
  }

  /**
   * Writes all pieces at once, `length` bytes. If more than `mark` bytes then wait for the system, the owner is told
   * when it has taken these. (The stream's own 'drain' keeps to a mark of the stream's.)
   */
  write(pieces: readonly Buffer[], length: number, mark: number): void {
    const { stream } = this
    if (stream.destroyed || stream.writableEnded) return
    const isMuch = stream.writableLength + length > mark
    const tell = isMuch ? (error?: Error | null) => this.#taken(error) : undefined
    const last = pieces.length - 1
    if (last > 0) stream.cork()
    for (let i = 0; i < last; i++) stream.write(pieces[i]!)
    stream.write(pieces[last]!, tell)
    if (last > 0) stream.uncork()
    this.#unsent = stream.writableLength
    if (this.#isKernelSocket && this.#unsent === 0) {
      for (let i = pieces.length - 1; i >= 0; i--) reclaim(pieces[i]!)
    }
  }

  #taken(error: Error | null | undefined): void {
    // Node tells no error of a write that was under way when the stream was destroyed.
    if (error || this.stream.destroyed) return
    this.#unsent = this.stream.writableLength
    this.#owner.onTaken()
  }

  pause(): void {
    this.stream.pause()
  }

  resume(): void {
    if (this.stream.isPaused()) this.stream.resume()
  }

  /** Ends our side once what was written is out. */
  end(): void {
    if (!this.stream.writableEnded) this.stream.end()
  }

  destroy(): void {
    this.#unsent = this.stream.writableLength
    this.stream.destroy()
  }

  /** @internal */
  failed(error: Error): void {
    this.#error ??= error
  }

  /** @internal */
  get owner(): ChannelOwner {
    return this.#owner
  }

  /** @internal */
  get error(): Error | undefined {
    return this.#error
  }
}

function onData(this: OwnedStream, chunk: Buffer): void {
  this[kChannel]?.owner.onData(chunk)
}

function onEnd(this: OwnedStream): void {
  this[kChannel]?.owner.onEnd()
}

function onError(this: OwnedStream, error: Error): void {
  this[kChannel]?.failed(error)
}

function onClose(this: OwnedStream): void {
  const channel = this[kChannel]
  // A stream may say it more than once; that it was closed before may be news that is on its way.
  this[kChannel] = undefined
  channel?.owner.onClosed(channel.error)
}
