/**
 * The opening handshake as the suite speaks it (RFC 6455 §4): heads as text, written and read by hand, right or wrong as
 * a case wants them. Pure functions of text, but for the random key.
 */
import { createHash, randomBytes } from 'node:crypto'

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** §4.2.2: what a server must answer to a key. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}

/** §4.1: "a nonce consisting of a randomly selected 16-byte value that has been base64-encoded". */
export function newKey(): string {
  return randomBytes(16).toString('base64')
}

/** A head that was read: a start line, and fields in the order in which they came. */
export interface Head {
  readonly startLine: string
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** The most bytes of a head that the suite reads. */
export const MAX_HEAD = 65_536

/** The head at the beginning of `bytes` and where it ends; undefined while its blank line has not come. */
export function readHead(bytes: Buffer): { head: Head; text: string; end: number } | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return undefined
  const text = bytes.toString('latin1', 0, at)
  const [startLine = '', ...lines] = text.split('\r\n')
  const fields = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, Math.max(colon, 0)).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { head: { startLine, fields }, text, end: at + 4 }
}

/** The values of a field, joined as RFC 7230 §3.2.2 allows; undefined if there is none. */
export function fieldValue({ fields }: Head, name: string): string | undefined {
  const values = fields.filter(([field]) => field === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

/** The members of a list, in lower case. */
export function listValue(head: Head, name: string): string[] {
  return (fieldValue(head, name) ?? '')
    .split(',')
    .map(member => member.trim().toLowerCase())
    .filter(member => member !== '')
}

export type FieldsToWrite = Readonly<Record<string, string | readonly string[] | undefined>>

/** An undefined value leaves a field out, a list writes it several times. */
export function writeHead(startLine: string, fields: FieldsToWrite): string {
  const lines = Object.entries(fields).flatMap(([name, values]) =>
    (values === undefined ? [] : [values].flat()).map(value => `${name}: ${value}`),
  )
  return `${[startLine, ...lines].join('\r\n')}\r\n\r\n`
}

/** Where a server is, from its URL. */
export interface Target {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** With the query. */
  readonly path: string
}

/** @throws {TypeError} it is no URL of a WebSocket */
export function parseTarget(url: string): Target {
  if (!URL.canParse(url)) throw new TypeError(`${url} is no URL`)
  const parsed = new URL(url)
  const secure = ['wss:', 'https:'].includes(parsed.protocol)
  if (!secure && !['ws:', 'http:'].includes(parsed.protocol))
    throw new TypeError(`${url} does not begin with ws: or wss:`)
  if (parsed.hash !== '') throw new TypeError(`${url} has a fragment, which a WebSocket's URL must not (§3)`)
  return {
    url,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    secure,
    path: `${parsed.pathname}${parsed.search}`,
  }
}

/** §4.1: the request of a client. */
export function writeRequest(target: Target, key: string, more: FieldsToWrite = {}): string {
  const host = new URL(target.url).host
  return writeHead(`GET ${target.path} HTTP/1.1`, {
    Host: host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...more,
  })
}

/** §4.2.2: the response of a server. */
export function writeResponse(key: string, more: FieldsToWrite = {}): string {
  return writeHead('HTTP/1.1 101 Switching Protocols', {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptFor(key),
    ...more,
  })
}

/** §4.1: what is wrong with a server's response, in words; undefined if nothing is. Extensions are not looked at. */
export function responseFault(response: Head, key: string): string | undefined {
  if (!/^HTTP\/1\.1 101(?: |$)/.test(response.startLine)) return `expected status 101, got "${response.startLine}"`
  const upgrade = fieldValue(response, 'upgrade')
  if (upgrade?.toLowerCase() !== 'websocket') return `expected Upgrade: websocket, got ${upgrade ?? 'none'}`
  if (!listValue(response, 'connection').includes('upgrade'))
    return `expected Connection: Upgrade, got ${fieldValue(response, 'connection') ?? 'none'}`
  const accept = fieldValue(response, 'sec-websocket-accept')
  if (accept !== acceptFor(key)) return `expected Sec-WebSocket-Accept: ${acceptFor(key)}, got ${accept ?? 'none'}`
  return undefined
}

/** §4.2.1: what is wrong with a client's request, in words; undefined if nothing is. */
export function requestFault(request: Head): string | undefined {
  if (!/^GET \S+ HTTP\/1\.1$/.test(request.startLine)) return `expected GET over HTTP/1.1, got "${request.startLine}"`
  if (fieldValue(request, 'host') === undefined) return 'expected a Host field'
  if (!listValue(request, 'upgrade').includes('websocket')) return 'expected Upgrade: websocket'
  if (!listValue(request, 'connection').includes('upgrade')) return 'expected Connection: Upgrade'
  const key = fieldValue(request, 'sec-websocket-key') ?? ''
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key))
    return `expected a Sec-WebSocket-Key of 16 bytes in base64, got "${key}"`
  const version = fieldValue(request, 'sec-websocket-version')
  return version === '13' ? undefined : `expected Sec-WebSocket-Version: 13, got ${version ?? 'none'}`
}
