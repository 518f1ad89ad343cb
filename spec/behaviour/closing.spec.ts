/**
 * Every way in which a connection closes, over memory, TCP and TLS: the codes both ways, what each record tells, and
 * that everything which waits is settled, once, with nothing left behind.
 */
import { once } from 'node:events'
import t from 'tap'
import { ClosedError } from '../../lib/errors.ts'
import { checkSettings } from '../../lib/transport/connection-options.ts'
import { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { CLOSE_CODES } from '../../lib/websocket/close.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import {
  CHANNELS,
  connectionOn,
  framesTo,
  MEMORY,
  openAgainstRaw,
  openInMemory,
  openPair,
  SOCKETS,
} from '../support/channels.ts'
import { clockMembers } from '../support/clock-members.ts'
import { story } from '../support/close-story.ts'
import { runIsolated } from '../support/isolated.ts'
import { memoryChannel } from '../support/memory-channel.ts'
import { CLOSE, closePayload, readFrames, TEXT } from '../support/raw-frames.ts'
import { outcome, turns, until, within } from '../support/waiting.ts'

const ROLES: readonly Role[] = ['server', 'client']

t.afterEach(() => {
  if (clockMembers.size > 0) throw new Error(`${clockMembers.size} connections are still on the clock`)
})

function countCloses(connection: WebSocketConnection): () => number {
  let count = 0
  connection.on('close', () => count++)
  return () => count
}

for (const channel of CHANNELS) {
  for (const role of ROLES) {
    // [6455-5.5.1-5, 6455-7.1.2-2]
    t.test(`${channel.name}: a ${role} closes, and both sides tell the same`, async t => {
      const codes: [number | undefined, string][] = [
        [undefined, ''],
        [1000, ''],
        [1001, 'going away'],
        [4999, 'é'.repeat(61)],
      ]
      for (const [code, reason] of codes) {
        const pair = await openPair(t, channel)
        const [near, far] = role === 'server' ? [pair.server, pair.client] : [pair.client, pair.server]
        const [nearCloses, farCloses] = [countCloses(near), countCloses(far)]
        const closing = once(far, 'closing')
        const isOwn = once(near, 'closing')
        near.close(code, reason)
        t.equal(near.state, 'closing')
        const status = { code: code ?? 1005, reason }
        t.same((await within(closing))[0], status)
        t.same((await within(isOwn))[0], status, 'the peer echoes the code, and the reason with it')
        const common = {
          ...status,
          wasClean: true,
          stage: 'close-exchanged',
          cause: undefined,
          sent: status,
          buffered: 0,
        }
        t.same(story(await within(near.closed)), { ...common, by: 'local' })
        t.same(story(await within(far.closed)), { ...common, by: 'peer' })
        await turns()
        t.same([near.state, far.state, nearCloses(), farCloses()], ['closed', 'closed', 1, 1])
      }
    })
  }
}

t.test('every code that may be sent arrives [6455-7.1.2-1]', async t => {
  const wrong: unknown[] = []
  for (const code of [...Object.keys(CLOSE_CODES).map(Number), 3000, 3999, 4000, 4999]) {
    const { server, client } = await openPair(t, MEMORY)
    client.close(code)
    const record = await within(server.closed)
    if (record.code !== code || !record.wasClean) wrong.push([code, record])
  }
  t.same(wrong, [])
})

t.test('a code or a reason that may not be sent is refused at the call, and nothing happens', async t => {
  const { server, client } = await openPair(t, MEMORY)
  for (const code of [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, 1.5, Number.NaN, Infinity]) {
    t.throws(() => server.close(code), RangeError, `${code}`)
  }
  t.throws(() => server.close('1000' as never), TypeError)
  t.throws(() => server.close(1000, 1 as never), TypeError)
  t.throws(() => server.close(undefined, 'a reason alone'), RangeError)
  t.throws(() => server.close(1000, 'é'.repeat(62)), RangeError, '124 bytes')
  t.equal(server.state, 'open')
  server.send('still')
  t.equal((await within(once(client, 'message')))[0], 'still')
  server.close()
  await within(server.closed)
  t.throws(() => server.close(1005), RangeError, 'after the end too')
  server.close(1000)
})

