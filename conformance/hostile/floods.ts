/**
 * Group H.4: much, by a peer that does not read, and many connections that come to nothing. What is asked of an endpoint is
 * that it bears it: it stops to read, or ends the connection, but does not keep for the other all that it would say; and
 * whoever comes afterwards is served.
 */
import type { Socket } from 'node:net'
import type { Case, Peer } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { OPCODE, writeFrame } from '../frame.ts'
import { Greeting } from '../greeting.ts'
import { newKey, writeRequest } from '../handshake.ts'
import { patience, waitFor } from '../patience.ts'
import { reset } from '../reset.ts'
import { ServerPeer } from '../server-peer.ts'
import { ANY_CLOSE, type Behavior, type Verdict } from '../verdict.ts'
import { openTalk } from '../wrong.ts'

const MIB = 2 ** 20
/** Octets that a peer is sent at most. */
const FLOOD = 32 * MIB
/** What the buffers of two systems may hold between two programs, and more. */
const BUFFERED = 16 * MIB
/** Milliseconds without progress by which the peer has stopped to read. */
const STALL = 700
/** Milliseconds for what it has kept to come. */
const REST = 10_000
const CONNECTIONS = 1000
/** Connections at a time. */
const JOBS = 50

interface Flood {
  readonly title: string
  readonly clause: string
  readonly opcode: number
  readonly length: number
}

const FLOODS: readonly Flood[] = [
  {
    title: 'Pings without end, and no Pong is read: it stops to read, leaves Pongs out, or ends the connection',
    clause: 'RFC 6455 §5.5.3, §10.4',
    opcode: OPCODE.ping,
    length: 125,
  },
  {
    title: 'Messages without end, and no echo is read: it stops to read, or ends the connection',
    clause: 'RFC 6455 §10.4',
    opcode: OPCODE.binary,
    length: 16_384,
  },
]

type Storm = (peer: ServerPeer) => Promise<string | undefined>

const STORMS: readonly { readonly title: string; readonly clause: string; readonly run: Storm }[] = [
  {
    title: '1,000 connections that are dropped: open, half open, and without a request',
    clause: 'RFC 6455 §7.1.5',
    run: peer => storm(peer, CONNECTIONS, dropOne),
  },
  {
    title: 'A reset after each octet of a handshake and of a frame',
    clause: 'RFC 6455 §7.1.5',
    run: peer => storm(peer, scriptOf(peer).length, (it, i) => cutOne(it, i, reset)),
  },
  {
    title: 'The end of TCP after each octet of a handshake and of a frame: the server ends its side too',
    clause: 'RFC 6455 §7.1.5',
    run: peer => storm(peer, scriptOf(peer).length, (it, i) => cutOne(it, i, socket => socket.end())),
  },
]

export const FLOOD_CASES: readonly Case[] = [
  ...FLOODS.map((flood, i): Case => {
    const { title, clause } = flood
    const play = (peer: Peer) => playFlood(flood, peer)
    return { id: `H.4.${i + 1}`, title, clause, sides: ['server', 'client'], weight: 'heavy', play }
  }),
  {
    id: `H.4.${FLOODS.length + 1}`,
    title: 'The end of TCP within a frame: the peer ends its side too',
    clause: 'RFC 6455 §7.1.5',
    sides: ['server', 'client'],
    weight: 'light',
    play: playEnd,
  },
  ...STORMS.map(
    ({ title, clause, run }, i): Case => ({
      id: `H.4.${FLOODS.length + i + 2}`,
      title,
      clause,
      sides: ['server'],
      http: '1.1',
      weight: 'heavy',
      play: peer => playStorm(run, peer),
    }),
  ),
]

function verdict(behavior: Behavior, words: string): Verdict {
  return { behavior, words, ...ANY_CLOSE }
}

/** Frames of a flood, one behind the other, about a quarter of a mebibyte. */
function frames({ opcode, length }: Flood, { side }: Peer): Buffer {
  const maskingKey = side === 'server' ? Buffer.of(1, 2, 3, 4) : undefined
  const frame = writeFrame({ opcode, payload: Buffer.alloc(length, 'x'), maskingKey })
  return Buffer.concat(Array.from({ length: Math.ceil(MIB / 4 / frame.length) }, () => frame))
}

async function playFlood(flood: Flood, peer: Peer): Promise<Verdict> {
  let came = 0
  const count = (payload: Buffer) => {
    came += payload.length
  }
  const opened = await peer.open({ onMessage: count, onPong: count, onEnd() {} })
  if ('fault' in opened) return verdict('FAILED', `expected an open connection, but ${opened.fault}`)
  const { endpoint } = opened
  // Whoever has read the handshake lets the socket go on a turn later.
  for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
  endpoint.pause()
  const sent = await send(frames(flood, peer), endpoint, peer)
  const stopped = endpoint.state === 'open' && sent < FLOOD
  endpoint.resume()
  const isOver = await drain(endpoint, () => came, peer)
  const more = await isServing(peer)
  if (more !== undefined) return verdict('FAILED', `after the flood ${more}`)
  const megabytes = (octets: number) => `${(octets / MIB).toFixed(1)} MiB`
  // Then what comes has waited in the buffers of the system, which may be large.
  if (stopped) return verdict('OK', `it stopped to read after ${megabytes(sent)}`)
  if (came > BUFFERED && came > sent / 2)
    return verdict('NON-STRICT', `expected it to stop, but it kept ${megabytes(came)} for who did not read`)
  if (isOver) return verdict('OK', `it ended the connection after ${megabytes(sent)}`)
  return verdict('OK', `it took ${megabytes(sent)}, and kept ${megabytes(came)} of what it had to say`)
}

