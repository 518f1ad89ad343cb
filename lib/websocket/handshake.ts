/**
 * The opening handshake (RFC 6455 §4), both sides, as texts: what each side writes, and whether what the other
 * side wrote is valid.
 *
 *     client: formatRequest ─→ server: checkRequest ─┬→ formatResponse ─→ client: checkResponse
 *                                                    └→ formatRefusal(refusalFor(fault))
 *
 * Every way in which a request or a response can be invalid is a row of REQUEST_FAULTS or RESPONSE_FAULTS, in the
 * order in which they are looked for. Texts are latin1, ready to write.
 *
 * All that a caller gives is checked before it is written: nothing can end a line early, and the handshake's own
 * fields cannot be overridden. Messages never carry a key, a value of a caller's header or a subprotocol (some
 * put tokens there).
 *
 * Knows nothing of sockets, of how long a handshake may take, or of which requests a server wants to accept. The
 * nonce and the Date field are the caller's: here is no randomness and no clock.
 */

import { hash } from 'node:crypto'
import { argumentError } from '../errors.ts'
import {
  checkHeaders,
  combinedValue,
  type Extension,
  fieldValues,
  formatExtensions,
  type HeaderFields,
  isToken,
  parseExtensions,
  parseTokenList,
  parseUpgrade,
  singleValue,
} from './header-fields.ts'
import { HEAD_FAULTS, type HeadFault, type HttpFault, type ResponseHead } from './http-head.ts'

/** Every way in which a request can fail to be an opening handshake (RFC 6455 §4.2.1). */
export const REQUEST_FAULTS = {
  WS_ERR_REQUEST_HTTP_VERSION: [505, 'RFC 6455 §4.2.1', 'HTTP version is not 1.1'],
  WS_ERR_REQUEST_METHOD: [405, 'RFC 6455 §4.2.1', 'method is not GET'],
  WS_ERR_REQUEST_HOST: [400, 'RFC 9112 §3.2', 'Host is missing, repeated or malformed'],
  WS_ERR_REQUEST_UPGRADE: [426, 'RFC 6455 §4.2.1', 'Upgrade does not ask for websocket'],
  WS_ERR_REQUEST_CONNECTION: [400, 'RFC 6455 §4.2.1', 'Connection does not list Upgrade'],
  WS_ERR_REQUEST_BODY: [400, 'RFC 6455 §4.1', 'opening handshake has a body'],
  WS_ERR_REQUEST_VERSION: [400, 'RFC 6455 §4.2.1', 'Sec-WebSocket-Version is missing or repeated'],
  WS_ERR_REQUEST_UNSUPPORTED_VERSION: [426, 'RFC 6455 §4.2.2', 'Sec-WebSocket-Version is not 13'],
  WS_ERR_REQUEST_KEY: [400, 'RFC 6455 §4.2.1', 'Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64'],
  WS_ERR_REQUEST_PROTOCOL: [400, 'RFC 6455 §4.1', 'Sec-WebSocket-Protocol is malformed or names a subprotocol twice'],
  WS_ERR_REQUEST_EXTENSIONS: [400, 'RFC 6455 §9.1', 'Sec-WebSocket-Extensions is malformed'],
} as const satisfies Record<string, HttpFault>

export type RequestFault = keyof typeof REQUEST_FAULTS

/** Every way in which a response can fail to be the server's opening handshake (RFC 6455 §4.1). */
export const RESPONSE_FAULTS = {
  WS_ERR_HANDSHAKE_STATUS: ['RFC 6455 §4.1', 'response is not HTTP/1.1 101'],
  WS_ERR_HANDSHAKE_UPGRADE: ['RFC 6455 §4.1', 'Upgrade is missing, repeated or not websocket'],
  WS_ERR_HANDSHAKE_CONNECTION: ['RFC 6455 §4.1', 'Connection does not list Upgrade'],
  WS_ERR_HANDSHAKE_ACCEPT: ['RFC 6455 §4.1', 'Sec-WebSocket-Accept is missing, repeated or wrong'],
  WS_ERR_HANDSHAKE_EXTENSIONS: ['RFC 6455 §4.1', 'Sec-WebSocket-Extensions is malformed or was not offered'],
  WS_ERR_HANDSHAKE_PROTOCOL: ['RFC 6455 §4.1', 'Sec-WebSocket-Protocol is not exactly one that was offered'],
} as const satisfies Record<string, readonly [clause: string, words: string]>

