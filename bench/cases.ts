/**
 * What is measured, by name. A case is played by several contenders in turns: the peers, or in a case about growth the
 * points of a line.
 */
import type { Content } from './frames.ts'
import type { LoadTerms, Request } from './load-terms.ts'
import { MICRO_CASES } from './micro-cases.ts'
import type { Side } from './peers.ts'
import type { ServerTerms } from './servers/terms.ts'

/** One load, whoever is under it. */
export interface Traffic {
  readonly load: 'run' | 'broadcast' | 'handshakes'
  readonly terms: LoadTerms
  readonly connections: number
  /** Connections that are open besides and silent. */
  readonly idle: number
  readonly role: ServerTerms['role']
  readonly delivery: ServerTerms['delivery']
}

interface Named {
  readonly name: string
  readonly title: string
  /** What one of it costs. */
  readonly per: string
  /** Who plays unless others are asked for. */
  readonly peers: readonly string[]
  /** Left out unless it is named. */
  readonly onRequest?: boolean
}

export interface TrafficCase extends Named {
  readonly kind: 'traffic'
  readonly side: Side
  readonly traffic: Traffic
}

export interface GrowthCase extends Named {
  readonly kind: 'growth'
  /** What grows. */
  readonly axis: string
  readonly points: readonly number[]
  readonly at: (point: number) => Traffic
  /** Of what `per` names, how many are in a message. */
  readonly parts: (point: number) => number
}

export interface IdleCase extends Named {
  readonly kind: 'idle'
  readonly request: Request
  /** Server processes at a time; more than one are watched while their heartbeats run. */
  readonly processes: number
}

/** In one process, without a socket. */
export interface MicroCase extends Named {
  readonly kind: 'micro'
}

export type Case = TrafficCase | GrowthCase | IdleCase | MicroCase

const SIZES: Readonly<Record<number, string>> = {
  16: '16 B',
  125: '125 B',
  1024: '1 KiB',
  16384: '16 KiB',
  65536: '64 KiB',
  1048576: '1 MiB',
}
const WORDS: Readonly<Record<Content, string>> = {
  text: 'ASCII text',
  multibyte: 'multi-byte text',
  binary: 'binary',
}
const SERVERS = ['wirewright', 'ws', 'ws-bufferutil', 'raw', 'uws', 'bun', 'deno', 'faye']
const WITH_ATTACHED = ['wirewright', 'wirewright-attached', ...SERVERS.slice(1)]
const CLIENTS = ['wirewright', 'ws', 'ws-bufferutil', 'raw', 'undici', 'bun', 'deno', 'faye']

/** The whole grid would say the same things again and again: all sizes as ASCII, some of them otherwise. */
const ECHOES: readonly [content: Content, inFlight: 1 | 64, sizes: readonly number[]][] = [
  ['text', 1, [16, 125, 1024, 16_384, 65_536, 1_048_576]],
  ['text', 64, [16, 125, 1024, 16_384]],
  ['binary', 1, [16, 125, 1024, 16_384, 65_536, 1_048_576]],
  ['binary', 64, [16, 125, 1024, 16_384]],
  ['multibyte', 1, [125, 1024, 65_536, 1_048_576]],
  ['multibyte', 64, [125, 1024]],
]

function traffic(content: Content, size: number, inFlight: number, connections: number): Traffic {
  const terms = { content, size, fragments: 1, inFlight }
  return { load: 'run', terms, connections, idle: 0, role: 'echo', delivery: 'string' }
}

/** One at a time on many connections, or many at a time on a few. */
function busy(content: Content, size: number, inFlight: 1 | 64): Traffic {
  return traffic(content, size, inFlight, inFlight === 1 ? 64 : 16)
}

function manner(inFlight: 1 | 64): string {
  return inFlight === 1 ? '64 connections, one at a time' : '16 connections, 64 in flight'
}

function echo(content: Content, size: number, inFlight: 1 | 64): TrafficCase {
  return {
    kind: 'traffic',
    name: `echo-${size}-${content}-${inFlight}`,
    title: `echo of ${SIZES[size]}, ${WORDS[content]}, ${manner(inFlight)}`,
    per: 'message',
    side: 'server',
    peers: SERVERS,
    traffic: busy(content, size, inFlight),
  }
}

/** Text as the library hands it out by itself, where that is not a string. */
function nativeEcho(content: Content, size: number, inFlight: 1 | 64): TrafficCase {
  const it = echo(content, size, inFlight)
  const title = it.title.replace('text', 'text not made a string')
  return { ...it, name: `${it.name}-native`, title, traffic: { ...it.traffic, delivery: 'native' } }
}

