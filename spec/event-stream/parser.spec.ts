/**
 * The parser against WHATWG HTML §9.2.6: a table of streams and of what each says, all of them whole, byte by byte and
 * cut in two everywhere, as bytes and as strings; then limits, handlers that misbehave, and cost.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { EventStreamError, EventStreamParser, type EventStreamParserOptions } from '../../lib/event-stream/parser.ts'
import { everySplit } from '../support/every-split.ts'
import { LINEAR, timeExponent } from '../support/growth.ts'

/** An event as [type, data, lastEventId]; a comment or a reconnection time by its name. */
type Entry = readonly [type: string, data: string, lastEventId: string] | { comment: string } | { retry: number }

const VECTORS: Readonly<Record<string, readonly [stream: string | Buffer, log: readonly Entry[]]>> = {
  // §9.2.6, the examples
  // [html-9.2.6-1, html-9.2.6-9]
  'three data lines': ['data: YHOO\ndata: +2\ndata: 10\n\n', [['message', 'YHOO\n+2\n10', '']]],
  // [html-9.2.6-6]
  'four blocks, of which the last is not ended': [
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n',
    [{ comment: 'test stream' }, ['message', 'first event', '1'], ['message', 'second event', '']],
  ],
  'four blocks, ended': [
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
    [
      { comment: 'test stream' },
      ['message', 'first event', '1'],
      ['message', 'second event', ''],
      ['message', ' third event', ''],
    ],
  ],
  // [html-9.2.6-16]
  'empty data, a lone line feed, and an unfinished block': [
    'data\n\ndata\ndata\n\ndata:',
    [
      ['message', '', ''],
      ['message', '\n', ''],
    ],
  ],
  // [html-9.2.6-4]
  'the space after the colon is ignored': [
    'data:test\n\ndata: test\n\n',
    [
      ['message', 'test', ''],
      ['message', 'test', ''],
    ],
  ],
  // §9.2.1
  // [html-9.2.6-8, html-9.2.6-18]
  'event types': [
    'event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\ndata: 113411\n\n',
    [
      ['add', '73857293', ''],
      ['remove', '2153', ''],
      ['message', '113411', ''],
    ],
  ],

  // §9.2.6, line ends
  // [html-9.2.5-6]
  CRLF: [
    'event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n',
    [
      ['a', '1\n2', ''],
      ['message', '3', ''],
    ],
  ],
  // [html-9.2.5-6]
  CR: [
    'event: a\rdata: 1\rdata: 2\r\rdata: 3\r\r',
    [
      ['a', '1\n2', ''],
      ['message', '3', ''],
    ],
  ],
  // [html-9.2.5-6]
  'all three mixed': [
    'data:test\r\ndata\ndata:test\r\n\rdata: a\n\rdata: b\r\r\ndata: c\r\n\ndata: d\n\r\n',
    [
      ['message', 'test\n\ntest', ''],
      ['message', 'a', ''],
      ['message', 'b', ''],
      ['message', 'c', ''],
      ['message', 'd', ''],
    ],
  ],
  // [html-9.2.6-1]
  'blank lines without an event': ['\n\r\r\n\n\ndata: 1\n\n\n\n\r\n\r\r', [['message', '1', '']]],
  'a line feed, not a form feed or U+2028': ['data: a\u2028b\fc\u0085d\n\n', [['message', 'a\u2028b\fc\u0085d', '']]],

  // §9.2.6, fields
  // [html-9.2.6-7]
  'names are compared literally, by the whole name': [
    'data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n',
    [['message', '\0\n 2\n1\n3\n\n4', '']],
  ],
  // [html-9.2.6-7]
  'names that only begin like one': [
    'datas: 1\ndat: 2\nevents: 3\neven: 4\nids: 5\ni: 6\nretrys: 7\nretr: 8\nd\ne\ni\nr\ndatax\ndata: 9\n\n',
    [['message', '9', '']],
  ],
  // [html-9.2.6-5]
  'names without a colon': ['event: a\nevent\nid: 1\n\nid\ndata\nretry\nfoo\n\n', [['message', '', '']]],
  // [html-9.2.6-3]
  'colons in a value': ['data: a:b: c\nevent::x\nid: :\n\n', [[':x', 'a:b: c', ':']]],
  // [html-9.2.6-4]
  'only one space is removed, and no tab': [
    'data:\ttest\rdata: \ndata:test\rdata:  x\n\n',
    [['message', '\ttest\n\ntest\n x', '']],
  ],
  // [html-9.2.6-8]
  'the last event field counts, an empty one included': [
    'event: a\nevent: b\ndata: 1\n\nevent: a\nevent:\ndata: 2\n\nevent: \ndata: 3\n\n',
    [
      ['b', '1', ''],
      ['message', '2', ''],
      ['message', '3', ''],
    ],
  ],
  // [html-9.2.6-15]
  'an event type does not outlive a block without data': ['event: a\n\ndata: 1\n\n', [['message', '1', '']]],
  // [html-9.2.6-15]
  'a block without data dispatches nothing': ['event: a\nid: 1\n\nevent: b\n\n: c\n\n', [{ comment: 'c' }]],

  // §9.2.6, id
  // [html-9.2.6-10]
  'an ID holds for the events after it': [
    'id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\nid\ndata: d\n\ndata: e\n\n',
    [
      ['message', 'a', '1'],
      ['message', 'b', '1'],
      ['message', 'c', '2'],
      ['message', 'd', ''],
      ['message', 'e', ''],
    ],
  ],
  // [html-9.2.4-1, html-9.2.6-11]
  'an ID with NUL is ignored': [
    'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\nid: 3\ndata: c\n\nid\0: 4\ndata: d\n\n',
    [
      ['message', 'a', '1'],
      ['message', 'b', '1'],
      ['message', 'c', '3'],
      ['message', 'd', '3'],
    ],
  ],
  // [html-9.2.6-14]
  'an ID of a block without data counts': ['id: 7\n\ndata: a\n\n', [['message', 'a', '7']]],

  // §9.2.6, retry
  // [html-9.2.6-13]
  'retry is digits and nothing else': [
    'retry: 1000\nretry: 1e3\nretry: -1\nretry: +1\nretry: 1.5\nretry:  1\nretry: 1 \nretry:\nretry\nretry: ١\nretry: 0x10\nretry:0020\n',
    [{ retry: 1000 }, { retry: 20 }],
  ],
  // [html-9.2.6-12]
  'retry needs no blank line, and is at most 2^53 - 1': [
    `retry: 0\nretry: 9007199254740991\nretry: ${'9'.repeat(400)}\n`,
    [{ retry: 0 }, { retry: Number.MAX_SAFE_INTEGER }, { retry: Number.MAX_SAFE_INTEGER }],
  ],

  // §9.2.6, comments
  // [html-9.2.6-2]
  comments: [
    ':\n:a\n: b\n:  c\n:data: d\ndata: 1\n:e\ndata: 2\n\n:f',
    [
      { comment: '' },
      { comment: 'a' },
      { comment: 'b' },
      { comment: ' c' },
      { comment: 'data: d' },
      { comment: 'e' },
      ['message', '1\n2', ''],
    ],
  ],

  // §9.2.6, UTF-8
  // [html-9.2.5-4]
  'characters of every length': ['data: é€😀\nevent: 好\nid: ñ\n\n', [['好', 'é€😀', 'ñ']]],
  // [html-9.2.5-5]
  'a byte order mark': ['\ufeffdata: 1\n\n', [['message', '1', '']]],
  // [html-9.2.5-5]
  'two byte order marks': ['\ufeff\ufeffdata: 1\n\ndata: 2\n\n', [['message', '2', '']]],
  // [html-9.2.5-5]
  'a byte order mark later on': [
    'data: 1\n\n\ufeffdata: 2\n\ndata: \ufeff3\n\n',
    [
      ['message', '1', ''],
      ['message', '\ufeff3', ''],
    ],
  ],
  'a byte order mark before a comment': ['\ufeff:\n', [{ comment: '' }]],
  'nothing but half a byte order mark': [Buffer.from([0xef, 0xbb]), []],
  // [html-9.2.5-4]
  'malformed UTF-8': [
    Buffer.concat([
      Buffer.from('data: '),
      Buffer.from('80e282f09f98c0ff0a', 'hex'),
      Buffer.from('data: '),
      Buffer.from('e20a0a', 'hex'),
    ]),
    [['message', '\ufffd\ufffd\ufffd\ufffd\ufffd\n\ufffd', '']],
  ],
  'an overlong line feed ends no line': [
    Buffer.concat([Buffer.from('data: a'), Buffer.from('c08a', 'hex'), Buffer.from('data: b\n\n')]),
    [['message', 'a\ufffd\ufffddata: b', '']],
  ],

  // As providers of language models send them
  OpenAI: [
    'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\ndata: [DONE]\n\n',
    [
      ['message', '{"choices":[{"index":0,"delta":{"content":"Hel"}}]}', ''],
      ['message', '{"choices":[{"index":0,"delta":{"content":"lo"}}]}', ''],
      ['message', '[DONE]', ''],
    ],
  ],
  Anthropic: [
    'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: {"type": "ping"}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"好 😀"}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    [
      ['message_start', '{"type":"message_start"}', ''],
      ['ping', '{"type": "ping"}', ''],
      ['content_block_delta', '{"type":"content_block_delta","delta":{"type":"text_delta","text":"好 😀"}}', ''],
      ['message_stop', '{"type":"message_stop"}', ''],
    ],
  ],
  'no space after data:, CRLF': [
    'data:{"token":{"text":" a"}}\r\n\r\ndata:[DONE]\r\n\r\n',
    [
      ['message', '{"token":{"text":" a"}}', ''],
      ['message', '[DONE]', ''],
    ],
  ],
  'comments between, glued to the data': [
    ': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\ndata: {"a":1}\n\n:keepalive\n\ndata: [DONE]\n\n',
    [
      { comment: 'OPENROUTER PROCESSING' },
      { comment: 'OPENROUTER PROCESSING' },
      ['message', '{"a":1}', ''],
      { comment: 'keepalive' },
      ['message', '[DONE]', ''],
    ],
  ],
  'JSON in several data lines': ['data: {\ndata:   "a": 1\ndata: }\n\n', [['message', '{\n  "a": 1\n}', '']]],
  // [html-9.2.6-6]
  'a stream that breaks off': ['data: {"a":1}\n\ndata: {"a":', [['message', '{"a":1}', '']]],
}

