/**
 * Compression on real connections: what is on the wire, that nothing overtakes or is lost while zlib is at work, that
 * reading stands still meanwhile, and that every end of a connection settles what is under way. That all else behaves as
 * without it is told by the other suites, which run over a channel where everything is compressed.
 */

import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { ClosedError } from '../../lib/errors.ts'
import { prepareMessage } from '../../lib/transport/prepared-message.ts'
import type { Message, WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { countJobs } from '../../lib/transport/zlib-jobs.ts'
import { keepZlibBusy, untilWaiting } from '../support/busy-zlib.ts'
import {
  agreementOn,
  CHANNELS,
  connectionOn,
  framesTo,
  MEMORY,
  openAgainstRaw,
  openInMemory,
} from '../support/channels.ts'
import { Random } from '../support/random.ts'
import { BINARY, CLOSE, closePayload, PING, PONG, readFrames, TEXT } from '../support/raw-frames.ts'
import { turns, until, within } from '../support/waiting.ts'

const LEAN = {}
const FULL = { threshold: 0, level: 6, serverContextTakeover: true, clientContextTakeover: true }

const data = (message: string | Uint8Array) =>
  deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
const compressed = (message: string | Uint8Array, opcode = TEXT) => ({ opcode, rsv: 4, payload: data(message) })

/** Not shorter than 64 KiB when it is compressed, so that it is inflated in the thread pool. */
const LONG = new Random().bytes(100_000)
const LONG_TEXT = LONG.toString('base64')

function collect(connection: WebSocketConnection): Message[] {
  const messages: Message[] = []
  connection.on('message', message => messages.push(message))
  return messages
}

const noJobs = () => countJobs().running + countJobs().waiting === 0

t.test('the example of RFC 7692 §7.2.3.1, both ways [7692-6.1-1]', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, FULL)
  const messages = collect(connection)
  const hello = { opcode: TEXT, payload: Buffer.from('f248cdc9c90700', 'hex') }
  peer.write(framesTo('server', { ...hello, rsv: 4 }))
  peer.write(
    framesTo(
      'server',
      { opcode: TEXT, rsv: 4, fin: false, payload: hello.payload.subarray(0, 3) },
      { opcode: PING },
      { opcode: 0, payload: hello.payload.subarray(3) },
    ),
  )
  await until(() => messages.length === 2)
  t.same(messages, ['Hello', 'Hello'])
  const sent: Buffer[] = []
  peer.on('data', chunk => sent.push(chunk))
  connection.send('HelloHelloHelloHello')
  await until(() => readFrames(Buffer.concat(sent)).length === 2)
  t.match(readFrames(Buffer.concat(sent)), [{ opcode: PONG }, { rsv: 4, opcode: TEXT, fin: true }])
})

t.test('compress: false, per message [6455-5.2-1, 7692-6.1-2]', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, FULL)
  const sent: Buffer[] = []
  peer.on('data', chunk => sent.push(chunk))
  const text = 'secret '.repeat(50)
  connection.send(text)
  connection.send(text, { compress: false })
  await connection.sendFragments([text, text], { compress: false })
  connection.send(prepareMessage(text), { compress: false })
  await turns()
  t.same(
    readFrames(Buffer.concat(sent)).map(({ rsv }) => rsv),
    [4, 0, 0, 0, 0],
  )
  const { connection: lean } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
  for (const options of [{ binary: true }, { compress: 1 }, null, () => {}]) {
    t.throws(() => lean.send('a', options as object), { code: /^ERR_INVALID_ARG/ })
    t.throws(() => lean.sendFragments(['a'], options as object), { code: /^ERR_INVALID_ARG/ })
  }
})

