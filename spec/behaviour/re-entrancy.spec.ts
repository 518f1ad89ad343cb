/**
 * Everything that a connection can be asked for, asked for from within every one of its events, and listeners that
 * throw: each connection still closes, once, and nothing is said after that.
 */
import t from 'tap'
import type { WebSocketConnection, WebSocketConnectionEvents } from '../../lib/transport/websocket-connection.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import { CHANNELS, openInMemory, openPair } from '../support/channels.ts'
import { runIsolated } from '../support/isolated.ts'
import { turns, until, within } from '../support/waiting.ts'

type Event = keyof WebSocketConnectionEvents

const EVENTS: readonly Event[] = ['message', 'ping', 'pong', 'drain', 'closing', 'close', 'error']

const ACTIONS: Record<string, (connection: WebSocketConnection) => unknown> = {
  send: connection => connection.send('from within'),
  'send much': connection => connection.send(Buffer.alloc(200_000)),
  sendFragments: connection => connection.sendFragments(['from ', 'within']),
  ping: connection => connection.ping(),
  close: connection => connection.close(3000, 'from within'),
  terminate: connection => connection.terminate(),
  pause: connection => connection.pause(),
  resume: connection => connection.resume(),
  'pause and resume': connection => {
    connection.pause()
    connection.resume()
  },
  drained: connection => connection.drained(),
  pull: connection => connection[Symbol.asyncIterator]().next(),
  'take the listeners off': connection => connection.removeAllListeners('message'),
  'listen again': connection => connection.on('message', () => {}),
  dispose: connection => connection[Symbol.asyncDispose](),
}

const rejections: unknown[] = []
process.on('unhandledRejection', reason => rejections.push(reason))

/** What has to happen for `connection` to have the event, from its peer's side or its own. */
const TRIGGERS: Record<
  Event,
  (connection: WebSocketConnection, peer: WebSocketConnection, reset: () => void) => void
> = {
  message: (_, peer) => ['1', '2', '3'].forEach(text => void peer.send(text)),
  ping: (_, peer) => void Promise.all([peer.ping(), peer.ping()]).catch(() => {}),
  pong: connection => void Promise.all([connection.ping(), connection.ping()]).catch(() => {}),
  drain: connection => void connection.send(Buffer.alloc(150_000)),
  closing: (_, peer) => peer.close(1000),
  close: (_, peer) => peer.close(1000),
  error: (_connection, _peer, reset) => reset(),
}

for (const event of EVENTS) {
  t.test(`from '${event}'`, async t => {
    const wrong: unknown[] = []
    for (const role of ['server', 'client'] as const satisfies readonly Role[]) {
      for (const [name, act] of Object.entries(ACTIONS)) {
        const { line, ...pair } = openInMemory(
          t,
          {},
          { server: { closeTimeout: 200 }, client: { closeTimeout: 200 } },
        )
        const [connection, peer] = role === 'server' ? [pair.server, pair.client] : [pair.client, pair.server]
        const events: string[] = []
        for (const each of EVENTS) connection.on(each, () => events.push(each))
        peer.on('message', () => {})
        const promises: Promise<unknown>[] = []
        let calls = 0
        connection.on(event, () => {
          calls++
          try {
            const result = act(connection)
            if (result instanceof Promise) promises.push(result.catch(error => error))
          } catch (error) {
            wrong.push([role, name, 'threw', error])
          }
        })
        TRIGGERS[event](connection, peer, () => line[role === 'server' ? 'client' : 'server'].reset())
        await until(() => calls > 0, `${role}: '${event}', to ${name}`)
        await turns()
        connection.close()
        peer.close()
        await within(Promise.all([connection.closed, peer.closed]), `${role}: closing after ${name} in '${event}'`)
        await within(Promise.all(promises), `${role}: what ${name} returned in '${event}'`)
        await turns(2)
        const closes = events.filter(each => each === 'close').length
        if (closes !== 1 || events.at(-1) !== 'close') wrong.push([role, name, events])
      }
    }
    t.same(wrong, [])
  })
}

