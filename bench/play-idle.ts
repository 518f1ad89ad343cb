/**
 * Memory of connections that are open and silent: bytes of RSS, when garbage has been collected, for each of those behind
 * the first 500, whose cost once for all is not theirs. With several processes at a time, also what a heartbeat costs and
 * whether all connections live through it.
 */
import { readFileSync } from 'node:fs'
import type { IdleCase } from './cases.ts'
import { Load } from './load.ts'
import { MeasuredProcess } from './measured-process.ts'
import { launchOf, type Peer } from './peers.ts'
import { serverTerms } from './play-traffic.ts'
import { processorTime, timeBetween } from './processor-time.ts'
import type { Played, Sample } from './recording.ts'
import type { RunOptions } from './run-options.ts'
import { rotated } from './statistics.ts'

const FIRST = 500
/** What a process needs for itself. */
const SPARE_DESCRIPTORS = 300
const TERMS = { content: 'text', size: 2000, fragments: 1, inFlight: 1 } as const
/** More rounds would say the same. */
const MOST_ROUNDS = 3

export async function playIdle(it: IdleCase, peers: readonly Peer[], options: RunOptions): Promise<Played[]> {
  const count = Math.min(options.connections, descriptorLimit() - SPARE_DESCRIPTORS - FIRST)
  const players = peers.map(peer => ({
    peer,
    samples: [] as Sample[],
    error: undefined as string | undefined,
    note: '',
  }))
  const rounds = it.processes > 1 ? 1 : Math.min(MOST_ROUNDS, options.rounds)
  for (let round = 0; round < rounds; round++) {
    for (const player of rotated(players, round)) {
      if (player.error !== undefined) continue
      options.onProgress(`round ${round + 1} of ${rounds}, ${player.peer.title}, ${count * it.processes} connections`)
      try {
        const { sample, note } = await playOne(it, player.peer, count, options)
        player.samples.push(sample)
        player.note = note
      } catch (error) {
        player.error = (error as Error).message
      }
    }
  }
  return players.map(({ peer, samples, error, note }) => {
    const contender = { peer: peer.name, title: peer.title, version: launchOf(peer)!.version }
    return { contender, samples, error, note }
  })
}

interface Pair {
  readonly server: MeasuredProcess
  readonly load: Load
}

async function playOne(
  it: IdleCase,
  peer: Peer,
  count: number,
  options: RunOptions,
): Promise<{ sample: Sample; note: string }> {
  const pairs: Pair[] = []
  try {
    const sizes: number[] = []
    for (let nth = 0; nth < it.processes; nth++) {
      const pair = await startPair(it, peer, options)
      pairs.push(pair)
      await open(it, pair, FIRST)
      const before = await pair.server.settledSize()
      await open(it, pair, count)
      sizes.push((await pair.server.settledSize()) - before)
    }
    const cost = sizes.reduce((sum, size) => sum + size, 0) / (count * it.processes)
    if (it.processes === 1) return { sample: { cost }, note: `${count} connections` }
    return { sample: { cost }, note: await watch(pairs, count, options) }
  } finally {
    await Promise.all(pairs.flatMap(({ server, load }) => [load.end(), server.stop()]))
  }
}

async function startPair({ request }: IdleCase, peer: Peer, { pinning }: RunOptions): Promise<Pair> {
  const role = request === 'events' ? 'events' : request === 'deflate' ? 'echo' : 'quiet'
  const terms = { ...serverTerms(role, 'string', 'server', TERMS), deflate: request === 'deflate' }
  const server = await MeasuredProcess.start(peer, { side: 'server', terms, processors: pinning?.measured, env: {} })
  return { server, load: new Load(pinning?.generator) }
}

async function open({ request }: IdleCase, { server, load }: Pair, count: number): Promise<void> {
  const greet = request === 'deflate'
  await load.command({ do: 'open', group: 'idle', port: server.port, count, request, terms: TERMS, greet })
}

/** What the heartbeats cost, and who is still there. */
async function watch(
  pairs: readonly Pair[],
  count: number,
  { watch: seconds, onProgress }: RunOptions,
): Promise<string> {
  onProgress(`${count * pairs.length} connections are watched for ${seconds} s`)
  const times = () => pairs.map(({ server }) => processorTime(server.pid))
  const before = times()
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  const used = times().map((time, nth) => (time && before[nth] ? timeBetween(before[nth], time) : Number.NaN))
  let lost = 0
  for (const { load } of pairs) lost += (await load.command({ do: 'lost', group: 'idle' })).lost
  const share = used.reduce((sum, time) => sum + time, 0) / 1e6 / seconds
  const total = (count + FIRST) * pairs.length
  return `${total} connections, ${lost} lost; ${(share * 100).toFixed(1)} % of a processor in ${seconds} s`
}

/** Node has raised the soft limit to the hard one. */
export function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === undefined ? 20_000 : Number(soft)
  } catch {
    return 8192
  }
}
