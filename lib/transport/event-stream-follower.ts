/**
 * Follows an event stream over as many connections as it takes: WHATWG HTML §9.2.3, the processing model, for both faces
 * of the client. Those decide what is done about a loss, and who is told.
 *
 *            ┌───────────────────────────── wait ◄──────────────────────────────┐
 *            ▼                                                                  │
 *     requestEventStream ─► 'open' ─► parser ─► 'events', 'events', … ─► end or failure ─► 'lost'
 *            │ └─────────────────── failure ──────────────────────────────────────┘
 *            └─ not an event stream, or beyond a limit: thrown, and the end of it
 *
 * What outlives a connection is here: the last event ID, the reconnection time and the count of failures. Steps are
 * pulled: while nobody asks for the next one nothing is read. Memory: the events of one chunk beside what the parser
 * holds. Whatever the end (thrown, returned, aborted), no socket, timer or listener is left.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { EventStreamResponseError, EventStreamTimeoutError, type EventStreamTimeoutErrorCode } from '../errors.ts'
import { type EventStreamHandlers, EventStreamParser, type ServerSentEvent } from '../event-stream/parser.ts'
import type { ReconnectionInfo } from './event-source-options.ts'
import { type EventStreamRequest, judge, requestEventStream } from './event-stream-request.ts'
import type { HttpResponse } from './http-exchange.ts'
import { boundDelay, parseRetryAfter, reconnectionDelay } from './reconnection.ts'
import { SilenceWatch } from './silence-watch.ts'

export type Step =
  | { readonly kind: 'open'; readonly response: HttpResponse }
  | { readonly kind: 'events'; readonly events: readonly ServerSentEvent[] }
  /** It will be tried again after `delay`. */
  | { readonly kind: 'lost'; readonly info: ReconnectionInfo }

/** A connection that has ended: by a failure of the network, with a status of `retryStatuses`, or clean. */
export interface Loss {
  readonly error: unknown
  /** The body has ended in good order. */
  readonly isClean: boolean
  /** This connection or one before it was open. */
  readonly wasOpen: boolean
}

export interface Followed {
  readonly request: EventStreamRequest
  /** Whether there shall be another attempt. If not, a clean end ends the steps, and a failure is thrown. */
  readonly mayReconnect: (loss: Loss) => boolean
  readonly handlers: Pick<EventStreamHandlers, 'comment' | 'retry'>
  /** From 0 to 1. */
  readonly random: () => number
}

