/** A message for many: encoded once, and deflated once for each kind of terms. */
import t from 'tap'
import { MessageDeflater } from '../../lib/transport/message-deflater.ts'
import { prepareMessage } from '../../lib/transport/prepared-message.ts'
import { Random } from '../support/random.ts'

const deflater = (windowBits: number, contextTakeover = false) =>
  new MessageDeflater({ windowBits, contextTakeover }, 1)

t.test('text and bytes, as they were when it was prepared', async t => {
  const text = prepareMessage('é€')
  t.same([text.isText, text.isCompressed, text.length], [true, false, 5])
  t.equal(text.payload.toString(), 'é€')
  const bytes = Uint8Array.of(1, 2, 3)
  const binary = prepareMessage(bytes.buffer)
  bytes.fill(0)
  t.same([binary.isText, [...binary.payload]], [false, [1, 2, 3]])
  for (const wrong of [1, null, undefined, {}, ['a']]) {
    t.throws(() => prepareMessage(wrong as unknown as string), { code: 'ERR_INVALID_ARG_TYPE' })
  }
})

t.test('deflated once for each kind, whatever the takeover', async t => {
  const message = prepareMessage(new Random().text(3000))
  const first = message.deflatedBy(deflater(15))
  t.ok(Buffer.isBuffer(first))
  t.equal(message.deflatedBy(deflater(15, true)), first)
  t.equal(message.deflatedBy(deflater(12)), first, 'no larger a window than the message is made use of')
  t.not(message.deflatedBy(deflater(9)), first)
})

t.test('a long one: those who come meanwhile wait for the same work, those who come later have it', async t => {
  const message = prepareMessage(new Random().bytes(100_000))
  const first = message.deflatedBy(deflater(15))
  t.ok(first instanceof Promise)
  t.equal(message.deflatedBy(deflater(15)), first)
  const data = await first
  t.equal(message.deflatedBy(deflater(15)), data)
})
