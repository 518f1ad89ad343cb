/**
 * Groups C1 and C2: the opening handshake of a client (RFC 6455 §4.1), which Autobahn does not judge. A response that is
 * right in an unusual way must be taken, and the connection work; after one that is wrong the client must end TCP, and must
 * not take what comes behind it for a message.
 */
import type { Case, Group, Peer } from '../case.ts'
import { ClientPeer } from '../client-peer.ts'
import { OPCODE, writeFrame } from '../frame.ts'
import { GREETING, Greeting } from '../greeting.ts'
import { acceptFor, type FieldsToWrite, newKey, requestFault, writeHead, writeResponse } from '../handshake.ts'
import { patience } from '../patience.ts'
import type { Verdict } from '../verdict.ts'

export const CLIENT_OPENING_GROUPS: readonly Group[] = [
  { id: 'C1', title: 'Opening a client: to be taken' },
  { id: 'C2', title: 'Opening a client: to be failed' },
]

interface Answer {
  readonly title: string
  readonly clause: string
  /** What differs from a plain response to this key. */
  readonly fields?: (key: string) => FieldsToWrite
  /** What is done to its text. */
  readonly edit?: (response: string) => string
  /**
   * Octets that are written at a time; `and a text`: all, with a first frame behind it; `bits and a text`: so, but in three
   * writes. Default: all, then the frame.
   */
  readonly delivery?: number | 'and a text' | 'bits and a text'
  /** Why failing the connection is as good. */
  readonly mayBeFailed?: string
  /** Why taking it is no fault, though not strict. */
  readonly mayBeTaken?: string
}

const TO_TAKE: readonly Answer[] = [
  { title: 'A plain response, to a request that is right', clause: 'RFC 6455 §4.1' },
  {
    title: 'Field names in other cases, "WebSocket" and "upgrade" too',
    clause: 'RFC 6455 §4.1',
    edit: response =>
      response
        .replace(/^(?:Upgrade|Sec-[\w-]+)(?=:)/gm, name => name.toLowerCase())
        .replace('websocket', 'WebSocket')
        .replace('Connection: Upgrade', 'CONNECTION: upgrade'),
  },
  {
    title: 'Connection: keep-alive, Upgrade',
    clause: 'RFC 6455 §4.1',
    fields: () => ({ Connection: 'keep-alive, Upgrade' }),
  },
  {
    title: 'Other words behind 101',
    clause: 'RFC 9112 §4',
    edit: response => response.replace('Switching Protocols', 'Go ahead, please'),
  },
  { title: 'No words behind 101', clause: 'RFC 9112 §4', edit: it => it.replace('Switching Protocols', '') },
  {
    title: 'Spaces and tabs around values, and none behind a colon',
    clause: 'RFC 9112 §5',
    edit: it => it.replace('Upgrade: websocket', 'Upgrade: \t websocket \t').replace('Connection: ', 'Connection:'),
  },
  {
    title: 'Fields that nobody knows, fifty of them',
    clause: 'RFC 9110 §5.1',
    fields: () => Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-Unknown-${i}`, 'x'.repeat(60)])),
  },
  { title: 'The response octet by octet', clause: 'RFC 6455 §4.1', delivery: 1 },
  { title: 'A text behind the response, in the same write', clause: 'RFC 6455 §4.1', delivery: 'and a text' },
  {
    title: 'The response in three writes, a text in the last',
    clause: 'RFC 6455 §4.1',
    delivery: 'bits and a text',
  },
  {
    title: '100 Continue and 103 Early Hints before the response',
    clause: 'RFC 9110 §15.2',
    edit: it => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${it}`,
  },
  {
    title: 'Connection in two fields, Upgrade in the second',
    clause: 'RFC 9110 §5.3',
    fields: () => ({ Connection: ['keep-alive', 'Upgrade'] }),
  },
  {
    title: 'A field that is folded: read as one line, or not taken',
    clause: 'RFC 9112 §5.2',
    edit: it => it.replace('\r\n\r\n', '\r\nX-Some: a\r\n Sec-WebSocket-Protocol: x-unknown\r\n\r\n'),
    mayBeFailed: 'a fold is to be read as a space, but hardly anyone does it',
  },
  {
    title: 'Lines that end in LF alone: taken, or not',
    clause: 'RFC 9112 §2.2',
    edit: it => it.replaceAll('\r\n', '\n'),
    mayBeFailed: 'LF alone may be recognized',
  },
  {
    title: '2,000 fields that nobody knows: taken, or not',
    clause: 'RFC 6455 §10.4',
    fields: () => Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'x'])),
    mayBeFailed: 'so many fields do nobody any good',
  },
]

