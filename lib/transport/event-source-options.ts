/**
 * What can be set for a client of event streams, in both its faces: names, units, defaults, and one check of them all
 * when it is made.
 */
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'
import { isUint8Array } from 'node:util/types'
import { argumentError } from '../errors.ts'
import { EventStreamParser, type EventStreamParserOptions } from '../event-stream/parser.ts'
import { checkHeaders, type HeaderFields, isFieldValue, isToken } from '../websocket/header-fields.ts'
import { checkDelay, checkFunction, checkInteger, checkNames } from './connection-options.ts'
import type { Fetch } from './fetch-exchange.ts'
import type { AgentFor } from './http-exchange.ts'
import { DEFAULT_MAX_RECONNECTION_DELAY, DEFAULT_RECONNECTION_TIME } from './reconnection.ts'

/** What is known when it is decided how long to wait before the next attempt. */
export interface ReconnectionInfo {
  /** Why: the system's error, an `EventStreamResponseError` with one of `retryStatuses`; undefined for a clean end. */
  readonly error: unknown
  /** Attempts in a row that did not open or delivered neither an event nor a comment. */
  readonly failures: number
  /** In milliseconds, as the stream or the options have set it. */
  readonly reconnectionTime: number
  /** Milliseconds that will be waited if nothing else is said. */
  readonly delay: number
}

export interface EventStreamClientOptions extends EventStreamParserOptions {
  /**
   * Header fields to add to the request, or a function that gives them for each attempt: for tokens that expire. Accept,
   * Accept-Encoding, Cache-Control, Pragma and Host may be replaced. If the function throws or rejects, so does the stream.
   */
  readonly headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>) | undefined
  /** Default GET. */
  readonly method?: string | undefined
  /** Sent with every attempt. A string without a Content-Type is text/plain. Not with GET and HEAD. */
  readonly body?: string | Uint8Array | undefined
  /** Aborting it ends the stream, at whatever stage. */
  readonly signal?: AbortSignal | undefined
  /**
   * An agent of `node:http` or `node:https`, false for none, or a function that gives one for a URL: redirects may lead
   * from `http:` to `https:`. Default Node's global agent.
   */
  readonly agent?: AgentFor | undefined
  /** For `https:`: what `tls.connect` takes, such as `ca`, `cert`, `key`, `servername`. */
  readonly tls?: TlsConnectionOptions | undefined
  /** A Unix socket to connect to; host and path of the URL are still what is asked for. */
  readonly socketPath?: string | undefined
  /**
   * Redirects to follow. Authorization, Cookie, Host and the client's certificate stay behind when the origin changes, and
   * nothing goes from `https:` to `http:`. Default 20.
   */
  readonly maxRedirects?: number | undefined
  /**
   * A `fetch` to send requests with. Connections and redirects are its business then: `agent`, `tls`, `socketPath` and
   * `maxRedirects` do not go with it. Default none: `node:http`, which never ends a body for being silent.
   */
  readonly fetch?: Fetch | undefined
  /** Milliseconds to the head of the response, redirects included. Default `idleTimeout`. */
  readonly responseTimeout?: number | undefined
  /** Milliseconds without a byte of the stream, while one is waited for. Default none. */
  readonly idleTimeout?: number | undefined
  /** Milliseconds to wait before the next attempt, as long as the stream has not said otherwise. Default 3,000. */
  readonly reconnectionTime?: number | undefined
  /** The most milliseconds that are added to the reconnection time, at random and by back-off. Default 30,000. */
  readonly maxReconnectionDelay?: number | undefined
  /** Called before every wait; what it returns is waited, in milliseconds. */
  readonly reconnectionDelay?: ((info: ReconnectionInfo) => number) | undefined
  /** Statuses after which it is tried again, with regard to Retry-After, such as [502, 503, 504]. Default none. */
  readonly retryStatuses?: readonly number[] | undefined
}

