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
  /** Octets that are written at a time; `and a text`: all, with a first frame behind it. Default: all, then the frame. */
  readonly delivery?: number | 'and a text'
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
]

function caseOf(id: string, { title, clause }: Answer, play: (peer: ClientPeer) => Promise<Verdict>): Case {
  return {
    id,
    title,
    clause,
    sides: ['client'],
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
  const { delivery = response.length } = answer
  if (delivery === 'and a text') respondWithText(response, peer)
  else await peer.respondInChops(response, delivery)
  const greeting = new Greeting()
  await greeting.talk(peer.endpoint(greeting.handler), peer.options.pace, delivery !== 'and a text')
  return greeting.verdict()
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
  if (greeting.isAnswered) return { behavior: 'FAILED', words: `${wanted}, but it echoed a text`, ...rest }
  if (endpoint.closedByUs)
    return { behavior: 'FAILED', words: `${wanted}, but the suite had to end it: ${endpoint.fault}`, ...rest }
  if (endpoint.peerClosed) {
    const words = `${wanted} by ending TCP; it sent a Close frame on what is no WebSocket`
    return { behavior: 'NON-STRICT', words, ...rest }
  }
  return { behavior: 'OK', words: 'it ended TCP, as expected', ...rest }
}