interface Heard {
  readonly log: Entry[]
  readonly parser: EventStreamParser
}

function listen(options?: EventStreamParserOptions): Heard {
  const log: Entry[] = []
  const parser = new EventStreamParser(
    {
      event: ({ type, data, lastEventId }) => void log.push([type, data, lastEventId]),
      comment: comment => void log.push({ comment }),
      retry: retry => void log.push({ retry }),
    },
    options,
  )
  return { log, parser }
}

for (const [name, [stream, log]] of Object.entries(VECTORS)) {
  t.test(name, async t => {
    const bytes = Buffer.from(stream)
    // A byte order mark is one at the beginning of the stream only.
    const isAnywhere = bytes[0] !== 0xef
    const check = (chunks: readonly (Uint8Array | string)[], how: string) => {
      const heard = listen()
      for (const chunk of chunks) heard.parser.feed(chunk)
      heard.parser.end()
      t.strictSame(heard.log, log, how)
      if (!isAnywhere) return
      const later = listen()
      later.parser.feed('data: before\n\n')
      for (const chunk of chunks) later.parser.feed(chunk)
      later.parser.end()
      t.strictSame(later.log, [['message', 'before', ''], ...log], `${how}, behind an event`)
    }
    everySplit(bytes, chunks => check(chunks, `bytes in ${chunks.map(chunk => chunk.length)}`))
    if (typeof stream !== 'string') return
    check([new Uint8Array(bytes)], 'a Uint8Array that is no Buffer')
    everySplit(
      Buffer.from(stream, 'utf16le').filter((_, at) => at % 2 === 0),
      chunks => {
        let at = 0
        const strings = chunks.map(({ length }) => stream.slice(at, (at += length)))
        check(strings, `strings in ${strings.map(string => string.length)}`)
      },
    )
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    check(
      [...Array.from(bytes, byte => decoder.decode(Buffer.of(byte), { stream: true })), decoder.decode()],
      'decoded by byte',
    )
  })
}

