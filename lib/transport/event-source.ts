/**
 * The `EventSource` class of browsers, as WHATWG HTML §9.2 defines it: states, events and their order are here to the
 * letter. What the class cannot say (headers, a body, limits) goes into its second argument, beside `withCredentials`.
 *
 * Whatever the standard queues as a task is one here, on `setImmediate`. The events of one chunk are queued together, and
 * the next chunk is not read before they were dispatched.
 */
import type { ServerSentEvent } from '../event-stream/parser.ts'
import { defineEventHandlers, type EventHandler } from './event-handlers.ts'
import {
  type CheckedClientOptions,
  checkClientOptions,
  checkHttpUrl,
  type EventStreamClientOptions,
} from './event-source-options.ts'
import { follow, type Step } from './event-stream-follower.ts'

export interface EventSourceInit extends EventStreamClientOptions {
  /** Node has no jar of cookies: it is reflected, and given to a `fetch` of your own. Default false. */
  readonly withCredentials?: boolean | undefined
}

/** The event of type `error`. `readyState` tells whether the source will try again (CONNECTING) or not (CLOSED). */
export interface EventSourceErrorEvent extends Event {
  /**
   * Why: an `EventStreamResponseError`, an `EventStreamTimeoutError`, an `EventStreamError`, the system's error, or what
   * `headers` has thrown; undefined if the stream has ended in good order.
   */
  readonly error: unknown
}

const STATES = { CONNECTING: 0, OPEN: 1, CLOSED: 2 } as const

export class EventSource extends EventTarget {
  declare static readonly CONNECTING: typeof STATES.CONNECTING
  declare static readonly OPEN: typeof STATES.OPEN
  declare static readonly CLOSED: typeof STATES.CLOSED
  declare readonly CONNECTING: typeof STATES.CONNECTING
  declare readonly OPEN: typeof STATES.OPEN
  declare readonly CLOSED: typeof STATES.CLOSED
  declare onopen: EventHandler
  declare onmessage: EventHandler
  declare onerror: EventHandler

  readonly #url: URL
  readonly #withCredentials: boolean
  readonly #abort = new AbortController()
  /** The caller's. */
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => this.close()
  #readyState: (typeof STATES)[keyof typeof STATES] = STATES.CONNECTING
  /** Of the stream's final URL. */
  #origin = ''

  /**
   * @param url `http:` or `https:`; user name and password become an Authorization field
   * @throws {DOMException} SyntaxError: not a URL
   * @throws {TypeError | RangeError} an option is wrong
   */
  constructor(url: string | URL, init: EventSourceInit = {}) {
    super()
    // biome-ignore lint/complexity/noArguments: Web IDL tells a missing argument from one that is undefined
    if (arguments.length === 0) throw new TypeError('an EventSource needs a URL')
    const target = `${url}`
    // §9.2.2, constructor, 4: "If urlRecord is failure, then throw a "SyntaxError" DOMException."
    if (!URL.canParse(target)) throw new DOMException('the URL is not a URL', 'SyntaxError')
    const options = checkClientOptions('EventSource', init ?? {}, ['withCredentials'])
    this.#url = new URL(target)
    this.#withCredentials = Boolean(init?.withCredentials)
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#onAbort)
    if (this.#signal?.aborted) this.close()
    else void this.#follow(options)
  }

  get url(): string {
    return this.#url.href
  }

  get withCredentials(): boolean {
    return this.#withCredentials
  }

  get readyState(): 0 | 1 | 2 {
    return this.#readyState
  }

  /** Ends the stream. No event is dispatched any more. */
  close(): void {
    // §9.2.2: "The close() method must abort any instances of the fetch algorithm started for this EventSource object, and
    // must set the readyState attribute to CLOSED."
    this.#readyState = STATES.CLOSED
    this.#release()
  }

  async #follow(options: CheckedClientOptions): Promise<void> {
    try {
      // A URL that is none of HTTP is a network error: "unless the user agent knows that to be futile, in which case the
      // user agent may fail the connection."
      const request = { ...options, url: checkHttpUrl(this.#url), withCredentials: this.#withCredentials }
      const followed = { request, mayReconnect: () => true, handlers: {}, random: Math.random }
      for await (const step of follow(followed, this.#abort.signal)) await this.#perform(step)
    } catch (error) {
      // §9.2.3, "fail the connection": "queue a task which, if the readyState attribute is set to a value other than CLOSED,
      // sets the readyState attribute to CLOSED and fires an event named error at the EventSource object."
      await this.#queueTask(() => {
        this.#readyState = STATES.CLOSED
        this.#release()
        this.dispatchEvent(errorEvent(error))
      })
    }
  }

  #perform(step: Step): Promise<void> {
    if (step.kind === 'events') return this.#dispatch(step.events)
    return this.#queueTask(() => {
      if (step.kind === 'open') {
        // §9.2.3, "announce the connection": "sets the readyState attribute to OPEN and fires an event named open"
        this.#origin = step.response.url.origin
        this.#readyState = STATES.OPEN
        this.dispatchEvent(new Event('open'))
      } else {
        // §9.2.3, "reestablish the connection", 1.2: "Set the readyState attribute to CONNECTING." 1.3: "Fire an event named
        // error"
        this.#readyState = STATES.CONNECTING
        this.dispatchEvent(errorEvent(step.info.error))
      }
    })
  }

  /** §9.2.6, "dispatch the event", 4 to 8, for the events of a chunk: a task for each. */
  async #dispatch(events: readonly ServerSentEvent[]): Promise<void> {
    let last: Promise<void> | undefined
    for (const { type, data, lastEventId } of events) {
      last = this.#queueTask(() => {
        // "Initialize event's type attribute to "message", its data attribute to data, its origin attribute to the
        // serialization of the origin of the event stream's final URL (i.e., the URL after redirects), and its
        // lastEventId attribute to the last event ID string of the event source."
        this.dispatchEvent(new MessageEvent(type, { data, origin: this.#origin, lastEventId }))
      })
    }
    await last
  }

  /** Runs it as a task "if the readyState attribute is set to a value other than CLOSED"; resolves behind it. */
  #queueTask(steps: () => void): Promise<void> {
    return new Promise(resolve => {
      setImmediate(() => {
        if (this.#readyState !== STATES.CLOSED) steps()
        resolve()
      })
    })
  }

  #release(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#abort.abort()
  }
}

for (const [name, value] of Object.entries(STATES)) {
  const constant = { value, enumerable: true }
  Object.defineProperty(EventSource, name, constant)
  Object.defineProperty(EventSource.prototype, name, constant)
}
for (const name of ['url', 'withCredentials', 'readyState', 'close']) {
  Object.defineProperty(EventSource.prototype, name, { enumerable: true })
}
Object.defineProperty(EventSource.prototype, Symbol.toStringTag, { value: 'EventSource', configurable: true })
defineEventHandlers(EventSource.prototype, ['open', 'message', 'error'])

function errorEvent(error: unknown): EventSourceErrorEvent {
  return Object.defineProperty(new Event('error'), 'error', {
    value: error,
    enumerable: true,
  }) as EventSourceErrorEvent
}
