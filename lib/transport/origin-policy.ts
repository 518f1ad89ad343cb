/**
 * Which pages may open a WebSocket. A page of any site can, with the user's cookies (cross-site WebSocket
 * hijacking), so a server that trusts cookies must look at Origin (RFC 6455 §10.2), which browsers always send.
 */

import { TLSSocket } from 'node:tls'
import { argumentError } from '../errors.ts'
import { checkFunction } from './connection-options.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/**
 * `'same-origin'`, a list of origins such as `https://example.com`, or a function. Requests without Origin come
 * from no browser's page and are admitted, but for a function, which gets undefined.
 */
export type OriginPolicy =
  | 'same-origin'
  | readonly string[]
  | ((origin: string | undefined, request: UpgradeRequest) => boolean | Promise<boolean>)

/** @throws {TypeError} not a policy, or an entry of the list can match no Origin */
export function checkOriginPolicy(policy: OriginPolicy | undefined): OriginPolicy | undefined {
  if (policy === 'same-origin') return policy
  if (!Array.isArray(policy)) return checkFunction('origin', policy)
  for (const entry of policy) {
    // Origins are compared letter by letter (RFC 6454 §6.2), so an entry must be written as a browser writes it.
    const written = typeof entry === 'string' ? originOf(entry) : undefined
    if (written === undefined) {
      throw argumentError(
        'ERR_INVALID_ARG_VALUE',
        `origin ${JSON.stringify(entry)} is not an origin such as "https://example.com"`,
      )
    }
    if (written !== entry)
      throw argumentError('ERR_INVALID_ARG_VALUE', `origin ${JSON.stringify(entry)} must be written "${written}"`)
  }
  return policy
}

export function admitsOrigin(policy: OriginPolicy, request: UpgradeRequest): boolean | Promise<boolean> {
  const { origin } = request.headers
  // A repeated Origin is joined or a list; neither is an origin that any entry matches.
  if (origin !== undefined && typeof origin !== 'string') return false
  if (typeof policy === 'function') return policy(origin, request)
  if (origin === undefined) return true
  return policy === 'same-origin' ? isSameOrigin(origin, request) : policy.includes(origin)
}

/**
 * The scheme must be https where we speak TLS ourselves; without, there may be a proxy that does, and it may be
 * either. The port counts: another one is another origin.
 */
function isSameOrigin(origin: string, { headers, socket }: UpgradeRequest): boolean {
  const { host } = headers
  if (typeof host !== 'string' || originOf(origin) !== origin) return false
  const { protocol } = new URL(origin)
  if (protocol === 'http:' && socket instanceof TLSSocket) return false
  return originOf(`${protocol}//${host}`) === origin
}

/** The origin of an http or https URL that is one, as browsers write it. */
function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, origin } = new URL(url)
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined
}
