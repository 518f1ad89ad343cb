/**
 * An event stream on a server, towards a reader that takes what it likes: when things are written, what waits and how
 * much of it, what is dropped, what is told, and that nothing is left of a stream that has ended.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { EventStream, type EventStreamClose, EventStreamClosedError } from '../../lib/transport/event-stream.ts'
import { checkEventStreamOptions, type EventStreamOptions } from '../../lib/transport/event-stream-options.ts'
import { type OutgoingEvent, prepareEvent } from '../../lib/transport/outgoing-event.ts'
import { clockMembers } from '../support/clock-members.ts'
import { SlowOutlet } from '../support/slow-outlet.ts'
import { outcome, turns, until, within } from '../support/waiting.ts'

const QUIET = { heartbeat: false } as const

const outlets = new Set<SlowOutlet>()

t.afterEach(async () => {
  for (const outlet of outlets) outlet.destroy()
  outlets.clear()
  await turns()
})

function open(options: EventStreamOptions = QUIET, outlet = new SlowOutlet()) {
  outlets.add(outlet)
  const registry = new Set<EventStream>()
  const stream = new EventStream(outlet, checkEventStreamOptions(options).settings, '7', registry)
  return { stream, outlet, registry }
}

const prompt = () => new SlowOutlet({ isPrompt: true })

/** An event of that many bytes, its end included. */
function eventOf(bytes: number, mark = 'x', key?: string): OutgoingEvent {
  return { data: mark.repeat(bytes - 'data: \n\n'.length), key }
}

/** The marks of such events, in the order in which they came. */
const marks = (text: string) => Array.from(text.matchAll(/^data: (.)/gm), ([, mark]) => mark).join('')

t.test('an event is written at once; more of them in the same turn go out together', async t => {
  const { stream, outlet } = open(QUIET, prompt())
  t.equal(stream.send({ data: '1' }), true)
  t.strictSame(outlet.writes, ['data: 1\n\n'], 'at once')
  stream.send({ data: '2' })
  stream.send(prepareEvent({ data: '3', id: 'c' }))
  t.equal(outlet.writes.length, 1)
  t.equal(stream.bufferedAmount, 'data: 2\n\nid: c\ndata: 3\n\n'.length)
  await turns(1)
  t.strictSame(outlet.writes.slice(1), ['data: 2\n\nid: c\ndata: 3\n\n'])
  t.equal(stream.bufferedAmount, 0)
  stream.send({ data: '4' })
  t.equal(outlet.writes.length, 3, 'at once, in the next turn')
  stream.close()
})

t.test('what microtasks send one after the other goes out together too', async t => {
  const { stream, outlet } = open(QUIET, prompt())
  setImmediate(async () => {
    for (let i = 0; i < 5; i++) {
      stream.send({ data: `${i}` })
      await undefined
    }
  })
  await turns(5)
  t.strictSame(outlet.writes, ['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\ndata: 3\n\ndata: 4\n\n'])
  t.equal(outlet.text, '01234'.replace(/./g, 'data: $&\n\n'))
  stream.close()
})

t.test('what is sent from within a write, as the turn ends, goes out too', async t => {
  const outer = open(QUIET, prompt())
  const inner = open(QUIET, prompt())
  const late = open(QUIET, prompt())
  for (const { stream } of [outer, inner, late]) stream.send({ data: '0' })
  const { write } = outer.outlet
  outer.outlet.write = ((...parameters: Parameters<typeof write>) => {
    for (const { stream } of [inner, late]) stream.send({ data: '2' })
    return write.apply(outer.outlet, parameters)
  }) as typeof write
  for (const { stream } of [outer, late]) stream.send({ data: '1' })
  await turns(1)
  t.equal(marks(inner.outlet.text), '02')
  t.equal(marks(late.outlet.text), '012')
  for (const { stream } of [outer, inner, late]) stream.close()
})

