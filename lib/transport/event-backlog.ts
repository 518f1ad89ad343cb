/**
 * Events that wait behind a client that is slow, or for the end of the turn in which they were sent. Whoever adds them
 * looks at {@link EventBacklog.length}, which bounds what is held. Time: constant for each event, whatever waits.
 *
 * There are two kinds. Where nothing is ever dropped, events are joined when they come, and cost their bytes. Where they
 * can be dropped or replaced as long as they are here, each is kept for itself, which costs some 250 bytes more.
 */
import type { PreparedEvent } from './outgoing-event.ts'

export interface EventBacklog {
  /** Bytes. */
  readonly length: number
  /** @param key a newer event with that key will drop this one; none if it is to stay */
  add(event: PreparedEvent, key?: string): void
  /** Drops the event that was added with that key, if it is here; the newer one goes to the end, so that IDs stay in order. */
  drop(key: string): boolean
  /** False when there is none that could be dropped. */
  dropOldest(): boolean
  /** Takes out events for one write; undefined when nothing is left. */
  take(): Buffer | undefined
}

const NOTHING = Buffer.alloc(0)

export class JoinedBacklog implements EventBacklog {
  length = 0
  readonly #enough: number
  /** Each is a write, in their order. */
  #writes: Buffer[] = []
  /** How many of them are gone: taking from the front of an array moves all the rest. */
  #gone = 0
  /** The write that is being put together, and how much of it is. */
  #next = NOTHING
  #used = 0

  /** @param enough bytes that make a write; more only if one event has more */
  constructor(enough: number) {
    this.#enough = enough
  }

  add({ bytes }: PreparedEvent): void {
    this.length += bytes.length
    if (this.#used + bytes.length > this.#enough) this.#endWrite()
    if (bytes.length * 2 > this.#enough) {
      // It is a write of its own, and is not copied.
      this.#endWrite()
      this.#writes.push(bytes)
      return
    }
    if (this.#used + bytes.length > this.#next.length) this.#grow(this.#used + bytes.length)
    this.#next.set(bytes, this.#used)
    this.#used += bytes.length
  }

  drop(): boolean {
    return false
  }

  dropOldest(): boolean {
    return false
  }

  take(): Buffer | undefined {
    if (this.#gone === this.#writes.length) this.#endWrite()
    const write = this.#writes[this.#gone]
    if (write === undefined) return undefined
    this.#writes[this.#gone++] = NOTHING
    if (this.#gone === this.#writes.length) {
      this.#writes = []
      this.#gone = 0
    }
    this.length -= write.length
    return write
  }

  #endWrite(): void {
    if (this.#used > 0) this.#writes.push(this.#next.subarray(0, this.#used))
    this.#next = NOTHING
    this.#used = 0
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#enough, Math.max(512, 2 * needed)))
    this.#next.copy(larger, 0, 0, this.#used)
    this.#next = larger
  }
}

export class DroppableBacklog implements EventBacklog {
  length = 0
  readonly #enough: number
  /** In the order in which they will go out: by their key, or by a number. */
  readonly #events = new Map<string | number, PreparedEvent>()
  #number = 0
  /** Stands behind what was taken. One that begins anew each time would look at what is gone again and again. */
  #reader = this.#events.entries()

  /** @param enough bytes that make a write: events are put together until they are as much */
  constructor(enough: number) {
    this.#enough = enough
  }

  add(event: PreparedEvent, key?: string): void {
    this.#events.set(key ?? this.#number++, event)
    this.length += event.bytes.length
  }

  drop(key: string): boolean {
    const event = this.#events.get(key)
    if (event !== undefined) this.#remove(key, event)
    return event !== undefined
  }

  dropOldest(): boolean {
    return this.#shift() !== undefined
  }

  take(): Buffer | undefined {
    const first = this.#shift()
    if (first === undefined || this.length === 0) return first?.bytes
    const pieces = [first.bytes]
    let length = first.bytes.length
    while (length < this.#enough) {
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
