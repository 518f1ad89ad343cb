/**
 * What is sent stays in order, whether it is deflated at once, in the thread pool or not at all, in fragments or whole;
 * what is compressed and what is not; and that an end in the middle leaves nothing behind.
 */
import t from 'tap'
import { ClosedError } from '../../lib/errors.ts'
import { MessageDeflater } from '../../lib/transport/message-deflater.ts'
import { MessageOutbox } from '../../lib/transport/message-outbox.ts'
import { prepareMessage } from '../../lib/transport/prepared-message.ts'
import { countJobs } from '../../lib/transport/zlib-jobs.ts'
import { inflateStream } from '../support/deflate-stream.ts'
import { Endpoint } from '../support/pair.ts'
import { Random } from '../support/random.ts'
import { BINARY, TEXT } from '../support/raw-frames.ts'
import { outcome, until } from '../support/waiting.ts'

const TAIL = Buffer.from('0000ffff', 'hex')

interface Options {
  readonly threshold?: number
  readonly contextTakeover?: boolean
  readonly isNegotiated?: boolean
}

function outbox({ threshold = 100, contextTakeover = true, isNegotiated = true }: Options = {}) {
  const end = new Endpoint({ role: 'server', inflate: data => data })
  const log: string[] = []
  const owner = {
    hasRoom: () => true,
    abandonMessage: () => void log.push('abandoned'),
    closedError: () => new ClosedError(1006, '', false),
  }
  const deflater = new MessageDeflater({ windowBits: 15, contextTakeover }, 6)
  const outbox = new MessageOutbox(end.connection, isNegotiated ? { deflater, threshold } : undefined, owner)
  return { outbox, end, log, isIdle: () => until(() => !outbox.isBusy) }
}

/** What a peer makes of the frames: `text "…"` or `binary …`, with `z` before what was compressed. */
async function read(end: Endpoint): Promise<string[]> {
  const stream = inflateStream({})
  const messages: string[] = []
  let parts: Buffer[] = []
  let first = { opcode: 0, rsv: 0 }
  for (const frame of end.sentFrames) {
    if (frame.opcode !== 0) first = frame
    parts.push(frame.payload)
    if (!frame.fin) continue
    const payload = Buffer.concat(parts)
    parts = []
    const bytes = first.rsv === 4 ? await stream.inflate(Buffer.concat([payload, TAIL])) : payload
    const kind = first.opcode === TEXT ? 'text' : first.opcode === BINARY ? 'binary' : 'control'
    messages.push(`${first.rsv === 4 ? 'z ' : ''}${kind} ${bytes.length} ${bytes.toString('latin1', 0, 8)}`)
  }
  return messages
}

const long = 'long '.repeat(20_000)
const short = 'short '.repeat(30)

t.test('by length, unless the message says otherwise', async t => {
  const { outbox: box, end } = outbox()
  box.send('x'.repeat(99), undefined)
  box.send('x'.repeat(100), undefined)
  box.send('é'.repeat(50), undefined)
  box.send('é'.repeat(49), undefined)
  box.send(Buffer.alloc(100), undefined)
  box.send('x'.repeat(5000), false)
  box.send('x'.repeat(50), true)
  // It does not get shorter.
  box.send('x', true)
  box.send('', true)
  box.send(new Random().bytes(200), undefined)
  const compressed = (await read(end)).map(line => line.startsWith('z '))
  t.same(compressed, [false, true, true, false, true, false, true, false, false, false])
})

t.test('nothing is compressed where that was not negotiated [7692-6.1-2]', async t => {
  const { outbox: box, end } = outbox({ isNegotiated: false })
  box.send(short, true)
  box.send(prepareMessage(short), true)
  await box.sendFragments([short, short], true)
  t.same(await read(end), ['text 180 short sh', 'text 180 short sh', 'text 360 short sh'])
})