t.test('all vectors as one stream, in chunks of every size', async t => {
  const streams = Object.values(VECTORS).filter(
    ([stream]) => typeof stream === 'string' && !stream.startsWith('\ufeff'),
  )
  const bytes = Buffer.from(streams.map(([stream]) => `${stream}\n\nid\n\n`).join(''))
  const whole = listen()
  whole.parser.feed(bytes)
  t.ok(whole.log.length > 80)
  for (let size = 1; size < 300; size++) {
    const { log, parser } = listen()
    for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size))
    t.strictSame(log, whole.log, `chunks of ${size}`)
  }
})

t.test('one event per chunk, or nearly [html-9.2.5-7]', async t => {
  const begin = 'id: 1\ndata: before\n\n'
  const chunks = [
    'data: a\n\n',
    'data:a\n\n',
    'data\n\n',
    'data:\n\n',
    'data: \n\n',
    'data:  a\n\n',
    'data: \u597d\n\n',
    'data: \ufeff\n\n',
    '\ufeffdata: a\n\n',
    'data: a\r\n\r\n',
    'data\r\n\r\n',
    'data: a\r\r',
    'data: a\n\r\n',
    'data: a\r\n\n',
    'data: a\n\r',
    'data: a\r\n\r',
    'data: a\rb\n\n',
    'data: a\rdata: b\n\n',
    'data: a\rdata: b\r\n\r\n',
    'data: a\r\ndata: b\r\n\r\n',
    'data: a\r\n:\n',
    'data: a\rx\r\n',
    'data: a\ndata: b\r\n\r\n',
    'data: a\n\n\n',
    'data: a\n',
    'data: a',
    'data: a\ndata: b\n\n',
    'data: a\nevent: e\n\n',
    'data: a\nid: 2\n\n',
    'dataa: a\n\n',
    'event: e\ndata: a\n\n',
    'event:\ndata: a\n\n',
    'event\ndata: a\n\n',
    'event\n data: a\n\n',
    'event: e\n\n',
    'event: e\nevent: f\ndata: a\n\n',
    'event: e\rdata: a\n\n',
    'event: e\r\ndata: a\n\n',
    'event: e\r\ndata: a\r\n\r\n',
    'event: e\ndata: a\r\n\r\n',
    'event: e\ndata: a\ndata: b\n\n',
    'events: e\ndata: a\n\n',
    'id: 2\ndata: a\n\n',
    'id: 2\n\n',
    'retry: 5\n\n',
    ': a\n\n',
    '\n',
    '\r\n',
    '\r',
    '\n\n',
    'd\n',
    'e\n',
  ]
  const wrong: unknown[] = []
  for (const one of chunks) {
    for (const other of chunks) {
      const whole = listen()
      for (const character of `${begin}${one}${other}data: after\n\n`) whole.parser.feed(character)
      for (const make of [(text: string) => text, (text: string) => Buffer.from(text)]) {
        const { log, parser } = listen()
        for (const text of [begin, one, other, 'data: after\n\n']) parser.feed(make(text))
        const is = JSON.stringify([log, parser.lastEventId])
        const should = JSON.stringify([whole.log, whole.parser.lastEventId])
        if (is !== should) wrong.push([one, other, is, should])
      }
    }
  }
  t.strictSame(wrong, [])
})

