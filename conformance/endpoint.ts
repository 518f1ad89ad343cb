/**
 * One end of a WebSocket connection in the suite's hands, behind the opening handshake: it sends what a case tells it to,
 * right or wrong, and watches the peer with the eyes of a strict receiver. What it does by itself is what the closing
 * handshake needs (RFC 6455 §7.1), and it keeps the facts by which a close is judged: who began it, with which code, and
 * who ended TCP.
 *
 *     open ── Close sent or received ──▶ closing ── TCP ended, by whomever ──▶ closed
 *
 * The rules are those of the suite that this one follows: a Ping is answered while the connection is open; a peer that
 * breaks a rule is closed with 1002 or 1007 and heard no more; what a server sends behind its Close counts; a Close that is not answered within a second ends TCP; a
 * server that does not end TCP within a second after the closing handshake has it ended by us, which is not clean.
 */
import { isUtf8 } from 'node:buffer'
import type { Duplex } from 'node:stream'
import {
  closePayload,
  type FrameHeader,
  FrameReader,
  type FrameToWrite,
  headerFault,
  isCloseCode,
  mask,
  OPCODE,
  writeFrame,
  writeFrameHeader,
} from './frame.ts'
import type { MessageDeflate } from './message-deflate.ts'
import { type Patience, patience } from './patience.ts'
import type { WireLog } from './wire-log.ts'

export interface EndpointHandler {
  onMessage(payload: Buffer, binary: boolean): void
  onPong(payload: Buffer): void
  /** TCP has ended, or nothing more can come of it. */
  onEnd(): void
}

export interface EndpointOptions {
  /** Ours. */
  readonly role: 'client' | 'server'
  readonly log: WireLog
  readonly deflate?: MessageDeflate | undefined
  /** Milliseconds for the answer to a Close, and for a server to end TCP. Default 1,000. */
  readonly closeTimeout?: number
}

/** How bytes are given to TCP. */
export interface Delivery {
  /** Pieces of that many bytes, each with a turn of the event loop of its own. */
  readonly chop?: number | undefined
  /** In a write of its own. */
  readonly alone?: boolean | undefined
}

interface Job extends Delivery {
  readonly bytes: Buffer
}

/** Longest message and frame taken from a peer. */
const MAX_MESSAGE = 2 ** 27

export class Endpoint {
  state: 'open' | 'closing' | 'closed' = 'open'
  /** We sent the first Close frame. */
  closedByUs = false
  /** We ended TCP, because the peer did not. */
  droppedByUs = false
  /** Close frames went both ways, and TCP was ended by whom it should be. */
  wasClean = false
  /** The peer broke a rule, or ran out of time: it is heard no more. */
  failed = false
  /** What rule that was. */
  fault: string | undefined
  peerCloseCode: number | undefined
  /** A Close frame came; and how many did. */
  peerClosed = false
  peerCloses = 0
  readonly #socket: Duplex
  readonly #role: 'client' | 'server'
  readonly #log: WireLog
  readonly #deflate: MessageDeflate | undefined
  readonly #closeTimeout: number
  readonly #reader: FrameReader
  #handler: EndpointHandler
  #timer: Patience | undefined
  #jobs: Job[] = []
  #isPumping = false
  #flushCallbacks: (() => void)[] = []
  #message: { opcode: number; compressed: boolean; parts: Buffer[]; length: number } | undefined
  #partKey: Uint8Array | undefined
  #partOffset = 0

