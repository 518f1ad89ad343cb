/**
 * Groups EC4 and EC5: which responses a client takes for a stream, and how it comes back (HTML §9.2.2, §9.2.3). A case is
 * a row of answers, one for each request of the client's, with what each request must say.
 */
import type { Case, Group } from '../case.ts'
import { fieldValue } from '../handshake.ts'
import { reset } from '../reset.ts'
import type { Verdict } from '../verdict.ts'
import { eventsFault } from './client-report.ts'
import { type Answer, EventStreamClientPeer, type Seen, type StreamRequest } from './client-stream.ts'
import { type About, caseFor, failed, finding, fine, missing } from './finding.ts'
import { quote, type StreamEvent } from './stream.ts'

export const CLIENT_CONNECTION_GROUPS: readonly Group[] = [
  { id: 'EC4', title: 'Event stream clients: responses' },
  { id: 'EC5', title: 'Event stream clients: coming back' },
]

interface Talk extends About {
  readonly answers: readonly Answer[]
  /** For each request the last event ID that it must carry; undefined: none. Requests beyond it are not looked at. */
  readonly ids?: readonly (string | undefined)[]
  readonly events: readonly StreamEvent[]
  /** What must become of it behind the last answer: it asks again, the default; or it never does, and is closed. */
  readonly ends?: 'open' | 'closed'
}

/** Milliseconds in which who wants to ask again has done so: the reconnection time is 1 by then. */
const NEVER = 500

const STREAM = 'HTML §9.2.2'
const BACK = 'HTML §9.2.3'

function event(data: string, lastEventId = '', type = 'message'): StreamEvent {
  return { type, data, lastEventId }
}

const SOON = 'retry:1\n\n'
/** A stream that ends at once, by which the client knows the reconnection time. */
const FIRST: Answer = { pieces: [SOON, 'data:first\n\n'] }

function stream(...pieces: NonNullable<Answer['pieces']>): Answer {
  return { pieces }
}

/** An answer that is no stream: behind a stream, so that who comes back does it soon. */
function closes(title: string, answer: Answer, clause = STREAM): Talk {
  return { title, clause, answers: [FIRST, answer], events: [event('first')], ends: 'closed' }
}

function taken(title: string, answer: Answer): Talk {
  return { title, clause: STREAM, answers: [{ pieces: [SOON, 'data:a\n\n'], ...answer }], events: [event('a')] }
}

const type = (value: string | undefined): Answer['fields'] & object => ({ 'Content-Type': value })
/** It would be an event if it were a stream. */
const DECOY = ['data:not to be seen\n\n']

const RESPONSES: readonly Talk[] = [
  taken('text/event-stream, chunked', {}),
  taken('text/event-stream without a length, ended by TCP', { endsWithTcp: true }),
  taken('text/event-stream with a Content-Length', {
    pieces: [`${SOON}data:a\n\n`],
    fields: { 'Content-Length': String(SOON.length + 8) },
  }),
  taken('charset=utf-8 behind the type', { fields: type('text/event-stream; charset=utf-8') }),
  taken('Parameters that nobody knows behind the type', { fields: type('text/event-stream;x="y";charset=UTF-8') }),
  taken('The type in capitals', { fields: type('TEXT/Event-Stream') }),
  taken('Another charset behind the type, which is UTF-8 all the same', {
    fields: type('text/event-stream; charset=iso-8859-1'),
    pieces: [SOON, 'data:a\n\n'],
  }),
  taken('Fields of all kinds', {
    fields: { 'X-Accel-Buffering': 'no', 'Set-Cookie': ['a=b', 'c=d'], Link: '</x>; rel=preload', 'X-Empty': '' },
  }),
  closes('204, by which it is told not to come back', { status: '204 No Content' }, BACK),
  closes('204 with a type, and nothing else', { status: '204 No Content', fields: type('text/event-stream') }, BACK),
  ...['text/plain', 'text/html; charset=utf-8', 'application/json', 'text/event-streams', 'event-stream', ''].map(
    it => closes(`Content-Type: ${it === '' ? 'empty' : it}`, { fields: type(it), pieces: DECOY }),
  ),
  closes('No Content-Type', { fields: type(undefined), pieces: DECOY }),
  ...[
    '201 Created',
    '202 Accepted',
    '203 Other',
    '205 Reset Content',
    '206 Partial Content',
    '304 Not Modified',
    '400 Bad Request',
    '401 Unauthorized',
    '403 Forbidden',
    '404 Not Found',
    '410 Gone',
    '429 Too Many Requests',
    '500 Internal Server Error',
    '502 Bad Gateway',
    '503 Service Unavailable',
  ].map(status =>
    closes(`Status ${status}, with the right type`, { status, pieces: /^(?:205|304)/.test(status) ? [] : DECOY }),
  ),
  closes('A redirect that leads nowhere', { status: '302 Found', pieces: DECOY }),
  {
    title: 'The first response of all is 404: never open',
    clause: STREAM,
    answers: [{ status: '404 Not Found', fields: type('text/plain') }],
    events: [],
    ends: 'closed',
  },
  {
    title: 'The first response of all is 204: never open',
    clause: BACK,
    answers: [{ status: '204 No Content' }],
    events: [],
    ends: 'closed',
  },
]