t.test('what carries a stream throws when it is written to: that stream fails, and no other', async t => {
  const all = [open(QUIET, prompt()), open(QUIET, prompt()), open(QUIET, prompt())]
  const broken = all[1]!
  for (const { stream } of all) stream.send({ data: '0' })
  broken.outlet.write = () => {
    throw Object.assign(new Error('no'), { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' })
  }
  for (const mark of '12') for (const { stream } of all) stream.send({ data: mark })
  await turns(1)
  t.strictSame(
    all.map(({ outlet }) => marks(outlet.text)),
    ['012', '0', '012'],
  )
  t.match(await within(broken.stream.closed), { by: 'local', cause: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' })
  for (const { stream } of all) stream.close()
})

t.test('gathering has an end: 16 KiB go out within the turn', async t => {
  const { stream, outlet } = open(QUIET, prompt())
  for (let i = 0; i < 40; i++) stream.send(eventOf(1024))
  t.equal(outlet.writes.length, 3)
  t.strictSame(
    outlet.writes.map(text => text.length),
    [1024, 16_384, 16_384],
  )
  stream.close()
  t.equal(outlet.text.length, 40 * 1024, 'closing writes the rest')
})

t.test('what is wrong with an event is told at the call, on a closed stream too', async t => {
  const { stream, outlet } = open()
  t.throws(() => stream.send({ event: 'a\r\nb' }), { code: 'ERR_EVENT_STREAM_FIELD', field: 'event' })
  t.throws(() => stream.send('text' as never), { code: 'ERR_INVALID_ARG_TYPE' })
  stream.close()
  t.throws(() => stream.send({ id: '\0' }), { code: 'ERR_EVENT_STREAM_FIELD', field: 'id' })
  t.equal(outlet.text, '')
})

t.test('send says when the high-water mark is passed, drained() when it is not any more', async t => {
  const { stream, outlet } = open({ ...QUIET, highWaterMark: 1000 })
  t.equal(stream.send(eventOf(1000)), true, 'just up to the mark')
  await turns(1)
  t.equal(await outcome(stream.drained()), 'resolved', 'below it, at once')
  t.equal(stream.send(eventOf(100)), false)
  const drained = [stream.drained(), stream.drained()]
  t.equal(await outcome(drained[0]!), 'pending')
  outlet.take()
  await turns(1)
  outlet.take()
  await within(Promise.all(drained), 'drained')
  t.equal(stream.bufferedAmount, 0)
  t.equal(stream.send(eventOf(100)), true)
  stream.close()
})

t.test('drained() tells too when the system takes at once what was gathered above the mark', async t => {
  const { stream } = open({ ...QUIET, highWaterMark: 1000 }, prompt())
  stream.send(eventOf(100))
  for (let i = 0; i < 20; i++) stream.send(eventOf(100))
  t.equal(stream.bufferedAmount, 2000)
  const drained = stream.drained()
  await turns(1)
  t.equal(stream.bufferedAmount, 0)
  t.equal(await outcome(drained), 'resolved')
  stream.close()
})

t.test('above the mark nothing more is given away, and it all comes in order in the end', async t => {
  const { stream, outlet } = open({ ...QUIET, highWaterMark: 1000, maxBufferedAmount: 100_000 })
  const sent: string[] = []
  let most = 0
  for (let i = 0; i < 300; i++) {
    sent.push(String(i))
    stream.send({ data: String(i).padEnd(100) })
    if (i % 7 === 0) await turns(1)
    most = Math.max(most, outlet.writableLength)
    if (i % 90 === 0) outlet.take()
  }
  await outlet.takeAll()
  t.strictSame(
    Array.from(outlet.text.matchAll(/^data: (\d+) *$/gm), ([, number]) => number),
    sent,
  )
  stream.close()
})

t.test('close: an event that does not fit ends the stream, at once and for the reason it has', async t => {
  const { stream, outlet, registry } = open({ ...QUIET, highWaterMark: 0, maxBufferedAmount: 1000 })
  t.equal(stream.send(eventOf(600, 'a')), false)
  t.equal(stream.send(eventOf(400, 'b')), false)
  t.equal(stream.bufferedAmount, 1000)
  t.equal(stream.isClosed, false)
  t.equal(stream.send(eventOf(10, 'c')), false)
  t.equal(stream.isClosed, true)
  t.ok(outlet.destroyed)
  t.strictSame(await stream.closed, { by: 'local', cause: 'ERR_EVENT_STREAM_OUTPUT_LIMIT', unsent: 1000 })
  t.equal(registry.size, 0)
})

t.test('an event that is larger than the limit goes out when nothing else waits', async t => {
  for (const overflow of ['close', 'drop-oldest', 'drop-newest', 'keep-latest'] as const) {
    const { stream, outlet } = open({ ...QUIET, overflow, maxBufferedAmount: 1000 })
    stream.send(eventOf(5000, 'a'))
    t.equal(stream.bufferedAmount, 5000)
    await outlet.takeAll()
    t.equal(marks(outlet.text), 'a', overflow)
    t.equal(stream.isClosed, false)
    stream.close()
  }
})

t.test('who was not told to wait is neither cut nor robbed of an event, whatever its size', async t => {
  for (const overflow of ['close', 'drop-oldest', 'drop-newest', 'keep-latest'] as const) {
    const { stream, outlet } = open({ ...QUIET, overflow, maxBufferedAmount: 1000 })
    const sent = stream.sendAll([eventOf(600, 'a'), eventOf(600, 'b'), eventOf(5000, 'c'), eventOf(600, 'd')])
    let most = 0
    for (let i = 0; i < 20; i++) {
      await turns(1)
      most = Math.max(most, stream.bufferedAmount)
      outlet.take()
    }
    await within(sent)
    await outlet.takeAll()
    t.equal(marks(outlet.text), 'abcd', overflow)
    t.equal(stream.dropped, 0)
    t.ok(most <= 6000, `the limit and one event: ${most}`)
    stream.close()
  }
})

t.test('drop-oldest: of what waits the oldest go, and what is on its way stays', async t => {
  const { stream, outlet } = open({ ...QUIET, overflow: 'drop-oldest', highWaterMark: 100, maxBufferedAmount: 1000 })
  stream.send(eventOf(400, 'a'))
  for (const mark of 'bcdef') stream.send(eventOf(200, mark))
  t.equal(stream.bufferedAmount, 1000)
  t.equal(stream.dropped, 2)
  stream.send(eventOf(900, 'g'))
  t.equal(stream.dropped, 5, 'all that waited')
  t.equal(stream.bufferedAmount, 1300, 'the limit, or what is on its way and one event')
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'ag')
  stream.close()
})

t.test('drop-newest: what waits stays, what does not fit is dropped', async t => {
  const { stream, outlet } = open({ ...QUIET, overflow: 'drop-newest', highWaterMark: 100, maxBufferedAmount: 1000 })
  for (const mark of 'abcdefg') stream.send(eventOf(200, mark))
  t.equal(stream.dropped, 2)
  t.equal(stream.bufferedAmount, 1000)
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'abcde')
  t.equal(stream.send(eventOf(50, 'h')), true)
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'abcdeh')
  stream.close()
})

t.test('keep-latest: what waits under a key is replaced; what has none stays, and has the limit', async t => {
  const { stream, outlet } = open({ ...QUIET, overflow: 'keep-latest', highWaterMark: 0, maxBufferedAmount: 1000 })
  stream.send(eventOf(100, 'a', 'k'))
  stream.send(eventOf(100, 'b', 'k'))
  stream.send(eventOf(100, 'c', 'other'))
  stream.send(eventOf(100, 'd'))
  for (let i = 0; i < 1000; i++) stream.send(eventOf(100, 'e', 'k'))
  t.equal(stream.bufferedAmount, 400)
  t.equal(stream.dropped, 1000)
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'acde', 'a was on its way')
  stream.send(eventOf(100, 'f', 'k'))
  t.equal(stream.isClosed, false)
  for (let i = 0; i < 20; i++) stream.send(eventOf(100, 'g'))
  t.match(await stream.closed, { cause: 'ERR_EVENT_STREAM_OUTPUT_LIMIT' })
})

