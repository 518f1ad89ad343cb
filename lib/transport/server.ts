/**
 * A WebSocket server: on its own port, beside a `node:http` or `node:https` server, or for single requests. All
 * three ways meet in `handleUpgrade`.
 */
import { EventEmitter } from 'node:events'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { argumentError } from '../errors.ts'
import { checkCloseArguments } from '../websocket/close.ts'
import { checkRequest, formatRefusal, type Refusal, refusalFor } from '../websocket/handshake.ts'
import { EventStream } from './event-stream.ts'
import { hangUp } from './hang-up.ts'
import { attachTo } from './http-attachment.ts'
import { PortResponse } from './port-response.ts'
import { type Accepted, decideUpgrade, openUpgraded, type Refused } from './server-handshake.ts'
import {
  type CheckedServerOptions,
  checkListenOptions,
  checkServerOptions,
  type ListenOptions,
  type RequestListener,
  type ServerOptions,
} from './server-options.ts'
import { type ListenAddress, UpgradePort } from './upgrade-port.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import type { WebSocketConnection } from './websocket-connection.ts'

export interface WebSocketServerEvents {
  /** A client is connected. Its messages wait until they are listened for or pulled. */
  connection: [connection: WebSocketConnection, request: UpgradeRequest]
  /** A request was refused; `error` is what a hook of the application's threw, if that is why. */
  refused: [refusal: Refusal, request: UpgradeRequest, error: unknown]
  /** A listening socket failed. Nothing happens without a listener. */
  error: [error: Error]
}

const CLOSING: Refusal = { status: 503, body: 'the server is closing\n' }
const LATE: Refusal = { status: 503, body: 'the decision took longer than handshakeTimeout\n' }

export class WebSocketServer extends EventEmitter<WebSocketServerEvents> {
  /** The open connections. */
  readonly connections: ReadonlySet<WebSocketConnection>
  /** The event streams that are open on ports of its own. */
  readonly eventStreams: ReadonlySet<EventStream>

  readonly #options: CheckedServerOptions
  readonly #connections = new Set<WebSocketConnection>()
  readonly #eventStreams = new Set<EventStream>()
  readonly #ports = new Set<UpgradePort>()
  readonly #detachers = new Set<() => void>()
  /** What refuses the requests that wait for a hook of the application's. */
  readonly #deciding = new Set<(refusal: Refusal) => void>()
  #isClosing = false

  /** @throws {TypeError | RangeError} naming the option that is wrong */
  constructor(options: ServerOptions = {}) {
    super()
    this.#options = checkServerOptions(options)
    this.connections = this.#connections
    this.eventStreams = this.#eventStreams
  }

