/**
 * Fuzzing from the command line.
 *
 *     node dist/fuzz/run.js [target…] [--time 10s|10m] [--seed N]
 *
 * Each target runs for the given time, 2 s if left out: half of it from a seed that is always the same, half from a new
 * one; with --seed, all of it from that one. Exit code 1 if one failed, 2 if the arguments are wrong.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { target as conversation } from './conversation.ts'
import { targets as deflate } from './deflate.ts'
import { targets as eventStream } from './event-stream.ts'
import { target as eventStreamServer } from './event-stream-server.ts'
import { target as frames } from './frames.ts'
import { targets as handshake } from './handshake.ts'
import { target as mask } from './mask.ts'
import { target as roundtrip } from './roundtrip.ts'
import type { Target } from './target.ts'
import { target as utf8 } from './utf8.ts'

const TARGETS: readonly Target[] = [
  frames,
  roundtrip,
  conversation,
  utf8,
  mask,
  ...handshake,
  ...deflate,
  ...eventStream,
  eventStreamServer,
]
const FIXED_SEED = 6455

interface Plan {
  readonly targets: readonly Target[]
  readonly seconds: number
  readonly seeds: readonly number[]
}

/** @throws {Error} in words for people */
function readArguments(args: string[]): Plan {
  const options = { time: { type: 'string', default: '2s' }, seed: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const time = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(values.time)
  if (time === null) throw new Error(`--time must be like 10s, 10m or 1h, got ${values.time}`)
  const seconds = Number(time[1]) * { s: 1, m: 60, h: 3600 }[(time[2] ?? 's') as 's' | 'm' | 'h']
  const seed = Number(values.seed ?? randomInt(2 ** 31))
  if (!Number.isInteger(seed)) throw new Error(`--seed must be an integer, got ${values.seed}`)
  const unknown = positionals.filter(name => !TARGETS.some(target => target.name === name))
  if (unknown.length > 0) {
    throw new Error(`no target ${unknown.join(', ')}: there are ${TARGETS.map(({ name }) => name).join(', ')}`)
  }
  return {
    targets: positionals.length === 0 ? TARGETS : TARGETS.filter(({ name }) => positionals.includes(name)),
    seconds,
    seeds: values.seed === undefined ? [FIXED_SEED, seed] : [seed],
  }
}

async function run({ targets, seconds, seeds }: Plan): Promise<boolean> {
  const failed: string[] = []
  let total = 0
  for (const target of targets) {
    for (const seed of seeds) {
      const start = performance.now()
      const { executions, failure } = await target.run({ seconds: seconds / seeds.length, seed })
      const rate = Math.round((executions * 1000) / (performance.now() - start))
      total += executions
      const verdict = failure === undefined ? 'ok' : 'FAILED'
      const counts = `${executions.toString().padStart(9)} executions ${rate.toString().padStart(7)}/s`
      console.log(`${target.name.padEnd(19)} ${counts}  seed ${seed.toString().padEnd(10)}  ${verdict}`)
      if (failure === undefined) continue
      console.log(failure)
      failed.push(target.name)
    }
  }
  const verdict = failed.length === 0 ? 'none failed' : `failed: ${[...new Set(failed)].join(', ')}`
  console.log(`fuzz: ${targets.length} targets, ${total} executions, ${verdict}`)
  return failed.length === 0
}

try {
  const plan = readArguments(process.argv.slice(2))
  process.exitCode = (await run(plan)) ? 0 : 1
} catch (error) {
  console.error(`fuzz: ${(error as Error).message}`)
  process.exitCode = 2
}
