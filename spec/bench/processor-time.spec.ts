import t from 'tap'
import { type ProcessorTime, parseProcessorList, parseTicks, timeBetween } from '../../bench/processor-time.ts'

t.test('ticks of user and system are read behind a name that looks like fields', async t => {
  t.equal(parseTicks('42 (no) de 1) S 1 42 42 0 -1 4194560 5 0 0 0 150 25 0 0 20 0 11 0'), 1_750_000)
})

t.test('lists of processors', async t => {
  t.same(parseProcessorList('0-2,5'), [0, 1, 2, 5])
  t.same(parseProcessorList('7'), [7])
})

function look(ticks: number, threads: Record<string, number>): ProcessorTime {
  return { ticks, threads: new Map(Object.entries(threads)) }
}

t.test('the time between two looks is that of all threads, new ones too', async t => {
  t.equal(timeBetween(look(0, { a: 1000, b: 50 }), look(10_000, { a: 9000, b: 60, c: 200 })), 8210)
})

t.test('a thread that has ended has not taken its time with it', async t => {
  // 1 s of ticks, of which the threads that are left know 0.1 s.
  t.equal(timeBetween(look(0, { a: 0, b: 0 }), look(1_000_000, { a: 100_000 })), 1_000_000)
  // A difference of what ticks cannot tell is none.
  t.equal(timeBetween(look(0, { a: 0 }), look(1_000_000, { a: 980_000 })), 980_000)
})
