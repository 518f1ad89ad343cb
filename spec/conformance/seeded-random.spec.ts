/** Seeded randomness: repeatable, and not a pattern. */
import t from 'tap'
import { SeededRandom } from '../../conformance/seeded-random.ts'

t.test('the same numbers for the same seed, others for another', async t => {
  const numbers = (seed: number) => {
    const random = new SeededRandom(seed)
    return Array.from({ length: 100 }, () => random.next())
  }
  t.same(numbers(1), numbers(1))
  t.not(numbers(1).join(), numbers(2).join())
  t.equal(new Set(numbers(3)).size, 100)
  t.ok(numbers(4).every(number => Number.isInteger(number) && number >= 0 && number < 2 ** 32))
})

t.test('every number below a limit comes about as often as any other', async t => {
  const random = new SeededRandom(5)
  const counts = Array<number>(10).fill(0)
  for (let n = 0; n < 10_000; n++) counts[random.below(10)]!++
  t.ok(
    counts.every(count => count > 850 && count < 1150),
    counts.join(' '),
  )
  t.ok(['a', 'b'].includes(random.pick(['a', 'b'])))
})
