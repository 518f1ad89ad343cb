/**
 * When to ask a silent peer whether it is there, and when to give it up.
 *
 * Time here is whatever clock the caller keeps. The transport's clock counts its own ticks, so that a stall of the
 * event loop, however long, is one tick, and reading goes on between two ticks: a peer is never judged by our own
 * silence. Any byte that came in counts as life, not only a Pong.
 */

/** Milliseconds of silence before a Ping, and after it before the connection is given up. */
export interface KeepaliveOptions {
  readonly interval: number
  readonly timeout: number
}

export type KeepaliveVerdict = 'wait' | 'ping' | 'dead'

/** What the timeout is when only an interval is given. */
export const DEFAULT_KEEPALIVE: KeepaliveOptions = { interval: 25_000, timeout: 20_000 }

/**
 * @param now the clock
 * @param lastReceived when the last byte came in
 * @param pingSent when the last Ping went out; before `lastReceived` if that one was answered
 */
export function judgeSilence(
  { interval, timeout }: KeepaliveOptions,
  now: number,
  lastReceived: number,
  pingSent: number,
): KeepaliveVerdict {
  if (pingSent > lastReceived) return now - pingSent >= timeout ? 'dead' : 'wait'
  return now - lastReceived >= interval ? 'ping' : 'wait'
}