export const CLIENT_OPTION_NAMES: readonly string[] = [
  'headers',
  'method',
  'body',
  'signal',
  'agent',
  'tls',
  'socketPath',
  'maxRedirects',
  'fetch',
  'responseTimeout',
  'idleTimeout',
  'reconnectionTime',
  'maxReconnectionDelay',
  'reconnectionDelay',
  'retryStatuses',
  'maxLineBytes',
  'maxEventBytes',
  'lastEventId',
]

export interface CheckedClientOptions {
  readonly headers: () => HeaderFields | Promise<HeaderFields>
  readonly method: string
  readonly body: string | Uint8Array | undefined
  readonly signal: AbortSignal | undefined
  readonly agent: AgentFor | undefined
  readonly tls: TlsConnectionOptions
  readonly socketPath: string | undefined
  readonly maxRedirects: number
  readonly fetch: Fetch | undefined
  /** Infinity for none. */
  readonly responseTimeout: number
  /** Infinity for none. */
  readonly idleTimeout: number
  readonly reconnectionTime: number
  readonly maxReconnectionDelay: number
  readonly reconnectionDelay: ((info: ReconnectionInfo) => number) | undefined
  readonly retryStatuses: readonly number[]
  readonly limits: EventStreamParserOptions
  readonly lastEventId: string
}

/** Fields that say where the request ends and what becomes of the connection, and the one that has an option. */
const RESERVED: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'last-event-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Fetch §2.2.1, "normalize a method": those that are written in capitals whatever is given. */
const NORMALIZED: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']
/** Fetch §2.2.1: "A forbidden method is a method that is a byte-case-insensitive match for one of" these. */
const FORBIDDEN: readonly string[] = ['CONNECT', 'TRACE', 'TRACK']

/**
 * @param what whose options they are, for messages
 * @param ownNames of options that are not in {@link EventStreamClientOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function checkClientOptions(
  what: string,
  options: EventStreamClientOptions,
  ownNames: readonly string[],
): CheckedClientOptions {
  if (typeof options !== 'object' || options === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `the options of ${what} must be an object`)
  }
  checkNames(what, options, [...CLIENT_OPTION_NAMES, ...ownNames])
  const { headers = {}, signal, fetch, lastEventId = '', maxLineBytes, maxEventBytes, retryStatuses = [] } = options
  const limits = { maxLineBytes, maxEventBytes }
  // A wrong limit is found by making a parser with it.
  new EventStreamParser({ event() {} }, { ...limits, lastEventId })
  if (!isFieldValue(fieldValueOf(lastEventId))) {
    throw argumentError('ERR_INVALID_CHAR', 'lastEventId has a character that cannot be sent')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'signal must be an AbortSignal')
  if (!Array.isArray(retryStatuses) || !retryStatuses.every(status => Number.isInteger(status)))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'retryStatuses must be an array of integers')
  const idleTimeout = checkTimeout('idleTimeout', options.idleTimeout, Infinity)
  return {
    headers: checkHeadersOption(headers),
    ...checkMethod(options),
    ...checkTransport(options),
    signal,
    fetch: checkFunction('fetch', fetch),
    responseTimeout: checkTimeout('responseTimeout', options.responseTimeout, idleTimeout),
    idleTimeout,
    reconnectionTime: checkInteger('reconnectionTime', options.reconnectionTime, DEFAULT_RECONNECTION_TIME, 0),
    maxReconnectionDelay: checkInteger(
      'maxReconnectionDelay',
      options.maxReconnectionDelay,
      DEFAULT_MAX_RECONNECTION_DELAY,
      0,
    ),
    reconnectionDelay: checkFunction('reconnectionDelay', options.reconnectionDelay),
    retryStatuses,
    limits,
    lastEventId,
  }
}

function checkTimeout(name: string, value: number | undefined, preset: number): number {
  return value === undefined ? preset : checkDelay(name, value, 1)
}

function checkHeadersOption(
  headers: NonNullable<EventStreamClientOptions['headers']>,
): CheckedClientOptions['headers'] {
  if (typeof headers === 'function') return async () => checkRequestHeaders(await headers())
  const checked = checkRequestHeaders(headers)
  return () => checked
}

/** Each name comes out once, with the values of all that differ from it by case. */
function checkRequestHeaders(headers: HeaderFields): HeaderFields {
  if (typeof headers !== 'object' || headers === null)
    throw argumentError('ERR_INVALID_ARG_TYPE', 'headers must be an object or a function that returns one')
  const byName = new Map<string, [name: string, values: string[]]>()
  for (const [name, value] of checkHeaders(headers)) {
    const lowerCase = name.toLowerCase()
    if (RESERVED.includes(lowerCase)) {
      const hint = lowerCase === 'last-event-id' ? ': see lastEventId' : ''
      throw argumentError('ERR_INVALID_ARG_VALUE', `header "${name}" is not for the caller to set${hint}`)
    }
    const field = byName.get(lowerCase) ?? [name, []]
    field[1].push(value)
    byName.set(lowerCase, field)
  }
  const checked: Record<string, HeaderFields[string]> = Object.create(null)
  for (const [name, values] of byName.values()) checked[name] = values.length === 1 ? (values[0] as string) : values
  return checked
}

