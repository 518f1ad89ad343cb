/**
 * The frames of one connection of the playground on their way to its page, which are told with what compression made
 * of their message: the last frame of a compressed one carries how long the message is, and how long it was on the wire.
 *
 * A frame that comes is seen before its message is inflated, so it is held until then, and those behind it, too. A frame
 * that goes is seen after its message was sent.
 */
import type { FrameRecord } from '../index.ts'

type Direction = 'in' | 'out'

interface Held {
  readonly event: object
  /** The frame is the last one of its message. */
  readonly isLast: boolean
  /** Bytes of the message's frames so far, if it is compressed. */
  readonly compressed: number | undefined
}

const FIRST_CONTROL_OPCODE = 8

export class PlaygroundFrames {
  readonly #tell: (event: object) => void
  readonly #open: Record<Direction, { isCompressed: boolean; length: number }> = {
    in: { isCompressed: false, length: 0 },
    out: { isCompressed: false, length: 0 },
  }
  readonly #held: Held[] = []
  /** Messages whose frames were told of before they came. */
  #ahead = 0
  /** Lengths of the messages that were sent and whose frames have not been seen. */
  readonly #sent: number[] = []

  constructor(tell: (event: object) => void) {
    this.#tell = tell
  }

  /** A frame went by; `event` tells of it. */
  seen(direction: Direction, frame: FrameRecord, event: object): void {
    const isLast = frame.fin && frame.opcode < FIRST_CONTROL_OPCODE
    const compressed = this.#add(direction, frame)
    if (direction === 'out') {
      const length = isLast ? this.#sent.shift() : undefined
      this.#tell(withSizes(event, compressed, length))
    } else if (this.#held.length > 0 || (isLast && compressed !== undefined)) {
      this.#held.push({ event, isLast, compressed })
    } else {
      if (isLast) this.#ahead++
      this.#tell(event)
    }
  }

  /** A message came, of so many bytes. */
  received(length: number): void {
    if (this.#ahead > 0) {
      this.#ahead--
      return
    }
    // The one that was waited for, and what was held for its sake up to the end of the next message.
    const [last] = this.#held.splice(0, 1)
    if (last !== undefined) this.#tell(withSizes(last.event, last.compressed, length))
    const next = this.#held.findIndex(({ isLast }) => isLast)
    for (const { event } of this.#held.splice(0, next < 0 ? Infinity : next)) this.#tell(event)
  }

  /** A message is sent, of so many bytes. */
  sending(length: number): void {
    this.#sent.push(length)
  }

  /** No message will come any more. */
  end(): void {
    for (const { event } of this.#held.splice(0)) this.#tell(event)
  }

  /** Bytes of the message's frames so far, if it is compressed. */
  #add(direction: Direction, { opcode, rsv1, length }: FrameRecord): number | undefined {
    if (opcode >= FIRST_CONTROL_OPCODE) return undefined
    const message = this.#open[direction]
    if (opcode !== 0) Object.assign(message, { isCompressed: rsv1, length: 0 })
    message.length += length
    return message.isCompressed ? message.length : undefined
  }
}

function withSizes(event: object, compressed: number | undefined, length: number | undefined): object {
  return compressed === undefined || length === undefined ? event : { ...event, message: { length, compressed } }
}
