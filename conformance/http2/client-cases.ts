/**
 * Group H2, as a client: what RFC 8441 and RFC 9113 want of who opens WebSockets on streams. The request; answers that must
 * be taken, and such after which the client must fail the WebSocket; and how streams end. All that is of frames is played on
 * streams by the other groups. A request that is malformed by HTTP/2's own rules never gets here: Node's HTTP/2 resets it.
 */
import { constants, type OutgoingHttpHeaders } from 'node:http2'
import type { Case, Peer } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { OPCODE } from '../frame.ts'
import { GREETING, Greeting } from '../greeting.ts'
import { fieldValue } from '../handshake.ts'
import { patience, waitFor } from '../patience.ts'
import { ANY_CLOSE, type Behavior, type Verdict } from '../verdict.ts'
import { Http2ClientPeer, type IncomingStream } from './client-peer.ts'

type Outcome = readonly [Behavior, string]

interface ClientCase {
  readonly title: string
  readonly clause: string
  readonly play: (peer: Http2ClientPeer) => Promise<Outcome>
}

/** Those for servers stand before it. */
const FIRST = 16
const { NGHTTP2_CANCEL: CANCEL, NGHTTP2_NO_ERROR: NO_ERROR } = constants
/** Milliseconds for the end of a stream. */
const LIMIT = 1000
/** And in which a connection shows that it outlives a stream. */
const AFTERWARDS = 300

/** What is wrong with a request that comes through, and how much; the WebSocket is opened all the same. */
function requested(title: string, clause: string, judge: (request: IncomingStream) => Outcome): ClientCase {
  return {
    title,
    clause,
    async play(peer) {
      const greeting = new Greeting()
      peer.respond({})
      await greeting.talk(peer.endpoint(greeting.handler), peer.options.pace)
      return judge(peer.request)
    },
  }
}

function field({ head }: IncomingStream, name: string): string {
  return fieldValue(head, name) ?? 'none'
}

function expected(words: string, got: string): Outcome {
  return got === words.split(': ')[1] ? ['OK', `${words}, as expected`] : ['FAILED', `expected ${words}, got ${got}`]
}

const REQUESTS: readonly ClientCase[] = [
  requested(':protocol is websocket', 'RFC 8441 §5', request =>
    expected(':protocol: websocket', field(request, ':protocol')),
  ),
  requested(':scheme is https for wss, and http for ws', 'RFC 8441 §5', request =>
    expected(`:scheme: ${request.secure ? 'https' : 'http'}`, field(request, ':scheme')),
  ),
  requested('Sec-WebSocket-Version: 13', 'RFC 8441 §5', request =>
    expected('Sec-WebSocket-Version: 13', field(request, 'sec-websocket-version')),
  ),
  requested('The host is in :authority, and no Host says another', 'RFC 9113 §8.3.1', request => {
    const [authority, host] = [field(request, ':authority'), field(request, 'host')]
    if (authority === 'none') return ['FAILED', 'expected :authority, got none']
    if (host === 'none') return ['OK', 'it is in :authority alone, as expected']
    return host === authority
      ? ['NON-STRICT', 'expected no Host beside :authority, got the same there']
      : ['FAILED', `expected no other Host than ${authority}, got ${host}`]
  }),
  requested('No Sec-WebSocket-Key, which stands for nothing here', 'RFC 8441 §5', request =>
    field(request, 'sec-websocket-key') === 'none'
      ? ['OK', 'there is none, as expected']
      : ['NON-STRICT', 'expected no Sec-WebSocket-Key, got one'],
  ),
  // RFC 9113 §6.5.3: SETTINGS are acknowledged as soon as they have come, and so before what they allow is done.
  requested('It waits for SETTINGS_ENABLE_CONNECT_PROTOCOL', 'RFC 8441 §3', ({ isSettled }) =>
    isSettled
      ? ['OK', 'the request came behind the acknowledgement of our SETTINGS, as expected']
      : ['FAILED', 'expected the request behind the acknowledgement of our SETTINGS, but it came before'],
  ),
]

/** What is right in an unusual way: the WebSocket must work. */
function taken(title: string, clause: string, respond: (peer: Http2ClientPeer) => void): ClientCase {
  return { title, clause, play: peer => greet(peer, respond) }
}

async function greet(
  peer: Http2ClientPeer,
  respond: (peer: Http2ClientPeer) => void,
  before = (_: Endpoint) => {},
): Promise<Outcome> {
  const greeting = new Greeting()
  respond(peer)
  const endpoint = peer.endpoint(greeting.handler)
  before(endpoint)
  await greeting.talk(endpoint, peer.options.pace)
  const { behavior, behaviorClose, words, closeWords } = greeting.verdict()
  return behavior === 'OK' && behaviorClose !== 'OK' ? ['FAILED', closeWords] : [behavior, words]
}

