/**
 * Groups ES4 and ES5: going on from a last event ID, whatever stands in that field, and clients of which there are many
 * or that behave badly. A server that gives its events IDs says by it that one can go on from them: what came behind an
 * event is there again for who comes back with its ID.
 */
import type { Socket } from 'node:net'
import type { Case, Group } from '../case.ts'
import { waitFor } from '../patience.ts'
import { reset } from '../reset.ts'
import { ServerPeer } from '../server-peer.ts'
import type { Verdict } from '../verdict.ts'
import { type About, caseFor, failed, finding, fine, missing } from './finding.ts'
import {
  type Delivery,
  delivers,
  delivery,
  EVENT_LIMIT,
  events,
  isVerdict,
  limit,
  openStream,
} from './server-responses.ts'
import { type Asked, ServerStream, write } from './server-stream.ts'
import { eventWords, quote, type StreamEvent } from './stream.ts'

export const SERVER_RESUMPTION_GROUPS: readonly Group[] = [
  { id: 'ES4', title: 'Event stream servers: resuming' },
  { id: 'ES5', title: 'Event stream servers: many clients, and bad ones' },
]

type Play = (peer: ServerPeer) => Promise<Verdict>
type Row = About & { readonly play: Play }

const LAST_EVENT_ID = 'Last-Event-ID'

/** A character for each octet of UTF-8, as fields are written. */
const octets = (text: string): string => Buffer.from(text).toString('latin1')

/** Events with IDs of their own, of which there are so many; or the verdict where there are none. */
async function eventsWithIds(peer: ServerPeer, count: number): Promise<readonly StreamEvent[] | Verdict> {
  const stream = await openStream(peer)
  if (isVerdict(stream)) return stream
  const none = await events(stream, count, peer)
  stream.drop()
  if (none !== undefined) return none
  const seen = stream.read.events.slice(0, count)
  const ids = new Set(seen.map(({ lastEventId }) => lastEventId))
  if (ids.size === count && !ids.has('')) return seen
  return missing('its events do not all have IDs, from which one could go on')
}

/** Comes back with the ID of the second of four events, and judges what comes then. */
function resumed(judge: (came: readonly StreamEvent[], seen: readonly StreamEvent[]) => Verdict): Play {
  return async peer => {
    const seen = await eventsWithIds(peer, 4)
    if ('behavior' in seen) return seen
    const last = seen[1]!.lastEventId
    const stream = await openStream(peer, { fields: { [LAST_EVENT_ID]: octets(last) } })
    if (isVerdict(stream)) return stream
    const ids = seen.slice(2).map(({ lastEventId }) => lastEventId)
    const areThere = () => ids.every(id => stream.read.events.some(({ lastEventId }) => lastEventId === id))
    await stream.until(areThere, limit(peer, EVENT_LIMIT))
    const came = stream.read.events
    return came.length === 0 ? missing(`no event came behind ${quote(last)}`) : judge(came, seen)
  }
}

