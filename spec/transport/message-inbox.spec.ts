/** Who gets the next message: pulls in their order, then what is held; and when holding, discarding and ending. */
import t from 'tap'
import { MessageInbox } from '../../lib/transport/message-inbox.ts'

const noWait = () => t.fail('it need not wait')

t.test('a pull that waits gets the next message, the oldest pull first', async t => {
  const inbox = new MessageInbox()
  let waits = 0
  const pulls = [inbox.pull(() => waits++), inbox.pull(() => waits++)]
  t.ok(inbox.isPulled)
  t.equal(waits, 2)
  t.equal(inbox.giveToPull('a'), true)
  t.equal(inbox.giveToPull('b'), true)
  t.notOk(inbox.isPulled)
  t.equal(inbox.giveToPull('c'), false)
  t.same(await Promise.all(pulls), [
    { done: false, value: 'a' },
    { done: false, value: 'b' },
  ])
})

t.test('a message that is held is the next one, and fills the inbox', async t => {
  const inbox = new MessageInbox()
  t.same([inbox.isHolding, inbox.isFull], [false, false])
  inbox.hold('a')
  t.same([inbox.isHolding, inbox.isFull], [true, true])
  t.same(await inbox.pull(noWait), { done: false, value: 'a' })
  t.same([inbox.isHolding, inbox.isFull], [false, false])
  inbox.hold('')
  t.same([inbox.isHolding, inbox.isFull], [true, true], 'an empty one as well')
  t.equal(inbox.takeHeld(), '')
  t.equal(inbox.takeHeld(), undefined)
})

t.test('the rest of what was read ahead is all held, in order', async t => {
  const inbox = new MessageInbox()
  inbox.hold('a')
  inbox.isLast = true
  t.same([inbox.isHolding, inbox.isFull], [true, false])
  inbox.hold('b')
  inbox.hold(Buffer.from('c'))
  t.same(await inbox.pull(noWait), { done: false, value: 'a' })
  inbox.end()
  t.equal(inbox.takeHeld(), 'b')
  t.same(await inbox.pull(noWait), { done: false, value: Buffer.from('c') })
  t.same(await inbox.pull(noWait), { done: true, value: undefined })
  t.equal(inbox.isHolding, false)
})

t.test('after a close by the application nothing is held', async t => {
  const inbox = new MessageInbox()
  inbox.isDiscarding = true
  inbox.hold('a')
  t.equal(inbox.isHolding, false)
  const pull = inbox.pull(() => {})
  t.equal(inbox.giveToPull('b'), true, 'but a pull gets it')
  t.same(await pull, { done: false, value: 'b' })
})

t.test('a consumer that never came is not waited for any more, and is welcome when it comes', async t => {
  const inbox = new MessageInbox()
  inbox.hold('a')
  t.equal(inbox.stopWaiting(), true)
  t.same([inbox.isHolding, inbox.drops], [false, true], 'what was held is dropped')
  inbox.hold('b')
  t.equal(inbox.isHolding, false)
  const pull = inbox.pull(() => {})
  t.equal(inbox.drops, false)
  inbox.giveToPull('c')
  t.same(await pull, { done: false, value: 'c' })
  inbox.hold('d')
  t.same(await inbox.pull(noWait), { done: false, value: 'd' }, 'from then on they are kept between pulls')
})

t.test('whoever has listened, paused or pulled is waited for, however long it takes', async t => {
  const consumers: ((inbox: MessageInbox) => void)[] = [
    inbox => inbox.start(),
    inbox => inbox.stop(),
    inbox => void inbox.pull(() => {}).then(() => {}),
  ]
  for (const consume of consumers) {
    const inbox = new MessageInbox()
    consume(inbox)
    inbox.giveToPull('first')
    inbox.hold('a')
    t.equal(inbox.stopWaiting(), false)
    t.same([inbox.isHolding, inbox.drops], [true, false])
  }
})

t.test('the end answers all pulls, those that come later too', async t => {
  const inbox = new MessageInbox()
  const pulls = [inbox.pull(() => {}), inbox.pull(() => {})]
  inbox.end()
  inbox.end()
  t.same(await Promise.all([...pulls, inbox.pull(noWait)]), Array(3).fill({ done: true, value: undefined }))
  t.notOk(inbox.isPulled)
})
