/** The peer when a server is judged: a connection of its own for each case, with the opening handshake of a client. */
import type { ClientHttp2Session } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Opened, Opening, Peer, PlayOptions } from './case.ts'
import { Endpoint, type EndpointHandler } from './endpoint.ts'
import {
  fieldValue,
  type Head,
  MAX_HEAD,
  newKey,
  readHead,
  responseFault,
  type Target,
  writeRequest,
} from './handshake.ts'
import { connectSession, destroyLater, headText, request, requestFields, statusOf } from './http2/extended-connect.ts'
import { type DeflateParameters, MessageDeflate, parseExtensions } from './message-deflate.ts'
import { patience } from './patience.ts'
import type { WireLog } from './wire-log.ts'

export interface ServerTarget extends Target {
  /** Any certificate will do. */
  readonly insecure: boolean
  /** Every WebSocket is a stream of HTTP/2, on a connection of its own (RFC 8441). */
  readonly http2?: boolean
}

/** Milliseconds for the opening handshake. */
const OPENING_TIMEOUT = 5000

/** A socket to the server; not connected yet. */
export function connectTo({ host, port, secure, insecure }: ServerTarget, alpn?: 'h2'): Socket {
  const servername = /^[\d.:]+$/.test(host) ? '' : host
  const ALPNProtocols = alpn === undefined ? {} : { ALPNProtocols: [alpn] }
  const socket = secure
    ? connectTls({ host, port, servername, rejectUnauthorized: !insecure, ...ALPNProtocols })
    : connectTcp({ host, port })
  return socket.setNoDelay(true)
}

/** Resolves when the server takes a connection. */
export async function checkReachable(target: ServerTarget): Promise<void> {
  const socket = connectTo(target)
  try {
    await connected(socket, target)
  } finally {
    socket.destroy()
  }
}

function connected(socket: Socket, { secure }: ServerTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = patience(OPENING_TIMEOUT, () => reject(new Error('no connection within 5 s')))
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      timer.cancel()
      resolve()
    })
    socket.once('error', error => {
      timer.cancel()
      reject(error)
    })
  })
}

export class ServerPeer implements Peer {
  readonly side = 'server'
  readonly target: ServerTarget
  readonly options: PlayOptions
  readonly log: WireLog
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ClientHttp2Session>()

  constructor(target: ServerTarget, options: PlayOptions, log: WireLog) {
    this.target = target
    this.options = options
    this.log = log
  }

  /** A bare connection, for cases that speak for themselves. */
  async connect(alpn?: 'h2'): Promise<Socket> {
    const socket = connectTo(this.target, alpn)
    this.#sockets.add(socket.on('error', () => {}))
    await connected(socket, this.target)
    return socket
  }

  async open(handler: EndpointHandler, opening: Opening = {}): Promise<Opened> {
    if (this.target.http2) return this.#openStream(handler, opening)
    let socket: Socket
    try {
      socket = await this.connect()
    } catch (error) {
      return { fault: `there was no connection: ${(error as Error).message}` }
    }
    const key = newKey()
    const request = writeRequest(this.target, key, { 'Sec-WebSocket-Extensions': opening.offers })
    this.log.head('suite', request)
    socket.write(request, 'latin1')
    const came = await this.readHead(socket)
    if (typeof came === 'string') return this.#giveUp(socket, came)
    const fault = responseFault(came.head, key)
    if (fault !== undefined) return this.#giveUp(socket, `the server's response is wrong: ${fault}`)
    const agreed = readAgreement(came.head, opening.offers)
    if (typeof agreed === 'string') return this.#giveUp(socket, `the server's response is wrong: ${agreed}`)
    const deflate = agreed === undefined ? undefined : new MessageDeflate('client', agreed, opening.checksDistances)
    return { endpoint: this.endpoint(socket, handler, came.rest, deflate), agreed, head: came.head }
  }