function client(content: Content, size: number, inFlight: 1 | 64): TrafficCase {
  const it = echo(content, size, inFlight)
  return {
    ...it,
    name: `client-${size}-${content}-${inFlight}`,
    title: `client: ${it.title}`,
    side: 'client',
    peers: CLIENTS,
  }
}

const BROADCAST: TrafficCase = {
  kind: 'traffic',
  name: 'broadcast',
  title: 'broadcast of 100 B to 1,000 connections, 16 in flight',
  per: 'delivery',
  side: 'server',
  peers: SERVERS,
  traffic: { ...traffic('text', 100, 16, 1000), load: 'broadcast', role: 'broadcast' },
}

const HANDSHAKE: TrafficCase = {
  kind: 'traffic',
  name: 'handshake',
  title: 'opening handshakes, 64 at a time, connections kept',
  per: 'handshake',
  side: 'server',
  peers: WITH_ATTACHED,
  traffic: { ...traffic('text', 16, 1, 0), load: 'handshakes', role: 'quiet' },
}

const GROWTH: readonly GrowthCase[] = [
  {
    kind: 'growth',
    name: 'growth-connections',
    title: 'echo of 125 B while more and more connections are open and silent',
    per: 'message',
    axis: 'silent connections',
    peers: ['wirewright'],
    points: [1, 10, 100, 1000, 10_000],
    at: point => ({ ...busy('text', 125, 64), idle: point }),
    parts: () => 1,
  },
  {
    kind: 'growth',
    name: 'growth-bytes',
    title: 'echo of longer and longer messages, 4 connections, one at a time',
    per: 'byte',
    axis: 'bytes of a message',
    peers: ['wirewright'],
    points: [16, 256, 4096, 65_536, 1_048_576, 16_777_216, 67_108_864],
    at: point => traffic('binary', point, 1, 4),
    parts: point => point,
  },
  {
    kind: 'growth',
    name: 'growth-fragments',
    title: 'echo of messages in more and more fragments of 16 B, 4 connections, one at a time',
    per: 'fragment',
    axis: 'fragments of a message',
    peers: ['wirewright'],
    points: [1, 10, 100, 1000, 10_000],
    at: point => {
      const it = traffic('binary', 16 * point, 1, 4)
      return { ...it, terms: { ...it.terms, fragments: point } }
    },
    parts: point => point,
  },
]

function idle(request: Request, processes: number): IdleCase {
  const kinds = {
    websocket: 'WebSocket',
    deflate: 'WebSocket with deflate, after 2 kB each way',
    events: 'event stream',
  }
  const peers = {
    websocket: WITH_ATTACHED,
    deflate: ['wirewright', 'ws', 'uws', 'bun'],
    events: ['wirewright', 'wirewright-attached', 'raw', 'better-sse'],
  }
  return {
    kind: 'idle',
    name: processes === 1 ? `idle-${request}` : `fleet-${request}`,
    title: `idle ${kinds[request]}${processes === 1 ? '' : `, ${processes} processes, heartbeat running`}`,
    per: 'connection',
    peers: processes === 1 ? peers[request] : ['wirewright'],
    request,
    processes,
    onRequest: processes > 1,
  }
}

const REQUESTS: readonly Request[] = ['websocket', 'deflate', 'events']

export const CASES: readonly Case[] = [
  ...ECHOES.flatMap(([content, inFlight, sizes]) => sizes.map(size => echo(content, size, inFlight))),
  nativeEcho('text', 125, 64),
  nativeEcho('text', 1024, 64),
  nativeEcho('text', 1024, 1),
  nativeEcho('multibyte', 1024, 64),
  BROADCAST,
  HANDSHAKE,
  client('text', 125, 64),
  client('text', 125, 1),
  client('binary', 1024, 64),
  client('binary', 65_536, 1),
  ...REQUESTS.map(request => idle(request, 1)),
  ...REQUESTS.map(request => idle(request, 5)),
  ...GROWTH,
  ...Object.entries(MICRO_CASES).map(([name, { title, per, load }]): MicroCase => {
    return { kind: 'micro', name, title, per, peers: load.peers }
  }),
]

/** Those whose name holds one of the words, in the order of the list; without words all but those on request. */
export function selectCases(words: readonly string[]): readonly Case[] {
  if (words.length === 0) return CASES.filter(({ onRequest }) => onRequest !== true)
  // A word that is a name means that one case.
  return CASES.filter(({ name }) =>
    words.some(word => (CASES.some(it => it.name === word) ? word === name : name.includes(word))),
  )
}