t.test('keep-latest: the newer one takes the room of the older one', async t => {
  const { stream, outlet } = open({ ...QUIET, overflow: 'keep-latest', highWaterMark: 0, maxBufferedAmount: 1000 })
  stream.send(eventOf(200, 'a'))
  stream.send(eventOf(700, 'b', 'k'))
  stream.send(eventOf(800, 'c', 'k'))
  t.equal(stream.isClosed, false)
  t.equal(stream.bufferedAmount, 1000)
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'ac')
  stream.close()
})

t.test('a reader that never reads costs the limit and no more', async t => {
  for (const overflow of ['close', 'drop-oldest', 'drop-newest', 'keep-latest'] as const) {
    const { stream, outlet } = open({ overflow, heartbeat: 10, highWaterMark: 1000, maxBufferedAmount: 10_000 })
    let most = 0
    for (let i = 0; i < 2000; i++) {
      stream.send(eventOf(100, 'x', `k${i % 10}`))
      most = Math.max(most, stream.bufferedAmount)
      if (i % 100 === 0) await turns(1)
    }
    t.ok(most <= 10_000, `${overflow}: ${most}`)
    outlet.destroy()
    await within(stream.closed)
  }
})

t.test('a silence is broken by a comment, and by nothing else [html-9.2.7-1]', async t => {
  const { stream, outlet } = open({ heartbeat: 20 }, prompt())
  stream.start(Buffer.from(':\n\n'))
  await until(() => outlet.writes.length >= 4)
  t.ok(outlet.writes.every(text => text === ':\n\n'))
  stream.close()
  const busy = open({ heartbeat: 2000 }, prompt())
  for (let i = 0; i < 30; i++) {
    busy.stream.send({ data: 'x' })
    await delay(5)
  }
  t.notMatch(busy.outlet.text, ':\n\n', 'events are no silence')
  busy.stream.close()
})

