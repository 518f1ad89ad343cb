/**
 * UTF-8: held against the definition over every sequence of up to three bytes, against TextDecoder's fatal mode
 * over pairs, all borders of four and mutated texts; and that a text is refused at the very byte after which no
 * continuation could make it valid.
 */
import t from 'tap'
import {
  decodeText,
  decodeValidText,
  INVALID,
  isAsciiRange,
  truncateText,
  validateUtf8,
} from '../../lib/websocket/utf8.ts'
import { everySplit } from '../support/every-split.ts'
import { Random } from '../support/random.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * The definition: a valid text is one character's encoding behind the other, and what can still become one ends in
 * a part of an encoding. Here are all encodings of up to three bytes, and all parts of longer ones, made by Node.
 */
const CHARACTERS = { 1: new Uint8Array(2 ** 8), 2: new Uint8Array(2 ** 16), 3: new Uint8Array(2 ** 24) }
const PARTS = { 1: new Uint8Array(2 ** 8), 2: new Uint8Array(2 ** 16), 3: new Uint8Array(2 ** 24) }
for (let point = 0, bytes = Buffer.alloc(4); point < 0x110000; point++) {
  // RFC 3629 §3 "prohibits encoding character numbers between U+D800 and U+DFFF".
  if (point >= 0xd800 && point < 0xe000) continue
  const length = bytes.write(String.fromCodePoint(point)) as 1 | 2 | 3 | 4
  if (length < 4) CHARACTERS[length as 1 | 2 | 3][bytes.readUIntBE(0, length)] = 1
  for (const part of [1, 2, 3] as const) if (part < length) PARTS[part][bytes.readUIntBE(0, part)] = 1
}

/** How many bytes it takes until nothing can help; Infinity for what is valid or could become so. */
function firstBadByte(bytes: Uint8Array): number {
  for (let at = 0, start = 0; at < bytes.length; at++) {
    const length = (at - start + 1) as 1 | 2 | 3 | 4
    const value = Buffer.from(bytes.subarray(start, at + 1)).readUIntBE(0, length)
    // A fourth byte ends its character: it is one of 80 to bf behind each of the parts of three.
    const ends = length === 4 ? value % 256 >= 0x80 && value % 256 < 0xc0 : CHARACTERS[length][value] === 1
    if (ends) start = at + 1
    else if (length === 4 || PARTS[length][value] === 0) return at
  }
  return Infinity
}

/** The same for the validator, one byte after the other. */
function refusedAt(bytes: Uint8Array): number {
  let state = 0
  for (let at = 0; at < bytes.length; at++) {
    state = validateUtf8(state, bytes, at, at + 1)
    if (state === INVALID) return at
  }
  return Infinity
}

t.test('every sequence of one, two and three bytes', async t => {
  const wrong: string[] = []
  const [one, two, three] = [CHARACTERS[1], CHARACTERS[2], CHARACTERS[3]]
  const bytes = Buffer.alloc(3)
  const compare = (length: number, isValid: boolean, canGoOn: boolean) => {
    const state = validateUtf8(0, bytes, 0, length)
    if ((state === 0) !== isValid || (state !== INVALID) !== canGoOn) wrong.push(bytes.toString('hex', 0, length))
  }
  let valid = 0
  for (let a = 0; a < 256; a++) {
    bytes[0] = a
    compare(1, one[a] === 1, one[a] === 1 || PARTS[1][a] === 1)
    for (let b = 0; b < 256; b++) {
      bytes[1] = b
      const ab = a * 256 + b
      const twoAreValid = two[ab] === 1 || (one[a] === 1 && one[b] === 1)
      compare(2, twoAreValid, twoAreValid || PARTS[2][ab] === 1 || (one[a] === 1 && PARTS[1][b] === 1))
      for (let c = 0; c < 256; c++) {
        bytes[2] = c
        const [bc, abc] = [b * 256 + c, ab * 256 + c]
        const isValid = three[abc] === 1 || (twoAreValid && one[c] === 1) || (one[a] === 1 && two[bc] === 1)
        if (isValid) valid++
        compare(
          3,
          isValid,
          isValid ||
            PARTS[3][abc] === 1 ||
            (one[a] === 1 && PARTS[2][bc] === 1) ||
            (twoAreValid && PARTS[1][c] === 1),
        )
      }
    }
  }
  t.same(wrong.slice(0, 5), [])
  t.equal(valid, 128 ** 3 + 2 * 128 * 1920 + (65_536 - 2048 - 2048), 'as many as there are texts of three bytes')
})

