/**
 * The heartbeat with short intervals: a silent peer is asked and given up, on every channel; any byte is life; what
 * is our own doing, a stall of the event loop or a pause, is not held against the peer.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { CHANNELS, openAgainstRaw, openPair, SOCKETS } from '../support/channels.ts'
import { BINARY, CLOSE, MASK, PING, PONG, type RawFrame, rawFrame, readFrames, TEXT } from '../support/raw-frames.ts'
import { turns, until, within } from '../support/waiting.ts'

const HEARTBEAT = { interval: 40, timeout: 40 }
const CLOSE_1000 = Buffer.of(3, 232)
/** Longer than a silent peer is given. */
const LONG = 200

const masked = (frame: RawFrame) => rawFrame({ ...frame, mask: MASK })

/** A stand-still of the whole event loop. */
function stall(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

// Most of the time is waiting.
t.jobs = 5

for (const channel of CHANNELS) {
  t.test(channel.name, { buffered: true }, async t => {
    for (const role of ['server', 'client'] as const) {
      t.test(`a ${role} asks a silent peer once, and gives it up`, async t => {
        const { connection, peer } = await openAgainstRaw(t, channel, role, { heartbeat: HEARTBEAT })
        const chunks: Buffer[] = []
        peer.on('data', (chunk: Buffer) => chunks.push(chunk))
        const { detail } = await within(connection.closed)
        t.match(detail, { by: 'local', stage: 'open', cause: 'WS_ERR_HEARTBEAT_TIMEOUT', sent: undefined })
        t.ok(detail.sinceReceived >= HEARTBEAT.interval + HEARTBEAT.timeout)
        t.same(
          readFrames(Buffer.concat(chunks)).map(({ opcode, payload }) => [opcode, payload.length]),
          [[PING, 0]],
        )
      })
    }

    t.test('a peer to whom much is sent is given up as well', async t => {
      // The system takes bytes for a peer that is gone until its buffers are full: that it takes them is no life.
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      peer.resume()
      const timer = setInterval(() => connection.send('x'), 15)
      t.match((await within(connection.closed)).detail, { cause: 'WS_ERR_HEARTBEAT_TIMEOUT' })
      clearInterval(timer)
    })

    t.test('a pong is life, and so is a single byte', async t => {
      const message = masked({ opcode: BINARY, payload: 'x'.repeat(100) })
      const answers: Record<string, (asked: number) => Buffer> = {
        'a pong': () => masked({ opcode: PONG, payload: 'any' }),
        'a message': () => message,
        'a byte of a message': asked => message.subarray(asked - 1, asked),
      }
      for (const [name, answer] of Object.entries(answers)) {
        const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
        connection.on('message', () => {})
        let asked = 0
        peer.on('data', () => peer.write(answer(++asked)))
        await until(() => asked >= 5 || connection.state !== 'open')
        t.equal(connection.state, 'open', name)
      }
    })

    t.test('nobody is asked while there is traffic', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', {
        heartbeat: { interval: 200, timeout: 10 },
      })
      let asked = 0
      peer.on('data', () => asked++)
      // A message that comes byte by byte.
      const bytes = masked({ opcode: TEXT, payload: 'x'.repeat(60) })
      for (const byte of bytes) {
        peer.write(Buffer.of(byte))
        await delay(5)
      }
      t.equal(connection.state, 'open')
      t.equal(asked, 0)
    })

    t.test('two connections keep each other alive [6455-7.1.7-6, 6455-7.2.1-3, 6455-7.3-1]', async t => {
      const { server, client } = await openPair(t, channel, {
        server: { heartbeat: HEARTBEAT },
        client: { heartbeat: HEARTBEAT },
      })
      let pings = 0
      for (const end of [server, client]) end.on('ping', () => pings++)
      await until(() => pings >= 10 || server.state !== 'open')
      t.same([server.state, client.state], ['open', 'open'])
    })

    t.test('a stall of our own event loop is not the peer’s', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      let stalls = 0
      peer.on('data', () => {
        // The answer is on its way, and we stand still for many timeouts.
        peer.write(masked({ opcode: PONG }))
        stall(4 * HEARTBEAT.timeout)
        stalls++
      })
      await until(() => stalls >= 4 || connection.state !== 'open')
      await turns()
      t.equal(connection.state, 'open')
    })

    t.test('a silence while we do not read is not the peer’s', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      connection.on('message', () => {}).pause()
      let asked = 0
      peer.on('data', () => {
        asked++
        peer.write(masked({ opcode: PONG }))
      })
      const text = masked({ opcode: TEXT, payload: 'x' })
      peer.write(Buffer.concat([text, text, text]))
      await until(() => asked >= 4 || connection.state !== 'open')
      t.equal(connection.state, 'open')
      let messages = 0
      connection.on('message', () => messages++)
      connection.resume()
      await until(() => messages === 3)
      await until(() => asked >= 8 || connection.state !== 'open')
      t.equal(connection.state, 'open', 'it has answered')
    })

    t.test('a peer to whom nobody listens is not kept for ever: messages are dropped, its Close is seen', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      peer.on('data', () => peer.write(masked({ opcode: PONG })))
      const text = masked({ opcode: TEXT, payload: 'x' })
      peer.write(Buffer.concat([text, text, text, masked({ opcode: CLOSE, payload: CLOSE_1000 })]))
      t.match(await within(connection.closed), { code: 1000, wasClean: true, detail: { by: 'peer' } })
      t.equal((await connection[Symbol.asyncIterator]().next()).done, true)
    })

    t.test('a listener that comes late gets what comes after it', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      let asked = 0
      peer.on('data', () => {
        asked++
        peer.write(masked({ opcode: PONG }))
      })
      const early = masked({ opcode: TEXT, payload: 'early' })
      peer.write(Buffer.concat([early, early]))
      await until(() => asked >= 4 || connection.state !== 'open')
      const messages: unknown[] = []
      connection.on('message', message => messages.push(message))
      peer.write(masked({ opcode: TEXT, payload: 'late' }))
      await until(() => messages.length > 0)
      t.same(messages, ['late'])
    })

    t.test('a peer that is silent while we would read is given up, though a message is held', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: HEARTBEAT })
      peer.resume().write(masked({ opcode: TEXT, payload: 'x' }))
      t.match((await within(connection.closed)).detail, { cause: 'WS_ERR_HEARTBEAT_TIMEOUT' })
      t.same(await connection[Symbol.asyncIterator]().next(), { done: false, value: 'x' })
    })

    t.test('it can be turned off', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat: false })
      let asked = 0
      peer.on('data', () => asked++)
      await delay(LONG)
      t.equal(connection.state, 'open')
      t.equal(asked, 0)
    })

    t.test('the closing handshake has a time of its own', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', {
        heartbeat: HEARTBEAT,
        closeTimeout: LONG,
      })
      peer.resume()
      connection.close(1000)
      t.match((await within(connection.closed)).detail, { cause: 'WS_ERR_CLOSE_TIMEOUT' })
    })
  })
}