t.test('an event that is a chunk: its handler may throw, end the stream, or call back', async t => {
  for (const chunk of ['data: 1\n\n', 'event: e\ndata: 1\n\n', 'data: 1\r\n\r\n']) {
    const log: string[] = []
    const refused: unknown[] = []
    let step = 'none'
    const parser: EventStreamParser = new EventStreamParser({
      event: ({ data }) => {
        log.push(data)
        if (step === 'throw') throw new Error('once')
        if (step === 'end') parser.end()
        if (step !== 'feed') return
        try {
          parser.feed('data: inner\n\n')
        } catch (error) {
          refused.push((error as { code?: string }).code)
        }
      },
    })
    parser.feed('data: 0\n\n')
    step = 'throw'
    t.throws(() => parser.feed(chunk), { message: 'once' })
    step = 'feed'
    parser.feed('')
    parser.feed(chunk)
    t.strictSame(refused, ['ERR_EVENT_STREAM_REENTRANT'])
    step = 'end'
    parser.feed(chunk)
    t.throws(() => parser.feed(chunk), { code: 'ERR_EVENT_STREAM_ENDED' })
    parser.end()
    t.strictSame(log, ['0', '1', '1', '1'])
  }
  const { parser } = listen({ maxLineBytes: 10 })
  parser.feed('data: 0\n\n')
  t.throws(() => parser.feed('data: 12345\n\n'), { code: 'ERR_EVENT_STREAM_LINE_TOO_LONG' })
  const short = listen({ maxEventBytes: 4 })
  short.parser.feed('data: 0\n\n')
  t.throws(() => short.parser.feed('data: 12345\n\n'), { code: 'ERR_EVENT_STREAM_EVENT_TOO_LONG' })
  t.strictSame(short.log, [['message', '0', '']])
  const wrong = listen()
  wrong.parser.feed('data: 0\n\n')
  t.throws(() => wrong.parser.feed(undefined as never), { code: 'ERR_INVALID_ARG_TYPE' })
})

