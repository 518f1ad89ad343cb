/**
 * Plays many cases: several at a time, the light ones first. Heavy ones come afterwards and fewer at a time, so that no
 * case that watches the clock is played while megabytes go through the same processor.
 */
import type { Case, PlayOptions } from './case.ts'
import { ServerPeer, type ServerTarget } from './server-peer.ts'
import { type CaseResult, passes, type Verdict } from './verdict.ts'
import { WireLog } from './wire-log.ts'

export interface RunOptions {
  readonly play: PlayOptions
  /** How many cases at a time. */
  readonly jobs: number
  /** Ends after the first case that this finds wrong. */
  readonly stopsAt?: ((result: CaseResult) => boolean) | undefined
  readonly onResult?: ((result: CaseResult) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export const DEFAULT_PLAY: PlayOptions = { full: false, timeout: 60_000, crowd: 1, pace: 1 }

/** Most heavy cases at a time. */
export const HEAVY_JOBS = 4

/** The results in the order of the cases; those that were not played are left out. */
export async function judgeServer(
  target: ServerTarget,
  cases: readonly Case[],
  options: RunOptions,
): Promise<CaseResult[]> {
  const results = new Map<string, CaseResult>()
  let stopped = false
  const heavyJobs = Math.min(options.jobs, HEAVY_JOBS)
  const playOne = async (it: Case) => {
    const log = new WireLog()
    const crowd = it.weight === 'heavy' ? heavyJobs : 1
    const peer = new ServerPeer(target, { ...options.play, crowd }, log)
    const result = await playCase(it, log, () => it.play(peer))
    peer.release()
    results.set(it.id, result)
    options.onResult?.(result)
    stopped ||= options.stopsAt?.(result) ?? false
  }
  const isOver = () => stopped || options.signal?.aborted === true
  const light = cases.filter(({ weight }) => weight === 'light')
  const heavy = cases.filter(({ weight }) => weight === 'heavy')
  await inParallel(light, options.jobs, isOver, playOne)
  await inParallel(heavy, heavyJobs, isOver, playOne)
  return cases.flatMap(({ id }) => results.get(id) ?? [])
}

/** A case that throws is a fault of the suite's, or of something that it did not think of: it is told, and fails. */
export async function playCase(it: Case, log: WireLog, play: () => Promise<Verdict>): Promise<CaseResult> {
  const from = performance.now()
  let verdict: Verdict
  try {
    verdict = await play()
  } catch (error) {
    const words = `the case broke off: ${(error as Error).message}`
    verdict = { behavior: 'FAILED', behaviorClose: 'FAILED', words, closeWords: words }
  }
  return {
    id: it.id,
    title: it.title,
    group: it.id.split('.')[0] ?? it.id,
    ...verdict,
    duration: Math.round(performance.now() - from),
    log: log.entries(),
  }
}

async function inParallel<T>(
  items: readonly T[],
  jobs: number,
  isOver: () => boolean,
  run: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < items.length && !isOver()) await run(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, work))
}

/** Whether all is as it should be. */
export function allPass(results: readonly CaseResult[]): boolean {
  return results.every(passes)
}
