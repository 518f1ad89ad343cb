/**
 * Groups EC1 to EC3: how a client reads a stream (HTML §9.2.5, §9.2.6). Each case is a stream, whole or in pieces, and the
 * events that must come of it, written out by hand. The pieces are chunks of HTTP, each written in a turn of its own: what
 * TCP puts together comes to the client's parser apart, or together, and must not matter.
 */
import type { Case, Group } from '../case.ts'
import type { Verdict } from '../verdict.ts'
import { judgeEvents } from './client-report.ts'
import { EventStreamClientPeer } from './client-stream.ts'
import { type About, caseFor, failed } from './finding.ts'
import { BOM, type StreamEvent } from './stream.ts'

export const CLIENT_PARSING_GROUPS: readonly Group[] = [
  { id: 'EC1', title: 'Event stream clients: line ends and chunks' },
  { id: 'EC2', title: 'Event stream clients: fields' },
  { id: 'EC3', title: 'Event stream clients: UTF-8' },
]

interface Reading extends About {
  readonly pieces: readonly (string | Buffer)[]
  readonly events: readonly StreamEvent[]
  /** The reconnection time, by which cases are short, stands in front. Default: behind. */
  readonly isUnfinished?: boolean
}

const SOON = 'retry:1\n\n'

function event(data: string, lastEventId = '', type = 'message'): StreamEvent {
  return { type, data, lastEventId }
}

/** A stream in which line ends stand as LF, with all that they can end. */
const LINES =
  ': one\nid:1\ndata:a\ndata:b\n\nevent:note\nid:2\ndata\n\n:\nid:3\ndata:c\nretry:1\n\n\nid:4\ndata:d\n\n'
const OF_LINES = [event('a\nb', '1'), event('', '2', 'note'), event('c', '3'), event('d', '4')]

const LINE_ENDS: readonly (readonly [name: string, write: (stream: string) => string])[] = [
  ['LF', stream => stream],
  ['CR', stream => stream.replaceAll('\n', '\r')],
  ['CRLF', stream => stream.replaceAll('\n', '\r\n')],
  ['all three in turn', mixed],
]

/** Never CR in front of LF, which would be one line end. */
function mixed(stream: string): string {
  const ends = ['\r\n', '\r', '\r\n', '\n', '\r']
  let at = 0
  let last = ''
  return stream.replace(/\n/g, (_, offset: number) => {
    const isBehind = stream[offset - 1] === '\n' && last === '\r'
    if (isBehind && ends[at % ends.length] === '\n') at++
    last = ends[at++ % ends.length]!
    return last
  })
}

const octets = (bytes: Buffer): Buffer[] => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))

/** The stream again and again, cut in two at another place each time. */
function everySplit(bytes: Buffer): Buffer[] {
  return octets(bytes)
    .slice(1)
    .flatMap((_, at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)])
}

const CHUNKINGS: readonly (readonly [name: string, cut: (bytes: Buffer) => Buffer[]])[] = [
  ['whole', bytes => [bytes]],
  ['octet by octet', octets],
  ['cut in two at every place', everySplit],
]

function times<T>(count: number, list: readonly T[]): T[] {
  return Array.from({ length: count }, () => list).flat()
}

const ENDS = 'HTML §9.2.5'
const FIELDS = 'HTML §9.2.6'

const CHUNKS: readonly Reading[] = [
  ...LINE_ENDS.flatMap(([end, write]) =>
    CHUNKINGS.map(([chunking, cut]): Reading => {
      const bytes = Buffer.from(write(LINES))
      const repeats = cut === everySplit ? bytes.length - 1 : 1
      return {
        title: `Lines that end with ${end}, ${chunking}`,
        clause: ENDS,
        pieces: cut(bytes),
        events: times(repeats, OF_LINES),
      }
    }),
  ),
  {
    title: 'An empty line of CRLF behind a line of LF, and the reverse',
    clause: ENDS,
    pieces: ['data:a\n\r\ndata:b\r\n\ndata:c\r\r\ndata:d\r\n\r'],
    events: ['a', 'b', 'c', 'd'].map(data => event(data)),
  },
  {
    title: 'CR and LF of a CRLF in chunks of their own, with empty lines around',
    clause: ENDS,
    pieces: ['data:a\r', '\n', '\r', '\n', 'data:b\r', '\ndata:c\r', '\n\r\n'],
    events: [event('a'), event('b\nc')],
  },
  {
    title: 'A stream of line ends alone',
    clause: ENDS,
    pieces: ['\n\r\n\r\r\n\n\n'],
    events: [],
  },
  {
    title: 'A line of a mebibyte',
    clause: ENDS,
    pieces: [`data:${'x'.repeat(2 ** 20)}\n\n`, 'data:b\n\n'],
    // It is in the report, so one behind it is enough to be compared.
    events: [event('x'.repeat(2 ** 20)), event('b')],
  },
  {
    title: 'An event of ten thousand lines',
    clause: ENDS,
    pieces: [`${'data:x\n'.repeat(10_000)}\n`],
    events: [event('x\n'.repeat(10_000).slice(0, -1))],
  },
  {
    title: 'Five thousand events in one chunk',
    clause: ENDS,
    pieces: ['data:x\n\n'.repeat(5000)],
    events: times(5000, [event('x')]),
  },
  {
    title: 'A comment of a mebibyte, which is nothing',
    clause: ENDS,
    pieces: [`:${'x'.repeat(2 ** 20)}\n`, 'data:a\n\n'],
    events: [event('a')],
  },
]