t.test('a chunk that is parsed in parts', async t => {
  const long = 'x'.repeat(65_536)
  const streams: Readonly<Record<string, string>> = {
    'short events': Array.from({ length: 20_000 }, (_, at) => `data: ${at}\n\n`).join(''),
    'events with IDs, CRLF': Array.from({ length: 9_000 }, (_, at) => `id: ${at}\r\ndata: ${at}\r\n\r\n`).join(''),
    'lines that end with CR': Array.from({ length: 20_000 }, (_, at) => `data: ${at}\r\r`).join(''),
    'lines of many characters': Array.from({ length: 40 }, (_, at) => `data: ${'\u597d'.repeat(4000 + at)}\n\n`).join(
      '',
    ),
    'one line': `data: ${'\u597d\u{1f600}e'.repeat(50_000)}\n\ndata: 2\n\n`,
    'a CR at the end of a part, and its LF in the next': `${`:${long.slice(4)}\r\r`}\r\ndata: 1\r\r${long}\ndata: 2\n\n`,
    'a comment that ends a part, and the LF of its CRLF': `data: 1\r:${long.slice(10)}\r\ndata: 2\r\n\r\n`,
    'an unfinished end': `data: 1\n\n${`: ${long}\n`.repeat(3)}data: 2\n\ndata: ${long}`,
  }
  for (const [name, stream] of Object.entries(streams)) {
    const bytes = Buffer.from(stream)
    const small = listen()
    for (let at = 0; at < bytes.length; at += 4096) small.parser.feed(bytes.subarray(at, at + 4096))
    const whole = listen()
    whole.parser.feed(bytes)
    t.ok(JSON.stringify(whole.log) === JSON.stringify(small.log), name)

    // A handler that throws every time: what is left is kept, though the bytes are somebody's again.
    const log: Entry[] = []
    const hear = (entry: Entry) => {
      log.push(entry)
      throw entry
    }
    const parser = new EventStreamParser({
      event: ({ type, data, lastEventId }) => hear([type, data, lastEventId]),
      comment: comment => hear({ comment }),
    })
    const most = bytes.subarray(0, -1)
    for (let chunk = Buffer.from(most), heard = -1; heard !== log.length; chunk = Buffer.alloc(0)) {
      heard = log.length
      try {
        parser.feed(chunk)
      } catch {}
      chunk.fill(0)
    }
    try {
      parser.feed(bytes.subarray(-1))
    } catch {}
    t.ok(JSON.stringify(log) === JSON.stringify(small.log), `${name}, handlers throw`)

    const ended: string[] = []
    const ending: EventStreamParser = new EventStreamParser({
      event: ({ data }) => {
        ended.push(data)
        ending.end()
      },
    })
    ending.feed(bytes)
    t.equal(ended.length, 1, `${name}, ended by a handler`)
  }
})

t.test('the state that a client needs [html-9.2.6-14]', async t => {
  const { parser } = listen({ lastEventId: 'before' })
  t.equal(parser.lastEventId, 'before')
  t.equal(parser.reconnectionTime, undefined)
  parser.feed('data: 1\n\nretry: 5')
  t.equal(parser.lastEventId, 'before', 'the buffer began with it')
  t.equal(parser.reconnectionTime, undefined, 'the line is not finished')
  parser.feed('\nid: next\n')
  t.equal(parser.reconnectionTime, 5, 'at the end of its line')
  t.equal(parser.lastEventId, 'before', '§9.2.6: it is set when the event is dispatched')
  parser.feed('\nid: lost')
  t.equal(parser.lastEventId, 'next', '§9.2.6: also when there is no data')
  parser.end()
  t.equal(parser.lastEventId, 'next')
  t.equal(parser.reconnectionTime, 5)
})

t.test('an ID from a long chunk is the same afterwards', async t => {
  const id = 'an-id-of-more-than-thirteen-characters-é'
  const { parser, log } = listen()
  parser.feed(Buffer.from(`${'data: padding\n\n'.repeat(200)}id: ${id}\n\nid: pending-${id}\n`))
  t.equal(parser.lastEventId, id)
  parser.feed('data: x\n\n')
  t.strictSame(log.at(-1), ['message', 'x', `pending-${id}`])
})

t.test('an event is dispatched when its blank line is there, even if that ends with a CR [html-9.2.5-7]', async t => {
  const { parser, log } = listen()
  parser.feed('data: 1\r\r')
  t.equal(log.length, 1)
  parser.feed('\n')
  parser.feed('data: 2\r\n\r')
  t.equal(log.length, 2)
  parser.feed('')
  parser.feed('\ndata: 3\n\n')
  t.strictSame(log, [
    ['message', '1', ''],
    ['message', '2', ''],
    ['message', '3', ''],
  ])
})

t.test('bytes and strings in turn', async t => {
  const { parser, log } = listen()
  parser.feed(Buffer.from('data: '))
  parser.feed('好')
  parser.feed(Buffer.from('好').subarray(0, 2))
  parser.feed('x')
  parser.feed(Buffer.from('好').subarray(2))
  parser.feed('\n\n')
  t.strictSame(log, [['message', '好\ufffdx\ufffd', '']], 'a character that a string cuts short is malformed')
  for (const byte of Buffer.from('data: 好\n\n')) {
    parser.feed(Buffer.of(byte))
    parser.feed('')
  }
  t.strictSame(log.at(-1), ['message', '好', ''], 'an empty string cuts nothing short')
})

