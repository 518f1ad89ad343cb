/**
 * Echo servers of WebSockets over HTTP/2 (RFC 8441) on Node's HTTP/2, good or broken in ways that can be named. Frames are
 * those of the broken endpoints on sockets.
 */
import { createSecureServer, createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { BrokenEcho, type BrokenServer, type Fault } from './broken-endpoint.ts'
import { certificates } from './certificate.ts'

export type Http2Fault =
  | 'no CONNECT protocol'
  | 'any version accepted'
  | 'any protocol accepted'
  | 'accept value sent'
  | 'status 404'
  | 'streams share their end'
  | 'streams never ended'
  | 'one WebSocket a connection'
  | 'GET not answered'

export async function http2Echo(
  faults: readonly (Http2Fault | Fault)[],
  options: { readonly tls?: boolean } = {},
): Promise<BrokenServer> {
  const known = new Set(faults)
  const sessions = new Set<Http2Session>()
  const settings = { enableConnectProtocol: !known.has('no CONNECT protocol') }
  const server = options.tls ? createSecureServer({ ...certificates().local, settings }) : createServer({ settings })
  const taken = new WeakSet<Http2Session>()
  server.on('session', session => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {})
    const session = stream.session!
    if (headers[':method'] !== 'CONNECT') {
      if (!known.has('GET not answered')) stream.respond({ ':status': 404 }, { endStream: true })
      return
    }
    const isKnown = headers[':protocol'] === 'websocket' || known.has('any protocol accepted')
    const isVersion = headers['sec-websocket-version'] === '13' || known.has('any version accepted')
    const isMore = known.has('one WebSocket a connection') && taken.has(session)
    if (!isKnown || !isVersion || isMore || known.has('status 404'))
      return stream.respond({ ':status': isKnown ? (isVersion ? 404 : 400) : 501 }, { endStream: true })
    taken.add(session)
    stream.respond({ ':status': 200, ...(known.has('accept value sent') ? { 'sec-websocket-accept': 'x' } : {}) })
    if (known.has('streams share their end')) stream.on('close', () => setImmediate(() => session.destroy()))
    new BrokenEcho(stream, 'server', known as ReadonlySet<Fault>)
    if (!known.has('streams never ended')) stream.on('end', () => stream.end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `${options.tls ? 'wss' : 'ws'}://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      for (const session of sessions) session.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
