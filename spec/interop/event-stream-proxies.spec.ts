/**
 * Our event streams behind proxies as they come: nginx and HAProxy with nothing set that is not needed to start them,
 * so nginx buffers and speaks HTTP/1.0 to the server behind it. Each listens on Unix sockets in a folder of its own,
 * where whatever it writes goes too.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream'
import t, { type Test } from 'tap'
import { Agent, fetch, type HeadersInit, type Response } from 'undici'
import type { EventStreamOptions } from '../../lib/index.ts'
import { findProgram, needs } from '../support/programs.ts'
import { within } from '../support/waiting.ts'
import { type Carrier, type EventServer, type Opened, serveEvents } from './event-stream-server.ts'

/**
 * Ways in, by what is set: nothing, compression of event streams, a second's patience with the server, an eye on the
 * client while nothing is sent.
 */
const FRONTS = ['plain', 'gzip', 'impatient', 'attentive'] as const
type Front = (typeof FRONTS)[number]

interface Proxy {
  readonly name: string
  readonly program: string | undefined
  /** What it speaks to the server. */
  readonly httpVersion: string
  /** Whether what says "no-transform" is compressed all the same. */
  readonly compresses: boolean
  /** Whether it holds a response back until there is more of it, if it is not told otherwise. */
  readonly buffers: boolean
  /** Arguments, with which it stays in the foreground. */
  readonly parameters: (folder: string) => readonly string[]
  readonly config: (folder: string, port: number) => string
}

const nginx: Proxy = {
  name: 'nginx',
  program: findServer('nginx'),
  httpVersion: '1.0',
  compresses: true,
  buffers: true,
  parameters: folder => ['-e', join(folder, 'log'), '-p', folder, '-c', join(folder, 'config'), '-g', 'daemon off;'],
  config: (folder, port) => {
    const server = (front: Front, ...settings: string[]) => `
  server {
    listen unix:${join(folder, front)};
    ${settings.join('\n    ')}
    location / {
      proxy_pass http://127.0.0.1:${port};
    }
  }`
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    return `
pid ${join(folder, 'pid')};
events {}
http {
  access_log off;
  ${temporary.map(kind => `${kind}_temp_path ${join(folder, kind)};`).join('\n  ')}
  ${server('plain')}
  ${server('gzip', 'gzip on;', 'gzip_types text/event-stream;')}
  ${server('impatient', 'proxy_read_timeout 1s;')}
  ${server('attentive')}
}
`
  },
}

const haproxy: Proxy = {
  name: 'HAProxy',
  program: findServer('haproxy'),
  httpVersion: '1.1',
  compresses: false,
  buffers: false,
  parameters: folder => ['-db', '-f', join(folder, 'config')],
  config: (folder, port) => {
    const listen = (front: Front, ...settings: string[]) => `
listen ${front}
  bind unix@${join(folder, front)}
  server events 127.0.0.1:${port}
  ${settings.join('\n  ')}`
    return `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${listen('plain')}
${listen('gzip', 'compression algo gzip', 'compression type text/event-stream')}
${listen('impatient', 'timeout server 1s', 'timeout client 1s')}
${listen('attentive', 'option abortonclose')}
`
  },
}

/** Starts a proxy in front of the server; gives the way through each of its fronts. */
async function startProxy(t: Test, proxy: Proxy, port: number): Promise<Readonly<Record<Front, Agent>>> {
  const folder = mkdtempSync(join(tmpdir(), `wirewright-${proxy.name}-`))
  writeFileSync(join(folder, 'config'), proxy.config(folder, port))
  const child = spawn(proxy.program!, proxy.parameters(folder), { stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  child.stderr!.on('data', chunk => (words += chunk))
  const closed = once(child, 'close')
  const agents = FRONTS.map(front => [front, new Agent({ connect: { socketPath: join(folder, front) } })] as const)
  t.teardown(async () => {
    for (const [, agent] of agents) await agent.destroy()
    child.kill()
    await closed
    rmSync(folder, { recursive: true })
  })
  await Promise.all(FRONTS.map(front => untilListening(join(folder, front), child, () => words)))
  return Object.fromEntries(agents) as Record<Front, Agent>
}

async function untilListening(path: string, child: ChildProcess, words: () => string): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return
    } catch {
      await delay(20)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`the proxy did not start: ${words()}`)
}

/** Debian has them where only root looks. */
function findServer(name: string): string | undefined {
  return findProgram(name) ?? [`/usr/sbin/${name}`].find(path => existsSync(path))
}

/** The client's end of a stream. */
class Reader {
  readonly response: Response
  readonly leave: () => void
  comments = 0
  readonly #events: ReadableStreamDefaultReader<EventSourceMessage>

  constructor(response: Response, leave: () => void) {
    this.response = response
    this.leave = leave
    this.#events = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream({ onComment: () => this.comments++ }))
      .getReader()
  }

