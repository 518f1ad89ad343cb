/**
 * Judges clients of event streams that come by HTTP, beside those of WebSockets, in the manner of Autobahn's protocol:
 *
 *     GET  /getEventStreamCaseCount               how many cases there are, as text
 *     GET  /runEventStream?case=N&agent=A         begins case N (from 1): {"id", "description", "url", "types", "over", "report"}
 *          a client opens "url", and takes down the events of "types", `open` and `error`
 *     GET  "over"                                 answered when there is nothing more to be seen
 *     POST "report"                               [{"type", "data", "lastEventId", "origin", "readyState"}, …], what it has seen
 *     GET  /updateReports?agent=A                 writes the reports
 *     GET  /                                      a page that does all of this in a browser
 *
 * Each request has a connection of its own. A stream that is asked for when its case is over is answered by 204.
 */
import type { Socket } from 'node:net'
import type { Case, PlayOptions } from '../case.ts'
import type { IncomingRequest } from '../client-peer.ts'
import { type FieldsToWrite, fieldValue, type Head, writeHead } from '../handshake.ts'
import { playCase } from '../runner.ts'
import type { CaseResult } from '../verdict.ts'
import { WireLog } from '../wire-log.ts'
import { BROWSER_PAGE } from './browser-page.ts'
import { EventStreamClientPeer, type Seen, StreamRequest } from './client-stream.ts'

export interface EventStreamClientJudgeOptions {
  /** In the order in which they are numbered. */
  readonly cases: readonly Case[]
  readonly play: PlayOptions
  readonly secure: boolean
  readonly onResult: (agent: string, result: CaseResult) => void
  readonly onReports: (agent: string) => void | Promise<void>
}

/** The types of events that there are in the cases, which a client listens for. */
export const EVENT_TYPES: readonly string[] = ['message', 'note', ' note', 'NOTE', 'a:b', 'é☃', '__proto__']

/** The most bytes of a report. */
const MAX_REPORT = 2 ** 25
/** Milliseconds for it. */
const REPORT_TIMEOUT = 20_000

/** A request that cannot be answered, in words for who wrote the client. */
class BadRequest extends Error {}

export class EventStreamClientJudge {
  readonly #options: EventStreamClientJudgeOptions
  /** Cases that are played at this moment. */
  readonly #plays = new Map<string, EventStreamClientPeer>()
  #count = 0

  constructor(options: EventStreamClientJudgeOptions) {
    this.#options = options
  }

  /** Answers a request that is none for a WebSocket; false if it is not for event streams either. */
  takes(request: IncomingRequest, { pathname, searchParams }: URL): boolean {
    const handler = this.#options.cases.length === 0 ? undefined : this.#handlerOf(pathname)
    if (handler === undefined) return false
    void handler(request, searchParams).catch((error: Error) => {
      const status = error instanceof BadRequest ? '400 Bad Request' : '500 Internal Server Error'
      respond(request.socket, status, `${error.message}\n`)
    })
    return true
  }