const TO_TAKE: readonly ClientCase[] = [
  taken('A plain response, and a text right behind it', 'RFC 8441 §5', peer => peer.respond({})),
  taken('A Sec-WebSocket-Accept for no key at all, which is not looked at', 'RFC 8441 §5', peer =>
    peer.respond({ 'sec-websocket-accept': 'x' }),
  ),
  taken('Fields that nobody knows, fifty of them', 'RFC 9110 §5.1', peer =>
    peer.respond(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x-unknown-${i}`, 'x'.repeat(60)]))),
  ),
  taken('103 Early Hints before the response', 'RFC 9110 §15.2', peer => {
    peer.request.stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' })
    peer.respond({})
  }),
  {
    title: 'Status 201, by which CONNECT has succeeded too: taken, or not',
    clause: 'RFC 9110 §9.3.6',
    async play(peer) {
      const [behavior, words] = await playFailed(peer, { ':status': 201 })
      return behavior === 'OK' ? ['OK', 'it was not taken, as it may: RFC 8441 has 200 alone'] : [behavior, words]
    },
  },
]

function failed(title: string, clause: string, fields: OutgoingHttpHeaders): ClientCase {
  return { title, clause, play: peer => playFailed(peer, fields) }
}

/** The text goes out with the response: who takes the one would echo the other. */
async function playFailed(peer: Http2ClientPeer, fields: OutgoingHttpHeaders): Promise<Outcome> {
  const greeting = new Greeting()
  peer.respond(fields)
  const endpoint = peer.endpoint(greeting.handler)
  // What is no WebSocket is a response with content, which has an end.
  const isContent = Number(fields[':status'] ?? 200) >= 300
  endpoint.sendFrame({ opcode: OPCODE.text, payload: GREETING })
  if (isContent) endpoint.whenFlushed(() => endpoint.end())
  await greeting.talk(endpoint, peer.options.pace, false)
  const wanted = 'expected the client to fail the WebSocket'
  if (greeting.isAnswered)
    return fields[':status'] === 201
      ? ['OK', 'it was taken, as it may']
      : ['FAILED', `${wanted}, but it echoed a text`]
  if (endpoint.closedByUs) return ['FAILED', `${wanted}, but the suite had to end it: ${endpoint.fault}`]
  if (endpoint.peerClosed)
    return ['NON-STRICT', `${wanted} by ending the stream; it sent a Close frame on what is no WebSocket`]
  return ['OK', 'it ended the stream, as expected']
}

const DEFLATE = 'permessage-deflate'
const TO_FAIL: readonly ClientCase[] = [
  ...[400, 401, 404, 503].map(status => failed(`Status ${status}`, 'RFC 6455 §4.1', { ':status': status })),
  failed('Status 302, where nothing is to be had', 'RFC 6455 §4.1', {
    ':status': 302,
    location: 'https://127.0.0.1:1/',
  }),
  ...[
    ['An extension that was not offered', 'x-unknown'],
    ['permessage-deflate with server_max_window_bits=7', `${DEFLATE}; server_max_window_bits=7`],
    ['permessage-deflate twice', `${DEFLATE}, ${DEFLATE}`],
  ].map(([title = '', value]) => failed(title, 'RFC 6455 §4.1', { 'sec-websocket-extensions': value })),
  failed('A subprotocol that was not asked for', 'RFC 6455 §4.1', { 'sec-websocket-protocol': 'x-unknown' }),
]

/** How the client's side of the stream ends: the code with which it was reset, 0 for END_STREAM, undefined in case it does not. */
function endOf({ request, options }: Http2ClientPeer): Promise<number | undefined> {
  const { stream } = request
  let hasEnded = false
  return new Promise(resolve => {
    const timer = patience(LIMIT * options.pace, () => resolve(hasEnded ? NO_ERROR : undefined))
    stream.once('end', () => {
      hasEnded = true
    })
    stream.once('close', () => {
      timer.cancel()
      const code = stream.rstCode ?? NO_ERROR
      resolve(code === NO_ERROR && !hasEnded ? undefined : code)
    })
  })
}

/** §5: "Orderly TCP-level closures are represented as END_STREAM flags … RST exceptions … with the CANCEL error code" */
function judgeEnd(code: number | undefined, mayBeReset: boolean): Outcome {
  const wanted = mayBeReset ? 'expected END_STREAM or RST_STREAM with CANCEL' : 'expected END_STREAM'
  if (code === undefined) return ['FAILED', `${wanted}, got neither`]
  if (code === NO_ERROR) return ['OK', 'END_STREAM came, as expected']
  if (code === CANCEL && mayBeReset) return ['OK', 'RST_STREAM with CANCEL came, as expected']
  return ['NON-STRICT', `${wanted}, got RST_STREAM with code ${code}`]
}

/** A WebSocket that is ended by what the suite does; the end must be one of its stream alone. */
function ended(
  title: string,
  clause: string,
  act: (endpoint: Endpoint, peer: Http2ClientPeer) => void,
  judge: (code: number | undefined, endpoint: Endpoint) => Outcome,
): ClientCase {
  return {
    title,
    clause,
    async play(peer) {
      peer.respond({})
      const endpoint = peer.endpoint({ onMessage() {}, onPong() {}, onEnd() {} })
      const end = endOf(peer)
      let error: number = NO_ERROR
      // RFC 9113 §6.8: GOAWAY tells why a connection is ended.
      peer.request.session.on('goaway', code => {
        error ||= code
      })
      act(endpoint, peer)
      const code = await end
      await waitFor(AFTERWARDS * peer.options.pace)
      if (error !== NO_ERROR)
        return ['FAILED', `expected the connection to outlive it, but the client ended that with error ${error}`]
      return judge(code, endpoint)
    },
  }
}

const ENDS: readonly ClientCase[] = [
  ended(
    'After the closing handshake: END_STREAM',
    'RFC 8441 §5',
    endpoint => endpoint.sendClose(1000),
    code => judgeEnd(code, false),
  ),
  ended(
    'A Close and END_STREAM right behind it: the Close comes back all the same',
    'RFC 6455 §5.5.1',
    endpoint => {
      endpoint.sendClose(1000)
      endpoint.whenFlushed(() => endpoint.end())
    },
    (_, { peerClosed }) =>
      peerClosed ? ['OK', 'the Close came back, as expected'] : ['FAILED', 'expected the Close back, got none'],
  ),
  ended(
    'END_STREAM without a Close: the client ends its side too',
    'RFC 8441 §5',
    endpoint => endpoint.end(),
    code => judgeEnd(code, true),
  ),
  ended(
    'A frame that is wrong: it ends the stream, and not the connection',
    'RFC 8441 §5',
    endpoint => endpoint.sendFrame({ opcode: 3, payload: GREETING }),
    code => judgeEnd(code, true),
  ),
  ended(
    'RST_STREAM with CANCEL: it ends the stream, and not the connection',
    'RFC 8441 §5',
    (_, { request }) => request.stream.close(CANCEL),
    () => ['OK', 'the connection was not ended with an error'],
  ),
  {
    title: 'A response that cannot be taken is answered by END_STREAM, or by RST_STREAM with CANCEL',
    clause: 'RFC 8441 §5',
    async play(peer) {
      peer.respond({ 'sec-websocket-extensions': 'x-unknown' })
      peer.request.stream.resume()
      return judgeEnd(await endOf(peer), true)
    },
  },
  {
    title: 'END_STREAM with the response: the client ends its side too',
    clause: 'RFC 8441 §5',
    async play(peer) {
      peer.respond({}, { endStream: true })
      peer.request.stream.resume()
      return judgeEnd(await endOf(peer), true)
    },
  },
  {
    title: 'GOAWAY without an error: what is open goes on',
    clause: 'RFC 9113 §6.8',
    play: peer =>
      greet(
        peer,
        it => it.respond({}),
        () => peer.request.session.goaway(NO_ERROR, peer.request.stream.id!),
      ),
  },
  {
    title: 'How many WebSockets its connection has had',
    clause: 'RFC 8441 §5.1',
    async play(peer) {
      const { number } = peer.request
      const [behavior, words] = await greet(peer, it => it.respond({}))
      if (behavior !== 'OK') return [behavior, words]
      return ['INFORMATIONAL', number === 1 ? 'it is the first on its connection' : `it is number ${number} on it`]
    },
  },
]

export const HTTP2_CLIENT_CASES: readonly Case[] = [...REQUESTS, ...TO_TAKE, ...TO_FAIL, ...ENDS].map(
  ({ title, clause, play }, i) => ({
    id: `H2.${FIRST + i}`,
    title,
    clause,
    sides: ['client'],
    http: '2',
    weight: 'light',
    async play(peer: Peer): Promise<Verdict> {
      if (!(peer instanceof Http2ClientPeer)) throw new TypeError('this is for clients over HTTP/2')
      const [behavior, words] = await play(peer)
      return { behavior, words, ...ANY_CLOSE }
    },
  }),
)
