/**
 * What the playground's page cannot see by itself: for every echo connection of the page a second one, on which the
 * server tells of its frames and takes commands for it. Both name the same trace, made up by the page.
 *
 * Server to page, one JSON text each: `open` (the request, and what was agreed on), `frame` (with the last one of a
 * compressed message, `message`: its length and its length on the wire), `rtt`, `close`, `error` (of a command).
 * Page to server: `ping`, `close` (code, reason), `send` (text), `fragments` (text, pieces).
 */
import type { CloseRecord, FrameRecord, Message, UpgradeRequest, WebSocketConnection } from '../index.ts'
import { echo } from './echo.ts'
import { PlaygroundFrames } from './playground-frames.ts'

/** Unsent bytes at which a page that does not read is no longer told of frames. */
const ENOUGH = 1_000_000

interface Session {
  readonly connection: WebSocketConnection
  readonly observer: WebSocketConnection | undefined
  readonly frames: PlaygroundFrames
  readonly openedAt: number
}

export class PlaygroundSessions {
  readonly #observers = new Map<string, WebSocketConnection>()
  readonly #sessions = new Map<WebSocketConnection, Session>()

  /** For the server's `trace` option. */
  readonly trace = (direction: 'in' | 'out', frame: FrameRecord, connection: WebSocketConnection): void => {
    const session = this.#sessions.get(connection)
    if (session?.observer === undefined) return
    session.frames.seen(direction, frame, describeFrame(direction, frame, session.openedAt))
  }

  addObserver(trace: string, observer: WebSocketConnection): void {
    this.#observers.set(trace, observer)
    observer.on('message', message => this.#command(observer, message))
    observer.on('close', () => {
      if (this.#observers.get(trace) === observer) this.#observers.delete(trace)
    })
  }

  addEcho(trace: string | undefined, connection: WebSocketConnection, request: UpgradeRequest): void {
    const observer = trace === undefined ? undefined : this.#observers.get(trace)
    const frames = new PlaygroundFrames(event => observer && tell(observer, event))
    this.#sessions.set(connection, { connection, observer, frames, openedAt: performance.now() })
    connection.on('message', message => {
      const length = Buffer.byteLength(message)
      frames.received(length)
      frames.sending(length)
    })
    echo(connection)
    if (observer !== undefined) tell(observer, describeRequest(connection, request))
    connection.on('close', record => {
      this.#sessions.delete(connection)
      frames.end()
      if (observer !== undefined) tell(observer, describeClose(record))
    })
  }

  #command(observer: WebSocketConnection, message: Message): void {
    let name: unknown
    try {
      const command = JSON.parse(String(message)) ?? {}
      name = command.command
      const session = [...this.#sessions.values()].find(candidate => candidate.observer === observer)
      if (session === undefined) throw new Error('there is no connection to command')
      obey(command, session, observer)
    } catch (error) {
      tell(observer, { type: 'error', command: name, message: (error as Error).message })
    }
  }
}

/** @throws what is wrong with the command, in words for the page */
function obey(
  command: Record<string, unknown>,
  { connection, frames }: Session,
  observer: WebSocketConnection,
): void {
  switch (command.command) {
    case 'ping':
      connection.ping().then(
        milliseconds => tell(observer, { type: 'rtt', milliseconds }),
        () => {},
      )
      break
    case 'close':
      connection.close(command.code as number | undefined, command.reason as string | undefined)
      break
    case 'send':
      frames.sending(Buffer.byteLength(textOf(command)))
      connection.send(textOf(command))
      break
    case 'fragments':
      frames.sending(Buffer.byteLength(textOf(command)))
      connection.sendFragments(cut(textOf(command), Number(command.pieces))).catch(() => {})
      break
    default:
      throw new Error(`no such command: ${command.command}`)
  }
}

function textOf({ text }: Record<string, unknown>): string {
  if (typeof text !== 'string') throw new Error('text must be a string')
  return text
}

/** Cuts a text into pieces of about the same length, between characters. */
function cut(text: string, pieces: number): string[] {
  const characters = [...text]
  const count = Math.min(Math.max(1, Math.trunc(pieces) || 1), Math.max(1, characters.length), 1000)
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * characters.length) / count)
    return characters.slice(from, Math.floor(((i + 1) * characters.length) / count)).join('')
  })
}

function tell(observer: WebSocketConnection, event: object): void {
  if (observer.bufferedAmount < ENOUGH) observer.send(JSON.stringify(event))
}

function describeFrame(direction: 'in' | 'out', frame: FrameRecord, openedAt: number): object {
  const { fin, rsv1, rsv2, rsv3, opcode, masked, length, header, payload } = frame
  return {
    type: 'frame',
    direction,
    at: performance.now() - openedAt,
    fin,
    rsv1,
    rsv2,
    rsv3,
    opcode,
    masked,
    maskingKey: masked ? header.toString('hex', header.length - 4) : null,
    length,
    header: header.toString('hex'),
    payload: payload.toString('hex'),
    truncated: payload.length < length,
  }
}

function describeRequest({ protocol, extensions }: WebSocketConnection, request: UpgradeRequest): object {
  const { method, url, httpVersion, rawHeaders } = request
  const headers = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []))
  return { type: 'open', protocol, extensions, request: `${method} ${url} HTTP/${httpVersion}`, headers }
}

function describeClose({ code, reason, wasClean, detail }: CloseRecord): object {
  const { by, stage, cause } = detail
  return { type: 'close', code, reason, wasClean, by, stage, violation: cause ?? null }
}