const ID = 'é☃ a,b;"c"'

const RETURNS: readonly Talk[] = [
  {
    title: 'It comes back behind the end of a stream, with the last event ID',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\nid:2\ndata:b\n\n'), stream('data:c\n\n')],
    ids: [undefined, '2', '2'],
    events: [event('a', '1'), event('b', '2'), event('c', '2')],
  },
  {
    title: 'Without an ID it sends no Last-Event-ID',
    clause: BACK,
    answers: [stream(SOON, 'data:a\n\n'), stream('data:b\n\n')],
    ids: [undefined, undefined, undefined],
    events: [event('a'), event('b')],
  },
  {
    title: 'An ID that was taken away is not sent',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\nid\ndata:b\n\n')],
    ids: [undefined, undefined],
    events: [event('a', '1'), event('b')],
  },
  {
    title: 'An ID without data is sent',
    clause: BACK,
    answers: [stream(SOON, 'data:a\n\nid:7\n\n')],
    ids: [undefined, '7'],
    events: [event('a')],
  },
  {
    title: 'An ID of an event that was not finished is not sent',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\nid:2\ndata:b\n')],
    ids: [undefined, '1'],
    events: [event('a', '1')],
  },
  {
    title: 'An ID is sent as UTF-8, with all that is special to fields',
    clause: BACK,
    answers: [stream(SOON, `id:${ID}\ndata:a\n\n`)],
    ids: [undefined, ID],
    events: [event('a', ID)],
  },
  {
    title: 'An ID of 2 KiB is sent',
    clause: BACK,
    answers: [stream(SOON, `id:${'x'.repeat(2048)}\ndata:a\n\n`)],
    ids: [undefined, 'x'.repeat(2048)],
    events: [event('a', 'x'.repeat(2048))],
  },
  {
    title: 'An ID with NUL is not sent, but the one before',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\nid:2\0\ndata:b\n\n')],
    ids: [undefined, '1'],
    events: [event('a', '1'), event('b', '1')],
  },
  {
    title: 'The ID lasts over streams that set none',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\n'), stream('data:b\n\n'), stream(': nothing\n\n'), stream('data:c\n\n')],
    ids: [undefined, '1', '1', '1', '1'],
    events: [event('a', '1'), event('b', '1'), event('c', '1')],
  },
  {
    title: 'What was not finished is not gone on with in the next stream',
    clause: 'HTML §9.2.6',
    answers: [stream(SOON, 'data:a\n\nevent:note\ndata:x'), stream('data:b\n\n')],
    events: [event('a'), event('b')],
  },
  {
    title: 'A character that was not finished is not gone on with in the next stream',
    clause: 'HTML §9.2.6',
    answers: [stream(SOON, 'data:a\n\n', Buffer.from([0xe2, 0x82])), stream('data:b\n\n')],
    events: [event('a'), event('b')],
  },
  {
    title: 'Each stream may begin with a byte order mark',
    clause: 'HTML §9.2.5',
    answers: [stream(`\ufeff${SOON}`, 'data:a\n\n'), stream('\ufeffdata:b\n\n')],
    events: [event('a'), event('b')],
  },
  {
    title: 'The line end of the last stream is none of the next: CR, then LF',
    clause: 'HTML §9.2.5',
    answers: [stream(SOON, 'data:a\r\r'), stream('\ndata:b\n\n')],
    events: [event('a'), event('b')],
  },
  {
    title: 'It comes back when TCP is reset amid a stream',
    clause: BACK,
    answers: [{ pieces: [SOON, 'id:1\ndata:a\n\n', 50], ending: 'reset' }, stream('data:b\n\n')],
    ids: [undefined, '1'],
    events: [event('a', '1'), event('b', '1')],
  },
  {
    title: 'It comes back when TCP ends without a last chunk',
    clause: BACK,
    answers: [{ pieces: [SOON, 'id:1\ndata:a\n\n'], ending: 'cut' }, stream('data:b\n\n')],
    ids: [undefined, '1'],
    events: [event('a', '1'), event('b', '1')],
  },
  {
    title: 'It comes back when TCP is reset in place of a response',
    clause: BACK,
    answers: [stream(SOON, 'id:1\ndata:a\n\n'), { status: 'reset' }, stream('data:b\n\n')],
    ids: [undefined, '1', '1'],
    events: [event('a', '1'), event('b', '1')],
  },
  {
    title: 'A stream that is empty is a stream: it comes back',
    clause: BACK,
    answers: [FIRST, stream(), stream('data:b\n\n')],
    events: [event('first'), event('b')],
  },
  {
    title: 'Twenty streams, each with one event',
    clause: BACK,
    answers: [FIRST, ...Array.from({ length: 20 }, (_, i) => stream(`id:${i}\ndata:${i}\n\n`))],
    events: [event('first'), ...Array.from({ length: 20 }, (_, i) => event(String(i), String(i)))],
  },
  {
    title: 'A reconnection time that is no number is nothing',
    clause: 'HTML §9.2.6',
    answers: [
      stream(SOON, 'retry:9000x\nretry:x9000\nretry:9e3\nretry:-9000\nretry:  9000\nretry\nretry:9000.0\ndata:a\n\n'),
      stream('data:b\n\n'),
    ],
    events: [event('a'), event('b')],
  },
  {
    title: 'A reconnection time with zeros in front is a number',
    clause: 'HTML §9.2.6',
    answers: [stream('retry:60000\n\nretry:0001\ndata:a\n\n'), stream('data:b\n\n')],
    events: [event('a'), event('b')],
  },
  {
    title: 'The reconnection time lasts over streams that set none',
    clause: BACK,
    answers: [stream(SOON, 'data:a\n\n'), stream('data:b\n\n'), stream('data:c\n\n')],
    events: [event('a'), event('b'), event('c')],
  },
]

