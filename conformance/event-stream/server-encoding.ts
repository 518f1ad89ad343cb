/**
 * Group ES3: how a server writes what it is given, hostile or only unusual. For this it does what it is asked:
 *
 *     POST {"data": "…", "event": "…", "id": "…", "retry": 1000, "comment": "…"}   to the same URL, any of them
 *     ◄── an event stream with that one event
 *
 * It may refuse what cannot be written (an event type with a line end) by an error of HTTP. Whether it does so at all is
 * found out by asking for what is harmless; a field that it does not write then makes the cases about it UNIMPLEMENTED.
 */
import type { Case, Group } from '../case.ts'
import { ServerPeer, type ServerTarget } from '../server-peer.ts'
import type { Verdict } from '../verdict.ts'
import { type About, caseFor, failed, fine, missing } from './finding.ts'
import { limit } from './server-responses.ts'
import { ServerStream } from './server-stream.ts'
import { eventWords, type ReadStream, type StreamEvent } from './stream.ts'

export const SERVER_ENCODING_GROUPS: readonly Group[] = [
  { id: 'ES3', title: 'Event stream servers: writing what is given' },
]

interface Given {
  readonly data?: string
  readonly event?: string
  readonly id?: string
  readonly retry?: number | string
  readonly comment?: string
}

interface Writing extends About {
  readonly given: Given
  /** What must come of it; or `harmless`: nothing but that event, whatever its type and ID; or that it is refused. */
  readonly comes: Partial<StreamEvent> | 'harmless'
  /** The reconnection time that must come, or none at all. */
  readonly reconnectionTime?: number
}

/** Milliseconds for the event, and for what must not come behind it. */
const LIMIT = 5000
const AFTERWARDS = 150
const CLAUSE = 'HTML §9.2.6'

function data(title: string, given: string, comes = given.replace(/\r\n?/g, '\n')): Writing {
  return { title: `Data: ${title}`, clause: CLAUSE, given: { data: given }, comes: { type: 'message', data: comes } }
}

function harmless(title: string, given: Given): Writing {
  const words = `${title}: refused, or written so that nothing is forged`
  return { title: words, clause: CLAUSE, given: { data: 'content', ...given }, comes: 'harmless' }
}

const FORGED = 'data: forged\n\ndata: more\n\n'
const FORGED_BY_CR = FORGED.replaceAll('\n', '\r')

const WRITINGS: readonly Writing[] = [
  data('one line', 'hello'),
  data('a LF', 'one\ntwo'),
  data('a CR', 'one\rtwo'),
  data('a CRLF', 'one\r\ntwo'),
  data('line ends of all kinds in a row', 'one\n\r\r\n\n\rtwo'),
  data('a LF at its end', 'one\n'),
  data('a CR at its beginning', '\rone'),
  data('line ends alone', '\n\r\n'),
  data('none, which is dispatched all the same', ''),
  data('spaces at its beginning', '  two'),
  data('spaces alone', '   '),
  data('a colon at its beginning', ':x'),
  data('a byte order mark at its beginning', '\ufeffx'),
  data('two, three and four octets a character', 'é ☃ 𝄞 \u{10ffff}'),
  data('a NUL', 'a\0b'),
  data('characters that end lines elsewhere', 'a\u000bb\u000cc\u0085d\u2028e\u2029f'),
  data('a surrogate alone, which UTF-8 cannot have', 'a\ud800b', 'a\ufffdb'),
  data('what looks like an event, behind LF', `x\n\n${FORGED}`),
  data('what looks like an event, behind CR', `x\r\r${FORGED_BY_CR}`),
  data('what looks like other fields', 'x\nevent: forged\nid: forged\nretry: 7'),
  { ...data('a mebibyte in one line', 'x'.repeat(2 ** 20)), weight: 'heavy' },
  { ...data('a hundred thousand lines', 'x\n'.repeat(100_000)), weight: 'heavy' },
  {
    title: 'Event type: it is the one that is given',
    clause: CLAUSE,
    given: { event: 'note', data: 'x' },
    comes: { type: 'note', data: 'x' },
  },
  {
    title: 'Event type: spaces and colons in it',
    clause: CLAUSE,
    given: { event: ' a: b ', data: 'x' },
    comes: { type: ' a: b ', data: 'x' },
  },
  harmless('Event type with LF', { event: `x\n${FORGED}` }),
  harmless('Event type with CR', { event: `x\r${FORGED_BY_CR}` }),
  harmless('Event type with CRLF', { event: `x\r\n${FORGED}` }),
  {
    title: 'ID: it is the one that is given',
    clause: CLAUSE,
    given: { id: '7', data: 'x' },
    comes: { data: 'x', lastEventId: '7' },
  },
  {
    title: 'ID: characters of two and three octets',
    clause: CLAUSE,
    given: { id: 'é☃', data: 'x' },
    comes: { data: 'x', lastEventId: 'é☃' },
  },
  harmless('ID with LF', { id: `7\n${FORGED}` }),
  harmless('ID with CR', { id: `7\r${FORGED_BY_CR}` }),
  harmless('ID with NUL', { id: '7\0' }),
  {
    title: 'Reconnection time: it is the one that is given',
    clause: CLAUSE,
    given: { retry: 1234, data: 'x' },
    comes: { data: 'x' },
    reconnectionTime: 1234,
  },
  harmless('Reconnection time with a fraction', { retry: 1.5 }),
  harmless('Reconnection time below zero', { retry: -1 }),
  harmless('Reconnection time that is text with LF', { retry: `1\n${FORGED}` }),
  harmless('Comment with LF', { comment: `x\n${FORGED}` }),
  harmless('Comment with CR', { comment: `x\r${FORGED_BY_CR}` }),
]

