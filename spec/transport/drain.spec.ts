/** Who waits for room, and who is told of it. How `send` and 'drain' use it is in spec/behaviour/flow-control.spec.ts. */
import t from 'tap'
import { Drain } from '../../lib/transport/drain.ts'
import { outcome } from '../support/waiting.ts'

t.test('nobody waits who was not told to', async t => {
  t.equal(await outcome(new Drain().wait()), 'resolved')
})

t.test('all who wait are told of room, once', async t => {
  const drain = new Drain()
  drain.isOwed = true
  const waits = [drain.wait(), drain.wait()]
  t.same(await Promise.all(waits.map(outcome)), ['pending', 'pending'])
  drain.settle()
  t.same(await Promise.all(waits.map(outcome)), ['resolved', 'resolved'])
  t.equal(drain.isOwed, false)
  drain.isOwed = true
  t.equal(await outcome(drain.wait()), 'pending', 'the next one waits anew')
})

t.test('a failure is told to each who waits, as an error of its own', async t => {
  const drain = new Drain()
  drain.isOwed = true
  const waits = [drain.wait(), drain.wait()]
  let made = 0
  drain.fail(() => new Error(`closed ${++made}`))
  t.same(await Promise.all(waits.map(outcome)), ['closed 1', 'closed 2'])
  drain.fail(() => new Error(`closed ${++made}`))
  t.equal(made, 2, 'no error is made for nobody')
})
