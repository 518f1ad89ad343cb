/** Work in the thread pool: a few jobs at a time, in order, and none that nobody wants any more. */
import t from 'tap'
import { addJob, countJobs, dropJob, type ZlibJob } from '../../lib/transport/zlib-jobs.ts'

/** Jobs that end when they are told to. */
function jobs(count: number) {
  const started: number[] = []
  const ends: (() => void)[] = []
  const all = Array.from({ length: count }, (_, n): ZlibJob => {
    return {
      start(done) {
        started.push(n)
        ends[n] = done
      },
    }
  })
  return { all, started, end: (n: number) => ends[n]?.() }
}

t.test('four run at once, the others wait their turn', async t => {
  const { all, started, end } = jobs(7)
  for (const job of all) addJob(job)
  t.same(started, [0, 1, 2, 3])
  t.same(countJobs(), { running: 4, waiting: 3 })
  end(2)
  end(0)
  t.same(started, [0, 1, 2, 3, 4, 5])
  for (const n of [1, 3, 4, 5]) end(n)
  t.same(started, [0, 1, 2, 3, 4, 5, 6])
  end(6)
  t.same(countJobs(), { running: 0, waiting: 0 })
})

t.test('a job that is dropped while it waits never starts; one that runs is left alone', async t => {
  const { all, started, end } = jobs(6)
  for (const job of all) addJob(job)
  dropJob(all[4] as ZlibJob)
  dropJob(all[0] as ZlibJob)
  t.same(countJobs(), { running: 4, waiting: 1 })
  for (const n of [0, 1, 2, 3, 5]) end(n)
  t.same(started, [0, 1, 2, 3, 5])
  t.same(countJobs(), { running: 0, waiting: 0 })
})