/** The case of each letter is the other one: base64 tells them apart. */
function swapCase(text: string): string {
  return text.replace(/[a-z]/gi, it => (it === it.toLowerCase() ? it.toUpperCase() : it.toLowerCase()))
}

function accept(value: (key: string) => string | readonly string[] | undefined): NonNullable<Answer['fields']> {
  return key => ({ 'Sec-WebSocket-Accept': value(key) })
}

function extension(title: string, value: string): Answer {
  return { title, clause: 'RFC 6455 §4.1', fields: () => ({ 'Sec-WebSocket-Extensions': value }) }
}

const DEFLATE = 'permessage-deflate'

const TO_FAIL: readonly Answer[] = [
  { title: 'No Sec-WebSocket-Accept', clause: 'RFC 6455 §4.1', fields: accept(() => undefined) },
  { title: 'An accept value for another key', clause: 'RFC 6455 §4.1', fields: accept(() => acceptFor(newKey())) },
  {
    title: 'An accept value in other cases',
    clause: 'RFC 6455 §4.1',
    fields: accept(key => swapCase(acceptFor(key))),
  },
  { title: 'The key itself as accept value', clause: 'RFC 6455 §4.1', fields: accept(key => key) },
  { title: 'No Upgrade', clause: 'RFC 6455 §4.1', fields: () => ({ Upgrade: undefined }) },
  { title: 'Upgrade: h2c', clause: 'RFC 6455 §4.1', fields: () => ({ Upgrade: 'h2c' }) },
  { title: 'No Connection', clause: 'RFC 6455 §4.1', fields: () => ({ Connection: undefined }) },
  { title: 'Connection: close', clause: 'RFC 6455 §4.1', fields: () => ({ Connection: 'close' }) },
  extension('An extension that was not offered', 'x-unknown'),
  extension('permessage-deflate with a parameter that nobody knows', `${DEFLATE}; x_unknown=1`),
  extension('permessage-deflate with server_max_window_bits=7', `${DEFLATE}; server_max_window_bits=7`),
  extension('permessage-deflate with client_max_window_bits without a value', `${DEFLATE}; client_max_window_bits`),
  extension('permessage-deflate twice', `${DEFLATE}, ${DEFLATE}`),
  {
    title: 'A subprotocol that was not asked for',
    clause: 'RFC 6455 §4.1',
    fields: () => ({ 'Sec-WebSocket-Protocol': 'x-unknown' }),
  },
  ...['200 OK', '404 Not Found', '426 Upgrade Required', '503 Service Unavailable'].map(status => ({
    title: `Status ${status}`,
    clause: 'RFC 6455 §4.1',
    edit: (response: string) => response.replace('101 Switching Protocols', `${status}\r\nContent-Length: 0`),
  })),
  {
    title: 'No HTTP at all',
    clause: 'RFC 9112 §4',
    edit: response => response.replace('HTTP/1.1 101', 'ICY 101'),
  },
  {
    title: 'A head of four mebibytes',
    clause: 'RFC 6455 §10.4',
    fields: () => ({ 'X-Large': 'x'.repeat(2 ** 22) }),
  },
  {
    title: 'The right accept value twice',
    clause: 'RFC 6455 §11.3.3',
    fields: accept(key => [acceptFor(key), acceptFor(key)]),
  },
  {
    title: 'The right accept value behind another',
    clause: 'RFC 6455 §11.3.3',
    fields: accept(key => [acceptFor(newKey()), acceptFor(key)]),
  },
  {
    title: 'A space between a field name and its colon',
    clause: 'RFC 9112 §5.1',
    edit: it => it.replace('Upgrade: w', 'Upgrade : w'),
    mayBeTaken: 'the space is to be removed by proxies alone, which others read in other ways',
  },
  ...[
    ['401 Unauthorized', 'WWW-Authenticate: Basic realm="a"'],
    ['407 Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="a"'],
    ['302 Found', 'Location: ws://127.0.0.1:1/'],
    ['307 Temporary Redirect', 'Location: ws://127.0.0.1:1/'],
  ].map(([status = '', field = '']) => ({
    title: `Status ${status}, where nothing is to be had`,
    clause: 'RFC 6455 §4.1',
    edit: (response: string) =>
      response.replace('101 Switching Protocols', `${status}\r\n${field}\r\nContent-Length: 0`),
  })),
  {
    title: 'HTTP/1.0 101',
    clause: 'RFC 6455 §4.2.2',
    edit: response => response.replace('HTTP/1.1', 'HTTP/1.0'),
    mayBeTaken: 'the status is right, and the version is none that has it',
  },
]

