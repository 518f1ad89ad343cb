/** `eventStream`: an async iterable of events, its ends, what it does about a loss, and its callbacks. */
import { getEventListeners } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { type EventStreamRequestOptions, EventStreamResponseError, eventStream } from 'wirewright'
import type { ServerSentEvent } from 'wirewright/event-stream'
import { ENDLESS, head, type Line, NO_CONTENT, STREAM, scriptedServer } from '../support/event-stream-server.ts'
import { leftOpen, openHandles } from '../support/raw-socket.ts'
import { outcome, turns, until, within } from '../support/waiting.ts'

const before = openHandles()
const RESET: Line = { say: '', ending: 'reset' }
const HOLD: Line = { say: `${STREAM}data: a\n\ndata: b\n\n`, ending: 'hold' }

interface Run {
  /** The data of events, callbacks, and how it ended. */
  readonly log: string[]
  readonly requests: number
}

async function run(script: readonly (Line | string)[], options: EventStreamRequestOptions = {}): Promise<Run> {
  const server = await scriptedServer(script)
  const log: string[] = []
  const name = (error: unknown) => (error as { code?: string } | undefined)?.code ?? String(error)
  const given: EventStreamRequestOptions = {
    agent: false,
    reconnectionDelay: () => 0,
    open: ({ status, url, headers }) =>
      void log.push(`open ${status} ${url === server.url} ${headers['content-type']}`),
    comment: text => void log.push(`: ${text}`),
    retry: time => void log.push(`retry ${time}`),
    reconnecting: ({ error, failures, delay }) => void log.push(`again ${name(error)} ${failures} ${delay}`),
    ...options,
  }
  const reading = (async () => {
    for await (const { data } of eventStream(server.url, given)) log.push(data)
  })()
  await within(
    reading.then(
      () => log.push('end'),
      error => log.push(`rejected ${name(error)}`),
    ),
  )
  await server.close()
  return { log, requests: server.requests.length }
}