function checkMethod({ method = 'GET', body }: EventStreamClientOptions): { method: string; body: typeof body } {
  if (typeof method !== 'string') throw argumentError('ERR_INVALID_ARG_TYPE', 'method must be a string')
  if (!isToken(method)) throw argumentError('ERR_INVALID_HTTP_TOKEN', 'method must be a token')
  const upperCase = method.toUpperCase()
  if (FORBIDDEN.includes(upperCase)) throw argumentError('ERR_INVALID_ARG_VALUE', `method must not be ${upperCase}`)
  if (body !== undefined && typeof body !== 'string' && !isUint8Array(body))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'body must be a string or a Uint8Array')
  // Fetch §5.4, constructor of Request, 34: a TypeError "if [...] request's method is `GET` or `HEAD`"
  if (body !== undefined && (upperCase === 'GET' || upperCase === 'HEAD'))
    throw argumentError('ERR_INVALID_ARG_VALUE', `a body does not go with ${upperCase}: see method`)
  return { method: NORMALIZED.includes(upperCase) ? upperCase : method, body }
}

function checkTransport(
  options: EventStreamClientOptions,
): Pick<CheckedClientOptions, 'agent' | 'tls' | 'socketPath' | 'maxRedirects'> {
  const { agent, tls = {}, socketPath, maxRedirects } = options
  if (agent !== undefined && agent !== false && (agent === null || !/^(object|function)$/.test(typeof agent)))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'agent must be an Agent, false or a function')
  if (typeof tls !== 'object' || tls === null) throw argumentError('ERR_INVALID_ARG_TYPE', 'tls must be an object')
  if (socketPath !== undefined && (typeof socketPath !== 'string' || socketPath === ''))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'socketPath must be a path')
  if (options.fetch !== undefined) {
    for (const name of ['agent', 'tls', 'socketPath', 'maxRedirects'] as const) {
      if (options[name] !== undefined)
        throw argumentError('ERR_INVALID_ARG_VALUE', `${name} does not go with fetch, which sees to that itself`)
    }
  }
  return { agent, tls, socketPath, maxRedirects: checkInteger('maxRedirects', maxRedirects, 20, 0) }
}

/**
 * §9.2.3, "reestablish the connection", 5.3.1: "Let lastEventIDValue be the EventSource object's last event ID string,
 * encoded as UTF-8." As a field value, a character for each byte.
 */
export function fieldValueOf(lastEventId: string): string {
  return Buffer.from(lastEventId).toString('latin1')
}

/** @throws {TypeError} not a URL, or not one of HTTP */
export function checkHttpUrl(url: string | URL): URL {
  if (!URL.canParse(String(url))) throw argumentError('ERR_INVALID_URL', 'the URL is not a URL')
  const checked = new URL(String(url))
  if (checked.protocol !== 'http:' && checked.protocol !== 'https:') {
    throw argumentError('ERR_INVALID_URL', `the URL must begin with http: or https:, got ${checked.protocol}`)
  }
  return checked
}
