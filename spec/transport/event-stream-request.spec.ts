/**
 * One attempt: what is sent, which redirects are followed and what goes along, and what of the answers is an event
 * stream.
 */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { EventStreamResponseError } from '../../lib/errors.ts'
import { checkClientOptions, type EventStreamClientOptions } from '../../lib/transport/event-source-options.ts'
import { type Answer, judge, requestEventStream } from '../../lib/transport/event-stream-request.ts'
import { certificates } from '../support/certificate.ts'
import { head, type ScriptedServer, STREAM, scriptedServer } from '../support/event-stream-server.ts'
import { fieldOf, leftOpen, openHandles } from '../support/raw-socket.ts'
import { within } from '../support/waiting.ts'

const before = openHandles()
const { ca, local } = certificates()
const never = new AbortController().signal

interface Sent extends EventStreamClientOptions {
  readonly from?: string
}

function attempt(url: string, { from = '', ...options }: Sent = {}, signal: AbortSignal = never) {
  const request = {
    ...checkClientOptions('x', { agent: false, ...options }, []),
    url: new URL(url),
    withCredentials: false,
  }
  return requestEventStream(request, from, signal)
}

/** 'stream', or the code and the words of what is wrong. */
async function told(url: string, sent?: Sent): Promise<string> {
  const answer = await attempt(url, sent)
  if ('failure' in answer) throw answer.failure
  const error = await judge(answer, never)
  answer.response.body.close()
  return error === undefined ? 'stream' : `${error.code}: ${error.message}`
}

t.test('the fields of a request [html-9.2.2-6]', async t => {
  const server = await scriptedServer([STREAM])
  const rows: [sent: Sent, fields: string[]][] = [
    [{}, ['Accept: text/event-stream', 'Cache-Control: no-cache', 'Pragma: no-cache', 'Accept-Encoding: identity']],
    [
      {
        headers: {
          accept: 'application/json, text/event-stream',
          'cache-control': 'x',
          Pragma: 'y',
          'ACCEPT-ENCODING': 'z',
        },
      },
      ['accept: application/json, text/event-stream', 'cache-control: x', 'Pragma: y', 'ACCEPT-ENCODING: z'],
    ],
    [
      { from: '7', headers: { A: ['1', '2'] } },
      [
        'Accept: text/event-stream',
        'Cache-Control: no-cache',
        'Pragma: no-cache',
        'Accept-Encoding: identity',
        'A: 1',
        'A: 2',
        'Last-Event-ID: 7',
      ],
    ],
  ]
  for (const [sent, fields] of rows) {
    await told(server.url, sent)
    t.equal(
      server.requests.at(-1),
      ['GET / HTTP/1.1', `Host: localhost:${server.port}`, ...fields, 'Connection: close', '', ''].join('\r\n'),
    )
  }
  await server.close()
})

t.test('the last event ID goes out as UTF-8, unless it is no field value [html-9.2.3-11, html-9.2.4-1]', async t => {
  const server = await scriptedServer([STREAM])
  const rows: [id: string, field: string | undefined][] = [
    ['', undefined],
    ['0', '0'],
    ['é€𝄞', Buffer.from('é€𝄞').toString('latin1')],
    ['\ud800', '\xef\xbf\xbd'],
    ['a\x01b', undefined],
    ['a\x7f', undefined],
  ]
  for (const method of ['GET', 'POST']) {
    const body = method === 'POST' ? 'é' : undefined
    for (const [id, field] of rows) {
      await told(server.url, { from: id, method, body })
      t.equal(fieldOf(server.requests.at(-1) ?? '', 'Last-Event-ID'), field, `${method} ${JSON.stringify(id)}`)
    }
  }
  await server.close()
})

t.test('a user name and a password become Authorization, unless there is one', async t => {
  const server = await scriptedServer([STREAM])
  const url = `http://%C3%A9:p%3Aw@localhost:${server.port}/`
  await told(url)
  await told(url, { headers: { authorization: 'Bearer x' } })
  t.same(
    server.requests.map(request => fieldOf(request, 'authorization')),
    [`Basic ${Buffer.from('é:p:w').toString('base64')}`, 'Bearer x'],
  )
  await server.close()
})

