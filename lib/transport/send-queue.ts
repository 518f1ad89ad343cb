/**
 * Keeps messages in order when one of them takes time: while a message is sent in fragments from a source, what is
 * sent after it waits here. Control frames do not; they may go between fragments (RFC 6455 §5.4).
 */
import type { MessageData } from '../websocket/connection.ts'

export interface FragmentSink {
  /**
   * Sends one fragment, or throws when the connection is closing. False: the next must wait for `SendQueue.resume`. A
   * promise of that: it takes time to be made ready.
   */
  sendFragment(data: MessageData, fin: boolean): boolean | Promise<boolean>
  /** A message that was begun cannot be ended. */
  abandonMessage(): void
}

export type FragmentSource = Iterable<MessageData> | AsyncIterable<MessageData>

interface Waiting {
  readonly task: () => void | Promise<void>
  /** Bytes of its message. */
  readonly length: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class SendQueue {
  /** Bytes of the messages that wait. */
  length = 0
  /** Something is being sent or waits: a new message must wait as well. */
  isBusy = false
  readonly #waiting: Waiting[] = []
  /** Ends what is waited for now: a part from the source, or room for one. */
  #resume: () => void = () => {}
  #abortWait: (error: Error) => void = () => {}
  #aborted: Error | undefined = undefined

  /** Runs `task` after all that were added before it; settles as the task does. */
  add(task: () => void | Promise<void>, length = 0): Promise<void> {
    this.length += length
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, length, resolve, reject })
      if (!this.isBusy) void this.#run()
    })
  }

  /** Sends what `source` yields as the fragments of one message, each as soon as it is there. */
  addFragments(source: FragmentSource, sink: FragmentSink): Promise<void> {
    return this.add(() => this.#sendFragments(source, sink))
  }

  /** There is room for the next fragment. */
  resume(): void {
    this.#resume()
  }

  /** The connection is closed: no longer waits for anything. */
  abort(error: Error): void {
    this.#aborted = error
    this.#abortWait(error)
  }

  async #run(): Promise<void> {
    this.isBusy = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await next.task()
        next.resolve()
      } catch (error) {
        next.reject(error)
      }
      this.length -= next.length
    }
    this.isBusy = false
  }

  /**
   * Parts that are all there already are looked at one ahead, so that the last one ends the message. A source that
   * takes time is not waited for: its parts go out as they come, and an empty fragment ends the message.
   */
  async #sendFragments(source: FragmentSource, sink: FragmentSink): Promise<void> {
    const isSlow = Symbol.asyncIterator in source
    const parts = isSlow ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    let last: MessageData | undefined
    let isBegun = false
    const send = async (part: MessageData) => {
      const sent = sink.sendFragment(part, false)
      isBegun = true
      const hasRoom = typeof sent === 'boolean' ? sent : await this.wait(sent)
      if (!hasRoom) await this.#wait<void>(resolve => (this.#resume = resolve))
    }
    try {
      for (;;) {
        const next = await this.wait(Promise.resolve(parts.next()))
        if (next.done) break
        if (isSlow) await send(next.value)
        else if (last !== undefined) await send(last)
        last = next.value
      }
      const isEmptyText = last === undefined || typeof last === 'string'
      const end = !isSlow && last !== undefined ? last : isEmptyText ? '' : new Uint8Array(0)
      const sent = sink.sendFragment(end, true)
      if (typeof sent !== 'boolean') await this.wait(sent)
    } catch (error) {
      if (isBegun) sink.abandonMessage()
      // Lets the source go, which may have its own troubles with that.
      void Promise.resolve(parts)
        .then(parts => parts.return?.())
        .catch(() => {})
      throw error
    }
  }

  /** Waits for a promise; rejects when the connection is closed. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return this.#wait((resolve, reject) => void promise.then(resolve, reject))
  }

  /** Waits for what `begin` begins; rejects when the connection is closed. */
  #wait<T>(begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
    if (this.#aborted !== undefined) return Promise.reject(this.#aborted)
    return new Promise((resolve, reject) => {
      this.#abortWait = reject
      begin(resolve, reject)
    })
  }
}
