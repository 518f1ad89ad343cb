/**
 * A peer in another process, driven by calls: a name and arguments that are JSON go over, and a result that is JSON
 * comes back. Its connections stay there and have numbers here. The other end is `python-websockets.py` or the page
 * `chromium.html`, which know the same names.
 */
import type {
  Payload,
  Peer,
  PeerClose,
  PeerConnectOptions,
  PeerListenOptions,
  PeerServer,
  PeerSocket,
} from './peer.ts'

export type Call = (name: string, ...parameters: readonly unknown[]) => Promise<unknown>

/** What the other end tells of a connection when it is open. */
interface Opened {
  readonly id: number
  readonly protocol: string
  readonly extensions: string
  readonly headers: Readonly<Record<string, string>>
}

class RemoteSocket implements PeerSocket {
  readonly protocol: string
  readonly extensions: string
  readonly headers: Readonly<Record<string, string>>
  readonly #call: Call
  readonly #id: number

  constructor(call: Call, { id, protocol, extensions, headers }: Opened) {
    this.#call = call
    this.#id = id
    this.protocol = protocol
    this.extensions = extensions
    this.headers = headers
  }

  async send(payload: Payload): Promise<void> {
    await this.#call('send', this.#id, payload)
  }

  async sendNumbered(count: number): Promise<void> {
    await this.#call('sendNumbered', this.#id, count)
  }

  async sendFragments(type: 'text' | 'binary', parts: readonly Payload[]): Promise<void> {
    await this.#call('sendFragments', this.#id, type, parts)
  }

  async ping(payload: string): Promise<void> {
    await this.#call('ping', this.#id, payload)
  }

  async close(code?: number, reason = ''): Promise<void> {
    await this.#call('close', this.#id, code ?? null, reason)
  }

  async drop(): Promise<void> {
    await this.#call('drop', this.#id)
  }

  async take(count: number): Promise<string[]> {
    return (await this.#call('take', this.#id, count)) as string[]
  }

  async closed(): Promise<PeerClose> {
    return (await this.#call('closed', this.#id)) as PeerClose
  }
}

export function connectRemotely(call: Call): Peer['connect'] {
  return async (url: string, options: PeerConnectOptions) =>
    new RemoteSocket(call, (await call('connect', url, options)) as Opened)
}

export function listenRemotely(call: Call): NonNullable<Peer['listen']> {
  return async (options: PeerListenOptions): Promise<PeerServer> => {
    const { id, url } = (await call('listen', options)) as { id: number; url: string }
    return {
      url,
      accept: async () => new RemoteSocket(call, (await call('accept', id)) as Opened),
      close: async () => void (await call('stop', id)),
    }
  }
}
