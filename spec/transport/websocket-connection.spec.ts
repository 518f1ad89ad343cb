/**
 * The face of an open connection: the emitter, its getters, what it refuses, and its trace. What it does is in
 * spec/behaviour/, over memory, TCP and TLS.
 */
import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import type { FrameRecord } from '../../lib/websocket/frame-trace.ts'
import { connectionOn, MEMORY, openAgainstRaw, openInMemory, openPair } from '../support/channels.ts'
import { runIsolated } from '../support/isolated.ts'
import { memoryChannel } from '../support/memory-channel.ts'
import { MASK, rawFrame } from '../support/raw-frames.ts'
import { turns, until, within } from '../support/waiting.ts'

t.test('it is an emitter, open, with nothing to send', async t => {
  const { server, client } = openInMemory(t)
  t.ok(server instanceof WebSocketConnection && server instanceof EventEmitter)
  t.equal(server.state, 'open')
  t.equal(server.bufferedAmount, 0)
  t.equal(server.protocol, '')
  t.equal(server.closed, server.closed, 'one promise')
  client.terminate()
})

t.test('each way of listening starts the messages, after the call', async t => {
  const ways: Record<string, (server: WebSocketConnection, listener: (message: unknown) => void) => unknown> = {
    on: (server, listener) => server.on('message', listener),
    addListener: (server, listener) => server.addListener('message', listener),
    once: (server, listener) => server.once('message', listener),
    'events.once': (server, listener) => once(server, 'message').then(([message]) => listener(message)),
  }
  for (const [name, listen] of Object.entries(ways)) {
    const { server, client } = openInMemory(t)
    client.send('a')
    await turns()
    const received: unknown[] = []
    const result = listen(server, message => received.push(message))
    if (!(result instanceof Promise)) t.equal(result, server, 'chained')
    t.same(received, [], name)
    await turns()
    t.same(received, ['a'], name)
    server.terminate()
  }
})

t.test('a second listener starts nothing anew, the first one after a pause does', async t => {
  const { server, client } = openInMemory(t)
  const received: unknown[] = []
  const listener = (message: unknown) => received.push(message)
  server.on('message', listener)
  server.pause()
  server.on('message', listener)
  client.send('a')
  await turns()
  t.same(received, [], 'still paused')
  server.off('message', listener).off('message', listener)
  server.on('message', listener)
  await turns()
  t.same(received, ['a'])
  client.terminate()
})

t.test('other events need no listener for messages', async t => {
  const { server, client } = openInMemory(t)
  const pinged = once(server, 'ping')
  const time = client.ping('hello')
  t.equal(`${(await within(pinged))[0]}`, 'hello')
  t.type(await within(time), 'number')
  client.close(4000, 'x')
  t.same(await within(once(server, 'closing')), [{ code: 4000, reason: 'x' }])
  t.equal((await within(server.closed)).code, 4000)
})

t.test('an error that nobody listens for is no exception', async t => {
  const outcome = await runIsolated(async ({ channels, scope }) => {
    const { connection, peer } = await channels.openAgainstRaw(scope, channels.MEMORY, 'server')
    peer.write(Buffer.of(0xff, 0xff))
    peer.resume().end()
    const { detail } = await connection.closed
    return `${detail.error?.name} ${detail.cause}`
  })
  t.equal(outcome.result, 'ProtocolError WS_ERR_UNEXPECTED_RSV_2_3')
  t.same(outcome.uncaught, [])
})

t.test('a ping whose answer nobody waits for is no unhandled rejection', async t => {
  const outcome = await runIsolated(async ({ channels, scope }) => {
    const { server, client } = await channels.openPair(scope, channels.MEMORY)
    void server.ping()
    client.terminate()
    await server.closed
    void server.ping()
    return 'alive'
  })
  t.equal(outcome.result, 'alive')
  t.same(outcome.uncaught, [])
})

t.test('what is not data is refused at once, and nothing is sent (S4)', async t => {
  const { server, line } = openInMemory(t)
  const wrong: unknown[] = [7, 0, null, undefined, true, [1, 2], {}, new Blob(['x']), Symbol('s'), 1n, () => {}]
  const accepted: unknown[] = []
  for (const data of wrong) {
    for (const call of [() => server.send(data as never), () => data !== undefined && server.ping(data as never)]) {
      try {
        if (call() !== false) accepted.push(data)
      } catch (error) {
        if (!(error instanceof TypeError)) accepted.push(error)
      }
    }
  }
  t.same(accepted, [])
  t.throws(() => server.ping(Buffer.alloc(126)), { name: 'RangeError', message: /126 bytes, more than 125/ })
  t.throws(() => server.ping('é'.repeat(63)), RangeError)
  await turns()
  t.equal(line.server.written.length, 0)
  t.equal(server.state, 'open')
})