/** @param signal aborting it ends the steps with its reason, at whatever stage */
export async function* follow(followed: Followed, signal: AbortSignal): AsyncGenerator<Step, void, undefined> {
  const { request, mayReconnect } = followed
  let { lastEventId, reconnectionTime } = request
  let failures = 0
  let wasOpen = false
  for (;;) {
    const attempt = new Attempt(followed, lastEventId, signal)
    try {
      yield* attempt.steps()
    } finally {
      attempt.end()
    }
    signal.throwIfAborted()
    wasOpen ||= attempt.wasOpen
    lastEventId = attempt.lastEventId
    reconnectionTime = attempt.reconnectionTime ?? reconnectionTime
    failures = attempt.hasDelivered ? 0 : failures + 1
    const { loss } = attempt
    const error = loss?.error
    if (!mayReconnect({ error, isClean: loss === undefined, wasOpen })) {
      if (loss === undefined) return
      throw error
    }
    const info = reconnectionInfo(followed, { error, failures, reconnectionTime })
    yield { kind: 'lost', info }
    // The abort's reason is the signal's, not that of a timer.
    await wait(info.delay, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

function reconnectionInfo({ request, random }: Followed, known: Omit<ReconnectionInfo, 'delay'>): ReconnectionInfo {
  const retryAfter = parseRetryAfter(retryAfterOf(known.error), Date.now())
  const { maxReconnectionDelay, reconnectionDelay: choose } = request
  const delay = reconnectionDelay({ ...known, maxReconnectionDelay, retryAfter }, random())
  const info = { ...known, delay }
  if (choose === undefined) return info
  const chosen = choose(info)
  if (typeof chosen === 'number' && chosen >= 0) return { ...info, delay: boundDelay(chosen) }
  throw Object.assign(new RangeError(`reconnectionDelay must return a number from 0 up, got ${chosen}`), {
    code: 'ERR_OUT_OF_RANGE',
  })
}

function retryAfterOf(error: unknown): string | undefined {
  return error instanceof EventStreamResponseError ? error.response.headers['retry-after'] : undefined
}

/** One connection, from the request to its end. */
class Attempt {
  readonly #followed: Followed
  readonly #signal: AbortSignal
  /** Ends the exchange: aborted with the signal, by silence, and in any case at the end. */
  readonly #exchange = new AbortController()
  readonly #onAbort = () => this.#exchange.abort(this.#signal.reason)
  readonly #parser: EventStreamParser
  #events: ServerSentEvent[] = []
  #watch: SilenceWatch | undefined
  #silence: EventStreamTimeoutError | undefined
  wasOpen = false
  /** An event or a comment has come. */
  hasDelivered = false
  /** Why it has ended, unless in good order. */
  loss: { readonly error: unknown } | undefined

  constructor(followed: Followed, lastEventId: string, signal: AbortSignal) {
    this.#followed = followed
    this.#signal = signal
    const { request, handlers } = followed
    const comment = (text: string) => {
      this.hasDelivered = true
      handlers.comment?.(text)
    }
    const event = (event: ServerSentEvent) => void this.#events.push(event)
    this.#parser = new EventStreamParser(
      { event, comment, retry: handlers.retry },
      { ...request.limits, lastEventId },
    )
    signal.addEventListener('abort', this.#onAbort)
    if (signal.aborted) this.#onAbort()
  }

  get lastEventId(): string {
    return this.#parser.lastEventId
  }

  get reconnectionTime(): number | undefined {
    return this.#parser.reconnectionTime
  }

  end(): void {
    this.#watch?.stop()
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#exchange.abort()
  }

  async *steps(): AsyncGenerator<Step, void, undefined> {
    const { request } = this.#followed
    const response = await this.#open()
    if (response === undefined) return
    this.wasOpen = true
    yield { kind: 'open', response }
    this.#watch = this.#watchFor('ERR_EVENT_STREAM_IDLE_TIMEOUT', request.idleTimeout)
    for (;;) {
      const chunk = await this.#read(response)
      if (chunk === undefined) return
      const fault = this.#parse(chunk)
      if (this.#events.length > 0) {
        this.hasDelivered = true
        const events = this.#events
        this.#events = []
        yield { kind: 'events', events }
      }
      if (fault !== undefined) throw fault.error
    }
  }

  async #open(): Promise<HttpResponse | undefined> {
    const { request } = this.#followed
    const { signal } = this.#exchange
    try {
      this.#watch = this.#watchFor('ERR_EVENT_STREAM_RESPONSE_TIMEOUT', request.responseTimeout)
      this.#watch?.begin()
      const answer = await requestEventStream(request, this.lastEventId, signal)
      this.#watch?.stop()
      if ('failure' in answer) {
        this.loss = { error: answer.failure }
        return undefined
      }
      const error = await judge(answer, signal)
      signal.throwIfAborted()
      if (error === undefined) return answer.response
      if (!request.retryStatuses.includes(error.response.status)) throw error
      this.loss = { error }
    } catch (error) {
      this.#signal.throwIfAborted()
      if (error !== this.#silence) throw error
      this.loss = { error }
    }
    return undefined
  }

  /** The next chunk; undefined at the end, of whatever kind. */
  async #read({ body }: HttpResponse): Promise<Uint8Array | undefined> {
    this.#watch?.begin()
    try {
      const chunk = await body.next()
      this.#watch?.end()
      if (!this.#exchange.signal.aborted) return chunk
    } catch (error) {
      this.loss = { error }
    }
    this.#signal.throwIfAborted()
    if (this.#silence !== undefined) this.loss = { error: this.#silence }
    return undefined
  }

  /** What was thrown, here for a limit or by a handler: the events ahead of it come first. */
  #parse(chunk: Uint8Array): { readonly error: unknown } | undefined {
    try {
      this.#parser.feed(chunk)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  #watchFor(code: EventStreamTimeoutErrorCode, timeout: number): SilenceWatch | undefined {
    if (timeout === Infinity) return undefined
    return new SilenceWatch(timeout, () => {
      this.#silence = new EventStreamTimeoutError(code, timeout)
      this.#exchange.abort(this.#silence)
    })
  }
}
