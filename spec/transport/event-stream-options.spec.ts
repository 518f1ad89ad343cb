/** What can be set for an event stream: defaults, values at the edges, and every wrong value by its name. */
import t from 'tap'
import { checkEventStreamOptions, type EventStreamOptions } from '../../lib/transport/event-stream-options.ts'

t.test('defaults [html-9.2.7-1]', async t => {
  t.strictSame(checkEventStreamOptions(), {
    settings: {
      heartbeat: 15_000,
      highWaterMark: 65_536,
      maxBufferedAmount: 1_048_576,
      overflow: 'close',
      closeTimeout: 10_000,
    },
    fields: [
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-cache, no-transform'],
      ['X-Accel-Buffering', 'no'],
    ],
    preamble: Buffer.from(':\n\n'),
    maxLastEventIdBytes: 1024,
  })
  t.strictSame(checkEventStreamOptions({}), checkEventStreamOptions())
  const names = [
    ...Object.keys(checkEventStreamOptions().settings),
    'headers',
    'retry',
    'padding',
    'maxLastEventIdBytes',
  ]
  const all = Object.fromEntries(names.map(name => [name, undefined]))
  t.strictSame(checkEventStreamOptions(all), checkEventStreamOptions())
})

t.test('a lower limit brings the high-water mark down with it', async t => {
  t.match(checkEventStreamOptions({ maxBufferedAmount: 1000 }).settings, { highWaterMark: 1000 })
  t.throws(() => checkEventStreamOptions({ maxBufferedAmount: 1000, highWaterMark: 1001 }), {
    name: 'RangeError',
    message: /^highWaterMark .* from 0 to 1000/,
  })
})

t.test('what a stream begins with', async t => {
  const preamble = (options: EventStreamOptions) => checkEventStreamOptions(options).preamble.toString()
  t.equal(preamble({ retry: 0 }), ':\nretry: 0\n\n')
  t.equal(preamble({ padding: 3 }), ':   \n\n')
  t.equal(preamble({ padding: 2, retry: 2500 }), ':  \nretry: 2500\n\n')
})

t.test('fields are added, or take the place of ours, but for the head’s own', async t => {
  const fields = (headers: EventStreamOptions['headers']) => checkEventStreamOptions({ headers }).fields
  t.strictSame(fields({ 'Access-Control-Allow-Origin': '*', 'Set-Cookie': ['a', 'b'] }).slice(3), [
    ['Access-Control-Allow-Origin', '*'],
    ['Set-Cookie', 'a'],
    ['Set-Cookie', 'b'],
  ])
  t.strictSame(fields({ 'cache-control': 'no-store' }), [
    ['Content-Type', 'text/event-stream'],
    ['X-Accel-Buffering', 'no'],
    ['cache-control', 'no-store'],
  ])
  for (const name of ['Content-Type', 'content-length', 'Connection', 'Transfer-Encoding', 'Content-Encoding']) {
    t.throws(() => fields({ [name]: 'x' }), { message: /is not for the caller to set/ }, name)
  }
  t.throws(() => fields({ 'X-A': 'a\r\nX-B: c' }), { code: 'ERR_INVALID_CHAR' }, 'S19')
  t.throws(() => fields(new Headers({ 'X-A': 'b' }) as never), { code: 'ERR_INVALID_ARG_TYPE' }, 'it would be lost')
  t.throws(() => checkEventStreamOptions({ heartbeat: 0 }), { message: /false turns it off/ })
  t.throws(() => fields({ 'X A': 'b' }), { code: 'ERR_INVALID_HTTP_TOKEN' }, 'S19')
})

const WRONG: Readonly<Record<keyof EventStreamOptions, readonly unknown[]>> = {
  headers: ['X-A: b', null],
  retry: [-1, 1.5, Number.NaN, '1', 2 ** 53],
  padding: [-1, 65_537, '1'],
  heartbeat: [0, -1, 1.5, 2 ** 31, true, '1'],
  highWaterMark: [-1, 1.5, 2 ** 21, '1'],
  maxBufferedAmount: [-1, 1.5, 2 ** 53, '1'],
  overflow: ['drop', '', null, 1],
  closeTimeout: [0, -1, 2 ** 31, '1'],
  maxLastEventIdBytes: [-1, 1.5, '1'],
}

t.test('wrong values are refused, naming the option', async t => {
  for (const [name, values] of Object.entries(WRONG)) {
    for (const value of values) {
      t.throws(() => checkEventStreamOptions({ [name]: value }), new RegExp(name), `${name}: ${String(value)}`)
    }
  }
  t.throws(() => checkEventStreamOptions({ heartBeat: 1 } as never), {
    message: 'openEventStream has no option "heartBeat"',
  })
  t.throws(() => checkEventStreamOptions(null as never), { code: 'ERR_INVALID_ARG_TYPE' })
})
