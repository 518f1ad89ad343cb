/**
 * How long a client of an event stream waits before it asks again: WHATWG HTML §9.2.3, "reestablish the connection".
 *
 *     2  "Wait a delay equal to the reconnection time of the event source."
 *     3  "Optionally, wait some more. In particular, if the previous attempt failed, then user agents might introduce an
 *        exponential backoff delay to avoid overloading a potentially already overloaded server."
 *
 *     delay = reconnectionTime + random · min(maxReconnectionDelay, base · 2^failures)
 *     base  = reconnectionTime, or at least a second once an attempt has failed
 *
 * The whole of what is added is random, so that a thousand clients that lost the same server come back one by one.
 * Numbers only: the timer, the clock and the randomness are the caller's.
 */

/** In milliseconds. §9.2.2: "an implementation-defined value, probably in the region of a few seconds." */
export const DEFAULT_RECONNECTION_TIME = 3000

/** In milliseconds. The most that is added to the reconnection time. */
export const DEFAULT_MAX_RECONNECTION_DELAY = 30_000

/** The longest that a timer of Node's takes, 24.8 days in milliseconds: a stream may ask for 2^53 - 1. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Where doubling begins, in milliseconds: a reconnection time of zero cannot be doubled. */
const LEAST_BASE = 1000

export interface Reconnection {
  /** In milliseconds, as the stream or the options have set it. */
  readonly reconnectionTime: number
  /** Attempts in a row, up to this one, that did not open or delivered neither an event nor a comment. */
  readonly failures: number
  readonly maxReconnectionDelay: number
  /** In milliseconds: the server has asked for at least so much. */
  readonly retryAfter: number
}

/** @param random from 0 to 1 */
export function reconnectionDelay(
  { reconnectionTime, failures, maxReconnectionDelay, retryAfter }: Reconnection,
  random: number,
): number {
  const base = failures === 0 ? reconnectionTime : Math.max(reconnectionTime, LEAST_BASE)
  const added = random * Math.min(maxReconnectionDelay, base * 2 ** failures)
  return boundDelay(Math.max(reconnectionTime + added, retryAfter))
}

/** A whole number of milliseconds that a timer can wait for. */
export function boundDelay(delay: number): number {
  return Math.round(Math.min(delay, LONGEST_TIMER))
}

/**
 * The milliseconds that a Retry-After field (RFC 9110 §10.2.3) asks for: "HTTP-date / delay-seconds". 0 for none, for
 * a date that has passed and for what is neither.
 *
 * @param now the time of day, in milliseconds as `Date.now` has it
 */
export function parseRetryAfter(value: string | undefined, now: number): number {
  if (value === undefined) return 0
  // "delay-seconds = 1*DIGIT"
  if (/^\d+$/.test(value)) return Number(value) * 1000
  // §5.6.7: an HTTP-date begins with the name of a day. `Date.parse` would take much else for a date.
  const date = /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? 0 : Math.max(0, date - now)
}
