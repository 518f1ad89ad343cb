/**
 * Groups S1 and S2: the opening handshake of a server (RFC 6455 §4.2), which Autobahn does not judge. A request that is
 * right in an unusual way must be taken, and the connection work; one that is wrong must be answered by an error of HTTP.
 */
import type { Socket } from 'node:net'
import type { Case, Group, Peer } from '../case.ts'
import { OPCODE, writeFrame } from '../frame.ts'
import { GREETING, Greeting } from '../greeting.ts'
import { type FieldsToWrite, fieldValue, type Head, newKey, responseFault, writeRequest } from '../handshake.ts'
import { parseExtensions } from '../message-deflate.ts'
import { ServerPeer } from '../server-peer.ts'
import type { Verdict } from '../verdict.ts'

export const SERVER_OPENING_GROUPS: readonly Group[] = [
  { id: 'S1', title: 'Opening a server: to be taken' },
  { id: 'S2', title: 'Opening a server: to be refused' },
]

interface Opening {
  readonly title: string
  readonly clause: string
  /** What differs from a plain request. */
  readonly fields?: FieldsToWrite
  /** What is done to its text. */
  readonly edit?: (request: string) => string
}

interface ToTake extends Opening {
  /** Octets of the request that are written at a time; `and a text`: all, with a first frame behind it. */
  readonly delivery?: number | 'and a text'
  /** What is wrong with the response besides, in words. */
  readonly fault?: (response: Head) => string | undefined
  /** Why an error of HTTP is no fault, though perhaps not what the clause has in mind either. */
  readonly mayBeRefused?: Pick<Verdict, 'behavior' | 'words'>
}

interface ToRefuse extends Opening {
  /** Any answer but 101 will do: without the wish for a WebSocket it is a request like any other. */
  readonly isPlainHttp?: boolean
  /** What the server did not read makes of its answer a reset of TCP. */
  readonly mayBeDropped?: boolean
  /** Why taking it is no fault, though not strict. */
  readonly mayBeTaken?: string
  readonly fault?: (response: Head) => string | undefined
}

const OFFER = 'permessage-deflate'
const DECLINE = { behavior: 'NON-STRICT', words: 'the offer was to be declined, not the request' } as const
const ITS_RIGHT = { behavior: 'OK', words: "which is a server's right" } as const
/** RFC 9112 §5.2 and §2.2. */
const MENDED = 'what is wrong may be replaced by spaces, but invites others to read another request'

/** An offer that cannot be accepted: it must be declined, and the connection is opened without. */
function declined(title: string, offer: string): ToTake {
  return {
    title,
    clause: 'RFC 7692 §7.1',
    fields: { 'Sec-WebSocket-Extensions': offer },
    mayBeRefused: DECLINE,
    fault: response => {
      const value = fieldValue(response, 'sec-websocket-extensions')
      return value === undefined || value === '' ? undefined : `no extension to be accepted, got ${value}`
    },
  }
}

