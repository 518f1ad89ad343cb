/**
 * The event streams of the playground's page. Each page makes up the name of a session; `/events?session=…` is the
 * stream of that session, and a WebSocket to `/streams?session=…` watches it: on it the server tells what went over the
 * wire, which a page cannot see, and takes commands. A WebSocket and not requests of their own for the commands: the
 * server lets it in for pages of its own origin only, no GET changes anything, and it takes none of the six
 * connections that a browser has for HTTP/1.1.
 *
 * Server to page, one JSON text each: `request` (with its answer), `event`, `end`, `error` (of a command).
 * Page to server: `drop`, `close`, `stop` (close, and 204 to the next request), `retry` (milliseconds).
 *
 * Memory: {@link MOST_SESSIONS} sessions of one stream, one watcher and one log each; what a stream or a watcher does
 * not take is bounded. One timer for all sessions, which runs while there are any and does not keep the process alive.
 */
import type { Socket } from 'node:net'
import { encodeEvent } from '../event-stream/index.ts'
import {
  type EventStream,
  type EventStreamClose,
  type Message,
  openEventStream,
  type PortResponse,
  type Refusal,
  type UpgradeRequest,
  type WebSocketConnection,
} from '../index.ts'
import { type LoggedEvent, PlaygroundEventLog, type Replay } from './playground-event-log.ts'

/** Sessions at the same time. Of those that nobody is connected to, the one that waits longest makes room. */
export const MOST_SESSIONS = 64
/** Milliseconds from one event to the next. */
const PERIOD = 1000
/** Milliseconds for which a session waits for somebody to come back. */
const PATIENCE = 60_000
/** Reconnection time of a session, in milliseconds, until the page asks for another one. */
const FIRST_RETRY = 2000
/** Longest reconnection time that the page may ask for. */
const LONGEST_RETRY = 60_000
/** Bytes that a client may leave unread before its stream is cut. */
const MOST_UNREAD = 65_536
/** Unsent bytes at which a watcher that does not read is no longer told. */
const ENOUGH = 1_000_000

export class PlaygroundStreams {
  readonly #sessions = new Map<string, Session>()
  readonly #patience: number
  #timer: NodeJS.Timeout | undefined = undefined

  /** @param patience milliseconds for which a session waits for somebody to come back */
  constructor(patience = PATIENCE) {
    this.#patience = patience
  }

  /** The sessions that there are. */
  get size(): number {
    return this.#sessions.size
  }

  /** Answers a request for a stream, for the server's `onRequest`. */
  answer(request: UpgradeRequest, response: PortResponse): EventStream | Refusal {
    // Pages of other sites could not read it, but they could fill the sessions. Who is no browser does not say.
    if (!['same-origin', 'none', undefined].includes(request.headers['sec-fetch-site'] as string | undefined)) {
      return { status: 403, body: 'this stream is for its own page\n' }
    }
    const name = sessionNameOf(request)
    if (name === undefined) return { status: 400, body: 'name a session, for example /events?session=mine\n' }
    if (request.method === 'HEAD') return openEventStream(request, response)
    const session = this.#session(name)
    if (session === undefined) return { status: 503, headers: { 'Retry-After': '60' }, body: 'too many sessions\n' }
    return session.answer(request, response)
  }

  /** Takes a connection that watches the session its request names. */
  addWatcher(connection: WebSocketConnection, request: UpgradeRequest): void {
    const session = this.#session(sessionNameOf(request) ?? '')
    if (session === undefined) connection.close(1013, 'too many sessions')
    else session.addWatcher(connection)
  }

  #session(name: string): Session | undefined {
    const known = this.#sessions.get(name)
    if (known !== undefined) return known
    if (this.#sessions.size >= MOST_SESSIONS && !this.#makeRoom()) return undefined
    const session = new Session()
    this.#sessions.set(name, session)
    this.#timer ??= setInterval(() => this.#tick(), PERIOD).unref()
    return session
  }