async function all(events: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const list: ServerSentEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

const OPEN = 'open 200 true text/event-stream'

t.test('events, comments and the rest, in the order of the stream; a clean end is an end', async t => {
  const { log, requests } = await run([`${STREAM}: c\nretry: 5\ndata: a\n\ndata: b\n\n: d\n\ndata: partial`])
  t.same(log, [OPEN, ': c', 'retry 5', ': d', 'a', 'b', 'end'])
  t.equal(requests, 1)
})

t.test('an event has type, data and the last event ID', async t => {
  const server = await scriptedServer([`${STREAM}event: e\nid: 1\ndata: a\n\ndata: b\n\n`])
  const events = await all(eventStream(server.url))
  t.strictSame(events, [
    { type: 'e', data: 'a', lastEventId: '1' },
    { type: 'message', data: 'b', lastEventId: '1' },
  ])
  await server.close()
})

t.test('204 is an end, at once or when it comes later', async t => {
  t.same(await run([NO_CONTENT]), { log: ['end'], requests: 1 })
  const lost: Line = { say: `${ENDLESS}data: a\n\n`, ending: 'reset' }
  t.same(await run([lost, NO_CONTENT]), { log: [OPEN, 'a', 'again ECONNRESET 0 0', 'end'], requests: 2 })
})

t.test('what is not an event stream rejects, with what was answered', async t => {
  const server = await scriptedServer([`${head(401, { 'WWW-Authenticate': 'Bearer' })}who are you?`])
  const error = await eventStream(server.url, { agent: false })
    .next()
    .catch((error: EventStreamResponseError) => error)
  t.ok(error instanceof EventStreamResponseError)
  t.match(error, {
    code: 'ERR_EVENT_STREAM_STATUS',
    response: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  })
  t.equal(String((error as EventStreamResponseError).response.body), 'who are you?')
  await server.close()
})

t.test('whether it is tried again', async t => {
  const lost: Line = { say: `${ENDLESS}data: a\n\n`, ending: 'reset' }
  const again = 'again ECONNRESET'
  const busy = head(503)
  const rows: [script: (Line | string)[], options: EventStreamRequestOptions, log: string[]][] = [
    // GET: once it was open, however often.
    [[RESET], {}, ['rejected ECONNRESET']],
    [
      [lost, RESET, RESET, lost, `${STREAM}data: b\n\n`],
      {},
      [OPEN, 'a', `${again} 0 0`, `${again} 1 0`, `${again} 2 0`, OPEN, 'a', `${again} 0 0`, OPEN, 'b', 'end'],
    ],
    [[lost, head(500)], {}, [OPEN, 'a', `${again} 0 0`, 'rejected ERR_EVENT_STREAM_STATUS']],
    // POST: never, unless it is asked for.
    [[RESET], { method: 'POST' }, ['rejected ECONNRESET']],
    [[lost], { method: 'POST', body: 'x' }, [OPEN, 'a', 'rejected ECONNRESET']],
    [[lost], { method: 'QUERY' }, [OPEN, 'a', 'rejected ECONNRESET']],
    [
      [RESET, lost, `${STREAM}data: b\n\n`],
      { method: 'POST', reconnect: true },
      [`${again} 1 0`, OPEN, 'a', `${again} 0 0`, OPEN, 'b', 'end'],
    ],
    [[RESET, STREAM], { reconnect: true }, [`${again} 1 0`, OPEN, 'end']],
    [[lost], { reconnect: false }, [OPEN, 'a', 'rejected ECONNRESET']],
    // Always: after a clean end as well, until 204.
    [
      [RESET, lost, `${STREAM}data: b\n\n`, NO_CONTENT],
      { reconnect: 'always' },
      [`${again} 1 0`, OPEN, 'a', `${again} 0 0`, OPEN, 'b', 'again undefined 0 0', 'end'],
    ],
    // Statuses, for any method: the server has not begun.
    [[busy, STREAM], {}, ['rejected ERR_EVENT_STREAM_STATUS']],
    [[busy, STREAM], { reconnect: true }, ['rejected ERR_EVENT_STREAM_STATUS']],
    [
      [busy, busy, STREAM],
      { retryStatuses: [503] },
      ['again ERR_EVENT_STREAM_STATUS 1 0', 'again ERR_EVENT_STREAM_STATUS 2 0', OPEN, 'end'],
    ],
    [[busy, STREAM], { retryStatuses: [503], method: 'POST' }, ['again ERR_EVENT_STREAM_STATUS 1 0', OPEN, 'end']],
    [
      [busy, RESET],
      { retryStatuses: [503], method: 'POST' },
      ['again ERR_EVENT_STREAM_STATUS 1 0', 'rejected ECONNRESET'],
    ],
    [[busy], { retryStatuses: [503], reconnect: false }, ['rejected ERR_EVENT_STREAM_STATUS']],
    // Silence is a loss as any other; a limit is for good.
    [[HOLD, STREAM], { idleTimeout: 500 }, [OPEN, 'a', 'b', 'again ERR_EVENT_STREAM_IDLE_TIMEOUT 0 0', OPEN, 'end']],
    [[{ say: '', ending: 'hold' }], { responseTimeout: 50 }, ['rejected ERR_EVENT_STREAM_RESPONSE_TIMEOUT']],
    [[lost], { maxLineBytes: 3, reconnect: true }, [OPEN, 'rejected ERR_EVENT_STREAM_LINE_TOO_LONG']],
  ]
  for (const [script, options, log] of rows) {
    const found = await run(script, options)
    t.same(found.log, log, JSON.stringify([script, options]).slice(0, 120))
    t.equal(found.requests, log.filter(line => line.startsWith('again')).length + 1)
  }
})

t.test('a body is sent again with each attempt that was asked for, over 307 and 308 too', async t => {
  const seen: string[] = []
  const server = createHttpServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`)
      if (request.url === '/a') response.writeHead(307, { Location: '/b' }).end()
      else if (request.url === '/b') response.writeHead(308, { Location: '/c' }).end()
      else {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: x\n\n')
        if (seen.length === 3) setTimeout(() => response.destroy(), 20)
        else response.end()
      }
    })
  }).listen(0)
  const url = `http://localhost:${(server.address() as AddressInfo).port}/a`
  const options = { method: 'POST', body: '{"é":1}', reconnect: true, reconnectionDelay: () => 0 }
  t.equal((await all(eventStream(url, options))).length, 2)
  const thrice = ['POST /a {"é":1}', 'POST /b {"é":1}', 'POST /c {"é":1}']
  t.same(seen, [...thrice, ...thrice])
  server.close()
})

t.test('nothing is sent before the first event is asked for', async t => {
  const server = await scriptedServer([HOLD])
  const { signal } = new AbortController()
  const events = eventStream(server.url, { signal })
  await turns()
  t.equal(server.requests.length, 0)
  t.same(await events.return?.(), { done: true, value: undefined })
  t.same(await events.next(), { done: true, value: undefined })
  t.equal(server.requests.length, 0)
  t.equal(getEventListeners(signal, 'abort').length, 0)
  await server.close()
})

t.test('leaving the loop, return and dispose end the request, and leave no listener', async t => {
  const server = await scriptedServer([HOLD])
  const ways: [string, (events: ReturnType<typeof eventStream>) => Promise<unknown>][] = [
    [
      'break',
      async events => {
        for await (const { data } of events) {
          t.equal(data, 'a')
          break
        }
      },
    ],
    ['return', async events => [await events.next(), await events.return?.()]],
    ['dispose', async events => [await events.next(), await events[Symbol.asyncDispose]()]],
    [
      'return while next waits',
      async events => {
        await events.next()
        await events.next()
        const waiting = [events.next(), events.next()]
        t.same(await events.return?.(), { done: true, value: undefined })
        t.same(await Promise.all(waiting), Array(2).fill({ done: true, value: undefined }))
      },
    ],
    [
      'return within the request',
      async events => {
        const waiting = events.next()
        await events.return?.()
        t.same(await waiting, { done: true, value: undefined })
      },
    ],
  ]
  for (const [way, leave] of ways) {
    const { signal } = new AbortController()
    const events = eventStream(server.url, { agent: false, signal })
    await within(leave(events), way)
    t.same(await events.next(), { done: true, value: undefined }, way)
    await until(() => server.sockets.size === 0, `${way}: the socket is gone`)
    t.equal(getEventListeners(signal, 'abort').length, 0)
  }
  await server.close()
})

t.test(
  'the signal: rejects with its reason, wherever it is aborted, and events that are left are not handed out',
  async t => {
    const reason = new Error('enough')
    const server = await scriptedServer([HOLD])
    for (const taken of [0, 1, 2]) {
      const stop = new AbortController()
      const events = eventStream(server.url, { agent: false, signal: stop.signal })
      for (let i = 0; i < taken; i++) await events.next()
      const waiting = taken === 2 ? events.next() : undefined
      stop.abort(reason)
      await t.rejects(within(waiting ?? events.next()), reason, `behind ${taken} events`)
      t.same(await events.next(), { done: true, value: undefined })
      await until(() => server.sockets.size === 0)
      t.equal(getEventListeners(stop.signal, 'abort').length, 0)
    }
    const waiting = new AbortController()
    const lost = await scriptedServer([RESET])
    const events = eventStream(lost.url, {
      reconnect: true,
      signal: waiting.signal,
      reconnecting: () => waiting.abort(reason),
    })
    await t.rejects(within(events.next()), reason, 'within the wait for another attempt')
    await server.close()
    await lost.close()
  },
)

t.test('calls of next that do not wait are answered in their order', async t => {
  const server = await scriptedServer([{ say: [STREAM, 'data: 1\n\n', 'data: 2\n\ndata: 3\n\n', 'data: 4\n\n'] }])
  const events = eventStream(server.url)
  const results = await Promise.all(Array.from({ length: 6 }, () => events.next()))
  t.same(
    results.map(({ done, value }) => (done ? 'done' : value.data)),
    ['1', '2', '3', '4', 'done', 'done'],
  )
  await server.close()
})

t.test('a rejection comes once, to the call that was first', async t => {
  const server = await scriptedServer([{ say: `${ENDLESS}data: 1\n\n`, ending: 'reset' }])
  const events = eventStream(server.url, { agent: false, reconnect: false })
  const results = await Promise.allSettled(Array.from({ length: 3 }, () => events.next()))
  t.match(results, [
    { status: 'fulfilled', value: { value: { data: '1' } } },
    { status: 'rejected', reason: { code: 'ECONNRESET' } },
    { status: 'fulfilled', value: { done: true } },
  ])
  await server.close()
})

t.test('what a callback throws is the end, and the request’s too', async t => {
  const mine = new Error('mine')
  const throwing = () => {
    throw mine
  }
  const server = await scriptedServer([{ say: `${ENDLESS}: c\nretry: 0\n\n`, ending: 'reset' }])
  for (const name of ['open', 'comment', 'retry', 'reconnecting', 'reconnectionDelay', 'headers']) {
    const events = eventStream(server.url, { agent: false, [name]: throwing })
    await t.rejects(within(events.next(), name), mine, name)
    t.same(await events.next(), { done: true, value: undefined })
    await until(() => server.sockets.size === 0)
  }
  await server.close()
})

t.test('through a fetch', async t => {
  const { log, requests } = await run([{ say: [STREAM, 'data: a\n\n', 'data: b\n\n'] }], { agent: undefined, fetch })
  t.same([log, requests], [[OPEN, 'a', 'b', 'end'], 1])
  t.match(
    await outcome(eventStream('http://a', { fetch: async () => new Response('x') }).next()),
    /no content type|text\/plain/,
  )
})

t.test('what is wrong in the arguments is thrown at the call', async t => {
  const rows: [url: string, options: unknown, code: string][] = [
    ['', {}, 'ERR_INVALID_URL'],
    ['ws://a', {}, 'ERR_INVALID_URL'],
    ['http://a', { reconnect: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['http://a', { open: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['http://a', { comment: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['http://a', { retry: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['http://a', { reconnecting: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['http://a', { withCredentials: true }, 'ERR_INVALID_ARG_VALUE'],
    ['http://a', { header: {} }, 'ERR_INVALID_ARG_VALUE'],
    ['http://a', null, 'ERR_INVALID_ARG_TYPE'],
  ]
  for (const [url, options, code] of rows)
    t.throws(() => eventStream(url, options as EventStreamRequestOptions), { code }, JSON.stringify([url, options]))
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