/** Behind answers that a client must take within its reconnection time. */
async function playTalk(talk: Talk, peer: EventStreamClientPeer): Promise<Verdict> {
  for (const [i, answer] of talk.answers.entries()) {
    const request = await peer.next()
    if (request === undefined) return failed(notAsked(i))
    const fault = idFault(talk, request, i)
    if (fault !== undefined) return failed(fault)
    if (answer.status === 'reset') reset(request.incoming.socket)
    else await request.answer(answer)
  }
  const fault = await (talk.ends === 'closed' ? watchClosed(peer) : watchAsking(peer, talk))
  const seen = await peer.report()
  const wrong =
    fault ?? eventsFault(seen, talk.events) ?? (talk.ends === 'closed' ? stateFault(seen ?? []) : undefined)
  if (wrong !== undefined) return failed(wrong)
  return fine(talk.ends === 'closed' ? 'it is closed, and did not come back' : 'it came back, and saw what it should')
}

function notAsked(i: number): string {
  return i === 0
    ? 'expected the client to ask for the stream, it did not'
    : `expected the client to come back, it did not behind stream ${i}`
}

function idFault({ ids }: Talk, request: StreamRequest, i: number): string | undefined {
  if (ids === undefined || i >= ids.length || ids[i] === request.lastEventId) return undefined
  const words = (id: string | undefined) => (id === undefined ? 'none' : quote(id))
  return `expected Last-Event-ID ${words(ids[i])} in request ${i + 1}, got ${words(request.lastEventId)}`
}

