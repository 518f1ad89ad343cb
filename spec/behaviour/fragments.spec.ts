/**
 * `sendFragments`: messages from a source that takes its time, what is sent meanwhile, and every way in which the
 * source, the consumer or the connection can get in the way.
 */
import { Readable } from 'node:stream'
import t from 'tap'
import { ClosedError } from '../../lib/errors.ts'
import type { MessageData } from '../../lib/websocket/connection.ts'
import { CHANNELS, connectionOn, MEMORY, openAgainstRaw, openInMemory, openPair } from '../support/channels.ts'
import { memoryChannel } from '../support/memory-channel.ts'
import { CLOSE, closePayload, MASK, rawFrame, readFrames } from '../support/raw-frames.ts'
import { outcome, turns, until, within } from '../support/waiting.ts'

/** A source that yields when it is told to, and notes that it was let go. */
class Source {
  returned = false
  pulls = 0
  #parts: IteratorResult<MessageData>[] = []
  #waiting: ((result: IteratorResult<MessageData>) => void) | undefined
  #failing: ((error: Error) => void) | undefined

  give(value: MessageData): void {
    this.#settle({ done: false, value })
  }

  end(): void {
    this.#settle({ done: true, value: undefined })
  }

  fail(error: Error): void {
    this.#failing?.(error)
  }

  [Symbol.asyncIterator](): AsyncIterator<MessageData> {
    return {
      next: () => {
        this.pulls++
        const part = this.#parts.shift()
        if (part !== undefined) return Promise.resolve(part)
        return new Promise((resolve, reject) => {
          this.#waiting = resolve
          this.#failing = reject
        })
      },
      return: async () => {
        this.returned = true
        return { done: true, value: undefined }
      },
    }
  }

  #settle(result: IteratorResult<MessageData>): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#parts.push(result)
    else waiting(result)
  }
}

/** Opcode, fin and payload of each frame that a stream in memory has written. */
function framesOf(written: Buffer): string[] {
  return readFrames(written).map(({ fin, opcode, payload }) => `${opcode}${fin ? '.' : ''} ${payload}`.trimEnd())
}

for (const channel of CHANNELS) {
  t.test(`${channel.name}: sources of every kind`, async t => {
    async function* letters() {
      yield 'a'
      await turns(1)
      yield 'b'
      yield ''
      yield 'c'
    }
    const bytes = Buffer.from('bytes')
    const sources: [() => Parameters<typeof pair.server.sendFragments>[0], string | Buffer][] = [
      [() => ['one', 'two', 'three'], 'onetwothree'],
      [() => new Set(['one']), 'one'],
      [() => [], ''],
      [() => letters(), 'abc'],
      [() => [bytes, new Uint8Array(bytes), bytes.subarray(1, 2)], Buffer.from('bytesbytesy')],
      [() => [Buffer.alloc(0)], Buffer.alloc(0)],
      [() => Readable.from([bytes, bytes]), Buffer.from('bytesbytes')],
      [() => new Blob(['from ', 'a blob']).stream() as AsyncIterable<Uint8Array>, Buffer.from('from a blob')],
      [() => ['\ud83d', '\ude00 a pair that is cut ', '\ud83d', '\ude00'], '\u{1f600} a pair that is cut \u{1f600}'],
      [() => Array.from({ length: 300 }, () => 'x'.repeat(3000)), 'x'.repeat(900_000)],
    ]
    const pair = await openPair(t, channel)
    for (const [from, to] of [
      [pair.server, pair.client],
      [pair.client, pair.server],
    ] as const) {
      const received: unknown[] = []
      to.on('message', message => received.push(message))
      for (const [source] of sources) t.equal(await within(from.sendFragments(source())), undefined)
      // The same, none waiting for the one before.
      const all = sources.map(([source]) => from.sendFragments(source()))
      await within(Promise.all(all))
      await until(() => received.length === 2 * sources.length)
      const wanted = [...sources, ...sources].map(([, message]) => message)
      const isEqual = wanted.map((message, at) => Buffer.from(message).equals(Buffer.from(received[at] as Buffer)))
      t.same(
        isEqual.filter(equal => !equal),
        [],
      )
      t.same(
        received.map(message => typeof message),
        wanted.map(message => typeof message),
      )
    }
  })
}

t.test('each part is a frame, sent as soon as it is there; an empty one ends the message [6455-6.1-6]', async t => {
  const { server, line } = openInMemory(t)
  const source = new Source()
  const sending = server.sendFragments(source)
  source.give('one')
  await turns()
  t.same(framesOf(line.server.written), ['1 one'])
  source.give('two')
  await turns()
  t.same(framesOf(line.server.written), ['1 one', '0 two'])
  t.equal(await outcome(sending), 'pending')
  source.end()
  await within(sending)
  await turns()
  t.same(framesOf(line.server.written), ['1 one', '0 two', '0.'])
})