const TO_TAKE: readonly ToTake[] = [
  { title: 'A plain request', clause: 'RFC 6455 §4.2.1' },
  {
    title: 'Field names in capitals, "WebSocket" and "upgrade" in other cases',
    clause: 'RFC 6455 §4.2.1',
    edit: request =>
      request
        .replace(/^(?:Upgrade|Sec-[\w-]+|Host)(?=:)/gm, name => name.toUpperCase())
        .replace('websocket', 'WebSocket')
        .replace('Connection: Upgrade', 'connection: upgrade'),
  },
  {
    title: 'Connection: keep-alive, Upgrade',
    clause: 'RFC 6455 §4.2.1',
    fields: { Connection: 'keep-alive, Upgrade' },
  },
  {
    title: 'Connection in two fields, Upgrade in the second',
    clause: 'RFC 9110 §5.3',
    fields: { Connection: ['keep-alive', 'Upgrade'] },
  },
  {
    title: 'Spaces and tabs around values, and none behind a colon',
    clause: 'RFC 9112 §5',
    edit: request => request.replace('Upgrade: websocket', 'Upgrade: \t websocket \t').replace('Host: ', 'Host:'),
  },
  { title: 'The request octet by octet', clause: 'RFC 6455 §4.2', delivery: 1 },
  { title: 'A text behind the request, in the same write', clause: 'RFC 6455 §4.2', delivery: 'and a text' },
  {
    title: 'Fields that nobody knows, fifty of them',
    clause: 'RFC 9110 §5.1',
    fields: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-Unknown-${i}`, 'x'.repeat(60)])),
  },
  {
    title: 'Cookies and a User-Agent, as browsers send them',
    clause: 'RFC 6455 §4.2.1',
    edit: request => request.replace('\r\n\r\n', '\r\nCookie: a=b; c="d"\r\nUser-Agent: Mozilla/5.0\r\n\r\n'),
  },
  {
    title: 'An extension that nobody knows, which must not be accepted',
    clause: 'RFC 6455 §9.1',
    fields: { 'Sec-WebSocket-Extensions': 'x-unknown; mode="fast"; level=9, x-other' },
    fault: response => {
      const value = fieldValue(response, 'sec-websocket-extensions')
      return value === undefined ? undefined : `no extension to be accepted, got ${value}`
    },
  },
  {
    title: 'Subprotocols, of which at most one may be chosen',
    clause: 'RFC 6455 §4.2.2',
    fields: { 'Sec-WebSocket-Protocol': 'x-first, x-second' },
    fault: response => {
      const chosen = fieldValue(response, 'sec-websocket-protocol') ?? 'x-first'
      return ['x-first', 'x-second'].includes(chosen) ? undefined : `one of the subprotocols, got ${chosen}`
    },
  },
  declined('permessage-deflate with a parameter that nobody knows', `${OFFER}; x_unknown=1`),
  declined(
    'permessage-deflate with a parameter twice',
    `${OFFER}; client_max_window_bits; client_max_window_bits=10`,
  ),
  declined('permessage-deflate with server_max_window_bits=7', `${OFFER}; server_max_window_bits=7`),
  declined('permessage-deflate with server_max_window_bits=16', `${OFFER}; server_max_window_bits=16`),
  declined('permessage-deflate with server_max_window_bits=08', `${OFFER}; server_max_window_bits=08`),
  declined('permessage-deflate with server_max_window_bits without a value', `${OFFER}; server_max_window_bits`),
  declined('permessage-deflate with a value where none is allowed', `${OFFER}; server_no_context_takeover=1`),
  {
    title: 'permessage-deflate in many offers of which the last alone is right: that one, or none',
    clause: 'RFC 7692 §7.1',
    mayBeRefused: DECLINE,
    fields: { 'Sec-WebSocket-Extensions': `${OFFER}; x=1, ${OFFER}; server_max_window_bits=99, ${OFFER}` },
    fault: response => {
      const answers = parseExtensions(fieldValue(response, 'sec-websocket-extensions') ?? '')
      if (answers.length > 1) return `one extension at most, got ${answers.length}`
      return typeof answers[0] === 'string' ? `an extension that is right, but ${answers[0]}` : undefined
    },
  },
  {
    title: 'The whole URL as request-target',
    clause: 'RFC 9112 §3.2.2',
    edit: request => request.replace(/^GET (\S+)([\s\S]*?Host: (\S+))/, 'GET http://$3$1$2'),
  },
  { title: 'Content-Length: 0', clause: 'RFC 9110 §8.6', fields: { 'Content-Length': '0' } },
  {
    title: 'An empty line before the request',
    clause: 'RFC 9112 §2.2',
    edit: request => `\r\n${request}`,
    mayBeRefused: { behavior: 'NON-STRICT', words: 'one empty line SHOULD be ignored' },
  },
  {
    title: 'Upgrade: h2c, websocket',
    clause: 'RFC 9110 §7.8',
    fields: { Upgrade: 'h2c, websocket' },
    mayBeRefused: { behavior: 'NON-STRICT', words: 'Upgrade is a list, of which a server chooses' },
  },
  {
    title: 'Upgrade in two fields, websocket in the second',
    clause: 'RFC 9110 §5.3',
    fields: { Upgrade: ['h2c', 'websocket'] },
    mayBeRefused: { behavior: 'NON-STRICT', words: 'Upgrade is a list, of which a server chooses' },
  },
  {
    title: 'Lines that end in LF alone',
    clause: 'RFC 9112 §2.2',
    edit: request => request.replaceAll('\r\n', '\n'),
    mayBeRefused: ITS_RIGHT,
  },
  {
    title: '2,000 fields that nobody knows',
    clause: 'RFC 6585 §5',
    fields: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'x'])),
    mayBeRefused: ITS_RIGHT,
  },
]

const TO_REFUSE: readonly ToRefuse[] = [
  { title: 'No Sec-WebSocket-Key', clause: 'RFC 6455 §4.2.1', fields: { 'Sec-WebSocket-Key': undefined } },
  { title: 'An empty Sec-WebSocket-Key', clause: 'RFC 6455 §4.2.1', fields: { 'Sec-WebSocket-Key': '' } },
  {
    title: 'A key of 15 octets',
    clause: 'RFC 6455 §4.2.1',
    fields: { 'Sec-WebSocket-Key': Buffer.alloc(15, 1).toString('base64') },
  },
  {
    title: 'A key of 17 octets',
    clause: 'RFC 6455 §4.2.1',
    fields: { 'Sec-WebSocket-Key': Buffer.alloc(17, 1).toString('base64') },
  },
  {
    title: 'A key that is not base64',
    clause: 'RFC 6455 §4.2.1',
    fields: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j*Q==' },
  },
  {
    title: 'Two keys instead of one',
    clause: 'RFC 6455 §11.3.1',
    fields: { 'Sec-WebSocket-Key': [newKey(), newKey()] },
  },
  { title: 'No version', clause: 'RFC 6455 §4.2.1', fields: { 'Sec-WebSocket-Version': undefined } },
  ...['12', '14', '013', 'thirteen'].map(version => ({
    title: `Version ${version}, to be answered with the versions that are spoken`,
    clause: 'RFC 6455 §4.2.2, §4.4',
    fields: { 'Sec-WebSocket-Version': version },
    fault: (response: Head) =>
      (fieldValue(response, 'sec-websocket-version') ?? '').split(/ *, */).includes('13')
        ? undefined
        : `Sec-WebSocket-Version: 13, got ${fieldValue(response, 'sec-websocket-version') ?? 'none'}`,
  })),
  { title: 'No Upgrade', clause: 'RFC 6455 §4.2.1', fields: { Upgrade: undefined }, isPlainHttp: true },
  { title: 'Upgrade: h2c', clause: 'RFC 6455 §4.2.1', fields: { Upgrade: 'h2c' }, isPlainHttp: true },
  { title: 'No Connection', clause: 'RFC 6455 §4.2.1', fields: { Connection: undefined }, isPlainHttp: true },
  { title: 'Connection: close', clause: 'RFC 6455 §4.2.1', fields: { Connection: 'close' }, isPlainHttp: true },
  ...['POST', 'HEAD', 'get'].map(method => ({
    title: `${method} instead of GET`,
    clause: 'RFC 6455 §4.2.1',
    edit: (request: string) => request.replace('GET', method),
    isPlainHttp: true,
  })),
  {
    title: 'HTTP/1.0 instead of 1.1',
    clause: 'RFC 6455 §4.2.1',
    edit: request => request.replace('HTTP/1.1', 'HTTP/1.0'),
    isPlainHttp: true,
  },
  { title: 'No Host field', clause: 'RFC 9112 §3.2', fields: { Host: undefined } },
  { title: 'Two different Hosts', clause: 'RFC 9112 §3.2', fields: { Host: ['a.example', 'b.example'] } },
  {
    title: 'A space before a colon',
    clause: 'RFC 9112 §5.1',
    edit: request => request.replace('Upgrade: w', 'Upgrade : w'),
  },
  {
    title: 'A NUL in a value',
    clause: 'RFC 9110 §5.5',
    edit: request => request.replace('\r\n\r\n', '\r\nX-Some: a\0b\r\n\r\n'),
  },
  {
    title: 'A line without a colon',
    clause: 'RFC 9112 §5',
    edit: request => request.replace('\r\n\r\n', '\r\nno colon here\r\n\r\n'),
  },
  {
    title: 'A head of a mebibyte',
    clause: 'RFC 6455 §10.4',
    fields: { 'X-Large': 'x'.repeat(2 ** 20) },
    mayBeDropped: true,
  },
  {
    title: 'A field that is folded',
    clause: 'RFC 9112 §5.2',
    edit: request => request.replace('\r\n\r\n', '\r\nX-Some: a\r\n b\r\n\r\n'),
    mayBeTaken: MENDED,
  },
  {
    title: 'A space before the first field',
    clause: 'RFC 9112 §2.2',
    edit: request => request.replace('\r\n', '\r\n X-Some: a\r\n'),
    mayBeTaken: MENDED,
  },
  {
    title: 'A CR alone in a value',
    clause: 'RFC 9112 §2.2',
    edit: request => request.replace('\r\n\r\n', '\r\nX-Some: a\rb\r\n\r\n'),
    mayBeTaken: MENDED,
  },
  {
    title: 'Version 13 in two fields',
    clause: 'RFC 6455 §11.3.5',
    fields: { 'Sec-WebSocket-Version': ['13', '13'] },
  },
  {
    title: 'Versions 8 and 13 in one field',
    clause: 'RFC 6455 §4.2.1',
    fields: { 'Sec-WebSocket-Version': '8, 13' },
  },
  { title: 'No request-target', clause: 'RFC 9112 §3', edit: request => request.replace(/^GET \S+/, 'GET') },
  {
    title: 'A Content-Length that is no number',
    clause: 'RFC 9112 §6.3',
    fields: { 'Content-Length': 'some' },
  },
  { title: 'Two different lengths', clause: 'RFC 9112 §6.3', fields: { 'Content-Length': ['0', '6'] } },
  {
    title: 'A transfer coding whose end is not known',
    clause: 'RFC 9112 §6.3',
    fields: { 'Transfer-Encoding': 'gzip' },
  },
]

function caseOf(id: string, { title, clause }: Opening, play: (peer: ServerPeer) => Promise<Verdict>): Case {
  return {
    id,
    title,
    clause,
    sides: ['server'],
    http: '1.1',
    weight: 'light',
    play(peer: Peer) {
      if (!(peer instanceof ServerPeer)) throw new TypeError(`${id} is for servers`)
      return play(peer)
    },
  }
}

export const SERVER_OPENING_CASES: readonly Case[] = [
  ...TO_TAKE.map((it, i) => caseOf(`S1.${i + 1}`, it, peer => playTaken(it, peer))),
  ...TO_REFUSE.map((it, i) => caseOf(`S2.${i + 1}`, it, peer => playRefused(it, peer))),
]

function failed(words: string): Verdict {
  return { behavior: 'FAILED', behaviorClose: 'OK', words, closeWords: 'there was nothing to be closed' }
}

/** Connects, and writes the request of a case. */
async function ask(opening: Opening & Pick<ToTake, 'delivery'>, peer: ServerPeer): Promise<[Socket, string]> {
  const key = newKey()
  const plain = writeRequest(peer.target, key, opening.fields)
  const request = Buffer.from(opening.edit?.(plain) ?? plain, 'latin1')
  const socket = await peer.connect()
  peer.log.head('suite', request.toString('latin1'))
  const { delivery = request.length } = opening
  if (delivery === 'and a text') {
    const text = writeFrame({ opcode: OPCODE.text, payload: GREETING, maskingKey: Buffer.of(1, 2, 3, 4) })
    peer.log.bytes('suite', text, 'a text behind it, in the same write')
    socket.write(Buffer.concat([request, text]))
    return [socket, key]
  }
  for (let at = 0; at < request.length; at += delivery) {
    if (at > 0) await new Promise(resolve => setImmediate(resolve))
    if (socket.writable) socket.write(request.subarray(at, at + delivery))
  }
  return [socket, key]
}

async function playTaken(opening: ToTake, peer: ServerPeer): Promise<Verdict> {
  const [socket, key] = await ask(opening, peer)
  const came = await peer.readHead(socket)
  if (typeof came === 'string') return failed(`expected status 101, but ${came}`)
  const wrong = responseFault(came.head, key)
  if (opening.mayBeRefused && statusOf(came.head) >= 400) {
    const { behavior, words } = opening.mayBeRefused
    return { ...failed(`${wrong}; ${words}`), behavior }
  }
  if (wrong !== undefined) return failed(wrong)
  const fault = opening.fault?.(came.head)
  if (fault !== undefined) return failed(`expected ${fault}`)
  // What was offered with permessage-deflate besides is not used: it lets every message be sent as it is.
  const greeting = new Greeting()
  const agreed = fieldValue(came.head, 'sec-websocket-extensions') !== undefined
  if (agreed)
    return { behavior: 'OK', behaviorClose: 'OK', words: 'taken, with an extension', closeWords: 'left open' }
  await greeting.talk(
    peer.endpoint(socket, greeting.handler, came.rest),
    peer.options.pace,
    opening.delivery !== 'and a text',
  )
  return greeting.verdict()
}

/** 0 where there is none. */
function statusOf({ startLine }: Head): number {
  return Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(startLine)?.[1] ?? 0)
}

async function playRefused(opening: ToRefuse, peer: ServerPeer): Promise<Verdict> {
  const [socket] = await ask(opening, peer)
  const came = await peer.readHead(socket)
  const wanted = opening.isPlainHttp ? 'any answer of HTTP but 101' : 'an error of HTTP, such as 400'
  const rest = { behaviorClose: 'OK', closeWords: 'there was nothing to be closed' } as const
  if (typeof came === 'string') {
    const isEnded = socket.destroyed || socket.readableEnded
    const words = `expected ${wanted}, but ${came}`
    if (isEnded && opening.mayBeDropped) return { behavior: 'OK', words: 'the server ended TCP', ...rest }
    return { behavior: isEnded ? 'NON-STRICT' : 'FAILED', words, ...rest }
  }
  const { startLine } = came.head
  const status = statusOf(came.head)
  const isRefused = opening.isPlainHttp ? status >= 200 : status >= 400 && status < 600
  if (status === 101 && opening.mayBeTaken !== undefined)
    return { ...failed(`expected ${wanted}, got "${startLine}"; ${opening.mayBeTaken}`), behavior: 'NON-STRICT' }
  if (!isRefused) return failed(`expected ${wanted}, got "${startLine}"`)
  const fault = opening.fault?.(came.head)
  if (fault !== undefined) return failed(`expected ${fault}`)
  return { behavior: 'OK', words: `refused with ${status}, as expected`, ...rest }
}