t.test('the type of a string is text/plain, as in Fetch, unless it is said; bytes have none', async t => {
  const server = await scriptedServer([STREAM])
  const rows: [Sent, string | undefined][] = [
    [{ body: '' }, 'text/plain;charset=UTF-8'],
    [{ body: '{}', headers: { 'content-type': 'application/json' } }, 'application/json'],
    [{ body: new Uint8Array(1) }, undefined],
    [{}, undefined],
  ]
  for (const [sent, type] of rows) {
    await told(server.url, { method: 'POST', ...sent })
    t.equal(fieldOf(server.requests.at(-1) ?? '', 'content-type'), type)
  }
  await server.close()
})

t.test('an event stream: 200, its type, no coding [html-9.2.3-5]', async t => {
  const rows: [status: string, fields: Record<string, string>, outcome: string | RegExp][] = [
    ['200', { 'Content-Type': 'text/event-stream' }, 'stream'],
    ['200', { 'content-type': 'Text/Event-Stream; charset=latin1' }, 'stream'],
    ['200', { 'Content-Type': ' text/event-stream;x="a,b"' }, 'stream'],
    ['200', { 'Content-Type': 'text/html, text/event-stream' }, 'stream'],
    ['200', { 'Content-Type': 'text/event-stream, */*' }, 'stream'],
    ['200', { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'Identity' }, 'stream'],
    ['200', { 'Content-Type': 'text/event-stream', 'Content-Encoding': '' }, 'stream'],
    ['200', {}, /^ERR_EVENT_STREAM_TYPE: .*no content type/],
    ['200', { 'Content-Type': '' }, /^ERR_EVENT_STREAM_TYPE/],
    ['200', { 'Content-Type': 'text/html' }, /^ERR_EVENT_STREAM_TYPE: .*text\/html in place of text\/event-stream/],
    ['200', { 'Content-Type': 'text/event-stream, text/html' }, /^ERR_EVENT_STREAM_TYPE/],
    ['200', { 'Content-Type': 'text/event-streams' }, /^ERR_EVENT_STREAM_TYPE/],
    ['200', { 'Content-Type': 'text/event-stream x' }, /^ERR_EVENT_STREAM_TYPE/],
    ['200', { 'Content-Type': 'x text/event-stream' }, /^ERR_EVENT_STREAM_TYPE/],
    [
      '200',
      { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' },
      /^ERR_EVENT_STREAM_ENCODING: .*gzip/,
    ],
    ...[201, 202, 203, 204, 205, 206, 300, 304, 305, 400, 401, 404, 407, 429, 500, 502, 503, 599].map(
      (status): [string, Record<string, string>, RegExp] => [
        String(status),
        { 'Content-Type': 'text/event-stream' },
        new RegExp(`^ERR_EVENT_STREAM_STATUS: the server answered ${status} in place of 200$`),
      ],
    ),
  ]
  for (const [status, fields, outcome] of rows) {
    const server = await scriptedServer([head(status, fields)])
    const found = await told(server.url)
    t.ok(
      typeof outcome === 'string' ? found === outcome : outcome.test(found),
      `${status} ${JSON.stringify(fields)}: ${found}`,
    )
    await server.close()
  }
})

t.test('codings are the business of a fetch', async t => {
  const server = await scriptedServer([
    head(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' }),
  ])
  t.equal(await told(server.url, { agent: undefined, fetch }), 'stream')
  await server.close()
})

t.test('an error carries the answer: status, fields, and 64 KiB of the body', async t => {
  const rows: [say: string, ending: 'end' | 'reset' | 'hold', body: string][] = [
    ['short', 'end', 'short'],
    ['cut', 'reset', 'cut'],
    ['', 'end', ''],
    ['x'.repeat(65_536), 'hold', 'x'.repeat(65_536)],
    ['x'.repeat(200_000), 'hold', 'x'.repeat(65_536)],
    ['slow', 'hold', 'slow'],
  ]
  for (const [say, ending, body] of rows) {
    const server = await scriptedServer([{ say: head(404, { 'X-Why': 'y' }) + say, ending }])
    const answer = (await attempt(server.url)) as Answer
    const error = await within(judge(answer, never) as Promise<EventStreamResponseError>)
    answer.response.body.close()
    t.ok(error instanceof EventStreamResponseError)
    const { status, headers, url } = error.response
    t.strictSame([status, headers['x-why'], url], [404, 'y', server.url])
    t.equal(String(error.response.body), body, `${say.length} bytes, then ${ending}`)
    await server.close()
  }
})

t.test('redirects are followed, with method and body as Fetch has them [html-9.2.3-6]', async t => {
  const seen: string[] = []
  const server = createHttpServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () => {
      const { headers } = request
      seen.push(
        `${request.method} ${request.url} ${body} ${headers['content-type']} ${headers['content-length']} ${headers.x}`,
      )
      const status = /^\/(\d+)$/.exec(request.url ?? '')?.[1]
      if (status !== undefined) response.writeHead(Number(status), { Location: 'there?a' }).end()
      else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end()
    })
  }).listen(0)
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`
  const kept = 'body text/x 4 y'
  const rows: [status: number, method: string, second: string][] = [
    [301, 'POST', 'GET /there?a  undefined undefined y'],
    [302, 'POST', 'GET /there?a  undefined undefined y'],
    [303, 'POST', 'GET /there?a  undefined undefined y'],
    [307, 'POST', `POST /there?a ${kept}`],
    [308, 'POST', `POST /there?a ${kept}`],
    [301, 'PUT', `PUT /there?a ${kept}`],
    [302, 'DELETE', `DELETE /there?a ${kept}`],
    [303, 'PUT', 'GET /there?a  undefined undefined y'],
    [307, 'PUT', `PUT /there?a ${kept}`],
  ]
  for (const [status, method, second] of rows) {
    seen.length = 0
    const headers = { 'content-type': 'text/x', 'Content-Language': 'x', X: 'y' }
    t.equal(await told(`${url}${status}`, { method, body: 'body', headers }), 'stream')
    t.same(seen, [`${method} /${status} ${kept}`, second])
  }
  for (const [status, method, second] of [
    [301, 'GET', 'GET'],
    [303, 'GET', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [302, 'HEAD', 'HEAD'],
    [308, 'HEAD', 'HEAD'],
  ] as const) {
    seen.length = 0
    await told(`${url}${status}`, { method })
    t.match(seen[1], new RegExp(`^${second} /there`))
  }
  server.close()
})

t.test('redirects that lead nowhere', async t => {
  const rows: [fields: Record<string, string>, sent: Sent, words: RegExp][] = [
    [{}, {}, /no Location/],
    [{ Location: 'http://' }, {}, /not a URL/],
    [{ Location: 'ftp://a/' }, {}, /leads to ftp:/],
    [{ Location: 'data:text/event-stream,data:x' }, {}, /leads to data:/],
    [{ Location: 'javascript:1' }, {}, /leads to javascript:/],
    [{ Location: '/next' }, {}, /more than 20 redirects: see maxRedirects/],
    [{ Location: '/next' }, { maxRedirects: 2 }, /more than 2 redirects/],
    [{ Location: '/next' }, { maxRedirects: 0 }, /more than 0 redirects/],
  ]
  for (const [fields, sent, words] of rows) {
    const server = await scriptedServer([`${head(302, fields)}body`])
    const found = await told(server.url, sent)
    t.ok(found.startsWith('ERR_EVENT_STREAM_REDIRECT: ') && words.test(found), found)
    if ('Location' in fields && fields.Location === '/next')
      t.equal(server.requests.length, 1 + (sent.maxRedirects ?? 20), 'as many as are wanted')
    await server.close()
  }
})

const SECRETS = {
  Authorization: 'Bearer secret',
  cookie: 'session=secret',
  'Proxy-Authorization': 'Basic secret',
  Host: 'first.example',
  'X-Plain': 'public',
}

/** Its first answer, at /start, is a redirect; all others are streams. */
async function redirecting(location: () => string, credentials?: typeof local): Promise<ScriptedServer> {
  const script = [{ say: '' }]
  const server =
    credentials === undefined
      ? createServer()
      : createTlsServer({ ...credentials, ca, requestCert: true, rejectUnauthorized: false })
  const scripted = await scriptedServer(script, server, credentials === undefined ? 'http' : 'https')
  Object.defineProperty(script[0], 'say', {
    get: () => (scripted.requests.at(-1)?.startsWith('GET /start') ? head(307, { Location: location() }) : STREAM),
  })
  return scripted
}

t.test('redirects: credentials stay with the origin that they were given for (S22)', async t => {
  let location = ''
  const plain = await redirecting(() => location)
  const secure = await redirecting(() => location, local)
  const otherPlain = await redirecting(() => location)
  const otherSecure = await redirecting(() => location, local)
  const rows: [from: ScriptedServer, location: string, arrived: ScriptedServer, keeps: boolean][] = [
    [plain, '/next', plain, true],
    [plain, `http://LOCALHOST:${plain.port}/next`, plain, true],
    [plain, `http://127.0.0.1:${plain.port}/next`, plain, false],
    [plain, `//localhost:${otherPlain.port}/next`, otherPlain, false],
    [plain, `${secure.url}next`, secure, false],
    [secure, 'next', secure, true],
    [secure, `${secure.url}next`, secure, true],
    [secure, `https://127.0.0.1:${secure.port}/next`, secure, false],
    [secure, `${otherSecure.url}next`, otherSecure, false],
  ]
  for (const [from, to, arrived, keeps] of rows) {
    location = to
    let peer: TLSSocket | undefined
    const onConnection = (socket: TLSSocket) => {
      peer = socket
    }
    arrived.server.on('secureConnection', onConnection)
    const start = from.url.replace('://', '://user:secret@')
    const tls = { ca, cert: local.cert, key: local.key }
    // As in Fetch, the ID is no credential; and a relative target keeps the user name of the URL.
    t.equal(await told(`${start}start`, { headers: SECRETS, tls, from: '7' }), 'stream')
    const request = arrived.requests.at(-1) ?? ''
    const why = `${from.url} to ${to}`
    t.match(request, /^GET \/next /, why)
    t.equal(/secret/.test(request), keeps, why)
    t.equal(fieldOf(request, 'Host'), keeps ? 'first.example' : new URL(to, from.url).host)
    t.equal(fieldOf(request, 'X-Plain'), 'public')
    t.equal(fieldOf(request, 'Last-Event-ID'), '7')
    if (peer !== undefined)
      t.equal(Object.keys(peer.getPeerCertificate() ?? {}).length > 0, keeps, `certificate: ${why}`)
    arrived.server.off('secureConnection', onConnection)
  }
  location = `${plain.url}next`
  t.match(
    await told(`${secure.url}start`, { headers: SECRETS, tls: { ca } }),
    /^ERR_EVENT_STREAM_REDIRECT: .*from https: to http:/,
  )
  for (const server of [plain, secure, otherPlain, otherSecure]) await server.close()
})

