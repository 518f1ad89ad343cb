/**
 * The server's side of HTTP/2 under the judge of clients: connections with SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3),
 * by ALPN or with prior knowledge, whose extended CONNECTs go to who judges them, and whose GETs get the page for browsers.
 */
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Head } from '../handshake.ts'
import { BROWSER_PAGE } from './browser-page.ts'
import type { IncomingStream } from './client-peer.ts'

/** Speaks HTTP/2 on a connection that was accepted; with TLS it must have been agreed on. */
export function acceptStreams(socket: Socket, onStream: (request: IncomingStream) => void): void {
  const secure = socket instanceof TLSSocket
  // RFC 9113 §3.2: "HTTP/2 over TLS uses the "h2" protocol identifier."
  if (secure && socket.alpnProtocol !== 'h2') return void socket.destroy()
  const session = performServerHandshake(socket, { settings: { enableConnectProtocol: true } })
  session.on('error', () => {})
  let count = 0
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] === undefined) return answerPlain(stream, headers)
    // As a socket does it: what the client has ended is ended by us.
    stream.once('end', () => stream.end())
    const isSettled = !session.pendingSettingsAck
    const request = { stream, session, head: headOf(headers), secure, isSettled, number: ++count }
    // Node 20 does not bear the end of a stream while it reads frames, which it does just now.
    setImmediate(() => onStream(request))
  })
}

function answerPlain(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const [path] = (headers[':path'] ?? '').split('?')
  const method = headers[':method'] ?? ''
  if (!['GET', 'HEAD'].includes(method) || path !== '/')
    return stream.respond({ ':status': 404 }, { endStream: true })
  const isHead = method === 'HEAD'
  const fields = { ':status': 200, 'content-type': 'text/html', 'cache-control': 'no-store' }
  stream.respond(fields, { endStream: isHead })
  if (!isHead) stream.end(BROWSER_PAGE)
}

/** The start line is as it would be in HTTP/1.1. */
function headOf(headers: IncomingHttpHeaders): Head {
  const fields = Object.entries(headers).flatMap(([name, values]) =>
    [values ?? []].flat().map(value => [name, value] as const),
  )
  return { startLine: `CONNECT ${headers[':path']} HTTP/2`, fields }
}
