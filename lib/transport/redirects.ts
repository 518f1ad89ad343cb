/**
 * Redirects (RFC 9110 §15.4) as clients follow them, of a WebSocket's handshake and of an event stream alike: which
 * statuses are redirects, and what a request loses on its way to an origin that the caller did not name.
 */
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'
import type { HeaderFields } from '../websocket/header-fields.ts'

/** Statuses that name another place for the request. */
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** Header fields that say who the user is; and Host, which says where the request was to go. */
const ORIGIN_BOUND: readonly string[] = ['authorization', 'cookie', 'proxy-authorization', 'host']

/** What of a request is meant for one origin only. */
export interface Credentials {
  readonly headers: HeaderFields
  readonly tls: TlsConnectionOptions
  readonly socketPath: string | undefined
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.includes(status)
}

/** Scheme, host and port are the same: a `URL` leaves out the port that is the scheme's own. */
export function isSameOrigin(one: URL, other: URL): boolean {
  return one.protocol === other.protocol && one.host === other.host
}

/** What may be sent to an origin that the caller did not name. */
export function withoutCredentials<T extends Credentials>(options: T): T {
  const headers: Record<string, HeaderFields[string]> = Object.create(null)
  for (const [name, value] of Object.entries(options.headers)) {
    if (!ORIGIN_BOUND.includes(name.toLowerCase())) headers[name] = value
  }
  const { cert, key, pfx, passphrase, secureContext, session, pskCallback, servername, ...tls } = options.tls
  return { ...options, headers, tls, socketPath: undefined }
}
