/**
 * Messages between a server and a client over memory, TCP and TLS: they arrive whole, in order, as what they were
 * sent as; none is lost because nobody listened yet; and what the caller does to its data afterwards is its own.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Message, WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import type { MessageData } from '../../lib/websocket/connection.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import { CHANNELS, connectionOn, framesTo, openAgainstRaw, openPair } from '../support/channels.ts'
import { Random } from '../support/random.ts'
import { BINARY, CLOSE, closePayload, PING, PONG, readFrames, TEXT } from '../support/raw-frames.ts'
import { turns, until, within } from '../support/waiting.ts'

const ROLES: readonly Role[] = ['server', 'client']

/** The edges of the three forms of payload length (§5.2), and of what is copied when it is sent. */
const LENGTHS = [0, 1, 125, 126, 127, 16_384, 16_385, 65_535, 65_536, 300_000]

function collect(connection: WebSocketConnection): Message[] {
  const messages: Message[] = []
  connection.on('message', message => messages.push(message))
  return messages
}

function differences(found: readonly unknown[], wanted: readonly unknown[]): string[] {
  const show = (value: unknown) => {
    const text = Buffer.isBuffer(value) ? `binary ${value.toString('hex')}` : `text ${JSON.stringify(value)}`
    return `${text.slice(0, 60)} (${text.length})`
  }
  const length = Math.max(found.length, wanted.length)
  return Array.from({ length }, (_, at) => [show(found[at]), show(wanted[at])])
    .filter(([found, wanted]) => found !== wanted)
    .map(pair => pair.join(' in place of '))
    .slice(0, 3)
}

