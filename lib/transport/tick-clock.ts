/**
 * One timer for the silence of all connections. The clock counts its ticks instead of reading the time: while the
 * event loop stands still it stands still too, and after a stall of a minute one tick has passed, not sixty. So
 * that nobody is given up because we did not listen. Between two ticks the loop has read what had arrived.
 *
 * It runs while it has members, and never keeps the process alive.
 */
export interface Ticking {
  /** @internal */
  onTick(now: number): void
}

const SHORTEST_PERIOD = 10
/** The resolution of `now` by default, in milliseconds. */
const LONGEST_PERIOD = 1000

export class TickClock {
  /** Milliseconds that this clock has counted. */
  now = 0
  readonly #period: number
  readonly #members = new Set<Ticking>()
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(period: number) {
    this.#period = period
  }

  add(member: Ticking): void {
    this.#members.add(member)
    this.#timer ??= setInterval(() => this.#tick(), this.#period).unref()
  }

  remove(member: Ticking): void {
    this.#members.delete(member)
    if (this.#members.size > 0 || this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    this.now += this.#period
    for (const member of this.#members) member.onTick(this.now)
  }
}

const clocks = new Map<number, TickClock>()

/** The clock that is fine enough to tell apart spans of `shortest` milliseconds; shared by all who ask for it. */
export function clockFor(shortest: number): TickClock {
  const period = Math.min(LONGEST_PERIOD, Math.max(SHORTEST_PERIOD, Math.floor(shortest / 5)))
  let clock = clocks.get(period)
  if (clock === undefined) clocks.set(period, (clock = new TickClock(period)))
  return clock
}