async function watchAsking(peer: EventStreamClientPeer, talk: Talk): Promise<string | undefined> {
  const request = await peer.next()
  if (request === undefined) return notAsked(talk.answers.length)
  await request.answer({ status: '204 No Content' })
  return idFault(talk, request, talk.answers.length)
}

async function watchClosed(peer: EventStreamClientPeer): Promise<string | undefined> {
  const request = await peer.next(NEVER)
  await request?.answer({ status: '204 No Content' })
  return request === undefined ? undefined : 'expected the client never to come back, it did'
}

/** HTML §9.2.3, "fail the connection": CLOSED, and an event of type error. Not all clients have those. */
function stateFault(seen: readonly Seen[]): string | undefined {
  const errors = seen.filter(({ type: it }) => it === 'error')
  if (errors.length === 0 || errors.at(-1)?.readyState === undefined) return undefined
  const { readyState } = errors.at(-1)!
  return readyState === 2 ? undefined : `expected readyState 2 in the last error event, got ${readyState}`
}

type Custom = About & { readonly play: (peer: EventStreamClientPeer) => Promise<Verdict> }

/** Follows a redirect, and where the client comes back to is told. */
function redirected(status: string): Custom {
  return {
    title: `Status ${status}: followed, with the last event ID; told is where it comes back to`,
    clause: BACK,
    async play(peer) {
      const elsewhere = `${peer.path}&hop=1`
      const paths: (string | null)[] = []
      for (const answer of [stream(SOON, 'id:1\ndata:a\n\n'), stream('id:2\ndata:b\n\n')]) {
        let request = await peer.next()
        if (request?.query.get('hop') === null) {
          await request.answer({ status, fields: { Location: elsewhere, 'Content-Type': undefined } })
          request = await peer.next()
        }
        if (request === undefined) return failed('expected the client to follow the redirect, it did not')
        if (request.query.get('hop') !== '1') return failed('expected the client to go where it is redirected to')
        const id = paths.length === 0 ? undefined : '1'
        if (request.lastEventId !== id)
          return failed(
            `expected Last-Event-ID ${id ?? 'none'} behind the redirect, got ${request.lastEventId ?? 'none'}`,
          )
        paths.push(request.query.get('hop'))
        await request.answer(answer)
      }
      const again = await peer.next()
      if (again === undefined) return failed('expected the client to come back, it did not')
      if (again.lastEventId !== '2') return failed(`expected Last-Event-ID 2, got ${again.lastEventId ?? 'none'}`)
      await again.answer({ status: '204 No Content' })
      const fault = eventsFault(await peer.report(), [event('a', '1'), event('b', '2')])
      if (fault !== undefined) return failed(fault)
      return fine(
        `it comes back to ${again.query.get('hop') === null ? 'its own URL' : 'where it was redirected to'}`,
      )
    },
  }
}

/** How long the client waits before it comes back, in milliseconds; undefined: longer than is looked at. */
async function waited(peer: EventStreamClientPeer, first: Answer, limit: number): Promise<number | undefined> {
  const request = await peer.next()
  if (request === undefined) return undefined
  await request.answer(first)
  const from = performance.now()
  const again = await peer.next(limit)
  await again?.answer({ status: '204 No Content' })
  return again === undefined ? undefined : again.at - from
}

