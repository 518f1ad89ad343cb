/**
 * Group H2, as a server: what is of HTTP/2 in a WebSocket (RFC 8441): the setting, the extended CONNECT and its answers, and
 * streams that come and go on one connection. All that is of frames is played on streams by the other groups.
 */
import type { ClientHttp2Session } from 'node:http2'
import type { Case, Group, Peer } from '../case.ts'
import { Greeting } from '../greeting.ts'
import { fieldValue, newKey } from '../handshake.ts'
import { isServing } from '../hostile/floods.ts'
import { patience } from '../patience.ts'
import { ServerPeer } from '../server-peer.ts'
import { ANY_CLOSE, type Behavior, type Verdict } from '../verdict.ts'
import { connectSession, destroyLater, headText, request, requestFields, statusOf } from './extended-connect.ts'
import { answerTo, writeRawRequest } from './raw-request.ts'

export const HTTP2_GROUPS: readonly Group[] = [{ id: 'H2', title: 'WebSocket over HTTP/2' }]

type Outcome = readonly [Behavior, string]
type Fields = Readonly<Record<string, string | undefined>>

interface Http2Case {
  readonly title: string
  readonly clause: string
  readonly play: (session: ClientHttp2Session, peer: ServerPeer) => Promise<Outcome>
}

/** WebSockets on one connection. */
const MANY = 10

/** Opens one and talks on it; what is wrong, in words. */
async function greet(session: ClientHttp2Session, peer: ServerPeer, more: Fields = {}): Promise<string | undefined> {
  const greeting = new Greeting()
  const opened = await peer.openOn(session, greeting.handler, {}, more)
  if ('fault' in opened) return opened.fault
  await greeting.talk(opened.endpoint, peer.options.pace)
  const { behavior, behaviorClose, words, closeWords } = greeting.verdict()
  if (behavior !== 'OK') return words
  return behaviorClose === 'OK' ? undefined : closeWords
}

function taken(fault: string | undefined, words: string): Outcome {
  return fault === undefined ? ['OK', words] : ['FAILED', `expected a WebSocket that works, but ${fault}`]
}

/** A request that must not be taken, and another WebSocket on the same connection afterwards. */
function refused(title: string, clause: string, more: Fields): Http2Case {
  return {
    title,
    clause,
    async play(session, peer) {
      const fields = requestFields(peer.target, more)
      peer.log.head('suite', headText(Object.entries(fields)))
      const came = await request(session, fields)
      const wanted = 'expected an error of HTTP, such as 400'
      if (typeof came === 'string')
        return came.includes('reset') ? ['OK', `${came}, as it may`] : ['FAILED', `${wanted}, but ${came}`]
      came.stream.destroy()
      const status = statusOf(came.head)
      if (status < 400) return ['FAILED', `${wanted}, got ${status}`]
      return taken(await greet(session, peer), `refused with ${status}, and the connection goes on`)
    },
  }
}

/** The same in octets of our own, on a connection of its own; `mayBeTaken`: nothing forbids it. */
function raw(title: string, clause: string, more: Fields, mayBeTaken = false): Http2Case {
  return {
    title,
    clause,
    async play(_, peer) {
      const fields = requestFields(peer.target, more)
      const socket = await peer.connect('h2')
      peer.log.head('suite', headText(Object.entries(fields)))
      socket.write(writeRawRequest(fields))
      const answer = await answerTo(socket, peer.options.pace)
      socket.destroy()
      const fault = await isServing(peer)
      if (fault !== undefined) return ['FAILED', fault]
      if (answer === 'none') return ['FAILED', 'expected an answer, got none']
      if (answer === 'taken' && !mayBeTaken) return ['FAILED', 'expected an error of the stream, got status 200']
      return ['OK', `it was ${answer}, ${mayBeTaken ? 'as it may' : 'as expected'}`]
    },
  }
}

