/**
 * A request to a server of event streams, and what comes of it: the head, the framing of the body, and the stream that it
 * carries, read as far as it has come. It judges nothing.
 */
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { type FieldsToWrite, fieldValue, type Head, listValue, writeHead } from '../handshake.ts'
import { patience } from '../patience.ts'
import type { ServerPeer } from '../server-peer.ts'
import { type ReadStream, readStream } from './stream.ts'
import { ChunkedReader } from './transfer.ts'

export interface Asked {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly version?: '1.0' | '1.1'
  /** To be added to that of the URL, such as `a=b`. */
  readonly query?: string
  readonly fields?: FieldsToWrite
  readonly body?: string
  /** Octets that are written at a time. Default: all. */
  readonly delivery?: number
}

/** The most octets of a body that are read. */
const MAX_BODY = 2 ** 24

export class ServerStream {
  readonly socket: Socket
  readonly head: Head | undefined
  /** Why there is no head. */
  readonly fault: string | undefined
  /** How TCP was ended by the server: in order, or broken off. */
  ended: 'in order' | 'broken off' | undefined
  readonly #peer: ServerPeer
  readonly #chunked: ChunkedReader | undefined
  readonly #pieces: Buffer[] = []
  #length = 0
  #read: { readonly length: number; readonly stream: ReadStream } | undefined
  #onChange: (() => void) | undefined

  /** Asks, and waits for the head. */
  static async open(peer: ServerPeer, asked: Asked = {}): Promise<ServerStream> {
    const socket = await peer.connect()
    await write(peer, socket, asked)
    return ServerStream.over(peer, socket)
  }

  /** Waits for the head on a connection on which it was asked. */
  static async over(peer: ServerPeer, socket: Socket): Promise<ServerStream> {
    return new ServerStream(peer, socket, await peer.readHead(socket))
  }

  private constructor(
    peer: ServerPeer,
    socket: Socket,
    came: { readonly head: Head; readonly rest: Buffer } | string,
  ) {
    this.#peer = peer
    this.socket = socket
    if (typeof came === 'string') {
      this.fault = came
      return
    }
    this.head = came.head
    if (listValue(came.head, 'transfer-encoding').includes('chunked')) this.#chunked = new ChunkedReader()
    if (came.rest.length > 0) this.#onData(came.rest)
    socket
      .on('data', chunk => this.#onData(chunk))
      .on('end', () => this.#onEnd('in order'))
      .on('close', () => this.#onEnd('broken off'))
    if (socket.readableEnded) this.#onEnd('in order')
    else if (socket.destroyed) this.#onEnd('broken off')
  }

  /** 0 where there is no head. */
  get status(): number {
    return Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(this.head?.startLine ?? '')?.[1] ?? 0)
  }

  field(name: string): string | undefined {
    return this.head === undefined ? undefined : fieldValue(this.head, name)
  }

  /** "status 200" or what else came, in words. */
  get answer(): string {
    return this.fault ?? `got "${this.head?.startLine}"`
  }

  /** What is wrong with the framing, in words. */
  get framingFault(): string | undefined {
    return this.#chunked?.fault
  }

  /** The body has come to its end, as its framing tells it. */
  get isDone(): boolean {
    return this.#chunked?.isDone ?? this.ended === 'in order'
  }

  /** Octets of the body so far, without their framing. */
  get length(): number {
    return this.#length
  }

  get body(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  get read(): ReadStream {
    if (this.#read?.length !== this.#length) this.#read = { length: this.#length, stream: readStream(this.body) }
    return this.#read.stream
  }

  /** The body up to its last line end is UTF-8. */
  get isUtf8(): boolean {
    const { body } = this
    return isUtf8(body.subarray(0, Math.max(body.lastIndexOf('\n'), body.lastIndexOf('\r')) + 1))
  }

  /** Resolves with whether `test` came true, at the latest when the time or the body is over. */
  until(test: () => boolean, milliseconds: number): Promise<boolean> {
    return new Promise(resolve => {
      const finish = () => {
        timer.cancel()
        this.#onChange = undefined
        resolve(test())
      }
      const timer = patience(milliseconds, finish)
      this.#onChange = () => {
        if (test() || this.isDone || this.ended !== undefined) finish()
      }
      this.#onChange()
    })
  }

  /** The client leaves. */
  drop(): void {
    this.socket.destroy()
  }

  #onData(bytes: Buffer): void {
    const pieces = this.#chunked?.push(bytes) ?? [bytes]
    for (const piece of pieces) {
      this.#peer.log.stream('testee', piece)
      this.#pieces.push(piece)
      this.#length += piece.length
    }
    if (this.#length > MAX_BODY) this.drop()
    this.#onChange?.()
  }

  #onEnd(how: 'in order' | 'broken off'): void {
    if (this.ended !== undefined) return
    this.ended = how
    this.#peer.log.note(how === 'in order' ? 'the server ended TCP' : 'TCP was broken off')
    this.#onChange?.()
  }
}

/** Writes a request on a connection. */
export async function write(peer: ServerPeer, socket: Socket, asked: Asked): Promise<void> {
  const text = requestText(peer, asked)
  peer.log.head('suite', text)
  const bytes = Buffer.from(text, 'latin1')
  const { delivery = bytes.length } = asked
  for (let at = 0; at < bytes.length; at += delivery) {
    if (at > 0) await new Promise(resolve => setImmediate(resolve))
    if (socket.writable) socket.write(bytes.subarray(at, at + delivery))
  }
}

/** A character stands for an octet. */
function requestText({ target }: ServerPeer, asked: Asked): string {
  const { method = 'GET', version = '1.1', query, fields, body } = asked
  const path = query === undefined ? target.path : `${target.path}${target.path.includes('?') ? '&' : '?'}${query}`
  const octets = body === undefined ? undefined : Buffer.from(body).toString('latin1')
  const head = writeHead(`${method} ${path} HTTP/${version}`, {
    Host: new URL(target.url).host,
    Accept: 'text/event-stream',
    'Cache-Control': 'no-cache',
    ...(octets === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(octets.length) }),
    ...fields,
  })
  return `${head}${octets ?? ''}`
}
