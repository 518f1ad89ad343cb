/**
 * A server of ours that speaks event streams, on everything that can carry one, with the same hand on each: what
 * streams were opened, what was asked, and a way to break off the connection below one.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createClearHttp2Server,
  createSecureServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Test } from 'tap'
import {
  declineEventStream,
  type EventStream,
  type EventStreamOptions,
  openEventStream,
  type Refusal,
  type UpgradeRequest,
  WebSocketServer,
} from '../../lib/index.ts'
import { certificates } from '../support/certificate.ts'
import { within } from '../support/waiting.ts'
import { Arrivals } from './peer.ts'

export type Carrier = 'node:http' | 'our own port' | 'node:http2' | 'node:http2 without TLS'

export interface Asked {
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface Serving {
  /** What is answered in place of a stream, if anything. */
  readonly answer?: (request: Asked) => Refusal | undefined
  readonly options?: EventStreamOptions | ((request: Asked) => EventStreamOptions)
  /** HTML that is at /page. */
  readonly page?: string | undefined
  /** What is waited for before anything is answered. */
  readonly ready?: (request: Asked) => Promise<unknown>
}

/** A stream that a client has opened. */
export interface Opened {
  readonly stream: EventStream
  readonly request: Asked
  /** Bytes that were written to the connection below. */
  readonly bytesWritten: () => number
  /** Breaks off the connection below. */
  readonly cut: () => void
}

const AS_HTML = { 'Content-Type': 'text/html; charset=utf-8' }

export class EventServer {
  readonly url: string
  readonly port: number
  /** The targets of all requests but for the page. */
  readonly asked: string[]
  readonly #opened: Arrivals<Opened>

  constructor(scheme: 'http' | 'https', port: number, asked: string[], opened: Arrivals<Opened>) {
    this.port = port
    this.url = `${scheme}://127.0.0.1:${port}`
    this.asked = asked
    this.#opened = opened
  }

  /** The stream that was opened next. */
  async next(): Promise<Opened> {
    const [opened] = await within(this.#opened.take(1), 'a request for an event stream')
    return opened!
  }
}

export async function serveEvents(t: Test, carrier: Carrier, serving: Serving = {}): Promise<EventServer> {
  const opened = new Arrivals<Opened>()
  const asked: string[] = []
  const accept: Accept = async (request, open) => {
    const { answer, options = {}, page, ready } = serving
    if (request.url === '/page' && page !== undefined) return { status: 200, headers: AS_HTML, body: page }
    asked.push(request.url ?? '')
    await ready?.(request)
    const instead = answer?.(request)
    if (instead !== undefined) return instead
    const stream = open(typeof options === 'function' ? options(request) : options)
    opened.push({ ...stream, request })
    return undefined
  }
  const listen = carrier === 'our own port' ? listenOnOwnPort : listenBeside
  const port = await listen(t, accept, carrier)
  return new EventServer(carrier === 'node:http2' ? 'https' : 'http', port, asked, opened)
}

/** Opens a stream, or says what is to be answered. */
type Accept = (
  request: Asked,
  open: (options: EventStreamOptions) => Omit<Opened, 'request'>,
) => Promise<Refusal | undefined>

async function listenOnOwnPort(t: Test, accept: Accept): Promise<number> {
  const sockets = new Set<Socket>()
  const server = new WebSocketServer({
    onRequest: (request: UpgradeRequest, response) => {
      const socket = request.socket as Socket
      sockets.add(socket)
      return accept(request, options => ({
        stream: openEventStream(request, response, options),
        bytesWritten: () => socket.bytesWritten,
        cut: () => socket.resetAndDestroy(),
      }))
    },
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    return server.close()
  })
  const { port } = await server.listen({ host: '127.0.0.1' })
  return port!
}

async function listenBeside(t: Test, accept: Accept, carrier: Carrier): Promise<number> {
  const onRequest = async (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    const answer = await accept(request, options => ({
      stream: openEventStream(request, response, options),
      bytesWritten: () => request.socket.bytesWritten,
      cut: () => {
        if ('stream' in request) request.stream.session?.destroy()
        else request.socket.resetAndDestroy()
      },
    }))
    if (answer !== undefined) reply(response as ServerResponse, answer)
  }
  const server = serverFor(carrier, onRequest).listen(0, '127.0.0.1')
  const leave = new Set<() => void>()
  server
    .on('session', (session: Http2Session) => leave.add(() => session.destroy()))
    .on('connection', (socket: Socket) => leave.add(() => socket.destroy()))
  t.teardown(async () => {
    const closed = new Promise(resolve => server.close(resolve))
    for (const end of leave) end()
    await closed
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function serverFor(
  carrier: Carrier,
  onRequest: (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => void,
): Server {
  if (carrier === 'node:http') return createServer(onRequest)
  if (carrier === 'node:http2') return createHttp2Server(certificates().local, onRequest)
  return createClearHttp2Server(onRequest)
}

function reply(response: ServerResponse, { status, headers = {}, body }: Refusal): void {
  if (status === 204) return declineEventStream(response)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string)
  response.writeHead(status).end(body)
}
