/**
 * An open WebSocket: what a server hands out for every client and what `connect` resolves to. It drives the pure
 * `Connection` over a byte channel and adds what that must not know: the event emitter, one write per turn, flow
 * control both ways, the heartbeat, the time limits, and the record of how it closed.
 *
 * - Reading: see `MessageInbox`. While no message is wanted the stream is paused, and TCP slows the peer down.
 *   While one is being inflated in the thread pool it is paused as well, and what has ended ends for us afterwards.
 * - Writing: all that is sent while one chunk is handled, or else within one tick, leaves in one write.
 * - Closing: the table in `close.ts`; here are the timer that bounds it, and who ends the transport.
 */
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { argumentError, ClosedError, type ProtocolError } from '../errors.ts'
import { ABNORMAL_CLOSURE, type CloseStatus, checkCloseArguments } from '../websocket/close.ts'
import { Connection, type Inflated, type MessageData, payloadOf } from '../websocket/connection.ts'
import type { Role } from '../websocket/frame.ts'
import { FrameTracer } from '../websocket/frame-trace.ts'
import type { DeflateParameters } from '../websocket/permessage-deflate.ts'
import { ByteChannel } from './byte-channel.ts'
import { type CloseRecord, CloseStory, type GiveUp } from './close-record.ts'
import { type CheckedSettings, checkSendOptions, type SendOptions } from './connection-options.ts'
import { type DeflateAgreement, termsFor } from './deflate-options.ts'
import { Drain } from './drain.ts'
import { Heartbeat } from './heartbeat.ts'
import { nextMaskingKey } from './masking-keys.ts'
import { MessageDeflater } from './message-deflater.ts'
import { MessageInbox } from './message-inbox.ts'
import { MessageInflater } from './message-inflater.ts'
import { MessageOutbox } from './message-outbox.ts'
import { PreparedMessage } from './prepared-message.ts'
import { RoundTrips } from './round-trips.ts'

/** A message: a string for text, a Buffer for binary. */
export type Message = string | Buffer

export interface WebSocketConnectionEvents {
  message: [data: Message]
  /** A Ping came; it has been answered. */
  ping: [payload: Buffer]
  pong: [payload: Buffer]
  /** Unsent output went down after `send` had returned false. */
  drain: []
  /** The peer's Close frame came. */
  closing: [status: CloseStatus]
  close: [record: CloseRecord]
  /** The peer broke the protocol or the transport failed. Nothing happens without a listener: 'close' tells it too. */
  error: [error: Error]
}

/** Output at which the end of the turn is not waited for: the write would not get cheaper by growing. */
const FLUSH_AT = 65_536

// It is the handler of its core and the owner of its channel, heartbeat, inflater and outbox. That is not declared,
// because those methods are internal and not in the published types.
export class WebSocketConnection extends EventEmitter<WebSocketConnectionEvents> {
  /** The subprotocol that was agreed on; an empty string if none. */
  readonly protocol: string
  /** The extensions that were agreed on, as the server wrote them; an empty string if none. */
  readonly extensions: string
  /** What permessage-deflate was agreed to do; undefined if it was not agreed on. */
  readonly deflate: DeflateParameters | undefined

  readonly #settings: CheckedSettings
  readonly #core: Connection
  readonly #channel: ByteChannel
  readonly #inbox: MessageInbox = new MessageInbox()
  /** Holds this connection until it is closed. */
  readonly #registry: Set<WebSocketConnection> | undefined
  readonly #heartbeat: Heartbeat

  #inTurn = false
  #flushScheduled = false
  /** Once somebody was told to wait. */
  #drain: Drain | undefined = undefined
  /** When sending is more than writing a frame: something is compressed, or was sent in fragments. */
  #outbox: MessageOutbox | undefined = undefined
  #inflater: MessageInflater | undefined = undefined
  /** Ends of the transport that wait until what came before them has been inflated. */
  #heldBack: (() => void)[] | undefined = undefined
  #roundTrips: RoundTrips | undefined = undefined
  #tracers: { readonly in: FrameTracer; readonly out: FrameTracer } | undefined = undefined

