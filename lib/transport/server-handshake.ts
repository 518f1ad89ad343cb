/**
 * The server's side of one opening handshake: from a request that was read to an open connection or a refusal. The
 * order is that of cost and of what may be told: the request itself, the path, the origin, then `authorize`.
 */

import type { Duplex } from 'node:stream'
import { argumentError } from '../errors.ts'
import { checkRequest, chooseProtocol, formatResponse, type Refusal, refusalFor } from '../websocket/handshake.ts'
import { type Extension, formatExtensions } from '../websocket/header-fields.ts'
import { acceptDeflateOffer } from '../websocket/permessage-deflate.ts'
import { checkDeflate, type DeflateAgreement } from './deflate-options.ts'
import { admitsOrigin } from './origin-policy.ts'
import type { Acceptance, Authorization, CheckedServerOptions } from './server-options.ts'
import { pathOf, type UpgradeRequest } from './upgrade-request.ts'
import { WebSocketConnection } from './websocket-connection.ts'

/** An answer other than 101, and the error of a hook of the application's, when one is the reason. */
export interface Refused {
  readonly refusal: Refusal
  readonly error?: unknown
}

/** What makes a connection of the socket: the 101, and the subprotocol and extension that it names. */
export interface Accepted {
  readonly response: string
  readonly protocol: string
  readonly deflate?: DeflateAgreement | undefined
}

/** Whether a request gets its WebSocket. Only asks; the socket is left alone. */
export async function decideUpgrade(
  request: UpgradeRequest,
  options: CheckedServerOptions,
): Promise<Accepted | Refused> {
  const check = checkRequest(request)
  if (!check.ok) return { refusal: refusalFor(check.fault) }
  if (options.path !== undefined && options.path !== pathOf(request)) return { refusal: { status: 404 } }
  let headers: Refusal['headers']
  try {
    if (options.origin !== undefined && (await admitsOrigin(options.origin, request)) !== true) {
      return { refusal: { status: 403, body: 'this origin may not connect\n' } }
    }
    if (options.authorize !== undefined) {
      const authorization = await options.authorize(request)
      if (!isAcceptance(authorization)) return { refusal: authorization || { status: 403 } }
      if (authorization !== true) headers = authorization.headers
    }
    const protocol = subprotocolFor(check.protocols, request, options)
    const deflate = deflateFor(check.extensions, request, options)
    const response = formatResponse({ key: check.key, protocol, extensions: deflate?.accepted, headers })
    return { response, protocol: protocol ?? '', deflate: deflate?.agreement }
  } catch (error) {
    return { refusal: { status: 500 }, error }
  }
}

/** Answers 101 and opens the connection; undefined when the client is gone meanwhile. */
export function openUpgraded(
  socket: Duplex,
  head: Uint8Array,
  { response, protocol, deflate }: Accepted,
  { settings }: CheckedServerOptions,
  registry: Set<WebSocketConnection>,
): WebSocketConnection | undefined {
  if (socket.destroyed || !socket.writable) return undefined
  socket.write(response, 'latin1')
  if (head.length > 0) socket.unshift(head)
  return new WebSocketConnection(socket, 'server', settings, protocol, registry, deflate)
}

function subprotocolFor(
  offered: readonly string[],
  request: UpgradeRequest,
  { protocols }: CheckedServerOptions,
): string | undefined {
  if (typeof protocols !== 'function') return chooseProtocol(offered, protocols ?? [])
  const chosen = protocols(offered, request)
  // §4.2.2: the value must be one of those that the client offered
  if (chosen !== undefined && !offered.includes(chosen)) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'protocols returned a subprotocol that the client did not offer')
  }
  return chosen
}

/** What the client offers of permessage-deflate, as far as the application wants it. */
function deflateFor(
  offered: readonly Extension[],
  request: UpgradeRequest,
  { perMessageDeflate }: CheckedServerOptions,
): { readonly accepted: readonly Extension[]; readonly agreement: DeflateAgreement } | undefined {
  const settings =
    typeof perMessageDeflate === 'function' ? checkDeflate(perMessageDeflate(request), 'server') : perMessageDeflate
  if (settings === undefined) return undefined
  const accepted = acceptDeflateOffer(offered, settings.wanted)
  if (accepted === undefined) return undefined
  const { parameters, extension } = accepted
  return { accepted: [extension], agreement: { parameters, settings, extensions: formatExtensions([extension]) } }
}

/** Only true and a status of 101 let a client in: a hook that forgets to return anything says no. */
function isAcceptance(authorization: Authorization): authorization is true | Acceptance {
  if (authorization === true) return true
  return typeof authorization === 'object' && authorization !== null && authorization.status === 101
}