  #handlerOf(pathname: string): ((request: IncomingRequest, query: URLSearchParams) => Promise<void>) | undefined {
    switch (pathname) {
      case '/':
        return async ({ socket }) => respond(socket, '200 OK', BROWSER_PAGE, { 'Content-Type': 'text/html' })
      case '/getEventStreamCaseCount':
        return async ({ socket }) => respond(socket, '200 OK', String(this.#options.cases.length))
      case '/runEventStream':
        return async (request, query) => this.#run(request, query)
      case '/eventStream':
        return (request, query) => this.#stream(request, query)
      case '/eventStreamOver':
        return async (request, query) => {
          await this.#plays.get(query.get('play') ?? '')?.over
          respond(request.socket, '200 OK', '')
        }
      case '/reportEvents':
        return async (request, query) => {
          const seen = await readReport(request)
          this.#plays.get(query.get('play') ?? '')?.tell(seen)
          respond(request.socket, '200 OK', '')
        }
      case '/updateReports':
        return async (request, query) => {
          await this.#options.onReports(agentOf(query))
          respond(request.socket, '200 OK', '')
        }
    }
    return undefined
  }

  #run({ socket, head }: IncomingRequest, query: URLSearchParams): void {
    const { cases, play, secure, onResult } = this.#options
    const agent = agentOf(query)
    const id = query.get('casetuple')
    const it = id === null ? cases[Number(query.get('case')) - 1] : cases.find(other => other.id === id)
    if (it === undefined)
      throw new BadRequest(`there is no case ${id ?? query.get('case')}, but 1 to ${cases.length}`)
    const token = String(++this.#count)
    const path = `/eventStream?play=${token}`
    const origin = `${secure ? 'https' : 'http'}://${fieldValue(head, 'host') ?? ''}`
    const log = new WireLog()
    const peer = new EventStreamClientPeer(play, log, origin, path)
    this.#plays.set(token, peer)
    const info = {
      id: it.id,
      description: it.title,
      url: path,
      types: EVENT_TYPES,
      over: `/eventStreamOver?play=${token}`,
      report: `/reportEvents?play=${token}`,
    }
    respond(socket, '200 OK', JSON.stringify(info), { 'Content-Type': 'application/json' })
    void playCase(it, log, () => it.play(peer)).then(result => {
      this.#plays.delete(token)
      peer.release()
      onResult(agent, result)
    })
  }

  async #stream(request: IncomingRequest, query: URLSearchParams): Promise<void> {
    const peer = this.#plays.get(query.get('play') ?? '')
    // HTML §9.2.2: "Clients can be told to stop reconnecting using the HTTP 204 No Content response code."
    if (peer === undefined) respond(request.socket, '204 No Content', '')
    else peer.take(new StreamRequest(request, query, peer.log))
  }
}

function agentOf(query: URLSearchParams): string {
  const agent = query.get('agent')
  if (agent === null || agent === '') throw new BadRequest('the parameter "agent" is missing')
  return agent
}

function respond(socket: Socket, status: string, body: string, fields: FieldsToWrite = {}): void {
  const head = writeHead(`HTTP/1.1 ${status}`, {
    'Content-Type': 'text/plain',
    'Cache-Control': 'no-store',
    'Access-Control-Allow-Origin': '*',
    Connection: 'close',
    ...(status.startsWith('204') ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...fields,
  })
  if (socket.writable) socket.end(`${head}${body}`)
}

/** The body, which is to have a Content-Length, as a list of what was seen. */
async function readReport(request: IncomingRequest): Promise<readonly Seen[]> {
  const text = await readBody(request)
  let seen: unknown
  try {
    seen = JSON.parse(text)
  } catch {
    throw new BadRequest('the report is not JSON')
  }
  if (!Array.isArray(seen) || !seen.every(it => typeof it?.type === 'string'))
    throw new BadRequest('the report is not like [{"type": "message", "data": "…", "lastEventId": "…"}]')
  return seen
}

function readBody({ socket, head, rest }: IncomingRequest): Promise<string> {
  const length = bodyLength(head)
  return new Promise((resolve, reject) => {
    const pieces = [rest]
    let came = rest.length
    const finish = () => {
      clearTimeout(timer)
      socket.off('data', onData).off('close', onClose)
      resolve(Buffer.concat(pieces).toString('utf8', 0, length))
    }
    const onData = (piece: Buffer) => {
      pieces.push(piece)
      came += piece.length
      if (came >= length) finish()
    }
    const onClose = () => {
      clearTimeout(timer)
      reject(new BadRequest('the report broke off'))
    }
    const timer = setTimeout(() => socket.destroy(), REPORT_TIMEOUT)
    if (came >= length) finish()
    else socket.on('data', onData).on('close', onClose)
  })
}

function bodyLength(head: Head): number {
  const length = Number(fieldValue(head, 'content-length') ?? NaN)
  if (!(length >= 0 && length <= MAX_REPORT)) throw new BadRequest('the report needs a Content-Length up to 32 MiB')
  return length
}