const RESUMPTIONS: readonly Row[] = [
  {
    title: 'Nothing is repeated that stands up to the last event ID',
    clause: 'HTML §9.2.3',
    play: resumed((came, seen) => {
      const old = seen.slice(0, 2).map(({ lastEventId }) => lastEventId)
      const again = came.find(({ lastEventId }) => old.includes(lastEventId))
      if (again === undefined) return fine('what came is new')
      return failed(`expected the events behind ${quote(old[1]!)}, got ${eventWords(again)} again`)
    }),
  },
  {
    title: 'Nothing is left out that stands behind the last event ID',
    clause: 'HTML §9.2.3',
    play: resumed((came, seen) => {
      const next = seen[2]!
      if (came.some(({ lastEventId }) => lastEventId === next.lastEventId)) return fine('it goes on behind it')
      return failed(`expected ${eventWords(next)} to be there, got ${eventWords(came[0]!)} first`)
    }),
  },
  {
    title: 'An ID stands for the same event whenever it comes',
    clause: 'HTML §9.2.3',
    play: resumed((came, seen) => {
      const next = seen[2]!
      const same = came.find(({ lastEventId }) => lastEventId === next.lastEventId)
      if (same === undefined) return missing(`no event came with the ID ${quote(next.lastEventId)}`)
      const isSame = same.data === next.data && same.type === next.type
      return isSame
        ? fine('the same event')
        : failed(`expected ${eventWords(next)} again, got ${eventWords(same)} with that ID`)
    }),
  },
  {
    title: 'The events come in their order, and each once',
    clause: 'HTML §9.2.3',
    play: resumed((came, seen) => {
      const ids = came.map(({ lastEventId }) => lastEventId)
      if (new Set(ids).size < ids.length) return failed(`expected each ID once, got ${quote(ids.join(', '))}`)
      const [third, fourth] = [ids.indexOf(seen[2]!.lastEventId), ids.indexOf(seen[3]!.lastEventId)]
      if (third < 0 || fourth < 0) return missing('what came before did not come again')
      return third < fourth ? fine('in order') : failed(`expected the old order, got ${quote(ids.join(', '))}`)
    }),
  },
  {
    title: 'It resumes where the request comes octet by octet, too',
    clause: 'HTML §9.2.3',
    async play(peer) {
      const seen = await eventsWithIds(peer, 3)
      if ('behavior' in seen) return seen
      const fields = { [LAST_EVENT_ID]: octets(seen[1]!.lastEventId) }
      const stream = await openStream(peer, { fields, delivery: 1 })
      if (isVerdict(stream)) return stream
      const none = await events(stream, 1, peer)
      return none ?? fine('events came')
    },
  },
  ...(
    [
      ['that it has never given', 'x-unknown-7f3a'],
      ['that is empty', ''],
      ['with spaces', 'a b  c'],
      ['below zero', '-1'],
      ['of a hundred digits', '9'.repeat(100)],
      ['with what is special to programs', `__proto__'";$(x)\\../%00{}`],
      ['of characters of more than one octet', octets('é☃𝄞')],
      ['that is not UTF-8', '\xff\xfe\xc0\xaf'],
      ['of 4 KiB', 'x'.repeat(4096)],
    ] as const
  ).map(([words, id]) => survived(`A last event ID ${words}: the stream, or refused`, { [LAST_EVENT_ID]: id })),
  survived('A last event ID of 100 KiB: the stream, or refused', { [LAST_EVENT_ID]: 'x'.repeat(102_400) }, true),
  survived('Two last event IDs: the stream, or refused', { [LAST_EVENT_ID]: ['1', '2'] }),
]

/** What is no ID of the server's is answered in good order, and harms nobody. */
function survived(title: string, fields: NonNullable<Asked['fields']>, mayBeDropped = false): Row {
  return {
    title,
    clause: 'HTML §9.2.3',
    async play(peer) {
      const usual = await delivery(peer)
      const stream = await ServerStream.open(peer, { fields })
      const { status } = stream
      if (stream.fault !== undefined && !mayBeDropped) return failed(`expected an answer, but ${stream.fault}`)
      if (status >= 500) return failed(`expected the stream, or a status such as 400, but ${stream.answer}`)
      return (await othersAreServed(peer, usual)) ?? fine(status === 0 ? 'TCP was ended' : `answered with ${status}`)
    },
  }
}

/** Undefined if a client that behaves well gets its events. */
async function othersAreServed(peer: ServerPeer, usual: Delivery): Promise<Verdict | undefined> {
  if (usual === 'nothing') return missing('nothing comes of a plain request, by which it could be seen')
  let stream: ServerStream | Verdict
  try {
    stream = await openStream(peer)
  } catch (error) {
    return failed(`expected others to be served still, but ${(error as Error).message}`)
  }
  if (isVerdict(stream)) return failed(`expected others to be served still, but ${stream.words}`)
  const came = await delivers(stream, usual, peer)
  stream.drop()
  return came ? undefined : failed('expected others to be served still, but nothing comes')
}

