/**
 * The response to a plain request on a server's own port, before anything of it is written. It exists for being given
 * to `openEventStream`; other responses are what `onRequest` returns.
 */
import type { Socket } from 'node:net'
import type { EventStream } from './event-stream.ts'

export class PortResponse {
  readonly #socket: Socket
  #isAnswered = false
  /** The stream that was opened on it. @internal */
  stream: EventStream | undefined = undefined
  /** All streams of the server whose port it is. @internal */
  readonly streams: Set<EventStream>

  /** @internal */
  constructor(socket: Socket, streams: Set<EventStream>) {
    this.#socket = socket
    this.streams = streams
  }

  /** The socket, for who answers first; undefined for who comes later. @internal */
  answer(): Socket | undefined {
    if (this.#isAnswered) return undefined
    this.#isAnswered = true
    return this.#socket
  }
}
