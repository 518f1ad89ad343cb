/**
 * One HTTP request and its response over `node:http` and `node:https`, which have no time-out for a body that is
 * silent. No redirects, no judgement of the status: that is the caller's.
 *
 * What comes of it is one of three: a response whose body is pulled; a failure of the network, with which another
 * attempt may do better; or, thrown, a mistake in what was to be sent, with which none will.
 *
 * Memory: nothing is read from the socket beyond one chunk and Node's high-water mark until the body is asked for more.
 * The head of a response is bounded by Node: 16 KiB and 2,000 fields by default (`--max-http-header-size`).
 */
import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'

export interface HttpRequest {
  readonly url: URL
  readonly method: string
  /** Checked, each name once; a character for each byte. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string | Uint8Array | undefined
}

export interface HttpResponse {
  readonly status: number
  /** Field names in lower case; a repeated field is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The URL that it came from, without user name and password. */
  readonly url: URL
  readonly body: HttpBody
}

export interface HttpBody {
  /** The next chunk, undefined at the end. Rejects when the network fails. One call at a time. */
  next(): Promise<Uint8Array | undefined>
  /** The rest of it is not wanted. */
  close(): void
}

export type HttpOutcome = { readonly response: HttpResponse } | { readonly failure: unknown }

export type AgentFor = Agent | false | ((url: URL) => Agent | false | undefined)

export interface HttpTransport {
  /** Default: Node's global agent, which knows the proxies of the environment if Node was told to. */
  readonly agent: AgentFor | undefined
  readonly tls: TlsConnectionOptions
  readonly socketPath: string | undefined
}

/** In milliseconds of silence on the socket, from which on TCP asks whether the peer is still there. */
const KEEP_ALIVE_DELAY = 60_000

/**
 * @param signal ends the exchange, at whatever stage: aborting it gives up the socket unless the response is complete
 * @throws {TypeError | Error} Node refuses to send it
 */
export async function exchange(
  request: HttpRequest,
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  for (;;) {
    const outcome = await exchangeOnce(request, transport, signal)
    // RFC 9112 §9.3.1: a pooled connection may have been closed while the request was on its way. "A client MAY
    // automatically retry" idempotent methods only (RFC 9110 §9.2.2). Each turn uses up a socket of the pool.
    const mayRepeat = request.method === 'GET' || request.method === 'HEAD'
    if (!('isStale' in outcome) || !outcome.isStale || !mayRepeat || signal.aborted) return outcome
  }
}

function exchangeOnce(
  request: HttpRequest,
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<HttpOutcome | { readonly failure: unknown; readonly isStale: boolean }> {
  return new Promise(resolve => {
    const sent = begin(request, transport)
    let received: IncomingMessage | undefined
    let lost: { readonly failure: unknown } | undefined
    const onAbort = () => (received ?? sent).destroy()
    sent.on('response', response => {
      received = response
      // Whoever reads the body hears of it there; nobody may be reading.
      response.on('error', ignoreError)
      resolve({ response: responseOf(response, withoutUserinfo(request.url), () => lost) })
    })
    sent.on('error', (failure: NodeJS.ErrnoException) => {
      if (received?.complete !== true) lost = { failure }
      resolve({ failure, isStale: sent.reusedSocket && failure.code === 'ECONNRESET' })
    })
    sent.on('close', () => {
      signal.removeEventListener('abort', onAbort)
      // Without an error: the server has switched to a protocol that nobody asked for.
      resolve({
        failure: Object.assign(new Error('the connection closed without a response'), { code: 'ECONNRESET' }),
      })
    })
    signal.addEventListener('abort', onAbort)
    sent.setSocketKeepAlive(true, KEEP_ALIVE_DELAY)
    if (signal.aborted) onAbort()
    // A string would go out in one write with the head, and the head in its encoding: UTF-8 in place of latin1.
    else sent.end(typeof request.body === 'string' ? Buffer.from(request.body) : request.body)
  })
}

function begin(
  { url, method, headers, body }: HttpRequest,
  { agent, tls, socketPath }: HttpTransport,
): ClientRequest {
  const isTls = url.protocol === 'https:'
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const chosen = typeof agent === 'function' ? agent(url) : agent
  return (isTls ? httpsRequest : httpRequest)({
    // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted". Given here, since Node would take Host for it.
    ...(isTls && { servername: isIP(host) === 0 ? host : '', ...tls }),
    ...(chosen !== undefined && { agent: chosen }),
    // A Unix socket has no host, but its certificate is for that of the URL.
    ...(socketPath === undefined ? {} : { socketPath }),
    protocol: url.protocol,
    host,
    port: url.port === '' ? (isTls ? 443 : 80) : url.port,
    path: url.pathname + url.search,
    method,
    headers: {
      Host: url.host,
      ...headers,
      // Node frames the body of some methods only; that of a DELETE it would send without a length.
      ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
    } as Record<string, string | string[]>,
  })
}

function responseOf(
  response: IncomingMessage,
  url: URL,
  lost: () => { readonly failure: unknown } | undefined,
): HttpResponse {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  const next = async () => {
    const { value } = await chunks.next()
    // A body that ends with its connection looks whole to Node when that is reset: the request alone is told.
    const loss = value === undefined ? lost() : undefined
    if (loss !== undefined) throw loss.failure
    return value
  }
  const body = { next, close: () => void response.destroy() }
  return { status: response.statusCode ?? 0, headers: joinFields(response.rawHeaders), url, body }
}

/** For requests through a fetch, which refuses them, and for whatever is told to the caller and ends up in logs. */
export function withoutUserinfo(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

function joinFields(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    const value = rawHeaders[i + 1] as string
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers
}

function ignoreError(): void {}
