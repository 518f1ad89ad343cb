/** What can be set for a server: names, units, defaults, and one check of them all. */

import type { TlsOptions } from 'node:tls'
import { argumentError } from '../errors.ts'
import { checkProtocols, type Refusal } from '../websocket/handshake.ts'
import {
  type CheckedSettings,
  type ConnectionSettings,
  checkDelay,
  checkFunction,
  checkInteger,
  checkNames,
  checkSettings,
  SETTING_NAMES,
} from './connection-options.ts'
import { type CheckedDeflate, checkDeflate, type DeflateOptions } from './deflate-options.ts'
import type { EventStream } from './event-stream.ts'
import { checkOriginPolicy, type OriginPolicy } from './origin-policy.ts'
import type { PortResponse } from './port-response.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

type MaybePromise<T> = T | Promise<T>

/** Accepts with more header fields in the response, such as Set-Cookie. */
export interface Acceptance {
  readonly status: 101
  readonly headers: NonNullable<Refusal['headers']>
}

/** True accepts, false is 403, a refusal says it in detail. */
export type Authorization = boolean | Refusal | Acceptance

type DeflateChoice = (request: UpgradeRequest) => boolean | DeflateOptions | undefined

export type RequestListener = (
  request: UpgradeRequest,
  response: PortResponse,
) => MaybePromise<Refusal | EventStream | undefined>

export interface ServerOptions extends ConnectionSettings {
  /** The path that is served; any other is 404. Default: every path. */
  readonly path?: string | undefined
  /** Which pages of browsers may connect; others get 403. Default: all. */
  readonly origin?: OriginPolicy | undefined
  /**
   * Subprotocols that are spoken, most preferred first, or a function that chooses from those offered. Default:
   * none is chosen. Clients that offer some and get none give up, as browsers do.
   */
  readonly protocols?:
    | readonly string[]
    | ((offered: readonly string[], request: UpgradeRequest) => string | undefined)
    | undefined
  /**
   * Compresses messages with permessage-deflate (RFC 7692) for clients that offer it: true as the defaults have it, or
   * as the options say; a function chooses for each request. Default false. Compression can betray secrets: see the
   * README.
   */
  readonly perMessageDeflate?: boolean | DeflateOptions | DeflateChoice | undefined
  /** Called when a request is otherwise fine. Anything but true or a status of 101 refuses it; a throw is 500. */
  readonly authorize?: ((request: UpgradeRequest) => MaybePromise<Authorization>) | undefined
  /**
   * On the server's own port: answers GET and HEAD requests that do not ask for a WebSocket. Returns what to answer, or
   * gives `response` to `openEventStream`. Default: 426.
   */
  readonly onRequest?: RequestListener | undefined
  /** Milliseconds for an opening handshake, `authorize` included. Default 10,000. */
  readonly handshakeTimeout?: number | undefined
  /** Longest request head on the server's own port, in bytes; a longer one is 431. Default 16,384. */
  readonly maxHeaderBytes?: number | undefined
  /** Most header fields there; more are 431. Default 100. */
  readonly maxHeaders?: number | undefined
}

export interface ListenOptions {
  /** 0 lets the system choose. Default 0. */
  readonly port?: number | undefined
  /** Default: all addresses. */
  readonly host?: string | undefined
  /** A Unix socket instead of a port. */
  readonly socketPath?: string | undefined
  readonly backlog?: number | undefined
  /** Certificate and key, and what else `tls.createServer` takes: the server then speaks wss. */
  readonly tls?: TlsOptions | undefined
}

const OPTION_NAMES = [
  ...SETTING_NAMES,
  'path',
  'origin',
  'protocols',
  'perMessageDeflate',
  'authorize',
  'onRequest',
  'handshakeTimeout',
  'maxHeaderBytes',
  'maxHeaders',
]
const LISTEN_NAMES = ['port', 'host', 'socketPath', 'backlog', 'tls']

export interface CheckedServerOptions {
  readonly settings: CheckedSettings
  readonly path: string | undefined
  readonly origin: OriginPolicy | undefined
  readonly protocols: ServerOptions['protocols']
  readonly perMessageDeflate: CheckedDeflate | DeflateChoice | undefined
  readonly authorize: ServerOptions['authorize']
  readonly onRequest: ServerOptions['onRequest']
  readonly handshakeTimeout: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
}

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function checkServerOptions(options: ServerOptions): CheckedServerOptions {
  checkNames('WebSocketServer', options, OPTION_NAMES)
  const { path, protocols, perMessageDeflate } = options
  if (path !== undefined && !(typeof path === 'string' && path.startsWith('/') && !path.includes('?'))) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `path must be a string that begins with "/" and has no query, got ${JSON.stringify(path)}`,
    )
  }
  if (Array.isArray(protocols)) checkProtocols(protocols)
  else checkFunction('protocols', protocols)
  return {
    settings: checkSettings(options),
    path,
    origin: checkOriginPolicy(options.origin),
    protocols,
    perMessageDeflate:
      typeof perMessageDeflate === 'function' ? perMessageDeflate : checkDeflate(perMessageDeflate, 'server'),
    authorize: checkFunction('authorize', options.authorize),
    onRequest: checkFunction('onRequest', options.onRequest),
    handshakeTimeout: checkDelay('handshakeTimeout', options.handshakeTimeout, 10_000),
    maxHeaderBytes: checkInteger('maxHeaderBytes', options.maxHeaderBytes, 16_384, 1),
    maxHeaders: checkInteger('maxHeaders', options.maxHeaders, 100, 1),
  }
}

/** @throws {TypeError} naming the option that is wrong */
export function checkListenOptions(options: ListenOptions): void {
  checkNames('listen', options, LISTEN_NAMES)
  if (options.socketPath !== undefined && options.port !== undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'listen takes a port or a socketPath, not both')
  }
}
