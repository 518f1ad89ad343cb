/** `wirewright echo`: what it says, what it sends back, its limits, and how it ends. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { connect } from 'wirewright'
import { CommandRun, runCommand, runCommands } from '../support/command-line.ts'
import { BINARY, CLOSE, closePayload, MASK, PING, PONG, rawFrame, readFrames, TEXT } from '../support/raw-frames.ts'
import { fieldOf, RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { within } from '../support/waiting.ts'

async function startEcho(t: Test, ...args: string[]): Promise<{ run: CommandRun; port: number }> {
  const run = new CommandRun(t, ['echo', '--port', '0', '--host', '127.0.0.1', ...args])
  const [, port] = await run.until('stdout', /^wirewright echo is listening on ws:\/\/127\.0\.0\.1:(\d+)\n$/)
  return { run, port: Number(port) }
}

/** A bare socket on which the opening handshake is done. */
async function openRaw(t: Test, port: number, fields = {}, startLine?: string): Promise<RawClient> {
  const client = new RawClient(port).send(requestText(fields, startLine))
  t.teardown(() => client.destroy())
  await within(client.untilHead(), 'the response')
  t.equal(readAnswer(client.text).status, 101)
  return client
}

/** Waits until that many bytes stand behind the head. */
async function untilBytes(client: RawClient, count: number): Promise<Buffer> {
  await within(
    client.until(() => client.behindHead.length >= count),
    `${count} bytes`,
  )
  return client.behindHead
}

t.test('--deflate compresses, for those who offer it, with the parameters that are given', async t => {
  const lean = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  const table: readonly (readonly [args: readonly string[], extensions: string | undefined])[] = [
    [[], undefined],
    [['--deflate'], `${lean}; server_max_window_bits=12; client_max_window_bits=12`],
    [
      ['--deflate', 'server_no_context_takeover,client_max_window_bits=10'],
      'permessage-deflate; server_no_context_takeover; client_max_window_bits=10',
    ],
    [['--deflate=level=9'], 'permessage-deflate'],
  ]
  for (const [args, extensions] of table) {
    const { port } = await startEcho(t, ...args)
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    const client = await openRaw(t, port, offer)
    t.equal(fieldOf(client.text, 'Sec-WebSocket-Extensions'), extensions)
    client.send(rawFrame({ opcode: TEXT, payload: 'y'.repeat(70_000), mask: MASK }))
    const [byte0] = await untilBytes(client, 1)
    t.equal(byte0, extensions === undefined ? 0x81 : 0xc1)
  }
  const wrong = new CommandRun(t, ['echo', '--port', '0', '--deflate=window=9'])
  const { code, stderr } = await within(wrong.ended)
  t.equal(code, 2)
  t.match(stderr, /--deflate has no parameter "window"/)
})

t.test('it says in one line where it listens, and sends back what comes as what it was', async t => {
  const { run, port } = await startEcho(t)
  const client = await openRaw(t, port)
  const messages = [
    { opcode: TEXT, payload: Buffer.from('héllo €') },
    { opcode: BINARY, payload: Buffer.from([0, 255, 254, 128]) },
    { opcode: TEXT, payload: Buffer.from('') },
    { opcode: BINARY, payload: Buffer.alloc(0) },
    { opcode: TEXT, payload: Buffer.from('y'.repeat(70_000)) },
  ]
  for (const message of messages) client.send(rawFrame({ ...message, mask: MASK }))
  client.send(rawFrame({ opcode: TEXT, fin: false, payload: 'in ', mask: MASK }))
  client.send(rawFrame({ opcode: PING, payload: 'still there?', mask: MASK }))
  client.send(rawFrame({ opcode: 0, payload: 'two', mask: MASK }))
  const expected = [
    ...messages,
    { opcode: PONG, payload: Buffer.from('still there?') },
    { opcode: TEXT, payload: Buffer.from('in two') },
  ].map(frame => ({ fin: true, rsv: 0, masked: false, ...frame }))
  const length = expected.reduce((sum, { payload }) => sum + rawFrame({ opcode: 1, payload }).length, 0)
  t.same(readFrames(await untilBytes(client, length)), expected)

  const { stdout, stderr } = run
  t.same([stdout.split('\n').length, stderr], [2, ''])
})

t.test('every path, and the first subprotocol that is offered', async t => {
  const { port } = await startEcho(t)
  const table = [
    ['/', 'v2.chat, v1.chat', 'v2.chat'],
    ['/a/b%20c?d=e', 'b, a', 'b'],
    ['//', undefined, undefined],
    ['/chat', 'soap', 'soap'],
  ] as const
  for (const [path, offered, chosen] of table) {
    const offer = offered === undefined ? {} : { 'Sec-WebSocket-Protocol': offered }
    const client = await openRaw(t, port, offer, `GET ${path} HTTP/1.1`)
    t.equal(readAnswer(client.text).headers['sec-websocket-protocol'], chosen, path)
    client.send(rawFrame({ opcode: TEXT, payload: path, mask: MASK }))
    t.same(readFrames(await untilBytes(client, path.length + 2))[0]?.payload.toString(), path)
  }
})

