/** What a run of the benches comes to: measurements, and what is needed to believe them. This is the form of the JSON. */
import { cpus, totalmem } from 'node:os'
import { type Summary, summarize, timesCheaper } from './statistics.ts'

export interface Sample {
  /** Microseconds of processor time; of an idle connection, bytes. */
  readonly cost: number
  /** How many there were in a second of the clock. */
  readonly perSecond?: number
  /** Of one processor, what the generator took, 0 to 1. */
  readonly generator?: number
  /** And what the process under test took. */
  readonly measured?: number
}

export interface Result {
  readonly peer: string
  readonly title: string
  readonly version: string
  /** On a line of growth, where. */
  readonly point?: number
  readonly samples: readonly Sample[]
  readonly cost: Summary
  readonly perSecond?: number
  readonly generator?: number
  readonly measured?: number
  /** Times cheaper than `ws` and than `node:net` in the same run. */
  readonly timesWs?: number
  readonly timesRaw?: number
  /** What came between: there are no figures then. */
  readonly error?: string
  /** What a case has to say besides. */
  readonly note?: string
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly kind: 'traffic' | 'growth' | 'idle' | 'micro'
  readonly unit: string
  /** What grows. */
  readonly axis?: string
  readonly results: readonly Result[]
}

export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memory: number
  readonly platform: string
  readonly node: string
}

export interface Recording {
  /** The day. */
  readonly made: string
  readonly machine: Machine
  readonly rounds: number
  readonly seconds: number
  /** How the processes were kept apart, in words. */
  readonly pinning: string
  readonly malloc: string
  /** Peers that were asked for and are not there. */
  readonly missing: readonly string[]
  readonly cases: readonly CaseResult[]
}

/** Its kind, and nothing that names it. */
export function describeMachine(): Machine {
  const all = cpus()
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    processors: all.length,
    memory: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  }
}

export interface Contender {
  readonly peer: string
  readonly title: string
  readonly version: string
  readonly point?: number
}

export interface Played {
  readonly contender: Contender
  readonly samples: readonly Sample[]
  readonly error?: string | undefined
  readonly note?: string | undefined
}

/** Sums the rounds up, and compares with `ws` and the floor at the same point. */
export function toResults(played: readonly Played[]): Result[] {
  const costsOf = (peer: string, point: number | undefined) =>
    played
      .find(({ contender, error }) => contender.peer === peer && contender.point === point && error === undefined)
      ?.samples.map(({ cost }) => cost)
  return played.map(({ contender, samples, error, note }) => {
    const costs = samples.map(({ cost }) => cost)
    const [ws, raw] = [costsOf('ws', contender.point), costsOf('raw', contender.point)]
    return {
      ...contender,
      samples,
      cost: summarize(costs),
      ...middle('perSecond', samples),
      ...middle('generator', samples),
      ...middle('measured', samples),
      ...(ws === undefined || error !== undefined ? {} : { timesWs: timesCheaper(costs, ws) }),
      ...(raw === undefined || error !== undefined ? {} : { timesRaw: timesCheaper(costs, raw) }),
      ...(error === undefined ? {} : { error }),
      ...(note === undefined ? {} : { note }),
    }
  })
}

function middle<K extends 'perSecond' | 'generator' | 'measured'>(
  key: K,
  samples: readonly Sample[],
): Partial<Record<K, number>> {
  const numbers = samples.flatMap(sample => sample[key] ?? [])
  return numbers.length === 0 ? {} : ({ [key]: summarize(numbers).median } as Record<K, number>)
}
