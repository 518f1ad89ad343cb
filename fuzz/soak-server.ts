/**
 * The server of the soak, in a process of its own: it echoes, and publishes numbered events. Once a second it tells its
 * parent how it is: memory, handles, the delay of its event loop, and what became of its connections.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type EventStream, openEventStream, WebSocketServer } from '../lib/index.ts'

export interface Sample {
  /** Seconds since the start. */
  readonly at: number
  /** Bytes in use after a collection: in the heap, and outside of it. */
  readonly heap: number
  readonly rss: number
  /** Sockets, servers and timers. */
  readonly handles: number
  /** Milliseconds: the median and the most of the last second. */
  readonly delay: number
  readonly longestDelay: number
  readonly connections: number
  readonly streams: number
  /** Since the start: connections that ended, by cause. */
  readonly ends: Readonly<Record<string, number>>
  readonly messages: number
  readonly refused: number
  readonly uncaught: readonly string[]
}

/** Events of one response; then the stream ends, and its client must go on from where it was. */
const EVENTS_OF_A_STREAM = 200

const start = performance.now()
const ends: Record<string, number> = {}
const uncaught: string[] = []
const streams = new Map<EventStream, { next: number; left: number }>()
let messages = 0
let refused = 0

process.on('uncaughtException', error => uncaught.push(String(error?.stack ?? error)))
process.on('unhandledRejection', error => uncaught.push(`unhandled: ${(error as Error)?.stack ?? error}`))
process.on('disconnect', () => process.exit())

const count = (cause: string) => {
  ends[cause] = (ends[cause] ?? 0) + 1
}

const server = new WebSocketServer({
  handshakeTimeout: 2000,
  closeTimeout: 1000,
  heartbeat: { interval: 2000, timeout: 2000 },
  maxBufferedAmount: 4 * 2 ** 20,
  perMessageDeflate: ({ url }) =>
    url === '/deflate' && { threshold: 0, serverContextTakeover: true, clientContextTakeover: true },
  onRequest(request, response) {
    const stream = openEventStream(request, response, { heartbeat: 1000, retry: 50, closeTimeout: 1000 })
    streams.set(stream, { next: Number(stream.lastEventId) + 1 || 1, left: EVENTS_OF_A_STREAM })
    void stream.closed.then(({ cause, by }) => {
      streams.delete(stream)
      count(`stream: ${cause ?? by}`)
    })
    return stream
  },
})
server.on('refused', () => refused++)
server.on('connection', connection => {
  connection.on('message', message => {
    messages++
    connection.send(message)
  })
  void connection.closed.then(({ code, detail }) => count(detail.cause ?? `code ${code}`))
})

setInterval(() => {
  for (const [stream, state] of streams) {
    if (state.left-- === 0) stream.close()
    else if (state.left >= 0) stream.send({ id: String(state.next), data: `${state.next++} ${'x'.repeat(300)}` })
  }
}, 20)

const histogram = monitorEventLoopDelay({ resolution: 5 })
histogram.enable()

function sample(): Sample {
  const delay = histogram.percentile(50) / 1e6
  const longestDelay = histogram.max / 1e6
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  // What the collection has cost is not the server's.
  histogram.reset()
  return {
    at: (performance.now() - start) / 1000,
    heap: heapUsed + external,
    rss,
    handles: process.getActiveResourcesInfo().length,
    delay,
    longestDelay,
    connections: server.connections.size,
    streams: streams.size,
    ends,
    messages,
    refused,
    uncaught,
  }
}

const { port } = await server.listen({ host: '127.0.0.1' })
process.send?.({ port })
setInterval(() => process.send?.({ sample: sample() }), 1000)