t.test('both sides close at once', async t => {
  for (const channel of CHANNELS) {
    const { server, client } = await openPair(t, channel)
    server.close(4001, 'server')
    client.close(4002, 'client')
    t.match(story(await within(server.closed)), { code: 4002, reason: 'client', wasClean: true, by: 'local' })
    t.match(story(await within(client.closed)), { code: 4001, reason: 'server', wasClean: true, by: 'local' })
  }
})
// [6455-5.5.1-6, 6455-5.5.1-7, 6455-7.1.1-2..4]
t.test('the server ends the transport first, whoever closed', async t => {
  // §7.1.1
  for (const role of ROLES) {
    const { line, ...pair } = openInMemory(t)
    pair[role].close(1000)
    await within(Promise.all([pair.server.closed, pair.client.closed]))
    t.same(
      line.operations.filter(name => name.startsWith('end')),
      ['end server', 'end client'],
    )
  }
})

t.test('a reader that takes k bytes and then stalls holds up no closing, whatever k', async t => {
  const wrong: unknown[] = []
  const run = async (bytes: number) => {
    const settings = { closeTimeout: 500 }
    const { server, client, line } = openInMemory(t, { capacity: 1 }, { server: settings })
    line.client.stall(bytes)
    client.on('message', () => {})
    server.on('message', () => {})
    server.send('Hello')
    server.ping('p')
    client.send('World')
    server.close(1000, 'reason')
    const record = await within(server.closed, `closing with ${bytes} bytes`)
    // 7 bytes of text, 3 of a Ping, 10 of a Close frame
    if (record.wasClean !== bytes >= 20) wrong.push([bytes, story(record)])
    line.client.unstall()
    await within(client.closed)
  }
  await Promise.all(Array.from({ length: 24 }, (_, bytes) => run(bytes)))
  t.same(wrong, [])
})

t.test('what comes behind a Close frame is ignored [6455-7.1.1-1]', async t => {
  for (const channel of CHANNELS) {
    for (const role of ROLES) {
      const { connection, peer } = await openAgainstRaw(t, channel, role)
      const log: string[] = []
      for (const event of ['message', 'ping', 'pong', 'error'] as const) connection.on(event, () => log.push(event))
      const behind = framesTo(role, { opcode: TEXT, payload: 'x' }, { opcode: 9 }, { opcode: 3 })
      peer.on('end', () => peer.end()).on('data', () => {})
      peer.write(Buffer.concat([framesTo(role, { opcode: CLOSE, payload: closePayload(1000) }), behind]))
      peer.write(behind)
      if (role === 'client') peer.end()
      t.match(story(await within(connection.closed)), { code: 1000, wasClean: true, cause: undefined })
      t.same(log, [])
    }
  }
})

t.test(
  'what the application sent before it closed arrives before the Close frame, and nothing behind it [6455-5.5.1-2]',
  async t => {
    for (const channel of CHANNELS) {
      const { server, client } = await openPair(t, channel)
      const log: string[] = []
      client.on('message', message => log.push(`${message.length}`))
      client.on('closing', () => log.push('closing'))
      server.send('x'.repeat(3))
      server.send('x'.repeat(500_000))
      server.send('x'.repeat(5))
      server.close()
      t.equal(server.send('x'.repeat(7)), false)
      t.throws(() => server.send(7 as never), TypeError, 'misuse is misuse in every state')
      await within(client.closed)
      t.same(log, ['3', '500000', '5', 'closing'])
      t.equal(server.send('x'), false)
      t.throws(() => server.send(7 as never), TypeError)
    }
  },
)

