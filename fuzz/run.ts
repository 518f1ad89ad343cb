/**
 * Fuzzing from the command line.
 *
 *     npm run fuzz -- [target…] [--time 10s|10m] [--seed N] [--path P] [--failures folder]
 *
 * Each target runs for the given time, 2 s if left out: half of it from a seed that is always the same, half from a new
 * one; with --seed, all of it from that one. Executions per second are shown as they go. Inputs that fail are written to
 * the folder, `.fuzz` if left out, and say how to see just them again. Exit code 1 if one failed, 2 if the arguments are
 * wrong.
 */
import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { target as conversation } from './conversation.ts'
import { target as corpus } from './corpus.ts'
import { targets as deflate } from './deflate.ts'
import { targets as eventStream } from './event-stream.ts'
import { target as eventStreamServer } from './event-stream-server.ts'
import { target as frames } from './frames.ts'
import { targets as handshake } from './handshake.ts'
import { targets as headerFields } from './header-fields.ts'
import { target as mask } from './mask.ts'
import { target as oracle } from './oracle.ts'
import { target as roundtrip } from './roundtrip.ts'
import type { Failure, Target } from './target.ts'
import { target as utf8 } from './utf8.ts'

const TARGETS: readonly Target[] = [
  corpus,
  frames,
  oracle,
  roundtrip,
  conversation,
  utf8,
  mask,
  ...handshake,
  ...headerFields,
  ...deflate,
  ...eventStream,
  eventStreamServer,
]
const FIXED_SEED = 6455

/** Milliseconds between two looks at how it goes: on a terminal in place, elsewhere as lines. */
const PROGRESS = process.stdout.isTTY ? 500 : 10_000

interface Plan {
  readonly targets: readonly Target[]
  readonly seconds: number
  readonly seeds: readonly number[]
  readonly path: string
  /** Where inputs that fail are kept. */
  readonly failures: string
}

/** @throws {Error} in words for people */
function readArguments(args: string[]): Plan {
  const options = {
    time: { type: 'string', default: '2s' },
    seed: { type: 'string' },
    path: { type: 'string', default: '' },
    failures: { type: 'string', default: '.fuzz' },
  } as const
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
  if (values.path !== '' && (values.seed === undefined || positionals.length !== 1)) {
    throw new Error('--path is of one target and one --seed')
  }
  return {
    targets: positionals.length === 0 ? TARGETS : TARGETS.filter(({ name }) => positionals.includes(name)),
    seconds,
    seeds: values.seed === undefined ? [FIXED_SEED, seed] : [seed],
    path: values.path,
    failures: resolve(values.failures),
  }
}

/** Counts executions, and shows how many there are while they go. */
class Progress {
  readonly #name: string
  readonly #start = performance.now()
  #executions = 0
  #shown = performance.now()

  constructor(name: string) {
    this.#name = name
  }

  readonly count = (): void => {
    this.#executions++
    const now = performance.now()
    if (now - this.#shown < PROGRESS) return
    this.#shown = now
    const line = `${this.#name.padEnd(19)} ${this.words}, ${Math.round((now - this.#start) / 1000)} s`
    if (process.stdout.isTTY) process.stdout.write(`\r${line}`)
    else console.log(line)
  }

  /** Takes the line back. */
  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  }

  get words(): string {
    const rate = Math.round((this.#executions * 1000) / (performance.now() - this.#start))
    return `${this.#executions.toString().padStart(9)} executions ${rate.toString().padStart(7)}/s`
  }
}

/** Keeps what failed, and returns where. */
function keep(folder: string, target: string, seed: number, failure: Failure): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${target}-${seed}.json`)
  const again = `npm run fuzz -- ${target} --seed ${seed} --path ${failure.path}`
  writeFileSync(file, `${JSON.stringify({ target, seed, ...failure, again }, null, 2)}\n`)
  return file
}

async function run({ targets, seconds, seeds, path, failures }: Plan): Promise<boolean> {
  const failed: string[] = []
  let total = 0
  for (const target of targets) {
    for (const seed of seeds) {
      const progress = new Progress(target.name)
      const session = { seconds: seconds / seeds.length, seed, path, onExecution: progress.count }
      const { executions, failure } = await target.run(session)
      progress.end()
      total += executions
      const verdict = failure === undefined ? 'ok' : 'FAILED'
      console.log(`${target.name.padEnd(19)} ${progress.words}  seed ${seed.toString().padEnd(10)}  ${verdict}`)
      if (failure === undefined) continue
      const file = keep(failures, target.name, seed, failure)
      console.log(`${failure.error}\nwith seed ${seed} and the input ${failure.input}\nkept in ${file}`)
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
