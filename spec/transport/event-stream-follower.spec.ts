/**
 * One stream over many connections: what is parsed, what outlives a connection, when it is tried again and after how
 * long, and that every end leaves nothing behind.
 */
import { getEventListeners } from 'node:events'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import {
  checkClientOptions,
  type EventStreamClientOptions,
  type ReconnectionInfo,
} from '../../lib/transport/event-source-options.ts'
import { type Followed, follow, type Loss, type Step } from '../../lib/transport/event-stream-follower.ts'
import { certificates } from '../support/certificate.ts'
import { clockMembers } from '../support/clock-members.ts'
import { ENDLESS, head, type Line, NO_CONTENT, STREAM, scriptedServer } from '../support/event-stream-server.ts'
import { fieldOf, leftOpen, openHandles, rawServer } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

const before = openHandles()

interface Following extends EventStreamClientOptions {
  readonly mayReconnect?: (loss: Loss) => boolean
  readonly comment?: (text: string) => void
  readonly retry?: (reconnectionTime: number) => void
  readonly random?: () => number
}

function following(url: string, { mayReconnect, comment, retry, random, ...options }: Following = {}): Followed {
  const request = {
    ...checkClientOptions('x', { agent: false, ...options }, []),
    url: new URL(url),
    withCredentials: false,
  }
  return {
    request,
    mayReconnect: mayReconnect ?? (() => true),
    handlers: { comment, retry },
    random: random ?? (() => 0),
  }
}

function lineOf(step: Step): string[] {
  if (step.kind === 'open') return [`open ${step.response.status}`]
  if (step.kind === 'events')
    return step.events.map(({ type, data, lastEventId }) => `${type} ${JSON.stringify(data)} ${lastEventId}`)
  return [`lost ${nameOf(step.info.error)}`]
}

function nameOf(error: unknown): string {
  return error === undefined ? 'clean' : String((error as { code?: string }).code ?? error)
}

/** All that happens, and the code that it ends with. */
async function story(url: string, options?: Following, signal = new AbortController().signal): Promise<string[]> {
  const log: string[] = []
  try {
    for await (const step of follow(following(url, options), signal)) log.push(...lineOf(step))
    log.push('end')
  } catch (error) {
    log.push(`thrown ${nameOf(error)}`)
  }
  return log
}

/** What happens from one script of a server, without waiting in between. */
async function scripted(script: readonly (Line | string)[], options: Following = {}) {
  const server = await scriptedServer(script)
  const log = await within(story(server.url, { reconnectionDelay: () => 0, ...options }), 'the story')
  await server.close()
  return { log, requests: server.requests }
}

const once: Following = { mayReconnect: () => false }

