/** The exact inflater: against zlib on all that zlib writes, and on what is wrong. */
import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { blockHeader, fixedBlock, octets, storedBlocks } from '../../../conformance/deflate/blocks.ts'
import { inflate } from '../../../conformance/deflate/inflate.ts'
import { SeededRandom } from '../../../conformance/seeded-random.ts'

const NONE = new Uint8Array(0)

t.test('what zlib writes, at every level and strategy', async t => {
  const random = new SeededRandom(1)
  const wrong: string[] = []
  for (const length of [0, 1, 100, 5000]) {
    for (const kinds of [2, 30, 256]) {
      const data = Buffer.from(Array.from({ length }, () => random.below(kinds)))
      for (const level of [0, 1, 6, 9]) {
        for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]) {
          const bytes = deflateRawSync(data, { level, strategy })
          if (!inflate(bytes, NONE).message.equals(data)) wrong.push(`${length} ${kinds} ${level} ${strategy}`)
        }
      }
    }
  }
  t.same(wrong, [])
})

t.test('a window before it, and the farthest that is referred to', async t => {
  const window = Buffer.from('0123456789')
  const bytes = octets(fixedBlock([97, { length: 3, distance: 11 }, { length: 258, distance: 1 }], true))
  const { message, distance } = inflate(bytes, window)
  t.equal(String(message), `a012${'2'.repeat(258)}`)
  t.equal(distance, 11)
  t.equal(inflate(storedBlocks(window, true), NONE).distance, 0)
})

t.test('what is wrong', async t => {
  const table: readonly (readonly [bytes: Buffer, words: RegExp])[] = [
    [octets(blockHeader(3, false)), /a block of type 3/],
    [Buffer.from('0001000000', 'hex'), /not its complement/],
    [octets(fixedBlock([97, { length: 3, distance: 2 }])), /a distance of 2, with 1 octets/],
    [Buffer.from('0005', 'hex'), /ends within a block/],
    [Buffer.from('04ffffffffffffffffffffff', 'hex'), /more codes|stands for nothing/],
  ]
  for (const [bytes, words] of table) t.throws(() => inflate(bytes, NONE), words)
})