function field(title: string, stream: string, ...events: StreamEvent[]): Reading {
  return { title, clause: FIELDS, pieces: [stream], events }
}

function unfinished(title: string, stream: string, ...events: StreamEvent[]): Reading {
  return { ...field(title, stream, ...events), isUnfinished: true }
}

const FIELD_READINGS: readonly Reading[] = [
  field('A field without a colon has an empty value', 'data\n\ndata: b\n\n', event(''), event('b')),
  field('A field with nothing behind its colon', 'data:\n\n', event('')),
  field('Lines of data that are empty', 'data\ndata\n\ndata:\ndata: x\ndata\n\n', event('\n'), event('\nx\n')),
  field('One space behind the colon is no part of the value', 'data: a\n\ndata:b\n\n', event('a'), event('b')),
  field('No more than one space is taken away', 'data:  a\n\ndata:   \n\n', event(' a'), event('  ')),
  field('A tab behind the colon stays', 'data:\ta\n\ndata: \tb\n\n', event('\ta'), event('\tb')),
  field('Spaces at the end stay', 'data: a  \n\n', event('a  ')),
  field('A second colon belongs to the value', 'data: a: b:\n\ndata::\n\n', event('a: b:'), event(':')),
  field('A space in front of the colon belongs to the name', 'data : a\nid : 1\n\ndata: b\n\n', event('b')),
  field('A space at the beginning of a line belongs to the name', ' data: a\n\tdata: a\n\ndata: b\n\n', event('b')),
  field('A comment is nothing', ': a\n:data: a\n::\n:\n\ndata: b\n\n', event('b')),
  field('A comment amid an event is nothing', 'data: a\n: x\ndata: b\n:\n\n', event('a\nb')),
  field(
    'Fields that nobody knows are nothing',
    'x: a\ndatas: a\ndat: a\ndata-x: a\nid2: 1\n\ndata: b\nfoo\n\n',
    event('b'),
  ),
  field(
    'Names in other cases are not known',
    'DATA: a\nData: a\nID: 1\nEvent: note\nRETRY: 1\ndata: b\n\n',
    event('b'),
  ),
  field(
    'The event type',
    'event: note\ndata: a\n\ndata: b\nevent:note\n\n',
    event('a', '', 'note'),
    event('b', '', 'note'),
  ),
  field('The event type is of one event', 'event: note\ndata: a\n\ndata: b\n\n', event('a', '', 'note'), event('b')),
  field(
    'An event type that is empty is that of messages',
    'event: note\nevent\ndata: a\n\nevent:\ndata: b\n\n',
    event('a'),
    event('b'),
  ),
  field('Of two event types the last counts', 'event: x\nevent: note\ndata: a\n\n', event('a', '', 'note')),
  field(
    'Event types with a space in front, in capitals, with a colon, beyond ASCII, and special to programs',
    'event:  note\ndata: a\n\nevent: NOTE\ndata: b\n\nevent: a:b\ndata: c\n\nevent: é☃\ndata: d\n\nevent: __proto__\ndata: e\n\n',
    event('a', '', ' note'),
    event('b', '', 'NOTE'),
    event('c', '', 'a:b'),
    event('d', '', 'é☃'),
    event('e', '', '__proto__'),
  ),
  field(
    'Without data nothing is dispatched, and the type is gone',
    'event: note\n\nid: 7\n\ndata: a\n\n',
    event('a', '7'),
  ),
  field(
    'An ID stays until another comes',
    'id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n',
    event('a', '1'),
    event('b', '1'),
    event('c', '2'),
  ),
  field(
    'An ID that is empty takes the last away',
    'id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\ndata: c\n\nid:\ndata: d\n\n',
    event('a', '1'),
    event('b'),
    event('c', '2'),
    event('d'),
  ),
  field(
    'An ID with NUL is nothing',
    'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\ndata: c\n\n',
    event('a', '1'),
    event('b', '1'),
    event('c', '1'),
  ),
  field('Of two IDs the last counts, wherever it stands', 'id: 1\ndata: a\nid: 2\n\n', event('a', '2')),
  field('An ID is any text', 'id:  a: b \ndata: a\n\nid: é☃𝄞\ndata: b\n\n', event('a', ' a: b '), event('b', 'é☃𝄞')),
  field('A reconnection time leaves no trace in an event', 'data: a\nretry: 1\ndata: b\n\n', event('a\nb')),
  field('NUL in data stays', 'data: a\0b\n\n', event('a\0b')),
  field(
    'What ends lines elsewhere is text here',
    'data: a\u000bb\u000cc\u0085d\u2028e\u2029f\n\n',
    event('a\u000bb\u000cc\u0085d\u2028e\u2029f'),
  ),
  field('Empty lines in a row are one', '\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n', event('a'), event('b')),
  unfinished('An event without an empty line behind it is not dispatched', 'data: a\n\ndata: b\n', event('a')),
  unfinished('A line without its end is nothing', 'data: a\n\ndata: b', event('a')),
  unfinished(
    'A line without its end amid an event is nothing, and so is the event',
    'data: a\n\ndata: b\nda',
    event('a'),
  ),
  unfinished('Nothing at all', ''),
]