t.test('lines end with LF, CR or CRLF, chunks are cut anywhere, framing is as it may be [html-9.2.3-7]', async t => {
  const source =
    ': c\nevent: a\ndata: one\ndata:  two\nid: 1\n\ndata\n\ndata: é𝄞\nretry: 7\n\nid\ndata: last\n\ndata: partial'
  const expected = ['open 200', 'a "one\\n two" 1', 'message "" 1', 'message "é𝄞" 1', 'message "last" ', 'end']
  const wrong: string[] = []
  const runs: Promise<void>[] = []
  const servers: { close(): Promise<void> }[] = []
  for (const lineEnd of ['\n', '\r', '\r\n']) {
    for (const mark of ['', '\ufeff']) {
      const bytes = Buffer.from(mark + source.replaceAll('\n', lineEnd))
      const pieces = (size: number) =>
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      for (const size of [1, 2, 3, 7, 1000]) {
        for (const framing of ['close', 'chunked', 'length']) {
          const say: (string | Uint8Array)[] = []
          if (framing === 'close') say.push(STREAM, ...pieces(size))
          if (framing === 'length')
            say.push(STREAM.replace('\r\n\r\n', `\r\nContent-Length: ${bytes.length}\r\n\r\n`), ...pieces(size))
          if (framing === 'chunked') {
            say.push(STREAM.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'))
            for (const piece of pieces(size))
              say.push(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
            say.push('0\r\n\r\n')
          }
          const server = await scriptedServer([{ say }])
          servers.push(server)
          runs.push(
            story(server.url, once).then(log => {
              if (log.join('; ') !== expected.join('; '))
                wrong.push(`${JSON.stringify(lineEnd)} ${size} ${framing}: ${log.join('; ')}`)
            }),
          )
        }
      }
    }
  }
  await within(Promise.all(runs))
  for (const server of servers) await server.close()
  t.equal(runs.length, 90)
  t.same(wrong, [])
})

t.test('a byte order mark in pieces [html-9.2.5-5]', async t => {
  const { log } = await scripted([{ say: [STREAM, '\xef', '\xbb', '\xbf', 'data: x\n\n'] }], once)
  t.same(log, ['open 200', 'message "x" ', 'end'])
})

t.test('comments and the reconnection time are told, ahead of what is behind them', async t => {
  const told: string[] = []
  await scripted([`${STREAM}: a\nretry: 7\nretry: x\n:b\ndata: x\n\n`], {
    ...once,
    comment: text => void told.push(text),
    retry: time => void told.push(String(time)),
  })
  t.same(told, ['a', '7', 'b'])
})
// [html-9.2.3-11]
t.test('what a stream leaves behind goes along: the last event ID, and no half of an event', async t => {
  const { log, requests } = await scripted([
    `${STREAM}id: \xc3\xa91\ndata: a\n\nid: 2\ndata: partial`,
    { say: `${ENDLESS}data: b\n\n`, ending: 'reset' },
    // The ID counts without data, as soon as there is a blank line.
    `${STREAM}id: 3\n\n`,
    `${STREAM}data: c\n\nid\ndata: d\n\n`,
    `${STREAM}id: 4\0\ndata: e\n\n`,
    `${STREAM}id: x\x01\n\n`,
    NO_CONTENT,
  ])
  t.same(log, [
    'open 200',
    'message "a" é1',
    'lost clean',
    'open 200',
    'message "b" é1',
    'lost ECONNRESET',
    'open 200',
    'lost clean',
    'open 200',
    'message "c" 3',
    'message "d" ',
    'lost clean',
    'open 200',
    'message "e" ',
    'lost clean',
    'open 200',
    'lost clean',
    'thrown ERR_EVENT_STREAM_STATUS',
  ])
  const utf8 = '\xc3\xa91'
  t.same(
    requests.map(request => fieldOf(request, 'Last-Event-ID')),
    [undefined, utf8, utf8, '3', undefined, undefined, undefined],
  )
})

t.test('the last event ID to begin with', async t => {
  const { log, requests } = await scripted([`${STREAM}data: a\n\n`, NO_CONTENT], { lastEventId: '7' })
  t.equal(log[1], 'message "a" 7')
  t.same(
    requests.map(request => fieldOf(request, 'Last-Event-ID')),
    ['7', '7'],
  )
})

t.test('headers are asked for anew for each attempt, and what they throw is for good', async t => {
  let count = 0
  const { log, requests } = await scripted([`${STREAM}data: a\n\n`], {
    headers: async () => {
      if (++count === 3) throw Object.assign(new Error(), { code: 'MINE' })
      return { Authorization: `Bearer ${count}` }
    },
  })
  t.same(
    requests.map(request => fieldOf(request, 'Authorization')),
    ['Bearer 1', 'Bearer 2'],
  )
  t.equal(log.at(-1), 'thrown MINE')
})
// [html-9.2.6-12]
t.test('the delay: what the stream has set, more after each failure, reset by what is delivered', async t => {
  const infos: ReconnectionInfo[] = []
  const script: (Line | string)[] = [
    { say: '', ending: 'reset' },
    { say: '', ending: 'reset' },
    STREAM,
    `${STREAM}retry: 10\n\n`,
    `${STREAM}data: partial`,
    `${STREAM}: alive\n\n`,
    { say: '', ending: 'reset' },
    `${STREAM}data: x\n\nretry: 9007199254740993\n\n`,
    `${STREAM}data: x\n\n`,
    NO_CONTENT,
  ]
  const { log } = await scripted(script, {
    random: () => 1,
    reconnectionTime: 2000,
    maxReconnectionDelay: 20_000,
    reconnectionDelay: info => {
      infos.push(info)
      return 0
    },
  })
  t.equal(log.at(-1), 'thrown ERR_EVENT_STREAM_STATUS')
  t.same(
    infos.map(({ failures, reconnectionTime, delay }) => [failures, reconnectionTime, delay]),
    [
      [1, 2000, 6000],
      [2, 2000, 10_000],
      [3, 2000, 18_000],
      [4, 10, 16_010],
      [5, 10, 20_010],
      [0, 10, 20],
      [1, 10, 2010],
      [0, Number.MAX_SAFE_INTEGER, 2 ** 31 - 1],
      [0, Number.MAX_SAFE_INTEGER, 2 ** 31 - 1],
    ],
  )
})

t.test('it is waited for as long as is told [html-9.2.3-9]', async t => {
  const server = await scriptedServer([STREAM, NO_CONTENT])
  const times: number[] = []
  server.server.on('connection', () => void times.push(performance.now()))
  await story(server.url, { reconnectionTime: 150, maxReconnectionDelay: 0 })
  t.equal(times.length, 2)
  t.ok(times[1]! - times[0]! >= 149, `${times[1]! - times[0]!} ms`)
  await server.close()
})

t.test('reconnectionDelay: what it returns is told and waited; nonsense ends it', async t => {
  const server = await scriptedServer([STREAM])
  const given: unknown[] = []
  for (const chosen of [5.4, Infinity, 1e300]) {
    const stop = new AbortController()
    for await (const step of follow(following(server.url, { reconnectionDelay: () => chosen }), stop.signal)) {
      if (step.kind !== 'lost') continue
      given.push(step.info.delay)
      break
    }
  }
  t.same(given, [5, 2 ** 31 - 1, 2 ** 31 - 1])
  for (const chosen of [-1, Number.NaN, '7', undefined]) {
    const log = await story(server.url, { reconnectionDelay: () => chosen as number })
    t.same(log, ['open 200', 'thrown ERR_OUT_OF_RANGE'])
  }
  await server.close()
})
// [html-9.2.3-4]
t.test('statuses: for good, unless they are among retryStatuses, with regard to Retry-After', async t => {
  for (const status of [204, 301, 400, 401, 404, 429, 500, 503]) {
    const { log, requests } = await scripted([head(status)])
    t.same([log.length, requests.length], [1, 1], `${status}`)
    t.match(log[0], /^thrown ERR_EVENT_STREAM_(STATUS|REDIRECT)$/)
  }
  const infos: ReconnectionInfo[] = []
  const { log } = await scripted(
    [
      head(503, { 'Retry-After': '7' }),
      head(429),
      head(429, { 'Retry-After': '99999999999' }),
      `${STREAM}data: x\n\n`,
      head(502),
    ],
    {
      retryStatuses: [429, 503],
      random: () => 0,
      reconnectionDelay: info => {
        infos.push(info)
        return 0
      },
    },
  )
  t.same(log, [
    'lost ERR_EVENT_STREAM_STATUS',
    'lost ERR_EVENT_STREAM_STATUS',
    'lost ERR_EVENT_STREAM_STATUS',
    'open 200',
    'message "x" ',
    'lost clean',
    'thrown ERR_EVENT_STREAM_STATUS',
  ])
  t.same(
    infos.map(({ delay }) => delay),
    [7000, 3000, 2 ** 31 - 1, 3000],
  )
})

t.test('another type, a coding, a redirect that leads nowhere: for good', async t => {
  for (const [say, code] of [
    [head(200, { 'Content-Type': 'text/plain' }), 'TYPE'],
    [head(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'br' }), 'ENCODING'],
    [head(302), 'REDIRECT'],
  ] as const) {
    const { log, requests } = await scripted([say])
    t.same([log, requests.length], [[`thrown ERR_EVENT_STREAM_${code}`], 1])
  }
})

t.test('beyond a limit: for good, behind the events before it, and no reconnect loop (S21)', async t => {
  const rows: [body: string, code: string][] = [
    [`data: a\n\ndata: ${'x'.repeat(200)}`, 'LINE'],
    [`data: a\n\n: ${'x'.repeat(200)}`, 'LINE'],
    [`data: a\n\n${'x'.repeat(200)}`, 'LINE'],
    [`data: a\n\n${'data: xxxxxxxxxx\n'.repeat(20)}`, 'EVENT'],
  ]
  for (const [body, code] of rows) {
    const { log, requests } = await scripted([{ say: STREAM + body, ending: 'hold' }], {
      maxLineBytes: 100,
      maxEventBytes: 100,
    })
    t.same(log, ['open 200', 'message "a" ', `thrown ERR_EVENT_STREAM_${code}_TOO_LONG`])
    t.equal(requests.length, 1)
  }
})

t.test('what a handler throws ends it, behind the events before it', async t => {
  const throwing = () => {
    throw Object.assign(new Error(), { code: 'MINE' })
  }
  const script: Line[] = [{ say: `${STREAM}data: a\n\n: c\nretry: 1\ndata: b\n\n`, ending: 'hold' }]
  for (const options of [{ comment: throwing }, { retry: throwing }, { comment: throwing, retry: throwing }]) {
    const { log, requests } = await scripted(script, options)
    t.same(log, ['open 200', 'message "a" ', 'thrown MINE'])
    t.equal(requests.length, 1)
  }
})

t.test('silence: of a server that does not answer, or that says no more (S27)', async t => {
  const { log } = await scripted(
    [
      { say: '', ending: 'hold' },
      { say: STREAM.slice(0, -2), ending: 'hold' },
      { say: `${STREAM}data: a\n\n`, ending: 'hold' },
      NO_CONTENT,
    ],
    { idleTimeout: 500 },
  )
  t.same(log, [
    'lost ERR_EVENT_STREAM_RESPONSE_TIMEOUT',
    'lost ERR_EVENT_STREAM_RESPONSE_TIMEOUT',
    'open 200',
    'message "a" ',
    'lost ERR_EVENT_STREAM_IDLE_TIMEOUT',
    'thrown ERR_EVENT_STREAM_STATUS',
  ])
  const slowBody = await scripted([{ say: `${head(404)}x`, ending: 'hold' }], { responseTimeout: 500 })
  t.same(slowBody.log, ['thrown ERR_EVENT_STREAM_STATUS'], 'a body that is slow is no silence of the head')
})

t.test('silence: any byte counts, and our own stall or slowness does not', async t => {
  const bytes = [...`: ${'x'.repeat(40)}\ndata: a\n\n`]
  const server = await scriptedServer([{ say: [STREAM, ...bytes.map(byte => byte)], ending: 'hold' }, NO_CONTENT])
  const log: string[] = []
  const stop = new AbortController()
  for await (const step of follow(
    following(server.url, { idleTimeout: 300, reconnectionDelay: () => 0 }),
    stop.signal,
  )) {
    log.push(...lineOf(step))
    if (step.kind === 'open') {
      // A stall of the loop, then a consumer that takes its time: both longer than the time-out.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    if (step.kind === 'lost') break
  }
  t.same(log, ['open 200', 'message "a" ', 'lost ERR_EVENT_STREAM_IDLE_TIMEOUT'])
  await server.close()
})

t.test('without a time-out nothing is watched, and with one nobody is left on the clock', async t => {
  const server = await scriptedServer([{ say: `${STREAM}data: a\n\n`, ending: 'hold' }])
  for (const [options, members] of [
    [{}, 0],
    [{ idleTimeout: 5000 }, 1],
    [{ responseTimeout: 5000 }, 0],
  ] as const) {
    for await (const step of follow(following(server.url, options), new AbortController().signal)) {
      if (step.kind !== 'events') continue
      t.equal(clockMembers.size, members)
      break
    }
    t.equal(clockMembers.size, 0)
  }
  await server.close()
})

t.test('TLS failures are failures of the network', async t => {
  const { local } = certificates()
  const server = await scriptedServer([STREAM], createTlsServer(local), 'https')
  server.server.on('tlsClientError', () => {})
  const log = await story(server.url, once)
  t.same(log, ['thrown UNABLE_TO_VERIFY_LEAF_SIGNATURE'])
  await server.close()
})

t.test('what decides on another attempt is told why', async t => {
  const losses: unknown[] = []
  const { log } = await scripted([{ say: '', ending: 'reset' }, STREAM, head(503), { say: '', ending: 'reset' }], {
    retryStatuses: [503],
    mayReconnect: ({ error, isClean, wasOpen }) => {
      losses.push([nameOf(error), isClean, wasOpen])
      return losses.length < 4
    },
  })
  t.same(losses, [
    ['ECONNRESET', false, false],
    ['clean', true, true],
    ['ERR_EVENT_STREAM_STATUS', false, true],
    ['ECONNRESET', false, true],
  ])
  t.equal(log.at(-1), 'thrown ECONNRESET')
})

t.test('the signal ends it at every stage, with its reason, and nothing is left', async t => {
  const reason = Object.assign(new Error(), { code: 'ENOUGH' })
  // How many steps come before the one that is waited for.
  const stages: [why: string, script: (Line | string)[], options: Following, steps: number][] = [
    ['headers', [''], { headers: () => new Promise<never>(() => {}) }, 0],
    ['connecting', [{ say: '', ending: 'hold' }], {}, 0],
    ['the body of an error', [{ say: head(404), ending: 'hold' }], {}, 0],
    ['an event', [{ say: STREAM, ending: 'hold' }], {}, 1],
    ['more of an event', [{ say: `${STREAM}data: a\n\ndata`, ending: 'hold' }], {}, 2],
    ['the next attempt', [STREAM], { reconnectionTime: 1e6 }, 2],
    ['an event through a fetch', [{ say: STREAM, ending: 'hold' }], { agent: undefined, fetch }, 1],
  ]
  for (const [why, script, options, count] of stages) {
    const server = await scriptedServer(script)
    const stop = new AbortController()
    const steps = follow(following(server.url, { ...options, idleTimeout: 10_000 }), stop.signal)
    for (let taken = 0; taken < count; taken++) await within(steps.next(), why)
    const last = steps.next()
    await new Promise(resolve => setTimeout(resolve, 30))
    stop.abort(reason)
    await t.rejects(within(last, why), reason, why)
    t.same(await steps.next(), { done: true, value: undefined })
    t.equal(getEventListeners(stop.signal, 'abort').length, 0, 'no listener on the signal')
    t.equal(clockMembers.size, 0, 'no member of a clock')
    await until(() => server.sockets.size === 0, `${why}: the socket is gone`)
    await server.close()
  }
  const stop = new AbortController()
  stop.abort(reason)
  t.same(await story('http://localhost:1/', {}, stop.signal), ['thrown ENOUGH'])
})

t.test('steps are pulled: nothing is read while nobody asks', async t => {
  let written = 0
  const server = await rawServer(socket => {
    socket.write(STREAM)
    const event = Buffer.from(`data: ${'x'.repeat(65_000)}\n\n`)
    const more = () => {
      while (written < 400 * event.length) {
        written += event.length
        if (!socket.write(event)) return void socket.once('drain', more)
      }
      socket.end()
    }
    more()
  })
  const steps = follow(following(`http://localhost:${server.port}/`, once), new AbortController().signal)
  let count = 0
  for await (const step of steps) {
    if (step.kind !== 'events') continue
    count += step.events.length
    if (count > 1) continue
    let seen = -1
    while (seen < written) {
      seen = written
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    t.ok(written < 16 * 1024 * 1024, `${written} bytes went out`)
  }
  t.equal(count, 400)
  await server.close()
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
