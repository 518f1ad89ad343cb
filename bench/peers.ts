/**
 * Who is measured: names, how each is started, and whether it is there. What does not come with this package is installed
 * beside it by `npm run bench:peers`; who is missing is told, with those words, and never left out in silence.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Where they are, seen from dist/bench/. */
const FOREIGN = new URL('../../bench/peers/', import.meta.url)
const OWN = new URL('../../', import.meta.url)

/** A module that is among the foreign peers. */
export const peerRequire: NodeJS.Require = createRequire(new URL('package.json', FOREIGN))

export interface Launch {
  readonly file: string
  /** What stands before the program. */
  readonly args: readonly string[]
  /** Of the peer; of ours, that of the tree. */
  readonly version: string
}

export interface Peer {
  readonly name: string
  /** In a table. */
  readonly title: string
  /** The package that it comes in. */
  readonly package: string
  readonly runtime: 'node' | 'bun' | 'deno'
}

function peer(name: string, title = name, from = name, runtime: Peer['runtime'] = 'node'): Peer {
  return { name, title, package: from, runtime }
}

export const PEERS = {
  server: [
    peer('wirewright', 'wirewright, own port', 'wirewright'),
    peer('wirewright-attached', 'wirewright, node:http', 'wirewright'),
    peer('ws'),
    peer('ws-bufferutil', 'ws + bufferutil', 'bufferutil'),
    peer('raw', 'node:net, no WebSocket', 'node'),
    peer('uws', 'uWebSockets.js', '@trufflesuite/uws-js-unofficial'),
    peer('bun', 'Bun', 'bun', 'bun'),
    peer('deno', 'Deno', 'deno', 'deno'),
    peer('faye', 'faye-websocket', 'faye-websocket'),
    peer('better-sse'),
  ],
  client: [
    peer('wirewright'),
    peer('ws'),
    peer('ws-bufferutil', 'ws + bufferutil', 'bufferutil'),
    peer('raw', 'node:net, no WebSocket', 'node'),
    peer('undici'),
    peer('bun', 'Bun', 'bun', 'bun'),
    peer('deno', 'Deno', 'deno', 'deno'),
    peer('faye', 'faye-websocket', 'faye-websocket'),
  ],
} as const satisfies Record<'server' | 'client', readonly Peer[]>

export type Side = keyof typeof PEERS

export const PEER_NAMES: readonly string[] = [
  ...new Set(Object.values(PEERS).flatMap(all => all.map(({ name }) => name))),
]

export function findPeer(side: Side, name: string): Peer | undefined {
  return PEERS[side].find(peer => peer.name === name)
}

/** Undefined if it is not installed. */
export function launchOf(peer: Peer): Launch | undefined {
  if (peer.runtime !== 'node') return runtimeLaunch(peer.runtime)
  const args = ['--expose-gc']
  if (peer.package === 'wirewright' || peer.package === 'node') {
    const version = peer.package === 'node' ? process.version.slice(1) : versionIn(new URL('package.json', OWN))
    return version === undefined ? undefined : { file: process.execPath, args, version }
  }
  // With bufferutil comes a `ws` that finds it.
  const isForeign = ['bufferutil', '@trufflesuite/uws-js-unofficial', 'faye-websocket'].includes(peer.package)
  const version = versionIn(new URL(`node_modules/${peer.package}/package.json`, isForeign ? FOREIGN : OWN))
  return version === undefined ? undefined : { file: process.execPath, args, version }
}

/** The program itself and not what npm puts before it, so that the process that is started is the one to measure. */
function runtimeLaunch(runtime: 'bun' | 'deno'): Launch | undefined {
  const version = versionIn(new URL(`node_modules/${runtime}/package.json`, FOREIGN))
  const scope = new URL(`node_modules/@${runtime === 'bun' ? 'oven' : 'deno'}/`, FOREIGN)
  const folders = existsSync(scope) ? readdirSync(scope) : []
  const candidates =
    runtime === 'bun'
      ? [new URL('node_modules/bun/bin/bun.exe', FOREIGN), ...folders.map(name => new URL(`${name}/bin/bun`, scope))]
      : folders.flatMap(name => [new URL(`${name}/deno`, scope), new URL(`${name}/deno.exe`, scope)])
  const file = candidates.find(candidate => existsSync(candidate))
  if (version === undefined || file === undefined) return undefined
  const args =
    runtime === 'bun'
      ? ['run']
      : ['run', '--quiet', '--allow-all', '--no-config', '--no-lock', '--v8-flags=--expose-gc']
  return { file: fileURLToPath(file), args, version }
}

function versionIn(file: URL): string | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).version
  } catch {
    return undefined
  }
}

/** What to say of a peer that is missing. */
export function missing({ name, package: from }: Peer): string {
  return `${name}: ${from} is not installed (npm run bench:peers)`
}