  /** Data of the next event; undefined if the stream has ended in good order. */
  async next(): Promise<string | undefined> {
    return (await within(this.#events.read(), 'an event behind the proxy')).value?.data
  }
}

async function read(dispatcher: Agent, target = '/', headers: HeadersInit = {}): Promise<Reader> {
  const leaving = new AbortController()
  const response = await within(
    fetch(`http://example.com${target}`, { dispatcher, headers, signal: leaving.signal }),
    'the head',
  )
  return new Reader(response, () => leaving.abort())
}

/** By path. */
const OPTIONS: Readonly<Record<string, EventStreamOptions>> = {
  '/quiet': { heartbeat: false },
  '/beating': { heartbeat: 200 },
  '/buffered': { headers: { 'X-Accel-Buffering': 'yes' } },
}

async function open(server: EventServer, way: Agent, target = '/', headers = {}): Promise<[Reader, Opened]> {
  const reader = await read(way, target, headers)
  return [reader, await server.next()]
}

t.setTimeout(120_000)
for (const proxy of [nginx, haproxy]) {
  t.test(proxy.name, needs(proxy.name.toLowerCase(), proxy.program), async t => {
    for (const carrier of ['node:http', 'our own port'] as const) testProxy(t, proxy, carrier)
  })
}

function testProxy(t: Test, proxy: Proxy, carrier: Carrier): void {
  t.test(`before ${carrier}`, async t => {
    const answer = ({ url }: { readonly url?: string | undefined }) => (url === '/over' ? { status: 204 } : undefined)
    const options = ({ url = '' }) => OPTIONS[url] ?? {}
    const server = await serveEvents(t, carrier, { answer, options })
    const ways = await startProxy(t, proxy, server.port)

    for (const front of ['plain', 'gzip'] as const) {
      t.test(`${front}: a hundred events come one by one, each before the next is sent`, async t => {
        // There is a head before there is an event.
        const [reader, { stream, request }] = await open(server, ways[front], '/quiet')
        t.equal(request.httpVersion, proxy.httpVersion)
        const encoding = front === 'gzip' && proxy.compresses ? 'gzip' : null
        t.same(
          ['content-type', 'content-encoding'].map(name => reader.response.headers.get(name)),
          ['text/event-stream', encoding],
        )
        const came: (string | undefined)[] = []
        for (let n = 0; n < 100; n++) {
          stream.send({ data: `${n} é€😀` })
          came.push(await reader.next())
        }
        t.same(
          came,
          Array.from({ length: 100 }, (_, n) => `${n} é€😀`),
        )
        stream.close()
        t.equal(await reader.next(), undefined, 'an end in good order')
        t.match(await within(stream.closed), { by: 'local', cause: undefined, unsent: 0 })
      })
    }

    t.test('a big event comes whole', async t => {
      const [reader, { stream }] = await open(server, ways.plain)
      const data = '0123456789é€😀'.repeat(50_000)
      stream.send({ data })
      t.ok((await reader.next()) === data)
      reader.leave()
    })

    if (proxy.buffers) {
      t.test('without our word for it events would be held back', async t => {
        const held = read(ways.plain, '/buffered')
        const { stream } = await server.next()
        const [reader, { stream: passing }] = await open(server, ways.plain)
        let hasCome = false
        const first = held.then(reader => reader.next()).finally(() => (hasCome = true))
        stream.send({ data: 'held' })
        for (let n = 0; n < 20; n++) {
          passing.send({ data: String(n) })
          await reader.next()
        }
        t.equal(hasCome, false)
        stream.close()
        t.equal(await first, 'held')
        reader.leave()
      })
    }

    t.test('heartbeats outlast the patience of the proxy, which else ends the stream', async t => {
      const [reader, { stream }] = await open(server, ways.impatient, '/beating')
      for (let round = 0; round < 2; round++) {
        const [quiet, { stream: ended }] = await open(server, ways.impatient, '/quiet')
        t.match(await within(ended.closed, 'a quiet stream'), { by: 'peer' })
        // Whether that is an error is for the framing to tell, which there may be none of.
        t.equal(await quiet.next().catch(() => undefined), undefined)
      }
      t.equal(stream.isClosed, false)
      stream.send({ data: 'x' })
      t.equal(await reader.next(), 'x')
      t.ok(reader.comments > 2, `${reader.comments} comments`)
      reader.leave()
    })

    for (const [front, target, when] of [
      ['plain', '/beating', 'with the next heartbeat'],
      ['attentive', '/quiet', 'when it does'],
    ] as const) {
      t.test(`${front}: we see a client leave ${when}`, async t => {
        const [reader, { stream }] = await open(server, ways[front], target)
        stream.send({ data: 'x' })
        t.equal(await reader.next(), 'x')
        reader.leave()
        t.match(await within(stream.closed, 'the end of the stream'), { by: 'peer', unsent: 0 })
      })
    }

    t.test('the last event ID and a 204 come through', async t => {
      const id = Buffer.from('ключ-😀').toString('latin1')
      const [reader, { stream }] = await open(server, ways.plain, '/', { 'Last-Event-ID': id })
      t.equal(stream.lastEventId, 'ключ-😀')
      reader.leave()
      const { status } = await fetch('http://example.com/over', { dispatcher: ways.plain })
      t.equal(status, 204)
    })
  })
}