function reported(count: number, judge: (seen: readonly Seen[], origin: string) => Verdict): Custom['play'] {
  return async peer => {
    for (let i = 0; i < count; i++) {
      const request = await peer.next()
      if (request === undefined) return failed(notAsked(i))
      await request.answer(stream(SOON, `id:${i}\ndata:${i}\n\n`))
    }
    const last = await peer.next()
    if (last === undefined) return failed(notAsked(count))
    await last.answer({ status: '204 No Content' })
    // The client has yet to see that it is over.
    await peer.next(100)
    const seen = await peer.report()
    if (seen === undefined) return failed('expected the client to report what it has seen, it did not')
    return judge(seen, peer.origin)
  }
}

const CUSTOM_RESPONSES: readonly Custom[] = [
  {
    title: 'The request: GET, by HTTP/1.1, with a Host, without a body; Accept: text/event-stream',
    clause: STREAM,
    async play(peer) {
      const request = await peer.next()
      if (request === undefined) return failed(notAsked(0))
      const { head, rest } = request.incoming
      await request.answer(FIRST)
      await peer.settle()
      await peer.report()
      if (!/^GET \S+ HTTP\/1\.1$/.test(head.startLine))
        return failed(`expected GET by HTTP/1.1, got "${head.startLine}"`)
      if (fieldValue(head, 'host') === undefined) return failed('expected a Host, got none')
      if (rest.length > 0) return failed('expected no body, got one')
      const accept = fieldValue(head, 'accept')
      if (accept?.includes('text/event-stream')) return fine(`Accept: ${accept}`)
      return finding('NON-STRICT', `expected Accept: text/event-stream, got ${accept ?? 'none'}`)
    },
  },
  {
    title: 'The request keeps caches out: Cache-Control is no-cache or no-store',
    clause: STREAM,
    async play(peer) {
      const request = await peer.next()
      if (request === undefined) return failed(notAsked(0))
      await request.answer(FIRST)
      await peer.settle()
      await peer.report()
      const value = fieldValue(request.incoming.head, 'cache-control')
      if (/no-(?:cache|store)/.test(value ?? '')) return fine(`Cache-Control: ${value}`)
      return finding('NON-STRICT', `expected Cache-Control: no-cache, got ${value ?? 'none'}`)
    },
  },
  {
    title: 'A redirect to what is no URL of HTTP is not followed; told is whether it comes back',
    clause: STREAM,
    async play(peer) {
      const Location = 'data:text/event-stream,data:%20x%0A%0A'
      for (const answer of [FIRST, { status: '307 Temporary Redirect', fields: { Location } }]) {
        const request = await peer.next()
        if (request === undefined) return failed('expected the client to ask, it did not')
        await request.answer(answer)
      }
      const again = await peer.next(NEVER)
      await again?.answer({ status: '204 No Content' })
      const fault = eventsFault(await peer.report(), [event('first')])
      // §9.2.2: after a network error "reestablish the connection, unless the user agent knows that to be futile"
      if (fault !== undefined) return failed(fault)
      return finding('INFORMATIONAL', again === undefined ? 'it does not come back' : 'it comes back')
    },
  },
  ...['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect'].map(
    redirected,
  ),
]

