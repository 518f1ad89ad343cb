/**
 * The frame header: its layout, every rule on its first two bytes, and writing one.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
 *     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
 *     | |1|2|3|       |K|             |                               |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |     Extended payload length continued, if payload len == 127  |
 *     + - - - - - - - - - - - - - - - +-------------------------------+
 *     |                               | Masking-key, if MASK set to 1 |
 *     +-------------------------------+-------------------------------+
 *     | Masking-key (continued)       |          Payload Data         |
 *     +-------------------------------+-------------------------------+   (RFC 6455 §5.2)
 *
 * Pure functions of bytes; who calls them, and what a payload means, is not known here.
 */
import type { ViolationCode } from '../errors.ts'

/** Opcodes of RFC 6455 §11.8. */
export const OPCODES = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const

export const FIN = 0x80
export const RSV1 = 0x40
const RSV2_RSV3 = 0x30
export const OPCODE_BITS = 0x0f
/** §5.5: "Control frames are identified by opcodes where the most significant bit of the opcode is 1." */
export const CONTROL_BIT = 0x08
export const MASK = 0x80
export const LENGTH_BITS = 0x7f

/** Two bytes, eight of extended payload length, four of masking key. */
export const MAX_HEADER_LENGTH = 14
/** §5.5: "All control frames MUST have a payload length of 125 bytes or less". */
export const MAX_CONTROL_PAYLOAD_LENGTH = 125

export type Role = 'server' | 'client'

/** What being one side or the other comes down to; looked up once for each connection. */
export interface RoleFacts {
  /** §5.1: "The server MUST close the connection upon receiving a frame that is not masked." */
  readonly expectsMask: boolean
  /** §5.1: "a client MUST mask all frames that it sends to the server"; "A server MUST NOT mask any frames". */
  readonly sendsMask: boolean
  /** §7.1.1: "the underlying TCP connection, in most normal cases, SHOULD be closed first by the server". */
  readonly closesTransportFirst: boolean
}

export const ROLES = {
  server: { expectsMask: true, sendsMask: false, closesTransportFirst: true },
  client: { expectsMask: false, sendsMask: true, closesTransportFirst: false },
} as const satisfies Record<Role, RoleFacts>

/**
 * Every rule that the first two bytes of a frame can break, in the order in which they are looked at.
 *
 * @param expectsMask the receiver is a server
 * @param inMessage a fragmented message has begun and not ended
 * @param deflate permessage-deflate was negotiated, which gives RSV1 a meaning (RFC 7692 §6)
 */
export function checkHeader(
  byte0: number,
  byte1: number,
  expectsMask: boolean,
  inMessage: boolean,
  deflate: boolean,
): ViolationCode | undefined {
  const opcode = byte0 & OPCODE_BITS
  // §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
  if ((byte0 & RSV2_RSV3) !== 0) return 'WS_ERR_UNEXPECTED_RSV_2_3'
  if ((byte0 & RSV1) !== 0) {
    // RFC 7692 §6: the bit marks a compressed message on its first frame; continuations and control frames never
    // have it.
    if (!deflate || opcode === OPCODES.continuation || (opcode & CONTROL_BIT) !== 0) return 'WS_ERR_UNEXPECTED_RSV_1'
  }
  // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
  if ((opcode & ~CONTROL_BIT) > 2) return 'WS_ERR_INVALID_OPCODE'
  if (((byte1 & MASK) !== 0) !== expectsMask) return expectsMask ? 'WS_ERR_EXPECTED_MASK' : 'WS_ERR_UNEXPECTED_MASK'
  if ((opcode & CONTROL_BIT) !== 0) {
    // §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
    if ((byte0 & FIN) === 0) return 'WS_ERR_EXPECTED_FIN'
    if ((byte1 & LENGTH_BITS) > MAX_CONTROL_PAYLOAD_LENGTH) return 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
    return undefined
  }
  // §5.4: a message is "a single frame with the FIN bit clear and an opcode other than 0, followed by zero or more
  // frames with the FIN bit clear and the opcode set to 0"; "fragments of one message MUST NOT be interleaved".
  if (opcode === OPCODES.continuation) return inMessage ? undefined : 'WS_ERR_UNEXPECTED_CONTINUATION'
  return inMessage ? 'WS_ERR_EXPECTED_CONTINUATION' : undefined
}

/** Length in bytes of the header for a payload of `length` bytes. */
export function headerLength(length: number, masked: boolean): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (masked ? 4 : 0)
}

/**
 * Writes a header at `offset` and returns the offset behind it. The masking key is four bytes as a little-endian
 * integer, the order in which `maskBytes` takes it.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  byte0: number,
  length: number,
  masked: boolean,
  maskingKey: number,
): number {
  const maskBit = masked ? MASK : 0
  let at = offset
  target[at++] = byte0
  // §5.2: "the minimal number of bytes MUST be used to encode the length"
  if (length < 126) {
    target[at++] = maskBit | length
  } else if (length < 65_536) {
    target[at++] = maskBit | 126
    target[at++] = length >>> 8
    target[at++] = length & 0xff
  } else {
    target[at++] = maskBit | 127
    at = writeUint32(target, at, Math.floor(length / 2 ** 32))
    at = writeUint32(target, at, length >>> 0)
  }
  if (masked) {
    target[at++] = maskingKey & 0xff
    target[at++] = (maskingKey >>> 8) & 0xff
    target[at++] = (maskingKey >>> 16) & 0xff
    target[at++] = maskingKey >>> 24
  }
  return at
}

/** §5.2: "Multibyte length quantities are expressed in network byte order." */
function writeUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24
  target[at + 1] = (value >>> 16) & 0xff
  target[at + 2] = (value >>> 8) & 0xff
  target[at + 3] = value & 0xff
  return at + 4
}
