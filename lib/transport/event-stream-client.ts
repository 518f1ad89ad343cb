/**
 * An event stream for those who pull: an async iterable of its events, over any method, for calls such as those of
 * language models.
 *
 *     for await (const { data } of eventStream(url, { method: 'POST', headers, body })) { … }
 *
 * Nothing is sent before the first event is asked for, and nothing is read while one is left.
 */
import { argumentError, EventStreamResponseError } from '../errors.ts'
import type { ServerSentEvent } from '../event-stream/parser.ts'
import { checkFunction } from './connection-options.ts'
import {
  type CheckedClientOptions,
  checkClientOptions,
  checkHttpUrl,
  type EventStreamClientOptions,
  type ReconnectionInfo,
} from './event-source-options.ts'
import { type Followed, follow, type Loss } from './event-stream-follower.ts'

export interface EventStreamRequestOptions extends EventStreamClientOptions {
  /**
   * Whether a stream that was lost is gone on with, from its last event ID. Default: for GET and HEAD once it was open,
   * and not otherwise, so that a POST is never sent twice. With true, a connection that never opened is tried again too;
   * with `always`, so is a stream that has ended in good order, as an EventSource does. With false, one of
   * `retryStatuses` is an end.
   */
  readonly reconnect?: boolean | 'always' | undefined
  /** Called whenever a connection is open. */
  readonly open?: ((response: EventStreamHead) => void) | undefined
  /** Called for every comment, ahead of the events behind it. */
  readonly comment?: ((text: string) => void) | undefined
  /** Called with the reconnection time, in milliseconds, when the stream sets it. */
  readonly retry?: ((reconnectionTime: number) => void) | undefined
  /** Called before the wait for another attempt. */
  readonly reconnecting?: ((info: ReconnectionInfo) => void) | undefined
}

export interface EventStreamHead {
  readonly status: number
  /** Field names in lower case; a repeated field is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The URL after redirects. */
  readonly url: string
}

const OWN_NAMES = ['reconnect', 'open', 'comment', 'retry', 'reconnecting']
type Callbacks = Pick<EventStreamRequestOptions, 'open' | 'reconnecting'>
type Result = IteratorResult<ServerSentEvent, undefined>

/**
 * The events of the stream at a URL, in order.
 *
 * Ends when the stream ends, and at once with 204. Rejects with an `EventStreamResponseError` if what was answered is
 * not an event stream; with the system's error, such as ECONNREFUSED, or an `EventStreamTimeoutError`, if the network
 * fails and it is not to reconnect; with an `EventStreamError` beyond a limit; with the signal's reason; and with what a
 * callback throws. Leaving the loop ends the request. Calls of `next` that do not wait for one another are answered in
 * their order.
 *
 * @param url `http:` or `https:`; user name and password become an Authorization field
 * @throws {TypeError | RangeError} the URL or an option is wrong
 */
export function eventStream(
  url: string | URL,
  options: EventStreamRequestOptions = {},
): AsyncIterableIterator<ServerSentEvent> & AsyncDisposable {
  const target = checkHttpUrl(url)
  const checked = checkClientOptions('eventStream', options, OWN_NAMES)
  const { reconnect } = options
  if (reconnect !== undefined && reconnect !== 'always' && typeof reconnect !== 'boolean')
    throw argumentError('ERR_INVALID_ARG_TYPE', `reconnect must be a boolean or "always", got ${reconnect}`)
  const [open, comment, retry, reconnecting] = [
    checkFunction('open', options.open),
    checkFunction('comment', options.comment),
    checkFunction('retry', options.retry),
    checkFunction('reconnecting', options.reconnecting),
  ]
  const followed = {
    request: { ...checked, url: target, withCredentials: false },
    mayReconnect: (loss: Loss) => mayReconnect(loss, reconnect, checked.method),
    handlers: { comment, retry },
    random: Math.random,
  }
  return new EventStreamIterator(followed, { open, reconnecting }, checked)
}

function mayReconnect(
  { error, isClean, wasOpen }: Loss,
  reconnect: EventStreamRequestOptions['reconnect'],
  method: string,
): boolean {
  if (isClean) return reconnect === 'always'
  // With one of `retryStatuses`: the server has not begun with what was asked.
  if (error instanceof EventStreamResponseError) return reconnect !== false
  return reconnect === 'always' || (reconnect ?? (wasOpen && (method === 'GET' || method === 'HEAD')))
}

class EventStreamIterator implements AsyncIterableIterator<ServerSentEvent>, AsyncDisposable {
  readonly #events: AsyncGenerator<ServerSentEvent, undefined, undefined>
  readonly #stop = new AbortController()
  #hasReturned = false

  constructor(followed: Followed, callbacks: Callbacks, { signal }: CheckedClientOptions) {
    this.#events = this.#follow(followed, callbacks, signal)
  }

  next(): Promise<Result> {
    return this.#events.next()
  }

  async return(): Promise<Result> {
    // A generator returns only when it is not waiting: what it waits for is ended first.
    this.#hasReturned = true
    this.#stop.abort()
    return this.#events.return(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async *#follow(
    followed: Followed,
    { open, reconnecting }: Callbacks,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ServerSentEvent, undefined, undefined> {
    const onAbort = () => this.#stop.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    try {
      for await (const step of follow(followed, this.#stop.signal)) {
        if (step.kind === 'events') {
          for (const event of step.events) {
            yield event
            // What is left of a chunk is not handed out behind an abort.
            this.#stop.signal.throwIfAborted()
          }
        } else if (step.kind === 'open') {
          const { status, headers, url } = step.response
          open?.({ status, headers, url: url.href })
        } else {
          reconnecting?.(step.info)
        }
      }
    } catch (error) {
      if (!this.#hasReturned && !isNoContent(error)) throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    return undefined
  }
}

/** §9.2.2: "Clients can be told to stop reconnecting using the HTTP 204 No Content response code." */
function isNoContent(error: unknown): boolean {
  return error instanceof EventStreamResponseError && error.response.status === 204
}
