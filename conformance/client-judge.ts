/**
 * A server that judges the clients that come to it, one case for each connection. It speaks the protocol of Autobahn's
 * fuzzing server, so that a client harness written for that works with this:
 *
 *     /getCaseCount                     one message: how many cases there are
 *     /getCaseInfo?case=N               one message: {"id": …, "description": …}
 *     /runCase?case=N&agent=A           plays case N (from 1), for agent A; casetuple=ID names it by its id
 *     /getCaseStatus?case=N&agent=A     one message: {"behavior": …}
 *     /updateReports?agent=A            writes the reports
 *
 * Over HTTP/2 (RFC 8441) each of these is a stream, however many connections they share, and a browser finds at / a page
 * that does all of it. Clients of event streams are judged beside them, over HTTP/1.1: see event-stream/client-judge.ts.
 * Their cases are numbered apart.
 */
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { Case, PlayOptions } from './case.ts'
import { ClientPeer, type IncomingRequest } from './client-peer.ts'
import { EventStreamClientJudge } from './event-stream/client-judge.ts'
import { OPCODE } from './frame.ts'
import { fieldValue, MAX_HEAD, readHead } from './handshake.ts'
import { acceptStreams } from './http2/accept-streams.ts'
import { Http2ClientPeer } from './http2/client-peer.ts'
import { patience, waitFor } from './patience.ts'
import { DEFAULT_PLAY, HEAVY_JOBS, playCase } from './runner.ts'
import type { CaseResult } from './verdict.ts'
import { WireLog } from './wire-log.ts'

export interface ClientJudgeOptions {
  /** In the order in which they are numbered; those of event streams for themselves. */
  readonly cases: readonly Case[]
  readonly play: PlayOptions
  /** 0 lets the system choose. */
  readonly port: number
  readonly host?: string | undefined
  /** Certificate and key: the server then speaks wss. */
  readonly tls?: TlsOptions | undefined
  /** Cases are played on streams of HTTP/2: by ALPN with `tls`, and else with prior knowledge. Default false. */
  readonly http2?: boolean | undefined
  readonly onResult?: ((agent: string, result: CaseResult) => void) | undefined
  /** A client asks for the reports of an agent; it waits for them. */
  readonly onReports?: ((agent: string) => void | Promise<void>) | undefined
}

/** A request that cannot be answered, in words for who wrote the client. */
class BadRequest extends Error {}

/** A request as the peer that it will be: with these options, in this log. */
type Arrival = (options: PlayOptions, log: WireLog) => ClientPeer | Http2ClientPeer

/** Of paths, in whose stead URLs may stand. */
const BASE = 'ws://suite'

/** Milliseconds for a client's request. */
const REQUEST_TIMEOUT = 5000
/** Milliseconds for the verdicts on cases that were played, where they are asked for. */
const SETTLING_TIMEOUT = 2500

export class ClientJudge {
  readonly #options: ClientJudgeOptions
  /** Those of WebSockets. */
  readonly #cases: readonly Case[]
  readonly #eventStreams: EventStreamClientJudge
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Cases that are played at this moment, and the most that ever were. */
  #playing = 0
  #crowd = 0
  /** By agent: cases whose verdict has not been found yet. */
  readonly #unsettled = new Map<string, Set<Promise<CaseResult>>>()
  /** By agent, then by case. */
  readonly #results = new Map<string, Map<string, CaseResult>>()

