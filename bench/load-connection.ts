/**
 * One connection of the load: a socket and a count of the bytes that are still to come. It parses the end of the
 * handshake and nothing else. Connections that it opens read into one buffer that all of them share, so that a read
 * costs no memory.
 */
import { hash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { lengthOfFrame } from './frames.ts'
import type { Request } from './load-terms.ts'

/** As a browser asks. */
const BROWSER =
  'Host: localhost:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n' +
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n' +
  'Origin: http://localhost:8080\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n'
const UPGRADE = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const REQUESTS: Readonly<Record<Request, string>> = {
  websocket: `GET / HTTP/1.1\r\n${BROWSER}${UPGRADE}\r\n`,
  deflate: `GET / HTTP/1.1\r\n${BROWSER}${UPGRADE}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n`,
  events: `GET / HTTP/1.1\r\n${BROWSER.replace('Connection: Upgrade\r\n', 'Connection: keep-alive\r\n')}Accept: text/event-stream\r\n\r\n`,
}
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** A source address has some 28,000 ports; there are eight of them. */
const SOURCES = 8
const READ_BUFFER = Buffer.allocUnsafeSlow(2 ** 18)

let opened = 0

export class LoadConnection {
  readonly socket: Socket
  /** Of what was asked for; below zero, more came than was. */
  pending = 0
  /** Called with each chunk's length, once open; the chunk is only good until it returns. */
  onBytes: (count: number, connection: LoadConnection, bytes: Buffer) => void = () => {}
  /** It has ended, and not by us. */
  onLost: () => void = () => {}
  #head = ''
  #isOpen = false
  #onOpen: (error?: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#onOpen(new Error('the connection ended within its handshake'))
      this.onLost()
    })
  }

  /** Resolves when the response has been read. */
  static async open(port: number, request: Request): Promise<LoadConnection> {
    const localAddress = `127.0.0.${2 + (opened++ % SOURCES)}`
    let connection: LoadConnection | undefined
    const callback = (count: number, buffer: Uint8Array) => {
      connection?.read((buffer as Buffer).subarray(0, count))
      return true
    }
    const socket = connect({
      port,
      host: '127.0.0.1',
      localAddress,
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback },
    })
    connection = new LoadConnection(socket)
    socket.write(REQUESTS[request])
    await connection.#untilOpen()
    return connection
  }

  /** Takes the server's part with a client that has connected. */
  static async accept(socket: Socket): Promise<LoadConnection> {
    socket.setNoDelay(true)
    const connection = new LoadConnection(socket)
    socket.on('data', chunk => connection.read(chunk))
    await connection.#untilOpen()
    const [, key = ''] = /^sec-websocket-key: *(\S+)/im.exec(connection.#head) ?? []
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${hash('sha1', key + GUID, 'base64')}\r\n\r\n`,
    )
    return connection
  }

  close(): void {
    this.onLost = () => {}
    this.socket.resetAndDestroy()
  }

  read(bytes: Buffer): void {
    if (this.#isOpen) return this.onBytes(bytes.length, this, bytes)
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    this.#isOpen = true
    const status = this.#head.slice(9, 12)
    const isFine = this.#head.startsWith('GET ') || status === '101' || status === '200'
    this.#onOpen(isFine ? undefined : new Error(`the handshake was answered with ${status}`))
  }

  /** Sends bytes and waits for one frame, which is returned whole. What came in the same read as the response is lost. */
  exchange(bytes: Buffer): Promise<Buffer> {
    const usual = this.onBytes
    return new Promise(resolve => {
      const chunks: Buffer[] = []
      let read = 0
      let awaited = Number.POSITIVE_INFINITY
      this.onBytes = (count, _connection, chunk) => {
        // A copy: what it was read into is read into again.
        chunks.push(Buffer.from(chunk))
        read += count
        if (awaited === Number.POSITIVE_INFINITY) {
          const start = Buffer.concat(chunks)
          if (read < 10 && read < 2 + ((start[1] ?? 0) & 0x7f)) return
          awaited = lengthOfFrame(start)
        }
        if (read < awaited) return
        this.onBytes = usual
        resolve(Buffer.concat(chunks))
      }
      this.socket.write(bytes)
    })
  }

  async #untilOpen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#onOpen = error => {
        this.#onOpen = () => {}
        if (error === undefined) resolve()
        else reject(error)
      }
    })
  }
}
