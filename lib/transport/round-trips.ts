/**
 * Pings that wait for their Pong, to tell the round-trip time. A peer may answer only the newest of several Pings
 * (RFC 6455 §5.5.3), so a Pong answers those sent before it too. Pongs that answer nothing are not an error.
 */
import { argumentError } from '../errors.ts'

interface PingSent {
  readonly payload: Buffer
  readonly at: number
  readonly resolve: (milliseconds: number) => void
  readonly reject: (error: Error) => void
}

/** Pings that may wait at once; a peer that answers none cannot make us keep more. */
const MOST_WAITING = 64

export class RoundTrips {
  #sent: PingSent[] = []

  /** @throws {RangeError} 64 Pings are waiting: no more may be sent */
  checkRoom(): void {
    if (this.#sent.length === MOST_WAITING)
      throw argumentError('ERR_OUT_OF_RANGE', `${MOST_WAITING} pings are waiting for their pong`)
  }

  /** Notes a Ping that goes out now. */
  begin(payload: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#sent.push({ payload, at: performance.now(), resolve, reject })
    })
  }

  /** A Pong came. */
  end(payload: Buffer): void {
    const answered = this.#sent.findLastIndex(ping => ping.payload.equals(payload))
    if (answered < 0) return
    const now = performance.now()
    for (const ping of this.#sent.splice(0, answered + 1)) ping.resolve(now - ping.at)
  }

  /** No Pong will come any more. */
  fail(error: Error): void {
    for (const ping of this.#sent.splice(0)) ping.reject(error)
  }
}
