/**
 * The peer when a client of event streams is judged: the requests that it makes for one stream, what they are answered
 * with, octet by octet as a case wants it, and what the client says it has dispatched.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Opened, Peer, PlayOptions } from '../case.ts'
import type { IncomingRequest } from '../client-peer.ts'
import { type FieldsToWrite, fieldValue, writeHead } from '../handshake.ts'
import { type Patience, patience } from '../patience.ts'
import { reset } from '../reset.ts'
import type { WireLog } from '../wire-log.ts'
import type { StreamEvent } from './stream.ts'
import { LAST_CHUNK, writeChunk } from './transfer.ts'

/** What a client has seen, in its order: events of the stream, and the `open` and `error` of its own. */
export interface Seen extends Partial<StreamEvent> {
  readonly type: string
  readonly origin?: string
  /** 0, 1 or 2, as an EventSource has it. */
  readonly readyState?: number
}

export interface Answer {
  /** Default "200 OK". */
  readonly status?: string
  /** Undefined leaves one of ours out. */
  readonly fields?: FieldsToWrite
  /** Of the body; each comes for itself, or with a pause of so many milliseconds. A character of a string is UTF-8. */
  readonly pieces?: readonly (string | Buffer | number)[]
  /**
   * - `end`: in good order, the default;
   * - `open`: it stays open;
   * - `cut`: TCP is ended, without a last chunk;
   * - `reset`: TCP is reset.
   */
  readonly ending?: 'end' | 'open' | 'cut' | 'reset'
  /** The body has no framing, and ends with TCP. */
  readonly endsWithTcp?: boolean
}

/** Milliseconds for the client to ask, and to tell what it has seen. */
const ASK_LIMIT = 5000
const REPORT_LIMIT = 5000
/** Milliseconds after which a stream that has ended is over for a client that does not ask again. */
const SETTLING = 600

export const STREAM_FIELDS: FieldsToWrite = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'Access-Control-Allow-Origin': '*',
  Connection: 'close',
}

/** A request that the client made for the stream. */
export class StreamRequest {
  readonly incoming: IncomingRequest
  /** When it came, in milliseconds. */
  readonly at: number = performance.now()
  /** What stands in the query besides the play. */
  readonly query: URLSearchParams
  readonly #log: WireLog

  constructor(incoming: IncomingRequest, query: URLSearchParams, log: WireLog) {
    this.incoming = incoming
    this.query = query
    this.#log = log
    log.head('testee', `${incoming.text}\r\n\r\n`)
  }

  /** As UTF-8; undefined without the field. */
  get lastEventId(): string | undefined {
    const value = fieldValue(this.incoming.head, 'last-event-id')
    return value === undefined ? undefined : Buffer.from(value, 'latin1').toString()
  }

  /** Resolves when all is written. */
  async answer({ status = '200 OK', fields, pieces = [], ending = 'end', endsWithTcp }: Answer): Promise<void> {
    const { socket } = this.incoming
    const hasBody = !/^(?:1|204|304)/.test(status)
    const isChunked = hasBody && endsWithTcp !== true && fields?.['Content-Length'] === undefined
    const own = hasBody ? STREAM_FIELDS : { ...STREAM_FIELDS, 'Content-Type': undefined }
    const head = writeHead(`HTTP/1.1 ${status}`, {
      ...own,
      ...(isChunked ? { 'Transfer-Encoding': 'chunked' } : {}),
      ...fields,
    })
    this.#log.head('suite', head)
    this.#write(Buffer.from(head, 'latin1'))
    for (const piece of pieces) {
      if (typeof piece === 'number') await delay(piece)
      else {
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
        // A chunk of nothing would be the last one.
        if (bytes.length === 0) continue
        this.#log.stream('suite', bytes)
        this.#write(isChunked ? writeChunk(bytes) : bytes)
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    if (ending === 'open') return
    if (ending === 'reset') {
      // A reset may throw away what stands in front of it.
      await delay(20)
      this.#log.note('the suite resets TCP')
      reset(socket)
      return
    }
    this.#log.note(ending === 'cut' ? 'the suite ends TCP amid the body' : 'the body ends')
    if (ending === 'end' && isChunked) this.#write(LAST_CHUNK)
    socket.end()
  }

  #write(bytes: Buffer): void {
    const { socket } = this.incoming
    if (!socket.destroyed && socket.writable) socket.write(bytes)
  }
}

export class EventStreamClientPeer implements Peer {
  readonly side = 'client'
  readonly options: PlayOptions
  readonly log: WireLog
  /** The origin at which the client finds the suite. */
  readonly origin: string
  /** Where the stream is, from the root. */
  readonly path: string
  /** All that came, in their order. */
  readonly requests: StreamRequest[] = []
  /** What the client has seen; undefined as long as it has not told. */
  seen: readonly Seen[] | undefined
  /** The case needs no more of the client, which may tell what it has seen. */
  readonly over: Promise<void>
  #endIt: () => void = () => {}
  #taken = 0
  #onChange: (() => void) | undefined

  constructor(options: PlayOptions, log: WireLog, origin: string, path: string) {
    this.options = options
    this.log = log
    this.origin = origin
    this.path = path
    this.over = new Promise(resolve => {
      this.#endIt = resolve
    })
  }

  async open(): Promise<Opened> {
    return { fault: 'an event stream is no WebSocket' }
  }

  /** A request has come. */
  take(request: StreamRequest): void {
    this.requests.push(request)
    this.#onChange?.()
  }

  /** The client tells. */
  tell(seen: readonly Seen[]): void {
    this.seen ??= seen
    this.log.note(`the client has seen ${JSON.stringify(seen).slice(0, 400)}`)
    this.#onChange?.()
  }

  /** The next request; undefined if none comes in time, or the client is done. */
  async next(milliseconds?: number): Promise<StreamRequest | undefined> {
    const isThere = () => this.requests.length > this.#taken || this.seen !== undefined
    // What must come is waited for whatever the pace.
    await this.#until(isThere, milliseconds === undefined ? ASK_LIMIT : milliseconds * this.options.pace)
    const request = this.requests[this.#taken]
    if (request !== undefined) this.#taken++
    return request
  }

  /**
   * Waits until what was sent, so many bytes, has been taken: the client asks again, which is answered by 204, or has had
   * time enough.
   */
  async settle(length = 0): Promise<void> {
    const again = await this.next(SETTLING + length / 250)
    await again?.answer({ status: '204 No Content' })
  }

  /** Lets the client end, and waits for what it has seen. */
  async report(): Promise<readonly Seen[] | undefined> {
    this.#endIt()
    await this.#until(() => this.seen !== undefined, REPORT_LIMIT)
    return this.seen
  }

  release(): void {
    this.#endIt()
    for (const { incoming } of this.requests) incoming.socket.destroySoon()
  }

  #until(test: () => boolean, milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      let timer: Patience | undefined
      const finish = () => {
        timer?.cancel()
        this.#onChange = undefined
        resolve()
      }
      this.#onChange = () => test() && finish()
      if (test()) return finish()
      timer = patience(Math.min(milliseconds, this.options.timeout), finish)
    })
  }
}
