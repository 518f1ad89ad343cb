/**
 * Groups ES1 and ES2: what a server answers to a request for an event stream, and what it writes. They ask nothing of it
 * but what it is for: that it sends events, one in every half second or so.
 */
import type { Case, Group } from '../case.ts'
import { patience, waitFor } from '../patience.ts'
import { ServerPeer, type ServerTarget } from '../server-peer.ts'
import type { Verdict } from '../verdict.ts'
import { type About, caseFor, failed, finding, fine, missing } from './finding.ts'
import { type Asked, ServerStream } from './server-stream.ts'
import { BOM, quote, type StreamLine } from './stream.ts'

export const SERVER_RESPONSE_GROUPS: readonly Group[] = [
  { id: 'ES1', title: 'Event stream servers: the response' },
  { id: 'ES2', title: 'Event stream servers: the stream' },
]

/** Milliseconds for the head of a response. */
const HEAD_LIMIT = 2000
/** Milliseconds for events. */
export const EVENT_LIMIT = 3000
/** How long the framing of a stream is looked at, and its silence where nothing is documented. */
const WATCH = 1500

/** A stream with status 200, whatever its type; or the verdict where there is none. */
export async function openStream(peer: ServerPeer, asked?: Asked): Promise<ServerStream | Verdict> {
  const stream = await ServerStream.open(peer, asked)
  return stream.status === 200 ? stream : failed(`expected status 200, but ${stream.answer}`)
}

export function isVerdict(it: ServerStream | Verdict): it is Verdict {
  return !(it instanceof ServerStream)
}

/** Waits for so many events; or the verdict where they do not come. */
export async function events(stream: ServerStream, count: number, peer: ServerPeer): Promise<Verdict | undefined> {
  const came = () => stream.read.events.length
  if (await stream.until(() => came() >= count, limit(peer, EVENT_LIMIT))) return undefined
  const why = stream.framingFault === undefined ? '' : ` behind wrong framing, ${stream.framingFault}`
  return missing(`${came() === 0 ? 'no event' : `${came()} of ${count} events`} came to be looked at${why}`)
}

export function limit({ options }: ServerPeer, milliseconds: number): number {
  return Math.min(milliseconds * options.pace, options.timeout)
}

type Play = (peer: ServerPeer) => Promise<Verdict>

/** Judges the head of an answer with status 200. */
function ofHead(judge: (stream: ServerStream) => Verdict, asked?: Asked): Play {
  return async peer => {
    const stream = await openStream(peer, asked)
    return isVerdict(stream) ? stream : judge(stream)
  }
}

/** What a plain request gets of a server, for all cases. */
export type Delivery = 'events' | 'comments' | 'nothing'

const known = new WeakMap<ServerTarget, Promise<Delivery>>()

/** What comes of the stream for who asks plainly; found out once. */
export function delivery(peer: ServerPeer): Promise<Delivery> {
  const found = known.get(peer.target) ?? findDelivery(peer)
  known.set(peer.target, found)
  return found
}

async function findDelivery(peer: ServerPeer): Promise<Delivery> {
  const stream = await openStream(peer)
  if (isVerdict(stream)) return 'nothing'
  await stream.until(() => stream.read.events.length > 0, limit(peer, EVENT_LIMIT))
  stream.drop()
  return stream.read.events.length > 0 ? 'events' : stream.length > 0 ? 'comments' : 'nothing'
}

/** Whether there comes what is to be expected. */
export function delivers(stream: ServerStream, wanted: Delivery, peer: ServerPeer): Promise<boolean> {
  const isThere = () => (wanted === 'events' ? stream.read.events.length > 0 : stream.length > 0)
  return stream.until(isThere, limit(peer, EVENT_LIMIT))
}

/** The same stream must come, whatever else is asked. */
function asUsual(asked: Asked): Play {
  return async peer => {
    const usual = await delivery(peer)
    const stream = await openStream(peer, asked)
    if (isVerdict(stream)) return stream
    if (usual === 'nothing') return missing('nothing comes of a plain request either')
    const came = await delivers(stream, usual, peer)
    return came ? fine('answered with the stream') : failed(`expected ${usual}, got a head and nothing like it`)
  }
}

