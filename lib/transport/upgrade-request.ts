/**
 * What a server knows of the request that asks for a WebSocket: the head, and the socket it came on. Node's
 * `IncomingMessage` is one; on the server's own port the head is all there is.
 */
import type { Duplex } from 'node:stream'

export interface UpgradeRequest {
  readonly method?: string | undefined
  /** The request target as it was sent: usually a path and a query. */
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  readonly socket: Duplex
}

/** The path of the request target, without the query. */
export function pathOf({ url = '/' }: UpgradeRequest): string {
  const query = url.indexOf('?')
  const target = query < 0 ? url : url.slice(0, query)
  // RFC 9112 §3.2.2: a server MUST accept the absolute-form
  return !target.startsWith('/') && URL.canParse(target) ? new URL(target).pathname : target
}
