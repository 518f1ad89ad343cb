/**
 * WebSockets over HTTP/2 (RFC 8441), on the client's side: a connection, and on it a stream for each WebSocket, opened by
 * an extended CONNECT. HTTP/2 itself is Node's: what is judged is the WebSocket on it.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { Head, Target } from '../handshake.ts'
import { patience } from '../patience.ts'

export interface Http2Target extends Target {
  /** Any certificate will do. */
  readonly insecure: boolean
}

/** Milliseconds for a connection, and for a response. */
const OPENING_TIMEOUT = 5000

/** A connection whose SETTINGS have come from the server; over TLS by ALPN, else with prior knowledge. */
export function connectSession({ host, port, secure, insecure }: Http2Target): Promise<ClientHttp2Session> {
  const name = host.includes(':') ? `[${host}]` : host
  const session = connect(`${secure ? 'https' : 'http'}://${name}:${port}`, { rejectUnauthorized: !insecure })
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      timer.cancel()
      destroyLater(session)
      reject(error)
    }
    const timer = patience(OPENING_TIMEOUT, () => fail(new Error('no SETTINGS of HTTP/2 came within 5 s')))
    session.on('error', fail)
    session.once('close', () => fail(new Error('the server ended TCP before its SETTINGS')))
    session.once('remoteSettings', () => {
      timer.cancel()
      resolve(session)
    })
  })
}

/** Node 20 does not bear the end of a session, or of a stream, while it reads frames: a promise may go on just there. */
export function destroyLater(session: ClientHttp2Session): void {
  setImmediate(() => session.destroy())
}

export interface Connected {
  readonly stream: ClientHttp2Stream
  /** The start line is "HTTP/2" and the status. */
  readonly head: Head
}

/** §5: the request that §4 extends, with what differs from it; undefined leaves a field out. */
export function requestFields(target: Target, more: Readonly<Record<string, string | undefined>> = {}) {
  const fields = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': target.secure ? 'https' : 'http',
    ':path': target.path,
    ':authority': new URL(target.url).host,
    'sec-websocket-version': '13',
    ...more,
  }
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Sends a request and resolves with the response, which may be any; or in words with why there is none. */
export function request(
  session: ClientHttp2Session,
  fields: Readonly<Record<string, string>>,
): Promise<Connected | string> {
  return new Promise(resolve => {
    let stream: ClientHttp2Stream
    try {
      stream = session.request(fields, { endStream: fields[':method'] !== 'CONNECT' })
    } catch (error) {
      resolve(`the request could not be sent: ${(error as Error).message}`)
      return
    }
    const finish = (result: Connected | string) => {
      timer.cancel()
      setImmediate(() => resolve(result))
    }
    const timer = patience(OPENING_TIMEOUT, () => finish('no response came within 5 s'))
    // What becomes of it later is for whoever reads it.
    stream.on('error', () => {}).on('close', () => finish(`the server reset the stream with code ${stream.rstCode}`))
    stream.on('response', headers => {
      const rest = Object.entries(headers).filter(([name]) => !name.startsWith(':'))
      const lines = rest.flatMap(([name, values]) => [values].flat().map(value => [name, String(value)] as const))
      finish({ stream, head: { startLine: `HTTP/2 ${headers[':status']}`, fields: lines } })
    })
  })
}

/** For the log. */
export function headText(fields: Head['fields']): string {
  return `${fields.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`
}

export function statusOf({ startLine }: Head): number {
  return Number(startLine.split(' ')[1])
}
