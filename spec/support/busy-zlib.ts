/** Zlib's turn in the thread pool, taken by jobs that end when a spec says so: whatever is given to it meanwhile waits. */
import { addJob, countJobs } from '../../lib/transport/zlib-jobs.ts'
import { until } from './waiting.ts'

/** Returns what lets the others begin. */
export function keepZlibBusy(): () => void {
  const ends: (() => void)[] = []
  while (countJobs().waiting === 0) addJob({ start: done => void ends.push(done) })
  return () => {
    for (let end = ends.shift(); end !== undefined; end = ends.shift()) end()
  }
}

/** Waits until so much work waits for its turn, beside what keeps it busy. */
export function untilWaiting(count: number): Promise<void> {
  return until(() => countJobs().waiting === 1 + count, `${count} wait for zlib`)
}