t.test('limits', async t => {
  /** Feeds all of it in chunks of `size` and tells what came out. */
  const attempt = (bytes: Buffer, size: number, options: EventStreamParserOptions) => {
    const { parser, log } = listen(options)
    try {
      for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size))
      parser.end()
      return { log, parser, error: undefined }
    } catch (error) {
      return { log, parser, error: error as EventStreamError }
    }
  }
  const rows: readonly [what: string, stream: string, options: EventStreamParserOptions, code: string | undefined][] =
    [
      ['a line at the limit', `data: ${'x'.repeat(94)}\n\n`, { maxLineBytes: 100 }, undefined],
      ['a line beyond it', `data: ${'x'.repeat(95)}\n\n`, { maxLineBytes: 100 }, 'LINE'],
      ['a line at the limit, CRLF', `data: ${'x'.repeat(94)}\r\n\r\n`, { maxLineBytes: 100 }, undefined],
      ['a line beyond it, CR', `data: ${'x'.repeat(95)}\r\r`, { maxLineBytes: 100 }, 'LINE'],
      ['bytes are counted, at the limit', `data: ${'好'.repeat(31)}x\n\n`, { maxLineBytes: 100 }, undefined],
      ['bytes are counted, beyond', `data: ${'好'.repeat(32)}\n\n`, { maxLineBytes: 100 }, 'LINE'],
      ['a comment', `:${'x'.repeat(100)}\n`, { maxLineBytes: 100 }, 'LINE'],
      ['a field that is ignored', `${'x'.repeat(101)}\n`, { maxLineBytes: 100 }, 'LINE'],
      ['a line without an end', 'x'.repeat(101), { maxLineBytes: 100 }, 'LINE'],
      ['many short lines', ':x\n'.repeat(1000), { maxLineBytes: 100, maxEventBytes: 100 }, undefined],
      [
        'an event at the limit',
        `${'data: 123456789\n'.repeat(9)}data: 1234567890\n\n`,
        { maxEventBytes: 100 },
        undefined,
      ],
      [
        'an event beyond it',
        `${'data: 123456789\n'.repeat(9)}data: 12345678901\n\n`,
        { maxEventBytes: 100 },
        'EVENT',
      ],
      ['an event in one line', `data: ${'x'.repeat(101)}\n\n`, { maxEventBytes: 100 }, 'EVENT'],
      ['bytes of an event, at the limit', `data: ${'好'.repeat(33)}\ndata\n\n`, { maxEventBytes: 100 }, undefined],
      ['bytes of an event, beyond', `data: ${'好'.repeat(33)}\ndata: x\n\n`, { maxEventBytes: 100 }, 'EVENT'],
      ['data lines without an end', 'data\n'.repeat(200), { maxEventBytes: 100 }, 'EVENT'],
      ['limits are per event', 'data: 1234567890\ndata: 1234567890\n\n'.repeat(50), { maxEventBytes: 21 }, undefined],
      ['none', `data: ${'x'.repeat(3_000_000)}\n\n`, { maxLineBytes: Infinity, maxEventBytes: Infinity }, undefined],
      ['the defaults', `data: ${'x'.repeat(1_048_570)}\n\n`, {}, undefined],
      ['beyond the default', `data: ${'x'.repeat(1_048_571)}\n\n`, {}, 'LINE'],
      ['beyond the default, of an event', `${`data: ${'x'.repeat(1000)}\n`.repeat(1048)}\n`, {}, 'EVENT'],
    ]
  for (const [what, stream, options, kind] of rows) {
    const bytes = Buffer.from(`data: before\n\n${stream}`)
    const sizes = bytes.length > 10_000 ? [1400, 65_536, bytes.length] : [1, 2, 3, 7, 64, bytes.length]
    for (const size of sizes) {
      const { log, parser, error } = attempt(bytes, size, options)
      t.strictSame(log[0], ['message', 'before', ''], `${what}: what came before is heard, in chunks of ${size}`)
      t.equal(error?.code, kind && `ERR_EVENT_STREAM_${kind}_TOO_LONG`, `${what}, in chunks of ${size}`)
      if (error === undefined) continue
      t.ok(error instanceof EventStreamError)
      t.equal(error.limit, (kind === 'LINE' ? options.maxLineBytes : options.maxEventBytes) ?? 1_048_576)
      t.throws(() => parser.feed('data: after\n\n'), error, 'it has failed for good')
      parser.end()
      t.throws(() => parser.feed(''), error)
      t.equal(log.length, 1)
    }
  }
  t.match(attempt(Buffer.from('x'.repeat(20)), 1, { maxLineBytes: 10 }).error?.message, /line.*maxLineBytes \(10\)/)
})

