/**
 * The queue that keeps messages in order while one of them takes time. How it works within a connection is in
 * spec/behaviour/fragments.spec.ts.
 */
import t from 'tap'
import { type FragmentSink, SendQueue } from '../../lib/transport/send-queue.ts'
import { outcome, turns } from '../support/waiting.ts'

function sink(hasRoom = () => true): FragmentSink & { log: string[] } {
  const log: string[] = []
  return {
    log,
    sendFragment: (data, fin) => {
      if (data === 'refused') throw new Error('closing')
      log.push(`${typeof data === 'string' ? data : Buffer.from(data as Uint8Array)}${fin ? '.' : ''}`)
      return hasRoom()
    },
    abandonMessage: () => void log.push('abandoned'),
  }
}

t.test('tasks run one after the other, and each settles as it did', async t => {
  const queue = new SendQueue()
  const log: string[] = []
  let release: () => void = () => {}
  const first = queue.add(() => new Promise<void>(resolve => (release = resolve)), 10)
  const second = queue.add(() => {
    log.push('second')
    throw new Error('its own')
  }, 20)
  const third = queue.add(() => void log.push('third'), 30)
  t.equal(queue.isBusy, true)
  t.equal(queue.length, 60)
  void second.catch(() => {})
  await turns(2)
  t.same(log, [])
  release()
  await first
  t.equal(await outcome(second), 'its own')
  await third
  t.same(log, ['second', 'third'])
  await turns(1)
  t.same([queue.isBusy, queue.length], [false, 0])
})

t.test('the first task runs within the call', async t => {
  const queue = new SendQueue()
  let ran = false
  void queue.add(() => void (ran = true))
  t.ok(ran)
  t.equal(queue.isBusy, true, 'until its turn is over')
  await turns(1)
  t.equal(queue.isBusy, false)
})

t.test('a sink without room is waited for', async t => {
  const queue = new SendQueue()
  const room = { left: 2 }
  const target = sink(() => --room.left > 0)
  const sending = queue.addFragments(
    (async function* () {
      yield* ['a', 'b', 'c', 'd']
    })(),
    target,
  )
  await turns(2)
  t.same(target.log, ['a', 'b'])
  room.left = 2
  queue.resume()
  await turns(2)
  t.same(target.log, ['a', 'b', 'c', 'd'])
  queue.resume()
  t.equal(await outcome(sending), 'resolved')
  t.same(target.log, ['a', 'b', 'c', 'd', '.'])
  queue.resume()
})

t.test('an abort rejects what is under way and all that waits', async t => {
  for (const hasRoom of [true, false]) {
    const queue = new SendQueue()
    const target = sink(() => hasRoom)
    let returned = 0
    const never = () => ({
      [Symbol.asyncIterator]: () => {
        let at = 0
        return {
          next: () => (at++ === 0 ? Promise.resolve({ done: false, value: 'a' }) : new Promise<never>(() => {})),
          return: async () => {
            returned++
            return { done: true as const, value: undefined }
          },
        }
      },
    })
    const first = queue.addFragments(never(), target)
    const second = queue.addFragments(never(), target)
    const third = queue.add(() => void target.log.push('third'))
    const settled = Promise.allSettled([first, second, third])
    await turns(2)
    queue.abort(new Error('closed'))
    const messages = (await settled).map(result => (result.status === 'rejected' ? result.reason.message : 'done'))
    t.same(messages, ['closed', 'closed', 'done'])
    t.same(target.log, ['a', 'abandoned', 'third'])
    await turns(1)
    t.equal(returned, 2, 'the sources are let go')
    t.equal(queue.isBusy, false)
    t.equal(await outcome(queue.addFragments(['late', 'parts'], target)), 'closed')
  }
})

t.test('a sink that refuses ends the message, and the queue goes on', async t => {
  const queue = new SendQueue()
  const target = sink()
  const sending = queue.addFragments(
    (async function* () {
      yield 'a'
      yield 'refused'
    })(),
    target,
  )
  const next = queue.addFragments(['b'], target)
  t.equal(await outcome(sending), 'closing')
  t.equal(await outcome(next), 'resolved')
  t.same(target.log, ['a', 'abandoned', 'b.'])
})