t.test('nothing overtakes a message that takes its time', async t => {
  const { outbox: box, end, isIdle } = outbox()
  const bytes = Buffer.from(`bytes${long}`)
  box.send('0', undefined)
  box.send(`1${long}`, undefined)
  t.equal(box.isBusy, true)
  box.send('2', undefined)
  box.send(`3${short}`, undefined)
  box.send(bytes, undefined)
  // The caller may use them again.
  bytes.fill(0)
  void box.sendFragments([`5${short}`, long, 'end'], undefined)
  box.send(prepareMessage(`6${long}`), undefined)
  box.send('7', undefined)
  t.ok(box.length > long.length)
  let behind = -1
  box.whenSent(() => {
    behind = end.sentFrames.length
  })
  t.equal(behind, -1)
  await isIdle()
  t.equal(behind, end.sentFrames.length)
  t.same(
    (await read(end)).map(line => line.replace(/ \d+ /, ' ')),
    [
      'text 0',
      'z text 1long lo',
      'text 2',
      'z text 3short s',
      'z binary byteslon',
      'z text 5short s',
      'z text 6long lo',
      'text 7',
    ],
  )
  t.equal(box.length, 0)
})

t.test('the first fragment decides whether the message is compressed, or the caller', async t => {
  const { outbox: box, end } = outbox()
  await box.sendFragments([short, 'b'], undefined)
  await box.sendFragments(['a', short], undefined)
  await box.sendFragments([short, short], false)
  await box.sendFragments(['a', 'b'], true)
  await box.sendFragments([], true)
  t.same(await read(end), [
    'z text 181 short sh',
    'text 181 ashort s',
    'text 360 short sh',
    'z text 2 ab',
    'z text 0 ',
  ])
  const rsv1 = end.sentFrames.filter(({ opcode }) => opcode === 0).map(({ rsv }) => rsv)
  t.ok(
    rsv1.every(rsv => rsv === 0),
    'RSV1 is on the first frame only',
  )
})

t.test('fragments come out as they went in, and no character is cut in two', async t => {
  const { outbox: box, end } = outbox({ threshold: 0, contextTakeover: false })
  const stream = inflateStream({})
  await box.sendFragments(['a😀'.slice(0, 2), '😀b'.slice(1), long, ''], undefined)
  const parts: string[] = []
  for (const { payload, fin } of end.sentFrames) {
    parts.push(String(await stream.inflate(fin ? Buffer.concat([payload, TAIL]) : payload)))
  }
  t.same(parts, ['a', '😀b', long, ''])
})

t.test('fragments of two types are refused, compressed or not', async t => {
  for (const compress of [true, false]) {
    const { outbox: box, log } = outbox()
    const sent = box.sendFragments(['text', Buffer.from('bytes'), 'text'], compress)
    t.match(await outcome(sent), /alike/)
    t.same(log, ['abandoned'])
  }
})

t.test('a prepared message goes compressed to those who agreed on it, and is in their window', async t => {
  const prepared = prepareMessage(short)
  const { outbox: box, end } = outbox()
  box.send(prepared, undefined)
  box.send(short, undefined)
  box.send(prepared, false)
  box.send(prepareMessage('x'), undefined)
  t.same(await read(end), ['z text 180 short sh', 'z text 180 short sh', 'text 180 short sh', 'text 1 x'])
  const [first, second] = end.sentFrames
  t.ok((second?.payload.length ?? 0) < (first?.payload.length ?? 0), 'the second refers to it')
})

t.test('once the closing handshake has begun nothing is sent', async t => {
  const { outbox: box, end, isIdle } = outbox()
  end.connection.close()
  t.equal(box.send(short, undefined), false)
  t.equal(box.send(long, undefined), false)
  t.throws(() => box.send(1 as unknown as string, undefined), { code: 'ERR_INVALID_ARG_TYPE' })
  await isIdle()
  t.equal(end.sentFrames.length, 1)
})

t.test('an end in the middle: what waits is given up, and no work is left', async t => {
  const boxes = Array.from({ length: 20 }, () => outbox())
  const fragments = boxes.map(({ outbox: box }) => {
    box.send(long, undefined)
    box.send(long, undefined)
    box.send('behind', undefined)
    return box.sendFragments([long], undefined).catch(error => error.message)
  })
  for (const { outbox: box, end } of boxes) {
    end.connection.transportEnded()
    box.abort()
  }
  t.match(await Promise.all(fragments), Array(20).fill(/closed/))
  await until(() => countJobs().running === 0)
  t.same(countJobs(), { running: 0, waiting: 0 })
  for (const { outbox: box, end } of boxes) {
    await until(() => !box.isBusy)
    t.same([box.length, end.sentFrames.length], [0, 0])
  }
})