t.test('a client that takes nothing gets no comments to take', async t => {
  const { stream, outlet } = open({ heartbeat: 10 })
  stream.send({ data: 'x' })
  await delay(100)
  t.equal(stream.bufferedAmount, 'data: x\n\n'.length)
  outlet.take()
  await until(() => outlet.text.endsWith('\n\n:\n\n'), 'a comment once it takes again')
  stream.close()
})

t.test('close: what was sent goes out first, then the end', async t => {
  const { stream, outlet, registry } = open({ ...QUIET, highWaterMark: 100, maxBufferedAmount: 1_000_000 })
  for (const mark of 'abcdefgh') stream.send(eventOf(50_000, mark))
  const waiting = stream.drained()
  stream.close()
  t.equal(stream.isClosed, true)
  t.equal(stream.send(eventOf(100, 'z')), false)
  t.equal(await outcome(stream.drained()), 'the event stream is closed')
  stream.close()
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'abcdefgh')
  t.strictSame(await within(stream.closed), { by: 'local', cause: undefined, unsent: 0 })
  t.ok(['resolved', 'the event stream is closed'].includes(String(await outcome(waiting))))
  t.equal(registry.size, 0)
  t.equal(clockMembers.size, 0)
})

t.test('a client that does not take the end is cut after closeTimeout', async t => {
  for (const heartbeat of [false, 20, 5000] as const) {
    const { stream, outlet } = open({ heartbeat, closeTimeout: 50 })
    stream.send({ data: 'x' })
    stream.close()
    t.strictSame(await within(stream.closed), { by: 'local', cause: 'ERR_EVENT_STREAM_CLOSE_TIMEOUT', unsent: 9 })
    t.equal(outlet.text, 'data: x\n\n')
    t.equal(clockMembers.size, 0)
  }
})

t.test('the client goes: closed, signal, drained and send tell so', async t => {
  for (const error of [undefined, Object.assign(new Error('reset'), { code: 'ECONNRESET' })]) {
    const { stream, outlet, registry } = open({ highWaterMark: 0 })
    const { signal } = stream
    const told: EventStreamClose[] = []
    void stream.closed.then(close => told.push(close))
    t.equal(stream.closed, stream.closed)
    t.equal(stream.signal, signal)
    stream.send({ data: 'x' })
    const drained = stream.drained()
    t.equal(signal.aborted, false)
    outlet.destroy(error)
    t.equal(stream.send({ data: 'y' }), false, 'at once')
    await t.rejects(drained, { code: 'ERR_EVENT_STREAM_CLOSED', name: 'EventStreamClosedError' })
    t.strictSame(told, [{ by: 'peer', cause: error?.code, unsent: 9 }])
    t.ok(signal.aborted && signal.reason instanceof EventStreamClosedError)
    t.strictSame(await stream.closed, told[0], 'also for who asks later')
    t.ok(stream.signal.aborted)
    t.equal(stream.bufferedAmount, 0)
    t.equal(registry.size, 0)
    t.equal(clockMembers.size, 0)
    stream.close()
  }
})

