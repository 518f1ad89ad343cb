/**
 * The `WebSocket` class of browsers, as the WHATWG's WebSockets standard defines it, over `connect`. What code for
 * browsers relies on is here to the letter: states, events and their order, errors, `bufferedAmount`. What the class
 * cannot say (headers, a CA, limits) goes into a third argument, which browsers do not have.
 */
import { isAnyArrayBuffer } from 'node:util/types'
import { ABNORMAL_CLOSURE, MAX_REASON_LENGTH } from '../websocket/close.ts'
import { checkProtocols } from '../websocket/handshake.ts'
import { connect } from './client.ts'
import { type ConnectOptions, checkConnectOptions, checkUrl } from './client-options.ts'
import { CloseEvent } from './close-event.ts'
import { defineEventHandlers, type EventHandler } from './event-handlers.ts'
import type { Message, WebSocketConnection } from './websocket-connection.ts'

export type BinaryType = 'blob' | 'arraybuffer'

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const

type Closing = Pick<CloseEvent, 'code' | 'reason' | 'wasClean'>
const FAILED: Closing = { code: ABNORMAL_CLOSURE, reason: '', wasClean: false }

export class WebSocket extends EventTarget {
  declare static readonly CONNECTING: typeof STATES.CONNECTING
  declare static readonly OPEN: typeof STATES.OPEN
  declare static readonly CLOSING: typeof STATES.CLOSING
  declare static readonly CLOSED: typeof STATES.CLOSED
  declare readonly CONNECTING: typeof STATES.CONNECTING
  declare readonly OPEN: typeof STATES.OPEN
  declare readonly CLOSING: typeof STATES.CLOSING
  declare readonly CLOSED: typeof STATES.CLOSED
  declare onopen: EventHandler
  declare onmessage: EventHandler
  declare onerror: EventHandler
  declare onclose: EventHandler

  readonly #url: URL
  readonly #abort = new AbortController()
  #readyState: (typeof STATES)[keyof typeof STATES] = STATES.CONNECTING
  #binaryType: BinaryType = 'blob'
  #connection: WebSocketConnection | undefined = undefined
  /** Bytes of application data that were queued and, when last looked at, had not gone out. */
  #buffered = 0
  /** Bytes of Blobs among them that have not been read. */
  #unread = 0
  /** Bytes that were given to `send` when nothing could be sent any more. */
  #dropped = 0
  /** The task in which something was queued has not ended. */
  #isSending = false

