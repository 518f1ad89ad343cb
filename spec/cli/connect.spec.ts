/** `wirewright connect`: what is sent and printed, in a pipe, for machines and for a person, and how it ends. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type ServerOptions, type UpgradeRequest, type WebSocketConnection, WebSocketServer } from 'wirewright'
import { connectCommand } from '../../lib/cli/connect.ts'
import { UsageError } from '../../lib/cli/flags.ts'
import { certificates } from '../support/certificate.ts'
import { CommandRun, fakeTerminal, runCommand } from '../support/command-line.ts'
import { rawFrame, TEXT } from '../support/raw-frames.ts'
import { fieldOf, rawServer } from '../support/raw-socket.ts'
import { Screen } from '../support/screen.ts'
import { turns, until, within } from '../support/waiting.ts'

interface Peer {
  readonly url: string
  readonly port: number
  readonly requests: UpgradeRequest[]
  /** How each connection closed, as the server saw it. */
  readonly closed: { code: number; reason: string; wasClean: boolean }[]
}

const echo = (connection: WebSocketConnection) =>
  void connection.on('message', message => void connection.send(message))

async function startPeer(
  t: Test,
  onConnection: (connection: WebSocketConnection) => void = echo,
  options: ServerOptions = {},
  tls = {},
): Promise<Peer> {
  const server = new WebSocketServer(options)
  const peer = { requests: [] as UpgradeRequest[], closed: [] as Peer['closed'] }
  server.on('connection', (connection, request) => {
    peer.requests.push(request)
    connection.on('close', ({ code, reason, wasClean }) => peer.closed.push({ code, reason, wasClean }))
    onConnection(connection)
  })
  const { url, port = 0 } = await server.listen({ host: '127.0.0.1', ...tls })
  t.teardown(() => server.close())
  return { url, port, ...peer }
}

/** Runs it in this process, with pipes whose input is empty and stays open. */
async function runHere(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { terminal, output, error } = fakeTerminal({ isTTY: false })
  const code = await within(connectCommand.run(args, terminal), `connect ${args.join(' ')}`)
  await turns(2)
  return { code, stdout: output(), stderr: error() }
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

t.test('lines are sent, answers are printed, and the end of the input closes with 1000', async t => {
  const { url, closed } = await startPeer(t)
  const lines = [
    'one',
    '',
    'zwei €',
    '{"separator":"a\u2028b"}',
    'with CR\r',
    '\ttabs ',
    'x'.repeat(300_000),
    'no end',
  ]
  const { code, stdout, stderr } = await runCommand(t, ['connect', url], lines.join('\n'))
  t.equal(stdout, `${lines.join('\n').replace('\r', '')}\n`)
  t.equal(stderr, `connected to ${url}\nclosed by this side, 1000\n`)
  t.equal(code, 0)
  await until(() => closed.length > 0)
  t.same(closed, [{ code: 1000, reason: '', wasClean: true }])
})

t.test('an input that is empty closes at once; what the peer says first is printed all the same', async t => {
  const { port } = await startPeer(t, connection => void connection.send('welcome'))
  const { code, stdout, stderr } = await runCommand(t, ['connect', `localhost:${port}`])
  t.same([code, stdout], [0, 'welcome\n'])
  t.match(stderr, `connected to ws://localhost:${port}\n`, 'ws:// goes without saying')
})

t.test('--binary sends the bytes of the lines, whatever they are', async t => {
  const received: unknown[] = []
  const { url } = await startPeer(t, connection => {
    connection.on('message', message => {
      received.push(message)
      connection.send(message)
    })
  })
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter(byte => byte !== 10 && byte !== 13))
  const input = Buffer.concat([Buffer.from('ff00c3280a0a', 'hex'), every, Buffer.from('\r\n')])
  const { code, stdout } = await runCommand(t, ['connect', '--binary', url], input)
  t.same(received, [Buffer.from('ff00c328', 'hex'), Buffer.alloc(0), every])
  const shown = every.subarray(0, 64).toString('hex').match(/../g)?.join(' ')
  t.equal(stdout, `[binary, 4 bytes] ff 00 c3 28\n[binary, 0 bytes] \n[binary, 254 bytes] ${shown} …\n`)
  t.equal(code, 0)
})

