/** The watch over a peer that we wait for: counted by the clock's ticks, and only while we wait. */
import { mock } from 'node:test'
import t from 'tap'
import { SilenceWatch } from '../../lib/transport/silence-watch.ts'
import { clockMembers } from '../support/clock-members.ts'

/** Runs with a clock that moves when it is told to; the periods are a fifth of the time-outs. */
function watched(timeout: number, run: (watch: SilenceWatch, tick: (time: number) => void, log: string[]) => void) {
  mock.timers.enable({ apis: ['setInterval'] })
  const log: string[] = []
  const watch = new SilenceWatch(timeout, () => void log.push('silence'))
  try {
    run(watch, milliseconds => mock.timers.tick(milliseconds), log)
  } finally {
    watch.stop()
    mock.timers.reset()
  }
  return log
}

t.test('it tells of silence once, and never too early', async t => {
  for (const head of [0, 1, 50, 99]) {
    const log = watched(500, (watch, tick, log) => {
      tick(head)
      watch.begin()
      tick(500)
      t.same(log, [], `begun ${head} ms into a tick`)
      tick(200)
      t.same(log, ['silence'])
      tick(5000)
    })
    t.same(log, ['silence'])
  }
})

t.test('a wait that has ended begins anew', async () => {
  watched(500, (watch, tick, log) => {
    for (let i = 0; i < 10; i++) {
      watch.begin()
      tick(400)
      watch.end()
    }
    watch.begin()
    tick(400)
    watch.begin()
    tick(400)
    t.same(log, [])
  })
})

t.test('while nothing is waited for nobody is late', async () => {
  watched(500, (watch, tick, log) => {
    tick(5000)
    watch.begin()
    watch.end()
    tick(5000)
    t.same(log, [])
    watch.begin()
    tick(700)
    t.same(log, ['silence'])
  })
})

t.test('who has told, or was stopped, is off the clock', async t => {
  watched(500, (watch, tick) => {
    t.ok(clockMembers.has(watch))
    watch.begin()
    tick(700)
    t.notOk(clockMembers.has(watch))
  })
  watched(500, (watch, tick, log) => {
    watch.begin()
    watch.stop()
    t.notOk(clockMembers.has(watch))
    tick(5000)
    t.same(log, [])
  })
})
