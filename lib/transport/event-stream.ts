/**
 * An event stream that is open towards one client, whatever carries it: the response of a `node:http` or `node:http2`
 * server, a bare socket, the body of a Fetch `Response`. All are streams to write to, and that is all it knows of them.
 *
 *     send ──► written at once, if nothing is on its way and it is the first of the turn
 *         └──► backlog ──► one write at the end of the turn, or when the system has taken what was written before
 *
 * Memory: no more than `maxBufferedAmount` bytes and one event wait, however slow the client is. A stream that is idle
 * has no timer, no listener, no buffer and no promise of its own: the listeners are shared functions that find it
 * through a property of what carries it, as in byte-channel.ts, and all silence is watched by one clock.
 */
import type { Writable } from 'node:stream'
import { LAST_CHUNK, writeChunk } from './chunked-coding.ts'
import { DroppableBacklog, type EventBacklog, JoinedBacklog } from './event-backlog.ts'
import type { EventStreamSettings } from './event-stream-options.ts'
import { type OutgoingEvent, PreparedEvent, prepareEvent } from './outgoing-event.ts'
import { clockFor } from './tick-clock.ts'

/** How a stream ended. */
export interface EventStreamClose {
  /** `local`: by `close()` or a limit of ours; `peer`: the client, or the network between, has gone. */
  readonly by: 'local' | 'peer'
  /** `ERR_EVENT_STREAM_OUTPUT_LIMIT`, `ERR_EVENT_STREAM_CLOSE_TIMEOUT`, or the system's code such as `ECONNRESET`. */
  readonly cause: string | undefined
  /** Bytes that were sent and that the system has not taken; of a connection that broke, what is known of them. */
  readonly unsent: number
}

/** The stream has closed: what was waited for will not come. `code` is ERR_EVENT_STREAM_CLOSED. */
export class EventStreamClosedError extends Error {
  override readonly name = 'EventStreamClosedError'
  readonly code = 'ERR_EVENT_STREAM_CLOSED'

  constructor() {
    super('the event stream is closed')
  }
}

/** Gathered bytes that do not wait for the end of the turn. */
const FLUSH_AT = 16_384

/** HTML §9.2.7: "authors can include a comment line (one starting with a ':' character) every 15 seconds or so". */
const HEARTBEAT = Buffer.from(':\n\n')

type Sendable = OutgoingEvent | PreparedEvent

const kStream = Symbol('event stream')
type Outlet = Writable & { [kStream]?: EventStream }

/** What somebody waits for. Most streams never have any. */
interface Waiting {
  readonly drained: { readonly resolve: () => void; readonly reject: (error: Error) => void }[]
  closed?: { readonly promise: Promise<EventStreamClose>; readonly resolve: (close: EventStreamClose) => void }
  abort?: AbortController
}

export class EventStream {
  /** What the client asks to go on from; the empty string when it begins anew. It comes from the client: check it. */
  readonly lastEventId: string

  readonly #settings: EventStreamSettings
  readonly #registry: Set<EventStream> | undefined
  /** Undefined once it is gone. */
  #outlet: Outlet | undefined
  #backlog: EventBacklog | undefined = undefined
  /** What carries it knows nothing of HTTP. */
  #isChunked = false
  /** The system has more than the high-water mark to take first. */
  #isHeld = false
  #isClosing = false
  #dropped = 0
  /** The turn in which something was written last. */
  #turn = 0
  /** When that was, or when `close` was called, on the clock. */
  #since = 0
  #waiting: Waiting | undefined = undefined
  #close: EventStreamClose | undefined = undefined
  #cause: string | undefined = undefined
  /** When it was cut. */
  #unsent = 0

  /** @internal */
  constructor(outlet: Writable, settings: EventStreamSettings, lastEventId = '', registry?: Set<EventStream>) {
    this.lastEventId = lastEventId
    this.#settings = settings
    this.#registry = registry
    this.#outlet = outlet
    this.#outlet[kStream] = this
    outlet.on('error', onError).on('close', onClose)
    registry?.add(this)
    this.#watch()
  }

  /** From now on in the chunked transfer coding. @internal */
  useChunks(): void {
    this.#isChunked = true
  }

  /** Writes what comes before the first event. @internal */
  start(preamble: Buffer): void {
    this.#write(preamble)
  }

  /**
   * Sends an event.
   *
   * @returns false above the high-water mark: wait for `drained()` before sending more. Also false, and nothing is sent,
   * once the stream is closed; `drained()` then rejects.
   * @throws {TypeError} a field cannot be sent as it is: `code` is ERR_EVENT_STREAM_FIELD, `field` its name
   */
  send(event: Sendable): boolean {
    const prepared = event instanceof PreparedEvent ? event : prepareEvent(event)
    if (this.isClosed) return false
    if (!this.#isHeld && this.#turn !== turn && this.#backlog === undefined) {
      this.#write(prepared.bytes)
    } else if (this.#makeRoom(prepared)) {
      this.#keep(prepared)
    } else {
      return false
    }
    return !this.#isAboveMark
  }

