/** A micro case: each round is a process, and the contestants take turns in it. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { MicroCase } from './cases.ts'
import { findPeer, launchOf } from './peers.ts'
import type { Played } from './recording.ts'
import type { RunOptions } from './run-options.ts'

const PROGRAM = fileURLToPath(new URL('./micro.js', import.meta.url))

export async function playMicro(it: MicroCase, options: RunOptions): Promise<Played[]> {
  const rounds: Record<string, number>[] = []
  for (let round = 0; round < options.rounds; round++) {
    options.onProgress(`round ${round + 1} of ${options.rounds}`)
    const { status, stdout } = spawnSync(process.execPath, [PROGRAM, it.name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (status !== 0) throw new Error(`${it.name} failed`)
    rounds.push(JSON.parse(stdout))
  }
  return it.peers.map(name => {
    const peer = findPeer('server', name)
    const version = (peer === undefined ? undefined : launchOf(peer)?.version) ?? ''
    const contender = { peer: name, title: name, version }
    const isThere = rounds.every(times => name in times)
    const samples = isThere ? rounds.map(times => ({ cost: times[name]! / 1000 })) : []
    return { contender, samples, error: isThere ? undefined : 'not installed (npm run bench:peers)' }
  })
}