/** Until the peer takes no more, or it is enough; how many octets it took. */
async function send(chunk: Buffer, endpoint: Endpoint, { options }: Peer): Promise<number> {
  let sent = 0
  while (sent < FLOOD && endpoint.state !== 'closed') {
    endpoint.sendBytes(chunk, 'frames of a flood')
    if (!(await endpoint.drained(STALL * options.pace))) break
    sent += chunk.length
    // A socket that has room does not say so: what came may be that the peer has ended it.
    await new Promise(resolve => setImmediate(resolve))
  }
  return sent
}

/** Reads what was kept; whether the peer has ended the connection by itself. */
async function drain(endpoint: Endpoint, came: () => number, { options }: Peer): Promise<boolean> {
  const steps = Math.ceil(REST / STALL)
  for (let step = 0, before = -1; step < steps && endpoint.state !== 'closed' && came() !== before; step++) {
    before = came()
    await waitFor(STALL * options.pace)
  }
  const isOver = endpoint.state === 'closed' || endpoint.peerClosed
  endpoint.destroy()
  return isOver
}

/** Another connection works; what is wrong, if it does not. A client is not asked: it has come once. */
export async function isServing(peer: Peer): Promise<string | undefined> {
  if (peer.side === 'client') return undefined
  const greeting = new Greeting()
  const opened = await peer.open(greeting.handler)
  if ('fault' in opened) return `there was no other connection: ${opened.fault}`
  await greeting.talk(opened.endpoint, 1)
  const { behavior, words } = greeting.verdict()
  return behavior === 'OK' ? undefined : `another connection did not work: ${words}`
}

async function playEnd(peer: Peer): Promise<Verdict> {
  const talk = await openTalk(peer, () => {})
  if ('behavior' in talk) return talk
  const { endpoint, events } = talk
  endpoint.sendHeader({ opcode: OPCODE.text, announced: 20 })
  endpoint.sendPart(Buffer.from('half of it'))
  endpoint.whenFlushed(() => endpoint.end())
  let isLate = false
  const timer = patience(1000 * peer.options.pace, () => {
    isLate = true
    endpoint.destroy()
  })
  await talk.ended
  timer.cancel()
  if (events.length > 0) return verdict('FAILED', `expected the end of TCP, got ${events.join(', ')}`)
  if (isLate) return verdict('FAILED', 'expected the end of TCP, but the peer left it open for 1 s')
  return verdict('OK', 'the peer ended TCP, as expected')
}

async function playStorm(run: Storm, peer: Peer): Promise<Verdict> {
  if (!(peer instanceof ServerPeer)) throw new TypeError('this is for servers')
  const fault = (await run(peer)) ?? (await isServing(peer))
  return fault === undefined ? verdict('OK', 'it served others afterwards, as expected') : verdict('FAILED', fault)
}

/** Many times the same, some at a time; the first thing that went wrong. */
async function storm(
  peer: ServerPeer,
  count: number,
  one: (peer: ServerPeer, i: number) => Promise<string | undefined>,
): Promise<string | undefined> {
  let next = 0
  let fault: string | undefined
  const work = async () => {
    while (next < count && fault === undefined) fault ??= await one(peer, next++)
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  return fault
}

async function connectFor(peer: ServerPeer, i: number): Promise<Socket | string> {
  try {
    return await peer.connect()
  } catch (error) {
    return `expected ${CONNECTIONS} connections, but number ${i + 1} was not taken: ${(error as Error).message}`
  }
}

async function dropOne(peer: ServerPeer, i: number): Promise<string | undefined> {
  const socket = await connectFor(peer, i)
  if (typeof socket === 'string') return socket
  const request = writeRequest(peer.target, newKey())
  if (i % 3 === 0) {
    socket.write(request)
    await new Promise(resolve => socket.once('data', resolve).once('close', resolve))
  } else if (i % 3 === 1) socket.write(request.slice(0, 40))
  if (i % 2 === 0) socket.destroy()
  else reset(socket)
  return undefined
}

/** A handshake and a text, whose octets are counted. */
function scriptOf({ target }: ServerPeer): Buffer {
  const text = writeFrame({ opcode: OPCODE.text, payload: Buffer.from('hello'), maskingKey: Buffer.of(1, 2, 3, 4) })
  return Buffer.concat([Buffer.from(writeRequest(target, newKey())), text])
}

async function cutOne(peer: ServerPeer, at: number, cut: (socket: Socket) => void): Promise<string | undefined> {
  const socket = await connectFor(peer, at)
  if (typeof socket === 'string') return socket
  const closed = new Promise<boolean>(resolve => socket.once('close', () => resolve(true)).resume())
  await new Promise<void>(resolve => socket.write(scriptOf(peer).subarray(0, at + 1), () => resolve()))
  cut(socket)
  const isClosed = await Promise.race([closed, waitFor(2000).then(() => false)])
  socket.destroy()
  return isClosed ? undefined : `expected the end of TCP within 2 s of ours, behind octet ${at + 1}, got none`
}
