/**
 * The peer when a client is judged over HTTP/2 (RFC 8441): a stream that the client has opened with an extended CONNECT,
 * which is not answered. HTTP/2 itself is Node's, which lets no malformed request through.
 */
import type { OutgoingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Opened, Opening, Peer, PlayOptions } from '../case.ts'
import { agreeOn } from '../client-peer.ts'
import { Endpoint, type EndpointHandler } from '../endpoint.ts'
import type { Head } from '../handshake.ts'
import { MessageDeflate, writeExtension } from '../message-deflate.ts'
import type { WireLog } from '../wire-log.ts'
import { headText } from './extended-connect.ts'

/** A stream that has come, and what is known of its connection. */
export interface IncomingStream {
  readonly stream: ServerHttp2Stream
  readonly session: ServerHttp2Session
  /** Pseudo-header fields are among the others. */
  readonly head: Head
  readonly secure: boolean
  /** The client had acknowledged our SETTINGS before it sent the request. */
  readonly isSettled: boolean
  /** Which stream of its connection it is, from 1. */
  readonly number: number
}

export class Http2ClientPeer implements Peer {
  readonly side = 'client'
  /** What is wrong with a request is for cases to say: the others are played all the same. */
  readonly fault = undefined
  readonly request: IncomingStream
  readonly options: PlayOptions
  readonly log: WireLog

  constructor(request: IncomingStream, options: PlayOptions, log: WireLog) {
    this.request = request
    this.options = options
    this.log = log
    log.head('testee', headText(request.head.fields))
  }

  async open(handler: EndpointHandler, opening: Opening = {}): Promise<Opened> {
    const { head } = this.request
    const agreed = agreeOn(head, opening)
    this.respond(agreed === undefined ? {} : { 'sec-websocket-extensions': writeExtension(agreed) })
    const deflate = agreed === undefined ? undefined : new MessageDeflate('server', agreed, opening.checksDistances)
    return { endpoint: this.endpoint(handler, deflate), agreed, head }
  }

  /** Sends a response, 200 if it does not say otherwise, which may be the end of the stream. */
  respond(fields: OutgoingHttpHeaders, { endStream = false } = {}): void {
    const { stream } = this.request
    const whole = { ':status': 200, ...fields }
    this.log.head('suite', headText(Object.entries(whole).map(([name, value]) => [name, String(value)])))
    if (!stream.destroyed) stream.respond(whole, { endStream })
  }

  /** The end of a WebSocket that is open, or of what passes for it. */
  endpoint(handler: EndpointHandler, deflate?: MessageDeflate): Endpoint {
    const { log } = this
    const { pace, crowd } = this.options
    const options = { role: 'server', log, deflate, closeTimeout: 1000 * pace * crowd } as const
    return new Endpoint(this.request.stream, options, handler)
  }

  /** Says why there is nothing to be had. */
  refuse({ message }: Error): void {
    const { stream } = this.request
    if (stream.destroyed || stream.headersSent) return
    stream.respond({ ':status': 400, 'content-type': 'text/plain' })
    stream.end(`${message}\n`)
  }

  /** Ends whatever is open still. */
  release(): void {
    const { stream } = this.request
    if (!stream.destroyed) setTimeout(() => stream.destroy(), 1000).unref()
  }
}
