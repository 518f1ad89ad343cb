/**
 * The encoder: the text that it writes, what it refuses, and the round trip through the parser: whatever strings go
 * in, one event comes out, with equal fields.
 */
import fc from 'fast-check'
import t from 'tap'
import { type EventFields, encodeEvent } from '../../lib/event-stream/encoder.ts'
import { EventStreamParser, type ServerSentEvent } from '../../lib/event-stream/parser.ts'

interface Heard {
  readonly events: ServerSentEvent[]
  readonly comments: string[]
  readonly retries: number[]
}

/** Parses `text` between two other events. */
function parse(text: string | Uint8Array): Heard {
  const heard: Heard = { events: [], comments: [], retries: [] }
  const parser = new EventStreamParser(
    {
      event: event => heard.events.push(event),
      comment: comment => heard.comments.push(comment),
      retry: retry => heard.retries.push(retry),
    },
    { lastEventId: 'before' },
  )
  parser.feed(encodeEvent({ data: 'before' }))
  parser.feed(text)
  parser.feed(encodeEvent({ data: 'after' }))
  parser.end()
  t.equal(heard.events.shift()?.data, 'before')
  const after = heard.events.pop()
  t.equal(after?.data, 'after')
  t.equal(after?.type, 'message')
  return heard
}

const withLineFeeds = (text: string) => text.replace(/\r\n?/g, '\n')

t.test('the text [html-9.2.5-2]', async t => {
  const rows: readonly [fields: EventFields, text: string][] = [
    [{ data: 'a' }, 'data: a\n\n'],
    [{ data: '' }, 'data: \n\n'],
    [{ data: ' a' }, 'data:  a\n\n'],
    [{ data: 'a\nb' }, 'data: a\ndata: b\n\n'],
    [{ data: 'a\rb\r\nc\n\rd' }, 'data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n'],
    [{ data: '\n' }, 'data: \ndata: \n\n'],
    [{ data: 'a\n' }, 'data: a\ndata: \n\n'],
    [{ data: '$& $1 $$' }, 'data: $& $1 $$\n\n'],
    [{ data: '\0' }, 'data: \0\n\n'],
    [{ event: 'e', data: 'a', id: '1' }, 'event: e\nid: 1\ndata: a\n\n'],
    [{ event: '', id: '', data: '' }, 'event: \nid: \ndata: \n\n'],
    [{ id: '1' }, 'id: 1\n\n'],
    [{ retry: 0 }, 'retry: 0\n\n'],
    [{ retry: -0 }, 'retry: 0\n\n'],
    [{ retry: Number.MAX_SAFE_INTEGER, data: 'a' }, 'retry: 9007199254740991\ndata: a\n\n'],
    [{ comment: '' }, ': \n\n'],
    [{ comment: 'a\r\nb', data: 'c' }, ': a\n: b\ndata: c\n\n'],
    [{ event: undefined, data: 'a', id: undefined, retry: undefined, comment: undefined }, 'data: a\n\n'],
    [{}, '\n'],
    [{ data: 'a', more: 'ignored' } as EventFields, 'data: a\n\n'],
  ]
  for (const [fields, text] of rows) t.equal(encodeEvent(fields), text, JSON.stringify(fields))
})

t.test('what cannot be sent is refused, by its name [html-9.2.5-3]', async t => {
  const rows: readonly [field: string, value: unknown][] = [
    ...['\n', '\r', 'a\nb', 'a\r\nb', 'msg\ndata: "forged"\n\nevent: msg', 1, null, {}].flatMap(
      (value): [string, unknown][] => [
        ['event', value],
        ['id', value],
      ],
    ),
    ['id', '\0'],
    ['id', 'a\0b'],
    ...[-1, 1.5, Number.NaN, Infinity, 2 ** 53, 1e21, '1', '1\ndata: forged', null, 1n].map(
      (value): [string, unknown] => ['retry', value],
    ),
    ...[1, null, {}, ['a'], Buffer.from('a')].flatMap((value): [string, unknown][] => [
      ['data', value],
      ['comment', value],
    ]),
  ]
  for (const [field, value] of rows) {
    t.throws(
      () => encodeEvent({ data: 'a', [field]: value }),
      { name: 'TypeError', code: 'ERR_EVENT_STREAM_FIELD', field, message: new RegExp(`^${field} must`) },
      `${field}: ${typeof value === 'string' ? JSON.stringify(value) : typeof value}`,
    )
  }
  t.throws(() => encodeEvent(undefined as never), { name: 'TypeError' })
})

t.test('out comes what went in [html-9.2.5-2]', async t => {
  const text = fc.string({
    unit: fc.constantFrom('\r', '\n', ':', '\0', ' ', 'a', 'data', '好', '😀', '\ufeff', '\u2028'),
  })
  const line = text.map(value => value.replace(/[\r\n]/g, ''))
  const fields = fc.record(
    {
      event: line,
      data: text,
      id: line.map(value => value.replaceAll('\0', '')),
      retry: fc.maxSafeNat(),
      comment: text,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fields, fc.boolean(), (fields, asBytes) => {
      const encoded = encodeEvent(fields)
      const { events, comments, retries } = parse(asBytes ? Buffer.from(encoded) : encoded)
      t.strictSame(
        events,
        fields.data === undefined
          ? []
          : [
              {
                type: fields.event || 'message',
                data: withLineFeeds(fields.data),
                lastEventId: fields.id ?? 'before',
              },
            ],
      )
      t.strictSame(retries, fields.retry === undefined ? [] : [fields.retry])
      t.equal(comments.join('\n'), fields.comment === undefined ? '' : withLineFeeds(fields.comment))
    }),
    { numRuns: 1000, seed: Number(process.env.WIREWRIGHT_SEED ?? 6455) },
  )
})
