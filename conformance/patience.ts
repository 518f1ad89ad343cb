/**
 * Timers by which a peer is judged. While this process could not run, the peer's answer may have been waiting unread:
 * such a stall does not count against it. So a delay is waited for in slices that each count for little more than their
 * length, and when it is over, what has come meanwhile is read first.
 */
const SLICE = 40

export interface Patience {
  cancel(): void
}

/** Calls `onOver` once `milliseconds` have passed in which the event loop turned. */
export function patience(milliseconds: number, onOver: () => void): Patience {
  let left = milliseconds
  let from = performance.now()
  let handle: NodeJS.Timeout | NodeJS.Immediate
  let cancelled = false
  const next = () => {
    handle = setTimeout(onSlice, Math.min(left, SLICE))
  }
  const onSlice = () => {
    const now = performance.now()
    left -= Math.min(now - from, 2 * SLICE)
    from = now
    if (left > 0.5) return next()
    // Sockets are read between timers and immediates.
    handle = setImmediate(() => {
      handle = setImmediate(() => !cancelled && onOver())
    })
  }
  next()
  return {
    cancel() {
      cancelled = true
      clearTimeout(handle as NodeJS.Timeout)
      clearImmediate(handle as NodeJS.Immediate)
    },
  }
}

/** The same as a promise. */
export function waitFor(milliseconds: number): Promise<void> {
  return new Promise(resolve => patience(milliseconds, resolve))
}
