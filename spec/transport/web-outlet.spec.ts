/** The body of a Fetch `Response`, written to as a Node stream: back-pressure, both ends, and both breaks. */
import { once } from 'node:events'
import t from 'tap'
import { WebOutlet } from '../../lib/transport/web-outlet.ts'
import { outcome, turns } from '../support/waiting.ts'

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString()

t.test('what is written is read, one chunk for each write, and the end is the end', async t => {
  const outlet = new WebOutlet()
  const reader = outlet.body.getReader()
  outlet.write('a')
  outlet.write('b')
  outlet.end()
  t.equal(text((await reader.read()).value), 'a')
  t.equal(text((await reader.read()).value), 'b')
  t.equal((await reader.read()).done, true)
  await once(outlet, 'close')
})

t.test('what nobody has read waits, and is counted', async t => {
  const outlet = new WebOutlet()
  const taken: string[] = []
  for (const piece of ['abc', 'de']) outlet.write(piece, () => taken.push(piece))
  await turns()
  t.equal(outlet.writableLength, 5)
  t.strictSame(taken, [])
  const reader = outlet.body.getReader()
  await reader.read()
  await reader.read()
  const last = reader.read()
  await turns()
  t.strictSame(taken, ['abc', 'de'], 'taken once more is asked for')
  t.equal(outlet.writableLength, 0)
  t.equal(await outcome(last), 'pending')
  outlet.end()
  t.equal((await last).done, true)
})

t.test('a reader may ask for several chunks ahead', async t => {
  const outlet = new WebOutlet()
  const reader = outlet.body.getReader()
  const reads = Promise.all([1, 2, 3, 4].map(() => reader.read()))
  await turns()
  outlet.write('a')
  outlet.write('b')
  await turns()
  outlet.end('c')
  t.strictSame(await Promise.race([reads.then(all => all.map(({ value }) => text(value))), turns()]), [
    'a',
    'b',
    'c',
    '',
  ])
  outlet.destroy()
})

t.test('a reader that cancels ends the stream, whatever waits', async t => {
  for (const isWaiting of [false, true]) {
    const outlet = new WebOutlet()
    if (isWaiting) outlet.write('a')
    const closed = once(outlet, 'close')
    await outlet.body.cancel('enough')
    await closed
    t.ok(outlet.destroyed)
  }
})

t.test('a stream that is destroyed fails its reader', async t => {
  const outlet = new WebOutlet()
  const read = outlet.body.getReader().read()
  outlet.destroy()
  t.equal(await outcome(read), 'the event stream was cut')
})

t.test('when the client has left, its reader comes to an end, and not to a failure that somebody logs', async t => {
  for (const isWaiting of [false, true]) {
    const outlet = new WebOutlet()
    const reader = outlet.body.getReader()
    if (isWaiting) outlet.write('a')
    const read = isWaiting ? undefined : reader.read()
    outlet.leave()
    outlet.leave()
    t.ok(outlet.destroyed)
    if (isWaiting) t.equal(text((await reader.read()).value), 'a')
    t.equal((await (read ?? reader.read())).done, true)
    t.equal(await outcome(reader.closed), 'resolved')
  }
  const cancelled = new WebOutlet()
  await cancelled.body.cancel()
  cancelled.leave()
})

t.test('a chunk is the reader’s own: it may be transferred and written to', async t => {
  const outlet = new WebOutlet()
  const shared = Buffer.from('abc')
  outlet.write(shared)
  const { value } = await outlet.body.getReader().read()
  value?.fill(0)
  t.equal(shared.toString(), 'abc')
  t.equal(value?.buffer.byteLength, 3)
  outlet.destroy()
})
