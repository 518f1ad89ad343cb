/**
 * Traffic: all contenders are started and connected, then put under load one after another, round by round, while the
 * others are silent. The order changes each round.
 */
import type { GrowthCase, Traffic, TrafficCase } from './cases.ts'
import { Load } from './load.ts'
import { exchange, type LoadTerms, type Window } from './load-terms.ts'
import { MeasuredProcess } from './measured-process.ts'
import { launchOf, type Peer, type Side } from './peers.ts'
import type { Contender, Played, Sample } from './recording.ts'
import type { RunOptions } from './run-options.ts'
import { HOST, type ServerTerms } from './servers/terms.ts'
import { rotated } from './statistics.ts'

interface Player {
  readonly contender: Contender
  readonly peer: Peer
  readonly side: Side
  readonly traffic: Traffic
  /** Messages divided into this many parts, for the cost of one. */
  readonly parts: number
  readonly group: string
  readonly samples: Sample[]
  process?: MeasuredProcess
  error?: string
}

export function playTraffic(it: TrafficCase, peers: readonly Peer[], options: RunOptions): Promise<Played[]> {
  const players = peers.map(peer => playerOf(peer, it.side, it.traffic, 1))
  return play(players, options)
}

/** The points of one peer take turns; the peers come one after the other, since all connections are open at once. */
export async function playGrowth(it: GrowthCase, peers: readonly Peer[], options: RunOptions): Promise<Played[]> {
  const played: Played[] = []
  for (const peer of peers) {
    const players = it.points.map(point => playerOf(peer, 'server', it.at(point), it.parts(point), point))
    played.push(...(await play(players, options)))
  }
  return played
}

function playerOf(peer: Peer, side: Side, traffic: Traffic, parts: number, point?: number): Player {
  const { version } = launchOf(peer)!
  const contender = { peer: peer.name, title: peer.title, version, ...(point === undefined ? {} : { point }) }
  return { contender, peer, side, traffic, parts, group: `${peer.name} ${point ?? ''}`, samples: [] }
}

async function play(players: readonly Player[], options: RunOptions): Promise<Played[]> {
  const load = new Load(options.pinning?.generator)
  try {
    for (const player of players) {
      options.onProgress(`${nameOf(player)} is started`)
      await unlessItFails(player, () => prepare(player, load, options))
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const player of rotated(players, round)) {
        if (player.error !== undefined) continue
        options.onProgress(`round ${round + 1} of ${options.rounds}, ${nameOf(player)}`)
        // The compiler wants its time once.
        const warmUp = 1000 * (round === 0 ? Math.max(1, options.seconds) : options.seconds / 4)
        await unlessItFails(player, async () => void player.samples.push(await sample(player, load, options, warmUp)))
      }
    }
  } finally {
    await load.end()
    for (const { process } of players) await process?.stop()
  }
  return players.map(({ contender, samples, error }) => ({ contender, samples, error }))
}

/** Its fault is its own: the others play on. */
async function unlessItFails(player: Player, task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    player.error = (error as Error).message
    await player.process?.stop()
  }
}

/** What a process under test is told about the load that comes. */
export function serverTerms(
  role: ServerTerms['role'],
  delivery: ServerTerms['delivery'],
  side: Side,
  terms: LoadTerms,
): ServerTerms {
  const { request, replyLength } = exchange(terms, side === 'server' ? 'client' : 'server')
  return { role, delivery, deflate: false, requestLength: request.length, replyLength }
}

async function prepare(player: Player, load: Load, { pinning, env }: RunOptions): Promise<void> {
  const { traffic, group, side, peer } = player
  const terms = serverTerms(traffic.role, traffic.delivery, side, traffic.terms)
  const start = { side, terms, processors: pinning?.measured, env }
  if (side === 'client') {
    const { port } = await load.command({ do: 'listen', group, terms: traffic.terms })
    const where = { url: `ws://${HOST}:${port}/`, count: traffic.connections }
    player.process = await MeasuredProcess.start(peer, { ...start, ...where })
  } else {
    player.process = await MeasuredProcess.start(peer, start)
    const { port } = player.process
    const open = { do: 'open', port, request: 'websocket', terms: traffic.terms, greet: false } as const
    if (traffic.idle > 0) await load.command({ ...open, group: `${group}, silent`, count: traffic.idle })
    await load.command({ ...open, group, count: traffic.connections })
  }
  if (traffic.load === 'run' && peer.name !== 'raw') await load.command({ do: 'verify', group })
}

async function sample(player: Player, load: Load, { seconds }: RunOptions, warmUp: number): Promise<Sample> {
  const { traffic, group, process, parts } = player
  const window: Window = { pid: process!.pid, warmUp, duration: 1000 * seconds }
  const command =
    traffic.load === 'handshakes'
      ? ({ do: 'handshakes', group, port: process!.port, ...window } as const)
      : ({ do: traffic.load, group, ...window } as const)
  const { count, seconds: taken, time, generator } = await load.measure(command, process!)
  if (count === 0) throw new Error('nothing was answered within the window')
  return {
    cost: time / count / parts,
    perSecond: (count * parts) / taken,
    generator,
    measured: time / 1e6 / taken,
  }
}

function nameOf({ contender }: Player): string {
  return contender.point === undefined ? contender.title : `${contender.title} at ${contender.point}`
}