  #makeRoom(): boolean {
    let longest: [string, Session] | undefined
    for (const entry of this.#sessions) {
      if (entry[1].isIdle && entry[1].usedAt < (longest?.[1].usedAt ?? Number.POSITIVE_INFINITY)) longest = entry
    }
    return longest !== undefined && this.#sessions.delete(longest[0])
  }

  #tick(): void {
    const now = performance.now()
    for (const [name, session] of this.#sessions) {
      if (session.isIdle && now - session.usedAt > this.#patience) this.#sessions.delete(name)
      else session.publish(now)
    }
    if (this.#sessions.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** The name of a session in the query of a request; undefined if there is none that can be one. */
export function sessionNameOf({ url = '' }: UpgradeRequest): string | undefined {
  const name = new URLSearchParams(url.split('?')[1]).get('session')
  return name !== null && /^[\w-]{1,64}$/.test(name) ? name : undefined
}

/** The connection on which a session's stream goes out, and what is told of it. */
interface Open {
  readonly number: number
  readonly stream: EventStream
  readonly socket: Socket
  readonly told: object
  /** The command that ended it. */
  endedBy: string | null
}

class Session {
  /** When somebody was connected last. */
  usedAt = performance.now()
  readonly #log = new PlaygroundEventLog()
  #open: Open | undefined
  #watcher: WebSocketConnection | undefined
  #connections = 0
  #retry = FIRST_RETRY
  /** The next request is answered with 204. */
  #isStopped = false

  get isIdle(): boolean {
    return this.#open === undefined && this.#watcher === undefined
  }

  answer(request: UpgradeRequest, response: PortResponse): EventStream | Refusal {
    this.usedAt = performance.now()
    // A client that has lost its connection may be back before the old one is known to be gone.
    this.#open?.socket.destroy()
    const number = ++this.#connections
    if (this.#isStopped) {
      this.#isStopped = false
      this.#tell(describeRequest(request, { number, status: 204 }))
      return { status: 204 }
    }
    const stream = openEventStream(request, response, { retry: this.#retry, maxBufferedAmount: MOST_UNREAD })
    const { lastEventId } = stream
    const replay = this.#log.after(lastEventId)
    const told = describeRequest(request, {
      number,
      status: 200,
      retry: this.#retry,
      lastEventId,
      ...countsOf(replay),
    })
    this.#open = { number, stream, socket: request.socket as Socket, told, endedBy: null }
    this.#tell(told)
    void stream.closed.then(close => this.#onClosed(number, close))
    this.#greet(lastEventId, replay)
    for (const event of replay.events) this.#send(event, true)
    return stream
  }

  addWatcher(connection: WebSocketConnection): void {
    this.#watcher?.close(1000, 'another one watches')
    this.#watcher = connection
    this.usedAt = performance.now()
    // It came late: after the server was away, the stream is back first.
    if (this.#open !== undefined) this.#tell(this.#open.told)
    connection.on('message', message => this.#command(message))
    connection.on('close', () => {
      if (this.#watcher === connection) this.#watcher = undefined
      this.usedAt = performance.now()
    })
  }

  /** Makes the next event, from the first request on: the first client is to see the first event. */
  publish(now: number): void {
    if (this.#connections === 0) return
    const event = this.#log.add(now, new Date())
    if (this.#open !== undefined) this.#send(event, false)
  }

  /** The first event of a connection says what the request asked for. It has no ID, so it changes none. */
  #greet(lastEventId: string, replay: Replay): void {
    const data = JSON.stringify({ connection: this.#connections, lastEventId, ...countsOf(replay) })
    this.#sendOwn('hello', { event: 'hello', data })
  }

  #send({ id, text, prepared, madeAt }: LoggedEvent, isReplayed: boolean): void {
    const { stream, number } = this.#open!
    const late = performance.now() - madeAt
    this.#tell({ type: 'event', connection: number, kind: 'logged', id, text, late, isReplayed })
    stream.send(prepared)
  }

  /** Something that is not in the log. */
  #sendOwn(kind: 'hello' | 'retry', event: Parameters<typeof encodeEvent>[0]): void {
    const { stream, number } = this.#open!
    this.#tell({ type: 'event', connection: number, kind, id: null, text: encodeEvent(event), late: 0 })
    stream.send(event)
  }

  #onClosed(number: number, { by, cause }: EventStreamClose): void {
    this.usedAt = performance.now()
    const open = this.#open?.number === number ? this.#open : undefined
    this.#tell({ type: 'end', connection: number, by, cause: cause ?? null, command: open?.endedBy ?? null })
    if (open !== undefined) this.#open = undefined
  }

  #command(message: Message): void {
    let name: unknown
    try {
      const command = JSON.parse(String(message)) ?? {}
      name = command.command
      this.#obey(command)
    } catch (error) {
      this.#tell({ type: 'error', command: name, message: (error as Error).message })
    }
  }

  /** @throws what is wrong with the command, in words for the page */
  #obey({ command, milliseconds }: Record<string, unknown>): void {
    if (command === 'retry') return this.#setRetry(milliseconds)
    if (command !== 'drop' && command !== 'close' && command !== 'stop') {
      throw new Error(`no such command: ${command}`)
    }
    if (command === 'stop') this.#isStopped = true
    else if (this.#open === undefined) throw new Error('there is no stream to end')
    if (this.#open === undefined) return
    this.#open.endedBy = command
    // What is written and has not gone out goes with it. No reset: browsers report one as an error of the page's.
    if (command === 'drop') this.#open.socket.destroy()
    else this.#open.stream.close()
  }

  #setRetry(milliseconds: unknown): void {
    const retry = Number(milliseconds)
    if (!Number.isInteger(retry) || retry < 0 || retry > LONGEST_RETRY) {
      throw new Error(`the reconnection time must be from 0 to ${LONGEST_RETRY} ms`)
    }
    this.#retry = retry
    if (this.#open !== undefined) this.#sendOwn('retry', { retry })
  }

  #tell(event: object): void {
    if (this.#watcher !== undefined && this.#watcher.bufferedAmount < ENOUGH)
      this.#watcher.send(JSON.stringify(event))
  }
}

function countsOf({ events, lost, isKnown }: Replay): object {
  return { replays: events.length, lost, isKnown }
}

function describeRequest({ method, url, httpVersion, rawHeaders }: UpgradeRequest, answer: object): object {
  const headers = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []))
  return { type: 'request', request: `${method} ${url} HTTP/${httpVersion}`, headers, ...answer }
}