for (const channel of CHANNELS) {
  t.test(channel.name, async t => {
    t.test('text and binary of every length arrive as what they were, both ways [6455-6.1-8]', async t => {
      const { server, client } = await openPair(t, channel)
      const random = new Random()
      const messages = LENGTHS.flatMap(length => [
        'a'.repeat(length),
        random.bytes(length),
        `${'é€\u{1f600}'.repeat(length / 9)}`,
      ])
      for (const [from, to] of [
        [server, client],
        [client, server],
      ] as const) {
        const received = collect(to)
        for (const message of messages) if (!from.send(message)) await within(from.drained())
        await until(() => received.length === messages.length)
        t.same(differences(received, messages), [])
      }
    })

    t.test('random traffic both ways at once', async t => {
      const { server, client } = await openPair(t, channel)
      const random = new Random()
      t.comment(`seed ${random.seed}`)
      const messages = Array.from({ length: 400 }, () => {
        const length = random.below(random.pick([10, 200, 5000, 70_000]))
        return random.below(2) === 0 ? random.bytes(length) : random.bytes(length).toString('hex')
      })
      server.on('message', message => server.send(message))
      const echoes = collect(client)
      for (const message of messages) {
        if (!client.send(message)) await within(client.drained())
        if (random.below(20) === 0) await within(client.ping())
        if (random.below(20) === 0) await turns(1)
      }
      await until(() => echoes.length === messages.length)
      t.same(differences(echoes, messages), [])
    })

    t.test('whatever is bytes is sent as just these bytes', async t => {
      const { server, client } = await openPair(t, channel)
      const bytes = Uint8Array.from({ length: 64 }, (_, at) => at)
      const shared = new Uint8Array(new SharedArrayBuffer(64))
      shared.set(bytes)
      const data: [MessageData, Buffer][] = [
        [Buffer.from(bytes), Buffer.from(bytes)],
        [bytes.subarray(3, 9), Buffer.from(bytes.subarray(3, 9))],
        [bytes.buffer, Buffer.from(bytes)],
        [new DataView(bytes.buffer, 5, 6), Buffer.from(bytes.subarray(5, 11))],
        [new Float32Array(bytes.buffer, 4, 3), Buffer.from(bytes.subarray(4, 16))],
        [new BigUint64Array(bytes.buffer, 8, 1), Buffer.from(bytes.subarray(8, 16))],
        [shared.buffer, Buffer.from(bytes)],
        [shared.subarray(60), Buffer.from(bytes.subarray(60))],
        [new Uint8Array(0), Buffer.alloc(0)],
      ]
      for (const [from, to] of [
        [server, client],
        [client, server],
      ] as const) {
        const received = collect(to)
        for (const [given] of data) from.send(given)
        await until(() => received.length === data.length)
        t.same(
          differences(
            received,
            data.map(([, wanted]) => wanted),
          ),
          [],
        )
      }
    })

    t.test('what is changed after send was sent as it had been', async t => {
      const { server, client } = await openPair(t, channel)
      // A server does not copy what is longer than 16 KiB; a client always does.
      for (const [from, to, lengths] of [
        [server, client, [1, 1000, 16_384]],
        [client, server, [1, 1000, 16_384, 16_385, 100_000]],
      ] as const) {
        const received = collect(to)
        const sent = lengths.map(length => {
          const data = Buffer.alloc(length, 'x')
          from.send(data)
          data.fill('!')
          return Buffer.alloc(length, 'x')
        })
        await until(() => received.length === sent.length)
        t.same(differences(received, sent), [])
      }
    })

    for (const role of ROLES) {
      t.test(`a ${role} puts fragments together, with control frames between them`, async t => {
        const { connection, peer } = await openAgainstRaw(t, channel, role)
        const log: string[] = []
        connection.on('message', message => log.push(`message ${message}`))
        connection.on('ping', payload => log.push(`ping ${payload}`))
        connection.on('pong', payload => log.push(`pong ${payload}`))
        const bytes = framesTo(
          role,
          { opcode: TEXT, fin: false, payload: 'Hé'.slice(0, 1) },
          { opcode: PING, payload: 'p' },
          { opcode: 0, fin: false, payload: Buffer.from('é').subarray(0, 1) },
          { opcode: PONG, payload: 'q' },
          { opcode: 0, fin: false, payload: Buffer.from('é').subarray(1) },
          { opcode: 0, fin: true },
          { opcode: BINARY, payload: 'whole' },
        )
        peer.write(bytes)
        for (const byte of bytes) peer.write(Buffer.of(byte))
        const once = ['ping p', 'pong q', 'message Hé', 'message whole']
        await until(() => log.length >= 2 * once.length)
        t.same(log, [...once, ...once])
        t.same(
          (await read(peer, 2 * (role === 'server' ? 3 : 7))).map(({ opcode, payload }) => `${opcode} ${payload}`),
          ['10 p', '10 p'],
        )
      })
    }

    t.test('a ping tells the round-trip time, and both sides see it', async t => {
      const { server, client } = await openPair(t, channel)
      for (const [from, to] of [
        [server, client],
        [client, server],
      ] as const) {
        const [pinged, ponged] = [once(to, 'ping'), once(from, 'pong')]
        const time = await within(from.ping('hello'))
        t.type(time, 'number')
        t.ok(time >= 0 && Number.isFinite(time))
        t.equal(`${(await within(pinged))[0]}`, 'hello')
        t.equal(`${(await within(ponged))[0]}`, 'hello')
        const times = await within(Promise.all([from.ping(), from.ping(Buffer.alloc(125)), from.ping('')]))
        t.ok(times.every(time => time >= 0))
      }
    })

    t.test('a pong answers the pings before it, and one that nobody asked for is no harm', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'client')
      const answered: string[] = []
      const note = (name: string) => () => void answered.push(name)
      void connection.ping('1').then(note('1'))
      void connection.ping('2').then(note('2'))
      void connection.ping('3').then(note('3'), () => {})
      peer.write(framesTo('client', { opcode: PONG, payload: 'x' }, { opcode: PONG, payload: '2' }))
      await until(() => answered.length > 0)
      await turns()
      t.same(answered, ['1', '2'])
    })
  })

  t.test(`${channel.name}: nothing is lost before somebody listens`, async t => {
    const many = Array.from({ length: 500 }, (_, at) => `${at} ${'x'.repeat(at)}`)

    t.test('a listener that comes late gets all, in order', async t => {
      const { server, client } = await openPair(t, channel)
      for (const message of many) client.send(message)
      await turns(50)
      const received = collect(server)
      t.same(received, [], 'not within the call')
      await until(() => received.length === many.length)
      t.same(differences(received, many), [])
    })

    for (const role of ROLES) {
      t.test(`a ${role} keeps what a peer sent before it was gone`, async t => {
        const { connection, peer } = await openAgainstRaw(t, channel, role)
        const frames = ['a', 'b', 'c'].map(payload => ({ opcode: TEXT, payload }))
        peer.end(framesTo(role, ...frames, { opcode: CLOSE, payload: closePayload(3000, 'bye') }))
        peer.resume()
        const record = await within(connection.closed)
        t.match(record, { code: 3000, reason: 'bye', wasClean: true, detail: { by: 'peer' } })
        if (role === 'server') return t.same(await within(all(connection)), ['a', 'b', 'c'])
        const received = collect(connection)
        await until(() => received.length === 3)
        t.same(received, ['a', 'b', 'c'])
      })
    }

    t.test('so does a connection whose peer just ends, without a Close frame', async t => {
      const { connection, peer } = await openAgainstRaw(t, channel, 'server')
      peer.end(framesTo('server', { opcode: TEXT, payload: 'a' }, { opcode: TEXT, payload: 'b' }))
      peer.resume()
      t.match(await within(connection.closed), { code: 1006, detail: { by: 'transport' } })
      t.same(await within(all(connection)), ['a', 'b'])
      t.same(await within(all(connection)), [], 'and only once')
    })

    t.test('bytes that were there before the connection was', async t => {
      const ends = await channel.open(t)
      ends.client.write(framesTo('server', { opcode: TEXT, payload: 'early' }))
      await turns()
      const received = collect(connectionOn(t, ends.server, 'server'))
      connectionOn(t, ends.client, 'client')
      await until(() => received.length > 0)
      t.same(received, ['early'])
    })

    t.test('between two calls of once', async t => {
      const { server, client } = await openPair(t, channel)
      for (const message of many) client.send(message)
      const received: Message[] = []
      while (received.length < many.length) received.push((await within(once(server, 'message')))[0] as Message)
      t.same(differences(received, many), [])
    })

    t.test('when consumers of both kinds take turns', async t => {
      const { server, client } = await openPair(t, channel)
      for (const message of many) client.send(message)
      const received: Message[] = []
      const iterator = server[Symbol.asyncIterator]()
      while (received.length < many.length) {
        const { value } = await within(iterator.next())
        received.push(value as Message)
        const listener = (message: Message) => {
          received.push(message)
          if (received.length % 7 === 0) server.off('message', listener)
        }
        if (received.length % 5 === 0) {
          server.on('message', listener)
          await turns()
          server.off('message', listener)
        }
      }
      t.same(differences(received, many), [])
    })

    t.test('for await gets all, and ends with the connection', async t => {
      const { server, client } = await openPair(t, channel)
      for (const message of many) client.send(message)
      client.close(1000)
      t.same(differences(await within(all(server)), many), [])
      t.equal(server.state, 'closed')
      t.equal((await within(server.closed)).code, 1000)
    })

    t.test('pulls are answered in their order', async t => {
      const { server, client } = await openPair(t, channel)
      const pulls = Array.from({ length: 4 }, () => server[Symbol.asyncIterator]().next())
      for (const message of ['1', '2', '3']) client.send(message)
      client.close()
      const results = await within(Promise.all(pulls))
      t.same(
        results.map(({ value, done }) => (done ? 'done' : value)),
        ['1', '2', '3', 'done'],
      )
    })
  })
}

async function all(connection: WebSocketConnection): Promise<Message[]> {
  const messages: Message[] = []
  for await (const message of connection) messages.push(message)
  return messages
}

/** The frames in the next `length` bytes of a stream. */
async function read(stream: Duplex, length: number) {
  let bytes = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
  })
  await until(() => bytes.length >= length)
  return readFrames(bytes)
}