export type ResponseFault = keyof typeof RESPONSE_FAULTS

/** What {@link checkRequest} looks at: a `RequestHead`, or node's `IncomingMessage`. */
export interface HandshakeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

export type RequestCheck =
  | {
      readonly ok: true
      readonly key: string
      /** Subprotocols that the client would speak, most preferred first. */
      readonly protocols: readonly string[]
      readonly extensions: readonly Extension[]
    }
  | { readonly ok: false; readonly fault: RequestFault }

export type ResponseCheck =
  | {
      readonly ok: true
      /** The subprotocol in use; empty when none was offered. */
      readonly protocol: string
      readonly extensions: readonly Extension[]
    }
  | { readonly ok: false; readonly fault: ResponseFault; readonly words: string }

/** What both sides have to write. */
export interface HandshakeParts {
  /** The client's nonce: 16 bytes in base64. */
  readonly key: string
  readonly extensions?: readonly Extension[] | undefined
  /** Fields to add; the handshake's own cannot be among them. */
  readonly headers?: HeaderFields | undefined
}

/** The answer to a request that is not accepted. */
export interface Refusal {
  /** 200–599. */
  readonly status: number
  /** Any but Connection, Content-Length and Transfer-Encoding. Content-Type is plain text unless given. */
  readonly headers?: HeaderFields | undefined
  /** Default: the status and its reason phrase. Not written with 204, 205 and 304. */
  readonly body?: string | undefined
}

const VERSION = '13'

/**
 * 16 bytes in base64 are 22 characters and a padding of two. The last character carries two bits; the other four
 * are not looked at, as RFC 6455 §4.1 itself has an example, "AQIDBAUGBwgJCgsMDQ4PEC==", where they are not zero.
 */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** RFC 9110 §7.2: `Host = uri-host [ ":" port ]`, by its characters; empty is of no use to a server. */
