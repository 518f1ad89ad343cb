/** Blocks as they are written: the examples of RFC 7692 §7.2.3, and all lengths and distances as zlib reads them. */
import { inflateRawSync } from 'node:zlib'
import t from 'tap'
import { fixedBlock, messageOf, octets, type Piece, storedBlocks } from '../../../conformance/deflate/blocks.ts'

const HELLO = [...Buffer.from('Hello')]

t.test('the examples of RFC 7692', async t => {
  t.equal(messageOf(fixedBlock(HELLO)).toString('hex'), 'f248cdc9c90700')
  t.equal(messageOf(fixedBlock([72, { length: 3, distance: 1 }])).length > 0, true)
  t.equal(octets(fixedBlock(HELLO, true)).toString('hex'), 'f348cdc9c90700')
  t.equal(storedBlocks(Buffer.from(HELLO)).toString('hex'), '000500faff48656c6c6f')
  t.equal(messageOf().toString('hex'), '00')
})

t.test('every length and many distances', async t => {
  const random = Buffer.from(Array.from({ length: 32_768 }, (_, i) => (i * i + (i >> 7)) & 255))
  const wrong: string[] = []
  const distances = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 255, 256, 257, 512, 513, 1025, 24_576, 24_577, 32_767, 32_768]
  for (let length = 3; length <= 258; length++) {
    const distance = distances[length % distances.length]!
    const match: Piece = { length, distance }
    const bytes = Buffer.concat([storedBlocks(random), octets(fixedBlock([match], true))])
    const expected = Array.from({ length }, (_, i) => random[random.length - distance + (i % distance)])
    if (
      !inflateRawSync(bytes)
        .subarray(random.length)
        .equals(Buffer.from(expected as number[]))
    )
      wrong.push(`${length} ${distance}`)
  }
  t.same(wrong, [])
})

t.test('more than one stored block', async t => {
  const data = Buffer.alloc(70_000, 'ab')
  t.ok(inflateRawSync(storedBlocks(data, true)).equals(data))
  t.equal(inflateRawSync(storedBlocks(Buffer.alloc(0), true)).length, 0)
})