/** Clients that do this, so many of them, and one that behaves well afterwards. */
async function beside(
  peer: ServerPeer,
  count: number,
  act: (socket: Socket) => void | Promise<void>,
): Promise<Verdict> {
  const usual = await delivery(peer)
  await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = await peer.connect()
      await act(socket)
    }),
  )
  await waitFor(limit(peer, 200))
  return (await othersAreServed(peer, usual)) ?? fine('others are served as before')
}

const CROWDS: readonly Row[] = [
  {
    title: 'Twenty streams at a time, each with its events',
    clause: 'HTML §9.2.7',
    async play(peer) {
      const usual = await delivery(peer)
      const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(peer)))
      for (const stream of streams) {
        if (isVerdict(stream)) return stream
        if (usual === 'nothing') return missing('nothing comes of a plain request either')
        const came = await delivers(stream, usual, peer)
        if (!came) return failed('expected events on each of twenty streams, got none on one')
      }
      return fine('all of them have events')
    },
  },
  {
    title: 'Clients that leave in order amid the stream',
    clause: 'HTML §9.2.3',
    play: peer =>
      beside(peer, 10, async socket => {
        await write(peer, socket, {})
        await ServerStream.over(peer, socket)
        socket.end()
        socket.destroy()
      }),
  },
  {
    title: 'Clients that reset TCP amid the stream',
    clause: 'HTML §9.2.3',
    play: peer =>
      beside(peer, 10, async socket => {
        await write(peer, socket, {})
        await ServerStream.over(peer, socket)
        reset(socket)
      }),
  },
  {
    title: 'Clients that reset TCP behind their request',
    clause: 'HTML §9.2.3',
    play: peer =>
      beside(peer, 20, async socket => {
        await write(peer, socket, {})
        setImmediate(() => reset(socket))
      }),
  },
  {
    title: 'Clients that leave amid their request',
    clause: 'RFC 9112 §8',
    play: peer =>
      beside(peer, 10, socket => {
        socket.write('GET /half HTTP/1.1\r\nHo')
        setImmediate(() => socket.destroy())
      }),
  },
  {
    title: 'Clients that never read',
    clause: 'HTML §9.2.7',
    play: peer =>
      beside(peer, 10, async socket => {
        await write(peer, socket, {})
        socket.pause()
        await waitFor(limit(peer, 1000))
      }),
  },
  {
    title: 'Clients that never read what is more than TCP holds',
    clause: 'HTML §9.2.7',
    weight: 'heavy',
    play: peer =>
      beside(peer, 3, async socket => {
        await write(peer, socket, { method: 'POST', body: JSON.stringify({ data: 'x'.repeat(2 ** 24) }) })
        socket.pause()
        await waitFor(limit(peer, 1000))
      }),
  },
  {
    title: 'A client that ends its side of TCP: told is what the server makes of it',
    clause: 'RFC 9112 §9.6',
    async play(peer) {
      const usual = await delivery(peer)
      const socket = await peer.connect()
      await write(peer, socket, {})
      const stream = await ServerStream.over(peer, socket)
      if (stream.status !== 200) return failed(`expected status 200, but ${stream.answer}`)
      socket.end()
      const before = stream.read.events.length
      await stream.until(() => stream.read.events.length > before + 2, limit(peer, EVENT_LIMIT))
      const words =
        stream.ended === undefined ? 'it goes on to send' : 'it takes it for the end of the client, and ends too'
      return (await othersAreServed(peer, usual)) ?? finding('INFORMATIONAL', words)
    },
  },
]

export const SERVER_RESUMPTION_CASES: readonly Case[] = [
  ...RESUMPTIONS.map((it, i) => caseFor('server', ServerPeer, `ES4.${i + 1}`, it, it.play)),
  ...CROWDS.map((it, i) => caseFor('server', ServerPeer, `ES5.${i + 1}`, it, it.play)),
]