t.test('of parts that are all there the last one ends the message', async t => {
  const cases: [MessageData[], string[]][] = [
    [
      ['one', 'two', 'three'],
      ['1 one', '0 two', '0. three'],
    ],
    [['one'], ['1. one']],
    [[Buffer.from('one')], ['2. one']],
    [
      ['', ''],
      ['1', '0.'],
    ],
    [[], ['1.']],
  ]
  for (const [source, frames] of cases) {
    const { server, line } = openInMemory(t)
    await within(server.sendFragments(source))
    await turns(2)
    t.same(framesOf(line.server.written), frames)
    t.equal(line.server.writes.length, 1)
  }
})

t.test('messages wait behind it in their order, pings do not, and close comes last [6455-5.4-3]', async t => {
  const { server, client, line } = openInMemory(t)
  client.on('message', () => {})
  const [first, second] = [new Source(), new Source()]
  const log: string[] = []
  const note = (name: string) => () => void log.push(name)
  void server.sendFragments(first).then(note('first'))
  server.send('between')
  const bytes = Buffer.from('bytes')
  server.send(bytes)
  bytes.fill('!')
  void server.sendFragments(second).then(note('second'))
  server.send('behind')
  server.close(1000)
  t.equal(server.send('too late'), false)
  t.equal(await outcome(server.sendFragments(['too late'])), 'the connection is closed (1006)')
  t.equal(server.state, 'closing')
  first.give('1')
  await turns()
  await within(server.ping('ping'))
  t.equal(second.pulls, 0, 'the second waits')
  first.give('2')
  first.end()
  second.give('3')
  second.end()
  t.match(await within(client.closed), { code: 1000, wasClean: true })
  t.same(framesOf(line.server.written), [
    '1 1',
    '9. ping',
    '0 2',
    '0.',
    '1. between',
    '2. bytes',
    '1 3',
    '0.',
    '1. behind',
    `8. ${closePayload(1000)}`,
  ])
  t.same(log, ['first', 'second'])
})

t.test('what waits counts as buffered, and does not stop the message before it', async t => {
  const { server, client } = await openPair(t, MEMORY)
  const lengths: number[] = []
  client.on('message', message => lengths.push(message.length))
  const source = new Source()
  const sending = server.sendFragments(source)
  source.give('a')
  // Far above the high-water mark, which the parts to come must not wait for.
  for (let at = 0; at < 5; at++) t.equal(server.send('x'.repeat(100_000)), false)
  t.ok(server.bufferedAmount >= 500_000)
  const drained = server.drained()
  await turns()
  t.equal(await outcome(drained), 'pending')
  source.give('b')
  source.give('c')
  source.end()
  await within(sending, 'sendFragments')
  await within(drained, 'drained')
  await until(() => lengths.length === 6)
  t.same(lengths, [3, 100_000, 100_000, 100_000, 100_000, 100_000])
  t.equal(server.bufferedAmount, 0)
})

t.test('the source is asked no faster than the peer reads', async t => {
  for (const channel of CHANNELS) {
    const { connection, peer } = await openAgainstRaw(t, channel, 'server')
    peer.pause()
    let pulled = 0
    function* chunks() {
      for (; pulled < 1000; pulled++) yield Buffer.alloc(65_536)
    }
    const sending = connection.sendFragments(chunks())
    let before = -1
    while (before !== pulled) {
      before = pulled
      await turns(200)
    }
    t.ok(pulled < 500, `${channel.name}: ${pulled} of 1000`)
    t.ok(connection.bufferedAmount < 200_000)
    peer.resume()
    await within(sending)
    t.equal(pulled, 1000)
  }
})

t.test('a source that fails in the middle costs the connection, which closes with 1011', async t => {
  const failing: Record<string, () => Iterable<MessageData> | AsyncIterable<MessageData>> = {
    'a generator that throws': function* () {
      yield 'a'
      yield 'b'
      throw new Error('mine')
    },
    'an async generator that throws': async function* () {
      yield 'a'
      await turns(2)
      throw new Error('mine')
    },
    'a next that throws': () => iteratorOf(at => (at < 2 ? 'a' : undefined)),
    'a return that throws as well': () =>
      iteratorOf(
        at => (at < 2 ? 'a' : undefined),
        () => {
          throw new Error('not this one')
        },
      ),
    'a stream that is destroyed': () => {
      const stream = new Readable({ read() {} })
      stream.push('a')
      setImmediate(() => setImmediate(() => stream.destroy(new Error('mine'))))
      return stream
    },
  }
  for (const [name, source] of Object.entries(failing)) {
    const { server, client } = await openPair(t, MEMORY)
    const received: unknown[] = []
    client.on('message', message => received.push(message))
    const sending = server.sendFragments(source())
    server.send('behind')
    const next = server.sendFragments(['behind']).catch(error => error.code)
    const error = await within(
      sending.catch(error => error),
      name,
    )
    t.equal(error.message, 'mine', name)
    t.equal(server.send('later'), false)
    const wanted = { code: 1011, reason: 'a message could not be finished', wasClean: true }
    t.match(await within(client.closed), { ...wanted, detail: { by: 'peer' } })
    t.match(await within(server.closed), { ...wanted, detail: { by: 'local', cause: undefined } })
    t.equal(await within(next), 'WS_ERR_CLOSED')
    t.same(received, [], 'half a message is none')
  }
})

