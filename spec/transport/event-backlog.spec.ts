/** Events that wait: their order, what is put together for a write, and what is dropped or replaced. */
import t from 'tap'
import { DroppableBacklog, type EventBacklog, JoinedBacklog } from '../../lib/transport/event-backlog.ts'
import { PreparedEvent } from '../../lib/transport/outgoing-event.ts'
import { timeExponent } from '../support/growth.ts'

const event = (text: string) => new PreparedEvent(Buffer.from(text), undefined)

/** As a stream does it that keeps the latest of each key: the older one goes. Says which of them had an older one. */
function fill(backlog: EventBacklog, ...events: [text: string, key?: string][]): boolean[] {
  return events.map(([text, key]) => {
    const isDropped = key !== undefined && backlog.drop(key)
    backlog.add(event(text), key)
    return isDropped
  })
}

t.test('what waits is put together, in order, and counted in bytes', async t => {
  const backlog = new DroppableBacklog(65_536)
  t.equal(backlog.take(), undefined)
  fill(backlog, ['a'], ['bc'], ['ä'])
  t.equal(backlog.length, 5)
  t.equal(backlog.take()?.toString(), 'abcä')
  t.equal(backlog.length, 0)
  t.equal(backlog.take(), undefined)
  fill(backlog, ['d'])
  t.equal(backlog.take()?.toString(), 'd', 'and again')
})

t.test('a write has about as much as is asked for; an event is never cut', async t => {
  const backlog = new DroppableBacklog(65_536)
  const large = Buffer.alloc(200_000)
  for (let i = 0; i < 100; i++) backlog.add(new PreparedEvent(Buffer.alloc(1000, i), undefined))
  backlog.add(new PreparedEvent(large, undefined))
  const lengths: number[] = []
  for (let next = backlog.take(); next !== undefined; next = backlog.take()) lengths.push(next.length)
  t.strictSame(lengths, [66_000, 234_000])
  const small = new DroppableBacklog(0)
  fill(small, ['a'], ['b'])
  t.equal(small.take()?.toString(), 'a', 'one at least')
  t.equal(small.take()?.toString(), 'b')
  backlog.add(new PreparedEvent(large, undefined))
  t.equal(backlog.take(), large, 'one alone is not copied')
})

t.test('with keys a newer event takes the place of the older, at the end', async t => {
  const backlog = new DroppableBacklog(65_536)
  t.strictSame(fill(backlog, ['a1', 'a'], ['x'], ['b1', 'b'], ['a22', 'a'], ['y'], ['b2', 'b']), [
    false,
    false,
    false,
    true,
    false,
    true,
  ])
  t.equal(backlog.length, 7)
  t.equal(backlog.take()?.toString(), 'xa22yb2')
  t.strictSame(fill(backlog, ['a3', 'a']), [false], 'what was taken out is not replaced')
  t.equal(backlog.take()?.toString(), 'a3')
})

t.test('a key is not taken for one of the numbers of events without', async t => {
  const backlog = new DroppableBacklog(65_536)
  t.strictSame(fill(backlog, ['a'], ['b'], ['c', '0'], ['d', '1'], ['e', '__proto__'], ['f', '']), [
    false,
    false,
    false,
    false,
    false,
    false,
  ])
  t.equal(backlog.take()?.toString(), 'abcdef')
})

t.test('the oldest can be dropped, until there is none', async t => {
  const backlog = new DroppableBacklog(65_536)
  fill(backlog, ['a'], ['b'])
  t.equal(backlog.dropOldest(), true)
  t.equal(backlog.length, 1)
  fill(backlog, ['c'])
  t.equal(backlog.dropOldest(), true)
  t.equal(backlog.take()?.toString(), 'c')
  t.equal(backlog.dropOldest(), false)
})

t.test('time for an event does not grow with what waits', async t => {
  for (const keyed of [false, true]) {
    // The rounds are as many whatever waits: no growth is an exponent of 0, and 1 if each looked at all that waits.
    const exponent = timeExponent(50, 1000, waiting => {
      const backlog = new DroppableBacklog(65_536)
      const add = (i: number) => fill(backlog, keyed ? ['x', `k${i % waiting}`] : ['x'])
      for (let i = 0; i < waiting; i++) add(i)
      return () => {
        for (let i = 0; i < 20_000; i++) {
          add(i)
          if (!keyed) backlog.dropOldest()
        }
      }
    })
    t.ok(exponent < 0.5, `${keyed ? 'replaced by key' : 'dropped from the front'}: exponent ${exponent.toFixed(2)}`)
  }
})

t.test('where nothing is dropped, events are joined to writes, in order and to the byte', async t => {
  for (const enough of [0, 1, 5, 16, 1000, 65_536]) {
    const backlog: EventBacklog = new JoinedBacklog(enough)
    const sent: string[] = []
    const writes: string[] = []
    const take = () => {
      const write = backlog.take()
      if (write !== undefined) writes.push(write.toString())
      return write !== undefined
    }
    for (let i = 0; i < 500; i++) {
      const text = `${i},`.repeat(1 + ((i * 7) % 5))
      sent.push(text)
      backlog.add(event(text), 'key')
      if (backlog.length !== sent.join('').length - writes.join('').length)
        t.fail(`${backlog.length} bytes after ${i}`)
      if (i % 50 === 49) for (let n = 0; n < 3; n++) take()
    }
    while (take());
    t.equal(backlog.length, 0)
    t.equal(writes.join(''), sent.join(''), `writes of ${enough}`)
    const longest = Math.max(...sent.map(text => text.length))
    t.ok(writes.every(write => write.length <= Math.max(enough, longest)))
    t.ok(
      sent.every(text => writes.some(write => write.includes(text))),
      'no event is cut',
    )
    if (enough === 1000) t.ok(writes.length < 30, `${writes.length} writes`)
    if (enough === 0) t.strictSame(writes, sent, 'each is a write')
  }
})

t.test(
  'joined: one that makes a write of its own is not copied; the others are not changed by what comes later',
  async t => {
    const backlog = new JoinedBacklog(1000)
    const [before, large, after] = [Buffer.from('before'), Buffer.alloc(501, 'x'), Buffer.from('after')]
    for (const bytes of [before, large, after]) backlog.add(new PreparedEvent(bytes, undefined))
    t.equal(backlog.take()?.toString(), 'before')
    t.equal(backlog.take(), large)
    const last = backlog.take()
    backlog.add(event('more'))
    t.equal(last?.toString(), 'after')
    t.equal(backlog.take()?.toString(), 'more')
    t.equal(backlog.take(), undefined)
  },
)

t.test('joined: nothing can be dropped', async t => {
  const backlog = new JoinedBacklog(1000)
  backlog.add(event('a'))
  t.strictSame([backlog.drop(), backlog.dropOldest(), backlog.length], [false, false, 1])
})

t.test('joined: many small events cost little more than their bytes', async t => {
  const count = 100_000
  const held = () => {
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const small = event('data:1\n\n')
  const backlog = new JoinedBacklog(65_536)
  const before = held()
  for (let i = 0; i < count; i++) backlog.add(small)
  const cost = (held() - before) / backlog.length
  t.ok(cost < 3, `${cost.toFixed(1)} bytes for a byte`)
  t.equal(backlog.length, count * small.bytes.length)
})