const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))))

const TEXT = 'aé☃𝄞z\u{10ffff}\ufffd'
const OF_TEXT = `id: ${TEXT}\nevent: é☃\ndata: ${TEXT}\n\n`

function utf8(title: string, pieces: Reading['pieces'], ...events: StreamEvent[]): Reading {
  return { title, clause: ENDS, pieces, events }
}

const UTF8_READINGS: readonly Reading[] = [
  utf8('A byte order mark at the beginning is no part of the stream', [`${BOM}data: a\n\n`], event('a')),
  utf8('A byte order mark octet by octet', octets(bytes(`${BOM}data: a\n\n`)), event('a')),
  utf8('Of two byte order marks the second stays', [`${BOM}${BOM}data: a\n\ndata: b\n\n`], event('b')),
  utf8(
    'A byte order mark at the beginning of another line stays',
    [`data: a\n\n${BOM}data: b\n\ndata: c\n\n`],
    event('a'),
    event('c'),
  ),
  utf8('A byte order mark in data stays', [`data:${BOM}a\n\ndata: ${BOM}b\n\n`], event(`${BOM}a`), event(`${BOM}b`)),
  utf8('Half a byte order mark is no byte order mark', [bytes(0xef, 0xbb, 'data: a\n\ndata: b\n\n')], event('b')),
  utf8('A byte order mark of UTF-16 is none here', [bytes(0xff, 0xfe, 'data: a\n\ndata: b\n\n')], event('b')),
  ...CHUNKINGS.map(([chunking, cut]) => {
    const stream = Buffer.from(OF_TEXT)
    const repeats = cut === everySplit ? stream.length - 1 : 1
    return utf8(
      `Characters of one to four octets, ${chunking}`,
      cut(stream),
      ...times(repeats, [event(TEXT, TEXT, 'é☃')]),
    )
  }),
  ...(
    [
      ['an octet that continues nothing', bytes('a', 0x80, 'b'), 'a\ufffdb'],
      ['octets that UTF-8 never has', bytes('a', 0xff, 0xfe, 'b'), 'a\ufffd\ufffdb'],
      ['a character that is cut', bytes('a', 0xe2, 0x82, 'b'), 'a\ufffdb'],
      ['a character of four octets that is cut', bytes('a', 0xf0, 0x9d, 0x84, 'b'), 'a\ufffdb'],
      ['an overlong form', bytes('a', 0xc0, 0xaf, 'b'), 'a\ufffd\ufffdb'],
      ['a surrogate', bytes('a', 0xed, 0xa0, 0x80, 'b'), 'a\ufffd\ufffd\ufffdb'],
      ['a character beyond U+10FFFF', bytes('a', 0xf4, 0x90, 0x80, 0x80, 'b'), 'a\ufffd\ufffd\ufffd\ufffdb'],
      ['a character that the line end cuts', bytes('a', 0xe2, 0x82), 'a\ufffd'],
    ] as const
  ).flatMap(([words, given, comes]) => {
    const stream = Buffer.concat([bytes('data: '), given, bytes('\n\ndata: c\n\n')])
    return [
      utf8(`Not UTF-8: ${words} becomes U+FFFD`, [stream], event(comes), event('c')),
      utf8(`Not UTF-8: ${words}, octet by octet`, octets(stream), event(comes), event('c')),
    ]
  }),
]

async function play(
  { pieces, events, isUnfinished = false }: Reading,
  peer: EventStreamClientPeer,
): Promise<Verdict> {
  const request = await peer.next()
  if (request === undefined) return failed('expected the client to ask for the stream, it did not')
  await request.answer({ pieces: isUnfinished ? [SOON, ...pieces] : [...pieces, SOON] })
  await peer.settle(pieces.reduce((sum, piece) => sum + piece.length, 0))
  return judgeEvents(await peer.report(), events)
}

function cases(group: string, readings: readonly Reading[]): Case[] {
  return readings.map((it, i) =>
    caseFor('client', EventStreamClientPeer, `${group}.${i + 1}`, it, peer => play(it, peer)),
  )
}

export const CLIENT_PARSING_CASES: readonly Case[] = [
  ...cases('EC1', CHUNKS),
  ...cases('EC2', FIELD_READINGS),
  ...cases('EC3', UTF8_READINGS),
]
