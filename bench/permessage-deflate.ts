/**
 * permessage-deflate against `ws`, both with the same negotiated parameters, level and threshold.
 *
 *     npm run bench:deflate -- [--only cpu|memory|wire|'64 KiB'] [--runs 11] [--messages 4000] [--connections 12000]
 *
 * - cpu: a server of one side or the other in a process of its own echoes JSON; what it costs is the processor time that
 *   the system counts for that process, its thread pool included. The load comes from this process, as frames that were
 *   made beforehand, over 16 connections with one message each under way, unless the name says otherwise. Both servers
 *   are up, and take turns; printed are the medians, and as "times" the median over the turns of theirs divided by ours.
 * - memory: bytes of RSS for each idle connection after the traffic that is named, and RSS after each of three waves of
 *   connections that come and go.
 * - wire: bytes of frames with context takeover against what zlib's own stream makes of the same messages.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, createDeflateRaw } from 'node:zlib'
import { WebSocketServer as WsServer } from 'ws'
import { type DeflateOptions, WebSocketServer } from '../lib/index.ts'
import { MessageDeflater } from '../lib/transport/message-deflater.ts'
import { median } from './statistics.ts'

type Side = 'ours' | 'ws'

interface Terms {
  readonly takeover: boolean
  readonly bits: number
  readonly level: number
}

const LEAN: Terms = { takeover: false, bits: 12, level: 1 }
const NO_TAKEOVER: Terms = { takeover: false, bits: 15, level: 6 }
const TAKEOVER: Terms = { takeover: true, bits: 15, level: 6 }
const SMALL_TAKEOVER: Terms = { takeover: true, bits: 12, level: 1 }

const CASES: Readonly<Record<string, readonly [terms: Terms, size: number, inFlight?: number]>> = {
  '1 KiB, lean (true)': [LEAN, 1024],
  '1 KiB, no takeover': [NO_TAKEOVER, 1024],
  '1 KiB, takeover, 32 KiB windows': [TAKEOVER, 1024],
  '1 KiB, takeover, 4 KiB windows': [SMALL_TAKEOVER, 1024],
  '1 KiB, lean, 16 in flight': [LEAN, 1024, 16],
  '1 KiB, no takeover, 16 in flight': [NO_TAKEOVER, 1024, 16],
  '1 KiB, takeover, 32 KiB, 16 in flight': [TAKEOVER, 1024, 16],
  '64 KiB, lean (true)': [LEAN, 65_536],
  '64 KiB, no takeover': [NO_TAKEOVER, 65_536],
  '64 KiB, takeover, 32 KiB windows': [TAKEOVER, 65_536],
}

const THRESHOLD = 256
/** Connections that come and go at once. */
const WAVE = 5000
const CONNECTIONS = 16
/** Messages that are not the same; the window goes on from the last one to the first. */
const DIFFERENT = 16
/** Rounds that do not count. */
const WARM_UP = 4
const FILE = fileURLToPath(import.meta.url)

/** JSON like that of a feed of prices: `count` messages of `size` bytes, each different, the same on every machine. */
function messages(count: number, size: number): Buffer[] {
  let state = 7692
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % below
  }
  const row = () => ({
    id: random(1_000_000),
    symbol: ['ACME', 'GLOBEX', 'INITECH', 'UMBRELLA', 'HOOLI'][random(5)],
    price: random(1_000_000) / 100,
    size: random(5000),
    side: random(2) === 0 ? 'buy' : 'sell',
    at: `2025-0${1 + random(9)}-${10 + random(18)}T0${random(9)}:${10 + random(49)}:${10 + random(49)}Z`,
  })
  return Array.from({ length: count }, () => {
    const rows: string[] = []
    for (let length = 0; length < size; length += rows.at(-1)!.length) rows.push(JSON.stringify(row()))
    return Buffer.from(`[${rows.join(',')}]`.slice(0, size))
  })
}

// The servers.

