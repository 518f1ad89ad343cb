/**
 * What an EventSource that others wrote sees of our streams, as one table that each peer's spec runs over each carrier.
 * Where a peer does not do its part the row is left out for it, and its spec says so by name.
 */
import type { Test } from 'tap'
import type { OutgoingEvent } from '../../lib/index.ts'
import { until, within } from '../support/waiting.ts'
import { type Carrier, type EventServer, type Opened, type Serving, serveEvents } from './event-stream-server.ts'

/** 'open', 'error' with the readyState it left, or an event's type, data and lastEventId. */
export type Happening = readonly [type: 'open'] | readonly [type: 'error', readyState: number] | Received
type Received = readonly [type: string, data: string, lastEventId: string]

/** An EventSource of the peer's. */
export interface Source {
  /** The next things that happened to it. */
  take(count: number): Promise<readonly Happening[]>
  readyState(): Promise<number>
  close(): Promise<void>
}

/** What not every peer does. */
export type Lack =
  /** sends an ID that is more than ASCII */
  | 'ids beyond ASCII'
  /** keeps the last event ID for events that have none */
  | 'lastEventId of earlier events'

export interface EventSourcePeer {
  readonly name: string
  readonly lacks: readonly Lack[]
  /** What it needs the server to have at /page. */
  readonly page?: string
  /** Listens for TYPES. */
  open(url: string): Promise<Source>
}

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

/** All event types that are sent. */
export const TYPES = ['message', 'price', 'öl ☃']

const MEGABYTE = '0123456789é€😀'.repeat(52_429)

/** In this order: an ID holds for those that follow. */
const EVENTS: readonly (readonly [sent: OutgoingEvent, got?: Received])[] = [
  [{ data: 'hello' }, ['message', 'hello', '']],
  [{ data: '' }, ['message', '', '']],
  [{ event: 'price', data: '1.50', id: '1' }, ['price', '1.50', '1']],
  [{ data: 'a\nb\r\nc\rd\n' }, ['message', 'a\nb\nc\nd\n', '1']],
  [{ data: '  spaces: kept ' }, ['message', '  spaces: kept ', '1']],
  [{ comment: 'not\r\ndata: seen' }],
  [{ retry: 20 }],
  [{ event: 'price' }],
  [{ data: 'é€😀\u0000\ufeff\u{10ffff}', id: 'é€😀' }, ['message', 'é€😀\u0000\ufeff\u{10ffff}', 'é€😀']],
  [{ event: 'öl ☃', data: 'x' }, ['öl ☃', 'x', 'é€😀']],
  [{ data: 'x\n\ndata: y\nid: forged\n\n: z' }, ['message', 'x\n\ndata: y\nid: forged\n\n: z', 'é€😀']],
  [{ data: 'x', id: '' }, ['message', 'x', '']],
  [{ data: MEGABYTE, id: '2' }, ['message', MEGABYTE, '2']],
  [{ data: 'last' }, ['message', 'last', '2']],
]

type Serve = (serving?: Serving) => Promise<EventServer>

interface Behaviour {
  readonly name: string
  readonly needs?: Lack
  readonly only?: Carrier
  run(t: Test, serve: Serve, peer: EventSourcePeer): Promise<void>
}

