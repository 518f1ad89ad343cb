/**
 * Connections without sockets: an {@link Endpoint} is one with a log of all that its handler was told and of all
 * bytes that left it; {@link pair} is a client and a server whose bytes go to each other, cut as the spec wants it.
 */
import { Connection, type ConnectionHandler, type ConnectionOptions } from '../../lib/websocket/connection.ts'
import { Random } from './random.ts'
import { type ReadFrame, readFrames } from './raw-frames.ts'

export class Endpoint {
  readonly connection: Connection
  /** One line for each call of the handler but onOutput: `text "a"`, `ping 00ff`, `close 1000 ""`, `failure …`. */
  readonly log: string[] = []
  /** How often onOutput was called. */
  outputs = 0
  readonly #sent: Buffer[] = []

  /** @param handler called after the log has its line */
  constructor(options: ConnectionOptions, handler: Partial<ConnectionHandler> = {}) {
    const random = new Random()
    this.connection = new Connection(
      { maskingKeys: () => random.next(), ...options },
      {
        onMessage: data => {
          this.log.push(typeof data === 'string' ? `text ${JSON.stringify(data)}` : `binary ${data.toString('hex')}`)
          handler.onMessage?.(data)
        },
        onPing: payload => {
          this.log.push(`ping ${payload.toString('hex')}`)
          handler.onPing?.(payload)
        },
        onPong: payload => {
          this.log.push(`pong ${payload.toString('hex')}`)
          handler.onPong?.(payload)
        },
        onClose: status => {
          this.log.push(`close ${status.code} ${JSON.stringify(status.reason)}`)
          handler.onClose?.(status)
        },
        onFailure: error => {
          this.log.push(`failure ${error.code}`)
          handler.onFailure?.(error)
        },
        onOutput: () => {
          this.outputs++
          handler.onOutput?.()
        },
      },
    )
  }

  /** Lets the connection receive copies of the chunks, each with memory of its own, as from a socket. */
  receive(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) this.connection.receive(Buffer.from(new Uint8Array(chunk).buffer))
    return this
  }

  /** Takes the output, as a copy: what a socket would have sent. */
  take(): Buffer {
    const bytes = Buffer.concat(this.connection.takeOutput())
    this.#sent.push(bytes)
    return bytes
  }

  /** All bytes that have left, with those that are to be taken now. */
  get sent(): Buffer {
    this.take()
    return Buffer.concat(this.#sent)
  }

  get sentFrames(): ReadFrame[] {
    return readFrames(this.sent)
  }

  /** The frames that were sent, one line each: `8 03e8` is opcode and payload, `+1 61` one that is not final. */
  get sentLines(): string[] {
    return this.sentFrames.map(({ fin, opcode, payload }) =>
      `${fin ? '' : '+'}${opcode.toString(16)} ${payload.toString('hex')}`.trimEnd(),
    )
  }
}

export interface PairOptions {
  readonly client?: Omit<ConnectionOptions, 'role'>
  readonly server?: Omit<ConnectionOptions, 'role'>
  readonly clientHandler?: Partial<ConnectionHandler>
  readonly serverHandler?: Partial<ConnectionHandler>
  /** How the bytes of one turn arrive; in one chunk if left out. */
  readonly cut?: (bytes: Buffer) => readonly Uint8Array[]
}

export interface Pair {
  readonly client: Endpoint
  readonly server: Endpoint
  /** Carries bytes to and fro until nobody has any. */
  flow(): void
}

export function pair({
  client,
  server,
  clientHandler,
  serverHandler,
  cut = bytes => [bytes],
}: PairOptions = {}): Pair {
  const ends = {
    client: new Endpoint({ role: 'client', ...client }, clientHandler),
    server: new Endpoint({ role: 'server', ...server }, serverHandler),
  }
  const carry = (from: Endpoint, to: Endpoint) => {
    const bytes = from.take()
    if (bytes.length > 0) to.receive(...cut(bytes))
    return bytes.length > 0
  }
  return {
    ...ends,
    flow() {
      let isBusy = true
      while (isBusy) {
        isBusy = carry(ends.client, ends.server)
        isBusy = carry(ends.server, ends.client) || isBusy
      }
    },
  }
}