const HOST = /^(?:\[[\w:.~%-]+\]|[\w!$&'()*+,;=.~%-]+)(?::\d*)?$/

/** Fields that say where a message ends and what becomes of the connection. */
const FRAMING_FIELDS: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding'])

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

/** The value of Sec-WebSocket-Accept that proves that `key` was read (RFC 6455 §4.2.2). */
export function acceptFor(key: string): string {
  return hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64')
}

/** Whether a request is a valid opening handshake; the first fault in the order of {@link REQUEST_FAULTS}. */
export function checkRequest({ method, httpVersion, rawHeaders }: HandshakeRequest): RequestCheck {
  const refuse = (fault: RequestFault) => ({ ok: false, fault }) as const

  // §4.1: "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1"; what is above 1.1
  // has no Upgrade (RFC 9113 §8.6)
  if (httpVersion !== '1.1') return refuse('WS_ERR_REQUEST_HTTP_VERSION')
  if (method !== 'GET') return refuse('WS_ERR_REQUEST_METHOD')
  // RFC 9112 §3.2: 400 to a request "that lacks a Host header field and to any request message that contains
  // more than one Host header field line or a Host header field with an invalid field value"
  if (!HOST.test(singleValue(rawHeaders, 'host') ?? '')) return refuse('WS_ERR_REQUEST_HOST')
  // §4.1: "an |Upgrade| header field whose value MUST include the "websocket" keyword": others may be listed too
  const upgrade = parseUpgrade(combinedValue(rawHeaders, 'upgrade') ?? '')
  if (!includesIgnoringCase(upgrade, 'websocket')) return refuse('WS_ERR_REQUEST_UPGRADE')
  // §4.2.1: "A |Connection| header field that includes the token "Upgrade", treated as an ASCII case-insensitive
  // value"
  const connection = parseTokenList(combinedValue(rawHeaders, 'connection') ?? '')
  if (!includesIgnoringCase(connection, 'upgrade')) return refuse('WS_ERR_REQUEST_CONNECTION')
  // Frames follow the head, so a body could only be mistaken for them, or they for it.
  const lengths = fieldValues(rawHeaders, 'content-length')
  if (lengths.some(length => length !== '0') || fieldValues(rawHeaders, 'transfer-encoding').length > 0) {
    return refuse('WS_ERR_REQUEST_BODY')
  }
  // Before the key, which another version may not have. §11.3.5: "MUST NOT appear more than once in an HTTP request"
  const version = singleValue(rawHeaders, 'sec-websocket-version')
  if (version === undefined) return refuse('WS_ERR_REQUEST_VERSION')
  // §4.2.2: "If this version does not match a version understood by the server, the server MUST abort"
  if (version !== VERSION) return refuse('WS_ERR_REQUEST_UNSUPPORTED_VERSION')
  // §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length"; §11.3.1: "MUST NOT appear more
  // than once in an HTTP request"
  const key = singleValue(rawHeaders, 'sec-websocket-key')
  if (key === undefined || !KEY.test(key)) return refuse('WS_ERR_REQUEST_KEY')
  // §4.1: "The elements that comprise this value MUST be non-empty strings [...] and MUST all be unique strings"
  const protocolField = combinedValue(rawHeaders, 'sec-websocket-protocol')
  const protocols = protocolField === undefined ? [] : parseTokenList(protocolField)
  if (protocols === undefined || hasDuplicates(protocols)) return refuse('WS_ERR_REQUEST_PROTOCOL')
  // §9.1: "the recipient of such malformed data MUST immediately _Fail the WebSocket Connection_"
  const extensionsField = combinedValue(rawHeaders, 'sec-websocket-extensions')
  const extensions = extensionsField === undefined ? [] : parseExtensions(extensionsField)
  if (extensions === undefined) return refuse('WS_ERR_REQUEST_EXTENSIONS')

  return { ok: true, key, protocols, extensions }
}

/** What a server answers to a head that could not be read, or to a request that is not an opening handshake. */
export function refusalFor(fault: RequestFault | HeadFault): Refusal {
  const [status, clause, words] = { ...HEAD_FAULTS, ...REQUEST_FAULTS }[fault]
  const headers: Record<string, string> = {}
  // RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response"
  if (fault === 'WS_ERR_REQUEST_METHOD') headers.Allow = 'GET'
  // §4.4: "it MUST respond with a |Sec-WebSocket-Version| header field [...] containing all versions it is willing
  // to use"
  if (fault === 'WS_ERR_REQUEST_VERSION' || fault === 'WS_ERR_REQUEST_UNSUPPORTED_VERSION') {
    headers['Sec-WebSocket-Version'] = VERSION
  }
  return { status, headers, body: `${words} (${clause})\n` }
}

/**
 * The whole response that refuses a request. It always ends the connection: nothing that comes behind a refused
 * request may be read as another one. Throws a TypeError or RangeError for what cannot be written.
 */
export function formatRefusal({ status, headers = {}, body }: Refusal): string {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw argumentError('ERR_OUT_OF_RANGE', 'status must be an integer from 200 to 599')
  }
  const fields = checkAddedFields(headers, name => FRAMING_FIELDS.has(name))
  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response"
  if (status === 426 && !names.has('upgrade')) {
    fields.unshift(['Upgrade', 'websocket'])
    names.add('upgrade')
  }
  // RFC 9110 §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option"
  fields.unshift(['Connection', names.has('upgrade') ? 'close, Upgrade' : 'close'])
  const reason = REASONS[status] ?? ''
  let content = ''
  // RFC 9110 §6.4.1, §15.3.6: 204, 205 and 304 have no content
  if (status !== 204 && status !== 205 && status !== 304) {
    if (!names.has('content-type')) fields.push(['Content-Type', 'text/plain; charset=utf-8'])
    // Characters that stand for the bytes of the body in UTF-8.
    content = Buffer.from(body ?? `${status} ${reason}\n`).toString('latin1')
    fields.push(['Content-Length', String(content.length)])
  }
  return formatHead(`HTTP/1.1 ${status} ${reason}`, fields) + content
}

/**
 * The head that accepts a request, §4.2.2: the connection is open once it is written. `protocol` and `extensions`
 * are among what the client offered. Throws a TypeError for what cannot be written.
 */
export function formatResponse(parts: HandshakeParts & { readonly protocol?: string | undefined }): string {
  const { key, protocol, extensions = [], headers = {} } = parts
  const fields: [string, string][] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptFor(key)],
  ]
  // §4.2.2: "The empty string is not the same as the null value for these purposes and is not a legal value"
  if (protocol !== undefined) {
    checkProtocols([protocol])
    fields.push(['Sec-WebSocket-Protocol', protocol])
  }
  if (extensions.length > 0) fields.push(['Sec-WebSocket-Extensions', formatExtensions(extensions)])
  fields.push(...checkAddedFields(headers, isHandshakeField))
  return formatHead('HTTP/1.1 101 Switching Protocols', fields)
}

