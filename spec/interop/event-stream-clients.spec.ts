/**
 * Interoperation of our event streams with the clients that Node's world has: npm's eventsource, undici's EventSource,
 * and eventsource-parser behind fetch.
 */
import { type EventEmitter, once } from 'node:events'
import { EventSource as NpmEventSource } from 'eventsource'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import t from 'tap'
import { Agent, fetch, EventSource as UndiciEventSource } from 'undici'
import { openEventStream, WebSocketServer } from '../../lib/index.ts'
import { certificates } from '../support/certificate.ts'
import { within } from '../support/waiting.ts'
import {
  type EventSourcePeer,
  type Happening,
  type Source,
  TYPES,
  testEventSource,
} from './event-source-behaviours.ts'
import { type Asked, type Carrier, serveEvents } from './event-stream-server.ts'
import { Arrivals } from './peer.ts'

const CARRIERS: readonly Carrier[] = ['node:http', 'our own port', 'node:http2']

/** undici speaks HTTP/2 where the server does, if it is told to. */
const dispatcher = new Agent({ allowH2: true, connect: { ca: certificates().ca } })
t.teardown(() => dispatcher.destroy())

/** What the classes have in common. */
interface AnyEventSource {
  readonly readyState: number
  addEventListener(type: string, listener: (event: Event) => void): void
  close(): void
}

class LocalSource implements Source {
  readonly #source: AnyEventSource
  readonly #happenings = new Arrivals<Happening>()

  constructor(source: AnyEventSource) {
    this.#source = source
    source.addEventListener('open', () => this.#happenings.push(['open']))
    source.addEventListener('error', () => this.#happenings.push(['error', source.readyState]))
    for (const type of TYPES) {
      source.addEventListener(type, event => {
        const { data, lastEventId } = event as Event & { readonly data: string; readonly lastEventId: string }
        this.#happenings.push([type, data, lastEventId])
      })
    }
  }

  take(count: number): Promise<readonly Happening[]> {
    return this.#happenings.take(count)
  }

  async readyState(): Promise<number> {
    return this.#source.readyState
  }

  async close(): Promise<void> {
    this.#source.close()
  }
}

const eventsource: EventSourcePeer = {
  name: 'eventsource',
  lacks: ['ids beyond ASCII', 'lastEventId of earlier events'],
  open: async url =>
    new LocalSource(
      new NpmEventSource(url, { fetch: (to, init) => fetch(to, { ...init, dispatcher } as never) as never }),
    ),
}

const undici: EventSourcePeer = {
  name: 'undici',
  lacks: ['ids beyond ASCII'],
  open: async url => new LocalSource(new UndiciEventSource(url, { node: { dispatcher } }) as never),
}

for (const peer of [eventsource, undici]) {
  for (const carrier of CARRIERS) testEventSource(t, peer, carrier)
}

t.test('eventsource-parser behind fetch', async t => {
  for (const carrier of CARRIERS) {
    t.test(`over ${carrier}`, async t => {
      const server = await serveEvents(t, carrier, { options: { retry: 1234, heartbeat: 10 } })
      const response = await fetch(server.url, { dispatcher })
      const { stream, request } = await server.next()
      t.equal(request.httpVersion, carrier === 'node:http2' ? '2.0' : '1.1')
      t.match(Object.fromEntries(response.headers), {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      })
      const comments: string[] = []
      const retries: number[] = []
      const events = response
        .body!.pipeThrough(new TextDecoderStream())
        .pipeThrough(
          new EventSourceParserStream({ onComment: text => comments.push(text), onRetry: ms => retries.push(ms) }),
        )
        .getReader()
      const sent = [
        { data: 'a\nb', id: '1', event: 'x' },
        { data: 'é€😀'.repeat(10_000), id: '2', event: 'x' },
      ]
      for (const event of sent) {
        stream.send(event)
        const { value } = await within(events.read(), event.id)
        t.same(value, event)
      }
      while (comments.length < 5) {
        stream.send({ data: 'x' })
        await within(events.read(), 'a heartbeat')
      }
      stream.close()
      t.equal((await within(events.read(), 'the end')).done, true)
      t.match(await within(stream.closed), { by: 'local', cause: undefined, unsent: 0 })
      t.same(retries, [1234])
    })
  }
})

t.test('a client that is gone before its stream is opened has gone', async t => {
  for (const carrier of CARRIERS) {
    t.test(`over ${carrier}`, async t => {
      const leaving = new AbortController()
      const ready = async (request: Asked & { readonly stream?: EventEmitter; readonly socket?: EventEmitter }) => {
        leaving.abort()
        if (carrier !== 'our own port') await once(request.stream ?? request.socket!, 'close')
      }
      const server = await serveEvents(t, carrier, { ready })
      await t.rejects(fetch(server.url, { dispatcher, signal: leaving.signal }), { name: 'AbortError' })
      const { stream } = await server.next()
      t.match(await within(stream.closed, 'the end of the stream'), { by: 'peer' })
      t.same([stream.isClosed, stream.send({ data: 'x' })], [true, false])
    })
  }
})

t.test('when our server closes its streams end in good order, and it has none', async t => {
  const server = new WebSocketServer({ onRequest: (request, response) => openEventStream(request, response) })
  const { port } = await server.listen({ host: '127.0.0.1' })
  const response = await fetch(`http://127.0.0.1:${port}`, { dispatcher })
  const [stream] = [...server.eventStreams]
  stream!.send({ data: 'last' })
  let isClosed = false
  const closed = stream!.closed.then(close => {
    isClosed = true
    return close
  })
  await within(server.close(), 'the end of the server')
  t.same([isClosed, server.eventStreams.size], [true, 0])
  t.match(await closed, { by: 'local', cause: undefined, unsent: 0 })
  t.match(await response.text(), /data: last\n\n$/)
})
