/**
 * What a session of the playground has to tell: an event about every second, and the last of them, for a client that
 * was away. Knows no socket and no timer; the time comes from the caller.
 *
 * Memory: {@link CAPACITY} events of a few hundred bytes. Time: constant for an event, that of a copy for a replay.
 */
import { encodeEvent } from '../event-stream/index.ts'
import { type OutgoingEvent, type PreparedEvent, prepareEvent } from '../index.ts'

/** More than are made while a session without a client is kept, so that who comes back in time misses nothing. */
export const CAPACITY = 100

export interface LoggedEvent {
  readonly id: string
  /** As it goes over the wire. */
  readonly text: string
  readonly prepared: PreparedEvent
  /** When it was made, in milliseconds on the caller's clock. */
  readonly madeAt: number
}

/** What a client that asks to go on from an event gets. */
export interface Replay {
  readonly events: readonly LoggedEvent[]
  /** Events that it has missed and that are no longer here. */
  readonly lost: number
  /** Whether the ID is one that was given out here; not for the empty string. */
  readonly isKnown: boolean
}

export class PlaygroundEventLog {
  readonly #events: LoggedEvent[] = []
  #made = 0

  /** Makes the next event; its ID is its number. */
  add(madeAt: number, date: Date): LoggedEvent {
    const id = String(++this.#made)
    const event = { ...contentOf(this.#made, date), id }
    const logged = { id, text: encodeEvent(event), prepared: prepareEvent(event), madeAt }
    this.#events.push(logged)
    if (this.#events.length > CAPACITY) this.#events.shift()
    return logged
  }

  /** What came after that event. Nothing for an ID that was not given out here: it comes from the client. */
  after(lastEventId: string): Replay {
    const number = /^[1-9]\d{0,15}$/.test(lastEventId) ? Number(lastEventId) : 0
    if (number === 0 || number > this.#made) return { events: [], lost: 0, isKnown: false }
    const forgotten = this.#made - this.#events.length
    return {
      events: this.#events.slice(Math.max(0, number - forgotten)),
      lost: Math.max(0, forgotten - number),
      isKnown: true,
    }
  }
}

/** A few kinds of event in turn, so that there is something to see of each field. */
function contentOf(number: number, date: Date): OutgoingEvent {
  switch (number % 6) {
    case 3:
      // No event field: the type is "message".
      return {
        comment: 'no event field, three of data: one message',
        data: 'Roses are red,\nviolets are blue;\nthree lines here, one event for you.',
      }
    case 5:
      return { event: 'greeting', data: 'Grüße, 世界! 🌍' }
    default:
      return { event: 'time', data: date.toISOString() }
  }
}
