/**
 * What a connection sends when that is more than writing a frame: messages that are compressed, messages in fragments,
 * and all that is sent while one of those takes its time. Nothing overtakes anything, whether it is deflated at once,
 * in the thread pool, or not at all.
 *
 * Of a message in fragments the first one decides whether it is compressed (RFC 7692 §6.1: RSV1 is on the first frame
 * only). Its fragments are one stream of DEFLATE, flushed at the end of each, so that they go out as they come.
 */
import type { ClosedError } from '../errors.ts'
import { type Connection, type EncodedMessage, type MessageData, payloadOf } from '../websocket/connection.ts'
import { OutgoingMessage } from '../websocket/message.ts'
import type { Deflated, MessageDeflater } from './message-deflater.ts'
import { PreparedMessage } from './prepared-message.ts'
import { type FragmentSink, type FragmentSource, SendQueue } from './send-queue.ts'

export interface OutboxOwner {
  /** Whether more may be written before the system has taken some; no is a promise to call `resume`. @internal */
  hasRoom(): boolean
  /** A message that was begun cannot be ended. @internal */
  abandonMessage(): void
  /** Why nothing can be sent any more. @internal */
  closedError(): ClosedError
}

/** Compression, if it was negotiated. */
export interface OutboxDeflate {
  readonly deflater: MessageDeflater
  /** Messages of fewer bytes are sent as they are. */
  readonly threshold: number
}

/** True and false say it for this message; undefined leaves it to its length. */
type Compress = boolean | undefined

type Payload = string | Uint8Array | EncodedMessage

export class MessageOutbox {
  readonly #core: Connection
  readonly #deflate: OutboxDeflate | undefined
  readonly #owner: OutboxOwner
  #queue: SendQueue | undefined = undefined

  constructor(core: Connection, deflate: OutboxDeflate | undefined, owner: OutboxOwner) {
    this.#core = core
    this.#deflate = deflate
    this.#owner = owner
  }

  /** Something is being sent or waits: whatever is sent now waits as well. */
  get isBusy(): boolean {
    return this.#queue?.isBusy ?? false
  }

  /** Bytes of the messages that wait. */
  get length(): number {
    return this.#queue?.length ?? 0
  }

  /** Sends a message behind those before it. False, and nothing is sent, once the closing handshake has begun. */
  send(data: MessageData | PreparedMessage, compress: Compress): boolean {
    const payload = data instanceof PreparedMessage ? data : payloadOf(data)
    if (this.isBusy) return this.#enqueue(kept(payload), compress)
    if (this.#core.state !== 'open') return false
    const message = this.#toCompress(payload, compress)
    if (message === undefined) return this.#sendPlain(payload)
    if (!this.#deflate?.deflater.takesTime(message.payload)) {
      return this.#sendCompressed(message, this.#deflated(message) as Buffer)
    }
    return this.#enqueue(payload instanceof Uint8Array ? kept(payload) : message, compress)
  }

  /** Sends what `source` yields as the fragments of one message. */
  sendFragments(source: FragmentSource, compress: Compress): Promise<void> {
    this.#queue ??= new SendQueue()
    return this.#queue.addFragments(source, new FragmentedMessage(this.#core, this.#deflate, this.#owner, compress))
  }

  /** Does something behind all that was sent before. */
  whenSent(task: () => void): void {
    if (this.isBusy) void this.#queue?.add(task)
    else task()
  }

  /** There is room again. */
  resume(): void {
    this.#queue?.resume()
  }

  /** The connection is closed: whatever waits is given up. */
  abort(): void {
    this.#deflate?.deflater.abort()
    this.#queue?.abort(this.#owner.closedError())
  }

  /** Lets a message wait its turn. */
  #enqueue(payload: Payload, compress: Compress): true {
    this.#queue ??= new SendQueue()
    const queue = this.#queue
    const sendInTurn = async () => {
      const message = this.#core.state === 'open' ? this.#toCompress(payload, compress) : undefined
      if (message === undefined) return void this.#sendPlain(payload)
      const deflated = this.#deflated(message)
      this.#sendCompressed(message, deflated instanceof Promise ? await queue.wait(deflated) : deflated)
    }
    // It is closed, or zlib could not get the memory: the messages behind must not pass for all there are.
    queue.add(sendInTurn, lengthOf(payload)).catch(() => this.#owner.abandonMessage())
    return true
  }

  #sendPlain(payload: Payload): boolean {
    return isData(payload) ? this.#core.send(payload) : this.#core.sendEncoded(payload)
  }