  /**
   * Listens on a port of its own. May be called more than once, for several addresses.
   *
   * @returns resolves when it listens; rejects with the system's error, such as EADDRINUSE
   */
  async listen(options: ListenOptions = {}): Promise<ListenAddress> {
    checkListenOptions(options)
    if (this.#isClosing) throw new Error('the server is closed')
    const port = new UpgradePort(options, this.#options, (request, socket, rest) =>
      this.#onRequest(request, socket, rest),
    )
    const address = await port.listen(options, error => {
      if (this.listenerCount('error') > 0) this.emit('error', error)
    })
    if (this.#isClosing) {
      await port.close(CLOSING)
      throw new Error('the server is closed')
    }
    this.#ports.add(port)
    return address
  }

  /**
   * Takes the upgrades of an HTTP server, whose requests stay its own. Several may share one server, each with a
   * path of its own.
   *
   * @returns takes it off again; open connections stay
   */
  attach(server: HttpServer): () => void {
    const detach = attachTo(server, {
      path: this.#options.path,
      onUpgrade: (request: IncomingMessage, socket, head) => void this.handleUpgrade(request, socket, head),
    })
    this.#detachers.add(detach)
    return () => {
      this.#detachers.delete(detach)
      detach()
    }
  }

  /**
   * Makes a WebSocket of one request, and emits 'connection'. A request that is not right is refused, which ends
   * its socket, and emits 'refused'.
   *
   * @param head bytes that came behind the request
   * @returns the connection; undefined if there is none
   */
  async handleUpgrade(
    request: UpgradeRequest,
    socket: Duplex,
    head: Uint8Array = new Uint8Array(0),
  ): Promise<WebSocketConnection | undefined> {
    socket.on('error', ignoreError)
    let decision: Accepted | Refused = this.#isClosing ? { refusal: CLOSING } : await this.#decide(request)
    // It may have been decided before the server began to close, and told only now.
    if (this.#isClosing && !('refusal' in decision)) decision = { refusal: CLOSING }
    if ('refusal' in decision) {
      this.#refuse(decision, request, socket)
      return undefined
    }
    const connection = openUpgraded(socket, head, decision, this.#options, this.#connections)
    if (connection === undefined) return undefined
    socket.off('error', ignoreError)
    this.emit('connection', connection, request)
    return connection
  }

  /**
   * Stops taking requests and closes all connections and event streams, each within its `closeTimeout`. An attached HTTP server stays
   * as it is.
   *
   * @param code close code for the connections. Default 1001, going away
   * @returns resolves when everything is closed
   */
  async close(code = 1001, reason = ''): Promise<void> {
    checkCloseArguments(code, reason)
    this.#isClosing = true
    for (const detach of this.#detachers) detach()
    for (const refuse of this.#deciding) refuse(CLOSING)
    const ports = [...this.#ports].map(port => port.close(CLOSING))
    const connections = [...this.#connections].map(connection => {
      connection.close(code, reason)
      return connection.closed
    })
    const eventStreams = [...this.#eventStreams].map(stream => {
      stream.close()
      return stream.closed
    })
    await Promise.all([...ports, ...connections, ...eventStreams])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A request on a port of our own: for a WebSocket, or for the application's own handler. */
  #onRequest(request: UpgradeRequest, socket: Socket, rest: Uint8Array): void {
    const { onRequest } = this.#options
    const asksForUpgrade = /websocket/i.test(String(request.headers.upgrade))
    if (onRequest === undefined || asksForUpgrade) void this.handleUpgrade(request, socket, rest)
    else void this.#answer(request, socket, onRequest)
  }

  async #answer(request: UpgradeRequest, socket: Socket, onRequest: RequestListener): Promise<void> {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') {
      const refusal = { status: 405, headers: { Allow: 'GET, HEAD' } }
      return this.#refuse({ refusal }, request, socket)
    }
    // RFC 9112 §3.2: 400 "to any HTTP/1.1 request message that lacks a Host header field" or has two
    const check = checkRequest({ ...request, method: 'GET' })
    if (!check.ok && check.fault === 'WS_ERR_REQUEST_HOST') {
      return this.#refuse({ refusal: refusalFor(check.fault) }, request, socket)
    }
    const response = new PortResponse(socket, this.#eventStreams)
    // Once it has opened a stream it may take as long as it likes, and may still fail.
    const hook = async () => {
      try {
        return await onRequest(request, response)
      } catch (error) {
        if (response.stream === undefined) throw error
        response.stream.breakOff()
        this.emit('refused', { status: 500 }, request, error)
        return response.stream
      }
    }
    try {
      const answer = await this.#inTime(hook)
      if (response.stream !== undefined) {
        // Those that were open when the server began to close are closed by then.
        if (this.#isClosing) response.stream.close()
        return
      }
      response.answer()
      if (!isObject(answer) || answer instanceof EventStream) throw unanswered()
      if ('refusal' in answer) return this.#refuse(answer, request, socket)
      const text = formatRefusal(answer)
      hangUp(socket, method === 'HEAD' ? text.slice(0, text.indexOf('\r\n\r\n') + 4) : text)
    } catch (error) {
      response.answer()
      this.#refuse({ refusal: { status: 500 }, error }, request, socket)
    }
  }

  #decide(request: UpgradeRequest): Promise<Accepted | Refused> {
    const decide = () => decideUpgrade(request, this.#options)
    const { origin, authorize } = this.#options
    return authorize !== undefined || typeof origin === 'function' ? this.#inTime(decide) : decide()
  }

  /** What hooks of the application's decide, unless the time is up or the server closes before they have. */
  #inTime<T>(hooks: () => Promise<T>): Promise<T | Refused> {
    return new Promise((resolve, reject) => {
      const refuse = (refusal: Refusal) => settle(() => resolve({ refusal }))
      const settle = (outcome: () => void) => {
        clearTimeout(timer)
        this.#deciding.delete(refuse)
        outcome()
      }
      const timer = setTimeout(refuse, this.#options.handshakeTimeout, LATE)
      this.#deciding.add(refuse)
      hooks().then(
        value => settle(() => resolve(value)),
        error => settle(() => reject(error)),
      )
    })
  }

  #refuse({ refusal, error }: Refused, request: UpgradeRequest, socket: Duplex): void {
    let answer: string
    try {
      answer = formatRefusal(refusal)
    } catch (invalid) {
      return this.#refuse({ refusal: { status: 500 }, error: invalid }, request, socket)
    }
    hangUp(socket, answer)
    this.emit('refused', refusal, request, error)
  }
}

function isObject(answer: unknown): answer is object {
  return typeof answer === 'object' && answer !== null
}

function unanswered(): TypeError {
  const words = 'onRequest must return an answer such as { status: 404 }, or open an event stream on its response'
  return argumentError('ERR_INVALID_ARG_TYPE', words)
}

/** A reset before the connection is open concerns nobody. */
function ignoreError(): void {}
