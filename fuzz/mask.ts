/**
 * Masking at any place in any memory, cut anywhere: the same as octet by octet (RFC 6455 §5.3), and the truth about
 * ASCII. Both ways through are held to it, and each must have been taken.
 */
import fc from 'fast-check'
import { advanceKey, maskByBytes, maskBytes, maskByWords, WORDS_FROM } from '../lib/websocket/mask.ts'
import { fromProperty, hold } from './target.ts'
import { cuts } from './traffic.ts'

/** Mostly ASCII behind the mask, or not. */
const clear = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.uint8Array({ max: 0x7f, maxLength: 400 }),
  fc.tuple(fc.nat({ max: 3000 }), fc.integer({ min: 0, max: 255 })).map(([n, byte]) => new Uint8Array(n).fill(byte)),
)

const taken = { bytes: 0, words: 0 }

export const target = fromProperty(
  'mask',
  fc.property(
    clear,
    fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
    fc.nat({ max: 9 }),
    fc.nat({ max: 9 }),
    cuts,
    (clear, key, offset, start, sizes) => {
      const octets = [key & 255, (key >> 8) & 255, (key >> 16) & 255, (key >> 24) & 255]
      // Something at `offset` of its memory, the payload at `start` of that, and bytes around it that stay.
      const memory = new Uint8Array(offset + start + clear.length + 5).fill(0xee)
      const bytes = memory.subarray(offset)
      for (const [i, byte] of clear.entries()) bytes[start + i] = byte ^ octets[i % 4]!
      const masked = Buffer.from(memory)
      const end = start + clear.length

      // Each way that may be taken, on memory of its own.
      for (const mask of clear.length < WORDS_FROM ? [maskByBytes] : [maskByBytes, maskByWords]) {
        const copy = Buffer.from(bytes)
        const seen = mask(copy, start, end, key)
        hold(copy.subarray(start, end).equals(clear), () => `${mask.name}: not what octet by octet gives`)
        const mark = mask === maskByBytes ? 0x80 : 0x80808080
        hold(((seen & mark) === 0) === clear.every(byte => byte < 0x80), () => `${mask.name}: ASCII: ${seen}`)
        hold(copy.subarray(0, start).equals(bytes.subarray(0, start)), () => `${mask.name}: the bytes before changed`)
      }
      if (clear.length < WORDS_FROM) taken.bytes++
      else taken.words++

      const isAscii = maskBytes(bytes, start, end, key)
      hold(Buffer.from(bytes.subarray(start, end)).equals(clear), () => 'not what octet by octet gives')
      hold(isAscii === clear.every(byte => byte < 0x80), () => `ASCII: ${isAscii}`)

      let phase = key
      let at = start
      for (let i = 0; at < end; i++) {
        const size = Math.min(end - at, sizes[Math.min(i, sizes.length - 1)]!)
        maskBytes(bytes, at, at + size, phase)
        phase = advanceKey(phase, size)
        at += size
      }
      hold(masked.equals(memory), () => 'masked in pieces, it is something else')
    },
  ),
  executions => {
    const few = executions / 10
    hold(taken.bytes > few && taken.words > few, () => `taken: ${JSON.stringify(taken)} of ${executions}`)
  },
)