for (const channel of SOCKETS) {
  t.test(
    `${channel.name}: a peer that takes what it is sent slowly is alive, until it stops`,
    { buffered: true },
    async t => {
      const heartbeat = { interval: 50, timeout: 500 }
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', { heartbeat })
      peer.pause()
      let sent = 0
      const sending = (async () => {
        for (; connection.state === 'open'; sent++)
          if (!connection.send(Buffer.alloc(60_000))) await connection.drained()
      })().catch(error => error.code)
      // Until the system takes no more at once.
      for (let before = -1; before !== sent; await turns(20)) before = sent
      const started = performance.now()
      let taken = 0
      peer.on('data', (chunk: Buffer) => (taken += chunk.length)).pause()
      // It never says a word, and reads.
      while (performance.now() - started < 1200 && connection.state === 'open') {
        peer.resume()
        await turns(3)
        peer.pause()
        await delay(5)
      }
      t.equal(connection.state, 'open')
      t.ok(connection.bufferedAmount > 0, 'there was something to wait for all the time')
      const { detail } = await within(connection.closed)
      t.match(detail, { cause: 'WS_ERR_HEARTBEAT_TIMEOUT' })
      t.ok(detail.buffered > 0)
      t.ok(taken > 1_000_000)
      t.equal(await within(sending), 'WS_ERR_CLOSED')
    },
  )
}