for (const channel of CHANNELS) {
  t.test(
    `${channel.name}: short and long, compressed and not, whole and in fragments: in order both ways`,
    async t => {
      for (const options of [FULL, { threshold: 50 }]) {
        const ends = await channel.open(t)
        const random = new Random()
        t.comment(`seed ${random.seed}`)
        const server = connectionOn(t, ends.server, 'server', {}, agreementOn(options))
        const client = connectionOn(t, ends.client, 'client', {}, agreementOn(options))
        const messages = Array.from({ length: 150 }, () => {
          const length = random.below(random.pick([10, 400, 5000, 150_000]))
          return random.below(3) === 0 ? random.bytes(length) : random.text(length).toString()
        })
        server.on('message', message => server.send(message))
        const echoes = collect(client)
        for (const message of messages) {
          if (random.below(5) === 0) void client.sendFragments([message.slice(0, 60), message.slice(60)])
          else if (!client.send(message, { compress: random.below(6) > 0 })) await within(client.drained())
          if (random.below(20) === 0) await turns(1)
        }
        await until(() => echoes.length === messages.length)
        const isSame = (message: Message, n: number) =>
          typeof message === typeof echoes[n] && Buffer.from(message).equals(Buffer.from(echoes[n] as string))
        t.ok(messages.every(isSame))
        client.close(1000)
        await within(server.closed)
      }
    },
  )
}
// [7692-6.2-1, 7692-7.1.1.1-4]
t.test('all parameters, bytes in pieces of all sizes, messages in any fragments, both ways', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const wrong: string[] = []
  for (const bits of [8, 9, 12, 15]) {
    for (const contextTakeover of [true, false]) {
      for (const split of [[1], [2, 3, 5, 7], [1, 1000], [65_536]]) {
        const { server, client } = openInMemory(
          t,
          { split, capacity: 1_000_000 },
          {},
          {
            threshold: random.pick([0, 40]),
            level: random.pick([1, 6, 9]),
            serverContextTakeover: contextTakeover,
            clientContextTakeover: contextTakeover,
            serverMaxWindowBits: bits,
            clientMaxWindowBits: bits,
          },
        )
        server.on('message', message => void server.sendFragments([message.slice(0, 5), message.slice(5)]))
        const echoes = collect(client)
        const messages = Array.from({ length: 12 }, () => random.text(random.below(random.pick([3, 300, 3000]))))
        for (const message of messages) {
          const places = Array.from({ length: random.below(4) }, () => random.below(message.length + 1)).sort(
            (a, b) => a - b,
          )
          const parts = [...places, message.length].map((end, i) => message.subarray(places[i - 1] ?? 0, end))
          if (parts.length > 1) void client.sendFragments(parts)
          else client.send(message)
        }
        await until(() => echoes.length === messages.length)
        if (!messages.every((message, n) => message.equals(echoes[n] as Buffer))) wrong.push(`${bits} bits, ${split}`)
        client.close()
        await within(server.closed)
      }
    }
  }
  t.same(wrong, [])
})

t.test('a message that is inflated in the thread pool is not overtaken', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
  const messages = collect(connection)
  const sent: Buffer[] = []
  peer.on('data', chunk => sent.push(chunk))
  peer.on('end', () => peer.end())
  peer.write(
    framesTo(
      'server',
      compressed(LONG, BINARY),
      { opcode: TEXT, payload: 'plain' },
      { opcode: PING, payload: 'p' },
      compressed('short'),
      compressed(LONG_TEXT),
      { opcode: CLOSE, payload: closePayload(1000) },
    ),
  )
  const { code, wasClean } = await within(connection.closed)
  t.same(messages, [LONG, 'plain', 'short', LONG_TEXT])
  t.same([code, wasClean], [1000, true])
  t.same(
    readFrames(Buffer.concat(sent)).map(({ opcode }) => opcode),
    [PONG, CLOSE],
  )
})

t.test('while a message is inflated, no more is read than a chunk or two', async t => {
  const { connection, peer, ends } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
  const messages = collect(connection)
  const release = keepZlibBusy()
  peer.write(framesTo('server', compressed(LONG, BINARY)))
  await untilWaiting(1)
  const more = framesTo('server', { opcode: BINARY, payload: Buffer.alloc(65_000) })
  for (let n = 0; n < 30; n++) peer.write(more)
  await turns(50)
  t.ok(ends.server.isPaused())
  t.ok(peer.writableLength > 1_000_000, 'the peer is left with what it sent')
  t.ok(ends.server.readableLength <= 200_000, 'and we hold little of it')
  release()
  await until(() => messages.length === 31)
})

t.test('pulling and pausing go on with what was inflated', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
  peer.write(framesTo('server', compressed(LONG_TEXT), compressed('a'), compressed(LONG_TEXT), compressed('b')))
  await turns(50)
  const pulled: unknown[] = []
  for await (const message of connection) {
    pulled.push(message)
    if (pulled.length === 2) break
  }
  t.same(pulled, [LONG_TEXT, 'a'])
  const messages = collect(connection)
  connection.pause()
  await turns(20)
  connection.resume()
  await until(() => messages.length === 2)
  t.same(messages, [LONG_TEXT, 'b'])
})

t.test('what came before the transport ended is told before the end, however long it takes', async t => {
  for (const ending of ['end', 'destroy', 'reset'] as const) {
    const { connection, peer, ends } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
    const messages = collect(connection)
    const order: string[] = []
    connection.on('message', message => order.push(typeof message))
    connection.on('close', () => order.push('close'))
    const release = keepZlibBusy()
    peer.write(framesTo('server', compressed(LONG_TEXT), compressed(LONG_TEXT), { opcode: TEXT, payload: 'last' }))
    await untilWaiting(1)
    if (ending === 'end') peer.end()
    else if (ending === 'destroy') peer.destroy()
    else ends.reset('client')
    await turns()
    t.same(messages, [])
    release()
    const { code, detail } = await within(connection.closed)
    // After a reset what was not read is gone, as without compression.
    t.same(messages, [LONG_TEXT, LONG_TEXT, 'last'].slice(0, ending === 'reset' ? 1 : 3), ending)
    t.same(order.at(-1), 'close')
    t.same([code, detail.by], [1006, 'transport'])
  }
})