const CASES: readonly Http2Case[] = [
  {
    title: 'SETTINGS_ENABLE_CONNECT_PROTOCOL is 1',
    clause: 'RFC 8441 §3',
    async play({ remoteSettings }) {
      return remoteSettings.enableConnectProtocol
        ? ['OK', 'it is 1, as expected']
        : ['FAILED', 'expected SETTINGS_ENABLE_CONNECT_PROTOCOL: 1, got none']
    },
  },
  {
    title: 'A WebSocket, with status 200 and without Sec-WebSocket-Accept',
    clause: 'RFC 8441 §5',
    async play(session, peer) {
      const came = await request(session, requestFields(peer.target))
      if (typeof came === 'string') return ['FAILED', `expected status 200, but ${came}`]
      came.stream.destroy()
      if (statusOf(came.head) !== 200) return ['FAILED', `expected status 200, got ${statusOf(came.head)}`]
      if (fieldValue(came.head, 'sec-websocket-accept') !== undefined)
        return ['NON-STRICT', 'expected no Sec-WebSocket-Accept, which stands for nothing here']
      return taken(await greet(session, peer), 'it was taken, and works')
    },
  },
  {
    title: 'A Sec-WebSocket-Key, which is not needed, and does no harm',
    clause: 'RFC 8441 §5',
    play: async (session, peer) =>
      taken(await greet(session, peer, { 'sec-websocket-key': newKey() }), 'it was taken, and works'),
  },
  refused('Version 12', 'RFC 6455 §4.2.2', { 'sec-websocket-version': '12' }),
  refused('No version', 'RFC 6455 §4.2.1', { 'sec-websocket-version': undefined }),
  refused('A :protocol that nobody knows', 'RFC 9220 §3', { ':protocol': 'x-unknown' }),
  {
    title: `${MANY} WebSockets on one connection`,
    clause: 'RFC 8441 §5.1',
    async play(session, peer) {
      const faults = await Promise.all(Array.from({ length: MANY }, () => greet(session, peer)))
      return taken(
        faults.find(fault => fault !== undefined),
        'all of them work',
      )
    },
  },
  {
    title: 'One after the other on one connection, which outlives them',
    clause: 'RFC 8441 §5',
    async play(session, peer) {
      for (let i = 0; i < 3; i++) {
        const fault = await greet(session, peer)
        if (fault !== undefined) return taken(fault, '')
      }
      return taken(session.closed ? 'the connection was closed with it' : undefined, 'all of them work')
    },
  },
  {
    title: 'RST_STREAM of one WebSocket, while another goes on',
    clause: 'RFC 8441 §5',
    async play(session, peer) {
      const greeting = new Greeting()
      const [lost, kept] = [
        await request(session, requestFields(peer.target)),
        await peer.openOn(session, greeting.handler, {}),
      ]
      if (typeof lost === 'string') return ['FAILED', lost]
      if ('fault' in kept) return ['FAILED', kept.fault]
      // CANCEL.
      lost.stream.close(8)
      await new Promise(resolve => lost.stream.once('close', resolve))
      await greeting.talk(kept.endpoint, peer.options.pace)
      const { behavior, words } = greeting.verdict()
      return [behavior, words]
    },
  },
  {
    title: 'END_STREAM without a Close: the server ends its side too',
    clause: 'RFC 8441 §5',
    async play(session, peer) {
      const came = await request(session, requestFields(peer.target))
      if (typeof came === 'string') return ['FAILED', came]
      const { stream } = came
      const ended = await new Promise<boolean>(resolve => {
        const timer = patience(1000 * peer.options.pace, () => resolve(false))
        stream.once('close', () => resolve(true)).once('end', () => resolve(true))
        stream.once('close', () => timer.cancel()).resume()
        stream.end()
      })
      stream.destroy()
      return ended
        ? ['OK', 'it ended the stream, as expected']
        : ['FAILED', 'expected the end of the stream, got none']
    },
  },
  {
    title: 'An ordinary GET beside a WebSocket',
    clause: 'RFC 8441 §5.1',
    async play(session, peer) {
      const greeting = new Greeting()
      const opened = await peer.openOn(session, greeting.handler, {})
      if ('fault' in opened) return ['FAILED', opened.fault]
      const get = { ':method': 'GET', ':protocol': undefined, 'sec-websocket-version': undefined }
      const came = await request(session, requestFields(peer.target, get))
      if (typeof came !== 'string') came.stream.resume()
      await greeting.talk(opened.endpoint, peer.options.pace)
      if (typeof came === 'string') return ['FAILED', `expected an answer to GET, but ${came}`]
      const { behavior, words } = greeting.verdict()
      return [behavior, `${words}; GET was answered with ${statusOf(came.head)}`]
    },
  },
  raw('A CONNECT that does not wait for SETTINGS: taken, or not', 'RFC 8441 §4', {}, true),
  raw('A CONNECT without :scheme', 'RFC 8441 §4', { ':scheme': undefined }),
  raw('A CONNECT without :path', 'RFC 8441 §4', { ':path': undefined }),
  raw('A :protocol with GET', 'RFC 8441 §4', { ':method': 'GET' }),
]

export const HTTP2_CASES: readonly Case[] = CASES.map(({ title, clause, play }, i) => ({
  id: `H2.${i + 1}`,
  title,
  clause,
  sides: ['server'],
  http: '2',
  weight: 'light',
  async play(peer: Peer): Promise<Verdict> {
    if (!(peer instanceof ServerPeer)) throw new TypeError('this is for servers')
    let session: ClientHttp2Session
    try {
      session = await connectSession(peer.target)
    } catch (error) {
      return { behavior: 'FAILED', words: `expected HTTP/2, but ${(error as Error).message}`, ...ANY_CLOSE }
    }
    const [behavior, words] = await play(session, peer)
    destroyLater(session)
    return { behavior, words, ...ANY_CLOSE }
  },
}))