t.test('bufferedAmount is what the system has not taken, frames and all', async t => {
  const { server, line } = openInMemory(t, { capacity: 10 })
  line.client.stall()
  server.send('x'.repeat(100))
  t.equal(server.bufferedAmount, 102, 'within the tick')
  await turns()
  t.equal(server.bufferedAmount, 102, 'and with the stream')
  server.send(Buffer.alloc(70_000))
  t.equal(server.bufferedAmount, 102 + 70_010)
  line.client.unstall()
  await until(() => server.bufferedAmount === 0)
})

t.test('the trace sees every frame, on both sides alike', async t => {
  const line = memoryChannel()
  const traces: Record<string, string[]> = { server: [], client: [] }
  const show = ({ fin, opcode, masked, payload, length }: FrameRecord) =>
    `${opcode}${fin ? '.' : ''}${masked ? ' masked' : ''} ${length} ${payload.subarray(0, 10)}`.trimEnd()
  const connections: Record<string, WebSocketConnection> = {}
  for (const role of ['server', 'client'] as const) {
    connections[role] = connectionOn(t, line[role], role, {
      trace: (direction, frame, connection) => {
        traces[role]?.push(`${direction} ${show(frame)}`)
        if (connection !== connections[role]) t.fail('another connection')
      },
    })
    connections[role]?.on('message', () => {})
  }
  const { server, client } = connections
  if (server === undefined || client === undefined) return
  client.send('hello')
  await turns()
  await within(client.sendFragments([Buffer.from('a'), Buffer.from('b')]))
  server.send('x'.repeat(70_000))
  await within(server.ping('p'))
  client.close(1000)
  await within(Promise.all([server.closed, client.closed]))
  const flip = (line: string) => (line.startsWith('in') ? line.replace('in', 'out') : line.replace('out', 'in'))
  t.same(traces.client?.toSorted(), traces.server?.map(flip).toSorted())
  t.same(
    traces.client?.filter(line => line.startsWith('out')),
    [
      'out 1. masked 5 hello',
      'out 2 masked 1 a',
      'out 0. masked 1 b',
      'out 10. masked 1 p',
      'out 8. masked 2 \u0003\ufffd',
    ],
  )
  t.ok(traces.client?.includes('in 1. 70000 xxxxxxxxxx'))
})

t.test('a trace that throws is heard, and costs no frame', async t => {
  const outcome = await runIsolated(async ({ channels, scope, uncaught }) => {
    const settings = {
      trace: () => {
        throw new Error('mine')
      },
    }
    const { server, client } = await channels.openPair(scope, channels.MEMORY, { server: settings, client: settings })
    const other = await channels.openPair(scope, channels.MEMORY)
    const received: unknown[] = []
    server.on('message', message => server.send(message))
    client.on('message', message => received.push(message))
    other.server.on('message', message => received.push(`other ${message}`))
    for (const text of ['a', 'b']) {
      client.send(text)
      other.client.send(text)
      await client.ping()
    }
    client.close(1000)
    await server.closed
    return { received: received.toSorted(), uncaught: [...new Set(uncaught)] }
  })
  t.same(outcome.result, { received: ['a', 'b', 'other a', 'other b'], uncaught: ['mine'] })
})

t.test('what a listener gets is its own', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server')
  const messages: Buffer[] = []
  const payloads: Buffer[] = []
  connection.on('message', message => messages.push(message as Buffer))
  connection.on('ping', payload => payloads.push(payload))
  const frames = [
    rawFrame({ opcode: 2, mask: MASK, payload: 'first' }),
    rawFrame({ opcode: 9, mask: MASK, payload: 'ping' }),
    rawFrame({ opcode: 2, mask: MASK, payload: 'second' }),
  ]
  peer.write(Buffer.concat(frames))
  await until(() => messages.length === 2)
  messages[0]!.fill('!')
  payloads[0]!.fill('!')
  t.equal(`${messages[1]}`, 'second')
  t.notOk(messages[0]!.buffer.byteLength > 100_000, 'and holds no large buffer alive')
})

t.test('two servers on one tick do not write into one another', async t => {
  // Frames of all connections lie in one slab until they are written.
  const pairs = await Promise.all(Array.from({ length: 5 }, () => openPair(t, MEMORY)))
  const received = pairs.map(() => [] as string[])
  for (const [at, { client }] of pairs.entries()) client.on('message', message => received[at]?.push(`${message}`))
  const wanted = pairs.map((_, at) =>
    Array.from({ length: 200 }, (_, n) => `${at} ${n} ${'x'.repeat((n * 37) % 2000)}`),
  )
  for (let n = 0; n < 200; n++) {
    for (const [at, { server }] of pairs.entries()) server.send(wanted[at]?.[n] ?? '')
    if (n % 50 === 49) await turns(1)
  }
  await until(() => received.every(list => list.length === 200))
  t.same(received, wanted)
})