/** The first of the server's subprotocols, most preferred first, that the client offered. */
export function chooseProtocol(offered: readonly string[], supported: readonly string[]): string | undefined {
  return supported.find(protocol => offered.includes(protocol))
}

/**
 * Throws a TypeError with code `ERR_INVALID_ARG_VALUE` for subprotocols that cannot be offered. The message tells
 * the place in the list, not the subprotocol.
 */
export function checkProtocols(protocols: readonly string[]): void {
  // §4.1: "The elements that comprise this value MUST be non-empty strings with characters in the range U+0021 to
  // U+007E not including separator characters [...] and MUST all be unique strings"
  for (const [index, protocol] of protocols.entries()) {
    if (typeof protocol !== 'string' || !isToken(protocol)) throw invalid(`subprotocol ${index} is not a token`)
  }
  if (hasDuplicates(protocols)) throw invalid('a subprotocol is listed twice')
}

/**
 * The client's opening handshake, §4.1. `headers` may replace Host, and Authorization, which otherwise comes from
 * the URL's user name and password. Throws a TypeError for what cannot be written.
 */
export function formatRequest(
  parts: HandshakeParts & { readonly url: URL; readonly protocols: readonly string[] },
): string {
  const { url, key, protocols, extensions = [], headers = {} } = parts
  if (!KEY.test(key)) throw invalid('key must be 16 bytes in base64')
  checkProtocols(protocols)
  const given = checkAddedFields(headers, isHandshakeField)
  const hosts = given.filter(([name]) => name.toLowerCase() === 'host')
  // RFC 9112 §3.2: 400 to "more than one Host header field line"
  if (hosts.length > 1) throw invalid('header "Host" is given twice')
  const fields: [string, string][] = [
    // §4.1: "/host/ plus optionally ":" followed by /port/ (when not using the default port)": as URL has it
    hosts[0] ?? ['Host', url.host],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', key],
    ['Sec-WebSocket-Version', VERSION],
  ]
  if (protocols.length > 0) fields.push(['Sec-WebSocket-Protocol', protocols.join(', ')])
  if (extensions.length > 0) fields.push(['Sec-WebSocket-Extensions', formatExtensions(extensions)])
  const credentials = basicCredentials(url)
  if (credentials !== undefined && !given.some(([name]) => name.toLowerCase() === 'authorization')) {
    fields.push(['Authorization', credentials])
  }
  fields.push(...given.filter(field => field !== hosts[0]))
  // §3: the resource name is the path and the query; "Fragment identifiers are meaningless"
  return formatHead(`GET ${url.pathname}${url.search} HTTP/1.1`, fields)
}

/**
 * Whether a response is the server's half of the opening handshake that was begun with `key`. A 1xx response
 * other than 101 may come before it (RFC 9110 §15.2) and is for the caller to skip. `words` tell what came where
 * that is no secret.
 */