async function serve(side: Side, { takeover, bits, level }: Terms): Promise<number> {
  if (side === 'ours') {
    const perMessageDeflate: DeflateOptions = {
      serverContextTakeover: takeover,
      clientContextTakeover: takeover,
      serverMaxWindowBits: bits,
      clientMaxWindowBits: bits,
      level,
      threshold: THRESHOLD,
    }
    const server = new WebSocketServer({ perMessageDeflate, heartbeat: false })
    server.on('connection', connection => {
      connection.on('message', message => connection.send(message))
    })
    return Number((await server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })).port)
  }
  const perMessageDeflate = {
    serverNoContextTakeover: !takeover,
    clientNoContextTakeover: !takeover,
    ...(bits < 15 ? { serverMaxWindowBits: bits, clientMaxWindowBits: bits } : {}),
    zlibDeflateOptions: { level },
    threshold: THRESHOLD,
  }
  const server = new WsServer({ port: 0, host: '127.0.0.1', backlog: 4096, perMessageDeflate })
  server.on('connection', socket => {
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(isBinary ? data : String(data), { binary: isBinary }))
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Says its port, then whenever it is asked: microseconds of its processor time, or its RSS once garbage is gone. */
async function runServer(side: Side, terms: Terms): Promise<void> {
  const port = await serve(side, terms)
  process.on('message', what => {
    if (what === 'cpu') {
      const { user, system } = process.cpuUsage()
      process.send?.(user + system)
      return
    }
    globalThis.gc?.()
    setTimeout(() => {
      globalThis.gc?.()
      process.send?.(process.memoryUsage.rss())
    }, 300)
  })
  process.on('disconnect', () => process.exit())
  process.send?.(port)
}

class Server {
  readonly #child: ChildProcess
  readonly port: number

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(side: Side, terms: Terms): Promise<Server> {
    const child = fork(FILE, ['--serve', side, '--terms', JSON.stringify(terms)], { execArgv: ['--expose-gc'] })
    const [port] = await once(child, 'message')
    return new Server(child, port as number)
  }

  async usage(what: 'cpu' | 'rss'): Promise<number> {
    this.#child.send(what)
    const [usage] = await once(this.#child, 'message')
    return usage as number
  }

  stop(): void {
    this.#child.disconnect()
  }
}

// The load.

/** The frames of a client that sends these messages, again and again, through zlib's own stream. */
async function framesOf(all: readonly Buffer[], { takeover, bits, level }: Terms): Promise<Buffer[]> {
  const frames: Buffer[] = []
  let stream = createDeflateRaw({ windowBits: bits, level })
  for (const message of all) {
    if (!takeover) stream = createDeflateRaw({ windowBits: bits, level })
    const data = (await deflateWith(stream, message)).subarray(0, -4)
    const length = data.length < 126 ? [128 + data.length] : [254, data.length >> 8, data.length & 255]
    // RSV1, text; masked with zeros, which leave the payload as it is.
    frames.push(Buffer.concat([Buffer.from([0xc1, ...length, 0, 0, 0, 0]), data]))
  }
  return frames
}

async function deflateWith(stream: ReturnType<typeof createDeflateRaw>, message: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  const onData = (chunk: Buffer) => void chunks.push(chunk)
  stream.on('data', onData)
  stream.write(message)
  await new Promise<void>(resolve => stream.flush(constants.Z_SYNC_FLUSH, resolve))
  stream.off('data', onData)
  return Buffer.concat(chunks)
}

class Client {
  readonly #socket: Socket
  /** The response's Sec-WebSocket-Extensions. */
  readonly extensions: string
  #rest: Buffer = Buffer.alloc(0)
  #left = 0
  #onMessage: () => void = () => {}
  /** Bytes of the payloads that came. */
  received = 0

  private constructor(socket: Socket, extensions: string) {
    this.#socket = socket
    this.extensions = extensions
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
  }

  static async open(port: number): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.write(
      'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n',
    )
    const [head] = await once(socket, 'data')
    return new Client(socket, /^sec-websocket-extensions: (.*)\r$/im.exec(String(head))?.[1] ?? '')
  }

  /** Sends the frames in turn, `inFlight` at once, and those again when all of them have been answered. */
  converse(frames: readonly Buffer[], count: number, inFlight = 1): Promise<void> {
    const batches = Array.from({ length: frames.length / inFlight }, (_, n) =>
      Buffer.concat(frames.slice(n * inFlight, (n + 1) * inFlight)),
    )
    return new Promise(resolve => {
      let sent = 0
      let awaited = 1
      this.#onMessage = () => {
        if (--awaited > 0) return
        if (sent === count) return resolve()
        awaited = inFlight
        this.#socket.write(batches[(sent / inFlight) % batches.length]!)
        sent += inFlight
      }
      this.#onMessage()
    })
  }

  async close(): Promise<void> {
    this.#socket.resetAndDestroy()
    await once(this.#socket, 'close')
  }

  #read(chunk: Buffer): void {
    if (this.#left >= chunk.length) {
      this.#left -= chunk.length
      if (this.#left === 0) this.#onMessage()
      return
    }
    let at = this.#left
    if (at > 0) this.#onMessage()
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#left = 0
    this.#rest = Buffer.alloc(0)
    while (at < bytes.length) {
      const short = bytes[at + 1] ?? 0
      const header = short < 126 ? 2 : short === 126 ? 4 : 10
      if (bytes.length - at < header) {
        this.#rest = Buffer.from(bytes.subarray(at))
        return
      }
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6)
      this.received += length
      at += header + length
      if (at <= bytes.length) this.#onMessage()
    }
    this.#left = at - bytes.length
  }
}

