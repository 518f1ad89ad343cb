/**
 * The browsers' class, against the sentences of WHATWG HTML §9.2: states, events, their order and what they carry, when
 * it tries again and when it fails for good.
 */
import { getEventListeners } from 'node:events'
import t from 'tap'
import { EventSource, type EventSourceErrorEvent, type EventSourceInit } from 'wirewright'
import { clockMembers } from '../support/clock-members.ts'
import {
  ENDLESS,
  head,
  type Line,
  NO_CONTENT,
  type ScriptedServer,
  STREAM,
  scriptedServer,
} from '../support/event-stream-server.ts'
import { fieldOf, leftOpen, openHandles } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

const before = openHandles()
const RESET: Line = { say: '', ending: 'reset' }
const STATES = ['CONNECTING', 'OPEN', 'CLOSED']

/** What is dispatched, with the state within the handler. */
function listen(source: EventSource, types: readonly string[] = ['open', 'message', 'error']): string[] {
  const log: string[] = []
  for (const type of types) {
    source.addEventListener(type, event => {
      const { data, lastEventId } = event as MessageEvent
      const { error } = event as EventSourceErrorEvent
      const what =
        event instanceof MessageEvent
          ? `${JSON.stringify(data)} ${lastEventId}`
          : type === 'error'
            ? nameOf(error)
            : ''
      log.push(`${type} ${STATES[source.readyState]} ${what}`.trim())
    })
  }
  return log
}

function nameOf(error: unknown): string {
  return error === undefined ? 'clean' : String((error as { code?: string }).code ?? error)
}

async function untilClosed(source: EventSource): Promise<void> {
  await until(() => source.readyState === EventSource.CLOSED, 'the source is closed')
  await turns()
}

/** All that is dispatched until the source has failed. */
async function story(script: readonly (Line | string)[], init: EventSourceInit = {}, types?: readonly string[]) {
  const server = await scriptedServer(script)
  const source = new EventSource(server.url, { agent: false, reconnectionDelay: () => 0, ...init })
  const log = listen(source, types)
  await untilClosed(source)
  await server.close()
  return { log, requests: server.requests }
}

t.test('the interface: names, constants, attributes [html-9.2.2-2]', async t => {
  const source = new EventSource('http://localhost:1/a b?c#d', { withCredentials: true })
  t.equal(source.url, 'http://localhost:1/a%20b?c#d')
  t.equal(source.withCredentials, true)
  t.equal(source.readyState, 0)
  source.close()
  t.equal(source.readyState, 2)
  t.equal(EventSource.name, 'EventSource')
  t.equal(EventSource.length, 1)
  t.equal(String(source), '[object EventSource]')
  t.ok(source instanceof EventTarget)
  for (const target of [EventSource, EventSource.prototype, source])
    t.same([target.CONNECTING, target.OPEN, target.CLOSED], [0, 1, 2])
  t.throws(() => Object.assign(source, { OPEN: 7 }), TypeError)
  t.throws(() => Object.assign(source, { readyState: 7 }), TypeError)
  const names: string[] = []
  for (const name in source) names.push(name)
  const wanted = [
    'url',
    'withCredentials',
    'CONNECTING',
    'OPEN',
    'CLOSED',
    'readyState',
    'onopen',
    'onmessage',
    'onerror',
    'close',
    'addEventListener',
    'removeEventListener',
    'dispatchEvent',
  ]
  t.same(names.sort(), wanted.sort())
  for (const init of [undefined, null, {}]) {
    const plain = new EventSource(new URL('http://localhost:1'), init as EventSourceInit)
    t.equal(plain.withCredentials, false)
    plain.close()
  }
})