const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: 'each event comes with its type, its data and the last event ID',
    async run(t, serve, peer) {
      const [source, { stream }] = await open(t, await serve(), peer)
      await stream.sendAll(EVENTS.map(([sent]) => sent))
      const expected = EVENTS.flatMap(([, got]) => (got === undefined ? [] : [got]))
      const got = await take(source, expected.length)
      const withoutId = peer.lacks.includes('lastEventId of earlier events')
      const seen = (happening: Happening) => (withoutId ? happening.slice(0, 2) : happening)
      const wrong = expected.filter((event, n) => JSON.stringify(seen(event)) !== JSON.stringify(seen(got[n]!)))
      t.same(wrong.map(brief), [])
      t.equal(await source.readyState(), OPEN)
    },
  },
  {
    name: 'a thousand events of one turn come in their order',
    async run(t, serve, peer) {
      const [source, { stream }] = await open(t, await serve(), peer)
      const numbers = Array.from({ length: 1000 }, (_, n) => String(n))
      for (const id of numbers) stream.send({ data: id, id })
      t.same(
        await take(source, 1000),
        numbers.map(id => ['message', id, id]),
      )
    },
  },
  {
    name: 'heartbeats go unnoticed',
    async run(t, serve, peer) {
      const [source, { stream, bytesWritten }] = await open(t, await serve({ options: { heartbeat: 10 } }), peer)
      const before = bytesWritten()
      await until(() => bytesWritten() >= before + 30, 'ten heartbeats')
      stream.send({ data: 'after' })
      t.same(await take(source, 1), [['message', 'after', '']])
    },
  },
  {
    name: 'it comes back after close(), with the last event ID, and gets what it missed',
    async run(t, serve, peer) {
      const server = await serve({ options: { retry: 10 } })
      const [source, opened] = await open(t, server, peer)
      const log = ['a', 'b', 'c', 'd', 'e', 'f'].map((data, n) => ({ data, id: `id-${n}` }))
      const came: Happening[] = []
      for (let { stream } = opened; ; { stream } = await server.next()) {
        const missed = log.slice(log.findIndex(({ id }) => id === stream.lastEventId) + 1)
        if (missed.length === 0) break
        await stream.sendAll(missed.slice(0, 2))
        stream.close()
        t.match(await within(stream.closed), { by: 'local', cause: undefined, unsent: 0 })
        came.push(...(await take(source, 4)))
      }
      const gone = [['error', CONNECTING], ['open']]
      const events = log.map(({ data, id }) => ['message', data, id])
      t.same(came, [...events.slice(0, 2), ...gone, ...events.slice(2, 4), ...gone, ...events.slice(4), ...gone])
    },
  },
  {
    name: 'it comes back when the connection is cut',
    async run(t, serve, peer) {
      const server = await serve({ options: { retry: 10 } })
      const [source, { stream, cut }] = await open(t, server, peer)
      stream.send({ data: 'x', id: '7' })
      t.same(await take(source, 1), [['message', 'x', '7']])
      cut()
      const again = await server.next()
      t.equal(again.stream.lastEventId, '7')
      again.stream.send({ data: 'y' })
      const y = ['message', 'y', peer.lacks.includes('lastEventId of earlier events') ? '' : '7']
      t.same(await take(source, 3), [['error', CONNECTING], ['open'], y])
    },
  },
  {
    name: 'an ID that is more than ASCII comes back as it was',
    needs: 'ids beyond ASCII',
    async run(t, serve, peer) {
      const server = await serve({ options: { retry: 10 } })
      let [source, { stream }] = await open(t, server, peer)
      const ids = ['é', 'ключ-😀', ' spaced id', 'ÿ\u0080', ':', '%20,"']
      const came: string[] = []
      for (const id of ids) {
        stream.send({ data: 'x', id })
        stream.close()
        await take(source, 3)
        ;({ stream } = await server.next())
        came.push(stream.lastEventId)
      }
      t.same(
        came,
        ids.map(id => id.trim()),
        'but for spaces, which HTTP takes off a field',
      )
    },
  },
  {
    name: 'an empty ID makes it begin anew',
    async run(t, serve, peer) {
      const server = await serve({ options: { retry: 10 } })
      const [, { stream }] = await open(t, server, peer)
      stream.send({ data: 'x', id: '1' })
      stream.send({ data: 'y', id: '' })
      stream.close()
      const { stream: again, request } = await server.next()
      t.same([again.lastEventId, request.headers['last-event-id'] ?? ''], ['', ''])
    },
  },
  {
    name: 'the reconnection time is ours to set',
    async run(t, serve, peer) {
      const times: Readonly<Record<string, number | undefined>> = {
        '/soon': 10,
        '/usual': undefined,
        '/late': 3_600_000,
      }
      const server = await serve({ options: ({ url }) => ({ retry: times[url!] }) })
      const sources = []
      for (const path of ['/usual', '/late', '/soon']) {
        const source = await peer.open(server.url + path)
        t.teardown(() => source.close())
        sources.push({ source, opened: await server.next() })
      }
      for (const { source, opened } of sources) {
        await take(source, 1)
        opened.stream.close()
      }
      for (let round = 0; round < 3; round++) (await server.next()).stream.close()
      t.same(server.asked, ['/usual', '/late', '/soon', '/soon', '/soon', '/soon'])
    },
  },
  {
    name: 'the reconnection time can be longer than its own',
    // It takes the few seconds that are its own.
    only: 'node:http',
    async run(t, serve, peer) {
      const server = await serve({ options: ({ url }) => (url === '/late' ? { retry: 3_600_000 } : {}) })
      for (const path of ['/late', '/usual']) {
        const [, { stream }] = await open(t, server, peer, path)
        stream.close()
      }
      t.equal((await server.next()).request.url, '/usual')
    },
  },
  {
    name: '204 ends it for good',
    async run(t, serve, peer) {
      let isOver = false
      const answer = ({ url }: { readonly url?: string | undefined }) =>
        isOver && url === '/' ? { status: 204 } : undefined
      const server = await serve({ options: { retry: 10 }, answer })
      const [source, { stream }] = await open(t, server, peer)
      isOver = true
      stream.close()
      t.same(await take(source, 2), [
        ['error', CONNECTING],
        ['error', CLOSED],
      ])
      t.equal(await source.readyState(), CLOSED)

      const other = await peer.open(`${server.url}/other`)
      t.teardown(() => other.close())
      for (let round = 0; round < 5; round++) (await server.next()).stream.close()
      t.equal(server.asked.filter(url => url === '/').length, 2, 'no more requests while another one came back')
    },
  },
  {
    name: 'a page that was made knowing an ID asks by the query, and by the field from then on',
    async run(t, serve, peer) {
      const server = await serve({ options: { retry: 10 } })
      const [, { stream }] = await open(t, server, peer, '/?topic=a&lastEventId=%D0%BA+1')
      t.equal(stream.lastEventId, 'к 1')
      stream.send({ data: 'x', id: '2' })
      stream.close()
      t.equal((await server.next()).stream.lastEventId, '2')
    },
  },
  {
    name: 'we see it leave',
    async run(t, serve, peer) {
      const [source, { stream }] = await open(t, await serve(), peer)
      const { signal } = stream
      const aborted = new Promise(resolve => signal.addEventListener('abort', resolve))
      t.equal(stream.isClosed, false)
      await source.close()
      t.match(await within(stream.closed, 'the end of the stream'), { by: 'peer', unsent: 0 })
      await within(aborted, 'the signal')
      t.same([stream.isClosed, stream.send({ data: 'x' })], [true, false])
    },
  },
]

export function testEventSource(t: Test, peer: EventSourcePeer, carrier: Carrier): void {
  t.test(`${peer.name}, over ${carrier}`, async t => {
    for (const { name, needs, only, run } of BEHAVIOURS) {
      if (needs !== undefined && peer.lacks.includes(needs)) continue
      if (only !== undefined && carrier !== only) continue
      t.test(name, t => run(t, serving => serveEvents(t, carrier, { page: peer.page, ...serving }), peer))
    }
  })
}

/** An EventSource that is open, and our side of it. */
export async function open(
  t: Test,
  server: EventServer,
  peer: EventSourcePeer,
  target = '/',
): Promise<[source: Source, opened: Opened]> {
  const source = await peer.open(server.url + target)
  t.teardown(() => source.close())
  const opened = await server.next()
  t.same(await take(source, 1), [['open']])
  return [source, opened]
}

export function take(source: Source, count: number): Promise<readonly Happening[]> {
  return within(source.take(count), `${count} events at the peer`)
}

/** For comparing without printing a megabyte. */
function brief(happening: Happening): string {
  return JSON.stringify(happening).slice(0, 200)
}