/** A server with clients that are connected to it. */
class Bout {
  readonly #server: Server
  readonly #clients: readonly Client[]

  private constructor(server: Server, clients: readonly Client[]) {
    this.#server = server
    this.#clients = clients
  }

  static async prepare(side: Side, terms: Terms): Promise<Bout> {
    const server = await Server.start(side, terms)
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(server.port)))
    return new Bout(server, clients)
  }

  /** What was agreed on, in one order. */
  get agreed(): string {
    return (this.#clients[0]?.extensions ?? '').split('; ').sort().join('; ')
  }

  /** Microseconds of the server's processor time for each message, when every client sends `count`. */
  async cost(frames: readonly Buffer[], count: number, inFlight: number): Promise<number> {
    const before = await this.#server.usage('cpu')
    await Promise.all(this.#clients.map(client => client.converse(frames, count, inFlight)))
    return ((await this.#server.usage('cpu')) - before) / (count * CONNECTIONS)
  }

  async end(): Promise<void> {
    for (const client of this.#clients) await client.close()
    this.#server.stop()
  }
}

async function measureCpu(only: string, runs: number, count: number): Promise<void> {
  console.log(`${'echo of JSON'.padEnd(40)}${'ours'.padStart(8)}${'ws'.padStart(8)}  µs CPU  times`)
  for (const [name, [terms, size, inFlight = 1]] of Object.entries(CASES).filter(([name]) => name.includes(only))) {
    const frames = await framesOf(messages(DIFFERENT, size), terms)
    const bouts = { ours: await Bout.prepare('ours', terms), ws: await Bout.prepare('ws', terms) }
    if (bouts.ours.agreed !== bouts.ws.agreed) throw new Error(`${bouts.ours.agreed} against ${bouts.ws.agreed}`)
    const scaled = Math.max(1, Math.round(count / DIFFERENT / CONNECTIONS / Math.max(1, size / 4096))) * DIFFERENT
    const costs: Record<Side, number[]> = { ours: [], ws: [] }
    for (let run = -WARM_UP; run < runs; run++) {
      for (const side of run % 2 === 0 ? (['ours', 'ws'] as const) : (['ws', 'ours'] as const)) {
        const cost = await bouts[side].cost(frames, scaled, inFlight)
        if (run >= 0) costs[side].push(cost)
      }
    }
    await bouts.ours.end()
    await bouts.ws.end()
    const times = median(costs.ours.map((ours, run) => (costs.ws[run] ?? Number.NaN) / ours))
    const cells = [median(costs.ours), median(costs.ws)].map(cost => cost.toFixed(1).padStart(8)).join('')
    console.log(`${name.padEnd(40)}${cells}${times.toFixed(2).padStart(15)}`)
  }
}

async function measureMemory(connections: number): Promise<void> {
  console.log(`\n${'RSS of an idle connection'.padEnd(48)}${'ours'.padStart(9)}${'ws'.padStart(9)}  bytes`)
  const traffic: readonly [name: string, terms: Terms, size: number, count: number][] = [
    ['one 2 kB message each way, lean (true)', LEAN, 2000, 1],
    ['one 2 kB message each way, no takeover', NO_TAKEOVER, 2000, 1],
    ['one 2 kB message each way, takeover, 32 KiB', TAKEOVER, 2000, 1],
    ['100 kB each way, takeover, 32 KiB', TAKEOVER, 2000, 50],
  ]
  for (const [name, terms, size, count] of traffic) {
    const frames = await framesOf(messages(count, size), terms)
    const ours = await bytesPerConnection('ours', terms, frames, connections)
    const theirs = await bytesPerConnection('ws', terms, frames, Math.min(connections, 400))
    console.log(`${name.padEnd(48)}${ours.toFixed(0).padStart(9)}${theirs.toFixed(0).padStart(9)}`)
  }
  for (const [name, terms] of [
    ['lean (true)', LEAN],
    ['takeover, 32 KiB', TAKEOVER],
  ] as const) {
    const frames = await framesOf(messages(4, 2000), terms)
    const server = await Server.start('ours', terms)
    const rss: number[] = [await server.usage('rss')]
    for (let wave = 0; wave < 3; wave++) {
      const clients = await openAll(server.port, WAVE, frames)
      for (const client of clients) await client.close()
      rss.push(await server.usage('rss'))
    }
    server.stop()
    const megabytes = rss.map(bytes => (bytes / 2 ** 20).toFixed(1)).join(' → ')
    console.log(`RSS in MiB before and after waves of ${WAVE}, ${name}: ${megabytes}`)
  }
}

async function openAll(port: number, count: number, frames: readonly Buffer[]): Promise<Client[]> {
  const clients: Client[] = []
  while (clients.length < count) {
    const batch = await Promise.all(Array.from({ length: 100 }, () => Client.open(port)))
    await Promise.all(batch.map(client => client.converse(frames, frames.length)))
    clients.push(...batch)
  }
  return clients
}

async function bytesPerConnection(
  side: Side,
  terms: Terms,
  frames: readonly Buffer[],
  connections: number,
): Promise<number> {
  const server = await Server.start(side, terms)
  // What the first connections cost once for all is not theirs.
  const first = await openAll(server.port, 100, frames)
  const before = await server.usage('rss')
  const clients = await openAll(server.port, connections, frames)
  const after = await server.usage('rss')
  for (const client of [...first, ...clients]) await client.close()
  server.stop()
  return (after - before) / clients.length
}

async function measureWire(): Promise<void> {
  console.log(
    `\n${'bytes of 200 messages with takeover'.padEnd(40)}${'ours'.padStart(9)}${'zlib'.padStart(9)}  ours/zlib`,
  )
  for (const size of [128, 1024, 4096, 20_000, 100_000]) {
    for (const [bits, level] of [
      [15, 6],
      [15, 1],
      [12, 1],
      [9, 6],
    ] as const) {
      const all = messages(200, size)
      const stream = createDeflateRaw({ windowBits: bits, level })
      const deflater = new MessageDeflater({ windowBits: bits, contextTakeover: true }, level)
      const sums = { ours: 0, zlib: 0 }
      for (const message of all) {
        sums.zlib += (await deflateWith(stream, message)).length - 4
        sums.ours += (await deflater.deflate(message)).length
        deflater.messageSent(message)
      }
      const name = `${size} bytes, ${bits} bits, level ${level}`
      const ratio = (sums.ours / sums.zlib).toFixed(4)
      console.log(
        `${name.padEnd(40)}${String(sums.ours).padStart(9)}${String(sums.zlib).padStart(9)}${ratio.padStart(11)}`,
      )
    }
  }
}

if (process.argv[1] === FILE) {
  const options = {
    only: { type: 'string' },
    runs: { type: 'string', default: '11' },
    messages: { type: 'string', default: '4000' },
    connections: { type: 'string', default: '12000' },
    serve: { type: 'string' },
    terms: { type: 'string', default: '{}' },
  } as const
  const { values } = parseArgs({ options })
  if (values.serve !== undefined) {
    await runServer(values.serve as Side, JSON.parse(values.terms))
  } else {
    const { only } = values
    const isCpu = only !== 'memory' && only !== 'wire'
    if (isCpu) await measureCpu(only === 'cpu' ? '' : (only ?? ''), Number(values.runs), Number(values.messages))
    if (only === undefined || only === 'memory') await measureMemory(Number(values.connections))
    if (only === undefined || only === 'wire') await measureWire()
  }
}
