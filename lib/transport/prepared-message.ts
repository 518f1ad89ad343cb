/**
 * A message that goes to many: its text is encoded once, and it is deflated once for all connections that agreed on
 * the same terms, with or without context takeover, since it does not refer back to what a connection sent before.
 */
import { byte0Of, type EncodedMessage, type MessageData, payloadOf } from '../websocket/connection.ts'
import { encodeFrame } from '../websocket/frame-writer.ts'
import type { Deflated, MessageDeflater } from './message-deflater.ts'

/** Made by {@link prepareMessage}, for `WebSocketConnection.send`. */
export class PreparedMessage implements EncodedMessage {
  /** @internal */
  readonly isText: boolean
  /** @internal */
  readonly frame: Buffer
  /** A part of the frame. @internal */
  readonly payload: Buffer
  /** By the kind of deflater. */
  #deflated: Map<string, Deflated> | undefined = undefined

  /** @internal */
  constructor(data: MessageData) {
    const payload = payloadOf(data)
    this.isText = typeof payload === 'string'
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    this.frame = encodeFrame(byte0Of(this), bytes)
    this.payload = this.frame.subarray(this.frame.length - bytes.length)
  }

  /** @internal */
  get isCompressed(): boolean {
    return false
  }

  /** Bytes of the message. */
  get length(): number {
    return this.payload.length
  }

  /** @internal */
  deflatedBy(deflater: MessageDeflater): Deflated {
    const kind = deflater.kindOf(this.payload)
    this.#deflated ??= new Map()
    const deflatedByKind = this.#deflated
    const known = deflatedByKind.get(kind)
    if (known !== undefined) return known
    const deflated = deflater.deflateApart(this.payload)
    deflatedByKind.set(kind, deflated)
    if (deflated instanceof Promise) {
      deflated.then(
        data => deflatedByKind.set(kind, data),
        () => deflatedByKind.delete(kind),
      )
    }
    return deflated
  }
}

/**
 * Prepares a message that is sent to many: it is encoded, and deflated, once. Bytes are copied.
 *
 * @throws {TypeError} data is neither a string nor bytes
 */
export function prepareMessage(data: MessageData): PreparedMessage {
  return new PreparedMessage(data)
}
