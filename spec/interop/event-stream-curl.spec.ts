/** Interoperation of our event streams with curl: each version of HTTP that it speaks, and each way to end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import t, { type Test } from 'tap'
import { certificates } from '../support/certificate.ts'
import { findProgram, needs } from '../support/programs.ts'
import { within } from '../support/waiting.ts'
import { type Carrier, type EventServer, serveEvents } from './event-stream-server.ts'
import { Arrivals } from './peer.ts'

const CURL = findProgram('curl')

interface Way {
  readonly carrier: Carrier
  readonly parameters: readonly string[]
  /** What our server sees. */
  readonly httpVersion: string
}

const WAYS: readonly Way[] = [
  ...(['node:http', 'our own port'] as const).flatMap(carrier => [
    { carrier, parameters: ['--http1.1'], httpVersion: '1.1' },
    { carrier, parameters: ['--http1.0'], httpVersion: '1.0' },
  ]),
  { carrier: 'node:http2', parameters: ['--http2'], httpVersion: '2.0' },
  { carrier: 'node:http2 without TLS', parameters: ['--http2-prior-knowledge'], httpVersion: '2.0' },
]

/** What curl calls the end of a transfer. */
const DONE = 0

class Curl {
  readonly process: ChildProcess
  /** curl's own code; null if it was killed. */
  readonly exitCode: Promise<number | null>
  head = ''
  comments = 0
  readonly #events = new Arrivals<EventSourceMessage>()

  constructor(t: Test, ...parameters: readonly string[]) {
    const always = ['--silent', '--no-buffer', '--noproxy', '*', '--max-time', '30', '--include']
    this.process = spawn(CURL!, [...always, ...parameters], { stdio: ['ignore', 'pipe', 'ignore'] })
    t.teardown(() => this.process.kill())
    const parser = createParser({ onEvent: event => this.#events.push(event), onComment: () => this.comments++ })
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      if (this.head.includes('\r\n\r\n')) return parser.feed(text)
      const [head = '', ...body] = (this.head + text).split(/(?<=\r\n\r\n)/)
      this.head = head
      parser.feed(body.join(''))
    })
    this.exitCode = once(this.process, 'close').then(([code]) => code)
  }

  async next(): Promise<EventSourceMessage> {
    const [event] = await within(this.#events.take(1), 'an event at curl')
    return event!
  }
}

/** In a folder of the test's own, as curl takes it from a file. */
function trust(t: Test): string[] {
  return ['--cacert', join(t.testdir({ 'ca.pem': certificates().ca }), 'ca.pem')]
}

t.test('curl', needs('curl', CURL), async t => {
  const cacert = trust(t)
  for (const { carrier, parameters, httpVersion } of WAYS) {
    t.test(`HTTP ${httpVersion}, over ${carrier}`, async t => {
      const start = (t: Test, { url }: EventServer, ...more: readonly string[]) =>
        new Curl(t, ...parameters, ...cacert, ...more, url)

      t.test('each event comes when it is sent, and close() is an end in good order', async t => {
        const server = await serveEvents(t, carrier)
        const curl = start(t, server, '--header', 'Last-Event-ID: ключ')
        const { stream, request } = await server.next()
        t.same([request.httpVersion, stream.lastEventId], [httpVersion, 'ключ'])
        const events = [
          { data: 'a', id: '1', event: 'first' },
          { data: 'é€😀\n'.repeat(20_000), id: '2', event: 'second' },
          { data: '', id: '3', event: 'third' },
        ]
        for (const event of events) {
          stream.send(event)
          const came = await curl.next()
          t.same([came.event, came.id, came.data === event.data], [event.event, event.id, true])
        }
        stream.close()
        t.equal(await curl.exitCode, DONE)
        t.match(await within(stream.closed), { by: 'local', cause: undefined, unsent: 0 })
        t.match(curl.head, /^HTTP\/\S+ 200.*\r\ncontent-type: text\/event-stream\r\n/is)
        const isChunked = /^transfer-encoding: chunked\r$/im.test(curl.head)
        t.equal(isChunked, httpVersion === '1.1', 'chunks for those who know them')
        const isLast = /^connection: close\r$/im.test(curl.head)
        t.equal(isLast, carrier === 'our own port' || httpVersion === '1.0', 'one response for the connection')
      })

      t.test('comments keep it going', async t => {
        const server = await serveEvents(t, carrier, { options: { heartbeat: 10 } })
        const curl = start(t, server)
        const { stream } = await server.next()
        while (curl.comments < 5) {
          stream.send({ data: 'x' })
          t.match(await curl.next(), { data: 'x' })
        }
        stream.close()
        t.equal(await curl.exitCode, DONE)
      })

      t.test('a stream that is cut is no end in good order', async t => {
        const server = await serveEvents(t, carrier)
        const curl = start(t, server)
        const { stream, cut } = await server.next()
        stream.send({ data: 'x' })
        await curl.next()
        cut()
        t.not(await curl.exitCode, DONE)
        t.match(await within(stream.closed), { by: 'peer' })
      })

      t.test('we see it leave', async t => {
        const server = await serveEvents(t, carrier)
        const curl = start(t, server)
        const { stream } = await server.next()
        stream.send({ data: 'x' })
        await curl.next()
        curl.process.kill('SIGKILL')
        t.match(await within(stream.closed, 'the end of the stream'), { by: 'peer', unsent: 0 })
      })

      t.test('HEAD gets the head alone', async t => {
        const server = await serveEvents(t, carrier)
        const curl = start(t, server, '--head')
        const { stream } = await server.next()
        t.equal(stream.isClosed, true)
        t.equal(await curl.exitCode, DONE)
        t.match(curl.head, /^content-type: text\/event-stream\r$/im)
      })

      t.test('204 has no content', async t => {
        const server = await serveEvents(t, carrier, { answer: () => ({ status: 204 }) })
        const curl = start(t, server)
        t.equal(await curl.exitCode, DONE)
        t.match(curl.head, /^HTTP\/\S+ 204/)
        t.notMatch(curl.head, /^(content-length|content-type|transfer-encoding):/im)
      })
    })
  }
})