export function checkResponse(
  { httpVersion, status, rawHeaders }: ResponseHead,
  offer: {
    readonly key: string
    readonly protocols: readonly string[]
    readonly extensionsOffered: readonly string[]
  },
): ResponseCheck {
  // §4.1 1: "If the status code received from the server is not 101"
  if (httpVersion !== '1.1' || status !== 101) {
    return reject('WS_ERR_HANDSHAKE_STATUS', `HTTP/${httpVersion} ${status}`)
  }
  // §4.1 2: "a value that is not an ASCII case-insensitive match for the value "websocket"": nothing but it
  const upgrade = combinedValue(rawHeaders, 'upgrade')
  if (upgrade?.toLowerCase() !== 'websocket') return reject('WS_ERR_HANDSHAKE_UPGRADE', upgrade)
  // §4.1 3: "doesn't contain a token that is an ASCII case-insensitive match for the value "Upgrade""
  const connection = combinedValue(rawHeaders, 'connection')
  if (!includesIgnoringCase(parseTokenList(connection ?? ''), 'upgrade')) {
    return reject('WS_ERR_HANDSHAKE_CONNECTION', connection)
  }
  // §4.1 4: "a value other than the base64-encoded SHA-1"; §11.3.3: "MUST NOT appear more than once"
  if (singleValue(rawHeaders, 'sec-websocket-accept') !== acceptFor(offer.key)) {
    return reject('WS_ERR_HANDSHAKE_ACCEPT')
  }
  // §4.1 5: "an extension that was not present in the client's handshake". §11.3.2 wants the field but once, while
  // §4.2.2 lets it be "split between multiple instances"; we read both.
  const extensionsField = combinedValue(rawHeaders, 'sec-websocket-extensions')
  const extensions = extensionsField === undefined ? [] : parseExtensions(extensionsField)
  const names = extensions?.map(({ name }) => name) ?? []
  const known = !hasDuplicates(names) && names.every(name => offer.extensionsOffered.includes(name))
  if (extensions === undefined || !known) return reject('WS_ERR_HANDSHAKE_EXTENSIONS', extensionsField)
  // §4.1 6: "a subprotocol that was not present in the client's handshake"; §11.3.4: "MUST NOT appear more than
  // once in an HTTP response"; WHATWG WebSockets §2.2: "a subprotocol requested by the client, but not acknowledged
  // by the server"
  const chosen = fieldValues(rawHeaders, 'sec-websocket-protocol')
  if (chosen.length === 0 && offer.protocols.length === 0) return { ok: true, protocol: '', extensions }
  const [protocol = ''] = chosen
  if (chosen.length !== 1 || !offer.protocols.includes(protocol)) return reject('WS_ERR_HANDSHAKE_PROTOCOL')
  return { ok: true, protocol, extensions }
}

function reject(fault: ResponseFault, came?: string): ResponseCheck {
  const [clause, words] = RESPONSE_FAULTS[fault]
  const addition = came === undefined ? '' : `: got ${JSON.stringify(came.slice(0, 64))}`
  return { ok: false, fault, words: `${words}${addition} (${clause})` }
}

/**
 * The value of Authorization for the user name and password of a URL, RFC 7617 §2; undefined if it has none. Escapes
 * in a URL are bytes, and what is no escape stands for itself.
 */
export function basicCredentials({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const bytes = `${username}:${password}`.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return `Basic ${Buffer.from(bytes, 'latin1').toString('base64')}`
}

/** The fields that a caller wants to add, if they are valid and none of them is `reserved`. */
function checkAddedFields(headers: HeaderFields, reserved: (lowerCaseName: string) => boolean): [string, string][] {
  const fields = checkHeaders(headers)
  for (const [name] of fields) {
    if (reserved(name.toLowerCase())) throw invalid(`header "${name}" is not for the caller to set`)
  }
  return fields
}

function isHandshakeField(lowerCaseName: string): boolean {
  return (
    lowerCaseName === 'upgrade' || FRAMING_FIELDS.has(lowerCaseName) || lowerCaseName.startsWith('sec-websocket-')
  )
}

function invalid(words: string): TypeError {
  return argumentError('ERR_INVALID_ARG_VALUE', words)
}

function includesIgnoringCase(list: readonly string[] | undefined, lowerCase: string): boolean {
  return list?.some(element => element.toLowerCase() === lowerCase) ?? false
}

function hasDuplicates(list: readonly string[]): boolean {
  return new Set(list).size < list.length
}

function formatHead(startLine: string, fields: readonly (readonly [string, string])[]): string {
  return `${startLine}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}