/** Heads that have no end: what is sent until the client has enough. */
const ENDLESS: readonly (Omit<Answer, 'delivery'> & { readonly again: string })[] = [
  {
    title: 'A head of fields without end',
    clause: 'RFC 6455 §10.4',
    edit: it => it.slice(0, -2),
    again: 'X-Endless: x\r\n',
  },
  {
    title: 'A value without end',
    clause: 'RFC 6455 §10.4',
    edit: it => `${it.slice(0, -2)}X-Endless: `,
    again: 'x'.repeat(16),
  },
  {
    title: 'Interim responses without end',
    clause: 'RFC 9110 §15.2',
    edit: () => '',
    again: 'HTTP/1.1 103 Early Hints\r\n\r\n',
  },
]
/** By then whoever has a limit has met it. */
const MOST_OF_ENDLESS = 2 ** 24
const CHUNK = 2 ** 16

function caseOf(id: string, { title, clause }: Answer, play: (peer: ClientPeer) => Promise<Verdict>): Case {
  return {
    id,
    title,
    clause,
    sides: ['client'],
    http: '1.1',
    weight: 'light',
    play(peer: Peer) {
      if (!(peer instanceof ClientPeer)) throw new TypeError(`${id} is for clients`)
      return play(peer)
    },
  }
}

export const CLIENT_OPENING_CASES: readonly Case[] = [
  ...TO_TAKE.map((it, i) => caseOf(`C1.${i + 1}`, it, peer => playTaken(it, peer))),
  ...TO_FAIL.map((it, i) => caseOf(`C2.${i + 1}`, it, peer => playFailed(it, peer))),
  ...ENDLESS.map((it, i) => caseOf(`C2.${TO_FAIL.length + i + 1}`, it, peer => playEndless(it, peer))),
]

function responseOf({ fields, edit }: Answer, { key }: ClientPeer): string {
  const response = writeResponse(key, fields?.(key))
  return edit?.(response) ?? response
}

