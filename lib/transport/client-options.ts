/** What can be set for a client's connection: names, units, defaults, and one check of them all. */

import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'
import { argumentError } from '../errors.ts'
import { formatRequest } from '../websocket/handshake.ts'
import type { HeaderFields } from '../websocket/header-fields.ts'
import {
  type CheckedSettings,
  type ConnectionSettings,
  checkDelay,
  checkInteger,
  checkNames,
  checkSettings,
  SETTING_NAMES,
} from './connection-options.ts'
import { type CheckedDeflate, checkDeflate, type DeflateOptions } from './deflate-options.ts'

export interface ConnectOptions extends ConnectionSettings {
  /** Subprotocols to offer, most preferred first. The server must choose one of them. */
  readonly protocols?: readonly string[] | undefined
  /**
   * Offers to compress messages with permessage-deflate (RFC 7692): true as the defaults have it, or as the options
   * say. Default false. Compression can betray secrets: see the README.
   */
  readonly perMessageDeflate?: boolean | DeflateOptions | undefined
  /** Header fields to add to the request. Those of the handshake itself cannot be set. */
  readonly headers?: HeaderFields | undefined
  /** Aborts the opening handshake; an open connection is not its business. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for the opening handshake, redirects included. Default 10,000. */
  readonly handshakeTimeout?: number | undefined
  /** For `wss:`: what `tls.connect` takes, such as `ca`, `cert`, `key`, `servername`. */
  readonly tls?: TlsConnectionOptions | undefined
  /** A Unix socket to connect to; host and path of the URL are still what is asked for. */
  readonly socketPath?: string | undefined
  /**
   * Redirects to follow. Authorization, Cookie and the client's certificate stay behind when the origin changes, and
   * nothing goes from `wss:` to `ws:`. Default 0.
   */
  readonly maxRedirects?: number | undefined
  /** Longest response head, in bytes. Default 16,384. */
  readonly maxHeaderBytes?: number | undefined
  /** Most header fields in it. Default 100. */
  readonly maxHeaders?: number | undefined
}

const OPTION_NAMES = [
  ...SETTING_NAMES,
  'protocols',
  'perMessageDeflate',
  'headers',
  'signal',
  'handshakeTimeout',
  'tls',
  'socketPath',
  'maxRedirects',
  'maxHeaderBytes',
  'maxHeaders',
]

export interface CheckedConnectOptions {
  readonly settings: CheckedSettings
  readonly protocols: readonly string[]
  readonly perMessageDeflate: CheckedDeflate | undefined
  readonly headers: HeaderFields
  readonly signal: AbortSignal | undefined
  readonly handshakeTimeout: number
  readonly tls: TlsConnectionOptions
  readonly socketPath: string | undefined
  readonly maxRedirects: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
}

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function checkConnectOptions(options: ConnectOptions): CheckedConnectOptions {
  checkNames('connect', options, OPTION_NAMES)
  const { protocols = [], headers = {}, signal, tls = {}, socketPath } = options
  if (!Array.isArray(protocols))
    throw argumentError('ERR_INVALID_ARG_TYPE', `protocols must be an array, got ${typeof protocols}`)
  if (typeof headers !== 'object' || headers === null)
    throw argumentError('ERR_INVALID_ARG_TYPE', 'headers must be an object')
  // What cannot be written is found by writing it.
  formatRequest({ url: new URL('ws://localhost'), key: `${'A'.repeat(22)}==`, protocols, headers })
  if (typeof tls !== 'object' || tls === null) throw argumentError('ERR_INVALID_ARG_TYPE', 'tls must be an object')
  if (socketPath !== undefined && (typeof socketPath !== 'string' || socketPath === '')) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'socketPath must be a path')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'signal must be an AbortSignal')
  return {
    settings: checkSettings(options),
    protocols,
    perMessageDeflate: checkDeflate(options.perMessageDeflate, 'client'),
    headers,
    signal,
    handshakeTimeout: checkDelay('handshakeTimeout', options.handshakeTimeout, 10_000),
    tls,
    socketPath,
    maxRedirects: checkInteger('maxRedirects', options.maxRedirects, 0, 0, 20),
    maxHeaderBytes: checkInteger('maxHeaderBytes', options.maxHeaderBytes, 16_384, 1),
    maxHeaders: checkInteger('maxHeaders', options.maxHeaders, 100, 1),
  }
}

/**
 * A WebSocket URL, RFC 6455 §3; `http:` and `https:` stand for `ws:` and `wss:`, as in the WHATWG's standard.
 *
 * @throws {TypeError} not such a URL
 */
export function checkUrl(url: string | URL): URL {
  if (!URL.canParse(String(url))) throw invalidUrl('is not a URL')
  const checked = new URL(String(url))
  if (checked.protocol === 'http:') checked.protocol = 'ws:'
  if (checked.protocol === 'https:') checked.protocol = 'wss:'
  if (checked.protocol !== 'ws:' && checked.protocol !== 'wss:') {
    throw invalidUrl(`must begin with ws: or wss:, got ${checked.protocol}`)
  }
  // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs."
  if (String(url).includes('#')) throw invalidUrl('must not have a fragment (#)')
  return checked
}

function invalidUrl(words: string): TypeError {
  return argumentError('ERR_INVALID_URL', `the URL ${words}`)
}
