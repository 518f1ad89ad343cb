/** What RFC 6455 calls things, and how a frame's header reads bit by bit. */
import { formatInteger, fromHex, hexByte, readUtf8, toHex } from './bytes.js'

export const OPCODES = {
  0: ['continuation', 'The next piece of the message that the last frame without FIN left open'],
  1: ['text', 'A message of UTF-8 text starts here'],
  2: ['binary', 'A message of bytes starts here'],
  8: ['close', 'Control frame: the closing handshake, with code and reason'],
  9: ['ping', 'Control frame: “are you there?” The other side must answer with a pong'],
  10: ['pong', 'Control frame: the answer to a ping, carrying the same payload'],
}

export function opcodeName(opcode) {
  return OPCODES[opcode]?.[0] ?? 'reserved'
}

export const hexOpcode = opcode => `0x${opcode.toString(16).toUpperCase()}`

export const isControl = opcode => opcode >= 8

const CLOSE_CODES = {
  1000: ['Normal closure', 'The purpose of the connection is fulfilled.'],
  1001: ['Going away', 'A server shuts down, or a page was left.'],
  1002: ['Protocol error', 'The other side broke the WebSocket protocol.'],
  1003: ['Unsupported data', 'A kind of data came that this endpoint cannot take.'],
  1004: ['Reserved', 'May not be sent.'],
  1005: ['No status received', 'The Close frame came without a code. Never sent on the wire.'],
  1006: ['Abnormal closure', 'The connection ended without a Close frame. Never sent on the wire.'],
  1007: ['Invalid payload data', 'A text message was not UTF-8.'],
  1008: ['Policy violation', 'A message broke a rule of the application.'],
  1009: ['Message too big', 'A message was longer than this endpoint takes.'],
  1010: ['Mandatory extension', 'The client needs an extension that the server did not agree to.'],
  1011: ['Internal error', 'The server met something it did not expect.'],
  1012: ['Service restart', 'The server restarts.'],
  1013: ['Try again later', 'The server is too busy.'],
  1014: ['Bad gateway', 'A gateway got a bad answer from the server behind it.'],
  1015: ['TLS handshake', 'The TLS handshake failed. Never sent on the wire.'],
}

/** Name and meaning of a close code. */
export function closeCode(code) {
  if (CLOSE_CODES[code]) return CLOSE_CODES[code]
  if (code >= 4000 && code <= 4999) return ['Private use', 'Its meaning is between these two applications.']
  if (code >= 3000 && code <= 3999) return ['Registered use', 'For libraries and frameworks, registered at IANA.']
  if (code >= 1000 && code <= 2999) return ['Unassigned', 'Kept for the future of the protocol.']
  return ['Not a close code', 'Outside of what the protocol defines.']
}

/** Code and reason in the payload of a Close frame. */
export function readClosePayload(payload) {
  if (payload.length < 2) return { code: 1005, reason: '' }
  return { code: payload[0] * 256 + payload[1], reason: readUtf8(payload.subarray(2)).text }
}

const bitsOf = bytes => Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')

/**
 * The fields of a frame's header in wire order: what a field is called, its bits, the value they make, what that
 * means, and where it lies (`from` and `to` in bits).
 */
export function headerFields(frame) {
  const header = fromHex(frame.header)
  const bits = bitsOf(header)
  const fields = []
  let at = 0
  const take = (key, name, length, describe) => {
    const slice = bits.slice(at, at + length)
    const [value, meaning] = describe(slice)
    fields.push({ key, name, bits: slice, value, meaning, from: at, to: at + length })
    at += length
  }

  take('fin', 'FIN', 1, bit => [
    bit,
    bit === '1' ? 'This frame ends its message' : 'More frames of this message follow: it is sent in fragments',
  ])
  take('rsv1', 'RSV1', 1, bit => [
    bit,
    bit === '1' ? 'Set by an extension: the message is compressed (permessage-deflate)' : 'No extension uses it here',
  ])
  for (const name of ['RSV2', 'RSV3']) {
    take(name.toLowerCase(), name, 1, bit => [
      bit,
      bit === '1' ? 'Set, and no registered extension says what for' : 'Reserved, so it must be 0',
    ])
  }
  take('opcode', 'opcode', 4, () => [
    `${hexOpcode(frame.opcode)} ${opcodeName(frame.opcode)}`,
    OPCODES[frame.opcode]?.[1] ?? 'Reserved: whoever gets it must fail the connection',
  ])
  take('mask', 'MASK', 1, bit => [
    bit,
    bit === '1'
      ? 'Masked, as every frame from a client must be; the key follows'
      : 'Not masked: a server never masks',
  ])
  const short = header[1] & 0x7f
  take('length', 'Payload len', 7, () => [
    String(short),
    short < 126
      ? 'The length in bytes: up to 125 fits in here'
      : short === 126
        ? '126 says: the length is in the next 16 bits'
        : '127 says: the length is in the next 64 bits',
  ])
  if (short >= 126) {
    take('extended', 'Extended payload length', short === 126 ? 16 : 64, slice => [
      formatInteger(BigInt(`0b${slice}`)),
      short === 126
        ? 'The length in bytes: 126 to 65,535 takes these 16 bits'
        : 'The length in bytes: 65,536 and more takes these 64 bits',
    ])
  }
  if (frame.masked) {
    take('key', 'Masking-key', 32, () => [
      toHex(header.subarray(-4), ' '),
      'Picked at random for this frame; payload byte i is XORed with key byte i mod 4',
    ])
  }
  return fields
}

/** The first bytes of the payload as they went over the wire: masked with the key, if there is one. */
export function wirePayload(frame) {
  const payload = fromHex(frame.payload)
  if (!frame.masked || !frame.maskingKey) return payload
  const key = fromHex(frame.maskingKey)
  return payload.map((byte, i) => byte ^ key[i % 4])
}

/** The rows of RFC 6455 §5.2's diagram: `columns` bits each, a field that crosses a row's end in several parts. */
export function diagramRows(frame, columns, payloadBytes) {
  const rows = []
  let at = 0
  const place = (length, cell) => {
    for (let done = 0; done < length; ) {
      const column = at % columns
      const span = Math.min(columns - column, length - done)
      if (column === 0) rows.push([])
      rows.at(-1).push({
        ...cell,
        span,
        bits: cell.bits?.slice(done, done + span),
        continued: done > 0,
        continues: done + span < length,
      })
      done += span
      at += span
    }
  }

  for (const field of headerFields(frame)) place(field.to - field.from, field)
  const plain = fromHex(frame.payload)
  const wire = wirePayload(frame)
  let shown = Math.min(payloadBytes, wire.length)
  // What is left out gets a row of its own, so the last byte shown ends its row.
  if (shown < frame.length) while (shown > 0 && (at + 8 * shown) % columns !== 0) shown--
  for (let i = 0; i < shown; i++) {
    place(8, {
      key: 'payload',
      name: 'payload',
      byte: i,
      bits: bitsOf([wire[i]]),
      value: hexByte(wire[i]),
      plain: plain[i],
    })
  }
  if (at % columns !== 0) place(columns - (at % columns), { key: 'end', filler: true })
  if (shown < frame.length) place(columns, { key: 'payload', rest: frame.length - shown })
  return rows
}
