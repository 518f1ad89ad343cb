/**
 * The faces of the parser for those who pull: every kind of source, that nothing is read ahead, that leaving the loop
 * cancels the source, that errors come after the events before them, and the web TransformStream.
 */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import {
  EventStreamParserStream,
  type EventStreamSource,
  parseEventStream,
} from '../../lib/event-stream/parse-event-stream.ts'
import type { ServerSentEvent } from '../../lib/event-stream/parser.ts'
import { everySplit } from '../support/every-split.ts'

const STREAM = '\ufeffevent: a\nid: 1\ndata: é\n\n: comment\nretry: 5\ndata: 2\r\n\r\ndata: unfinished'
const EVENTS: readonly ServerSentEvent[] = [
  { type: 'a', data: 'é', lastEventId: '1' },
  { type: 'message', data: '2', lastEventId: '1' },
]
const BYTES = Buffer.from(STREAM)
const HALVES = [BYTES.subarray(0, 25), BYTES.subarray(25)]

async function* generate<T>(chunks: Iterable<T>): AsyncGenerator<T> {
  yield* chunks
}

function webStream<T>(chunks: readonly T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

async function collect(events: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const collected: ServerSentEvent[] = []
  for await (const event of events) collected.push(event)
  return collected
}

/** A source that counts what is asked of it. */
function counted(chunks: readonly (Uint8Array | string)[]) {
  const counts = { pulls: 0, returns: 0 }
  const source: AsyncIterable<Uint8Array | string> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = chunks[counts.pulls++]
        return value === undefined ? { done: true, value: undefined } : { done: false, value }
      },
      async return() {
        counts.returns++
        return { done: true, value: undefined }
      },
    }),
  }
  return { counts, source }
}

t.test('every kind of source', async t => {
  const incoming = new IncomingMessage(new Socket())
  for (const half of HALVES) incoming.push(half)
  incoming.push(null)
  const encoded = new PassThrough({ encoding: 'utf8' })
  for (const byte of BYTES) encoded.write(Buffer.of(byte))
  encoded.end()
  const sources: Readonly<Record<string, EventStreamSource>> = {
    'an async generator of Buffers': generate(HALVES),
    'an async generator of strings': generate([...STREAM]),
    'a web stream of Uint8Arrays': webStream(HALVES.map(half => new Uint8Array(half))),
    'a web stream of strings': webStream([...STREAM]),
    'a web stream without an async iterator': { getReader: () => webStream(HALVES).getReader() },
    'a Response': new Response(webStream(HALVES.map(half => new Uint8Array(half)))),
    'a Response of text': new Response(STREAM),
    'a carrier of a Node stream, as undici.request has it': { body: Readable.from(HALVES) },
    'a Node stream': Readable.from(HALVES),
    'a Node stream with an encoding': encoded,
    'an IncomingMessage': incoming,
  }
  for (const [name, source] of Object.entries(sources)) {
    t.strictSame(await collect(parseEventStream(source)), EVENTS, name)
  }
  t.strictSame(await collect(parseEventStream(new Response(null, { status: 204 }))), [], 'a Response without a body')
})

t.test('every split', async t => {
  const runs: Promise<void>[] = []
  everySplit(BYTES, chunks => {
    runs.push(collect(parseEventStream(generate(chunks))).then(events => void t.strictSame(events, EVENTS)))
    const stream = webStream(chunks).pipeThrough(new EventStreamParserStream())
    runs.push(collect(stream).then(events => void t.strictSame(events, EVENTS)))
  })
  await Promise.all(runs)
})

t.test('comments, reconnection time, last event ID, limits', async t => {
  const heard: unknown[] = []
  const options = {
    comment: (text: string) => heard.push(text),
    retry: (time: number) => heard.push(time),
    lastEventId: 'before',
  }
  const [event] = await collect(parseEventStream(generate([': hi\nretry: 7\ndata: 1\n\n']), options))
  t.strictSame(event, { type: 'message', data: '1', lastEventId: 'before' })
  t.strictSame(
    await collect(webStream([': hi\nretry: 7\ndata: 1\n\n']).pipeThrough(new EventStreamParserStream(options))),
    [event],
  )
  t.strictSame(heard, ['hi', 7, 'hi', 7])
})

t.test('nothing is read ahead', async t => {
  const { counts, source } = counted(['data: 1\n\ndata: 2\n\ndata: ', '3', '\n\n'])
  const events = parseEventStream(source)
  t.equal(counts.pulls, 0, 'not before the first call')
  t.equal((await events.next()).value?.data, '1')
  t.equal((await events.next()).value?.data, '2')
  t.equal(counts.pulls, 1)
  t.equal((await events.next()).value?.data, '3')
  t.equal(counts.pulls, 3)
  t.strictSame(await events.next(), { done: true, value: undefined })
  t.strictSame(await events.next(), { done: true, value: undefined }, 'and stays so')
  t.equal(counts.pulls, 4)
  t.equal(counts.returns, 0, 'a source that has ended is not cancelled')
})