  #closeRequested = false
  #closeTimer: NodeJS.Timeout | undefined = undefined
  #toldSoFar: CloseStory | undefined = undefined
  #record: CloseRecord | undefined = undefined
  #closed: { readonly promise: Promise<CloseRecord>; readonly resolve: (record: CloseRecord) => void } | undefined =
    undefined

  /** Made by servers and by `connect`. @internal */
  constructor(
    stream: Duplex,
    role: Role,
    settings: CheckedSettings,
    protocol: string,
    registry?: Set<WebSocketConnection>,
    deflate?: DeflateAgreement,
  ) {
    super()
    this.#registry = registry?.add(this)
    const { maxMessageSize, maxFragments, maxChunks, heartbeat, trace } = settings
    const maskingKeys = role === 'client' ? { maskingKeys: nextMaskingKey } : {}
    this.protocol = protocol
    this.extensions = deflate?.extensions ?? ''
    this.deflate = deflate?.parameters
    this.#settings = settings
    const core = { role, maxMessageSize, maxFragments, maxChunks, ...maskingKeys }
    if (deflate === undefined) {
      this.#core = new Connection(core, this)
    } else {
      const { parameters, settings } = deflate
      const { sending, receiving } = termsFor(role, parameters)
      const inflater = new MessageInflater(receiving, this)
      this.#inflater = inflater
      this.#core = new Connection({ ...core, inflate: (data, maxLength) => inflater.inflate(data, maxLength) }, this)
      const deflater = new MessageDeflater(sending, settings.level)
      this.#outbox = new MessageOutbox(this.#core, { deflater, threshold: settings.threshold }, this)
    }
    if (trace !== undefined) {
      const tracer = (direction: 'in' | 'out') =>
        new FrameTracer(frame => {
          try {
            trace(direction, frame, this)
          } catch (error) {
            throwLater(error)
          }
        })
      this.#tracers = { in: tracer('in'), out: tracer('out') }
    }
    this.#channel = new ByteChannel(stream, this)
    this.#heartbeat = new Heartbeat(heartbeat, this.#channel, this)
  }