t.test('the ID of an event that is too long is not the last event ID', async t => {
  for (const data of ['x'.repeat(11), '好'.repeat(4), 'x\ndata: '.repeat(20)]) {
    const { parser } = listen({ maxEventBytes: 10 })
    t.throws(() => parser.feed(`id: 1\ndata: 1\n\nid: 2\ndata: ${data}\n\n`), { name: 'EventStreamError' })
    t.equal(parser.lastEventId, '1')
  }
})

t.test('what is wrong at the call', async t => {
  const handlers = { event: () => {} }
  const wrong = (make: () => unknown, error: { name: string; code?: string; message?: RegExp }) =>
    t.throws(make, error)
  wrong(() => new EventStreamParser(undefined as never), { name: 'TypeError', message: /handlers\.event/ })
  wrong(() => new EventStreamParser({} as never), { name: 'TypeError', message: /handlers\.event/ })
  for (const limit of [0, -1, Number.NaN, '1', null]) {
    const error = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }
    wrong(() => new EventStreamParser(handlers, { maxLineBytes: limit as number }), {
      ...error,
      message: /maxLineBytes/,
    })
    wrong(() => new EventStreamParser(handlers, { maxEventBytes: limit as number }), {
      ...error,
      message: /maxEventBytes/,
    })
  }
  wrong(() => new EventStreamParser(handlers, { lastEventId: 1 as never }), {
    name: 'TypeError',
    message: /lastEventId/,
  })
  const parser = new EventStreamParser(handlers)
  for (const chunk of [
    undefined,
    null,
    1,
    [1],
    new ArrayBuffer(1),
    new Uint16Array(1),
    new DataView(new ArrayBuffer(1)),
  ]) {
    wrong(() => parser.feed(chunk as never), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
  parser.end()
  parser.end()
  wrong(() => parser.feed('x'), { name: 'TypeError', code: 'ERR_EVENT_STREAM_ENDED' })
})

t.test('a handler that throws: nothing is lost, nothing comes twice', async t => {
  const stream = 'data: 1\n\n: 2\nretry: 3\nevent: e\ndata: 4\n\nid: 5\r\ndata: 5\r\n\r\ndata: 6\n\ndata: 7'
  everySplit(Buffer.from(stream), chunks => {
    const log: string[] = []
    const hear = (what: string) => {
      log.push(what)
      throw new Error(what)
    }
    const parser = new EventStreamParser({
      event: ({ type, data, lastEventId }) => hear(`${type} ${data} ${lastEventId}`),
      comment: text => hear(text),
      retry: time => hear(`${time}`),
    })
    const thrown: string[] = []
    const attempt = (step: () => void) => {
      for (let again = true; again; ) {
        try {
          step()
          again = false
        } catch (error) {
          thrown.push((error as Error).message)
          step = () => parser.feed('')
        }
      }
    }
    for (const chunk of chunks) attempt(() => parser.feed(chunk))
    const expected = ['message 1 ', '2', '3', 'e 4 ', 'message 5 5', 'message 6 5']
    t.strictSame(log, expected, `in ${chunks.length}`)
    t.strictSame(thrown, expected)
    parser.feed('\n')
    attempt(() => parser.feed('\n'))
    t.equal(log.at(-1), 'message 7 5')
  })
})

t.test('after a handler has thrown, the next chunk goes on with what was left', async t => {
  let fails = true
  const log: string[] = []
  const parser = new EventStreamParser({
    event: ({ data }) => {
      log.push(data)
      if (fails) throw new Error('once')
    },
  })
  t.throws(() => parser.feed('data: 1\n\ndata: 2\n\ndata: '), { message: 'once' })
  fails = false
  parser.feed('3')
  t.strictSame(log, ['1', '2'])
  parser.feed('\r\n\r')
  t.strictSame(log, ['1', '2', '3'])

  fails = true
  t.throws(() => parser.feed('\ndata: 4\n\ndata: 5\n\ndata: 6\n'), { message: 'once' })
  fails = false
  parser.end()
  t.strictSame(log, ['1', '2', '3', '4', '5'], 'whole events are heard at the end, the unfinished one is not')
})

t.test('a handler that calls back', async t => {
  const log: string[] = []
  const refused: unknown[] = []
  const parser: EventStreamParser = new EventStreamParser({
    event: ({ data, lastEventId }) => {
      log.push(data)
      t.equal(parser.lastEventId, lastEventId, 'the state is that of the event')
      try {
        parser.feed('data: inner\n\n')
      } catch (error) {
        refused.push((error as { code?: string }).code)
      }
      if (data === '2') parser.end()
    },
  })
  parser.feed('id: a\ndata: 1\n\nid: b\ndata: 2\n\ndata: 3\n\n')
  t.strictSame(log, ['1', '2'], 'end in a handler: no event after that')
  t.strictSame(refused, ['ERR_EVENT_STREAM_REENTRANT', 'ERR_EVENT_STREAM_REENTRANT'])
  t.throws(() => parser.feed('data: 4\n\n'), { code: 'ERR_EVENT_STREAM_ENDED' })
  t.equal(parser.lastEventId, 'b')
})

t.test('handlers are methods of their object', async t => {
  class Log {
    heard: string[] = []
    event({ data }: { data: string }) {
      this.heard.push(data)
    }
    comment(text: string) {
      this.heard.push(text)
    }
  }
  const log = new Log()
  new EventStreamParser(log).feed(': a\nretry: 1\ndata: b\n\n')
  t.strictSame(log.heard, ['a', 'b'])
})

t.test('what is not complete holds little more than its own bytes, whatever it came in', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const comment = `:${'c'.repeat(60_000)}\n`
  const shapes: Readonly<Record<string, readonly [chunk: string, times: number]>> = {
    'a million lines of data': ['data\n'.repeat(10_000), 100],
    'lines of data that are cut anywhere': ['data:12\nda', 200_000],
    'a short line of data with a long comment in each chunk': [`data: 12345678901234567890\n${comment}`, 1000],
    'a long line, byte by byte': ['x', 100_000],
    'an ID in each chunk': [`id: 12345678901234567890\n${comment}`, 1000],
  }
  for (const [name, [chunk, times]] of Object.entries(shapes)) {
    const parser = new EventStreamParser({ event: () => {} })
    const bytes = Buffer.from(chunk)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < times; n++) parser.feed(bytes)
    collect()
    const held = process.memoryUsage().heapUsed - before
    // Data or a line of up to 1 MiB, and as much again that is about to be put together; a rope was 28 MiB.
    t.ok(held < 5 * 2 ** 20, `${name}: ${(held / 2 ** 20).toFixed(1)} MiB`)
    t.doesNotThrow(() => parser.feed('\n\n'))
  }
})

