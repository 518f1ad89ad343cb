/**
 * Waiting in specs: for something that must happen, with an end to it that names what did not. Nothing is asserted
 * about how long it takes.
 */
import { setTimeout as delay } from 'node:timers/promises'

/** Long enough for the slowest machine. */
const PATIENCE = 15_000

/** The promise's value, or an error that says what is still pending. */
export async function within<T>(promise: Promise<T>, what = 'a promise', milliseconds = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} is still pending`)), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits until `test` holds. */
export async function until(test: () => boolean, what = String(test)): Promise<void> {
  for (const end = performance.now() + PATIENCE; !test(); await delay(2)) {
    if (performance.now() > end) throw new Error(`did not come true: ${what}`)
  }
}

/** Lets the event loop turn, so that whatever is on its way in memory arrives. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** What became of a promise: its value, its error's message, or that it is pending after a few turns. */
export async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.then(
      value => value ?? 'resolved',
      error => String((error as Error).message),
    ),
    turns().then(() => 'pending'),
  ])
}
