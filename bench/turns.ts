/**
 * Functions against each other in one process: they take turns, and the one that begins changes every time. The compiler
 * works on another thread, so it is given time before results count.
 */
import { median, rotated } from './statistics.ts'

/** Milliseconds. */
const WARM_UP = 400
const DURATION = 400
const FEWEST = 5

export type Contestants = Readonly<Record<string, () => unknown>>

/** Nanoseconds of one run of each, the medians. */
export async function measureTurns(contestants: Contestants): Promise<Record<string, number>> {
  const names = Object.keys(contestants)
  const times = new Map(names.map(name => [name, [] as number[]]))
  const warm = performance.now() + WARM_UP
  const end = warm + DURATION
  for (let turn = 0; performance.now() < end || times.get(names[0]!)!.length < FEWEST; turn++) {
    for (const name of rotated(names, turn)) {
      const start = process.hrtime.bigint()
      await contestants[name]!()
      const time = Number(process.hrtime.bigint() - start)
      if (performance.now() > warm) times.get(name)!.push(time)
    }
  }
  return Object.fromEntries(names.map(name => [name, median(times.get(name)!)]))
}