  /** `open` until the closing handshake begins on either side, `closed` when the transport is gone. */
  get state(): 'open' | 'closing' | 'closed' {
    if (this.#record !== undefined) return 'closed'
    return this.#core.state === 'open' && !this.#closeRequested ? 'open' : 'closing'
  }

  /** Bytes that were sent and not taken by the system: frames, and what waits behind a message in fragments. */
  get bufferedAmount(): number {
    return this.#unwritten + (this.#outbox?.length ?? 0)
  }

  /** Resolves with the close record once the connection is closed; never rejects. */
  get closed(): Promise<CloseRecord> {
    if (this.#closed === undefined) {
      let resolve: (record: CloseRecord) => void = () => {}
      const promise = new Promise<CloseRecord>(settle => (resolve = settle))
      this.#closed = { promise, resolve }
      if (this.#record !== undefined) resolve(this.#record)
    }
    return this.#closed.promise
  }

  /**
   * Sends a message: a string as text, bytes as binary, or one that was prepared for many. Bytes above 16 KiB are not
   * copied on a server: leave them as they are until `drained()`.
   *
   * @returns false above the high-water mark: wait for `drained()` or 'drain' before sending more. Also false, and
   * nothing is sent, once the connection is closing; `drained()` then rejects.
   * @throws {TypeError} data is neither a string nor bytes, or an option is wrong
   */
  send(data: MessageData | PreparedMessage, options?: SendOptions): boolean {
    if (options !== undefined) checkSendOptions('send', options)
    if (this.#drain?.isOwed && this.bufferedAmount > this.#settings.maxBufferedAmount) {
      this.#giveUp('WS_ERR_OUTPUT_LIMIT')
    }
    if (this.#closeRequested) {
      if (!(data instanceof PreparedMessage)) payloadOf(data)
      return false
    }
    if (this.#outbox !== undefined) {
      if (!this.#outbox.send(data, options?.compress)) return false
    } else if (data instanceof PreparedMessage) {
      if (!this.#core.sendEncoded(data)) return false
    } else if (!this.#core.send(data)) {
      return false
    }
    if (this.#core.outputLength >= FLUSH_AT) this.#flush()
    return this.#isBelowHighWaterMark()
  }

  /**
   * Sends one message in fragments, each as soon as the source has it; the first decides between text and binary.
   * Messages that are sent meanwhile wait behind it. If the source fails the message cannot be ended, so the
   * connection is closed with 1011. The first fragment's length decides whether the message is compressed, if `compress`
   * does not.
   *
   * @returns resolves when the last fragment was handed over; rejects with the source's error or a `ClosedError`
   */
  sendFragments(
    source: Iterable<MessageData> | AsyncIterable<MessageData>,
    options: SendOptions = {},
  ): Promise<void> {
    checkSendOptions('sendFragments', options)
    if (typeof source === 'string')
      throw argumentError('ERR_INVALID_ARG_VALUE', 'source must yield fragments: to send a string, call send')
    if (this.state !== 'open') return Promise.reject(this.closedError())
    this.#outbox ??= new MessageOutbox(this.#core, undefined, this)
    return this.#outbox.sendFragments(source, options.compress)
  }

  /**
   * Resolves when unsent output is down again after `send` returned false; at once if it didn't.
   * Rejects with a `ClosedError` when the connection is closing or closes first.
   */
  drained(): Promise<void> {
    if (this.state !== 'open') return Promise.reject(this.closedError())
    return this.#drain?.wait() ?? Promise.resolve()
  }

  /**
   * Sends a Ping and resolves with the round-trip time in milliseconds when its Pong comes.
   * Rejects with a `ClosedError` if the connection closes first; nobody has to be there to see it.
   *
   * @param payload at most 125 bytes; unique if left out
   * @throws {RangeError} the payload is too long, or 64 pings are waiting
   */
  ping(payload: MessageData = `${performance.now()}`): Promise<number> {
    const bytes = payloadOf(payload)
    this.#roundTrips ??= new RoundTrips()
    this.#roundTrips.checkRoom()
    const isSent = this.#core.ping(bytes)
    const answer = isSent ? this.#roundTrips.begin(Buffer.from(bytes)) : Promise.reject(this.closedError())
    // Many send a Ping for its own sake: a peer that goes away before the Pong must not cost them the process.
    answer.catch(() => {})
    return answer
  }

  /** Stops 'message' events: one message at most is held, and the peer is slowed down. */
  pause(): void {
    this.#inbox.stop()
  }

  /** Starts 'message' events again, after this call has returned. */
  resume(): void {
    this.#inbox.start()
    process.nextTick(() => this.#goOn())
  }

  /**
   * Starts the closing handshake, behind what was sent before; does nothing if it has begun. Messages that still
   * come are given to listeners, otherwise dropped. After `closeTimeout` the connection is cut.
   *
   * @param code 1000–1003, 1007–1014 or 3000–4999; left out, the Close frame is empty
   * @param reason at most 123 bytes in UTF-8
   * @throws {TypeError | RangeError} code or reason may not be sent
   */
  close(code?: number, reason?: string): void {
    checkCloseArguments(code, reason)
    if (this.#closeRequested || this.#core.state !== 'open') return
    this.#closeRequested = true
    this.#story.endedBy('local')
    this.#startCloseTimer()
    if (this.#outbox === undefined) this.#startClosing(code, reason)
    else this.#outbox.whenSent(() => this.#startClosing(code, reason))
  }

  /** Cuts the connection at once, without a closing handshake. */
  terminate(): void {
    if (this.#record === undefined) this.#giveUp('WS_ERR_TERMINATED')
  }

  /** Messages as they are pulled; ends when the connection closes, however it does: see `closed`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    return {
      next: () => this.#inbox.pull(() => this.#goOn()),
      return: async () => {
        // Until now messages were kept for this iterator, although the application has closed.
        if (this.#closeRequested) this.#discardMessages()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** Closes with 1000 and waits until that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close(1000)
    await this.closed
  }

  /** As for any emitter; the first 'message' listener starts the messages, after this call has returned. */
  override on<E extends keyof WebSocketConnectionEvents>(
    event: E,
    listener: (...args: WebSocketConnectionEvents[E]) => void,
  ): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    super.on(event as 'message', listener as () => void)
    if (event === 'message' && this.listenerCount('message') === 1) this.resume()
    return this
  }

  override addListener<E extends keyof WebSocketConnectionEvents>(
    event: E,
    listener: (...args: WebSocketConnectionEvents[E]) => void,
  ): this
  override addListener(event: string | symbol, listener: (...args: never[]) => void): this
  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event as 'message', listener as () => void)
  }

  /** @internal */
  onMessage(message: Message): void {
    const inbox = this.#inbox
    if (!inbox.giveToPull(message) && !(inbox.isFlowing && this.emit('message', message))) inbox.hold(message)
    this.#core.paused = inbox.isFull
  }

  /** @internal */
  onPing(payload: Buffer): void {
    this.emit('ping', payload)
  }

  /** @internal */
  onPong(payload: Buffer): void {
    this.#roundTrips?.end(payload)
    this.emit('pong', payload)
  }

  /** @internal */
  onClose(status: CloseStatus): void {
    this.#story.endedBy('peer')
    this.emit('closing', status)
  }

  /** @internal */
  onFailure(error: ProtocolError): void {
    this.#story.endedBy('local')
    this.#story.fault(error.code, error)
  }

  /** @internal */
  onOutput(): void {
    if (this.#inTurn || this.#flushScheduled) return
    this.#flushScheduled = true
    if (toFlush.push(this) === 1) process.nextTick(WebSocketConnection.#flushAll)
  }

  /** @internal */
  onData(chunk: Buffer): void {
    this.#heartbeat.received()
    this.#tracers?.in.push(chunk)
    this.#turn(chunk)
  }

  /** @internal */
  onEnd(): void {
    this.#readRest()
    if (this.#core.isInflating) return this.#holdBack(() => this.onEnd())
    if (this.#core.state === 'open' || this.#core.state === 'close-sent') this.#story.endedBy('transport')
    this.#transportEnded()
    this.#channel.end()
    this.#startCloseTimer()
  }

  /** @internal */
  onTaken(): void {
    if (this.#channel.buffered <= this.#settings.highWaterMark) this.#core.drained()
    // Not now: the stream is in the middle of its own accounts.
    if (this.#drain?.isOwed) process.nextTick(() => this.#checkDrained())
  }

  /** @internal */
  onClosed(error: Error | undefined): void {
    this.#readRest()
    if (this.#core.isInflating) return this.#holdBack(() => this.onClosed(error))
    this.#inflater?.abort()
    if (error !== undefined) this.#story.fault((error as NodeJS.ErrnoException).code, error)
    this.#story.endedBy('transport')
    this.#transportEnded()
    clearTimeout(this.#closeTimer)
    this.#heartbeat.stop()
    const record = this.#story.record(this.#core.closeReceived, this.#core.closeSent, {
      sinceReceived: this.#heartbeat.sinceReceived,
      unsent: this.#channel.unsent,
    })
    this.#record = record
    this.#registry?.delete(this)
    this.#inbox.end()
    this.#outbox?.abort()
    this.#roundTrips?.fail(this.closedError())
    this.#drain?.fail(() => this.closedError())
    this.#closed?.resolve(record)
    const { error: fault } = this.#story
    try {
      if (fault !== undefined && this.listenerCount('error') > 0) this.emit('error', fault)
    } catch (error) {
      throwLater(error)
    }
    this.emit('close', record)
  }

  /** @internal */
  onInflated(result: Inflated): void {
    this.#turn(undefined, undefined, result)
    this.#releaseHeldBack()
  }

  /** @internal */
  hasRoom(): boolean {
    // What waits behind the message that is being sent does not count: it cannot go before.
    return this.#unwritten <= this.#settings.highWaterMark || this.#oweDrain()
  }

  /** @internal */
  abandonMessage(): void {
    if (this.#core.state === 'open') this.#startClosing(1011, 'a message could not be finished')
  }

  /** @internal */
  get isOpen(): boolean {
    return this.#core.state === 'open'
  }

  /** @internal */
  askPeer(): void {
    this.#core.ping()
    this.#flush()
  }

  /** @internal */
  onOwnSilence(): void {
    if (this.#inbox.stopWaiting()) this.#goOn()
  }

  /** @internal */
  giveUpPeer(): void {
    this.#giveUp('WS_ERR_HEARTBEAT_TIMEOUT')
  }

  get #story(): CloseStory {
    this.#toldSoFar ??= new CloseStory()
    return this.#toldSoFar
  }

  /** Somebody takes the next message, or it is dropped. */
  get #wantsMessage(): boolean {
    const { isPulled, drops, isFlowing } = this.#inbox
    return isPulled || drops || (isFlowing && this.listenerCount('message') > 0)
  }

  /** Goes on after a pause: with a message that is held, then with what was read, then with the stream. */
  #goOn(): void {
    if (this.#inTurn) {
      process.nextTick(() => this.#goOn())
      return
    }
    const held = this.#wantsMessage ? this.#inbox.takeHeld() : undefined
    this.#core.paused = this.#inbox.isFull
    this.#turn(undefined, held)
  }

  /** No bytes will come any more: what was read ahead of the consumer is kept for it, whenever it asks. */
  #readRest(): void {
    for (let before = Infinity; this.#core.unread > 0 && this.#core.unread < before; ) {
      before = this.#core.unread
      this.#inbox.isLast = true
      this.#core.paused = false
      // Once more only if a listener threw, which ends the turn.
      this.#turn(undefined)
    }
  }

  /** One turn: reads, then writes all that was sent meanwhile at once, then sees where the connection stands. */
  #turn(chunk: Buffer | undefined, held?: Message, inflated?: Inflated): void {
    this.#inTurn = true
    try {
      if (held !== undefined) this.onMessage(held)
      if (inflated !== undefined) this.#core.inflated(inflated)
      else if (chunk !== undefined) this.#core.receive(chunk)
      else this.#core.read()
    } catch (error) {
      // A listener's. Thrown into the stream it would stop that in the middle of its work; the rest of the chunk is
      // read after it.
      throwLater(error)
    } finally {
      this.#inTurn = false
      this.#flush()
      this.#settle()
    }
  }

  /** Makes the stream do what the state of the connection asks for. */
  #settle(): void {
    const { state, facts, paused, isInflating, unread } = this.#core
    if (state === 'close-exchanged' || state === 'failed') {
      // §7.1.1: the server closes TCP first; §7.1.7: who fails the connection closes it. What comes is discarded,
      // because closing with unread bytes would reset the connection and lose our Close frame.
      if (state === 'failed' || facts.closesTransportFirst) this.#channel.end()
      this.#channel.resume()
      this.#startCloseTimer()
    } else if (paused || isInflating) {
      if (unread > 0) this.#channel.pause()
    } else if (state !== 'closed') {
      this.#channel.resume()
      if (unread > 0) process.nextTick(() => this.#goOn())
    } else if (this.#inbox.isHolding && this.#wantsMessage) {
      process.nextTick(() => this.#goOn())
    }
  }

  #flush(): void {
    this.#flushScheduled = false
    const { outputLength } = this.#core
    if (outputLength === 0) return
    const { highWaterMark } = this.#settings
    const pieces = this.#core.takeOutput()
    if (this.#tracers !== undefined) for (const piece of pieces) this.#tracers.out.push(piece)
    this.#channel.write(pieces, outputLength, highWaterMark)
    this.#core.congested = this.#channel.buffered > highWaterMark
    if (this.#drain?.isOwed) process.nextTick(() => this.#checkDrained())
  }

  static #flushAll(): void {
    for (const connection of toFlush.splice(0)) {
      connection.#flush()
      connection.#settle()
    }
  }

  #isBelowHighWaterMark(): boolean {
    const { highWaterMark } = this.#settings
    // The stream is not asked for each message (bench `echo-125-text-64`).
    const atMost = this.#core.outputLength + this.#channel.bufferedAtMost
    if (this.#outbox === undefined && atMost <= highWaterMark) return true
    return this.bufferedAmount <= highWaterMark || this.#oweDrain()
  }

  /** Somebody is told to wait. */
  #oweDrain(): false {
    this.#drain ??= new Drain()
    this.#drain.isOwed = true
    return false
  }

  /** Bytes of frames that the system has not taken. */
  get #unwritten(): number {
    return this.#core.outputLength + this.#channel.buffered
  }

  #checkDrained(): void {
    const { highWaterMark } = this.#settings
    // A transport that is gone holds nothing either.
    if (!this.#drain?.isOwed || this.#core.state === 'closed' || this.#unwritten > highWaterMark) return
    this.#outbox?.resume()
    if (this.bufferedAmount > highWaterMark) return
    this.#drain.settle()
    this.emit('drain')
  }

  #startClosing(code: number | undefined, reason: string | undefined): void {
    this.#closeRequested = true
    this.#story.endedBy('local')
    this.#core.close(code, reason)
    this.#startCloseTimer()
    this.#drain?.fail(() => this.closedError())
    if (!this.#inbox.isPulled) this.#discardMessages()
  }

  /** Messages that stand before the peer's Close frame must not hold it up because nobody takes them. */
  #discardMessages(): void {
    this.#inbox.isDiscarding = true
    process.nextTick(() => this.#goOn())
  }

  #startCloseTimer(): void {
    if (this.#record !== undefined) return
    this.#closeTimer ??= setTimeout(() => this.#giveUp('WS_ERR_CLOSE_TIMEOUT'), this.#settings.closeTimeout)
  }

  #giveUp(cause: GiveUp): void {
    this.#story.endedBy('local')
    this.#story.fault(cause, undefined)
    this.#transportEnded()
    this.#channel.destroy()
    // If the transport was gone before, it does not say so again.
    process.nextTick(() => this.#releaseHeldBack())
  }

  /** The transport has ended, but a message that came before is still being inflated. */
  #holdBack(end: () => void): void {
    this.#heldBack ??= []
    this.#heldBack.push(end)
  }

  #releaseHeldBack(): void {
    // Another message may have come to be inflated: then each of these holds itself back again.
    if (!this.#core.isInflating) for (const end of this.#heldBack?.splice(0) ?? []) end()
  }

  #transportEnded(): void {
    const { state } = this.#core
    if (state === 'closed') return
    this.#story.transportEnded(state, this.#core.outputLength)
    this.#core.transportEnded()
  }

  /** @internal */
  closedError(): ClosedError {
    const { code, reason, wasClean } = this.#record ?? { code: ABNORMAL_CLOSURE, reason: '', wasClean: false }
    return new ClosedError(code, reason, wasClean)
  }
}

/** Throws what a caller of the application's threw where nobody of ours stands in the way. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** Connections that were sent to outside a turn of their own. */
const toFlush: WebSocketConnection[] = []
