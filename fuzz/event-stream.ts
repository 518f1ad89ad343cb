/**
 * Event streams made of what matters to them, well-formed or not, cut anywhere. The parser against a second one, written
 * from WHATWG HTML §9.2.6 a sentence at a time with no thought of speed, and against eventsource-parser but for
 * {@link DIFFERENCES}; every chunking and handlers that throw against the same; and what is encoded comes out again.
 */
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { type EventFields, encodeEvent } from '../lib/event-stream/encoder.ts'
import { EventStreamParser } from '../lib/event-stream/parser.ts'
import { fromProperty, hold } from './target.ts'
import { cut, cuts } from './traffic.ts'

/** Where eventsource-parser 4.1 says something else, and how it is brought in line here. */
export const DIFFERENCES = [
  [
    'an event without an ID',
    'has the last one: "the last event ID buffer [...] does not get reset"',
    'undefined',
    'the ID of its own block is compared',
  ],
  ['an ID in a block without data', 'holds from then on', 'is dropped', 'as above'],
  ['no event type', '"message"', 'undefined', 'mapped'],
  ['a reconnection time above 2^53 - 1', 'an integer; here 2^53 - 1', 'rounded, or Infinity', 'mapped'],
  ['a string that begins with the characters EF BB BF', 'text', 'strips them', 'not generated'],
] as const satisfies readonly (readonly [what: string, standard: string, other: string, treatment: string])[]

/** An event as [type, data, last event ID, ID of its own block]; a comment; a reconnection time. */
type Entry = readonly [string, string, string, string | undefined] | { comment: string } | { retry: number }

const text = (...parts: string[]) => parts.map(part => Buffer.from(part))
const piece = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...text('\n', '\r', '\r\n', '\n\n', '\r\r', ':', ' ', '\0')) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...text('data', 'event', 'id', 'retry', 'data:', 'data: ', 'event: ', 'id: ', 'retry: '),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...text('a', '12', 'Data', 'é', '好', '😀', '\ufeff', '\u2028', '99999999999999999999'),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['80', 'c0', 'c3', 'e5', 'e5a5', 'ed', 'f0', 'f09f98', 'ff', 'efbb'].map(hex => Buffer.from(hex, 'hex')),
    ),
  },
)
const stream = fc.array(piece, { maxLength: 60 }).map(pieces => Buffer.concat(pieces))

const parsing = fc.property(stream, cuts, fc.nat(), (bytes, sizes, place) => {
  const expected = judgeStream(bytes, sizes, place)
  same(parseElsewhere(cut(bytes, sizes)), expected.map(withOwnId), 'eventsource-parser')
})

/** Throws for what must not be; returns what is right. */
export function judgeStream(bytes: Buffer, sizes: readonly number[], place: number): readonly Entry[] {
  const expected = read(bytes)
  const events = expected.map(withLastEventId)
  const at = place % (bytes.length + 1)
  same(parse([bytes]), events, 'whole')
  same(parse([bytes.subarray(0, at), bytes.subarray(at)]), events, `cut at ${at}`)
  same(parse(Array.from(bytes, byte => Uint8Array.of(byte))), events, 'byte by byte')
  same(parse(cut(bytes, sizes)), events, `chunks of ${sizes}`)
  same(parse(cut(bytes, sizes), true), events, `chunks of ${sizes}, handlers throw`)
  const decoded = new TextDecoder().decode(bytes)
  if (!decoded.startsWith('\ufeff')) same(parse(cutString(decoded, sizes)), events, `strings of ${sizes}`)
  return expected
}

const anyText = fc.string({ unit: fc.constantFrom('\r', '\n', ':', '\0', ' ', 'a', 'data', '好', '😀', '\ufeff') })
const line = anyText.map(value => value.replace(/[\r\n]/g, ''))
const fields: fc.Arbitrary<EventFields> = fc.record(
  {
    event: line,
    data: anyText,
    id: line.map(value => value.replaceAll('\0', '')),
    retry: fc.maxSafeNat(),
    comment: anyText,
  },
  { requiredKeys: [] },
)

