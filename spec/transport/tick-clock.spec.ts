/**
 * The clock that counts its own ticks: members are told, in a time that stands still while the loop does; it runs
 * only while it has members, and never keeps the process alive.
 */
import { mock } from 'node:test'
import t from 'tap'
import { clockFor, TickClock } from '../../lib/transport/tick-clock.ts'
import { until } from '../support/waiting.ts'

function withMockedTimers(run: (tick: (milliseconds: number) => void) => void): void {
  mock.timers.enable({ apis: ['setInterval'] })
  try {
    run(milliseconds => mock.timers.tick(milliseconds))
  } finally {
    mock.timers.reset()
  }
}

t.test('every member is told the time at every tick', async t => {
  withMockedTimers(tick => {
    const clock = new TickClock(100)
    const times: number[][] = [[], []]
    const members = times.map(list => ({ onTick: (now: number) => void list.push(now) }))
    clock.add(members[0]!)
    tick(250)
    clock.add(members[1]!)
    tick(150)
    clock.remove(members[0]!)
    tick(100)
    t.same(times, [
      [100, 200, 300, 400],
      [300, 400, 500],
    ])
    t.equal(clock.now, 500)
    clock.remove(members[1]!)
  })
})

t.test('it stands still without members, and goes on with the next one', async t => {
  withMockedTimers(tick => {
    const clock = new TickClock(100)
    const member = { onTick: () => {} }
    tick(1000)
    t.equal(clock.now, 0)
    clock.add(member)
    clock.add(member)
    tick(100)
    clock.remove(member)
    clock.remove(member)
    tick(1000)
    t.equal(clock.now, 100)
    clock.add(member)
    tick(100)
    t.equal(clock.now, 200)
    clock.remove(member)
  })
})

t.test('members may leave and come while they are told', async t => {
  withMockedTimers(tick => {
    const clock = new TickClock(10)
    const log: string[] = []
    const late = { onTick: () => void log.push('late') }
    const second = { onTick: () => void log.push('second') }
    const first = {
      onTick: () => {
        log.push('first')
        clock.remove(first)
        clock.remove(second)
        clock.add(late)
      },
    }
    clock.add(first)
    clock.add(second)
    tick(20)
    t.equal(log[0], 'first')
    t.notOk(log.includes('second'), 'who has left is not told')
    t.equal(log.at(-1), 'late')
    clock.remove(late)
  })
})

t.test('a stall of the event loop, however long, is one tick', async t => {
  const clock = new TickClock(10)
  const member = { onTick: () => {} }
  clock.add(member)
  await until(() => clock.now >= 20)
  const before = clock.now
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  await new Promise(resolve => setImmediate(resolve))
  // One for the tick that was due, one for the next, if this turn of the loop took that long.
  t.ok(clock.now <= before + 20, `${clock.now - before} ms were counted`)
  clock.remove(member)
})

t.test('it does not keep the process alive', async t => {
  const clock = new TickClock(1000)
  const member = { onTick: () => {} }
  const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  clock.add(member)
  t.equal(process.getActiveResourcesInfo().filter(name => name === 'Timeout').length, before)
  clock.remove(member)
})

t.test('spans have a clock that tells them apart, and share it', async t => {
  withMockedTimers(tick => {
    const periods = [
      [1, 10],
      [50, 10],
      [100, 20],
      [4999, 999],
      [5000, 1000],
      [25_000, 1000],
      [Infinity, 1000],
    ] as const
    for (const [shortest, period] of periods) {
      const clock = clockFor(shortest)
      const member = { onTick: () => {} }
      const before = clock.now
      clock.add(member)
      tick(period - 1)
      t.equal(clock.now, before, `${shortest}`)
      tick(1)
      t.equal(clock.now, before + period)
      clock.remove(member)
    }
  })
  t.equal(clockFor(25_000), clockFor(Infinity))
  t.equal(clockFor(1), clockFor(50))
  t.not(clockFor(100), clockFor(50))
})