t.test('redirects: once away, credentials do not come back', async t => {
  const home: ScriptedServer = await redirecting(() => `${away.url}start`)
  const away: ScriptedServer = await redirecting(() => `${home.url}next`)
  t.equal(await told(`${home.url.replace('://', '://user:secret@')}start`, { headers: SECRETS }), 'stream')
  t.match(home.requests[0], 'secret')
  t.notMatch(away.requests[0], 'secret')
  t.match(home.requests[1], /^GET \/next/)
  t.notMatch(home.requests[1], 'secret')
  await home.close()
  await away.close()
})

t.test('a failure of the network is an outcome, the caller’s mistakes are thrown', async t => {
  const server = await scriptedServer([{ say: '', ending: 'reset' }])
  t.match(await attempt(server.url), { failure: { code: 'ECONNRESET' } })
  await server.close()
  t.match(await attempt(server.url), { failure: { code: 'ECONNREFUSED' } })
  const mine = new Error('mine')
  const throwing = () => {
    throw mine
  }
  await t.rejects(attempt(server.url, { headers: throwing }), mine)
  await t.rejects(attempt(server.url, { headers: async () => throwing() }), mine)
})

t.test('the signal ends all that is waited for, with its reason', async t => {
  const silent = await scriptedServer([{ say: '', ending: 'hold' }])
  const loop = await scriptedServer([head(302, { Location: '/' })])
  const reason = new Error('enough')
  const rows: [why: string, url: string, sent: Sent][] = [
    ['headers', silent.url, { headers: () => new Promise<never>(() => {}) }],
    ['the response', silent.url, {}],
    ['redirects', loop.url, { maxRedirects: 1e6 }],
    ['a fetch that is deaf', silent.url, { agent: undefined, fetch: () => new Promise<never>(() => {}) }],
  ]
  for (const [why, url, sent] of rows) {
    const stop = new AbortController()
    const attempting = attempt(url, sent, stop.signal)
    setTimeout(() => stop.abort(reason), 20)
    await t.rejects(within(attempting, why), reason, why)
    await t.rejects(attempt(url, sent, stop.signal), reason, `${why}, when it was aborted before`)
  }
  await silent.close()
  await loop.close()
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
