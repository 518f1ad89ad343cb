/**
 * Closing: which codes may travel (RFC 6455 §7.4), the payload of a Close frame (§5.5.1), and the closing
 * handshake (§7.1) as a table that can be checked by eye.
 */
import { argumentError, type ViolationCode } from '../errors.ts'
import { MAX_CONTROL_PAYLOAD_LENGTH } from './frame.ts'
import { truncateText, validateUtf8 } from './utf8.ts'

/** Close codes of RFC 6455 §7.4.1 and of IANA's registry, with what they mean. */
export const CLOSE_CODES = {
  1000: 'normal closure',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1007: 'invalid payload data',
  1008: 'policy violation',
  1009: 'message too big',
  1010: 'mandatory extension',
  1011: 'internal error',
  1012: 'service restart',
  1013: 'try again later',
  1014: 'bad gateway',
} as const

/** §7.1.5: no status code in the Close frame that came. Never sent. */
export const NO_STATUS_RECEIVED = 1005
/** §7.1.5: no Close frame came at all. Never sent. */
export const ABNORMAL_CLOSURE = 1006

/** §5.5: 125 bytes at most, less two for the code. */
export const MAX_REASON_LENGTH = MAX_CONTROL_PAYLOAD_LENGTH - 2

/**
 * Whether an endpoint may put `code` into a Close frame. §7.4.1 takes 1004, 1005, 1006 and 1015 out; §7.4.2 leaves
 * 0–999 unused, keeps 1016–2999 for the protocol's future, and gives 3000–4999 to libraries and applications.
 */
export function isCloseCode(code: number): boolean {
  return code in CLOSE_CODES || (Number.isInteger(code) && code >= 3000 && code <= 4999)
}

/** Code and reason of a Close frame; code 1005 when it carried none. */
export interface CloseStatus {
  readonly code: number
  readonly reason: string
}

/** Reads the payload of a Close frame, or tells which rule it breaks. */
export function parseClosePayload(payload: Buffer): CloseStatus | ViolationCode {
  if (payload.length === 0) return { code: NO_STATUS_RECEIVED, reason: '' }
  // §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
  if (payload.length === 1) return 'WS_ERR_INVALID_CLOSE_PAYLOAD_LENGTH'
  const code = payload.readUInt16BE(0)
  if (!isCloseCode(code)) return 'WS_ERR_INVALID_CLOSE_CODE'
  // §5.5.1: "the body MAY contain UTF-8-encoded data"; §8.1 is what happens when it isn't
  if (validateUtf8(0, payload, 2, payload.length) !== 0) return 'WS_ERR_INVALID_UTF8'
  return { code, reason: payload.toString('utf8', 2) }
}

/**
 * Writes the payload of a Close frame; empty for code 1005. The reason must fit: cut it with
 * {@link truncateReason}, or refuse it with {@link checkCloseArguments}.
 */
export function writeClosePayload({ code, reason }: CloseStatus): Buffer {
  if (code === NO_STATUS_RECEIVED) return Buffer.alloc(0)
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return payload
}

/** A reason of at most 123 bytes, cut between characters. */
export function truncateReason(reason: string): string {
  return truncateText(reason, MAX_REASON_LENGTH)
}

/**
 * What a caller asks a Close frame to carry.
 *
 * @throws {TypeError} the code or the reason is of the wrong type
 * @throws {RangeError} the code may not be sent, the reason is longer than 123 bytes, or comes without a code
 */
export function checkCloseArguments(code: number | undefined, reason: string | undefined): CloseStatus {
  if (reason !== undefined && typeof reason !== 'string') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `close reason must be a string, got ${typeof reason}`)
  }
  if (code === undefined) {
    if (reason !== undefined && reason !== '')
      throw argumentError('ERR_OUT_OF_RANGE', 'a close reason needs a close code')
    return { code: NO_STATUS_RECEIVED, reason: '' }
  }
  if (typeof code !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', `close code must be a number, got ${typeof code}`)
  if (!isCloseCode(code)) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      `close code ${code} may not be sent: use 1000, 1001, 1008, 1011 or 3000 to 4999`,
    )
  }
  const length = Buffer.byteLength(reason ?? '')
  if (length > MAX_REASON_LENGTH) {
    throw argumentError('ERR_OUT_OF_RANGE', `close reason takes ${length} bytes, more than ${MAX_REASON_LENGTH}`)
  }
  return { code, reason: reason ?? '' }
}

/**
 * Where a connection stands in the closing handshake:
 * - `open`: no Close frame has been sent or received;
 * - `close-sent`: ours went out, theirs is awaited, messages still come in;
 * - `close-exchanged`: both went, the transport is left to be closed (§7.1.1);
 * - `failed`: _Fail the WebSocket Connection_ (§7.1.7), whatever comes is ignored;
 * - `closed`: the transport is gone (§7.1.4).
 */
export type ClosingState = 'open' | 'close-sent' | 'close-exchanged' | 'failed' | 'closed'

/** The application closes; a Close frame comes; a rule is broken; the transport ends. */
export type ClosingEvent = 'close' | 'receiveClose' | 'fail' | 'transportEnd'

/** The next state, and whether a Close frame of ours is to be sent on the way there. */
export type ClosingStep = readonly [next: ClosingState, sendsClose: boolean]

/** The closing handshake (§7.1.2, §7.1.3, §7.1.7). §5.5.1: nothing is sent after a Close frame, so never two. */
// biome-ignore format: it is a table
export const CLOSING_HANDSHAKE = {
  'open':            { close: ['close-sent', true],       receiveClose: ['close-exchanged', true],  fail: ['failed', true],           transportEnd: ['closed', false] },
  'close-sent':      { close: ['close-sent', false],      receiveClose: ['close-exchanged', false], fail: ['failed', false],          transportEnd: ['closed', false] },
  'close-exchanged': { close: ['close-exchanged', false], receiveClose: ['close-exchanged', false], fail: ['close-exchanged', false], transportEnd: ['closed', false] },
  'failed':          { close: ['failed', false],          receiveClose: ['failed', false],          fail: ['failed', false],          transportEnd: ['closed', false] },
  'closed':          { close: ['closed', false],          receiveClose: ['closed', false],          fail: ['closed', false],          transportEnd: ['closed', false] },
} as const satisfies Record<ClosingState, Record<ClosingEvent, ClosingStep>>

/** §1.4: after its Close frame was answered or a rule was broken, "any further data received" is discarded. */
export function readsInput(state: ClosingState): boolean {
  return state === 'open' || state === 'close-sent'
}