t.test('calls of next that do not wait for one another', async t => {
  const { counts, source } = counted(['data: 1\n\ndata: 2\n\n', 'data: 3\n\n'])
  const events = parseEventStream(source)
  const results = await Promise.all(Array.from({ length: 5 }, () => events.next()))
  t.strictSame(
    results.map(({ value }) => value?.data),
    ['1', '2', '3', undefined, undefined],
  )
  t.equal(counts.pulls, 3)

  const late = parseEventStream(counted(['data: 1\n\ndata: 2\n\ndata: 3\n\n']).source)
  const order: (string | undefined)[] = []
  const note = ({ value }: IteratorResult<ServerSentEvent>) => order.push(value?.data)
  const first = late.next().then(async result => {
    note(result)
    note(await late.next())
  })
  await Promise.all([first, late.next().then(note)])
  t.strictSame(order, ['1', '2', '3'], 'a call that comes later is not served before')
})

t.test('leaving the loop cancels the source', async t => {
  const { counts, source } = counted(['data: 1\n\ndata: 2\n\n'])
  for await (const { data } of parseEventStream(source)) {
    t.equal(data, '1')
    break
  }
  t.equal(counts.returns, 1)

  const node = Readable.from(HALVES)
  for await (const _ of parseEventStream(node)) break
  t.ok(node.destroyed)

  let reason: unknown = 'not cancelled'
  const web = new ReadableStream<string>({
    start: controller => controller.enqueue('data: 1\n\n'),
    cancel: why => void (reason = why),
  })
  const events = parseEventStream(web)
  t.equal((await events.next()).value?.data, '1')
  const pending = events.next()
  await events[Symbol.asyncDispose]()
  t.equal(reason, undefined, 'cancelled')
  t.strictSame(await pending, { done: true, value: undefined }, 'a call that was waiting is answered')
  t.strictSame(await events.next(), { done: true, value: undefined })
})

t.test('a source that fails', async t => {
  async function* failing() {
    yield 'data: 1\n\n'
    throw new Error('ECONNRESET')
  }
  const events = parseEventStream(failing())
  t.equal((await events.next()).value?.data, '1')
  await t.rejects(events.next(), { message: 'ECONNRESET' })
  t.strictSame(await events.next(), { done: true, value: undefined }, 'once')
})

t.test('a stream beyond a limit: the events before it, then the error, and the source is cancelled', async t => {
  const { counts, source } = counted([`data: 1\n\ndata: 2\n\ndata: ${'x'.repeat(100)}\n\ndata: 3\n\n`])
  const events = parseEventStream(source, { maxLineBytes: 50 })
  t.equal((await events.next()).value?.data, '1')
  t.equal((await events.next()).value?.data, '2')
  t.equal(counts.returns, 1)
  await t.rejects(events.next(), { name: 'EventStreamError', code: 'ERR_EVENT_STREAM_LINE_TOO_LONG' })
  t.strictSame(await events.next(), { done: true, value: undefined })

  const transformed = webStream(['data: 1\n\n', 'x'.repeat(100)]).pipeThrough(
    new EventStreamParserStream({ maxLineBytes: 50 }),
  )
  await t.rejects(collect(transformed), { code: 'ERR_EVENT_STREAM_LINE_TOO_LONG' })
})

t.test('a comment handler that throws ends the iteration', async t => {
  const { counts, source } = counted(['data: 1\n\n: comment\ndata: 2\n\n'])
  const comment = () => {
    throw new Error('mine')
  }
  const events = parseEventStream(source, { comment })
  t.equal((await events.next()).value?.data, '1')
  await t.rejects(events.next(), { message: 'mine' })
  t.equal(counts.returns, 1)
})

t.test('what is wrong at the call', async t => {
  for (const source of [
    undefined,
    null,
    1,
    'data: 1\n\n',
    Buffer.from('x'),
    [],
    {},
    { body: undefined },
    { body: 'text' },
  ]) {
    t.throws(() => parseEventStream(source as never), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
  const locked = webStream(['data: 1\n\n'])
  locked.getReader()
  t.throws(() => parseEventStream(locked), { name: 'TypeError' })
  t.throws(() => parseEventStream(generate(['']), { maxLineBytes: 0 }), { name: 'RangeError' })
  t.throws(() => new EventStreamParserStream({ maxEventBytes: 0 }), { name: 'RangeError' })
  await t.rejects(collect(parseEventStream(generate([1 as never]))), { code: 'ERR_INVALID_ARG_TYPE' })
})

t.test('the TransformStream slows its source down', async t => {
  let pulls = 0
  const endless = new ReadableStream<string>({
    pull: controller => controller.enqueue(`data: ${++pulls}\n\n`),
  })
  const reader = endless.pipeThrough(new EventStreamParserStream()).getReader()
  t.equal((await reader.read()).value?.data, '1')
  await delay(5)
  t.ok(pulls < 10, `${pulls} chunks were asked for`)
  await reader.cancel()
})