t.test('text that is not UTF-8 is sent with replacement characters', async t => {
  const { url } = await startPeer(t)
  const { code, stdout } = await runCommand(t, ['connect', url], Buffer.from('61ff620a', 'hex'))
  t.same([code, stdout], [0, 'a\ufffdb\n'])
})

t.test('--json prints every event as a line that parses, and nothing else', async t => {
  const { url } = await startPeer(
    t,
    connection => {
      connection.on('message', message => {
        connection.send(`${message}\nagain`)
        connection.send(Buffer.from([0, 255]))
        connection.close(3000, 'över')
      })
    },
    { protocols: ['v1'] },
  )
  const run = new CommandRun(t, ['connect', '--json', '--protocol', 'v1', url]).type('hi\n')
  const { code, stdout, stderr } = await within(run.ended)
  const lines = stdout.trimEnd().split('\n')
  t.same(
    lines.map(line => JSON.parse(line)),
    [
      { type: 'open', url, protocol: 'v1', extensions: '' },
      { type: 'message', text: 'hi\nagain' },
      { type: 'message', base64: 'AP8=' },
      { type: 'close', code: 3000, reason: 'över', wasClean: true, by: 'peer' },
    ],
  )
  t.same([code, stderr], [1, ''])
})

t.test('errors as JSON', async t => {
  const { url } = await startPeer(t, echo, { authorize: () => ({ status: 401 }) })
  const port = await freePort()
  const table = [
    [url, { type: 'error', code: 'WS_ERR_HANDSHAKE_STATUS', status: 401 }],
    [`127.0.0.1:${port}`, { type: 'error', code: 'ECONNREFUSED' }],
  ] as const
  for (const [to, event] of table) {
    const { code, stdout, stderr } = await runHere('--json', to)
    t.same([code, stderr], [1, ''])
    t.match(JSON.parse(stdout), event)
    t.ok(stdout.endsWith('}\n'))
  }
})

t.test('--header adds fields, each as often as it is given', async t => {
  const { url, requests } = await startPeer(t)
  const headers = ['Authorization: Bearer a:b', 'X-Two:1', 'X-Two:  2  ', 'X-Empty:']
  const { code } = await runCommand(t, ['connect', url, ...headers.flatMap(line => ['-H', line])])
  t.equal(code, 0)
  const { rawHeaders } = requests[0]!
  const fields = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []))
  t.same(
    fields.filter(line => /^(authorization|x-)/i.test(line)),
    ['Authorization: Bearer a:b', 'X-Two: 1', 'X-Two: 2', 'X-Empty: '],
  )
})

t.test('--protocol offers, most preferred first; the one chosen is shown', async t => {
  const { url, requests } = await startPeer(t, echo, { protocols: ['v1', 'v2'] })
  const { code, stderr } = await runCommand(t, ['connect', url, '-s', 'v2', '--protocol', 'v1'])
  t.equal(requests[0]?.headers['sec-websocket-protocol'], 'v2, v1')
  t.match(stderr, `connected to ${url}, subprotocol v1\n`)
  t.equal(code, 0)
  const unknown = await runHere(url, '-s', 'v3')
  t.equal(unknown.code, 1, 'none of them is spoken there')
  t.match(unknown.stderr, /^error: .*Sec-WebSocket-Protocol/)
})

t.test('--deflate offers compression; what was agreed on is shown', async t => {
  const agreed: string[] = []
  const note = (connection: WebSocketConnection) => {
    agreed.push(connection.extensions)
    echo(connection)
  }
  const { url } = await startPeer(t, note, { perMessageDeflate: { serverContextTakeover: true } })
  const long = 'compressible '.repeat(100)
  const lean =
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12'
  const table: readonly (readonly [args: readonly string[], extensions: string])[] = [
    [[], ''],
    [['--deflate'], lean],
    [
      ['--deflate', 'client_no_context_takeover,client_max_window_bits=9'],
      'permessage-deflate; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=9',
    ],
  ]
  for (const [args, extensions] of table) {
    const run = new CommandRun(t, ['connect', ...args, url]).end(`${long}\n`)
    const { code, stdout, stderr } = await within(run.ended)
    t.same([code, stdout], [0, `${long}\n`])
    t.equal(agreed.at(-1), extensions)
    t.match(stderr.split('\n')[0], extensions === '' ? /^connected to [^,]*$/ : `connected to ${url}, ${extensions}`)
  }
})