export const SERVER_ENCODING_CASES: readonly Case[] = WRITINGS.map((it, i) =>
  caseFor('server', ServerPeer, `ES3.${i + 1}`, it, peer => play(it, peer)),
)

function post(peer: ServerPeer, given: Given): Promise<ServerStream> {
  return ServerStream.open(peer, { method: 'POST', body: JSON.stringify(given) })
}

/** The event that was asked for, and what came with it; undefined where there is none. */
async function answered(peer: ServerPeer, given: Given): Promise<ServerStream | undefined> {
  const stream = await post(peer, given)
  if (stream.status !== 200) return undefined
  const came = await stream.until(() => stream.read.events.length > 0, limit(peer, LIMIT))
  return came ? stream : undefined
}

/** What was found out of a server, for all cases. */
const known = new WeakMap<ServerTarget, Map<string, Promise<boolean>>>()

/** Whether the server writes this field, as far as a harmless value of it tells. */
function writes(peer: ServerPeer, field: keyof Given): Promise<boolean> {
  const { target } = peer
  const ofTarget = known.get(target) ?? new Map<string, Promise<boolean>>()
  known.set(target, ofTarget)
  const found = ofTarget.get(field) ?? probe(peer, field)
  ofTarget.set(field, found)
  return found
}

async function probe(peer: ServerPeer, field: keyof Given): Promise<boolean> {
  const value = field === 'retry' ? 4321 : 'probe'
  const stream = await answered(peer, { data: 'probe', [field]: value })
  if (stream === undefined) return false
  const { events, blocks, reconnectionTime } = stream.read
  stream.drop()
  if (events[0]?.data !== 'probe' || events.length !== 1) return false
  if (field === 'event') return events[0].type === 'probe'
  if (field === 'id') return events[0].lastEventId === 'probe'
  if (field === 'retry') return reconnectionTime === 4321
  return field === 'data' || blocks.flat().some(({ name, value }) => name === '' && value.trim() === 'probe')
}

async function play({ given, comes, reconnectionTime }: Writing, peer: ServerPeer): Promise<Verdict> {
  for (const field of ['data', ...Object.keys(given)] as (keyof Given)[]) {
    if (await writes(peer, field)) continue
    return missing(`the server does not write the ${field} of {"${field}": …} that is posted to it`)
  }
  const stream = await post(peer, given)
  if (stream.fault !== undefined) return failed(`expected an answer, but ${stream.fault}`)
  if (stream.status >= 400) {
    if (comes === 'harmless') return fine(`refused with ${stream.status}`)
    return failed(`expected the event, but ${stream.answer}`)
  }
  const came = () => stream.read.events.length
  await stream.until(() => came() > 0, limit(peer, LIMIT))
  if (came() > 0) await stream.until(() => came() > 1, limit(peer, AFTERWARDS))
  const fault = comes === 'harmless' ? forged(stream.read) : difference(stream.read, comes, reconnectionTime)
  if (fault !== undefined) return failed(fault)
  return fine(came() === 0 ? 'nothing was written' : `written as it should be: ${eventWords(stream.read.events[0]!)}`)
}

/** What was written besides the event, in words. */
function forged({ events, blocks, reconnectionTime }: ReadStream): string | undefined {
  const [first, second] = events
  if (second !== undefined) return `expected one event, got another: ${eventWords(second)}`
  if (first !== undefined && first.data !== 'content') return `expected the data "content", got ${eventWords(first)}`
  const lines = blocks.flat()
  if (lines.some(({ name, value }) => name === 'id' && value.includes('\0')))
    return 'expected no ID with NUL, got one, which every client ignores'
  if (lines.some(({ name, value }) => name === 'retry' && !/^[0-9]+$/.test(value)))
    return 'expected digits as the reconnection time, got something else, which every client ignores'
  if (lines.filter(({ name }) => name === 'data').length > 1) return 'expected one line of data, got more'
  return reconnectionTime === 7 ? 'expected no reconnection time, got one' : undefined
}

function difference(
  { events, reconnectionTime }: ReadStream,
  wanted: Partial<StreamEvent>,
  time: number | undefined,
): string | undefined {
  const [first, second] = events
  const whole = { type: 'message', data: '', lastEventId: '', ...wanted }
  if (first === undefined) return `expected ${eventWords(whole)}, got no event`
  if (second !== undefined) return `expected one event, got another: ${eventWords(second)}`
  const keys = Object.keys(wanted) as (keyof StreamEvent)[]
  if (keys.some(key => first[key] !== wanted[key])) return `expected ${eventWords(whole)}, got ${eventWords(first)}`
  if (time !== undefined && reconnectionTime !== time)
    return `expected the reconnection time ${time}, got ${reconnectionTime ?? 'none'}`
  return undefined
}
