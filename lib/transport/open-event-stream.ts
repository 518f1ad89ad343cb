/**
 * The beginning of an event stream on a server, from a request to the first byte of the body: for `node:http`,
 * `node:https` and `node:http2` responses, for a `WebSocketServer`'s own port, and for frameworks that speak Fetch.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { argumentError } from '../errors.ts'
import { EventStream } from './event-stream.ts'
import {
  type CheckedEventStreamOptions,
  checkEventStreamOptions,
  type EventStreamOptions,
} from './event-stream-options.ts'
import { type EventStreamRequest, lastEventIdOf } from './last-event-id.ts'
import { PortResponse } from './port-response.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { WebOutlet } from './web-outlet.ts'

/**
 * Answers a request with an event stream: the head goes out at once, and the response is the stream's from now on.
 *
 * A HEAD request gets the head alone; its stream is closed from the beginning. The body of a POST must be read, or let go
 * by `request.resume()`: a long one that nobody reads hides that the client leaves, and meets the server's
 * `requestTimeout`.
 *
 * @throws {TypeError | RangeError} an option is wrong, or something was answered already
 */
export function openEventStream(
  request: IncomingMessage | Http2ServerRequest | UpgradeRequest,
  response: ServerResponse | Http2ServerResponse | PortResponse,
  options?: EventStreamOptions,
): EventStream {
  const headers = request?.headers
  if (typeof headers !== 'object' || headers === null || typeof headers.get === 'function')
    throw argumentError('ERR_INVALID_ARG_TYPE', `request must be the one that a server's listener is given`)
  if (!(response instanceof PortResponse || typeof response?.writeHead === 'function'))
    throw argumentError('ERR_INVALID_ARG_TYPE', `response must be the one that a server's listener is given`)
  const checked = checkEventStreamOptions(options)
  const lastEventId = lastEventIdOf(request, checked.maxLastEventIdBytes)
  if (response instanceof PortResponse) return openOnPort(request, response, checked, lastEventId)
  if (response.headersSent) throw answeredAlready()
  const isOver = isGone(request, response)
  if (!isOver) {
    // A stream has no length: one that somebody set before would cut it off.
    response.removeHeader('Content-Length')
    response.writeHead(200, headersOf(checked))
  }
  const stream = new EventStream(response, checked.settings, lastEventId)
  // It tells of its end once, and that was before.
  if (isOver) stream.onGone()
  else if (!('stream' in response)) attend(request.socket, response, stream)
  begin(stream, request, checked)
  return stream
}

/**
 * Answers 204, by which a client that reconnects is told not to (HTML §9.2.3: "Clients will reconnect if the connection
 * is closed; a client can be told to stop reconnecting using the HTTP 204 No Content response code."). On a server's
 * own port, return `{ status: 204 }` instead.
 */
export function declineEventStream(response: ServerResponse | Http2ServerResponse): void {
  if (response.headersSent) throw answeredAlready()
  response.writeHead(204)
  response.end()
}

/**
 * An event stream as a Fetch `Response`, for frameworks whose handlers return one.
 *
 * The stream is closed when the response's body is cancelled or the request's signal is aborted.
 *
 * @throws {TypeError | RangeError} an option is wrong
 */
export function eventStreamResponse(
  request: Request,
  options?: EventStreamOptions,
): { readonly response: Response; readonly stream: EventStream } {
  if (!(typeof request?.headers?.get === 'function'))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'request must be one of Fetch')
  const checked = checkEventStreamOptions(options)
  const { method, url, headers, signal } = request
  const field = headers.get('last-event-id')
  const asked = { method, url, headers: field === null ? {} : { 'last-event-id': field } }
  const outlet = new WebOutlet()
  const stream = new EventStream(outlet, checked.settings, lastEventIdOf(asked, checked.maxLastEventIdBytes))
  begin(stream, asked, checked)
  const leave = () => outlet.leave()
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  outlet.once('close', () => signal.removeEventListener('abort', leave))
  const body = method === 'HEAD' ? null : outlet.body
  return { response: new Response(body, { headers: checked.fields.map(([name, value]) => [name, value]) }), stream }
}

function openOnPort(
  request: EventStreamRequest & { readonly httpVersion: string },
  response: PortResponse,
  checked: CheckedEventStreamOptions,
  lastEventId: string,
): EventStream {
  const socket = response.answer()
  if (socket === undefined) throw answeredAlready()
  const stream = new EventStream(socket, checked.settings, lastEventId, response.streams)
  response.stream = stream
  if (socket.destroyed) process.nextTick(() => stream.onGone())
  // Nothing may follow the request; the end of its side is the client's end.
  socket.on('end', destroy).resume()
  // RFC 9112 §6.1: "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding request
  // indicates HTTP/1.1 (or later minor revisions)."
  const isChunked = request.httpVersion === '1.1'
  // HEAD is told of it, and has no body to be in chunks.
  if (isChunked && request.method !== 'HEAD') stream.useChunks()
  socket.cork()
  if (!socket.destroyed) socket.write(headOf(checked, isChunked), 'latin1')
  begin(stream, request, checked)
  socket.uncork()
  return stream
}

/** RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD */
function begin(stream: EventStream, { method }: EventStreamRequest, { preamble }: CheckedEventStreamOptions): void {
  if (method === 'HEAD') stream.close()
  else stream.start(preamble)
}

function headersOf({ fields }: CheckedEventStreamOptions): Record<string, string | string[]> {
  // Without a prototype: a field may be called "constructor".
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of fields)
    headers[name] = name in headers ? [headers[name] as string, value].flat() : value
  return headers
}

/** RFC 9112 §6.3: without chunks and without a length, the body goes on until the connection is closed. */
function headOf({ fields }: CheckedEventStreamOptions, isChunked: boolean): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`)
  // RFC 9110 §6.6.1: "An origin server with a clock MUST generate a Date header field in all 2xx [...] responses"
  if (!fields.some(([name]) => name.toLowerCase() === 'date')) lines.push(`Date: ${new Date().toUTCString()}\r\n`)
  if (isChunked) lines.push('Transfer-Encoding: chunked\r\n')
  // No other response follows on this connection.
  return `HTTP/1.1 200 OK\r\n${lines.join('')}Connection: close\r\n\r\n`
}

/** Streams whose response waits for the one before it on the connection: RFC 9112 §9.3.2, "Pipelining". */
const pipelined = new WeakMap<Duplex, Set<EventStream>>()

function attend(socket: Duplex, response: ServerResponse, stream: EventStream): void {
  // A server's timeout for idle sockets would end every stream that is quiet for that long.
  if (socket instanceof Socket) socket.setTimeout(0)
  if (response.socket !== null) return
  // Until the connection is its own, its response is not told when that ends.
  const waiting = pipelined.get(socket) ?? new Set()
  if (!pipelined.has(socket)) {
    pipelined.set(socket, waiting)
    socket.once('close', () => {
      for (const each of waiting) each.onGone()
    })
  }
  waiting.add(stream)
  response.once('socket', () => waiting.delete(stream))
}

function isGone({ socket }: { readonly socket: Duplex }, response: ServerResponse | Http2ServerResponse): boolean {
  // Of a response to HTTP/2 it is the stream below that tells; of one that is pipelined, the connection.
  if ('stream' in response) return response.stream.destroyed || response.writableEnded
  return response.destroyed || response.writableEnded || socket.destroyed
}

function destroy(this: Socket): void {
  this.destroy()
}

function answeredAlready(): TypeError {
  return argumentError('ERR_INVALID_ARG_VALUE', 'the response was answered already')
}
