/**
 * The other side of an opening handshake as a bare socket: what it sends may be as wrong as a vector wants it, and
 * what it gets is looked at as text. Nothing here is made with code from lib/.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectionOptions, Server as TlsServer, connect as tlsConnect } from 'node:tls'

/** RFC 6455 §1.3. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

type Fields = Readonly<Record<string, string | readonly string[]>>

function headText(startLine: string, fields: Fields): string {
  const lines = Object.entries(fields).flatMap(([name, values]) => [values].flat().map(value => `${name}: ${value}`))
  return [startLine, ...lines, '', ''].join('\r\n')
}

/** A request for a WebSocket; an empty list leaves a field out. */
export function requestText(fields: Fields = {}, startLine = 'GET / HTTP/1.1'): string {
  return headText(startLine, {
    Host: 'server.example.com',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...fields,
  })
}

/** A port of this machine, or the path of a Unix socket. */
export type Where = number | string

/** One end of a connection that says what it is told to, and keeps what comes. */
export class RawPeer {
  readonly socket: Socket
  /** The other end ended its side: 'end'. It or the network broke off: the error's code. */
  readonly ended: Promise<string>
  #received = Buffer.alloc(0)
  #waiting: (() => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#waiting?.()
    })
    this.ended = new Promise(resolve => {
      this.socket
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        .on('end', () => resolve('end'))
        .on('close', () => resolve('close'))
    })
    void this.ended.then(() => this.#waiting?.())
  }

  send(data: string | Uint8Array): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    return this
  }

  /** What has come so far, a character for each byte. */
  get text(): string {
    return this.#received.toString('latin1')
  }

  /** The bytes behind the first blank line. */
  get behindHead(): Buffer {
    return this.#received.subarray(this.#received.indexOf('\r\n\r\n') + 4)
  }

  /** Resolves when what has come satisfies `test`, or the socket has ended. */
  async until(test: (text: string) => boolean): Promise<void> {
    let ended = false
    void this.ended.then(() => {
      ended = true
    })
    while (!test(this.text) && !ended) {
      await new Promise<void>(resolve => {
        this.#waiting = resolve
      })
    }
  }

  /** Resolves when a whole head has come, or the socket has ended. */
  untilHead(): Promise<void> {
    return this.until(text => text.includes('\r\n\r\n'))
  }

  async destroy(): Promise<void> {
    const closed = new Promise(resolve => this.socket.once('close', resolve))
    const isClosed = this.socket.closed
    this.socket.destroy()
    if (!isClosed) await closed
  }
}

/** A client. */
export class RawClient extends RawPeer {
  constructor(where: Where, tls?: ConnectionOptions) {
    const to = typeof where === 'number' ? { port: where, host: '127.0.0.1' } : { path: where }
    super(tls === undefined ? connect(to) : tlsConnect({ ...to, ...tls }))
  }
}

export interface Answer {
  readonly text: string
  readonly status: number
  /** Names in lower case; the last one counts. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** How it ended: 'end' when the server ended its side in good order. */
  readonly ended: string
}

export function readAnswer(text: string, ended = ''): Answer {
  const headEnd = text.indexOf('\r\n\r\n')
  const [startLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines)
    headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 2)
  return { text, status: Number(startLine.split(' ')[1]), headers, body: text.slice(headEnd + 4), ended }
}

/** Sends the pieces, each for itself, and reads until the server ends. */
export async function exchange(where: Where, ...pieces: (string | Uint8Array)[]): Promise<Answer> {
  const client = new RawClient(where)
  for (const piece of pieces) client.send(piece)
  const ended = await client.ended
  await client.destroy()
  return readAnswer(client.text, ended)
}

/** Whether this is one answer that ends the connection as it says, and nothing behind it. */
export function isLastAnswer({ headers, body, ended }: Answer): boolean {
  const isClosing = /(?:^|, )close(?:,|$)/.test(headers.connection ?? '')
  return isClosing && ended === 'end' && body.length === Number(headers['content-length'])
}

export interface RawServer {
  readonly server: Server
  readonly port: number
  /** Text of each request that came, up to its blank line. */
  readonly requests: string[]
  /** Sockets that are open. */
  readonly sockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/**
 * A server that reads one request head from each socket and leaves the rest to `onRequest`. A socket's errors are
 * swallowed.
 */
export async function rawServer(
  onRequest: (socket: Socket, request: string) => void,
  server: Server = createServer(),
  where: Where = 0,
): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  const onConnection = (socket: Socket) => {
    let text = ''
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', function onData(chunk: Buffer) {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      socket.off('data', onData)
      requests.push(text)
      onRequest(socket, text)
    })
  }
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', onConnection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (typeof where === 'number') server.listen(where, '127.0.0.1', resolve)
    else server.listen(where, resolve)
  })
  const address = server.address() as AddressInfo | string
  return {
    server,
    port: typeof address === 'string' ? 0 : address.port,
    requests,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The value of a field in the text of a head. */
export function fieldOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, 'im').exec(head)?.[1]
}

// These two open their pipes when they are first looked at, which is not to be taken for a socket of ours.
void [process.stdout, process.stderr]

/** Sockets, servers and timers that keep the process alive, by name. */
export function openHandles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter(name => /TCP|TLS|Pipe|Timeout|Connect/.test(name))
    .sort()
}

/** Waits until nothing is open that was not in `before`; returns what still is after five seconds. */
export async function leftOpen(before: readonly string[]): Promise<string[]> {
  const more = () => {
    const known = [...before]
    return openHandles().filter(name => {
      const at = known.indexOf(name)
      if (at >= 0) known.splice(at, 1)
      return at < 0
    })
  }
  for (let turn = 0; turn < 500 && more().length > 0; turn++) await delay(10)
  return more()
}
