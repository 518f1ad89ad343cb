/**
 * Notices a peer that we wait for in vain. Time is that of a {@link TickClock}: a stall of our own event loop does not
 * count against the peer, and the clock does not keep the process alive. Only waiting counts: while nobody asks for
 * anything, the peer cannot be late.
 */
import { clockFor, type TickClock, type Ticking } from './tick-clock.ts'

export class SilenceWatch implements Ticking {
  readonly #timeout: number
  readonly #onSilence: () => void
  readonly #clock: TickClock
  #isWaiting = false
  /** The clock's time at its first tick in the wait, from which it is counted: never is anybody given up too early. */
  #since: number | undefined

  /** @param timeout in milliseconds; `onSilence` is called once, at most two ticks of the clock later */
  constructor(timeout: number, onSilence: () => void) {
    this.#timeout = timeout
    this.#onSilence = onSilence
    this.#clock = clockFor(timeout)
    this.#clock.add(this)
  }

  /** From now on we wait. */
  begin(): void {
    this.#isWaiting = true
    this.#since = undefined
  }

  /** What we waited for has come. */
  end(): void {
    this.#isWaiting = false
  }

  stop(): void {
    this.#clock.remove(this)
  }

  /** @internal */
  onTick(now: number): void {
    if (!this.#isWaiting) return
    this.#since ??= now
    if (now - this.#since < this.#timeout) return
    this.stop()
    this.#onSilence()
  }
}