  async #openStream(handler: EndpointHandler, opening: Opening): Promise<Opened> {
    let session: ClientHttp2Session
    try {
      session = await connectSession(this.target)
    } catch (error) {
      return { fault: `there was no connection: ${(error as Error).message}` }
    }
    this.#sessions.add(session)
    const opened = await this.openOn(session, handler, opening)
    if ('fault' in opened) destroyLater(session)
    return opened
  }

  /** RFC 8441 §5: a WebSocket on a connection of HTTP/2 that is there. */
  async openOn(
    session: ClientHttp2Session,
    handler: EndpointHandler,
    opening: Opening,
    more: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Opened> {
    if (!session.remoteSettings.enableConnectProtocol)
      return { fault: 'the server has not sent SETTINGS_ENABLE_CONNECT_PROTOCOL: 1' }
    const fields = requestFields(this.target, { 'sec-websocket-extensions': opening.offers, ...more })
    this.log.head('suite', headText(Object.entries(fields)))
    const came = await request(session, fields)
    if (typeof came === 'string') return { fault: came }
    const { stream, head } = came
    // As a socket does it: what the server has ended is ended by us.
    stream.once('end', () => stream.end())
    this.log.head('testee', `${head.startLine}\r\n${headText(head.fields)}`)
    const agreed =
      statusOf(head) === 200 ? readAgreement(head, opening.offers) : `expected status 200, got ${statusOf(head)}`
    if (typeof agreed === 'string') {
      stream.destroy()
      return { fault: `the server's response is wrong: ${agreed}` }
    }
    const deflate = agreed === undefined ? undefined : new MessageDeflate('client', agreed, opening.checksDistances)
    return { endpoint: this.endpoint(stream, handler, Buffer.alloc(0), deflate), agreed, head }
  }

  /** The end of a connection on which the handshake is done, or what passes for it. */
  endpoint(socket: Duplex, handler: EndpointHandler, rest: Buffer, deflate?: MessageDeflate): Endpoint {
    const { log } = this
    const { pace, crowd } = this.options
    return new Endpoint(socket, { role: 'client', log, deflate, closeTimeout: 1000 * pace * crowd }, handler, rest)
  }

  /** The head of a response and what stands behind it; or why there is none. */
  readHead(socket: Socket): Promise<{ head: Head; rest: Buffer } | string> {
    return new Promise(resolve => {
      let bytes: Buffer = Buffer.alloc(0)
      const finish = (result: { head: Head; rest: Buffer } | string) => {
        timer.cancel()
        socket.off('data', onData).off('end', onEnd).off('close', onEnd)
        resolve(result)
      }
      const onEnd = () => finish('the server ended TCP without a response')
      const onData = (chunk: Buffer) => {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
        const read = readHead(bytes)
        if (read !== undefined) {
          this.log.head('testee', `${read.text}\r\n\r\n`)
          // Nothing may be lost between here and who reads on.
          socket.pause()
          setImmediate(() => socket.resume())
          finish({ head: read.head, rest: bytes.subarray(read.end) })
        } else if (bytes.length > MAX_HEAD) finish('the head of the response is without end')
      }
      const timer = patience(OPENING_TIMEOUT, () => finish('no response came within 5 s'))
      socket.on('data', onData).on('end', onEnd).on('close', onEnd)
    })
  }

  /** Ends whatever is open still. */
  release(): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const session of this.#sessions) destroyLater(session)
  }

  #giveUp(socket: Socket, fault: string): Opened {
    this.log.note(fault)
    socket.destroy()
    return { fault }
  }
}

/** The extension that the server chose; a sentence if it may not choose that. */
function readAgreement(response: Head, offers: string | undefined): DeflateParameters | string | undefined {
  const protocol = fieldValue(response, 'sec-websocket-protocol')
  // §4.1: "if … the subprotocol … was not present in the client's handshake …, the client MUST _Fail …_"
  if (protocol !== undefined) return `it chose the subprotocol "${protocol}", and none was offered`
  const value = fieldValue(response, 'sec-websocket-extensions')
  if (value === undefined || value === '') return undefined
  if (offers === undefined) return `it chose "${value}", and no extension was offered`
  const [chosen, ...others] = parseExtensions(value)
  if (chosen === undefined || typeof chosen === 'string') return chosen
  if (others.length > 0) return 'it chose more than one extension'
  return chosen.clientMaxWindowBits === true ? 'client_max_window_bits without a value' : chosen
}
