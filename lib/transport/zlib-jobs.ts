/**
 * The work of zlib that is too long for the event loop and goes to Node's thread pool: a few jobs of the process at a
 * time, in the order in which they came, so that thousands of connections neither hold a zlib state each nor take the
 * pool from everybody else. A job that still waits can be dropped; one that runs ends by itself, soon.
 */
export interface ZlibJob {
  /** Begins the work; `done` is called once, whatever becomes of it. */
  start(done: () => void): void
}

/** As many as the pool has threads, unless that was changed. */
const MOST_RUNNING = 4

const waiting = new Set<ZlibJob>()
let running = 0

export function addJob(job: ZlibJob): void {
  waiting.add(job)
  startNext()
}

/** Nobody wants the result any more. */
export function dropJob(job: ZlibJob): void {
  waiting.delete(job)
}

export function countJobs(): { readonly running: number; readonly waiting: number } {
  return { running, waiting: waiting.size }
}

function startNext(): void {
  for (const job of waiting) {
    if (running === MOST_RUNNING) return
    waiting.delete(job)
    running++
    job.start(() => {
      running--
      startNext()
    })
  }
}
