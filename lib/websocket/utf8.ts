/**
 * UTF-8 as RFC 6455 §8.1 wants it: RFC 3629, validated as it arrives, so that the first byte which cannot be part
 * of a valid text fails the connection even in the middle of a fragment; and decoding, with ASCII in one pass.
 *
 * A validator is one integer, kept by whoever owns the text: 0 between characters, {@link INVALID} for ever after
 * a bad byte, otherwise the continuation bytes still to come (bits 0–7) and the range that the next of them must
 * lie in (bits 8–15 lowest, bits 16–23 highest).
 */
import { isAscii, isUtf8 } from 'node:buffer'

export const INVALID = -1

/** From this length on a call into Node pays for the view that it wants. */
const NATIVE_FROM = 48

/** The state after one more byte (RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF). */
function step(state: number, byte: number): number {
  if (state === 0) {
    if (byte < 0x80) return 0
    if (byte < 0xc2) return INVALID
    if (byte < 0xe0) return pending(1, 0x80, 0xbf)
    if (byte < 0xf0) return pending(2, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf)
    if (byte < 0xf5) return pending(3, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf)
    return INVALID
  }
  if (state === INVALID || byte < ((state >>> 8) & 0xff) || byte > state >>> 16) return INVALID
  const left = (state & 0xff) - 1
  return left === 0 ? 0 : pending(left, 0x80, 0xbf)
}

function pending(left: number, lowest: number, highest: number): number {
  return left | (lowest << 8) | (highest << 16)
}

/** Takes a validator over `bytes[start..end)` and returns its new state. */
export function validateUtf8(state: number, bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (state > 0 && at < end) state = step(state, bytes[at++]!)
  if (end - at >= NATIVE_FROM && state === 0) {
    const whole = lastBoundary(bytes, at, end)
    if (!isUtf8(bytes.subarray(at, whole))) return INVALID
    at = whole
  }
  while (state !== INVALID && at < end) state = step(state, bytes[at++]!)
  return state
}

/** Where the last character begins, when it may be unfinished; `end` when it certainly isn't. */
function lastBoundary(bytes: Uint8Array, start: number, end: number): number {
  const earliest = Math.max(start, end - 3)
  for (let at = end - 1; at >= earliest; at--) {
    const byte = bytes[at]!
    if (byte < 0x80) return end
    if (byte >= 0xc0) return at
  }
  return end
}

/** Whether `bytes[start..end)` are all below 0x80. */
export function isAsciiRange(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start >= NATIVE_FROM) return isAscii(bytes.subarray(start, end))
  let seen = 0
  for (let at = start; at < end; at++) seen |= bytes[at]!
  return seen < 0x80
}

/** Decodes a whole text; undefined when it is not valid UTF-8. A byte order mark is kept: it is part of the text. */
export function decodeText(bytes: Buffer, start: number, end: number, ascii: boolean): string | undefined {
  if (ascii) return decodeValidText(bytes, start, end, true)
  return validateUtf8(0, bytes, start, end) === 0 ? decodeValidText(bytes, start, end, false) : undefined
}

/** Decodes a text that is known to be valid. latin1 is the one-pass way for ASCII. */
export function decodeValidText(bytes: Buffer, start: number, end: number, ascii: boolean): string {
  return bytes.toString(ascii ? 'latin1' : 'utf8', start, end)
}

/** The longest prefix of `text` that takes at most `limit` bytes, cut between characters. */
export function truncateText(text: string, limit: number): string {
  if (text.length * 3 <= limit || Buffer.byteLength(text) <= limit) return text
  const bytes = Buffer.from(text)
  let end = limit
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
