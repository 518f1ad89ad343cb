/**
 * Event streams: parsing against eventsource-parser, which is given bytes through a `TextDecoder`, as its users do, and
 * encoding against better-sse's buffer.
 *
 *     node dist/bench/event-stream.js [--only text] [--runs 3]
 *
 * Each case runs in processes of its own, so that no case profits or suffers from what the compiler has learnt from
 * another. In one, the two take turns of about a millisecond, and the one that begins changes every time. Printed are
 * the medians of those turns and, as "times", the median over the processes of theirs divided by ours: above 1 we are
 * faster. Chunks are of 64 KiB unless the name says otherwise.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createEventBuffer } from 'better-sse'
import { createParser } from 'eventsource-parser'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { encodeEvent } from '../lib/event-stream/encoder.ts'
import { EventStreamParserStream, parseEventStream } from '../lib/event-stream/parse-event-stream.ts'
import { EventStreamParser } from '../lib/event-stream/parser.ts'
import { median } from './statistics.ts'
import { measureTurns } from './turns.ts'

type Chunk = Uint8Array | string

export interface Case {
  /** What a turn goes through, in bytes; for encoding, of the result. */
  readonly bytes: number
  readonly ours: () => unknown
  readonly theirs: () => unknown
}

const TOKEN = 'data: {"choices":[{"delta":{"content":"tok"}}]}\n\n'
const OPENAI =
  'data: {"id":"chatcmpl-9xYz0123456789abcdefghijkl","object":"chat.completion.chunk","created":1718000000,' +
  '"model":"gpt-4o-2024-05-13","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,' +
  '"finish_reason":null}]}\n\n'
const ANTHROPIC =
  'event: content_block_delta\n' +
  'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" token"}}\n\n'
const EVENT = `data: ${'x'.repeat(92)}\n\n`
const CHINESE = 'data: 服务器推送事件是一种让网页从服务器自动接收更新的技术。\n\n'
const WITH_ID = 'id: 1718000000-12345\ndata: {"symbol":"ABC","price":12.5}\n\n'
const LINES = 'event: log\ndata: a first line of it\ndata: a second line of it\ndata: a third\n\n'

let heard = 0

export const CASES: Readonly<Record<string, () => Case>> = {
  '100-byte events': () => bytes(EVENT),
  token: () => bytes(TOKEN, TOKEN.length),
  'token, Uint8Array': () => parsing(repeat(TOKEN, 2 ** 17, TOKEN.length).map(chunk => new Uint8Array(chunk))),
  'token, OpenAI': () => bytes(OPENAI, OPENAI.length),
  'token, Anthropic': () => bytes(ANTHROPIC, ANTHROPIC.length),
  'token, Chinese': () => bytes(TOKEN.replace('tok', '事件'), Buffer.byteLength(TOKEN) + 3),
  'token, nothing but Chinese': () => bytes(CHINESE, Buffer.byteLength(CHINESE)),
  'token, CRLF': () => bytes(crlf(TOKEN), TOKEN.length + 2),
  'OpenAI events': () => bytes(OPENAI),
  'Anthropic events': () => bytes(ANTHROPIC),
  'events with IDs': () => bytes(WITH_ID),
  'multi-line data': () => bytes(LINES),
  comments: () => bytes(': keep-alive\n\n'),
  CRLF: () => bytes(crlf(EVENT)),
  CR: () => bytes(EVENT.replaceAll('\n', '\r')),
  Chinese: () => bytes(CHINESE),
  'mostly ASCII': () => bytes(`${EVENT.repeat(9)}data: d\u00e9j\u00e0 vu, 12 \u20ac\n\n`),
  '8-byte events': () => bytes('data:1\n\n'),
  'empty lines': () => bytes('\n'),
  'data lines of one event': () => bytes('data: a line\n'),
  'chunks of 1,400 bytes': () => bytes(OPENAI, 1400),
  'chunks of 16 bytes': () => bytes(EVENT, 16),
  'chunks of 1 byte': () => bytes(EVENT, 1, 2 ** 14),
  'chunks of 1 byte, Chinese': () => bytes(CHINESE, 1, 2 ** 14),
  'a line of 900 kB in chunks of 1,400 bytes': () => bytes(`data: ${'x'.repeat(900_000)}\n\n`, 1400),
  'one chunk of 16 MiB': () => bytes(EVENT, 2 ** 24, 2 ** 24),
  'strings: 100-byte events': () => strings(EVENT),
  'strings: token': () => strings(TOKEN, TOKEN.length),
  'strings: token, OpenAI': () => strings(OPENAI, OPENAI.length),
  'strings: Anthropic events': () => strings(ANTHROPIC),
  'strings: events with IDs': () => strings(WITH_ID),
  'strings: multi-line data': () => strings(LINES),
  'strings: comments': () => strings(': keep-alive\n\n'),
  'strings: CRLF': () => strings(crlf(EVENT)),
  'strings: Chinese': () => strings(CHINESE),
  'strings: 8-byte events': () => strings('data:1\n\n'),
  'strings: chunks of 16 bytes': () => strings(EVENT, 16),
  'TransformStream, token, OpenAI': () => webStreams(),
  'parseEventStream, token, OpenAI': () => iterating(),
  'encode a short event': () => encoding({ event: 'price', id: '12345', data: '{"symbol":"ABC","price":12.5}' }),
  'encode data of 1 KiB': () => encoding({ event: 'log', id: '12345', data: 'x'.repeat(1024) }),
}

