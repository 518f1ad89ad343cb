import t from 'tap'
import { geometricMean, median, rise, rotated, summarize, timesCheaper } from '../../bench/statistics.ts'

t.test('the median is the middle one, or the mean of the two in the middle', async t => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([4, 1, 100, 2]), 3)
  t.equal(median([7]), 7)
  t.ok(Number.isNaN(median([])))
})

t.test('numbers are compared as numbers, and stay as they lie', async t => {
  const numbers = [10, 9, 100]
  t.equal(median(numbers), 10)
  t.same(numbers, [10, 9, 100])
})

t.test('the spread is from the lowest to the highest', async t => {
  t.same(summarize([3, 1, 2, 10]), { median: 2.5, low: 1, high: 10 })
})

t.test('times cheaper is the median of the ratios of the rounds, not the ratio of the medians', async t => {
  // The machine was slow for both in the second round.
  t.equal(timesCheaper([1, 10, 2], [4, 40, 8]), 4)
  t.equal(timesCheaper([1, 10, 1], [3, 20, 9]), 3)
  t.equal(timesCheaper([1, 1], [5]), 5, 'a round without a partner does not count')
})

t.test('a line rises by its last cost over the cheapest one before', async t => {
  t.equal(rise([10, 2, 3]), 1.5)
  t.equal(rise([10, 4, 2]), 0.5)
  t.equal(rise([3]), 1)
})

t.test('the geometric mean', async t => {
  t.equal(geometricMean([2, 8]).toFixed(6), '4.000000')
})

t.test('each round begins with another one, and the order stays', async t => {
  t.same(
    [0, 1, 2, 3].map(round => rotated(['a', 'b', 'c'], round).join('')),
    ['abc', 'bca', 'cab', 'abc'],
  )
  t.same(rotated([], 3), [])
})
