/** The delay before another attempt: by numbers, without waiting. */
import t from 'tap'
import { boundDelay, parseRetryAfter, reconnectionDelay } from '../../lib/transport/reconnection.ts'

const LONGEST = 2 ** 31 - 1

t.test('the reconnection time, and at random up to twice as much for each failure [html-9.2.3-9]', async t => {
  // reconnectionTime, failures, cap, Retry-After, random → delay
  const rows = [
    [3000, 0, 30_000, 0, 0, 3000],
    [3000, 0, 30_000, 0, 0.5, 4500],
    [3000, 0, 30_000, 0, 1, 6000],
    [3000, 1, 30_000, 0, 1, 9000],
    [3000, 2, 30_000, 0, 0.5, 9000],
    [3000, 3, 30_000, 0, 1, 27_000],
    [3000, 4, 30_000, 0, 1, 33_000],
    [3000, 5000, 30_000, 0, 1, 33_000],
    [3000, 5000, 30_000, 0, 0, 3000],
    // A reconnection time of zero is kept while all goes well, and no reason to hammer on a server that does not.
    [0, 0, 30_000, 0, 1, 0],
    [0, 1, 30_000, 0, 1, 2000],
    [0, 4, 30_000, 0, 1, 16_000],
    [0, 5, 30_000, 0, 1, 30_000],
    [10, 1, 30_000, 0, 1, 2010],
    [1500, 1, 30_000, 0, 1, 4500],
    [3000, 9, 0, 0, 1, 3000],
    // A stream may say what it likes; a timer takes no more than this, and would fire at once.
    [Number.MAX_SAFE_INTEGER, 0, 30_000, 0, 1, LONGEST],
    [LONGEST, 3, Number.MAX_SAFE_INTEGER, 0, 1, LONGEST],
    [3000, 0, 30_000, 60_000, 1, 60_000],
    [3000, 0, 30_000, 5000, 1, 6000],
    [3000, 0, 30_000, Infinity, 1, LONGEST],
    [3, 0, 30_000, 0, 0.5, 5],
  ] as const
  const wrong = rows.filter(([reconnectionTime, failures, maxReconnectionDelay, retryAfter, random, delay]) => {
    const known = { reconnectionTime, failures, maxReconnectionDelay, retryAfter }
    return reconnectionDelay(known, random) !== delay
  })
  t.same(wrong, [])
})

t.test('a delay is a whole number that a timer takes', async t => {
  t.same([0, 0.4, 1.5, 1e300, Infinity].map(boundDelay), [0, 0, 2, LONGEST, LONGEST])
})

t.test('Retry-After: seconds or a date, and nothing else', async t => {
  const now = Date.UTC(2030, 0, 1)
  const rows = [
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['120', 120_000],
    ['9'.repeat(400), Infinity],
    ['-1', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['120, 120', 0],
    ['Tue, 01 Jan 2030 00:00:30 GMT', 30_000],
    ['Tuesday, 01-Jan-30 00:00:30 GMT', 30_000],
    ['Tue Jan  1 00:00:30 2030 GMT', 30_000],
    ['Mon, 31 Dec 2029 23:59:59 GMT', 0],
    ['Tue, 99 Foo 2030 00:00:30 GMT', 0],
    ['2031-01-01', 0],
    ['soon', 0],
  ] as const
  t.same(
    rows.map(([value]) => [value, parseRetryAfter(value, now)]),
    rows,
  )
})