t.test('the cost of a byte does not grow with the length of the input', async t => {
  const cut = (text: string, size: number) => {
    const bytes = Buffer.from(text)
    return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
  }
  const shapes: Readonly<Record<string, readonly [least: number, chunks: (count: number) => Buffer[]]>> = {
    'one line, byte by byte': [2 ** 14, count => cut(`data: ${'x'.repeat(count)}\n\n`, 1)],
    'one line of several bytes a character, byte by byte': [
      2 ** 12,
      count => cut(`data: ${'好'.repeat(count)}\n\n`, 1),
    ],
    'one line in chunks of 1,400 bytes': [2 ** 20, count => cut(`data: ${'x'.repeat(count)}\n\n`, 1400)],
    'empty lines': [2 ** 16, count => cut('\n'.repeat(count), 65_536)],
    'lines that end with CR, and one LF, in one chunk': [
      2 ** 14,
      count => cut(`${'data: x\r'.repeat(count)}\n`, 2 ** 24),
    ],
    'lines that end with LF, and one CR, in one chunk': [
      2 ** 14,
      count => cut(`${'data: x\n'.repeat(count)}\r`, 2 ** 24),
    ],
    'lines without a colon, in one chunk': [2 ** 13, count => cut('data\n\nfoo\n'.repeat(count), 2 ** 24)],
    'events in one chunk': [2 ** 16, count => cut('data: x\n\n'.repeat(count), 2 ** 24)],
    'data lines of one event': [2 ** 14, count => cut('data\n'.repeat(count), 65_536)],
  }
  for (const [name, [least, shape]] of Object.entries(shapes)) {
    const exponent = timeExponent(least, 16, count => {
      const chunks = shape(count)
      const { parser } = listen({ maxLineBytes: Infinity, maxEventBytes: Infinity })
      return () => {
        for (const chunk of chunks) parser.feed(chunk)
      }
    })
    t.ok(exponent < LINEAR, `${name}: exponent ${exponent.toFixed(2)}`)
  }
})
