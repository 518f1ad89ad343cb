/**
 * Fuzzing that is guided by coverage, with nothing but Node: V8 counts for every block of lib/ how often it ran, and an input
 * that makes a block run as often as no input did before is mutated further.
 *
 *     npm run fuzz:coverage -- [entry…] [--time 3m] [--seed N] [--failures folder] [--keep]
 *
 * It begins with the corpus in fuzz/corpus/; with --keep the smallest inputs that reach all that was reached are written
 * back to it. Inputs are tried in batches, and only those of a batch that reached something new one by one: asking V8
 * costs more than a hundred inputs. Exit code 1 if one failed, 2 if the arguments are wrong.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Random } from '../spec/support/random.ts'
import { CORPUS, readCorpus } from './corpus.ts'
import { ENTRY_POINTS, type EntryPoint, SEEDS } from './entry-points.ts'

const BATCH = 64
/** Bytes of all inputs of an entry in the repository. */
const MOST_KEPT = 1500

/** What V8 counts, as features: a block, and the power of two of how often it ran. */
class Coverage {
  readonly #session = new Session()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Of all that ran since the last call. */
  take(): string[] {
    let scripts: Profiler.ScriptCoverage[] = []
    // It answers within the call.
    this.#session.post('Profiler.takePreciseCoverage', (_error, { result }) => (scripts = result))
    const features: string[] = []
    for (const { url, functions } of scripts) {
      if (!url.includes('/lib/')) continue
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) features.push(`${url.slice(-24)}:${startOffset}-${endOffset}:${32 - Math.clz32(count)}`)
        }
      }
    }
    return features
  }

  stop(): void {
    this.#session.disconnect()
  }
}

/** What there is to begin with. */
const seedsOf = (name: string) => [...(SEEDS[name] ?? []), ...readCorpus(name)]

interface Found {
  readonly input: Buffer
  readonly features: readonly string[]
}

const INTERESTING = [
  0, 1, 2, 125, 126, 127, 128, 129, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20, 0x3a, 0x2c, 0x3b, 0x22, 0x5c,
]

function mutate(random: Random, corpus: readonly Found[]): Buffer {
  const parent = corpus.length === 0 ? Buffer.alloc(3) : random.pick(corpus).input
  const bytes = [...parent]
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(bytes.length + 1)
    const kind = random.below(8)
    if (kind === 0) bytes.splice(at, 1 + random.below(4))
    else if (kind === 1) bytes.splice(at, 0, random.below(256))
    else if (kind === 2) bytes[at] = random.pick(INTERESTING)
    else if (kind === 3) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(random.below(at + 1), at + random.below(16)))
    else if (kind === 5) bytes[at] = random.below(256)
    else {
      // A part of another one, which has reached something too.
      const other = corpus.length === 0 ? parent : random.pick(corpus).input
      const from = random.below(other.length)
      bytes.splice(at, kind === 6 ? 0 : 8, ...other.subarray(from, from + 1 + random.below(24)))
    }
  }
  return Buffer.from(bytes.slice(0, 1000))
}

interface Outcome {
  readonly executions: number
  readonly corpus: readonly Found[]
  readonly features: number
  readonly failure: { readonly input: Buffer; readonly error: string } | undefined
}

function guide(
  entry: EntryPoint,
  seeds: readonly Buffer[],
  seconds: number,
  random: Random,
  tick: (line: string) => void,
): Outcome {
  const coverage = new Coverage()
  const seen = new Set<string>()
  const corpus: Found[] = []
  const end = performance.now() + seconds * 1000
  let executions = 0
  let failure: Outcome['failure']
  const run = (input: Buffer) => {
    executions++
    try {
      entry(Buffer.from(input))
    } catch (error) {
      failure ??= { input, error: String(error) }
    }
  }
  const consider = (input: Buffer) => {
    coverage.take()
    run(input)
    const features = coverage.take()
    if (features.every(feature => seen.has(feature))) return
    for (const feature of features) seen.add(feature)
    corpus.push({ input, features })
  }
  for (const input of seeds) consider(input)
  while (performance.now() < end && failure === undefined) {
    const batch = Array.from({ length: BATCH }, () => mutate(random, corpus))
    coverage.take()
    const before = seen.size
    for (const input of batch) run(input)
    // Counts of a batch are sums, so what is new in it may be in none of its inputs.
    if (coverage.take().some(feature => !seen.has(feature))) for (const input of batch) consider(input)
    if (seen.size > before) tick(`${executions} executions, ${corpus.length} inputs, ${seen.size} features`)
  }
  coverage.stop()
  return { executions, corpus, features: seen.size, failure }
}

/** The smallest inputs, as many as it takes to reach what all of them reach, and no more bytes than may be kept. */
function smallest(corpus: readonly Found[]): Buffer[] {
  const reached = new Set<string>()
  const kept: Buffer[] = []
  let bytes = 0
  for (const { input, features } of corpus.toSorted((a, b) => a.input.length - b.input.length)) {
    if (features.every(feature => reached.has(feature)) || bytes + input.length > MOST_KEPT) continue
    for (const feature of features) reached.add(feature)
    kept.push(input)
    bytes += input.length
  }
  return kept
}

function main(args: string[]): boolean {
  const options = {
    time: { type: 'string', default: '30s' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    failures: { type: 'string', default: '.fuzz' },
    keep: { type: 'boolean', default: false },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const time = /^(\d+)(s|m|h)?$/.exec(values.time)
  if (time === null) throw new Error(`--time must be like 10s, 10m or 1h, got ${values.time}`)
  const seconds = Number(time[1]) * { s: 1, m: 60, h: 3600 }[(time[2] ?? 's') as 's' | 'm' | 'h']
  const names = positionals.length === 0 ? Object.keys(ENTRY_POINTS) : positionals
  const unknown = names.filter(name => !Object.hasOwn(ENTRY_POINTS, name))
  if (unknown.length > 0) throw new Error(`no entry ${unknown}: there are ${Object.keys(ENTRY_POINTS).join(', ')}`)
  let isGood = true
  for (const name of names) {
    const start = performance.now()
    let shown = start
    const tick = (line: string) => {
      if (performance.now() - shown < 5000) return
      shown = performance.now()
      console.log(`${name.padEnd(15)} ${line}`)
    }
    const random = new Random(Number(values.seed))
    const { executions, corpus, features, failure } = guide(ENTRY_POINTS[name]!, seedsOf(name), seconds, random, tick)
    const rate = Math.round((executions * 1000) / (performance.now() - start))
    const words = `${executions} executions ${rate}/s, ${corpus.length} inputs reach ${features} features`
    console.log(`${name.padEnd(15)} ${words}, seed ${values.seed}: ${failure === undefined ? 'ok' : 'FAILED'}`)
    if (values.keep) {
      mkdirSync(CORPUS, { recursive: true })
      const lines = smallest(corpus).map(input => input.toString('base64'))
      writeFileSync(join(CORPUS, `${name}.json`), `${JSON.stringify(lines, null, 1)}\n`)
    }
    if (failure === undefined) continue
    isGood = false
    mkdirSync(resolve(values.failures), { recursive: true })
    const file = resolve(values.failures, `coverage-${name}-${values.seed}.bin`)
    writeFileSync(file, failure.input)
    console.log(`${failure.error}\nkept in ${file}`)
  }
  return isGood
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2)) ? 0 : 1
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}`)
    process.exitCode = 2
  }
}