t.test('closing from within what the end has set off does no harm', async t => {
  const { stream, outlet } = open()
  stream.signal.addEventListener('abort', () => {
    stream.close()
    t.equal(stream.send({ data: 'x' }), false)
  })
  outlet.destroy()
  await within(stream.closed)
  t.equal(clockMembers.size, 0)
})

t.test('sendAll sends what a source yields, no faster than it is taken', async t => {
  const { stream, outlet } = open({ ...QUIET, highWaterMark: 100 })
  let pulled = 0
  async function* source() {
    for (const mark of 'abcdefgh') {
      pulled++
      yield eventOf(100, mark)
    }
  }
  const sent = stream.sendAll(source())
  await turns()
  t.ok(pulled <= 3, `${pulled} pulled ahead`)
  await outlet.takeAll()
  await within(sent)
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'abcdefgh')
  await stream.sendAll([{ data: 'i' }, prepareEvent({ data: 'j' })])
  await outlet.takeAll()
  t.equal(marks(outlet.text), 'abcdefghij', 'a list is a source too')
  stream.close()
})

t.test('sendAll ends its source when the client goes, and rejects with what the source fails with', async t => {
  const { stream, outlet } = open({ ...QUIET, highWaterMark: 10 })
  let isEnded = false
  async function* endless() {
    try {
      for (;;) yield eventOf(100)
    } finally {
      isEnded = true
    }
  }
  const sent = stream.sendAll(endless())
  await turns()
  outlet.destroy()
  await within(sent)
  t.ok(isEnded)
  const other = open()
  async function* failing() {
    yield eventOf(100)
    throw new Error('source')
  }
  t.equal(await outcome(other.stream.sendAll(failing())), 'source')
  t.equal(other.stream.isClosed, false, 'the stream is for its owner to close')
  other.stream.close()
})

t.test('sendAll: a source that fails because the client has gone is no failure', async t => {
  const { stream, outlet } = open()
  async function* aborted(signal: AbortSignal) {
    yield eventOf(100)
    await delay(60_000, undefined, { signal })
  }
  const sent = stream.sendAll(aborted(stream.signal))
  await turns()
  outlet.destroy()
  t.equal(await outcome(sent), 'resolved')
})

t.test('sendAll does not wait for a silent source when the client has gone, and ends it when it speaks', async t => {
  const { stream, outlet } = open()
  let speak!: () => void
  let isEnded = false
  async function* silent() {
    try {
      yield eventOf(100)
      await new Promise<void>(resolve => (speak = resolve))
      yield eventOf(100)
    } finally {
      isEnded = true
    }
  }
  const sent = stream.sendAll(silent())
  await turns()
  outlet.destroy()
  t.equal(await outcome(sent), 'resolved')
  speak()
  await turns()
  t.ok(isEnded)
  t.equal(await outcome(stream.sendAll(silent())), 'resolved', 'closed before')
})

t.test('an idle stream is a member of the clock, and has no timer of its own', async t => {
  const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const streams = Array.from({ length: 100 }, () => open({}).stream)
  t.equal(clockMembers.size, 100)
  t.ok(process.getActiveResourcesInfo().filter(name => name === 'Timeout').length <= before + 1)
  for (const stream of streams) stream.close()
  await Promise.all(streams.map(stream => within(stream.closed)))
  t.equal(clockMembers.size, 0)
})

t.test('`using` closes it', async t => {
  const { stream, outlet } = open()
  stream.send({ data: 'x' })
  stream[Symbol.dispose]()
  await outlet.takeAll()
  t.equal(outlet.text, 'data: x\n\n')
  t.match(await within(stream.closed), { by: 'local' })
})