t.test('every pair of bytes as TextDecoder has it', async t => {
  const wrong: string[] = []
  const bytes = Buffer.alloc(2)
  for (let pair = 0; pair < 65_536; pair++) {
    bytes.writeUInt16BE(pair)
    if ((validateUtf8(0, bytes, 0, 2) === 0) !== (decode(bytes) !== undefined)) wrong.push(bytes.toString('hex'))
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('every lead and second byte of four', async t => {
  const wrong: string[] = []
  for (let lead = 0xf0; lead < 0x100; lead++) {
    for (let second = 0; second < 0x100; second++) {
      for (const rest of ['8080', 'bfbf', '7f80', 'c080', '807f', '80c0']) {
        const bytes = Buffer.from([lead, second, ...Buffer.from(rest, 'hex')])
        if ((validateUtf8(0, bytes, 0, 4) === 0) !== (decode(bytes) !== undefined)) wrong.push(bytes.toString('hex'))
        if (refusedAt(bytes) !== firstBadByte(bytes)) wrong.push(`${bytes.toString('hex')} refused too late or early`)
      }
    }
  }
  t.same(wrong.slice(0, 5), [])
})

/** Texts and where they go wrong: RFC 3629 §3, §4; the lists of Autobahn 6.x by idea. */
const VECTORS: [hex: string, badAt: number][] = [
  ['cebae1bdb9cf83cebcceb5', Infinity],
  ['cebae1bdb9cf83cebcceb5eda080656469746564', 12],
  ['f0908080', Infinity],
  ['f48fbfbf', Infinity],
  ['f4908080', 1],
  ['f08fbfbf', 1],
  ['e09fbf', 1],
  ['ed9fbf', Infinity],
  ['eda080', 1],
  ['ee8080', Infinity],
  ['c0af', 0],
  ['c1bf', 0],
  ['c280', Infinity],
  ['f5808080', 0],
  ['fe', 0],
  ['ff', 0],
  ['80', 0],
  ['61c3', Infinity],
  ['61c361', 2],
  ['e28228', 2],
  ['f09f98', Infinity],
  ['f09f9861', 3],
  ['efbbbf', Infinity],
  ['efbfbf', Infinity],
  ['00', Infinity],
]

t.test('vectors: refused at the first bad byte, in every chunking', async t => {
  for (const [hex, badAt] of VECTORS) {
    const bytes = Buffer.from(hex, 'hex')
    t.equal(firstBadByte(bytes), badAt, `${hex}: the vector is right`)
    t.equal(refusedAt(bytes), badAt, hex)
    const states = new Set<number>()
    everySplit(bytes, chunks => {
      let state = 0
      for (const chunk of chunks) state = validateUtf8(state, chunk, 0, chunk.length)
      states.add(state)
    })
    t.equal(states.size, 1, `${hex}: one state at the end of every chunking`)
  }
})

t.test('mutated texts beside the border to native code: every cut, exact byte', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const letters = ['a', '\x7f', 'é', '߿', 'ࠀ', '€', '\ud7ff', '\ue000', '\uffff', '𐀀', '😀', '\u{10ffff}']
  const wrong: string[] = []
  for (let round = 0; round < 400; round++) {
    // Around 48 bytes, from where on a chunk is validated by Node.
    const text = Array.from({ length: 10 + random.below(30) }, () => random.pick(letters)).join('')
    const bytes = Buffer.from(text)
    if (round % 4 !== 0) bytes[random.below(bytes.length)] = random.next()
    const expected = firstBadByte(bytes)
    const valid = decode(bytes) !== undefined
    const last = validateUtf8(0, bytes, 0, bytes.length)
    if ((last === 0) !== valid || (last === INVALID) !== (expected !== Infinity)) wrong.push(bytes.toString('hex'))
    for (let cut = 0; cut <= bytes.length; cut++) {
      const before = validateUtf8(0, bytes, 0, cut)
      if ((before === INVALID) !== expected < cut) wrong.push(`${bytes.toString('hex')} up to ${cut}`)
      if (validateUtf8(before, bytes, cut, bytes.length) !== last) wrong.push(`${bytes.toString('hex')} from ${cut}`)
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('a bad byte is final', async t => {
  t.equal(validateUtf8(INVALID, Buffer.from('abc'), 0, 3), INVALID)
  t.equal(validateUtf8(INVALID, Buffer.from('abc'), 3, 3), INVALID)
  t.equal(validateUtf8(INVALID, Buffer.alloc(100, 'a'), 0, 100), INVALID)
})

t.test(
  'isAsciiRange: every length and place of one byte above 0x7f, and nothing outside the range counts',
  async t => {
    const wrong: string[] = []
    for (let length = 0; length <= 100; length++) {
      for (let high = -1; high < length; high++) {
        const bytes = Buffer.alloc(length + 4, 0xff).fill(0x7f, 2, 2 + length)
        if (high >= 0) bytes[2 + high] = 0x80
        if (isAsciiRange(bytes, 2, 2 + length) !== high < 0) wrong.push(`length ${length}, high ${high}`)
      }
    }
    t.same(wrong, [])
  },
)

t.test('decodeText: as TextDecoder does it, a byte order mark included, and nothing outside the range', async t => {
  for (const [hex] of VECTORS) {
    const bytes = Buffer.from(`ff${hex}ff`, 'hex')
    const expected = decode(Buffer.from(hex, 'hex'))
    t.equal(decodeText(bytes, 1, bytes.length - 1, false), expected, hex)
    if (expected !== undefined) t.equal(decodeValidText(bytes, 1, bytes.length - 1, false), expected, hex)
  }
  const ascii = Buffer.from('éHello, \0 world\x7fé')
  t.equal(decodeText(ascii, 2, ascii.length - 2, true), 'Hello, \0 world\x7f')
  t.equal(decodeText(ascii, 4, 4, true), '')
})

t.test('truncateText: the longest prefix that fits, never half a character', async t => {
  const texts = ['', 'abc', 'aé€😀', '😀😀', '€', 'é'.repeat(70), 'x'.repeat(130), `${'a'.repeat(122)}é`, 'a\ud83d']
  const wrong: string[] = []
  for (const text of texts) {
    for (let limit = 0; limit <= 140; limit++) {
      let expected = ''
      for (const character of text) {
        if (Buffer.byteLength(expected + character) > limit) break
        expected += character
      }
      // What is cut is rewritten, and a lone surrogate with it; what fits stays as it is.
      if (truncateText(text, limit) !== expected) wrong.push(`${text} to ${limit}: ${truncateText(text, limit)}`)
    }
  }
  t.same(wrong, [])
})