function bytes(pattern: string, size = 65_536, total = 2 ** 18): Case {
  return parsing(repeat(pattern, total, size))
}

function strings(pattern: string, size = 65_536): Case {
  const decoder = new TextDecoder()
  // As a reader of text gets them: a string of its own for each chunk.
  return parsing(repeat(pattern, 2 ** 18, size).map(chunk => decoder.decode(chunk, { stream: true })))
}

function repeat(pattern: string, total: number, size: number): Buffer[] {
  const whole = Buffer.from(pattern.repeat(Math.ceil(total / Buffer.byteLength(pattern))))
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, at) => whole.subarray(at * size, (at + 1) * size))
}

function crlf(text: string): string {
  return text.replaceAll('\n', '\r\n')
}

function parsing(chunks: readonly Chunk[]): Case {
  const isText = typeof chunks[0] === 'string'
  return {
    bytes: chunks.reduce((sum, chunk) => sum + Buffer.byteLength(chunk), 0),
    ours() {
      const parser = new EventStreamParser({ event: ({ data }) => void (heard += data.length) })
      for (const chunk of chunks) parser.feed(chunk)
    },
    theirs() {
      const parser = createParser({ onEvent: ({ data }) => void (heard += data.length) })
      const decoder = new TextDecoder()
      if (isText) for (const chunk of chunks as readonly string[]) parser.feed(chunk)
      else for (const chunk of chunks as readonly Uint8Array[]) parser.feed(decoder.decode(chunk, { stream: true }))
    },
  }
}

function source(): ReadableStream<Uint8Array> {
  const chunks = repeat(OPENAI, 2 ** 17, OPENAI.length)
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[at++]
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
  })
}

async function count(events: AsyncIterable<{ readonly data: string }>): Promise<void> {
  for await (const { data } of events) heard += data.length
}

const throughTheirs = () => source().pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())

function webStreams(): Case {
  const ours = () => count(source().pipeThrough(new EventStreamParserStream()))
  return { bytes: 2 ** 17, ours, theirs: () => count(throughTheirs()) }
}

function iterating(): Case {
  return { bytes: 2 ** 17, ours: () => count(parseEventStream(source())), theirs: () => count(throughTheirs()) }
}

function encoding(event: { event: string; id: string; data: string }): Case {
  const buffer = createEventBuffer({ serializer: data => data as string })
  // Flat, as a write needs it.
  const ours = () => Buffer.byteLength(encodeEvent(event))
  const theirs = () => {
    buffer.clear()
    buffer.push(event.data, event.event, event.id)
    return Buffer.byteLength(buffer.read())
  }
  const many = (encode: () => number) => () => {
    for (let round = 0; round < 1000; round++) heard += encode()
  }
  return { bytes: 1000 * ours(), ours: many(ours), theirs: many(theirs) }
}

interface Result {
  /** Nanoseconds per byte. */
  readonly ours: number
  readonly theirs: number
}

async function measure({ bytes, ours, theirs }: Case): Promise<Result> {
  const times = await measureTurns({ ours, theirs })
  return { ours: times.ours! / bytes, theirs: times.theirs! / bytes }
}

const FILE = fileURLToPath(import.meta.url)

function report(only: string, runs: number): void {
  console.log(`${'case'.padEnd(46)}${'ours'.padStart(8)}${'theirs'.padStart(8)}  ns per byte  times`)
  for (const name of Object.keys(CASES).filter(name => name.includes(only))) {
    const results = Array.from({ length: runs }, (): Result => {
      const { status, stdout } = spawnSync(process.execPath, [FILE, '--case', name], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      if (status !== 0) throw new Error(`case ${name} failed`)
      return JSON.parse(stdout)
    })
    const [ours, theirs] = [median(results.map(({ ours }) => ours)), median(results.map(({ theirs }) => theirs))]
    const times = median(results.map(({ ours, theirs }) => theirs / ours))
    console.log(
      `${name.padEnd(46)}${ours.toFixed(3).padStart(8)}${theirs.toFixed(3).padStart(8)}${times.toFixed(2).padStart(20)}`,
    )
  }
}

if (process.argv[1] === FILE) {
  const options = {
    case: { type: 'string' },
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '3' },
  } as const
  const { values } = parseArgs({ options })
  if (values.case === undefined) report(values.only, Number(values.runs))
  else console.log(JSON.stringify(await measure((CASES[values.case] as () => Case)())))
}