  /**
   * @param url `ws:`, `wss:`, `http:` or `https:`
   * @param protocols subprotocols to offer
   * @param options what `connect` takes
   * @throws {DOMException} SyntaxError: the URL or a subprotocol is not valid
   * @throws {TypeError | RangeError} an option is wrong
   */
  constructor(
    url: string | URL,
    protocols: string | Iterable<string> = [],
    options: Omit<ConnectOptions, 'protocols' | 'signal'> = {},
  ) {
    super()
    // biome-ignore lint/complexity/noArguments: Web IDL tells a missing argument from one that is undefined
    if (arguments.length === 0) throw new TypeError('a WebSocket needs a URL')
    const target = `${url}`
    const offered = stringsOf(protocols)
    this.#url = asSyntaxError(() => checkUrl(target))
    asSyntaxError(() => checkProtocols(offered))
    const connectOptions = { ...options, protocols: offered, signal: this.#abort.signal }
    checkConnectOptions(connectOptions)
    connect(this.#url, connectOptions).then(
      connection => this.#established(connection),
      () => this.#closed(FAILED),
    )
  }

  get url(): string {
    return this.#url.href
  }

  get readyState(): 0 | 1 | 2 | 3 {
    // RFC 6455 §7.1.3: the state is CLOSING from the first Close frame on, of either side and for whatever reason.
    const isClosing = this.#readyState === STATES.OPEN && this.#connection?.state !== 'open'
    return isClosing ? STATES.CLOSING : this.#readyState
  }

  /** The subprotocol that the server chose. */
  get protocol(): string {
    return this.#connection?.protocol ?? ''
  }

  /** The extensions in use. */
  get extensions(): string {
    return this.#connection?.extensions ?? ''
  }

  get binaryType(): BinaryType {
    return this.#binaryType
  }

  set binaryType(type: BinaryType) {
    // Web IDL §3.7.6: an attribute of an enumeration type ignores what is not one of its values
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type
  }

  /** Bytes of application data that were sent and have not gone out; never falls once the connection is closed. */
  get bufferedAmount(): number {
    this.#updateBuffered()
    return this.#buffered + this.#dropped
  }

  /**
   * Sends a message: a string as text, a Blob, ArrayBuffer or view of one as binary.
   *
   * @throws {DOMException} InvalidStateError: the connection is not open yet
   */
  send(data: string | Blob | ArrayBufferLike | ArrayBufferView): void {
    // biome-ignore lint/complexity/noArguments: Web IDL tells a missing argument from one that is undefined
    if (arguments.length === 0) throw new TypeError('send needs data')
    const isBytes = isAnyArrayBuffer(data) || ArrayBuffer.isView(data)
    const payload = data instanceof Blob || isBytes ? data : `${data}`
    if (this.readyState === STATES.CONNECTING) {
      throw new DOMException('the connection is not open yet', 'InvalidStateError')
    }
    const length =
      payload instanceof Blob
        ? payload.size
        : typeof payload === 'string'
          ? Buffer.byteLength(payload)
          : payload.byteLength
    if (this.readyState !== STATES.OPEN) {
      this.#dropped += length
      return
    }
    this.#updateBuffered()
    this.#buffered += length
    if (payload instanceof Blob) {
      this.#unread += length
      this.#connection?.sendFragments(this.#partsOf(payload)).catch(() => {})
    } else {
      this.#connection?.send(payload)
    }
    if (this.#isSending) return
    // "as of the last time the event loop reached step 1": what this task sent counts until it has ended
    this.#isSending = true
    setImmediate(() => {
      this.#isSending = false
    })
  }

  /**
   * Closes the connection behind what was sent.
   *
   * @param code 1000 or 3000–4999
   * @param reason at most 123 bytes in UTF-8
   * @throws {DOMException} InvalidAccessError: another code; SyntaxError: the reason is too long
   */
  close(...[code, reason]: [code?: number, reason?: string]): void {
    const status = code === undefined ? undefined : clampToUint16(code)
    if (status !== undefined && status !== 1000 && !(status >= 3000 && status <= 4999)) {
      throw new DOMException(`close code ${status} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError')
    }
    const words = reason === undefined ? '' : `${reason}`
    if (Buffer.byteLength(words) > MAX_REASON_LENGTH) {
      throw new DOMException(`close reason is longer than ${MAX_REASON_LENGTH} bytes`, 'SyntaxError')
    }
    if (this.readyState >= STATES.CLOSING) return
    this.#readyState = STATES.CLOSING
    if (this.#connection === undefined) this.#abort.abort()
    // A reason stands behind a code in the frame, so it cannot go without one.
    else this.#connection.close(status ?? (words === '' ? undefined : 1000), words)
  }

  #established(connection: WebSocketConnection): void {
    if (this.#readyState !== STATES.CONNECTING) {
      connection.terminate()
      return this.#closed(FAILED)
    }
    this.#connection = connection
    this.#readyState = STATES.OPEN
    connection.on('close', record => {
      const lost = Math.max(record.detail.buffered, connection.bufferedAmount) + this.#unread
      this.#buffered = Math.min(this.#buffered, lost)
      this.#closed(record)
    })
    this.dispatchEvent(new Event('open'))
    connection.on('message', message => this.#received(message))
  }

  #received(message: Message): void {
    if (this.readyState !== STATES.OPEN) return
    const data = typeof message === 'string' ? message : this.#binaryData(message)
    this.dispatchEvent(new MessageEvent('message', { data, origin: this.#url.origin }))
  }

  #binaryData(message: Buffer): Blob | ArrayBuffer {
    if (this.#binaryType === 'blob') return new Blob([message])
    // A copy, because the message may lie in a buffer that it shares.
    return new Uint8Array(message).buffer
  }

  #closed({ code, reason, wasClean }: Closing): void {
    this.#readyState = STATES.CLOSED
    // "If the user agent was required to fail the WebSocket connection": a loss of the connection is such a case.
    if (!wasClean) this.dispatchEvent(new Event('error'))
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean }))
  }

  #updateBuffered(): void {
    if (this.#isSending || this.#readyState === STATES.CLOSED) return
    this.#buffered = Math.min(this.#buffered, (this.#connection?.bufferedAmount ?? 0) + this.#unread)
  }

  /** A Blob's bytes as they are read; at least one part, so that an empty Blob is an empty binary message. */
  async *#partsOf(blob: Blob): AsyncGenerator<Uint8Array> {
    if (blob.size === 0) yield new Uint8Array(0)
    for await (const part of blob.stream()) {
      this.#unread -= part.length
      yield part
    }
  }
}

for (const [name, value] of Object.entries(STATES)) {
  const constant = { value, enumerable: true }
  Object.defineProperty(WebSocket, name, constant)
  Object.defineProperty(WebSocket.prototype, name, constant)
}
for (const name of ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'close', 'binaryType', 'send']) {
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true })
}
Object.defineProperty(WebSocket.prototype, Symbol.toStringTag, { value: 'WebSocket', configurable: true })
defineEventHandlers(WebSocket.prototype, ['open', 'message', 'error', 'close'])

/** Web IDL §3.2.25: an object that can be iterated is a sequence, anything else one string. */
function stringsOf(value: string | Iterable<string>): string[] {
  const isSequence = Object(value) === value && Symbol.iterator in (value as object)
  return isSequence ? Array.from(value, element => `${element}`) : [`${value}`]
}

/** Web IDL §3.2.4.9: conversion to `[Clamp] unsigned short`. */
function clampToUint16(value: number): number {
  const clamped = Math.min(Math.max(+value, 0), 65_535)
  if (Number.isNaN(clamped)) return 0
  const floor = Math.floor(clamped)
  const isHalfway = clamped - floor === 0.5
  return isHalfway ? floor + (floor % 2) : Math.round(clamped)
}

function asSyntaxError<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new DOMException((error as Error).message, 'SyntaxError')
  }
}
