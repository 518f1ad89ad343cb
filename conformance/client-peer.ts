/** The peer when a client is judged: a connection that the client has made, whose request has come and is not answered. */
import type { Socket } from 'node:net'
import type { Opened, Opening, Peer, PlayOptions } from './case.ts'
import { Endpoint, type EndpointHandler } from './endpoint.ts'
import { fieldValue, type Head, requestFault, writeHead, writeResponse } from './handshake.ts'
import { type DeflateParameters, MessageDeflate, parseExtensions, writeExtension } from './message-deflate.ts'
import type { WireLog } from './wire-log.ts'

/** A request that has come, and what stands behind it. */
export interface IncomingRequest {
  readonly socket: Socket
  readonly head: Head
  readonly text: string
  readonly rest: Buffer
}

export class ClientPeer implements Peer {
  readonly side = 'client'
  readonly request: IncomingRequest
  readonly options: PlayOptions
  readonly log: WireLog

  constructor(request: IncomingRequest, options: PlayOptions, log: WireLog) {
    this.request = request
    this.options = options
    this.log = log
    log.head('testee', `${request.text}\r\n\r\n`)
  }

  /** What is wrong with the request, in words. */
  get fault(): string | undefined {
    return requestFault(this.request.head)
  }

  /** The key that the client sent. */
  get key(): string {
    return fieldValue(this.request.head, 'sec-websocket-key') ?? ''
  }

  async open(handler: EndpointHandler, opening: Opening = {}): Promise<Opened> {
    const { head } = this.request
    const agreed = agreeOn(head, opening)
    this.respond(
      writeResponse(this.key, {
        'Sec-WebSocket-Extensions': agreed === undefined ? undefined : writeExtension(agreed),
      }),
    )
    const deflate = agreed === undefined ? undefined : new MessageDeflate('server', agreed, opening.checksDistances)
    return { endpoint: this.endpoint(handler, deflate), agreed, head }
  }

  /** Sends a response as it is given, and octets behind it in the same write. */
  respond(response: string, behind: Buffer = Buffer.alloc(0)): void {
    this.log.head('suite', response)
    if (behind.length > 0) this.log.bytes('suite', behind, `${behind.length} bytes behind it, in the same write`)
    this.request.socket.write(Buffer.concat([Buffer.from(response, 'latin1'), behind]))
  }

  /** The same in pieces, each with a turn of the event loop of its own. */
  async respondInChops(response: string, size: number): Promise<void> {
    this.log.head('suite', response)
    const bytes = Buffer.from(response, 'latin1')
    for (let at = 0; at < bytes.length; at += size) {
      if (at > 0) await new Promise(resolve => setImmediate(resolve))
      if (this.request.socket.writable) this.request.socket.write(bytes.subarray(at, at + size))
    }
  }

  /** The end of a connection on which the handshake is done, or what passes for it. */
  endpoint(handler: EndpointHandler, deflate?: MessageDeflate): Endpoint {
    const { log } = this
    const { pace, crowd } = this.options
    const options = { role: 'server', log, deflate, closeTimeout: 1000 * pace * crowd } as const
    return new Endpoint(this.request.socket, options, handler, this.request.rest)
  }

  /** Says why there is nothing to be had. */
  refuse({ message }: Error): void {
    const body = `${message}\n`
    const fields = { Connection: 'close', 'Content-Type': 'text/plain', 'Content-Length': String(body.length) }
    this.request.socket.end(`${writeHead('HTTP/1.1 400 Bad Request', fields)}${body}`)
  }

  /** Ends whatever is open still. */
  release(): void {
    const { socket } = this.request
    // What was said last is to arrive: TCP gets a moment to be ended by the client.
    if (!socket.destroyed) setTimeout(() => socket.destroy(), 1000).unref()
  }
}

/** What a case answers to a client's offers. */
export function agreeOn(request: Head, { accept }: Opening): DeflateParameters | undefined {
  const offers = parseExtensions(fieldValue(request, 'sec-websocket-extensions') ?? '')
  // §9.1: what is not understood is not accepted, and does no harm.
  return accept?.(offers.filter((offer): offer is DeflateParameters => typeof offer !== 'string'))
}