  /** The bytes of a message, if it is to be compressed. */
  #toCompress(payload: Payload, compress: Compress): EncodedMessage | undefined {
    if (this.#deflate === undefined || compress === false) return undefined
    const threshold = compress ? 0 : this.#deflate.threshold
    // In UTF-8 a UTF-16 code unit takes three bytes at most.
    if (lengthOf(payload) * (typeof payload === 'string' ? 3 : 1) < threshold) return undefined
    if (!isData(payload)) return payload
    const isText = typeof payload === 'string'
    const bytes = isText ? Buffer.from(payload) : payload
    return bytes.length < threshold ? undefined : { isText, isCompressed: false, payload: bytes }
  }

  #deflated(message: EncodedMessage): Deflated {
    const { deflater } = this.#deflate as OutboxDeflate
    return message instanceof PreparedMessage ? message.deflatedBy(deflater) : deflater.deflate(message.payload)
  }

  /** Sends the data, or the message itself where that is no longer. */
  #sendCompressed(message: EncodedMessage, deflated: Buffer): boolean {
    const { isText, payload } = message
    if (deflated.length >= payload.length) return this.#core.sendEncoded(message)
    this.#deflate?.deflater.messageSent(payload)
    return this.#core.sendEncoded({ isText, isCompressed: true, payload: deflated })
  }
}

function isData(payload: Payload): payload is string | Uint8Array {
  return typeof payload === 'string' || payload instanceof Uint8Array
}

function lengthOf(payload: Payload): number {
  return isData(payload) ? payload.length : payload.payload.length
}

/** Bytes are copied, since the caller may use them again. */
function kept(payload: Payload): Payload {
  return payload instanceof Uint8Array ? Buffer.from(payload) : payload
}

/** A message in fragments, from its first one to its last. */
class FragmentedMessage implements FragmentSink {
  readonly #core: Connection
  readonly #deflate: OutboxDeflate | undefined
  readonly #owner: OutboxOwner
  readonly #compress: Compress
  /** What its first fragment decided, once there was one. */
  #message: OutgoingMessage | undefined = undefined

  constructor(core: Connection, deflate: OutboxDeflate | undefined, owner: OutboxOwner, compress: Compress) {
    this.#core = core
    this.#deflate = deflate
    this.#owner = owner
    this.#compress = compress
  }

  sendFragment(data: MessageData, fin: boolean): boolean | Promise<boolean> {
    const payload = payloadOf(data)
    this.#message ??= new OutgoingMessage(typeof payload === 'string', this.#isCompressedFrom(payload))
    const { isCompressed, isText } = this.#message
    if (!isCompressed || this.#deflate === undefined) return this.#sent(this.#core.sendFragment(payload, fin))
    if (this.#core.state !== 'open') throw this.#owner.closedError()
    if (isText !== (typeof payload === 'string')) return this.#sent(this.#core.sendFragment(payload, fin))
    const bytes = typeof payload === 'string' ? Buffer.from(this.#message.joinSurrogates(payload, fin)) : payload
    const deflated = this.#deflate.deflater.deflateFragment(bytes, fin)
    const send = (data: Buffer) =>
      this.#sent(this.#core.sendEncodedFragment({ isText, isCompressed, payload: data }, fin))
    return deflated instanceof Promise ? deflated.then(send) : send(deflated)
  }

  abandonMessage(): void {
    this.#owner.abandonMessage()
  }

  #isCompressedFrom(first: string | Uint8Array): boolean {
    if (this.#deflate === undefined) return false
    return this.#compress ?? first.length >= this.#deflate.threshold
  }

  #sent(isSent: boolean): boolean {
    if (!isSent) throw this.#owner.closedError()
    return this.#owner.hasRoom()
  }
}
