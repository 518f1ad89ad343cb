/**
 * Connecting: a socket to where the URL points, the opening handshake on it, and redirects if they are wanted.
 */
import { randomBytes } from 'node:crypto'
import { isIP, connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { HandshakeError, type HandshakeResponse } from '../errors.ts'
import { openOn } from './client-handshake.ts'
import { type CheckedConnectOptions, type ConnectOptions, checkConnectOptions, checkUrl } from './client-options.ts'
import { isRedirect, isSameOrigin, withoutCredentials } from './redirects.ts'
import { WebSocketConnection } from './websocket-connection.ts'

/**
 * Opens a WebSocket connection.
 *
 * @param url `ws:` or `wss:`; user name and password become an Authorization field
 * @returns resolves when the connection is open. Rejects with a `HandshakeError`, whose `response` is what the server
 * answered if it did; with the system's error, such as ECONNREFUSED or a TLS error; with the signal's reason; or with
 * a `TypeError` or `RangeError` for what is wrong in the arguments.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<WebSocketConnection> {
  const target = checkUrl(url)
  const checked = checkConnectOptions(options)
  const { signal, handshakeTimeout } = checked
  const deadline = new AbortController()
  const onAbort = () => deadline.abort(signal?.reason)
  const timer = setTimeout(() => {
    deadline.abort(new HandshakeError('WS_ERR_HANDSHAKE_TIMEOUT', `no response within ${handshakeTimeout} ms`))
  }, handshakeTimeout)
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()
  try {
    return await follow(target, checked, deadline.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

async function follow(
  target: URL,
  checked: CheckedConnectOptions,
  signal: AbortSignal,
): Promise<WebSocketConnection> {
  let url = target
  let options = checked
  for (let redirects = 0; ; redirects++) {
    signal.throwIfAborted()
    const request = { url, key: randomBytes(16).toString('base64'), headers: options.headers }
    const outcome = await openOn(openSocket(url, options), request, options, signal)
    if (outcome instanceof WebSocketConnection) return outcome
    const next = isRedirect(outcome.status) ? outcome.headers.location : undefined
    if (next === undefined || redirects >= options.maxRedirects) throw statusError(outcome)
    const from = url
    url = redirectTarget(next, from, outcome)
    if (!isSameOrigin(url, from)) options = withoutCredentials(options)
  }
}

function openSocket(url: URL, { socketPath, tls }: CheckedConnectOptions): Socket {
  const isTls = url.protocol === 'wss:'
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const port = Number(url.port || (isTls ? 443 : 80))
  // A Unix socket has no host, but its certificate is for that of the URL.
  const where = socketPath === undefined ? { host, port } : { host, path: socketPath }
  if (!isTls) return netConnect({ ...where, noDelay: true, allowHalfOpen: true })
  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted" as a server name
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return tlsConnect({ ...servername, ...tls, ...where, ALPNProtocols: ['http/1.1'] })
}

function redirectTarget(location: string, from: URL, response: HandshakeResponse): URL {
  let to: URL
  try {
    const resolved = new URL(location, from)
    resolved.hash = ''
    to = checkUrl(resolved)
  } catch (cause) {
    const words = 'the redirect does not lead to a WebSocket URL'
    throw new HandshakeError('WS_ERR_HANDSHAKE_REDIRECT', words, { response, cause })
  }
  if (from.protocol === 'wss:' && to.protocol === 'ws:') {
    throw new HandshakeError('WS_ERR_HANDSHAKE_REDIRECT', 'the redirect leads from wss: to ws:', { response })
  }
  return to
}

function statusError(response: HandshakeResponse): HandshakeError {
  const location = response.headers.location === undefined ? '' : ', a redirect: see maxRedirects'
  const words = `the server answered ${response.status} in place of 101${location}`
  return new HandshakeError('WS_ERR_HANDSHAKE_STATUS', words, { response })
}