function iteratorOf(part: (at: number) => MessageData | undefined, onReturn = () => {}): Iterable<MessageData> {
  let at = 0
  return {
    [Symbol.iterator]: () => ({
      next() {
        const value = part(at++)
        if (value === undefined) throw new Error('mine')
        return { done: false, value }
      },
      return() {
        onReturn()
        return { done: true, value: undefined }
      },
    }),
  }
}

t.test('a source that is wrong before it has begun costs nothing', async t => {
  const { server, client } = await openPair(t, MEMORY)
  t.throws(() => server.sendFragments('a string'), { name: 'TypeError', message: /to send a string, call send/ })
  const wrong: [unknown, string][] = [
    [iteratorOf(() => undefined), 'mine'],
    [[1], 'data must be a string, ArrayBuffer or view of one, got number'],
    [[null], 'data must be a string, ArrayBuffer or view of one, got null'],
    [[Promise.resolve('a')], 'data must be a string, ArrayBuffer or view of one, got object'],
  ]
  for (const [source, message] of wrong) t.equal(await outcome(server.sendFragments(source as [])), message)
  for (const source of [undefined, null, 7, {}, new Date()]) {
    t.ok(
      (await within(Promise.resolve(server.sendFragments(source as never)).catch(error => error))) instanceof
        TypeError,
    )
  }
  server.send('fine')
  const { value } = await within(client[Symbol.asyncIterator]().next())
  t.equal(value, 'fine')
  t.equal(server.state, 'open')
})

t.test('parts of both kinds, or of none, end in 1011', async t => {
  for (const parts of [
    ['a', Buffer.from('b')],
    ['a', 7 as never],
    [Buffer.from('a'), 'b', 'c'],
  ]) {
    const { server, client } = await openPair(t, MEMORY)
    const error = await within(server.sendFragments(parts).catch(error => error))
    t.ok(error instanceof TypeError)
    t.match(await within(client.closed), { code: 1011 })
  }
})

t.test('a source that never yields holds nothing up', async t => {
  const ways: Record<string, (pair: ReturnType<typeof openInMemory>) => void> = {
    'we close': ({ server }) => server.close(1000),
    'we terminate': ({ server }) => server.terminate(),
    'the peer closes': ({ client }) => client.close(1000),
    'the peer is gone': ({ line }) => line.client.reset(),
    'the stream fails': ({ line }) => line.server.destroy(new Error('broken')),
  }
  for (const [name, end] of Object.entries(ways)) {
    for (const parts of [0, 1]) {
      const pair = openInMemory(t, {}, { server: { closeTimeout: 20 } })
      const [source, behind] = [new Source(), new Source()]
      const sendings = [pair.server.sendFragments(source), pair.server.sendFragments(behind)]
      pair.server.send('behind')
      const settled = Promise.allSettled(sendings)
      if (parts === 1) source.give('a')
      await turns()
      end(pair)
      const results = await within(settled, name)
      t.ok(
        results.every(result => result.status === 'rejected' && result.reason instanceof ClosedError),
        name,
      )
      await within(Promise.all([pair.server.closed, pair.client.closed]))
      await turns(2)
      t.ok(source.returned, `${name}: the source is let go`)
      source.give('late')
      behind.give('late')
      await turns(2)
    }
  }
})

t.test('a message that is held when the connection closes survives an unfinished one of ours', async t => {
  const { server, client } = openInMemory(t)
  const source = new Source()
  const sending = server.sendFragments(source).catch(error => error.code)
  source.give('a')
  client.send('keep')
  await turns()
  client.terminate()
  await within(server.closed)
  t.equal(await within(sending), 'WS_ERR_CLOSED')
  await turns()
  t.same(await server[Symbol.asyncIterator]().next(), { done: false, value: 'keep' })
})

t.test('the peer closes in the middle: its Close frame is answered between fragments [6455-5.5.1-4]', async t => {
  const line = memoryChannel()
  const server = connectionOn(t, line.server, 'server')
  const source = new Source()
  const sending = server.sendFragments(source).catch(error => error.code)
  source.give('a')
  server.send('behind')
  await turns()
  line.client.on('end', () => line.client.end()).resume()
  line.client.write(rawFrame({ opcode: CLOSE, mask: MASK, payload: closePayload(1000) }))
  await within(server.closed)
  t.equal(await within(sending), 'WS_ERR_CLOSED')
  t.equal(server.send('x'), false)
  t.same(framesOf(line.server.written), ['1 a', `8. ${closePayload(1000)}`])
})
