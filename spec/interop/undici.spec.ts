/** Interoperation with undici, which is also the WebSocket of Node and of fetch's world: a client only. */
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket as NetSocket } from 'node:net'
import t from 'tap'
import * as undici from 'undici'
import { testBehaviours } from './behaviours.ts'
import { testHandshakes } from './handshakes.ts'
import {
  Arrivals,
  dataOf,
  numbered,
  type Payload,
  type Peer,
  type PeerClose,
  type PeerConnectOptions,
  type PeerSocket,
  receiptOf,
} from './peer.ts'

/** Undocumented in its types: sends a Ping. */
const { ping } = undici as unknown as { ping(socket: undici.WebSocket, payload: Buffer): void }

class Socket implements PeerSocket {
  headers: Readonly<Record<string, string>> = {}
  readonly #socket: undici.WebSocket
  readonly #drop: () => void
  readonly #received = new Arrivals<string>()
  readonly #closed: Promise<PeerClose>

  constructor(socket: undici.WebSocket, drop: () => void) {
    this.#socket = socket
    this.#drop = drop
    this.#closed = once(socket, 'close').then(([{ code, reason }]) => ({ code, reason }))
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }) =>
      this.#received.push(receiptOf(typeof data === 'string' ? data : new Uint8Array(data)))
    void this.#closed.then(() => this.#received.end())
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  get extensions(): string {
    return this.#socket.extensions
  }

  async send(payload: Payload): Promise<void> {
    this.#socket.send(dataOf(payload))
  }

  async sendNumbered(count: number): Promise<void> {
    for (let n = 0; n < count; n++) this.#socket.send(numbered(n))
  }

  sendFragments(): Promise<never> {
    throw new Error('undici sends no fragments')
  }

  async ping(payload: string): Promise<void> {
    const answered = nextFrom('undici:websocket:pong', this.#socket)
    ping(this.#socket, Buffer.from(payload))
    const answer = Buffer.from((await answered).payload).toString()
    if (answer !== payload) throw new Error(`the Pong is ${answer}, not ${payload}`)
  }

  async close(code?: number, reason?: string): Promise<void> {
    this.#socket.close(code, reason)
  }

  async drop(): Promise<void> {
    this.#drop()
  }

  take(count: number): Promise<string[]> {
    return this.#received.take(count)
  }

  closed(): Promise<PeerClose> {
    return this.#closed
  }
}

/** What undici publishes on its diagnostics channels. */
interface Diagnostics {
  'undici:websocket:open': { readonly handshakeResponse: { readonly headers: Readonly<Record<string, string>> } }
  'undici:websocket:pong': { readonly payload: Uint8Array }
}

/** What undici says next on one of its channels about this socket. */
function nextFrom<C extends keyof Diagnostics>(channel: C, websocket: undici.WebSocket): Promise<Diagnostics[C]> {
  return new Promise(resolve => {
    const onMessage = (message: unknown) => {
      if ((message as { websocket: unknown }).websocket !== websocket) return
      diagnostics.unsubscribe(channel, onMessage)
      resolve(message as Diagnostics[C])
    }
    diagnostics.subscribe(channel, onMessage)
  })
}

async function connect(url: string, { protocols = [], headers = {}, ca }: PeerConnectOptions): Promise<PeerSocket> {
  let lower: NetSocket | undefined
  const connector = undici.buildConnector(ca === undefined ? {} : { ca })
  const dispatcher = new undici.Agent({
    connect: (options, callback) =>
      connector(options, (...result) => {
        if (result[1] !== null) lower = result[1]
        callback(...result)
      }),
  })
  const socket = new undici.WebSocket(url, { protocols: [...protocols], headers, dispatcher })
  const opened = nextFrom('undici:websocket:open', socket)
  const peer = new Socket(socket, () => lower?.resetAndDestroy())
  const outcome = await Promise.race([opened, peer.closed()])
  // As a browser's script, its user is told no more than that.
  if ('code' in outcome) throw new Error(`closed with ${outcome.code}`)
  peer.headers = outcome.handshakeResponse.headers
  return peer
}

const peer: Peer = {
  name: 'undici',
  abilities: ['ping', 'drop', 'headers'],
  refused: () => /^closed with 1006$/,
  withoutSubprotocol: 'fails',
  connect,
}

testBehaviours(t, peer)
testHandshakes(t, peer)