t.test('wrong usage', async t => {
  const table: readonly (readonly [args: readonly string[], words: string | RegExp])[] = [
    [[], 'takes one URL, got none'],
    [['ws://a', 'ws://b'], 'takes one URL, got 2'],
    [['--frobnicate', 'ws://a'], 'unknown flag --frobnicate'],
    [['ws://'], /the URL/],
    [['ws://a b'], /the URL/],
    [['ftp://a'], /must begin with ws: or wss:/],
    [['ws://a#b'], /fragment/],
    [['ws://a:70000'], /the URL/],
    [['ws://a', '-H', 'nothing'], '--header must be "NAME: VALUE", got "nothing"'],
    [['ws://a', '-H', ': value'], '--header must be "NAME: VALUE", got ": value"'],
    [['ws://a', '-H', 'two words: x'], /header/],
    [['ws://a', '-H', 'a: b\r\nc: d'], /header/],
    [['ws://a', '-H', 'Upgrade: h2c'], /"Upgrade"/],
    [['ws://a', '-H', 'Sec-WebSocket-Key: x'], /"Sec-WebSocket-Key"/],
    [['ws://a', '-s', 'a,b'], /subprotocol/],
    [['ws://a', '-s', ''], /subprotocol/],
    [['ws://a', '-s', 'a', '-s', 'a'], /subprotocol/],
  ]
  for (const [args, words] of table) {
    const error = await runHere(...args).catch((error: Error) => error)
    t.ok(error instanceof UsageError, args.join(' ') || 'nothing')
    t.match((error as Error).message, words)
  }
  // No prototype is in the way of a field's name.
  const { url, requests } = await startPeer(t, connection => connection.close())
  t.equal((await runHere(url, '-H', '__proto__: 1', '-H', 'constructor: 2')).code, 0)
  t.match(requests[0]?.rawHeaders.join(), /__proto__,1,constructor,2/)
})

t.test('a refusal is exit code 1, with status and body', async t => {
  const { url } = await startPeer(t, echo, { authorize: () => ({ status: 403, body: 'members only \x1b[2J\n' }) })
  const { code, stdout, stderr } = await runCommand(t, ['connect', url])
  t.same([code, stdout], [1, ''])
  t.match(stderr, /^error: the server answered 403 /)
  t.ok(stderr.endsWith('\nmembers only \\x1b[2J\n'), 'and what came does not steer the terminal')
})

t.test('nobody listening is exit code 1 and one line, even while the input is open', async t => {
  const port = await freePort()
  const run = new CommandRun(t, ['connect', `ws://127.0.0.1:${port}`])
  const { code, stdout, stderr } = await within(run.ended)
  t.same([code, stdout], [1, ''])
  t.match(stderr, new RegExp(`^error: [^\n]*ECONNREFUSED[^\n]*${port}\n$`))
  const { stderr: several } = await runHere(`ws://localhost:${port}`)
  t.match(several, /^error: [^\n]*ECONNREFUSED/, 'also where the name has several addresses')
})

t.test('the exit code tells how it closed', async t => {
  const table: readonly (readonly [
    close: (connection: WebSocketConnection) => void,
    code: number,
    words: string | RegExp,
  ])[] = [
    [connection => connection.close(1000, 'bye'), 0, 'closed by the peer, 1000 ("bye")'],
    [connection => connection.close(1001), 0, 'closed by the peer, 1001'],
    [connection => connection.close(), 0, 'closed by the peer, 1005'],
    [
      connection => connection.close(4000, 'a "quoted" reason'),
      1,
      'closed by the peer, 4000 ("a \\"quoted\\" reason")',
    ],
    [connection => connection.close(1011), 1, 'closed by the peer, 1011'],
    [connection => connection.terminate(), 1, /^closed by the network, 1006.*, not clean$/],
  ]
  for (const [close, code, words] of table) {
    const { url } = await startPeer(t, close)
    const ending = await runHere(url)
    t.equal(ending.code, code, String(words))
    t.match(ending.stderr.split('\n')[1], words)
  }
})

t.test('a connection that is lost is exit code 1', async t => {
  const { url } = await startPeer(t, connection => void connection.on('message', () => connection.terminate()))
  const run = new CommandRun(t, ['connect', url]).type('lost\n')
  const { code, stderr } = await within(run.ended)
  t.equal(code, 1)
  t.match(stderr, /^connected.*\nclosed by the network, 1006.*, not clean\n$/)
})