t.test('a message longer than --max-message is refused with 1009', async t => {
  const { port } = await startEcho(t, '--max-message', '1000')
  const socket = await connect(`ws://127.0.0.1:${port}`)
  const received: unknown[] = []
  socket.on('message', data => received.push(data))
  socket.send('x'.repeat(1000))
  socket.send('x'.repeat(1001))
  t.match(await within(socket.closed), { code: 1009, wasClean: true })
  t.same(received, ['x'.repeat(1000)])
})

t.test('a message above the default limit comes back if the limit is raised', async t => {
  const { port } = await startEcho(t, '--max-message', String(2 ** 22))
  const socket = await connect(`ws://127.0.0.1:${port}`, { maxMessageSize: 2 ** 22 })
  const message = Buffer.alloc(2 ** 22, 'abcdefg')
  socket.send(message)
  const [back] = await within(once(socket, 'message'))
  t.ok(message.equals(back))
  socket.close()
  await within(socket.closed)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends it: connections are closed with 1001, exit code 0`, async t => {
    const { run, port } = await startEcho(t)
    const idle = await openRaw(t, port)
    const socket = await connect(`ws://127.0.0.1:${port}`)
    run.child.kill(signal)
    t.match(await within(socket.closed), { code: 1001, wasClean: true })
    const goingAway = { opcode: CLOSE, payload: closePayload(1001) }
    t.match(readFrames(await untilBytes(idle, 4)), [goingAway])
    idle.send(rawFrame({ ...goingAway, mask: MASK }))
    // §7.1.1: the server closes TCP first.
    t.equal(await within(idle.ended), 'end')
    await idle.destroy()
    const { code, stderr } = await within(run.ended)
    t.same([code, stderr], [0, ''])
  })
}

t.test('a second signal does not wait for the peers', async t => {
  const { run, port } = await startEcho(t)
  const silent = await openRaw(t, port)
  run.child.kill('SIGINT')
  await untilBytes(silent, 4)
  run.child.kill('SIGTERM')
  t.equal((await within(run.ended)).code, 'SIGTERM')
})

t.test('a port that is taken is exit code 1 and one line', async t => {
  const blocker = createServer().listen(0, '127.0.0.1')
  t.teardown(() => blocker.close())
  await once(blocker, 'listening')
  const { port } = blocker.address() as AddressInfo
  const { code, stdout, stderr } = await runCommand(t, ['echo', '--port', `${port}`, '--host', '127.0.0.1'])
  t.same([code, stdout], [1, ''])
  t.match(stderr, new RegExp(`^wirewright echo: [^\n]*EADDRINUSE[^\n]*${port}\n$`))
})

t.test('wrong usage is exit code 2 and says what is wrong', async t => {
  const table = [
    [[], '--port is missing'],
    [['--port', '70000'], '--port must be a whole number from 0 to 65535, got "70000"'],
    [['--port', '0', '--max-message', '0'], '--max-message must be a whole number from 1 to 536870887, got "0"'],
    [['--port', '0', '/chat'], 'takes no operand, got "/chat"'],
  ] as const
  const endings = await runCommands(
    t,
    table.map(([args]) => ['echo', ...args]),
  )
  for (const [i, [, words]] of table.entries()) {
    t.same(endings[i], { code: 2, stdout: '', stderr: `wirewright echo: ${words}\nSee wirewright echo --help\n` })
  }
})

t.test('a peer that sends and never reads is read no further, and all comes back once it reads', async t => {
  const { run, port } = await startEcho(t)
  const { socket } = await openRaw(t, port)
  socket.removeAllListeners('data').pause()
  const frame = rawFrame({ opcode: BINARY, payload: Buffer.alloc(65_536), mask: MASK })
  const echoed = rawFrame({ opcode: BINARY, payload: Buffer.alloc(65_536) }).length
  // More than all buffers on the way hold.
  const most = 128 * 2 ** 20
  let frames = 0
  while (frames * frame.length < most) {
    frames++
    if (socket.write(frame)) continue
    if (!(await Promise.race([once(socket, 'drain').then(() => true), delay(1000, false)]))) break
  }
  t.ok(frames * frame.length < most, `read no further after ${frames} frames`)

  let received = 0
  const all = new Promise<void>(resolve => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received >= frames * echoed) resolve()
    })
  })
  socket.resume()
  await within(all, `${frames * echoed} bytes`)
  t.equal(received, frames * echoed)
  t.equal(run.stderr, '')
})
