/** The same exchange through a fetch: Node's own, undici's, and one that is made for the occasion. */
import { getEventListeners } from 'node:events'
import t from 'tap'
import { fetch as undiciFetch } from 'undici'
import { exchangeByFetch, type Fetch, type FetchInit } from '../../lib/transport/fetch-exchange.ts'
import type { HttpOutcome } from '../../lib/transport/http-exchange.ts'
import { head, STREAM, scriptedServer } from '../support/event-stream-server.ts'
import { fieldOf, leftOpen, openHandles } from '../support/raw-socket.ts'
import { until } from '../support/waiting.ts'

const before = openHandles()
const never = new AbortController().signal

interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string | readonly string[]>
  readonly body?: string | Uint8Array
  readonly withCredentials?: boolean
}

function send(fetch: Fetch, url: string, sent: Sent = {}, signal: AbortSignal = never): Promise<HttpOutcome> {
  const { method = 'GET', headers = {}, body, withCredentials = false } = sent
  return exchangeByFetch({ url: new URL(url), method, headers, body }, { fetch, withCredentials }, signal)
}

async function textOf(outcome: HttpOutcome): Promise<string> {
  if ('failure' in outcome) throw outcome.failure
  let text = ''
  for (;;) {
    const chunk = await outcome.response.body.next()
    if (chunk === undefined) return text
    text += String(Buffer.from(chunk))
  }
}

// That both are taken for a Fetch is a matter of types, and of the compiler.
const FETCHES: readonly [name: string, fetch: Fetch][] = [
  ["Node's", fetch],
  ["undici's", undiciFetch],
]

for (const [name, fetch] of FETCHES) {
  t.test(`${name} fetch: request and response`, async t => {
    const server = await scriptedServer([
      head(307, { Location: '/there' }),
      { say: [STREAM.replace('\r\n\r\n', '\r\nX-A: 1\r\nX-A: 2\r\n\r\n'), 'one', 'two'] },
      head(204),
    ])
    const sent = { headers: { 'X-B': ['1', '2'], 'Last-Event-ID': '\xc3\xa9' }, method: 'POST', body: 'é' }
    const outcome = await send(fetch, `http://user:secret@localhost:${server.port}/`, sent)
    t.match(outcome, { response: { status: 200, url: { href: `${server.url}there` }, headers: { 'x-a': '1, 2' } } })
    t.equal(await textOf(outcome), 'onetwo')
    t.match(server.requests[1], /^POST \/there /)
    t.equal(fieldOf(server.requests[1] ?? '', 'Last-Event-ID'), '\xc3\xa9')
    t.equal(fieldOf(server.requests[1] ?? '', 'X-B'), '1, 2')
    t.equal(await textOf(await send(fetch, server.url)), '', 'no body')
    await server.close()
  })

  t.test(`${name} fetch: failures of the network`, async t => {
    const server = await scriptedServer([
      { say: '', ending: 'reset' },
      { say: STREAM.replace('\r\n\r\n', '\r\nContent-Length: 9\r\n\r\na'), ending: 'reset' },
    ])
    t.match(await send(fetch, server.url), { failure: TypeError })
    await t.rejects(send(fetch, server.url).then(textOf), TypeError)
    await server.close()
    t.match(await send(fetch, server.url), { failure: { cause: { code: 'ECONNREFUSED' } } })
  })

  t.test(`${name} fetch: the signal, and a body that is not wanted`, async t => {
    const server = await scriptedServer([
      { say: '', ending: 'hold' },
      { say: `${STREAM}a`, ending: 'hold' },
    ])
    const first = new AbortController()
    const sending = send(fetch, server.url, {}, first.signal)
    await until(() => server.requests.length === 1)
    first.abort()
    t.match(await sending, { failure: { name: 'AbortError' } })
    for (const close of [false, true]) {
      const second = new AbortController()
      const outcome = await send(fetch, server.url, {}, second.signal)
      if ('failure' in outcome) throw outcome.failure
      await outcome.response.body.next()
      const open = [...server.sockets]
      const next = outcome.response.body.next().catch(() => 'rejected')
      if (close) outcome.response.body.close()
      else second.abort()
      t.ok([undefined, 'rejected'].includes((await next) as string | undefined))
      // One may be idle: some connect again at once, for what may come next.
      await until(() => open.some(({ destroyed }) => destroyed))
    }
    await server.close()
  })
}

t.test('what a fetch is asked for', async t => {
  const asked: [string, FetchInit][] = []
  const answer = async (url: string, init: FetchInit) => {
    asked.push([url, init])
    return new Response('x')
  }
  const body = new Uint8Array(1)
  const outcome = await send(answer, 'http://u:p@a/b#c', { method: 'POST', body, headers: { a: ['1', '2'] } })
  await send(answer, 'http://a', { withCredentials: true })
  const common = { signal: never, redirect: 'follow', cache: 'no-store' }
  t.strictSame(asked, [
    [
      'http://a/b#c',
      {
        ...common,
        method: 'POST',
        headers: [
          ['a', '1'],
          ['a', '2'],
        ],
        body,
      },
    ],
    ['http://a/', { ...common, method: 'GET', headers: [], credentials: 'include' }],
  ])
  t.match(
    outcome,
    { response: { url: { href: 'http://a/b#c' } } },
    'a response without a URL is from where it was asked',
  )
})

t.test('a body that is whole leaves no listener on the signal', async t => {
  const { signal } = new AbortController()
  const outcome = await send(async () => new Response('x'), 'http://a', {}, signal)
  t.equal(getEventListeners(signal, 'abort').length, 1)
  t.equal(await textOf(outcome), 'x')
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a response that comes behind the abort is cancelled', async t => {
  const late = new AbortController()
  let cancelled = false
  const body = new ReadableStream({
    cancel() {
      cancelled = true
    },
  })
  const outcome = await send(
    async () => {
      late.abort()
      return new Response(body)
    },
    'http://a',
    {},
    late.signal,
  )
  t.equal(await textOf(outcome), '')
  t.ok(cancelled)
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
