/**
 * What the specs of this folder need of a peer, which is an implementation of WebSocket that nobody here wrote. A peer
 * may be in this process or in another one (see `remote-peer.ts`), so what it sends is described rather than handed
 * over, and what it received is told by a receipt: 16 MiB go over the WebSocket and not over the way beside it.
 */
import { hash } from 'node:crypto'
import type { Credentials } from '../support/certificate.ts'

/** A message or a fragment, made by repeating a unit: a string for text, bytes in hex for binary. */
export type Payload = ({ readonly text: string } | { readonly hex: string }) & { readonly times?: number }

export function dataOf(payload: Payload): string | Buffer {
  const { times = 1 } = payload
  if ('text' in payload) return payload.text.repeat(times)
  const unit = Buffer.from(payload.hex, 'hex')
  return Buffer.alloc(unit.length * times, unit)
}

export function bytesOf(payload: Payload): Buffer {
  const data = dataOf(payload)
  return typeof data === 'string' ? Buffer.from(data) : data
}

/** Type, length in bytes, and the bytes in hex, or a hash of them where they are many. Each peer writes the same. */
export function receiptOf(message: string | Uint8Array): string {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message
  const content = bytes.length <= 64 ? Buffer.from(bytes).toString('hex') : hash('sha256', bytes, 'hex')
  return `${typeof message === 'string' ? 'text' : 'binary'} ${bytes.length} ${content}`
}

export function receiptFor(payload: Payload): string {
  return receiptOf(dataOf(payload))
}

/** The n-th of many small messages: its number, so often that short and longer headers take turns. */
export function numbered(n: number): string {
  return String(n).repeat(1 + (n % 40))
}

/** What not every peer can do. */
export type Ability =
  /** Sends Pings. */
  | 'ping'
  /** Sends a message in fragments of our choice, valid or not. */
  | 'fragments'
  /** Breaks off without a Close frame. */
  | 'drop'
  /** Limits the length of messages. */
  | 'limit'
  /** Compresses what it sends, if that was agreed on. */
  | 'compress'
  /** Sends header fields of our choice, and tells which came from us. */
  | 'headers'

export interface PeerSocket {
  /** The subprotocol in use; an empty string if none. */
  readonly protocol: string
  /** The extensions in use; an empty string if none. */
  readonly extensions: string
  /** Header fields of our half of the handshake, where the peer tells them. Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  send(payload: Payload): Promise<void>
  /** Sends `numbered(0)` to `numbered(count - 1)` as text, as fast as it can. */
  sendNumbered(count: number): Promise<void>
  sendFragments(type: 'text' | 'binary', parts: readonly Payload[]): Promise<void>
  /** Resolves when a Pong with the same payload came. */
  ping(payload: string): Promise<void>
  /** Starts the closing handshake; without a code the Close frame is empty. */
  close(code?: number, reason?: string): Promise<void>
  drop(): Promise<void>
  /** Receipts of the next `count` messages; fewer if the connection closes first. */
  take(count: number): Promise<string[]>
  closed(): Promise<PeerClose>
}

export interface PeerClose {
  readonly code: number
  readonly reason: string
}

export interface PeerConnectOptions {
  readonly protocols?: readonly string[] | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Longest message that it accepts, in bytes. */
  readonly limit?: number | undefined
  /** PEM of the authority to trust. */
  readonly ca?: string | undefined
}

export interface PeerListenOptions {
  /** Subprotocols that it speaks. */
  readonly protocols?: readonly string[] | undefined
  /** For its response. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly limit?: number | undefined
  readonly tls?: Credentials | undefined
  /** Answers every request with this. */
  readonly refuse?: PeerRefusal | undefined
}

export interface PeerRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface PeerServer {
  readonly url: string
  /** The next connection. */
  accept(): Promise<PeerSocket>
  close(): Promise<void>
}

export interface Peer {
  readonly name: string
  readonly abilities: readonly Ability[]
  /** What its client says, and matches, when we answer with `status` in place of 101. */
  readonly refused: (status: number) => RegExp
  /** What its client does when it offered subprotocols and none was chosen. */
  readonly withoutSubprotocol: 'fails' | 'opens'
  /** Resolves when the connection is open; rejects with what the peer reports. */
  connect(url: string, options: PeerConnectOptions): Promise<PeerSocket>
  /** Absent where the peer has no server. */
  listen?(options: PeerListenOptions): Promise<PeerServer>
}

/** A list that is taken from as it grows: what a peer in this process received, or the connections that came. */
export class Arrivals<T> {
  readonly #items: T[] = []
  readonly #waiting: { readonly count: number; readonly resolve: (items: T[]) => void }[] = []
  #ended = false

  push(item: T): void {
    this.#items.push(item)
    this.#serve()
  }

  /** Nothing more will come: who waits gets what there is. */
  end(): void {
    this.#ended = true
    this.#serve()
  }

  take(count: number): Promise<T[]> {
    return new Promise(resolve => {
      this.#waiting.push({ count, resolve })
      this.#serve()
    })
  }

  #serve(): void {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || (this.#items.length < next.count && !this.#ended)) return
      this.#waiting.shift()
      next.resolve(this.#items.splice(0, next.count))
    }
  }
}