  /**
   * Sends all events of a source, no faster than the client takes them. Ends the source when the client has gone.
   *
   * @returns resolves when the last event was handed over or the stream has closed, and then does not wait for a source
   * that is silent: hand it `signal`, so that it ends too. Rejects with the source's error, unless the stream has closed
   */
  sendAll(events: Iterable<Sendable> | AsyncIterable<Sendable>): Promise<void> {
    const { signal } = this
    return new Promise((resolve, reject) => {
      const onGone = () => resolve()
      if (signal.aborted) onGone()
      signal.addEventListener('abort', onGone)
      this.#sendEach(events)
        // What a source that was handed `signal` says to its being aborted is no news to anybody.
        .catch(error => (this.isClosed ? undefined : reject(error)))
        .finally(() => {
          signal.removeEventListener('abort', onGone)
          resolve()
        })
    })
  }

  async #sendEach(events: Iterable<Sendable> | AsyncIterable<Sendable>): Promise<void> {
    for await (const event of events) {
      if (!this.send(event)) await this.drained().catch(() => {})
      if (this.isClosed) return
    }
  }

  /**
   * Resolves when no more than the high-water mark is unsent; rejects with an {@link EventStreamClosedError} when the
   * stream closes.
   */
  drained(): Promise<void> {
    if (this.isClosed) return Promise.reject(new EventStreamClosedError())
    if (!this.#isAboveMark) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waitings.drained.push({ resolve, reject }))
  }

  /** Bytes that were sent and that the system has not taken. */
  get bufferedAmount(): number {
    return (this.#outlet?.writableLength ?? 0) + (this.#backlog?.length ?? 0)
  }

  /** Events that were dropped or replaced by newer ones, as `overflow` has it. */
  get dropped(): number {
    return this.#dropped
  }

  /** Nothing can be sent any more: by `close()`, or because the client has gone. */
  get isClosed(): boolean {
    // A response to HTTP/2 has no such property, and tells of its end in time.
    return this.#isClosing || this.#outlet === undefined || this.#outlet.destroyed === true
  }

  /** Resolves when the stream has ended, however it did. */
  get closed(): Promise<EventStreamClose> {
    if (this.#close !== undefined) return Promise.resolve(this.#close)
    this.#waitings.closed ??= promiseWithResolver()
    return this.#waitings.closed.promise
  }

  /** Aborted when the stream has ended: for whatever is done for this client only. */
  get signal(): AbortSignal {
    this.#waitings.abort ??= new AbortController()
    if (this.#close !== undefined) this.#waitings.abort.abort(new EventStreamClosedError())
    return this.#waitings.abort.signal
  }

  /**
   * Ends the stream once what was sent is out. The client comes back after its reconnection time; to tell it not to,
   * answer that request with 204: see `declineEventStream`.
   */
  close(): void {
    if (!this.isClosed) this.#finish(this.#isChunked ? LAST_CHUNK : undefined)
  }

  /**
   * Ends the stream once what was sent is out, as one that broke: the last chunk does not come.
   *
   * @internal
   */
  breakOff(): void {
    if (!this.isClosed) this.#finish(undefined)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  onTick(now: number): void {
    const { heartbeat, closeTimeout } = this.#settings
    if (this.#isClosing) {
      if (now - this.#since >= closeTimeout) this.#cut('ERR_EVENT_STREAM_CLOSE_TIMEOUT')
    } else if (now - this.#since >= heartbeat) {
      // To a client that does not even take what is there it would be one more thing to hold.
      if (this.bufferedAmount === 0) this.#write(HEARTBEAT)
      this.#since = now
    }
  }

  /** The turn in which events were gathered has ended. @internal */
  onTurnEnd(): void {
    if (!this.#isHeld) this.#pump()
  }

  /** @internal */
  onFailed(error: NodeJS.ErrnoException): void {
    // Proxies that have the last chunk reset the connection. All is out; what became of it, TCP would not tell either.
    if (this.#isClosing && this.#outlet?.writableFinished) return
    this.#cause ??= error.code ?? error.message
  }

  /** @internal */
  onGone(): void {
    if (this.#outlet === undefined) return
    const unsent = Math.max(this.#unsent, this.bufferedAmount)
    this.#outlet = undefined
    this.#backlog = undefined
    this.#unwatch()
    this.#registry?.delete(this)
    this.#close = { by: this.#isClosing ? 'local' : 'peer', cause: this.#cause, unsent }
    const { drained = [], closed, abort } = this.#waiting ?? {}
    for (const { reject } of drained) reject(new EventStreamClosedError())
    closed?.resolve(this.#close)
    abort?.abort(new EventStreamClosedError())
  }

  get #waitings(): Waiting {
    this.#waiting ??= { drained: [] }
    return this.#waiting
  }

  #watch(): void {
    const { heartbeat } = this.#settings
    if (heartbeat === 0) return
    const clock = clockFor(heartbeat)
    this.#since = clock.now
    clock.add(this)
  }

  #unwatch(): void {
    const { heartbeat, closeTimeout } = this.#settings
    if (heartbeat > 0) clockFor(heartbeat).remove(this)
    clockFor(closeTimeout).remove(this)
  }

  #finish(last: Buffer | undefined): void {
    this.#isClosing = true
    this.#pump()
    this.#outlet?.end(last)
    this.#unwatch()
    const clock = clockFor(this.#settings.closeTimeout)
    this.#since = clock.now
    clock.add(this)
  }

  /** False when the event must not be kept. */
  #makeRoom({ bytes, key }: PreparedEvent): boolean {
    const { maxBufferedAmount, overflow } = this.#settings
    if (overflow === 'keep-latest' && key !== undefined && this.#backlog?.drop(key)) this.#dropped++
    // Only who was told to wait can be given up for not waiting.
    while (this.#isAboveMark && this.bufferedAmount + bytes.length > maxBufferedAmount) {
      if (overflow === 'drop-newest') {
        this.#dropped++
        return false
      }
      if (overflow !== 'drop-oldest') {
        this.#cut('ERR_EVENT_STREAM_OUTPUT_LIMIT')
        return false
      }
      // What the system has is not ours to drop.
      if (!this.#backlog?.dropOldest()) break
      this.#dropped++
    }
    return true
  }

  #keep(event: PreparedEvent): void {
    if (this.#backlog === undefined) {
      const { overflow, highWaterMark } = this.#settings
      this.#backlog = overflow === 'close' ? new JoinedBacklog(highWaterMark) : new DroppableBacklog(highWaterMark)
      gathering.push(this)
    }
    this.#backlog.add(event, this.#settings.overflow === 'keep-latest' ? event.key : undefined)
    if (!this.#isHeld && this.#backlog.length >= FLUSH_AT) this.#pump()
  }

  /** Writes what waits, as far as the system takes it. */
  #pump(): void {
    const backlog = this.#backlog
    if (backlog === undefined) return
    while (!this.#isHeld || this.#isClosing) {
      const bytes = backlog.take()
      if (bytes === undefined) break
      this.#write(bytes)
    }
    if (backlog.length === 0) this.#backlog = undefined
    // The system may have taken all of it at once, and then tells nobody.
    this.#settleDrained()
  }

  #write(bytes: Buffer): void {
    const outlet = this.#outlet
    if (outlet === undefined || outlet.destroyed) return
    const { heartbeat, highWaterMark } = this.#settings
    this.#isHeld = outlet.writableLength + bytes.length > highWaterMark
    this.#turn = currentTurn()
    try {
      const onTaken = this.#isHeld ? (error?: Error | null) => void (error ? undefined : this.#taken()) : undefined
      if (this.#isChunked) writeChunk(outlet, bytes, onTaken)
      else outlet.write(bytes, onTaken)
    } catch (error) {
      // A framework's or a middleware's own `write`. Who sends is not to blame, nor are those whose turn it is next.
      this.#cut((error as NodeJS.ErrnoException | undefined)?.code ?? String(error))
    }
    if (heartbeat > 0) this.#since = clockFor(heartbeat).now
  }

  #taken(): void {
    this.#isHeld = false
    this.#pump()
    this.#settleDrained()
  }

  /**
   * There is more than the high-water mark, and somebody who will tell when there is not: the system, or the end of the
   * turn. What is passed by the head or by framing alone, which the system adds, nobody would tell of.
   */
  get #isAboveMark(): boolean {
    return (this.#isHeld || this.#backlog !== undefined) && this.bufferedAmount > this.#settings.highWaterMark
  }

  #settleDrained(): void {
    if (this.#waiting === undefined || this.#isAboveMark) return
    for (const { resolve } of this.#waiting.drained.splice(0)) resolve()
  }

  #cut(cause: string): void {
    this.#cause ??= cause
    this.#isClosing = true
    // A stream that is destroyed forgets what it held; and one that waits to be carried would hold ours until then.
    this.#unsent = Math.max(this.#unsent, this.bufferedAmount)
    this.#backlog = undefined
    this.#outlet?.destroy()
  }
}

/*
 * A turn is what runs until Node comes to its next-tick queue. The first event of a turn is written at once; those that
 * follow it in the same turn go out together when it ends. One tick serves all streams.
 */
let turn = 1
let isTurnMarked = false
const gathering: EventStream[] = []

/** The turn that goes on now, and from now on has an end. */
function currentTurn(): number {
  if (!isTurnMarked) {
    isTurnMarked = true
    process.nextTick(endTurn)
  }
  return turn
}

function endTurn(): void {
  // What is sent from within these writes belongs to the next turn.
  isTurnMarked = false
  turn++
  for (const stream of gathering.splice(0)) stream.onTurnEnd()
}

function onError(this: Outlet, error: Error): void {
  this[kStream]?.onFailed(error)
}

function onClose(this: Outlet): void {
  this[kStream]?.onGone()
}

function promiseWithResolver(): NonNullable<Waiting['closed']> {
  let resolve!: (close: EventStreamClose) => void
  const promise = new Promise<EventStreamClose>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}