  constructor(socket: Duplex, options: EndpointOptions, handler: EndpointHandler, head: Buffer = Buffer.alloc(0)) {
    this.#socket = socket
    this.#role = options.role
    this.#log = options.log
    this.#deflate = options.deflate
    this.#closeTimeout = options.closeTimeout ?? 1000
    this.#handler = handler
    this.#reader = new FrameReader({
      onHeader: header => this.#onHeader(header),
      onFrame: (header, payload) => this.#onFrame(header, payload),
    })
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd('the peer ended TCP'))
    socket.on('close', () => this.#onEnd('TCP is closed'))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onEnd(`TCP broke off: ${error.code ?? error.message}`))
    if (head.length > 0) setImmediate(() => this.#onData(head))
  }

  /** Sends a frame as it is given; as a client it is masked. */
  sendFrame(frame: FrameToWrite, delivery: Delivery = {}): void {
    const whole = { ...frame, maskingKey: frame.maskingKey ?? this.#maskingKey() }
    const bytes = writeFrame(whole)
    this.#logSent(whole, bytes, delivery)
    this.#enqueue({ bytes, ...delivery })
  }

  /** Sends the header of a frame whose payload follows with {@link sendPart}. */
  sendHeader(frame: FrameToWrite & { readonly announced: number | bigint }): void {
    this.#partKey = this.#maskingKey()
    this.#partOffset = 0
    const bytes = writeFrameHeader({ ...frame, maskingKey: this.#partKey })
    this.#log.bytes(
      'suite',
      bytes,
      `header of a ${frame.opcode === 1 ? 'text' : 'binary'} frame of ${frame.announced} bytes`,
    )
    this.#enqueue({ bytes, alone: true })
  }

  sendPart(part: Buffer): void {
    const bytes = Buffer.from(part)
    if (this.#partKey !== undefined) mask(bytes, this.#partKey, this.#partOffset)
    this.#partOffset += part.length
    this.#log.bytes('suite', bytes, `${part.length} bytes of that payload`)
    this.#enqueue({ bytes, alone: true })
  }

  /** Bytes that are no frame of ours. */
  sendBytes(bytes: Buffer, words: string, delivery: Delivery = {}): void {
    this.#log.bytes('suite', bytes, words)
    this.#enqueue({ bytes, ...delivery })
  }

  /**
   * Sends a message, compressed where that was agreed on, in frames of `fragment` bytes if given: the last one is empty
   * if the others hold it all.
   */
  sendMessage(opcode: number, message: Buffer, fragment = 0): void {
    if (this.state !== 'open') return
    const payload = this.#deflate?.compress(message) ?? message
    const rsv = this.#deflate === undefined ? 0 : 4
    if (fragment === 0) return this.sendFrame({ opcode, rsv, payload })
    for (let at = 0; at <= payload.length; at += fragment) {
      const fin = at + fragment > payload.length
      const part = payload.subarray(at, at + fragment)
      this.sendFrame({ opcode: at === 0 ? opcode : OPCODE.continuation, rsv: at === 0 ? rsv : 0, fin, payload: part })
    }
  }

  /** §7.1.2: begins the closing handshake, unless it has begun. Any code and reason, allowed or not. */
  sendClose(code?: number, reason?: Buffer): void {
    if (this.state !== 'open') return
    this.closedByUs = true
    this.#sendClose(closePayload(code, reason))
    this.#after(this.#closeTimeout, 'the Close was not answered in time', () => this.#drop())
  }

  /** §7.1.7, with 1001 when it is time that ran out. */
  fail(code: number, fault: string): void {
    if (this.state === 'closed') return
    this.failed = true
    this.fault ??= fault
    this.#log.note(`failed by the suite: ${fault}`)
    this.sendClose(code)
  }

  /** Ends TCP without ado. */
  destroy(): void {
    this.#socket.destroy()
    this.#onEnd('the suite ended TCP')
  }

  /** Reads no more, so that the peer cannot write any more after a while. */
  pause(): void {
    this.#log.note('the suite reads no more')
    this.#socket.pause()
  }

  resume(): void {
    this.#log.note('the suite reads again')
    this.#socket.resume()
  }

  /** Ends our side of TCP, without a Close. */
  end(): void {
    this.#log.note('the suite ends its side of TCP')
    this.#socket.end()
  }

  /** Whether all that was sent is with the system, within so many milliseconds; false too once the connection has ended. */
  async drained(milliseconds: number): Promise<boolean> {
    const socket = this.#socket
    const isOver = () => this.state === 'closed' || socket.destroyed
    if (!this.isFlushed) await new Promise<void>(resolve => this.whenFlushed(resolve))
    if (isOver() || !socket.writableNeedDrain) return !isOver()
    await new Promise<void>(resolve => {
      const timer = patience(milliseconds, () => done())
      const done = () => {
        timer.cancel()
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
    return !isOver() && !socket.writableNeedDrain
  }

  /** Everything that was queued is with the socket. */
  get isFlushed(): boolean {
    return this.#jobs.length === 0 && !this.#isPumping
  }

  /** Calls back once that is so: at once, or later. */
  whenFlushed(callback: () => void): void {
    if (this.isFlushed) return callback()
    this.#flushCallbacks.push(callback)
  }

  #maskingKey(): Uint8Array | undefined {
    if (this.#role === 'server') return undefined
    return Buffer.from(Array.from({ length: 4 }, () => Math.floor(Math.random() * 256)))
  }

  #sendClose(payload: Buffer): void {
    this.state = 'closing'
    this.sendFrame({ opcode: OPCODE.close, payload })
  }

  #logSent(frame: FrameToWrite, bytes: Buffer, { chop, alone }: Delivery): void {
    const { fin = true, rsv = 0, opcode, maskingKey } = frame
    const given = frame.payload ?? new Uint8Array(0)
    const payload = Buffer.from(given.buffer, given.byteOffset, given.length)
    const more = chop === undefined ? (alone ? ', in a write of its own' : '') : `, in chops of ${chop}`
    const masked = maskingKey !== undefined
    this.#log.frame('suite', { fin, rsv, opcode, masked, payload }, bytes, bytes.length, more)
  }

  #enqueue(job: Job): void {
    this.#jobs.push(job)
    if (this.#isPumping) return
    this.#isPumping = true
    // Frames that are sent in one go share a write.
    queueMicrotask(() => this.#pump())
  }

  #pump(): void {
    const plain: Buffer[] = []
    let at = 0
    for (; at < this.#jobs.length; at++) {
      const { bytes, chop, alone } = this.#jobs[at]!
      if (chop !== undefined || alone) break
      plain.push(bytes)
    }
    const job = this.#jobs[at]
    // Tens of thousands of frames may wait: they are not taken off one by one.
    this.#jobs = this.#jobs.slice(at + 1)
    if (plain.length > 0) this.#write(plain.length === 1 ? plain[0]! : Buffer.concat(plain))
    if (job === undefined) {
      this.#isPumping = false
      for (const callback of this.#flushCallbacks.splice(0)) callback()
      return
    }
    this.#writeInChops(job, job.chop ?? job.bytes.length)
  }

  #writeInChops({ bytes }: Job, chop: number): void {
    let at = 0
    const next = () => {
      this.#write(bytes.subarray(at, at + chop))
      at += chop
      setImmediate(at < bytes.length ? next : () => this.#pump())
    }
    next()
  }

  #write(bytes: Buffer): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(bytes)
  }

  #onData(chunk: Buffer): void {
    if (this.state === 'closed') return
    this.#reader.push(chunk)
  }

  #onHeader(header: FrameHeader): boolean {
    const fault = headerFault(header, {
      expectsMask: this.#role === 'server',
      inMessage: this.#message !== undefined,
      deflate: this.#deflate !== undefined,
    })
    const tooLong = header.length > MAX_MESSAGE ? `a frame of ${header.length} bytes` : undefined
    if (fault === undefined && tooLong === undefined) return true
    this.#log.bytes('testee', header.bytes, `header: ${fault ?? tooLong}`)
    this.fail(fault === undefined ? 1009 : 1002, `the peer sent something wrong: ${fault ?? tooLong}`)
    return false
  }

  #onFrame(header: FrameHeader, payload: Buffer): void {
    const size = header.bytes.length + payload.length
    const wire = Buffer.concat([header.bytes, payload.subarray(0, 64)])
    if (header.masked) mask(wire.subarray(header.bytes.length), header.bytes.subarray(-4), 0)
    this.#log.frame('testee', { ...header, payload }, wire, size)
    if (header.opcode === OPCODE.close) return this.#onClose(payload)
    if (header.opcode === OPCODE.ping) {
      if (this.state === 'open') this.sendFrame({ opcode: OPCODE.pong, payload })
      return
    }
    if (header.opcode === OPCODE.pong) return this.#handler.onPong(payload)
    this.#message ??= { opcode: header.opcode, compressed: header.rsv === 4, parts: [], length: 0 }
    this.#message.parts.push(payload)
    this.#message.length += payload.length
    if (this.#message.length > MAX_MESSAGE) return this.#stop(1009, 'the peer sent a message without end')
    if (header.fin) this.#onMessage()
  }

  #onMessage(): void {
    const { opcode, compressed, parts } = this.#message!
    this.#message = undefined
    let payload = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (compressed) {
      try {
        payload = this.#deflate!.decompress(payload)
      } catch (error) {
        return this.#stop(1007, `the peer sent a message that cannot be inflated: ${(error as Error).message}`)
      }
    }
    if (opcode === OPCODE.text && !isUtf8(payload)) return this.#stop(1007, 'the peer sent text that is not UTF-8')
    // Who was failed is heard no more, but for its Close.
    if (!this.failed) this.#handler.onMessage(payload, opcode === OPCODE.binary)
  }

  #stop(code: number, fault: string): void {
    this.#reader.stop()
    this.fail(code, fault)
  }

  #onClose(payload: Buffer): void {
    this.peerClosed = true
    this.peerCloses++
    if (payload.length >= 2) this.peerCloseCode = payload.readUInt16BE(0)
    if (this.peerCloseCode !== undefined && !isCloseCode(this.peerCloseCode))
      return this.#stop(1002, `the peer sent the close code ${this.peerCloseCode} (§7.4)`)
    if (!isUtf8(payload.subarray(2))) return this.#stop(1007, 'the peer sent a reason that is not UTF-8')
    this.wasClean = true
    this.#timer?.cancel()
    if (this.state === 'open') this.#sendClose(closePayload(1000))
    // §7.1.1: "the underlying TCP connection, in most normal cases, SHOULD be closed first by the server"
    if (this.#role === 'server') {
      this.#reader.stop()
      return this.whenFlushed(() => this.#end())
    }
    this.#after(this.#closeTimeout, 'the server did not end TCP in time', () => {
      this.wasClean = false
      this.#drop()
    })
  }

  #after(milliseconds: number, words: string, onOver: () => void): void {
    this.#timer?.cancel()
    this.#timer = patience(milliseconds, () => {
      this.#log.note(words)
      onOver()
    })
  }

  /** As a server: ends our side, and waits a little for the peer's, since what is unread would turn it into a reset. */
  #end(): void {
    this.droppedByUs = true
    this.#socket.end()
    const socket = this.#socket
    const cut = setTimeout(() => socket.destroy(), 1000)
    socket.once('close', () => clearTimeout(cut))
    this.#onEnd('the suite ended TCP')
  }

  #drop(): void {
    this.droppedByUs = true
    this.destroy()
  }

  #onEnd(words: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#timer?.cancel()
    this.#reader.stop()
    this.#log.note(words)
    this.#handler.onEnd()
    // Nothing more is wanted from it; an error that comes late is no one's business.
    this.#socket.resume()
  }
}
