/**
 * Clients of WebSockets over HTTP/2 (RFC 8441) on Node's HTTP/2, good or broken in ways that can be named, each WebSocket on
 * a connection of its own. Frames are those of the broken endpoints on sockets.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { Duplex } from 'node:stream'
import { BrokenEcho, clientAgreement, type Fault } from './broken-endpoint.ts'

export type Http2ClientFault =
  | 'other protocol'
  | 'other scheme'
  | 'other version'
  | 'other host'
  | 'host repeated'
  | 'key sent'
  | 'SETTINGS not waited for'
  | 'accept value looked at'
  | 'unknown fields not taken'
  | 'interim responses not skipped'
  | 'any 2xx taken'
  | 'any status taken'
  | 'any extension taken'
  | 'any subprotocol taken'
  | 'bad responses ignored'
  | 'reset with an error'
  | 'reset after the closing handshake'
  | 'streams never ended'
  | 'reads late'
  | 'GOAWAY ends all'
  | 'streams end their connection'

export interface Http2ClientOptions {
  /** An offer of permessage-deflate. Default none. */
  readonly deflate?: string | undefined
  /** A connection that is there and stays. Default one of its own. */
  readonly session?: ClientHttp2Session | undefined
}

const { NGHTTP2_INTERNAL_ERROR } = constants

/** Any certificate will do. */
export function connectHttp2(url: string): ClientHttp2Session {
  const { host, protocol } = new URL(url)
  const origin = `${protocol === 'wss:' ? 'https' : 'http'}://${host}`
  return connect(origin, { rejectUnauthorized: false }).on('error', () => {})
}

/** Opens a WebSocket with these faults, echoes until its stream ends, and resolves then. */
export async function brokenHttp2Client(
  url: string,
  faults: readonly (Http2ClientFault | Fault)[],
  { deflate, session: shared }: Http2ClientOptions = {},
): Promise<void> {
  const known: ReadonlySet<string> = new Set(faults)
  const session = shared ?? connectHttp2(url)
  if (shared === undefined && !known.has('SETTINGS not waited for'))
    await new Promise(resolve => session.once('remoteSettings', resolve).once('close', resolve))
  if (session.destroyed) return
  const canceller = new AbortController()
  const stream = session.request(requestFields(new URL(url), known, deflate), {
    endStream: false,
    signal: canceller.signal,
  })
  // RST_STREAM with INTERNAL_ERROR, or with CANCEL; close() would send END_STREAM before.
  const reset = (error?: Error) =>
    setImmediate(() => (error === undefined ? canceller.abort() : stream.destroy(error)))
  const closed = new Promise<void>(resolve => stream.on('error', () => {}).on('close', resolve))
  // What is no answer is not read to its end.
  stream.on('aborted', () => setImmediate(() => stream.destroy()))
  // Node 20 does not bear the end of a stream while it reads frames, which it does at each event.
  stream.on('response', headers => setImmediate(() => onResponse(stream, headers, known, reset, deflate)))
  if (known.has('interim responses not skipped')) stream.on('headers', () => reset())
  if (known.has('GOAWAY ends all')) session.on('goaway', () => reset())
  await closed
  if (known.has('streams end their connection') && !session.destroyed) session.goaway(NGHTTP2_INTERNAL_ERROR)
  if (shared === undefined) session.close()
}

function requestFields({ protocol, host, pathname, search }: URL, known: ReadonlySet<string>, deflate?: string) {
  const isSecure = (protocol === 'wss:') !== known.has('other scheme')
  return {
    ':method': 'CONNECT',
    ':protocol': known.has('other protocol') ? 'x-unknown' : 'websocket',
    ':scheme': isSecure ? 'https' : 'http',
    ':authority': host,
    ':path': `${pathname}${search}`,
    'sec-websocket-version': known.has('other version') ? '12' : '13',
    ...(deflate === undefined ? {} : { 'sec-websocket-extensions': deflate }),
    ...(known.has('key sent') ? { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' } : {}),
    ...(known.has('other host') ? { host: 'other.example' } : {}),
    ...(known.has('host repeated') ? { host } : {}),
  }
}

function onResponse(
  stream: ClientHttp2Stream,
  headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined },
  known: ReadonlySet<string>,
  reset: (error?: Error) => void,
  deflate: string | undefined,
): void {
  const onEnd = () => {
    if (known.has('reset after the closing handshake')) reset()
    else if (!known.has('streams never ended')) stream.end()
  }
  const isTaken = isRight(headers, known, deflate)
  const isIgnored = !isTaken && known.has('bad responses ignored')
  if (stream.readableEnded && !isIgnored) onEnd()
  else if (!isIgnored) stream.on('end', onEnd)
  if (!isTaken) {
    stream.resume()
    if (!isIgnored) reset(known.has('reset with an error') ? new Error('reset') : undefined)
    return
  }
  const socket = known.has('reads late') ? readLate(stream) : stream
  const agreement = clientAgreement(String(headers['sec-websocket-extensions'] ?? '') || undefined)
  new BrokenEcho(
    socket,
    'client',
    known as ReadonlySet<Fault>,
    known.has('any extension taken') ? undefined : agreement,
  )
}

function isRight(
  headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined },
  known: ReadonlySet<string>,
  deflate: string | undefined,
): boolean {
  const status = headers[':status'] ?? 0
  const is2xx = known.has('any 2xx taken') && status >= 200 && status < 300
  return (
    (status === 200 || is2xx || known.has('any status taken')) &&
    (headers['sec-websocket-extensions'] === undefined ||
      deflate !== undefined ||
      known.has('any extension taken')) &&
    (headers['sec-websocket-protocol'] === undefined || known.has('any subprotocol taken')) &&
    !(known.has('accept value looked at') && headers['sec-websocket-accept'] !== undefined) &&
    !(known.has('unknown fields not taken') && headers['x-unknown-0'] !== undefined)
  )
}

/** What comes is seen later than the end of the stream behind it. */
function readLate(stream: ClientHttp2Stream): Duplex {
  const late = new Duplex({
    read() {},
    write(chunk, _, done) {
      if (stream.writable) stream.write(chunk)
      done()
    },
  })
  stream.on('data', chunk => setTimeout(() => late.push(chunk), 50))
  return late
}