t.test('no rejection was left to nobody', async t => {
  await turns()
  t.same(rejections, [])
})

t.test('what is sent from within arrives in order, in one write with the rest', async t => {
  const { server, client, line } = openInMemory(t)
  const received: string[] = []
  client.on('message', message => received.push(`${message}`))
  client.on('pong', payload => received.push(`pong ${payload}`))
  server.on('ping', payload => server.send(`pinged ${payload}`))
  server.on('message', message => server.send(message))
  server.on('closing', () => server.send('too late'))
  client.send('a')
  void client.ping('b')
  client.send('c')
  client.close(1000)
  await within(client.closed)
  t.same(received, ['a', 'pong b', 'pinged b', 'c'])
  t.equal(line.server.writes.length, 1)
})

t.test('messages go on after close from within, and stop with terminate', async t => {
  for (const channel of CHANNELS) {
    const wanted: Record<string, string[]> = { close: ['1', '2', '3', '4'], terminate: ['1', '2'] }
    for (const how of ['close', 'terminate'] as const) {
      const { server, client } = await openPair(t, channel)
      const received: string[] = []
      server.on('message', message => {
        received.push(`${message}`)
        if (received.length === 2) server[how]()
      })
      for (const message of ['1', '2', '3', '4']) client.send(message)
      await within(server.closed)
      t.same(received, wanted[how], `${channel.name} ${how}`)
    }
  }
})

t.test('a stream that hands bytes over within the write', async t => {
  // No socket does, but a Duplex of the user's may: each side is then called from within the other's write.
  const { server, client } = openInMemory(t, { delivery: 'within-write' })
  let left = 200
  server.on('message', message => server.send(message))
  client.on('message', message => {
    if (--left > 0)
      client.send(`${message}`.length > 100_000 ? 'short' : `${message}${'x'.repeat(1000 * (left % 7))}`)
    else client.close(1000)
  })
  client.send('')
  const records = await within(Promise.all([server.closed, client.closed]))
  t.equal(left, 0)
  t.ok(records.every(({ wasClean }) => wasClean))
})

t.test('a listener that throws is heard, and costs nobody else anything', async t => {
  for (const event of ['message', 'ping', 'pong', 'closing', 'close', 'error', 'drain'] as const) {
    const outcome = await runIsolated(async ({ channels, scope, uncaught }, event) => {
      const results: unknown[] = []
      for (const channel of channels.CHANNELS) {
        const { server, client, ends } = await channels.openPair(scope, channel)
        const log: string[] = []
        for (const name of ['message', 'ping', 'pong', 'closing', 'close', 'drain'] as const) {
          server.on(name, (value: unknown) => log.push(name === 'message' ? `${value}` : name))
        }
        server.on(event, () => {
          throw new Error(`mine ${event}`)
        })
        const pinged = server.ping()
        client.on('message', () => {})
        if (event === 'drain') {
          while (server.send(Buffer.alloc(100_000)));
          await server.drained()
        }
        client.send('a')
        await client.ping()
        client.send('b')
        client.send('c')
        await pinged
        if (event === 'error') ends.reset('client')
        else client.close(1000)
        await server.closed
        await new Promise(resolve => setTimeout(resolve, 20))
        results.push([log.filter(name => name.length === 1).join(''), log.includes('close'), server.state])
      }
      return { results, uncaught: [...new Set(uncaught)] }
    }, event as Event)
    t.equal(outcome.exitCode, 0, `${event} ${outcome.stderr}`)
    const wanted = [event === 'error' ? 'a' : 'abc', true, 'closed']
    t.match(outcome.result?.results, [wanted, wanted, wanted], event)
    t.same(outcome.result?.uncaught, [`mine ${event}`])
  }
})