t.test('4: "If urlRecord is failure, then throw a "SyntaxError" DOMException." [html-9.2.2-1]', async t => {
  for (const url of ['', '/relative', 'http://', 'http://a:99999', '//a'])
    t.throws(() => new EventSource(url), { name: 'SyntaxError', constructor: DOMException }, url)
  // @ts-expect-error Web IDL's check of the number of arguments
  t.throws(() => new EventSource(), TypeError)
  t.throws(() => new EventSource('http://a', { header: {} } as EventSourceInit), { code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => new EventSource('http://a', { headers: { 'a b': 'c' } }), { code: 'ERR_INVALID_HTTP_TOKEN' })
})

t.test('a URL that is none of HTTP fails for good, as a task', async t => {
  const source = new EventSource('ftp://localhost/')
  t.equal(source.readyState, EventSource.CONNECTING)
  const log = listen(source)
  await untilClosed(source)
  t.same(log, ['error CLOSED ERR_INVALID_URL'])
})
// [html-9.2.6-17, html-9.2.6-18]
t.test('events: in order, as MessageEvents with type, data, origin and the last event ID', async t => {
  const server = await scriptedServer([
    head(302, { Location: '/x' }),
    { say: `${STREAM}id: 1\ndata: a\ndata\n\nevent: e\ndata: b\n\n`, ending: 'hold' },
  ])
  const source = new EventSource(server.url.replace('localhost', '127.0.0.1'), { agent: false })
  const events: MessageEvent[] = []
  source.onmessage = event => events.push(event)
  source.addEventListener('e', event => events.push(event as MessageEvent))
  await until(() => events.length === 2)
  t.ok(events.every(event => event instanceof MessageEvent && event.target === source))
  t.same(
    events.map(({ type, data, origin, lastEventId, bubbles, cancelable }) => [
      type,
      data,
      origin,
      lastEventId,
      bubbles,
      cancelable,
    ]),
    [
      ['message', 'a\n', `http://127.0.0.1:${server.port}`, '1', false, false],
      ['e', 'b', `http://127.0.0.1:${server.port}`, '1', false, false],
    ],
  )
  source.close()
  await server.close()
})

t.test('the origin is that of "the URL after redirects" [html-9.2.6-17]', async t => {
  const target = await scriptedServer([{ say: `${STREAM}data: a\n\n`, ending: 'hold' }])
  const start = await scriptedServer([head(301, { Location: target.url })])
  const source = new EventSource(start.url, { agent: false })
  const event = await within(new Promise<MessageEvent>(resolve => (source.onmessage = resolve)))
  t.equal(event.origin, `http://localhost:${target.port}`)
  t.equal(source.url, start.url)
  source.close()
  await start.close()
  await target.close()
})
// [html-9.2.3-1, html-9.2.3-2, html-9.2.3-8]
t.test('a stream that ends, or breaks off, is asked for again; 204 tells to stop', async t => {
  const { log, requests } = await story([
    `${STREAM}retry: 5\nid: 1\ndata: a\n\ndata: partial`,
    RESET,
    { say: `${ENDLESS}data: b\n\n`, ending: 'reset' },
    NO_CONTENT,
  ])
  t.same(log, [
    'open OPEN',
    'message OPEN "a" 1',
    'error CONNECTING clean',
    'error CONNECTING ECONNRESET',
    'open OPEN',
    'message OPEN "b" 1',
    'error CONNECTING ECONNRESET',
    'error CLOSED ERR_EVENT_STREAM_STATUS',
  ])
  t.same(
    requests.map(request => fieldOf(request, 'Last-Event-ID')),
    [undefined, '1', '1', '1'],
  )
})

t.test(
  // [html-9.2.3-4, html-9.2.3-5, html-9.2.3-12]
  '"if res\'s status is not 200, or if res\'s `Content-Type` is not `text/event-stream`, then fail the connection"',
  async t => {
    const type = { 'Content-Type': 'text/event-stream' }
    const answers = [
      ...[201, 204, 205, 206, 304, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504].map(status =>
        head(status, type),
      ),
      head(200),
      head(200, { 'Content-Type': 'text/plain' }),
      head(302),
    ]
    for (const answer of answers) {
      const { log, requests } = await story([`${answer}data: a\n\n`])
      t.match(log, [/^error CLOSED ERR_EVENT_STREAM_(STATUS|TYPE|REDIRECT)$/], String(answer.split('\r')[0]))
      t.same([log.length, requests.length], [1, 1])
    }
  },
)

t.test('retryStatuses reconnect in place of failing', async t => {
  const { log } = await story([head(503), head(502), `${STREAM}data: a\n\n`, NO_CONTENT], {
    retryStatuses: [502, 503, 504],
  })
  t.same(log, [
    'error CONNECTING ERR_EVENT_STREAM_STATUS',
    'error CONNECTING ERR_EVENT_STREAM_STATUS',
    'open OPEN',
    'message OPEN "a"',
    'error CONNECTING clean',
    'error CLOSED ERR_EVENT_STREAM_STATUS',
  ])
})

t.test('beyond a limit, and what headers throw: for good', async t => {
  const long = await story([{ say: `${STREAM}data: a\n\ndata: ${'x'.repeat(100)}`, ending: 'hold' }], {
    maxLineBytes: 50,
  })
  t.same(long.log, ['open OPEN', 'message OPEN "a"', 'error CLOSED ERR_EVENT_STREAM_LINE_TOO_LONG'])
  t.equal(long.requests.length, 1)
  let count = 0
  const headers = () => {
    if (++count === 2) throw Object.assign(new Error(), { code: 'MINE' })
    return { Authorization: `${count}` }
  }
  const thrown = await story([STREAM], { headers })
  t.same(thrown.log, ['open OPEN', 'error CONNECTING clean', 'error CLOSED MINE'])
})

t.test('silence reconnects', async t => {
  const { log } = await story([{ say: STREAM, ending: 'hold' }, { say: '', ending: 'hold' }, NO_CONTENT], {
    idleTimeout: 500,
  })
  t.same(log, [
    'open OPEN',
    'error CONNECTING ERR_EVENT_STREAM_IDLE_TIMEOUT',
    'error CONNECTING ERR_EVENT_STREAM_RESPONSE_TIMEOUT',
    'error CLOSED ERR_EVENT_STREAM_STATUS',
  ])
})
// [html-9.2.6-19]
t.test('each event is a task of its own: what a listener has promised comes before the next', async t => {
  const server = await scriptedServer([{ say: `${STREAM}data: 1\n\ndata: 2\n\ndata: 3\n\n`, ending: 'hold' }])
  const source = new EventSource(server.url, { agent: false })
  const log: string[] = []
  source.onopen = async () => {
    for (let i = 0; i < 10; i++) await null
    log.push('opened')
  }
  source.onmessage = async ({ data }) => {
    log.push(data)
    for (let i = 0; i < 10; i++) await null
    log.push(`${data} done`)
  }
  await until(() => log.length === 7)
  t.same(log, ['opened', '1', '1 done', '2', '2 done', '3', '3 done'])
  source.close()
  await server.close()
})

t.test('nothing is dispatched behind close, whenever it is called [html-9.2.2-4, html-9.2.6-20]', async t => {
  const stream: Line = { say: `${STREAM}data: 1\n\ndata: 2\n\n`, ending: 'hold' }
  const places: [
    where: string,
    script: (Line | string)[],
    close: (source: EventSource, server: ScriptedServer) => unknown,
    log: string[],
  ][] = [
    ['at once', [stream], source => source.close(), []],
    [
      'within the request',
      [{ say: '', ending: 'hold' }],
      (source, { requests }) => until(() => requests.length === 1).then(() => source.close()),
      [],
    ],
    ['in open', [stream], source => (source.onopen = () => source.close()), ['open OPEN']],
    ['in message', [stream], source => (source.onmessage = () => source.close()), ['open OPEN', 'message OPEN "1"']],
    [
      'in error, to be tried again',
      [STREAM, stream],
      source => (source.onerror = () => source.close()),
      ['open OPEN', 'error CONNECTING clean'],
    ],
    [
      'in error, for good',
      [head(404)],
      source => (source.onerror = () => source.close()),
      ['error CLOSED ERR_EVENT_STREAM_STATUS'],
    ],
  ]
  for (const [where, script, close, expected] of places) {
    const server = await scriptedServer(script)
    const source = new EventSource(server.url, { agent: false, reconnectionDelay: () => 0 })
    // Ahead of the handler, which closes.
    const log = listen(source)
    await close(source, server)
    await untilClosed(source)
    await new Promise(resolve => setTimeout(resolve, 30))
    t.same(log, expected, where)
    await until(() => server.sockets.size === 0, `${where}: the socket is gone`)
    await server.close()
  }
})

t.test('a listener that closes keeps those behind it, and stops the next event [html-9.2.6-20]', async t => {
  const server = await scriptedServer([{ say: `${STREAM}data: 1\n\ndata: 2\n\n`, ending: 'hold' }])
  const source = new EventSource(server.url, { agent: false })
  source.onmessage = () => source.close()
  const log = listen(source, ['message'])
  await untilClosed(source)
  t.same(log, ['message CLOSED "1"'])
  await server.close()
})

t.test('the wait for another attempt ends with close [html-9.2.3-10]', async t => {
  const server = await scriptedServer([STREAM])
  const source = new EventSource(server.url, { agent: false, reconnectionTime: 1e6 })
  const log = listen(source)
  await until(() => log.length === 2)
  await turns()
  source.close()
  await server.close()
  t.strictSame(await leftOpen(before), [])
  t.same(log, ['open OPEN', 'error CONNECTING clean'])
})

t.test('the signal closes it; no listener stays on it, however it ends', async t => {
  const server = await scriptedServer([{ say: STREAM, ending: 'hold' }, head(404)])
  const ends: [string, (source: EventSource, stop: AbortController) => void][] = [
    ['abort', (_, stop) => stop.abort()],
    ['fails', () => {}],
    ['close', source => source.close()],
  ]
  for (const [way, end] of ends) {
    const stop = new AbortController()
    const source = new EventSource(server.url, { agent: false, signal: stop.signal, idleTimeout: 5000 })
    t.equal(getEventListeners(stop.signal, 'abort').length, 1)
    const log = listen(source)
    if (way === 'abort') await until(() => log.length === 1)
    end(source, stop)
    await untilClosed(source)
    t.equal(getEventListeners(stop.signal, 'abort').length, 0, way)
    t.equal(clockMembers.size, 0)
    t.notOk(
      log.some(line => way !== 'fails' && line.startsWith('error')),
      'no error is told of it',
    )
  }
  const aborted = new EventSource(server.url, { signal: AbortSignal.abort() })
  const log = listen(aborted)
  t.equal(aborted.readyState, EventSource.CLOSED)
  await turns()
  t.same(log, [])
  await server.close()
})

t.test('a body, a method and headers', async t => {
  const { requests } = await story([STREAM, NO_CONTENT], {
    method: 'POST',
    body: 'x',
    headers: { A: 'b' },
    lastEventId: '7',
  })
  t.match(requests[0], /^POST \/ /)
  t.same([fieldOf(requests[1] ?? '', 'A'), fieldOf(requests[1] ?? '', 'Last-Event-ID')], ['b', '7'])
})

t.test('a fetch of one’s own is told of credentials [html-9.2.2-5]', async t => {
  const asked: (string | undefined)[] = []
  for (const withCredentials of [true, false]) {
    const source = new EventSource('http://localhost', {
      withCredentials,
      fetch: async (_, { credentials }) => {
        asked.push(credentials)
        return new Response(null, { status: 204 })
      },
    })
    await untilClosed(source)
  }
  t.same(asked, ['include', undefined])
})

t.test('handlers are attributes, and can be taken off [html-9.2.2-3]', async t => {
  const server = await scriptedServer([{ say: [STREAM, 'data: 1\n\n', 'data: 2\n\n'], ending: 'hold' }])
  const source = new EventSource(server.url, { agent: false })
  t.same([source.onopen, source.onmessage, source.onerror], [null, null, null])
  const log: string[] = []
  source.onmessage = ({ data }) => {
    log.push(data)
    source.onmessage = null
  }
  source.addEventListener('message', ({ data }: Event & { data?: string }) => void log.push(`listener ${data}`))
  await until(() => log.length === 3)
  t.same(log, ['1', 'listener 1', 'listener 2'])
  source.close()
  await server.close()
})

t.test('nobody listens: it goes on trying, with an error each time [html-9.2.3-3]', async t => {
  const server = await scriptedServer([STREAM])
  const { url } = server
  await server.close()
  const source = new EventSource(url, { agent: false, reconnectionDelay: () => 0 })
  const log = listen(source)
  await until(() => log.length >= 3)
  source.close()
  t.same(log.slice(0, 3), Array(3).fill('error CONNECTING ECONNREFUSED'))
})

t.test('many events in one chunk, and many sources', async t => {
  const body = Array.from({ length: 1000 }, (_, i) => `id: ${i}\ndata: ${i}\n\n`).join('')
  const server = await scriptedServer([{ say: STREAM + body, ending: 'hold' }])
  const sums: number[] = []
  const sources = Array.from({ length: 20 }, (_, number) => {
    const source = new EventSource(server.url)
    sums.push(0)
    source.onmessage = ({ data }) => {
      sums[number]! += Number(data)
    }
    return source
  })
  await until(() => sums.every(sum => sum === 499_500))
  for (const source of sources) source.close()
  await until(() => server.sockets.size === 0)
  t.equal(server.requests.length, 20)
  await server.close()
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
