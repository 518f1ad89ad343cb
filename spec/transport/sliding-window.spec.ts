/** The sliding window, against the plain meaning of it: the last bytes of all that went before. */
import t from 'tap'
import { SlidingWindow } from '../../lib/transport/sliding-window.ts'
import { Random } from '../support/random.ts'

t.test('it holds the last bytes of what was appended, whatever the pieces', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const wrong: string[] = []
  for (const size of [256, 512, 4096, 20_480, 32_768]) {
    for (let run = 0; run < 40; run++) {
      const window = new SlidingWindow(size)
      let all = Buffer.alloc(0)
      for (let piece = 0; piece < 20; piece++) {
        const bytes = random.bytes(random.below(random.pick([3, 50, size / 2, size, 2 * size])))
        window.append(bytes)
        all = Buffer.concat([all, bytes]).subarray(-size)
        if (!window.bytes.equals(all)) wrong.push(`${size} bytes, run ${run}, piece ${piece} of ${bytes.length}`)
      }
    }
  }
  t.same(wrong, [])
})

t.test('what was appended may change afterwards', async t => {
  const window = new SlidingWindow(32_768)
  const bytes = Buffer.from('abc')
  window.append(bytes)
  bytes.fill(0)
  t.equal(window.bytes.toString(), 'abc')
})

t.test('it takes no more memory than twice what it holds, nor than its size', async t => {
  const wrong: string[] = []
  for (const piece of [1, 100, 2000, 33_000]) {
    const window = new SlidingWindow(32_768)
    t.equal(window.bytes.length, 0)
    for (let length = piece; length < 100_000; length += piece) {
      window.append(Buffer.alloc(piece))
      const taken = window.bytes.buffer.byteLength
      if (taken > Math.min(2 * length, 32_768)) wrong.push(`${taken} for ${length} in pieces of ${piece}`)
    }
  }
  t.same(wrong.slice(0, 3), [])
})
