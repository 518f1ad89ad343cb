/** Bytes, hex and text, and how to write them for people. */

const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
const integers = new Intl.NumberFormat('en')

export const utf8 = text => encoder.encode(text)

/** The text of the bytes; `valid` is false when they aren't UTF-8 and stand-ins were put in. */
export function readUtf8(bytes) {
  try {
    return { text: strict.decode(bytes), valid: true }
  } catch {
    return { text: lenient.decode(bytes), valid: false }
  }
}

export function hexByte(byte) {
  return byte.toString(16).padStart(2, '0')
}

export function toHex(bytes, separator = '') {
  return Array.from(bytes, hexByte).join(separator)
}

/** Hex as a machine wrote it. */
export function fromHex(hex) {
  const bytes = new Uint8Array(hex.length >> 1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** Hex as a person types it: blanks, commas, colons, hyphens and 0x are fine. */
export function readHex(input) {
  const hex = input.replace(/0x/gi, '').replace(/[\s,:;_-]+/g, '')
  const wrong = hex.match(/[^0-9a-f]/i)
  if (wrong) throw new Error(`“${wrong[0]}” is not a hex digit: use 0–9 and a–f`)
  if (hex.length % 2 !== 0) throw new Error('A byte is two hex digits, and the last one has only one')
  return fromHex(hex)
}

export function randomBytes(length) {
  const bytes = new Uint8Array(length)
  // getRandomValues gives at most 65,536 bytes at once.
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** crypto.randomUUID is missing on plain http other than localhost; this is there everywhere. */
export const randomId = () => toHex(randomBytes(16))

export const formatInteger = number => integers.format(number)

const percents = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 })
export const formatPercent = ratio => percents.format(ratio)

export function plural(count, noun) {
  return `${formatInteger(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function formatMilliseconds(ms) {
  if (ms < 10) return ms.toFixed(2)
  return ms < 100 ? ms.toFixed(1) : formatInteger(Math.round(ms))
}

/** Control characters as their pictures (␊ for a line feed), so that a preview stays on its line. */
export function onOneLine(text) {
  return Array.from(text, character => {
    const code = character.codePointAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '␡' : character
  }).join('')
}

/** The byte as the ASCII column shows it. */
export function ascii(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'
}
