/**
 * Group H.3: peers that take their time. Nobody says how long one has to wait for another, so what is found out is told:
 * after how many seconds a peer gave up, or that it did not for as long as the suite waited, which is two seconds, or two
 * minutes with all of it, after which a server that still waits is asked too much of.
 */
import type { Socket } from 'node:net'
import type { Case, Peer } from '../case.ts'
import { ClientPeer } from '../client-peer.ts'
import { OPCODE } from '../frame.ts'
import { newKey, writeRequest, writeResponse } from '../handshake.ts'
import { type Patience, patience, waitFor } from '../patience.ts'
import { ServerPeer } from '../server-peer.ts'
import { ANY_CLOSE, type Verdict } from '../verdict.ts'
import { openTalk } from '../wrong.ts'

/** Milliseconds that a peer is watched. */
const SHORT = 2000
const LONG = 120_000
/** Milliseconds between two octets. */
const BEAT = 100

interface Slow {
  readonly title: string
  readonly clause: string
  /** What is sent: all at once, or octet by octet. */
  readonly head: (whole: string) => string
  readonly isDripping?: boolean
}

/** The whole of a head but its end, with a field that has none. */
const ENDLESS: Slow['head'] = whole => `${whole.slice(0, -2)}X-Slow: ${'x'.repeat(2 * (LONG / BEAT))}`
const HALF: Slow['head'] = whole => whole.slice(0, whole.length >> 1)

const SERVERS: readonly Slow[] = [
  { title: 'A connection, and no request', clause: 'RFC 9110 §15.5.9', head: () => '' },
  { title: 'Half a request, and then nothing', clause: 'RFC 9110 §15.5.9', head: HALF },
  {
    title: 'A request without end, an octet each 100 ms',
    clause: 'RFC 9110 §15.5.9',
    head: ENDLESS,
    isDripping: true,
  },
]

const CLIENTS: readonly Slow[] = [
  { title: 'No response', clause: 'RFC 6455 §4.1', head: () => '' },
  { title: 'Half a response, and then nothing', clause: 'RFC 6455 §4.1', head: HALF },
  { title: 'A response without end, an octet each 100 ms', clause: 'RFC 6455 §4.1', head: ENDLESS, isDripping: true },
]

export const SLOW_CASES: readonly Case[] = [
  ...SERVERS.map((slow, i) => caseOf(`H.3.${i + 1}`, slow, 'server')),
  ...CLIENTS.map((slow, i) => caseOf(`H.3.${SERVERS.length + i + 1}`, slow, 'client')),
  {
    id: `H.3.${SERVERS.length + CLIENTS.length + 1}`,
    title: 'Half a frame, and the other half after a while: the message comes back, or the peer gave up',
    clause: 'RFC 6455 §5.2',
    sides: ['server', 'client'],
    weight: 'light',
    play: playHalfFrame,
  },
]

function caseOf(id: string, slow: Slow, side: 'server' | 'client'): Case {
  const { title, clause } = slow
  return { id, title, clause, sides: [side], http: '1.1', weight: 'light', play: peer => playSlow(slow, peer) }
}

async function playSlow(slow: Slow, peer: Peer): Promise<Verdict> {
  const { socket, whole } = await opening(peer)
  const text = slow.head(whole)
  const from = performance.now()
  let timer: Patience | undefined
  const drip = (at: number) => {
    if (at < text.length && socket.writable) socket.write(text[at]!)
    timer = patience(BEAT * peer.options.pace, () => drip(at + 1))
  }
  peer.log.head('suite', text)
  if (slow.isDripping) drip(0)
  else if (text !== '') socket.write(text, 'latin1')
  const limit = (peer.options.full ? LONG : SHORT) * peer.options.pace
  const gaveUp = await endOf(socket, limit)
  timer?.cancel()
  const seconds = `${((performance.now() - from) / 1000).toFixed(1)} s`
  const rest = { behaviorClose: 'OK', closeWords: 'there was nothing to be closed' } as const
  if (gaveUp) return { behavior: 'INFORMATIONAL', words: `it gave up after ${seconds}`, ...rest }
  if (peer.options.full)
    return { behavior: 'NON-STRICT', words: `expected an end, but it waits after ${seconds} still`, ...rest }
  return { behavior: 'INFORMATIONAL', words: `it waits after ${seconds} still`, ...rest }
}

/** A connection on which nothing was said by us, and what is to be said. */
async function opening(peer: Peer): Promise<{ socket: Socket; whole: string }> {
  if (peer instanceof ClientPeer) return { socket: peer.request.socket, whole: writeResponse(peer.key) }
  if (!(peer instanceof ServerPeer)) throw new TypeError('this is for servers and clients on sockets')
  return { socket: await peer.connect(), whole: writeRequest(peer.target, newKey()) }
}

/** Whether TCP, or a response, ends within a time. */
function endOf(socket: Socket, milliseconds: number): Promise<boolean> {
  return new Promise(resolve => {
    const done = (ended: boolean) => {
      timer.cancel()
      resolve(ended)
    }
    const timer = patience(milliseconds, () => done(false))
    socket
      .on('end', () => done(true))
      .on('close', () => done(true))
      .resume()
  })
}

async function playHalfFrame(peer: Peer): Promise<Verdict> {
  const payload = Buffer.from('a text that takes its time')
  let came: Buffer | undefined
  const talk = await openTalk(peer, message => {
    came = message
    talkEnd()
  })
  let talkEnd = () => {}
  if ('behavior' in talk) return talk
  const { endpoint } = talk
  talkEnd = () => endpoint.sendClose(1000)
  endpoint.sendHeader({ opcode: OPCODE.text, announced: payload.length })
  endpoint.sendPart(payload.subarray(0, 10))
  const from = performance.now()
  const limit = waitFor((peer.options.full ? LONG : SHORT) * peer.options.pace)
  await Promise.race([talk.ended, limit])
  const seconds = `${((performance.now() - from) / 1000).toFixed(1)} s`
  if (endpoint.state === 'closed') {
    const words = `it gave up after ${seconds}`
    return { behavior: 'INFORMATIONAL', behaviorClose: 'OK', words, closeWords: 'closed by the peer, as it may' }
  }
  endpoint.sendPart(payload.subarray(10))
  const timer = patience(1000 * peer.options.pace, () => endpoint.fail(1001, 'nothing more came within 1 s'))
  await talk.ended
  timer.cancel()
  if (came?.equals(payload))
    return { behavior: 'OK', words: `it waited ${seconds}, and the message came back`, ...ANY_CLOSE }
  return {
    behavior: 'FAILED',
    words: `expected the message back after ${seconds}, got ${came ? 'another' : 'none'}`,
    ...ANY_CLOSE,
  }
}