async function playTaken(answer: Answer, peer: ClientPeer): Promise<Verdict> {
  const fault = requestFault(peer.request.head)
  if (fault !== undefined) {
    peer.respond(writeHead('HTTP/1.1 400 Bad Request', { Connection: 'close', 'Content-Length': '0' }))
    return { behavior: 'FAILED', behaviorClose: 'OK', words: fault, closeWords: 'never open' }
  }
  const response = responseOf(answer, peer)
  const { delivery = response.length, mayBeFailed } = answer
  if (delivery === 'and a text') respondWithText(response, peer)
  else if (delivery === 'bits and a text') {
    await peer.respondInChops(response.slice(0, -20), 60)
    await new Promise(resolve => setImmediate(resolve))
    respondWithText(response.slice(-20), peer)
  } else await peer.respondInChops(response, delivery)
  const greeting = new Greeting()
  const endpoint = peer.endpoint(greeting.handler)
  await greeting.talk(endpoint, peer.options.pace, typeof delivery === 'number')
  if (mayBeFailed !== undefined && !greeting.isAnswered && !endpoint.closedByUs && !endpoint.peerClosed)
    return {
      behavior: 'OK',
      behaviorClose: 'OK',
      words: `it was not taken: ${mayBeFailed}`,
      closeWords: 'never open',
    }
  return greeting.verdict()
}

async function playEndless({ edit, again }: (typeof ENDLESS)[number], peer: ClientPeer): Promise<Verdict> {
  const { socket } = peer.request
  const chunk = Buffer.from(again.repeat(Math.ceil(CHUNK / again.length)))
  peer.respond(edit?.(writeResponse(peer.key)) ?? '')
  const ended = new Promise<void>(resolve => socket.once('close', resolve).once('end', resolve).resume())
  let [sent, isOver, isLate] = [0, false, false]
  void ended.then(() => {
    isOver = true
  })
  const timer = patience(10_000 * peer.options.pace, () => {
    isLate = true
    socket.destroy()
  })
  for (; sent < MOST_OF_ENDLESS && !isOver && !socket.destroyed; sent += chunk.length) {
    if (!socket.write(chunk)) await Promise.race([ended, new Promise(resolve => socket.once('drain', resolve))])
    await new Promise(resolve => setImmediate(resolve))
  }
  if (socket.destroyed) await ended
  const hasEnough = isOver && !isLate
  timer.cancel()
  socket.destroy()
  peer.log.note(`${hasEnough ? 'the client ended TCP' : 'the suite ended TCP'} after ${sent} bytes of it`)
  const rest = { behaviorClose: 'OK', closeWords: 'there was nothing to be closed' } as const
  return hasEnough
    ? { behavior: 'OK', words: 'it ended TCP, as expected', ...rest }
    : { behavior: 'FAILED', words: `expected the client to fail the connection, but it took ${sent} bytes`, ...rest }
}

/** The frame goes out with the response: who takes the one would echo the other. */
function respondWithText(response: string, peer: ClientPeer): void {
  const text = writeFrame({ opcode: OPCODE.text, payload: GREETING })
  peer.respond(response, text)
}

async function playFailed(answer: Answer, peer: ClientPeer): Promise<Verdict> {
  const greeting = new Greeting()
  const endpoint = peer.endpoint(greeting.handler)
  respondWithText(responseOf(answer, peer), peer)
  await greeting.talk(endpoint, peer.options.pace, false)
  const rest = { behaviorClose: 'OK', closeWords: 'there was nothing to be closed' } as const
  const wanted = 'expected the client to fail the connection'
  if (greeting.isAnswered && answer.mayBeTaken !== undefined)
    return { behavior: 'NON-STRICT', words: `${wanted}, but it echoed a text; ${answer.mayBeTaken}`, ...rest }
  if (greeting.isAnswered) return { behavior: 'FAILED', words: `${wanted}, but it echoed a text`, ...rest }
  if (endpoint.closedByUs)
    return { behavior: 'FAILED', words: `${wanted}, but the suite had to end it: ${endpoint.fault}`, ...rest }
  if (endpoint.peerClosed) {
    const words = `${wanted} by ending TCP; it sent a Close frame on what is no WebSocket`
    return { behavior: 'NON-STRICT', words, ...rest }
  }
  return { behavior: 'OK', words: 'it ended TCP, as expected', ...rest }
}