t.test('messages that nobody takes do not hold up closing', async t => {
  const settings = { server: { closeTimeout: 1000 } }
  const ways: Record<string, (server: WebSocketConnection) => Promise<unknown>> = {
    'nobody ever listened': async () => turns(),
    'a listener for one message': async server => once(server, 'message'),
    'a listener was taken off': async server => {
      const listener = () => {}
      server.on('message', listener)
      await turns()
      server.off('message', listener)
    },
    'a paused listener': async server => {
      server.on('message', () => {})
      server.pause()
      await turns()
    },
    'one pull': async server => server[Symbol.asyncIterator]().next(),
    'a loop that was left': async server => {
      for await (const _ of server) break
    },
    'a pull that waits, of a loop that is left later': async server => {
      const loop = async () => {
        let count = 0
        for await (const _ of server) if (++count === 60) break
      }
      void loop()
      await turns(200)
    },
  }
  for (const [name, prepare] of Object.entries(ways)) {
    const { server, client } = await openPair(t, MEMORY, settings)
    for (let at = 0; at < 50; at++) client.send(`${at}`)
    await within(prepare(server), name)
    server.close(1000)
    for (let at = 0; at < 50; at++) client.send(`${at}`)
    t.match(story(await within(server.closed)), { wasClean: true, cause: undefined }, name)
  }
})

t.test('messages that come after close are given to who listens or pulls', async t => {
  for (const kind of ['listener', 'loop'] as const) {
    const { server, client } = await openPair(t, MEMORY)
    const received: unknown[] = []
    if (kind === 'listener') server.on('message', message => received.push(message))
    const loop = async () => {
      for await (const message of server) received.push(message)
    }
    const ended = kind === 'loop' ? loop() : undefined
    await turns()
    server.close(1000)
    for (let at = 0; at < 50; at++) client.send(`${at}`)
    await within(server.closed)
    await ended
    t.equal(received.length, 50, kind)
  }
})

t.test('all that waits is settled when the connection closes, and all that is asked for later', async t => {
  for (const how of ['close', 'terminate', 'reset'] as const) {
    const { server, client, ends } = await openPair(t, MEMORY, { server: { highWaterMark: 10 } })
    ends.client.pause()
    server.send('x'.repeat(1_000_000))
    const never = async function* () {
      yield 'first'
      await new Promise(() => {})
    }
    const waiting = [
      server.drained(),
      server.ping(),
      server.sendFragments(never()),
      server.sendFragments(never()),
      server[Symbol.asyncIterator]().next(),
      server.closed,
    ]
    const settled = Promise.allSettled(waiting)
    await turns()
    if (how === 'reset') ends.reset('client')
    else server[how]()
    client.terminate()
    const rejected = (await within(settled, how)).map(result => result.status === 'rejected' && result.reason)
    t.ok(rejected.slice(0, 4).every(reason => reason instanceof ClosedError && reason.code === 'WS_ERR_CLOSED'))
    t.same(rejected.slice(4), [false, false])
    await within(client.closed)
    const message = 'the connection is closed (1006)'
    t.equal(await outcome(server.drained()), message)
    t.equal(await outcome(server.ping()), message)
    t.equal(await outcome(server.sendFragments(never())), message)
    t.same(await outcome(server[Symbol.asyncIterator]().next()), { done: true, value: undefined })
    t.equal(await outcome(server.closed), await server.closed, 'the same record')
    t.same(server.bufferedAmount >= 0, true)
  }
})

t.test('a ClosedError tells the code and reason of the record', async t => {
  const { server, client } = await openPair(t, MEMORY)
  client.close(4321, 'because')
  const { code, reason, wasClean } = await within(server.closed)
  const error = await server.drained().catch(error => error)
  t.ok(error instanceof ClosedError)
  t.match(error, { closeCode: code, reason, wasClean, message: 'the connection is closed (4321, "because")' })
})

t.test('drained rejects as soon as we close', async t => {
  const { server, line } = openInMemory(t, { capacity: 1 })
  line.client.stall()
  t.equal(server.send('x'.repeat(1_000_000)), false)
  const drained = server.drained()
  server.close()
  await t.rejects(within(drained), ClosedError)
  t.equal(server.state, 'closing')
})

