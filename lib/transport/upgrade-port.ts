/**
 * A server's own port: HTTP/1.1 on bare sockets, as far as an upgrade needs it. One request for each connection,
 * whose head must come within a time and a size; what is not answered with 101 is answered once and closed. This
 * costs half of what the way through `node:http` does.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { formatRefusal, type Refusal, refusalFor } from '../websocket/handshake.ts'
import { HeadParser } from '../websocket/http-head.ts'
import { hangUp } from './hang-up.ts'
import type { CheckedServerOptions, ListenOptions } from './server-options.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** Takes a request that was read; what came behind its head goes along. The socket is paused. */
export type RequestHandler = (request: UpgradeRequest, socket: Socket, rest: Uint8Array) => void

export interface ListenAddress {
  /** `ws://` or `wss://` with the address to connect to from this machine; `ws+unix:` with a path. */
  readonly url: string
  /** The IP address, or the path of a Unix socket. */
  readonly address: string
  /** Undefined for a Unix socket. */
  readonly port: number | undefined
}

export class UpgradePort {
  readonly #server: Server
  readonly #options: CheckedServerOptions
  readonly #onRequest: RequestHandler
  readonly #isTls: boolean
  /** Sockets whose request head is not complete. */
  readonly #reading = new Set<Socket>()
  /** Sockets in the middle of their TLS handshake, by their address at the other end. */
  readonly #securing = new Map<string, Socket>()

  constructor({ tls }: ListenOptions, options: CheckedServerOptions, onRequest: RequestHandler) {
    this.#options = options
    this.#onRequest = onRequest
    this.#isTls = tls !== undefined
    const onConnection = (socket: Socket) => {
      if (this.#isTls) this.#securing.delete(peerOf(socket))
      this.#readHead(socket)
    }
    // allowHalfOpen: a peer that ends its side first still gets our answer and our Close frame.
    this.#server =
      tls === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true }, onConnection)
        : createTlsServer(
            { handshakeTimeout: options.handshakeTimeout, ...tls, allowHalfOpen: true, ALPNProtocols: ['http/1.1'] },
            onConnection,
          )
    if (this.#isTls) this.#server.on('connection', socket => this.#awaitSecure(socket))
    // Who breaks off a TLS handshake gets no answer.
    this.#server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy())
  }

  /** Rejects with the system's error, such as EADDRINUSE; later errors go to `onError`. */
  async listen({ port = 0, host, socketPath, backlog }: ListenOptions, onError: (error: Error) => void) {
    const where = socketPath === undefined ? { port, host } : { path: socketPath }
    this.#server.listen({ ...where, backlog })
    await once(this.#server, 'listening')
    this.#server.on('error', onError)
    return this.#address()
  }

  /** Stops listening; requests that are not complete are answered with `refusal`. Resolves when all sockets are gone. */
  async close(refusal: Refusal): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    for (const socket of this.#reading) hangUp(socket, formatRefusal(refusal))
    for (const socket of this.#securing.values()) socket.destroy()
    await closed
  }

  #awaitSecure(socket: Socket): void {
    const peer = peerOf(socket)
    this.#securing.set(peer, socket)
    socket.once('close', () => {
      if (this.#securing.get(peer) === socket) this.#securing.delete(peer)
    })
  }

  #address(): ListenAddress {
    const bound = this.#server.address() as AddressInfo | string
    if (typeof bound === 'string') return { url: `ws+unix:${bound}`, address: bound, port: undefined }
    const { address, port, family } = bound
    const isAny = address === '::' || address === '0.0.0.0'
    const host = isAny ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
    return { url: `${this.#isTls ? 'wss' : 'ws'}://${host}:${port}`, address, port }
  }

  #readHead(socket: Socket): void {
    const { maxHeaderBytes, maxHeaders, handshakeTimeout } = this.#options
    const parser = new HeadParser('request', { maxBytes: maxHeaderBytes, maxFields: maxHeaders })
    const stop = () => {
      clearTimeout(timer)
      this.#reading.delete(socket)
      socket.off('data', onData).off('end', onEnd).off('close', stop)
    }
    const refuse = (refusal: Refusal) => {
      stop()
      hangUp(socket, formatRefusal(refusal))
    }
    const onData = (chunk: Buffer) => {
      if (parser.push(chunk) === 'incomplete') return
      if (parser.head === undefined) return refuse(refusalFor(parser.fault ?? 'WS_ERR_HEAD_START_LINE'))
      stop()
      socket.pause()
      this.#onRequest({ ...parser.head, socket }, socket, parser.rest)
    }
    const onEnd = () => {
      stop()
      socket.destroy()
    }
    const timer = setTimeout(
      () => refuse({ status: 408, body: 'the request head took longer than handshakeTimeout\n' }),
      handshakeTimeout,
    )
    this.#reading.add(socket)
    socket.on('error', ignoreError).on('data', onData).on('end', onEnd).on('close', stop)
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** A reset before the connection is open concerns nobody; 'close' follows. */
function ignoreError(): void {}
