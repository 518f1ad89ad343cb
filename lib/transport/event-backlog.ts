/**
 * Events that wait behind a client that is slow, or for the end of the turn in which they were sent. What is here can
 * still be dropped or replaced; what was taken out cannot.
 *
 * Memory: the events, bounded by whoever looks at {@link EventBacklog.length}. Time: constant for each event, whatever
 * waits.
 */
import type { PreparedEvent } from './outgoing-event.ts'

export class EventBacklog {
  /** Bytes. */
  length = 0
  /** In the order in which they will go out: by their key, or by a number. */
  readonly #events = new Map<string | number, PreparedEvent>()
  #number = 0
  /** Stands behind what was taken. One that begins anew each time would look at what is gone again and again. */
  #reader = this.#events.entries()

  /** @param key a newer event with that key will drop this one; none if it is to stay */
  add(event: PreparedEvent, key?: string): void {
    this.#events.set(key ?? this.#number++, event)
    this.length += event.bytes.length
  }

  /** Drops the event that was added with that key, if it is here; the newer one goes to the end, so that IDs stay in order. */
  drop(key: string): boolean {
    const event = this.#events.get(key)
    if (event !== undefined) this.#remove(key, event)
    return event !== undefined
  }

  /** False when there is none. */
  dropOldest(): boolean {
    return this.#shift() !== undefined
  }

  /** Takes out events for one write, until they are `enough` bytes; undefined when nothing is left. */
  take(enough: number): Buffer | undefined {
    const first = this.#shift()
    if (first === undefined || this.length === 0) return first?.bytes
    const pieces = [first.bytes]
    let length = first.bytes.length
    while (length < enough) {
      const next = this.#shift()
      if (next === undefined) break
      pieces.push(next.bytes)
      length += next.bytes.length
    }
    return pieces.length === 1 ? first.bytes : Buffer.concat(pieces, length)
  }

  #shift(): PreparedEvent | undefined {
    if (this.length === 0) return undefined
    let next = this.#reader.next()
    if (next.done) {
      // A reader that has come to the end once stays there.
      this.#reader = this.#events.entries()
      next = this.#reader.next()
    }
    if (next.done) return undefined
    const [key, event] = next.value
    this.#remove(key, event)
    return event
  }

  #remove(key: string | number, event: PreparedEvent): void {
    this.#events.delete(key)
    this.length -= event.bytes.length
  }
}