t.test('await using closes with 1000 and waits', async t => {
  const { server, client } = await openPair(t, MEMORY)
  await within(server[Symbol.asyncDispose]())
  t.equal(server.state, 'closed')
  t.match(await within(client.closed), { code: 1000, wasClean: true })
  await within(server[Symbol.asyncDispose](), 'once more')
})

t.test('closed resolves whatever becomes of the listeners', async t => {
  const { server } = await openPair(t, MEMORY)
  const { closed } = server
  server.removeAllListeners()
  server.terminate()
  t.match(await within(closed), { code: 1006 })
})

t.test('a stream that says close twice closes a connection once', async t => {
  const { server, ends } = await openPair(t, MEMORY)
  const closes = countCloses(server)
  server.terminate()
  await within(server.closed)
  ends.server.emit('close')
  t.equal(closes(), 1)
})

t.test('a peer that ended, or was gone, before the connection was made', async t => {
  for (const channel of SOCKETS) {
    const ends = await channel.open(t)
    ends.client.on('error', () => {}).end()
    ends.server.resume()
    await until(() => ends.server.readableEnded)
    const connection = connectionOn(t, ends.server, 'server')
    t.match(story(await within(connection.closed)), { code: 1006, by: 'transport', stage: 'open' }, channel.name)
    const again = connectionOn(t, ends.server, 'server')
    t.match(story(await within(again.closed)), { code: 1006, by: 'transport', stage: 'open' }, 'destroyed')
  }
})

t.test('the registry holds a connection until it is closed', async t => {
  const registry = new Set<WebSocketConnection>()
  const line = memoryChannel()
  const connection = new WebSocketConnection(line.server, 'server', checkSettings({}), 'chat', registry)
  t.same([...registry], [connection])
  t.equal(connection.protocol, 'chat')
  let sizeAtClose = -1
  connection.on('close', () => {
    sizeAtClose = registry.size
  })
  connection.terminate()
  t.equal(registry.size, 1, 'not before it is closed')
  await within(connection.closed)
  t.equal(sizeAtClose, 0)
})

t.test('nothing keeps the process alive after a close', async t => {
  const outcome = await runIsolated(async ({ channels }) => {
    const codes: number[] = []
    for (const channel of channels.CHANNELS) {
      const listeners: (() => unknown)[] = []
      const pair = await channels.openPair({ teardown: callback => listeners.push(callback) }, channel)
      pair.server.on('message', message => pair.server.send(message))
      pair.client.on('message', () => {}).send('x')
      await pair.client.ping()
      pair.client.close(1000)
      codes.push((await pair.client.closed).code, (await pair.server.closed).code)
      // What the channel itself listens with.
      for (const close of listeners) await close()
    }
    return codes
  })
  t.same(outcome.result, Array(2 * CHANNELS.length).fill(1000), outcome.stderr)
  t.same(outcome.handles, [])
  t.same(outcome.uncaught, [])
  t.equal(outcome.exitCode, 0, 'it ends by itself')
})

t.test('an open connection with a heartbeat on a stream of the user does not keep the process alive', async t => {
  const outcome = await runIsolated(async ({ channels, scope }) => {
    await channels.openPair(scope, channels.CHANNELS[0]!)
    return 'open'
  })
  t.equal(outcome.exitCode, 0, 'the clock alone does not')
  t.same(outcome.handles, [])
})

t.test('what is sent when the peer has closed is read by nobody, and harmless', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'client')
  peer.write(framesTo('client', { opcode: CLOSE, payload: closePayload(1000) }))
  await within(once(connection, 'closing'))
  t.equal(connection.send('x'), false)
  t.equal(await outcome(connection.sendFragments(['x'])), 'the connection is closed (1006)')
  const bytes = await new Promise<Buffer>(resolve => peer.once('data', resolve))
  t.same(
    readFrames(bytes).map(({ opcode }) => opcode),
    [CLOSE],
  )
})