t.test('terminate does not wait for it', async t => {
  for (const isGone of [false, true]) {
    const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
    const messages = collect(connection)
    const release = keepZlibBusy()
    peer.write(framesTo('server', compressed(LONG_TEXT)))
    await untilWaiting(1)
    if (isGone) peer.destroy()
    await turns()
    t.equal(connection.state, 'open', 'the end of the transport is held back')
    connection.terminate()
    t.match(await within(connection.closed), { code: 1006, detail: { cause: 'WS_ERR_TERMINATED' } })
    await untilWaiting(0)
    release()
    await until(noJobs)
    await turns(3)
    t.same(messages, [])
  }
})

t.test('closing sends what was given to zlib first, then the Close frame', async t => {
  const { server, client } = openInMemory(t, {}, {}, FULL)
  const messages = collect(client)
  server.send(LONG_TEXT)
  server.send('behind')
  server.close(1000)
  t.equal(server.send('too late'), false)
  t.equal((await within(client.closed)).code, 1000)
  t.same(messages, [LONG_TEXT, 'behind'])
})

t.test('an end while messages are deflated rejects those who wait [6455-6.1-3]', async t => {
  const { server, client } = openInMemory(t, {}, {}, FULL)
  const release = keepZlibBusy()
  const fragments = server.sendFragments([LONG_TEXT, LONG_TEXT])
  t.equal(server.send(LONG_TEXT), false)
  const drained = server.drained()
  client.terminate()
  await t.rejects(within(fragments), ClosedError)
  await t.rejects(within(drained), ClosedError)
  await within(server.closed)
  await untilWaiting(0)
  release()
  await until(noJobs)
})

t.test('bufferedAmount counts what waits for zlib, and drain comes when it is out', async t => {
  const { server, client } = openInMemory(t, {}, { server: { highWaterMark: 1000 } }, FULL)
  client.on('message', () => {})
  t.equal(server.send('a'.repeat(70_000)), false)
  t.ok(server.bufferedAmount >= 70_000)
  await within(server.drained())
  t.ok(server.bufferedAmount <= 1000)
})

t.test('what the peer does wrong is told once, with its code [7692-6-2]', async t => {
  const wrong: [name: string, frames: Parameters<typeof framesTo>[1][], cause: string, code: number][] = [
    ['damaged', [{ opcode: TEXT, rsv: 4, payload: Buffer.from('ff00', 'hex') }], 'WS_ERR_INVALID_DEFLATE_DATA', 1007],
    [
      'cut short',
      [{ opcode: TEXT, rsv: 4, payload: data('hello, hello').subarray(0, 5) }],
      'WS_ERR_INVALID_DEFLATE_DATA',
      1007,
    ],
    ['long and damaged', [{ opcode: BINARY, rsv: 4, payload: LONG }], 'WS_ERR_INVALID_DEFLATE_DATA', 1007],
    ['no UTF-8', [{ opcode: TEXT, rsv: 4, payload: data(Buffer.from('c0af', 'hex')) }], 'WS_ERR_INVALID_UTF8', 1007],
    ['no UTF-8, long', [{ opcode: TEXT, rsv: 4, payload: data(LONG) }], 'WS_ERR_INVALID_UTF8', 1007],
    ['too long', [compressed(Buffer.alloc(2 ** 20 + 1), BINARY)], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
    [
      'RSV1 on a continuation',
      [
        { opcode: TEXT, fin: false, rsv: 4 },
        { opcode: 0, rsv: 4 },
      ],
      'WS_ERR_UNEXPECTED_RSV_1',
      1002,
    ],
    ['RSV1 on a Ping', [{ opcode: PING, rsv: 4 }], 'WS_ERR_UNEXPECTED_RSV_1', 1002],
  ]
  for (const [name, frames, cause, code] of wrong) {
    const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, LEAN)
    const told: unknown[] = []
    connection
      .on('message', message => told.push(message))
      .on('error', error => told.push((error as { code?: string }).code))
    peer.resume()
    peer.write(
      framesTo('server', { opcode: TEXT, payload: 'before' }, ...frames, { opcode: TEXT, payload: 'behind' }),
    )
    await until(() => connection.state !== 'open')
    peer.end()
    const { detail } = await within(connection.closed)
    t.same([detail.cause, detail.sent?.code, told], [cause, code, ['before', cause]], name)
  }
})