/** `Content-Type` taken apart; undefined where it is none. */
function mediaType(value: string | undefined): { essence: string; parameters: string[] } | undefined {
  const [essence, ...parameters] = (value ?? '').split(';').map(part => part.trim().toLowerCase())
  return essence === undefined || essence === '' ? undefined : { essence, parameters }
}

const RESPONSES: readonly (About & { readonly play: Play })[] = [
  {
    title: 'Status 200 and Content-Type: text/event-stream',
    clause: 'HTML §9.2.2',
    play: ofHead(stream => {
      const came = stream.field('content-type')
      const isRight = mediaType(came)?.essence === 'text/event-stream'
      return isRight
        ? fine('200 and text/event-stream')
        : failed(`expected Content-Type: text/event-stream, got ${came ?? 'none'}`)
    }),
  },
  {
    title: 'No parameter of the Content-Type but charset=utf-8',
    clause: 'HTML §9.2.5',
    play: ofHead(stream => {
      const parameters = mediaType(stream.field('content-type'))?.parameters ?? []
      const strange = parameters.find(it => !/^charset="?utf-8"?$/.test(it))
      if (strange === undefined) return fine(parameters.length === 0 ? 'no parameter' : 'charset=utf-8')
      const words = `expected no parameter but charset=utf-8, got ${quote(strange)}`
      return strange.startsWith('charset') ? failed(words) : finding('NON-STRICT', words)
    }),
  },
  {
    title: 'Cache-Control keeps caches from answering with it',
    clause: 'HTML §9.2.7',
    play: ofHead(stream => {
      const came = stream.field('cache-control')?.toLowerCase()
      if (came === undefined) return finding('NON-STRICT', 'expected Cache-Control: no-cache or no-store, got none')
      if (/\bno-(?:cache|store)\b/.test(came)) return fine(`Cache-Control: ${came}`)
      return failed(`expected Cache-Control: no-cache or no-store, got ${quote(came)}`)
    }),
  },
  {
    title: 'No Content-Encoding where none is asked for',
    clause: 'RFC 9110 §12.5.3',
    play: ofHead(
      stream => {
        const came = stream.field('content-encoding') ?? 'identity'
        return came === 'identity' ? fine('not encoded') : failed(`expected no Content-Encoding, got ${quote(came)}`)
      },
      { fields: { 'Accept-Encoding': 'identity' } },
    ),
  },
  {
    title: 'Accept-Encoding as browsers send it: told is whether it is encoded, which may hold events back',
    clause: 'RFC 9110 §12.5.3',
    play: ofHead(
      stream => {
        const came = stream.field('content-encoding') ?? 'identity'
        return came === 'identity' ? fine('not encoded') : finding('INFORMATIONAL', `encoded with ${quote(came)}`)
      },
      { fields: { 'Accept-Encoding': 'gzip, deflate, br, zstd' } },
    ),
  },
  {
    title: 'No Content-Length: a stream has no length that is known at its beginning',
    clause: 'RFC 9112 §6.1',
    play: ofHead(stream => {
      const came = stream.field('content-length')
      return came === undefined ? fine('no length') : failed(`expected no Content-Length, got ${quote(came)}`)
    }),
  },
  {
    title: 'The framing of the body is right to the octet',
    clause: 'RFC 9112 §7.1',
    async play(peer) {
      const stream = await openStream(peer)
      if (isVerdict(stream)) return stream
      await stream.until(() => stream.framingFault !== undefined, limit(peer, WATCH))
      if (stream.framingFault !== undefined)
        return failed(`expected the chunked coding to be right, got ${stream.framingFault}`)
      if (stream.ended === 'in order' && !stream.isDone) return failed('the body ended without a last chunk')
      return fine(stream.field('transfer-encoding') === undefined ? 'it ends with TCP' : 'chunked, without a fault')
    },
  },
  {
    title: 'The head comes at once, and so does what is sent',
    clause: 'HTML §9.2.7',
    async play(peer) {
      let isLate = false
      const timer = patience(limit(peer, HEAD_LIMIT), () => {
        isLate = true
      })
      const stream = await openStream(peer)
      timer.cancel()
      if (isVerdict(stream)) return stream
      if (isLate) return failed(`expected the head within ${HEAD_LIMIT} ms, it took longer`)
      const came = await stream.until(() => stream.length > 0, limit(peer, EVENT_LIMIT))
      if (!came) return failed(`expected events, got nothing within ${EVENT_LIMIT} ms: is the response flushed?`)
      return fine('the head and octets of the stream came at once')
    },
  },
  {
    title: 'HTTP/1.0: without the chunked coding, which its clients do not know',
    clause: 'RFC 9112 §6.1',
    async play(peer) {
      const stream = await ServerStream.open(peer, { version: '1.0' })
      if (stream.fault !== undefined) return failed(`expected an answer, but ${stream.fault}`)
      const coding = stream.field('transfer-encoding')
      if (coding !== undefined) return failed(`expected no Transfer-Encoding, got ${quote(coding)}`)
      if (stream.status !== 200) return finding('NON-STRICT', `expected the stream, but ${stream.answer}`)
      return fine('answered without a coding')
    },
  },
  {
    title: 'HEAD: the head, and nothing behind it',
    clause: 'RFC 9110 §9.3.2',
    async play(peer) {
      const stream = await ServerStream.open(peer, { method: 'HEAD' })
      if (stream.fault !== undefined) return failed(`expected an answer, but ${stream.fault}`)
      let behind = 0
      stream.socket.on('data', chunk => {
        behind += chunk.length
      })
      await stream.until(() => false, limit(peer, 700))
      const octets = Math.max(behind, stream.length)
      if (octets > 0) return failed(`expected nothing behind the head, got ${octets} octets`)
      const { status } = stream
      if (status === 405 || status === 501) return finding('INFORMATIONAL', `HEAD is refused with ${status}`)
      return status === 200 ? fine('the head alone') : failed(`expected status 200 or 405, but ${stream.answer}`)
    },
  },
  {
    title: 'A query that nobody knows changes nothing',
    clause: 'HTML §9.2.2',
    play: asUsual({ query: 'x-unknown=1&%F0%9F%92%A5&x=a%00b' }),
  },
  {
    title: 'A request without Accept gets the stream',
    clause: 'RFC 9110 §12.5.1',
    play: asUsual({ fields: { Accept: undefined } }),
  },
  {
    title: 'Accept: */* gets the stream',
    clause: 'RFC 9110 §12.5.1',
    play: asUsual({ fields: { Accept: '*/*' } }),
  },
  {
    title: 'Fields that nobody knows, fifty of them, and the request octet by octet',
    clause: 'RFC 9110 §5.1',
    play: asUsual({
      delivery: 1,
      fields: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-Unknown-${i}`, 'x'])),
    }),
  },
]

const FIELDS = ['data', 'event', 'id', 'retry', '']

/** Judges what came of the stream until there were a few events. */
function ofStream(judge: (stream: ServerStream, lines: readonly StreamLine[]) => Verdict): Play {
  return async peer => {
    const stream = await openStream(peer)
    if (isVerdict(stream)) return stream
    const none = await events(stream, 3, peer)
    const { blocks, unfinished } = stream.read
    const lines = [...blocks.flat(), ...unfinished]
    // Whoever sends fewer is judged by those.
    return none !== undefined && !hasLine(lines, 'data') ? none : judge(stream, lines)
  }
}

function everyLine(name: string, isRight: (value: string) => boolean, wanted: string): Play {
  return ofStream((_, lines) => {
    const own = lines.filter(line => line.name === name)
    if (own.length === 0) return finding('INFORMATIONAL', `no line "${name}" came`)
    const wrong = own.find(({ value }) => !isRight(value))
    return wrong === undefined ? fine(wanted) : failed(`expected ${wanted}, got ${quote(wrong.value)}`)
  })
}

const STREAMS: readonly (About & { readonly play: Play })[] = [
  {
    title: 'It is UTF-8',
    clause: 'HTML §9.2.5',
    play: ofStream(stream => (stream.isUtf8 ? fine('UTF-8') : failed('expected UTF-8, got octets that are none'))),
  },
  {
    title: 'A byte order mark stands at the beginning or not at all',
    clause: 'HTML §9.2.5',
    play: ofStream((_, lines) => {
      const wrong = lines.find(({ name }) => name.startsWith(BOM))
      if (wrong === undefined) return fine('no line begins with one')
      return failed(`expected no byte order mark amid the stream, got one before ${quote(wrong.name.slice(1))}`)
    }),
  },
  {
    title: 'Its lines are comments or fields that clients know',
    clause: 'HTML §9.2.6',
    play: ofStream((_, lines) => {
      const strange = lines.find(({ name }) => !FIELDS.includes(name.replace(BOM, '')))
      if (strange === undefined) return fine('all are known')
      return finding('NON-STRICT', `expected data, event, id, retry or a comment, got ${quote(strange.name)}`)
    }),
  },
  {
    title: 'Every event is ended by an empty line',
    clause: 'HTML §9.2.5',
    play: ofStream((stream, lines) => {
      const { blocks, unfinished } = stream.read
      if (!lines.some(({ name }) => name === 'data')) return missing('no data came to be looked at')
      const isDispatched = blocks.some(block => hasLine(block, 'data'))
      const isHanging = !isDispatched || (stream.isDone && hasLine(unfinished, 'data'))
      if (isHanging) return failed('expected an empty line behind the fields of an event, got none')
      return fine('an empty line stands behind each')
    }),
  },
  {
    title: 'What has an event type has data, without which it is never dispatched',
    clause: 'HTML §9.2.6',
    play: ofStream(stream => {
      const { blocks } = stream.read
      const bare = blocks.find(block => hasLine(block, 'event') && !hasLine(block, 'data'))
      if (bare === undefined) return fine('each has data')
      return finding('NON-STRICT', 'expected data with the event type, got none: nobody will see the event')
    }),
  },
  {
    title: 'No field but data comes twice in an event',
    clause: 'HTML §9.2.6',
    play: ofStream(stream => {
      const isTwice = (name: string) =>
        stream.read.blocks.some(block => block.filter(line => line.name === name).length > 1)
      const twice = ['event', 'id', 'retry'].find(isTwice)
      if (twice === undefined) return fine('each comes once')
      return finding('NON-STRICT', `expected one line "${twice}" in an event, got more: the last one counts`)
    }),
  },
  {
    title: 'No ID has a NUL: it would be ignored',
    clause: 'HTML §9.2.6',
    play: everyLine('id', value => !value.includes('\0'), 'IDs without NUL'),
  },
  {
    title: 'An ID can be sent back as a field of HTTP: no control characters, and no more than 4 KiB',
    clause: 'RFC 9110 §5.5',
    play: everyLine(
      'id',
      value => Buffer.byteLength(value) <= 4096 && !/[^\P{Cc}\t\0]/u.test(value) && value.trim() === value,
      'IDs that a client can send',
    ),
  },
  {
    title: 'A reconnection time is digits alone',
    clause: 'HTML §9.2.6',
    play: everyLine('retry', value => /^[0-9]+$/.test(value), 'digits'),
  },
  {
    title: 'Heartbeat: no silence is longer than documented (--heartbeat); without that it is told what was seen',
    clause: 'HTML §9.2.7',
    play: playHeartbeat,
  },
]

function hasLine(block: readonly StreamLine[], wanted: string): boolean {
  return block.some(({ name }) => name === wanted)
}

async function playHeartbeat(peer: ServerPeer): Promise<Verdict> {
  const stream = await openStream(peer)
  if (isVerdict(stream)) return stream
  const { heartbeat } = peer.options
  if (heartbeat === undefined) {
    await waitFor(limit(peer, WATCH))
    const comments = [...stream.read.blocks.flat(), ...stream.read.unfinished].filter(({ name }) => name === '')
    const count = stream.read.events.length
    return finding('INFORMATIONAL', `${count} events and ${comments.length} comments within ${WATCH} ms`)
  }
  // Two of them: what comes at the beginning is no heartbeat.
  for (let n = 1; n <= 2; n++) {
    const before = stream.length
    // A fifth more for the way.
    const came = await stream.until(() => stream.length > before, heartbeat * 1.2)
    if (!came) return failed(`expected a sign of life within ${heartbeat} ms, got none`)
  }
  return fine(`never silent for more than ${heartbeat} ms`)
}

export const SERVER_RESPONSE_CASES: readonly Case[] = [
  ...RESPONSES.map((it, i) => caseFor('server', ServerPeer, `ES1.${i + 1}`, it, it.play)),
  ...STREAMS.map((it, i) => caseFor('server', ServerPeer, `ES2.${i + 1}`, it, it.play)),
]
