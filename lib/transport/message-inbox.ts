/**
 * Who gets the next message of a connection, and whether anybody wants one. A pending `next()` of an iterator comes
 * first, then 'message' listeners. While nobody wants one, one message is held and the connection reads no further,
 * so that nothing is lost before a consumer is there and nothing piles up behind a slow one. When the peer's bytes
 * have ended, what was read ahead is held as well: no more than the messages of one chunk.
 *
 * A connection that is only sent to may never have a consumer. Then the peer must not be kept waiting for ever: see
 * `stopWaiting`.
 */
import type { Message } from './websocket-connection.ts'

type Result = IteratorResult<Message, undefined>

export class MessageInbox {
  #isFlowing = false
  #consumer: 'awaited' | 'known' | 'given up' = 'awaited'
  /** The application has closed, and takes no more than it waits for. */
  isDiscarding = false
  /** What comes now is the rest of what was read ahead: all of it is held. */
  isLast = false
  #held: Message[] | undefined = undefined
  #pulls: ((result: Result) => void)[] | undefined = undefined
  #ended = false

  /** There has been a 'message' listener, and reading was not paused. */
  get isFlowing(): boolean {
    return this.#isFlowing
  }

  /** Messages go to the listeners. */
  start(): void {
    this.#isFlowing = true
    this.#consumer = 'known'
  }

  /** Messages are kept until `start`. */
  stop(): void {
    this.#isFlowing = false
    this.#consumer = 'known'
  }

  /** Messages that nobody waits for are dropped. */
  get drops(): boolean {
    return this.isDiscarding || this.#consumer === 'given up'
  }

  /**
   * Until the first consumer comes messages are dropped, the one that is held too.
   *
   * @returns false, and nothing changes, if there has been a consumer
   */
  stopWaiting(): boolean {
    if (this.#consumer === 'known') return false
    this.#consumer = 'given up'
    this.#held = undefined
    return true
  }

  /** An iterator waits for a message. */
  get isPulled(): boolean {
    return this.#pulls !== undefined && this.#pulls.length > 0
  }

  get isHolding(): boolean {
    return this.#held !== undefined
  }

  /** Nothing more may be read before what is held was taken. */
  get isFull(): boolean {
    return this.#held !== undefined && !this.isLast
  }

  /** Gives the message to the pull that has waited longest, if there is one. */
  giveToPull(message: Message): boolean {
    const pull = this.#pulls?.shift()
    pull?.({ done: false, value: message })
    return pull !== undefined
  }

  /** Keeps a message for the consumer to come. */
  hold(message: Message): void {
    if (this.drops) return
    if (this.#held === undefined) this.#held = [message]
    else this.#held.push(message)
  }

  /** The message that was held first. */
  takeHeld(): Message | undefined {
    const held = this.#held?.shift()
    if (this.#held?.length === 0) this.#held = undefined
    return held
  }

  /** The next message for an iterator; `wait` is called when it is not here yet. */
  pull(wait: () => void): Promise<Result> {
    this.#consumer = 'known'
    const held = this.takeHeld()
    if (held !== undefined) return Promise.resolve({ done: false, value: held })
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise(resolve => {
      this.#pulls ??= []
      this.#pulls.push(resolve)
      wait()
    })
  }

  /** No message will come any more. One that is held can still be taken. */
  end(): void {
    this.#ended = true
    for (const pull of this.#pulls?.splice(0) ?? []) pull({ done: true, value: undefined })
  }
}