  constructor(options: ClientJudgeOptions) {
    this.#options = options
    this.#cases = options.cases.filter(({ transport }) => transport !== 'event-stream')
    this.#eventStreams = new EventStreamClientJudge({
      cases: options.cases.filter(({ transport }) => transport === 'event-stream'),
      play: options.play,
      secure: options.tls !== undefined,
      onResult: (agent, result) => this.#keep(agent, result),
      onReports: agent => options.onReports?.(agent),
    })
    const onSocket = (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
      if (options.http2) this.#onHttp2(socket)
      else this.#onSocket(socket)
    }
    const alpn = options.http2 ? { ALPNProtocols: ['h2'] } : {}
    this.#server =
      options.tls === undefined
        ? createTcpServer({ noDelay: true }, onSocket)
        : createTlsServer({ ...options.tls, ...alpn, noDelay: true }, onSocket)
  }

  /** Resolves with the URL at which clients are judged. */
  async listen(): Promise<string> {
    const { port, host, tls } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const address = this.#server.address() as AddressInfo
    return `${tls === undefined ? 'ws' : 'wss'}://${host ?? 'localhost'}:${address.port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  /** The agents that have come, in their order. */
  get agents(): string[] {
    return [...this.#results.keys()]
  }

  /** In the order of the cases; those that were not played are left out. */
  resultsOf(agent: string): CaseResult[] {
    const results = this.#results.get(agent)
    return this.#options.cases.flatMap(({ id }) => results?.get(id) ?? [])
  }

  #onHttp2(socket: Socket): void {
    acceptStreams(socket, request => {
      const path = fieldValue(request.head, ':path') ?? ''
      void this.#onRequest(path, (options, log) => new Http2ClientPeer(request, options, log))
    })
  }

  #onSocket(socket: Socket): void {
    let bytes: Buffer = Buffer.alloc(0)
    const timer = patience(REQUEST_TIMEOUT, () => socket.destroy())
    socket.once('close', () => timer.cancel())
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const read = readHead(bytes)
      if (read === undefined) {
        if (bytes.length > MAX_HEAD) socket.destroy()
        return
      }
      timer.cancel()
      socket.off('data', onData)
      socket.pause()
      setImmediate(() => socket.resume())
      this.#onHead({ socket, head: read.head, text: read.text, rest: bytes.subarray(read.end) })
    }
    socket.on('data', onData)
  }

  #onHead(request: IncomingRequest): void {
    const path = request.head.startLine.split(' ')[1] ?? '/'
    const isUpgrade = fieldValue(request.head, 'upgrade') !== undefined
    const isTaken = !isUpgrade && URL.canParse(path, BASE) && this.#eventStreams.takes(request, new URL(path, BASE))
    if (!isTaken) void this.#onRequest(path, (options, log) => new ClientPeer(request, options, log))
  }

  async #onRequest(path: string, arrival: Arrival): Promise<void> {
    // Of questions no log is kept.
    const asking = arrival(DEFAULT_PLAY, new WireLog())
    try {
      const { pathname, searchParams } = new URL(path, BASE)
      if (asking.fault !== undefined) throw new BadRequest(asking.fault)
      if (pathname === '/runCase') await this.#run(arrival, this.#caseOf(searchParams), agentOf(searchParams))
      else await this.#answer(asking, pathname, searchParams)
    } catch (error) {
      asking.refuse(error as Error)
    }
  }

  async #run(arrival: Arrival, it: Case, agent: string): Promise<void> {
    const log = new WireLog()
    this.#crowd = Math.max(this.#crowd, ++this.#playing)
    // Clients that play one case after the other have for it what Autobahn gives them.
    const crowd = it.weight === 'heavy' ? Math.min(this.#crowd, HEAVY_JOBS) : 1
    const peer = arrival({ ...this.#options.play, crowd }, log)
    const result = await this.#settling(
      agent,
      playCase(it, log, () => it.play(peer)),
    )
    this.#playing--
    peer.release()
    this.#keep(agent, result)
  }

  async #settling(agent: string, play: Promise<CaseResult>): Promise<CaseResult> {
    const plays = this.#unsettled.get(agent) ?? new Set()
    this.#unsettled.set(agent, plays.add(play))
    const result = await play
    plays.delete(play)
    return result
  }

  /** What an agent has played is judged, as far as that comes soon: a client may be gone before its verdict is found. */
  async #settled(agent: string): Promise<void> {
    const plays = this.#unsettled.get(agent) ?? []
    await Promise.race([Promise.all(plays), waitFor(SETTLING_TIMEOUT)])
  }

  #keep(agent: string, result: CaseResult): void {
    const results = this.#results.get(agent) ?? new Map<string, CaseResult>()
    this.#results.set(agent, results.set(result.id, result))
    this.#options.onResult?.(agent, result)
  }

  /** Everything that is one message, or none. */
  async #answer(peer: ReturnType<Arrival>, pathname: string, query: URLSearchParams): Promise<void> {
    let message: string | undefined
    if (pathname === '/getCaseCount') message = String(this.#cases.length)
    else if (pathname === '/getCaseInfo') {
      const { id, title } = this.#caseOf(query)
      message = JSON.stringify({ id, description: title })
    } else if (pathname === '/getCaseStatus') {
      const { id } = this.#caseOf(query)
      const agent = agentOf(query)
      await this.#settled(agent)
      const result = this.#results.get(agent)?.get(id)
      if (result === undefined) throw new BadRequest(`case ${id} was not played`)
      message = JSON.stringify({ behavior: result.behavior, behaviorClose: result.behaviorClose })
    } else if (pathname === '/updateReports') {
      const agent = agentOf(query)
      await this.#settled(agent)
      await this.#options.onReports?.(agent)
    } else throw new BadRequest(`${pathname} is not served here`)
    const opened = await peer.open({ onMessage() {}, onPong() {}, onEnd() {} })
    if ('fault' in opened) return
    const { endpoint } = opened
    if (message !== undefined) endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from(message) })
    endpoint.sendClose(1000)
  }

  #caseOf(query: URLSearchParams): Case {
    const cases = this.#cases
    const [number, id] = [query.get('case'), query.get('casetuple')]
    const found = id === null ? cases[Number(number) - 1] : cases.find(it => it.id === id)
    if (found === undefined) throw new BadRequest(`there is no case ${id ?? number}, but 1 to ${cases.length}`)
    return found
  }
}

function agentOf(query: URLSearchParams): string {
  const agent = query.get('agent')
  if (agent === null || agent === '') throw new BadRequest('the parameter "agent" is missing')
  return agent
}