t.test('a peer that breaks the protocol is exit code 1, and what it broke is said', async t => {
  const { port, close } = await rawServer((socket, request) => {
    socket.write(acceptance(request))
    // RFC 6455 §5.1: "A server MUST NOT mask any frames that it sends to the client."
    socket.write(rawFrame({ opcode: TEXT, payload: 'x', mask: [1, 2, 3, 4] }))
    socket.resume().on('end', () => socket.end())
  })
  t.teardown(close)
  const { code, stderr } = await runHere(`ws://127.0.0.1:${port}`)
  t.equal(code, 1)
  t.match(stderr, /\nclosed by this side, 1006 \(WS_ERR_UNEXPECTED_MASK\), not clean\n$/)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} closes with 1000, exit code 0`, async t => {
    const { url, closed } = await startPeer(t)
    const run = new CommandRun(t, ['connect', url]).type('hello\n')
    await run.until('stdout', /hello/)
    run.child.kill(signal)
    const { code, stderr } = await within(run.ended)
    t.equal(code, 0)
    t.match(stderr, /\nclosed by this side, 1000\n$/)
    await until(() => closed.length > 0)
    t.same(closed, [{ code: 1000, reason: '', wasClean: true }])
  })
}

t.test('a second Ctrl-C does not wait for a peer that does not answer', async t => {
  const sockets: Socket[] = []
  const { port, close } = await rawServer((socket, request) => {
    sockets.push(socket)
    socket.write(acceptance(request))
  })
  t.teardown(close)
  const run = new CommandRun(t, ['connect', `ws://127.0.0.1:${port}`])
  await run.until('stderr', /connected/)
  const closeFrame = once(sockets[0]!, 'data')
  run.child.kill('SIGINT')
  await within(closeFrame, 'the Close frame')
  t.equal(run.child.exitCode, null)
  run.child.kill('SIGINT')
  t.equal((await within(run.ended)).code, 'SIGINT')
})

t.test('Ctrl-C while it connects is an end, too', async t => {
  const { port, close, requests } = await rawServer(() => {})
  t.teardown(close)
  const run = new CommandRun(t, ['connect', `ws://127.0.0.1:${port}`])
  await until(() => requests.length > 0)
  run.child.kill('SIGINT')
  t.same(await within(run.ended), { code: 1, stdout: '', stderr: '' })
})

t.test('a reader that goes away is no error', async t => {
  const { url, closed } = await startPeer(t, connection => {
    const timer = setInterval(() => connection.send('tick'), 20)
    connection.on('close', () => clearInterval(timer))
  })
  const run = new CommandRun(t, ['connect', url])
  await run.until('stdout', /tick\n/)
  run.child.stdout.destroy()
  const { code, stderr } = await within(run.ended)
  t.equal(code, 0)
  t.notMatch(stderr, /EPIPE|at /)
  await until(() => closed.length > 0)
  t.match(closed, [{ code: 1000, wasClean: true }], 'and the peer is told')
})

t.test('a line that is too long for the peer is exit code 1; a long message from it is not', async t => {
  const { url } = await startPeer(
    t,
    connection => {
      connection.send('y'.repeat(1_500_000))
      echo(connection)
    },
    { maxMessageSize: 100_000 },
  )
  const run = new CommandRun(t, ['connect', url])
  await run.until('stdout', /y\n/)
  run.type(`${'x'.repeat(100_000)}\n`)
  await run.until('stdout', /x\n/)
  run.type(`${'z'.repeat(100_001)}\n`)
  const { code, stdout, stderr } = await within(run.ended)
  t.equal(stdout.length, 1_500_001 + 100_001)
  t.match(stderr, /\nclosed by the peer, 1009\b/)
  t.equal(code, 1)
})

t.test('input is read no faster than the peer takes it', async t => {
  let connection: WebSocketConnection | undefined
  let received = 0
  const { url } = await startPeer(t, accepted => {
    connection = accepted
    accepted.on('message', message => void (received += message.length))
    accepted.pause()
  })
  const run = new CommandRun(t, ['connect', url])
  await until(() => connection !== undefined)
  const { stdin } = run.child
  const line = `${'x'.repeat(9_999)}\n`
  const block = line.repeat(100)
  let blocks = 0
  for (; blocks < 128; blocks++) {
    if (stdin.write(block)) continue
    if (!(await Promise.race([once(stdin, 'drain').then(() => true), delay(1000, false)]))) break
  }
  t.ok(blocks < 128, `not read any further after ${blocks} MB`)
  connection?.resume()
  stdin.end()
  const { code } = await within(run.ended)
  t.equal(code, 0)
  t.equal(received, (blocks + 1) * 100 * 9_999, 'and nothing is lost')
})

