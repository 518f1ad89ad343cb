/**
 * Event streams on a server: what an idle one costs, and what an event for many costs, against better-sse and against
 * the floor, which writes without a library.
 *
 *     node --expose-gc dist/bench/event-stream-server.js [--only idle|broadcast] [--runs 3] [--streams 6000]
 *
 * Every server is a process of its own and the load comes from this one, over several loopback addresses; the servers
 * take turns.
 *
 * - idle: bytes of RSS for each stream that is open and silent, of those behind the first 500, after garbage collection.
 * - broadcast: microseconds of the server's processor time, as the system counts it, for one event of 100 bytes to one of
 *   500 streams; 16 events in a turn, and one. Medians over the runs, and "times": those of better-sse divided by it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createChannel, createSession } from 'better-sse'
import { encodeEvent } from '../lib/event-stream/encoder.ts'
import { type EventStream, openEventStream, prepareEvent, WebSocketServer } from '../lib/index.ts'
import { median } from './statistics.ts'

interface Streams {
  readonly port: number
  /** Sends one event to all. */
  readonly broadcast: (data: string) => void
}

const DATA = 'x'.repeat(92)
const FILE = fileURLToPath(import.meta.url)

const SERVERS: Readonly<Record<string, () => Promise<Streams>>> = {
  'node:net, no library': async () => {
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, socket => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:\n\n')
        socket.resume()
        sockets.add(socket)
      })
      socket.on('error', () => {})
    })
    return {
      port: await listen(server),
      broadcast(data) {
        const bytes = Buffer.from(encodeEvent({ data }))
        for (const socket of sockets) socket.write(bytes)
      },
    }
  },
  'wirewright, own port': async () => {
    const server = new WebSocketServer({ onRequest: (request, response) => openEventStream(request, response) })
    const { port = 0 } = await server.listen({ host: '127.0.0.1', backlog: 4096 })
    return { port, broadcast: data => sendTo(server.eventStreams, data) }
  },
  'node:http, no library': async () => {
    const responses = new Set<ServerResponse>()
    const server = createHttpServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(':\n\n')
      responses.add(response)
    })
    return {
      port: await listen(server),
      broadcast(data) {
        const bytes = Buffer.from(encodeEvent({ data }))
        for (const response of responses) response.write(bytes)
      },
    }
  },
  'wirewright, node:http': async () => {
    const streams = new Set<EventStream>()
    const server = createHttpServer((request, response) => void streams.add(openEventStream(request, response)))
    return { port: await listen(server), broadcast: data => sendTo(streams, data) }
  },
  'better-sse, node:http': async () => {
    const channel = createChannel()
    const serializer = (data: unknown) => String(data)
    const server = createHttpServer(async (request, response) => {
      channel.register(await createSession(request, response, { serializer }))
    })
    return { port: await listen(server), broadcast: data => void channel.broadcast(data) }
  },
}

function sendTo(streams: Iterable<EventStream>, data: string): void {
  const event = prepareEvent({ data })
  for (const stream of streams) stream.send(event)
}

async function listen(server: Server): Promise<number> {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What this process asks of a server's. */
type Question = 'rss' | { readonly turns: number; readonly events: number }

async function runServer(name: string): Promise<void> {
  const { port, broadcast } = await (SERVERS[name] as () => Promise<Streams>)()
  process.on('message', async (question: Question) => {
    if (question === 'rss') {
      for (let round = 0; round < 3; round++) {
        globalThis.gc?.()
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      process.send?.(process.memoryUsage.rss())
      return
    }
    const { turns, events } = question
    const before = process.cpuUsage()
    for (let turn = 0; turn < turns; turn++) {
      for (let event = 0; event < events; event++) broadcast(DATA)
      await new Promise(resolve => setImmediate(resolve))
    }
    const { user, system } = process.cpuUsage(before)
    process.send?.(user + system)
  })
  process.send?.(port)
}

class Load {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #sockets: Socket[] = []

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
  }

  static async on(name: string): Promise<Load> {
    const child = fork(FILE, ['--serve', name], { execArgv: ['--expose-gc'] })
    const [port] = await once(child, 'message')
    return new Load(child, port)
  }

  async ask(question: Question): Promise<number> {
    this.#child.send(question)
    const [answer] = await once(this.#child, 'message')
    return answer
  }

  /** Opens streams, a hundred at a time, with the fields that a browser sends. */
  async open(count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += 100) {
      await Promise.all(Array.from({ length: Math.min(100, count - opened) }, () => this.#openOne()))
    }
  }

  async #openOne(): Promise<void> {
    const localAddress = `127.0.0.${2 + (this.#sockets.length % 4)}`
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress })
    this.#sockets.push(socket)
    socket.write(
      'GET /events HTTP/1.1\r\nHost: localhost:8080\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n' +
        'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0\r\n' +
        'Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n',
    )
    await once(socket, 'data')
    socket.on('data', () => {}).on('error', () => {})
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

async function idleCost(name: string, streams: number): Promise<number> {
  const load = await Load.on(name)
  await load.open(500)
  const before = await load.ask('rss')
  await load.open(streams)
  const after = await load.ask('rss')
  await load.end()
  return (after - before) / streams
}

const RECEIVERS = 500

async function broadcastCost(name: string, turns: number, events: number): Promise<number> {
  const load = await Load.on(name)
  await load.open(RECEIVERS)
  await load.ask({ turns: Math.ceil(turns / 4), events })
  const cost = await load.ask({ turns, events })
  await load.end()
  return cost / (turns * events * RECEIVERS)
}

async function compare(
  title: string,
  runs: number,
  measure: (name: string) => Promise<number>,
  show: (value: number) => string,
): Promise<void> {
  const results = new Map(Object.keys(SERVERS).map(name => [name, [] as number[]]))
  for (let run = 0; run < runs; run++) {
    for (const [name, values] of results) values.push(await measure(name))
  }
  const theirs = median(results.get('better-sse, node:http') ?? [])
  console.log(`\n${title}`)
  for (const [name, values] of results) {
    const value = median(values)
    console.log(`  ${name.padEnd(24)}${show(value).padStart(9)}${(theirs / value).toFixed(2).padStart(8)} times`)
  }
}

async function report({ only, runs, streams }: { only: string; runs: number; streams: number }): Promise<void> {
  console.log(`Node ${process.version}, medians of ${runs} runs; times: better-sse's divided by it`)
  if (only !== 'broadcast') {
    const title = `idle: bytes of RSS for each of ${streams} streams`
    await compare(
      title,
      runs,
      name => idleCost(name, streams),
      value => value.toFixed(0),
    )
  }
  if (only === 'idle') return
  for (const [turns, events] of [
    [200, 1],
    [40, 16],
  ] as const) {
    const title = `broadcast: µs of processor time for an event to one stream, ${events} in a turn`
    await compare(
      title,
      runs,
      name => broadcastCost(name, turns, events),
      value => value.toFixed(2),
    )
  }
}

if (process.argv[1] === FILE) {
  const { values } = parseArgs({
    options: {
      serve: { type: 'string' },
      only: { type: 'string', default: '' },
      runs: { type: 'string', default: '3' },
      streams: { type: 'string', default: '6000' },
    },
  })
  const { serve, only, runs, streams } = values
  if (serve === undefined) await report({ only, runs: Number(runs), streams: Number(streams) })
  else await runServer(serve)
}
