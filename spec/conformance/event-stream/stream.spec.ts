/** The suite's own reader of event streams, against vectors written out from HTML §9.2.5 and §9.2.6. */
import t from 'tap'
import { eventWords, quote, readStream } from '../../../conformance/event-stream/stream.ts'

const read = (text: string | Buffer) => readStream(Buffer.from(text as string))
const events = (text: string | Buffer) =>
  read(text).events.map(({ type, data, lastEventId }) => [type, data, lastEventId])

t.test('line ends, fields, IDs, types', async t => {
  const table: readonly (readonly [stream: string, events: readonly (readonly string[])[]])[] = [
    ['data: a\n\n', [['message', 'a', '']]],
    [
      'data: a\r\rdata: b\r\n\r\n',
      [
        ['message', 'a', ''],
        ['message', 'b', ''],
      ],
    ],
    ['data:a\ndata:  b\ndata\n\n', [['message', 'a\n b\n', '']]],
    ['\ufeffdata: a\n\n\ufeffdata: b\n\n', [['message', 'a', '']]],
    [
      'event: x\nid: 1\ndata: a\n\ndata: b\n\n',
      [
        ['x', 'a', '1'],
        ['message', 'b', '1'],
      ],
    ],
    [
      'id: 1\0\ndata: a\n\nid: 2\n\nid\ndata: b\n\n',
      [
        ['message', 'a', ''],
        ['message', 'b', ''],
      ],
    ],
    ['data: a\n', []],
    ['data: a\n\ndata: b\n', [['message', 'a', '']]],
    [': a\n\nDATA: a\n\n data: a\n\n', []],
  ]
  for (const [stream, wanted] of table) t.same(events(stream), wanted, JSON.stringify(stream))
  t.same(events(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 10, 10])), [['message', '\ufffd', '']])
})

t.test('lines are kept, whatever they are; reconnection times are digits', async t => {
  const { blocks, unfinished, reconnectionTime } = read(': c\nretry: 12\nretry: 5s\n\nfoo: x\ndata')
  t.same(blocks, [
    [
      { name: '', value: 'c' },
      { name: 'retry', value: '12' },
      { name: 'retry', value: '5s' },
    ],
  ])
  t.same(unfinished, [{ name: 'foo', value: 'x' }])
  t.equal(reconnectionTime, 12)
})

t.test('words', async t => {
  t.equal(eventWords({ type: 'message', data: 'a\n', lastEventId: '' }), '"a\\n"')
  t.equal(eventWords({ type: 'x', data: 'a', lastEventId: '1' }), '"x" "a" with the ID "1"')
  t.equal(quote('x'.repeat(70)), `"${'x'.repeat(60)}" and 10 more characters`)
})