t.test('a person has a prompt, and cannot be fooled by control characters', async t => {
  let connection: WebSocketConnection | undefined
  const { url, closed } = await startPeer(t, accepted => {
    connection = accepted
    echo(accepted)
  })
  const { terminal, input, output, error, controller } = fakeTerminal()
  const ended = connectCommand.run([url], terminal)
  const rows = () => new Screen(80).write(output()).rows
  await until(() => connection !== undefined && output().includes('> '))
  t.equal(error(), `connected to ${url}; Ctrl-C ends it\n`)
  for (const key of 'hello\rhalf') input.write(key)
  await until(() => output().includes('< hello'))
  connection?.send('\x1b[2J\x07\r\x9b\x7f\ttab\nnew line')
  await until(() => output().includes('new line'))
  t.same(rows(), ['> hello', '< hello', '< \\x1b[2J\\x07\\x0d\\x9b\\x7f       tab', 'new line', '> half'])
  input.write('\x03')
  t.equal(await within(ended), 0)
  t.ok(controller.signal.aborted)
  t.equal(rows().at(-1), '', 'the prompt is gone')
  t.match(error(), /\nclosed by this side, 1000\n$/)
  await until(() => closed.length > 0)
  t.same(closed, [{ code: 1000, reason: '', wasClean: true }])
})

t.test('a person sends bytes, ends with Ctrl-D, and loses the prompt when the peer closes', async t => {
  const received: unknown[] = []
  const { url } = await startPeer(t, connection => {
    connection.on('message', message => {
      received.push(message)
      if (message.length === 0) connection.close(4001)
    })
  })
  const first = fakeTerminal()
  const firstEnded = connectCommand.run(['--binary', url], first.terminal)
  await until(() => first.output().includes('> '))
  first.input.write('é\r\x04')
  t.equal(await within(firstEnded), 0)
  t.same(received, [Buffer.from('é')])

  const second = fakeTerminal()
  const secondEnded = connectCommand.run([url], second.terminal)
  await until(() => second.output().includes('> '))
  second.input.write('\r')
  t.equal(await within(secondEnded), 1)
  t.same(new Screen(80).write(second.output()).rows, ['>', ''])
  t.notOk(second.controller.signal.aborted)
})

t.test('with a pipe on either side there is no prompt', async t => {
  for (const side of ['input', 'output'] as const) {
    const { url } = await startPeer(t, connection => {
      connection.on('message', message => connection.send(`${message}\x07`)).on('message', () => connection.close())
    })
    const { terminal, input, output } = fakeTerminal()
    Object.assign(terminal[side], { isTTY: false })
    input.write('hello\n')
    t.equal(await within(connectCommand.run([url], terminal)), 0)
    await turns(2)
    t.equal(output(), side === 'input' ? '< hello\\x07\n' : 'hello\x07\n')
  }
})

t.test('--json has no prompt, not even in a terminal', async t => {
  const { url } = await startPeer(t, connection => connection.close())
  const { terminal, output } = fakeTerminal()
  t.equal(await within(connectCommand.run(['--json', url], terminal)), 0)
  await turns(2)
  t.same(
    output()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).type),
    ['open', 'close'],
  )
})

t.test('a certificate that nobody vouches for is refused, and with --insecure it is not', async t => {
  const { local } = certificates()
  const { url } = await startPeer(t, echo, {}, { tls: local })
  const { code, stdout, stderr } = await runCommand(t, ['connect', url], 'secret\n')
  t.same([code, stdout], [1, ''])
  t.match(stderr, /^error: .*certificate/)
  const insecure = await runCommand(t, ['connect', '--insecure', url], 'hello\n')
  t.same([insecure.code, insecure.stdout], [0, 'hello\n'])
})

/** The response that accepts the request. */
function acceptance(request: string): string {
  const accept = hash(
    'sha1',
    `${fieldOf(request, 'Sec-WebSocket-Key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    'base64',
  )
  const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
  return ['HTTP/1.1 101 Switching Protocols', ...fields, '', ''].join('\r\n')
}
