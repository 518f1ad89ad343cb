/** `wirewright listen`: what is asked for, what is printed in a pipe, for machines and for a person, and how it ends. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { declineEventStream, type EventStream, type EventStreamOptions, openEventStream } from 'wirewright'
import { UsageError } from '../../lib/cli/flags.ts'
import { listenCommand } from '../../lib/cli/listen.ts'
import { certificates } from '../support/certificate.ts'
import { CommandRun, fakeTerminal, runCommand } from '../support/command-line.ts'
import { until, within } from '../support/waiting.ts'

interface Asked {
  readonly request: IncomingMessage
  readonly body: string
}

type OnStream = (stream: EventStream, attempt: number) => void

/** A server whose streams begin with a reconnection time of next to nothing. */
async function startServer(
  t: Test,
  onStream: OnStream,
  options: EventStreamOptions & { most?: number } = {},
  tls = false,
) {
  const { most = Infinity, ...streamOptions } = options
  const asked: Asked[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ request, body })
    if (asked.length > most) return declineEventStream(response)
    onStream(openEventStream(request, response, { retry: 1, ...streamOptions }), asked.length)
  }
  const server = tls ? createHttpsServer(certificates().local, answer) : createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/`, asked }
}

t.test('data goes to the output as it is; it reconnects from the last event ID until it is told not to', async t => {
  const { port, url, asked } = await startServer(
    t,
    (stream, attempt) => {
      stream.send({ data: `zwei €\nlines\x1b[31m of ${attempt}`, id: `n${attempt}` })
      stream.send({ event: 'price', data: '{}' })
      stream.close()
    },
    { most: 2 },
  )
  const { code, stdout, stderr } = await runCommand(t, ['listen', `127.0.0.1:${port}`])
  t.equal(stdout, 'zwei €\nlines\x1b[31m of 1\n{}\nzwei €\nlines\x1b[31m of 2\n{}\n')
  const again = `listening to ${url}\nthe stream has ended; again in 0.0 s\n`
  t.equal(stderr, `${again}${again}the stream has ended\n`)
  t.equal(code, 0)
  t.same(
    asked.map(({ request }) => [request.method, request.headers.accept, request.headers['last-event-id']]),
    [
      ['GET', 'text/event-stream', undefined],
      ['GET', 'text/event-stream', 'n1'],
      ['GET', 'text/event-stream', 'n2'],
    ],
  )
})

t.test('a lost connection is told, and gone on from', async t => {
  const { url, asked } = await startServer(
    t,
    (stream, attempt) => {
      stream.send({ data: String(attempt), id: String(attempt) })
      if (attempt > 1) stream.close()
    },
    { most: 2 },
  )
  const run = new CommandRun(t, ['listen', url])
  await run.until('stdout', /1\n/)
  // In the middle of the chunked body.
  for (const { request } of asked) request.socket.destroy()
  const { code, stdout } = await within(run.ended)
  t.equal(stdout, '1\n2\n')
  t.match(run.stderr, /lost: .*\(?ECONNRESET\)?; again in 0\.0 s\n/)
  t.equal(code, 0)
})

t.test('--once ends with the stream; --last-event-id begins where it is told to', async t => {
  const { url, asked } = await startServer(t, stream => {
    stream.send({ data: `after ${stream.lastEventId}` })
    stream.close()
  })
  const { code, stdout, stderr } = await runCommand(t, ['listen', url, '--once', '--last-event-id', 'ü7'])
  t.same([code, stdout, stderr], [0, 'after ü7\n', `listening to ${url}\nthe stream has ended\n`])
  t.equal(asked.length, 1)
})

t.test('--data makes it a POST, sent once; JSON says so unless a header does', async t => {
  const { url, asked } = await startServer(t, stream => {
    stream.send({ data: 'token' })
    stream.close()
  })
  const calls: [args: string[], method: string, type: string, body: string][] = [
    [['--data', '{"a":1}'], 'POST', 'application/json', '{"a":1}'],
    [['-d', 'text €'], 'POST', 'text/plain;charset=UTF-8', 'text €'],
    [['-d', '{"a":1}', '-H', 'content-type: application/x-a'], 'POST', 'application/x-a', '{"a":1}'],
    [['-X', 'REPORT', '-d', 'x'], 'REPORT', 'text/plain;charset=UTF-8', 'x'],
  ]
  for (const [args, method, type, body] of calls) {
    const { code, stdout } = await runCommand(t, ['listen', url, ...args])
    t.same([code, stdout], [0, 'token\n'])
    const [{ request, body: sent } = {} as Asked] = asked.splice(0)
    t.same([request?.method, request?.headers['content-type'], sent], [method, type, body])
    t.equal(asked.length, 0)
  }
})

t.test('--verbose shows IDs, reconnection times and comments', async t => {
  const { url } = await startServer(t, stream => {
    stream.send({ comment: 'alive' })
    stream.send({ event: 'price', data: 'zwei €', id: '7' })
    stream.close()
  })
  const { stdout, stderr } = await runCommand(t, ['listen', url, '--once', '--verbose'])
  t.equal(stdout, 'zwei €\n')
  t.equal(
    stderr,
    `listening to ${url}
comment
reconnection time 1 ms
comment alive
event price, ID 7, 8 bytes
the stream has ended
`,
  )
})

t.test('--json prints every event as a line that parses, and nothing else', async t => {
  const { url } = await startServer(
    t,
    stream => {
      stream.send({ event: 'price', data: 'two\nlines', id: '7', comment: 'c' })
      stream.close()
    },
    { most: 1 },
  )
  const { code, stdout, stderr } = await runCommand(t, ['listen', url, '--json', '--verbose'])
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(lines, [
    { type: 'open', url, status: 200, headers: { 'content-type': 'text/event-stream' } },
    { type: 'comment', text: '' },
    { type: 'retry', milliseconds: 1 },
    { type: 'comment', text: 'c' },
    { type: 'event', event: 'price', data: 'two\nlines', lastEventId: '7' },
    { type: 'lost', failures: 0 },
    { type: 'end' },
  ])
  t.equal(lines.length, 7)
  t.same([code, stderr], [0, ''])
  const brief = await runCommand(t, ['listen', url, '--json'])
  t.same(JSON.parse(brief.stdout), { type: 'end' }, '204 at once')
})

t.test('what is not an event stream is told with what was answered', async t => {
  const server = createServer((request, response) => {
    if (request.url === '/page') response.setHeader('Content-Type', 'text/html').end('<p>')
    else response.writeHead(401).end('who \x1b[1mare you?\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  const refused = await runCommand(t, ['listen', `127.0.0.1:${port}`])
  t.equal(refused.code, 1)
  t.equal(
    refused.stderr,
    'error: the server answered 401 in place of 200 (ERR_EVENT_STREAM_STATUS)\nwho \\x1b[1mare you?\n',
  )
  const page = await runCommand(t, ['listen', `127.0.0.1:${port}/page`, '--json'])
  t.equal(page.code, 1)
  t.match(JSON.parse(page.stdout), {
    type: 'error',
    code: 'ERR_EVENT_STREAM_TYPE',
    status: 200,
    message: /text\/html/,
  })
})

t.test('a server that is not there is an error at once', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const { code, stdout, stderr } = await runCommand(t, ['listen', `127.0.0.1:${port}`])
  t.same([code, stdout], [1, ''])
  t.match(stderr, /^error: connect ECONNREFUSED/)
})

t.test('a certificate that nobody vouches for is refused, unless --insecure', async t => {
  const { url } = await startServer(
    t,
    stream => {
      stream.send({ data: 'secret' })
      stream.close()
    },
    {},
    true,
  )
  const refused = await runCommand(t, ['listen', url, '--once'])
  t.equal(refused.code, 1)
  t.match(refused.stderr, /^error: .*(certificate|CERT)/)
  const { code, stdout } = await runCommand(t, ['listen', url, '--once', '--insecure'])
  t.same([code, stdout], [0, 'secret\n'])
})

t.test('Ctrl-C ends it: with 0 while it listens, with 1 before', async t => {
  const { url } = await startServer(t, stream => void stream.send({ data: 'x' }))
  const run = new CommandRun(t, ['listen', url])
  await run.until('stdout', /x\n/)
  run.child.kill('SIGINT')
  t.equal((await within(run.ended)).code, 0)
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.closeAllConnections()
    return new Promise(resolve => silent.close(resolve))
  })
  const { terminal, controller, error } = fakeTerminal()
  const ended = listenCommand.run([`127.0.0.1:${(silent.address() as AddressInfo).port}`], terminal)
  controller.abort()
  t.equal(await within(ended), 1)
  t.equal(error(), '')
})

t.test('at a terminal the type of an event stands before its data, and nothing steers it', async t => {
  const { url } = await startServer(t, stream => {
    stream.send({ data: 'plain' })
    stream.send({ event: 'a\x1b', data: 'b\x1b[2J\tc' })
    stream.close()
  })
  const { terminal, output } = fakeTerminal()
  t.equal(await within(listenCommand.run([url, '--once'], terminal)), 0)
  await until(() => output().includes('c\n'))
  t.equal(output(), 'plain\na\\x1b: b\\x1b[2J\tc\n')
})

t.test('wrong usage', async t => {
  const table: [args: string[], words: RegExp][] = [
    [[], /^takes one URL, got none$/],
    [['http://a', 'http://b'], /^takes one URL, got 2$/],
    [['ftp://a'], /must begin with http: or https:/],
    [['http://'], /is not a URL/],
    [['http://a', '-X', 'A B'], /^method must be a token$/],
    [['http://a', '-X', 'GET', '-d', 'x'], /^a body does not go with GET/],
    [['http://a', '-H', 'nothing'], /^--header must be "NAME: VALUE"/],
    [['http://a', '-H', 'Last-Event-ID: 1'], /lastEventId/],
    [['http://a', '--last-event-id', 'a\nb'], /lastEventId/],
    [['http://a', '--ones'], /did you mean --once/],
  ]
  for (const [args, words] of table) {
    const { terminal } = fakeTerminal()
    const error = await listenCommand.run(args, terminal).catch(error => error)
    t.ok(error instanceof UsageError, args.join(' '))
    t.match(error.message, words)
  }
})
