/**
 * UTF-8, right and nearly right, in any chunks: the validator says what TextDecoder's fatal mode says, and says no at
 * the first byte behind which no continuation could help.
 */
import fc from 'fast-check'
import { decodeText, INVALID, isAsciiRange, truncateText, validateUtf8 } from '../lib/websocket/utf8.ts'
import { fromProperty, hold } from './target.ts'
import { cut, cuts, text } from './traffic.ts'

const pieces = fc.oneof(
  { weight: 5, arbitrary: text.map(text => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.constantFrom('a', 'é', '€', '😀').map(character => Buffer.from(character.repeat(30))) },
  // The first bytes of characters, and what must not follow them.
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        'e282',
        'f09f98',
        'c3',
        'eda080',
        'ed9f',
        'f48f',
        'f490',
        'e09f',
        'f08f',
        'c080',
        '80',
        'ff',
        'f5',
      )
      .map(hex => Buffer.from(hex, 'hex')),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map(bytes => Buffer.from(bytes)) },
)

const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return fatal.decode(bytes)
  } catch {
    return undefined
  }
}

/** Whether what was read can become a valid text: one of these completes any character that has begun. */
const ENDINGS = ['', '80', 'bf', '8080', 'bfbf', '808080', 'bfbfbf'].map(hex => Buffer.from(hex, 'hex'))
const canGoOn = (bytes: Uint8Array) => ENDINGS.some(ending => decode(Buffer.concat([bytes, ending])) !== undefined)

export const target = fromProperty(
  'utf8',
  fc.property(fc.array(pieces, { maxLength: 5 }), cuts, fc.nat({ max: 130 }), (pieces, sizes, limit) => {
    const bytes = Buffer.concat(pieces)
    const expected = decode(bytes)
    let state = 0
    let read = 0
    for (const chunk of cut(bytes, sizes)) {
      const before = state
      state = validateUtf8(state, chunk, 0, chunk.length)
      if (before !== INVALID && state === INVALID) {
        // Byte by byte: up to the bad byte there was hope, and with it there is none.
        let at = read
        for (let each = before; each !== INVALID; at++) each = validateUtf8(each, bytes, at, at + 1)
        hold(canGoOn(bytes.subarray(0, at - 1)), () => `too early, at ${at - 1}`)
        hold(!canGoOn(bytes.subarray(0, at)), () => `not bad, at ${at - 1}`)
      }
      read += chunk.length
    }
    hold((state === 0) === (expected !== undefined), () => `state ${state}, TextDecoder has ${expected}`)
    hold((state !== INVALID) === canGoOn(bytes), () => `state ${state}: too late`)
    hold(validateUtf8(0, bytes, 0, bytes.length) === state, () => 'another state in one chunk')
    hold(decodeText(bytes, 0, bytes.length, false) === expected, () => 'decoded otherwise')
    const isAscii = bytes.every(byte => byte < 0x80)
    hold(isAsciiRange(bytes, 0, bytes.length) === isAscii, () => 'ASCII or not')
    if (isAscii) hold(decodeText(bytes, 0, bytes.length, true) === expected, () => 'ASCII decoded otherwise')
    if (expected === undefined) return
    const short = truncateText(expected, limit)
    const size = Buffer.byteLength(short)
    const next = String.fromCodePoint(expected.codePointAt(short.length) ?? 0)
    hold(expected.startsWith(short) && size <= limit, () => `cut to ${size} bytes, at most ${limit}`)
    hold(short === expected || size + Buffer.byteLength(next) > limit, () => 'cut too short')
  }),
)