const CUSTOM_RETURNS: readonly Custom[] = [
  {
    title: 'The reconnection time is waited for: 400 ms, and no more than some seconds',
    clause: BACK,
    async play(peer) {
      const time = await waited(peer, stream('retry:400\n\n', 'data:a\n\n'), 5000)
      await peer.report()
      if (time === undefined) return failed('expected the client to come back behind 400 ms, it did not within 5 s')
      // A timer may be a little early, and so may what ends the stream.
      return time < 350
        ? failed(`expected the client to wait 400 ms, it waited ${Math.round(time)}`)
        : fine(`it waited ${Math.round(time)} ms`)
    },
  },
  {
    title: 'A reconnection time of zero: it comes back at once, within 2.5 s',
    clause: BACK,
    async play(peer) {
      const time = await waited(peer, stream('retry:0\n\n', 'data:a\n\n'), 2500)
      await peer.report()
      // §9.2.3: "Optionally, wait some more."
      return time === undefined
        ? finding('NON-STRICT', 'expected the client to come back at once, it did not within 2.5 s')
        : fine(`it came back behind ${Math.round(time)} ms`)
    },
  },
  {
    title: 'A reconnection time of a day is waited for',
    clause: BACK,
    async play(peer) {
      const time = await waited(peer, stream('retry:86400000\n\n', 'data:a\n\n'), 1000)
      await peer.report()
      return time === undefined ? fine('it waits') : failed(`expected the client to wait, it came back at once`)
    },
  },
  {
    title: 'A reconnection time beyond all numbers: told is what becomes of it',
    clause: BACK,
    async play(peer) {
      const time = await waited(peer, stream(`retry:${'9'.repeat(40)}\n\n`, 'data:a\n\n'), 1000)
      const fault = eventsFault(await peer.report(), [event('a')])
      if (fault !== undefined) return failed(fault)
      return finding('INFORMATIONAL', time === undefined ? 'it waits' : `it came back behind ${Math.round(time)} ms`)
    },
  },
  {
    title: 'An event has the origin of the stream',
    clause: 'HTML §9.2.6',
    play: reported(1, (seen, origin) => {
      const origins = seen.flatMap(it => (it.type === 'message' && it.origin !== undefined ? [it.origin] : []))
      if (origins.length === 0) return missing('the client does not tell origins')
      const wrong = origins.find(it => it !== origin)
      return wrong === undefined ? fine(origin) : failed(`expected the origin ${origin}, got ${quote(wrong)}`)
    }),
  },
  {
    title: 'open, the events, error with readyState 0; again; error with readyState 2 behind 204',
    clause: BACK,
    play: reported(2, seen => {
      const own = seen.filter(({ type: it }) => it === 'open' || it === 'error')
      if (own.length === 0) return missing('the client does not tell of open and error')
      const words = seen.map(it => (it.type === 'error' ? `error ${it.readyState ?? ''}`.trim() : it.type)).join(', ')
      const wanted = 'open, message, error 0, open, message, error 0, error 2'
      return words === wanted ? fine(words) : failed(`expected ${wanted}; got ${quote(words)}`)
    }),
  },
  {
    title: 'An event is dispatched when its empty line has come, whatever comes later',
    clause: 'HTML §9.2.6',
    async play(peer) {
      const request = await peer.next()
      if (request === undefined) return failed(notAsked(0))
      await request.answer({ pieces: [SOON, 'data:a\n\nda'], ending: 'open' })
      await peer.next(300)
      const fault = eventsFault(await peer.report(), [event('a')])
      return fault === undefined ? fine('it was dispatched at once') : failed(fault)
    },
  },
  {
    title: 'A client that is closed ends TCP, and does not come back',
    clause: STREAM,
    async play(peer) {
      const request = await peer.next()
      if (request === undefined) return failed(notAsked(0))
      await request.answer({ pieces: [SOON, 'data:a\n\n'], ending: 'open' })
      await peer.next(100)
      const seen = await peer.report()
      const { socket } = request.incoming
      const isEnded = () => socket.destroyed || socket.readableEnded
      for (let turn = 0; turn < 100 && !isEnded(); turn++) await new Promise(resolve => setTimeout(resolve, 20))
      if (!isEnded()) return failed('expected the client to end TCP when it is closed, it did not')
      const again = peer.requests.length > 1
      if (again) return failed('expected the client never to come back, it did')
      const fault = eventsFault(seen, [event('a')])
      return fault === undefined ? fine('TCP was ended') : failed(fault)
    },
  },
]

function talkCases(group: string, talks: readonly Talk[], customs: readonly Custom[]): Case[] {
  return [...talks.map((it): Custom => ({ ...it, play: peer => playTalk(it, peer) })), ...customs].map((it, i) =>
    caseFor('client', EventStreamClientPeer, `${group}.${i + 1}`, it, it.play),
  )
}

export const CLIENT_CONNECTION_CASES: readonly Case[] = [
  ...talkCases('EC4', RESPONSES, CUSTOM_RESPONSES),
  ...talkCases('EC5', RETURNS, CUSTOM_RETURNS),
]