const roundTrip = fc.property(fc.array(fields, { maxLength: 5 }), cuts, (events, sizes) => {
  const expected: Entry[] = []
  let lastEventId = ''
  for (const { event, data, id, retry, comment } of events) {
    lastEventId = id ?? lastEventId
    if (comment !== undefined) {
      for (const line of withLineFeeds(comment).split('\n')) expected.push({ comment: line })
    }
    if (retry !== undefined) expected.push({ retry })
    if (data !== undefined) expected.push([event || 'message', withLineFeeds(data), lastEventId, id])
  }
  const encoded = events.map(encodeEvent).join('')
  same(parse(cutString(encoded, sizes)), expected.map(withLastEventId), 'strings')
  same(parse(cut(Buffer.from(encoded), sizes)), expected.map(withLastEventId), 'bytes')
  same(parseElsewhere(cut(Buffer.from(encoded), sizes)), expected.map(withOwnId), 'eventsource-parser')
})

export const targets = [fromProperty('event-stream', parsing), fromProperty('encode-event', roundTrip)]

function parse(chunks: Iterable<Uint8Array | string>, throws = false): unknown[] {
  const log: unknown[] = []
  const hear = (entry: unknown) => {
    log.push(entry)
    if (throws) throw entry
  }
  const parser = new EventStreamParser({
    event: ({ type, data, lastEventId }) => hear([type, data, lastEventId]),
    comment: comment => hear({ comment }),
    retry: retry => hear({ retry }),
  })
  for (const chunk of chunks) {
    let next: Uint8Array | string = chunk
    for (let heard = -1; heard !== log.length; next = '') {
      heard = log.length
      try {
        parser.feed(next)
      } catch (thrown) {
        hold(thrown === log.at(-1), () => `thrown: ${thrown}`)
      }
    }
  }
  parser.end()
  return log
}

function parseElsewhere(chunks: Iterable<Uint8Array>): unknown[] {
  const log: unknown[] = []
  // It strips the byte order mark itself.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const parser = createParser({
    onEvent: ({ event = 'message', data, id }) => log.push([event, data, id]),
    onComment: comment => log.push({ comment }),
    onRetry: retry => log.push({ retry: Math.min(retry, Number.MAX_SAFE_INTEGER) }),
  })
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
  return log
}

/** §9.2.6, sentence by sentence. */
function read(bytes: Uint8Array): Entry[] {
  const log: Entry[] = []
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/)
  lines.pop() // not ended
  let [data, type, id, lastEventId] = ['', '', '', '']
  let ownId: string | undefined
  for (const line of lines) {
    if (line === '') {
      lastEventId = id
      if (data !== '') log.push([type === '' ? 'message' : type, data.slice(0, -1), lastEventId, ownId])
      data = ''
      type = ''
      ownId = undefined
      continue
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (colon === 0) log.push({ comment: value })
    else if (field === 'event') type = value
    else if (field === 'data') data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) ownId = id = value
    else if (field === 'retry' && /^[0-9]+$/.test(value))
      log.push({ retry: Math.min(Number(value), Number.MAX_SAFE_INTEGER) })
  }
  return log
}

function withLastEventId(entry: Entry): unknown {
  return 'length' in entry ? entry.slice(0, 3) : entry
}

function withOwnId(entry: Entry): unknown {
  return 'length' in entry ? [entry[0], entry[1], entry[3]] : entry
}

function cutString(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    const size = sizes[Math.min(pieces.length, sizes.length - 1)] ?? text.length
    pieces.push(text.slice(at, at + size))
    at += size
  }
  return pieces
}

function withLineFeeds(value: string): string {
  return value.replace(/\r\n?/g, '\n')
}

function same(actual: unknown, expected: unknown, how: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  hold(is === should, () => `${how}\n  is     ${is}\n  should ${should}`)
}
