/** The raw endpoint: how it sends, what it takes for a fault of the peer's, and the facts of a close that it keeps. */
import { type Duplex, duplexPair } from 'node:stream'
import t from 'tap'
import { Endpoint, type EndpointOptions } from '../../conformance/endpoint.ts'
import { MessageDeflate } from '../../conformance/message-deflate.ts'
import { WireLog } from '../../conformance/wire-log.ts'
import { closePayload, MASK, type RawFrame, rawFrame, readFrames } from '../support/raw-frames.ts'
import { turns, until } from '../support/waiting.ts'

interface Bench {
  readonly endpoint: Endpoint
  readonly peer: Duplex
  readonly events: string[]
  readonly log: WireLog
  /** What the endpoint wrote, write by write. */
  readonly writes: Buffer[]
  frames(): ReturnType<typeof readFrames>
  say(...frames: RawFrame[]): void
}

function bench(role: 'client' | 'server', options: Partial<EndpointOptions> = {}, head?: Buffer): Bench {
  const [ours, peer] = duplexPair()
  const [events, writes, log]: [string[], Buffer[], WireLog] = [[], [], new WireLog()]
  const handler = {
    onMessage: (payload: Buffer, binary: boolean) => void events.push(`${binary ? 'binary' : 'text'} ${payload}`),
    onPong: (payload: Buffer) => void events.push(`pong ${payload}`),
    onEnd: () => void events.push('end'),
  }
  const endpoint = new Endpoint(ours!, { role, log, closeTimeout: 60, ...options }, handler, head)
  peer!.on('data', chunk => writes.push(chunk)).on('error', () => {})
  const mask = role === 'server' ? MASK : undefined
  return {
    endpoint,
    peer: peer!,
    events,
    log,
    writes,
    frames: () => readFrames(Buffer.concat(writes)),
    say: (...frames) => void peer!.write(Buffer.concat(frames.map(frame => rawFrame({ mask, ...frame })))),
  }
}

t.test('frames sent in one go share a write; alone and in chops they do not', async t => {
  const { endpoint, writes } = bench('server')
  endpoint.sendFrame({ opcode: 1, payload: Buffer.from('a') })
  endpoint.sendFrame({ opcode: 2, payload: Buffer.from('b') })
  endpoint.sendFrame({ opcode: 9, payload: Buffer.from('c') }, { alone: true })
  endpoint.sendFrame({ opcode: 9, payload: Buffer.from('d') }, { chop: 2 })
  endpoint.sendFrame({ opcode: 10 })
  await until(() => writes.length === 5)
  t.same(
    writes.map(write => write.toString('hex')),
    ['810161820162', '890163', '8901', '64', '8a00'],
  )
  t.ok(endpoint.isFlushed)
})

t.test('a client masks, each frame with another key; a server does not', async t => {
  const { endpoint, writes, frames } = bench('client')
  for (let n = 0; n < 20; n++) endpoint.sendFrame({ opcode: 1, payload: Buffer.from('same') })
  await until(() => writes.length > 0)
  t.same(new Set(frames().map(({ masked, payload }) => `${masked} ${payload}`)), new Set(['true same']))
  t.ok(
    new Set(Array.from({ length: 20 }, (_, n) => Buffer.concat(writes).toString('hex', n * 10 + 2, n * 10 + 6)))
      .size > 15,
  )
})

t.test('a frame in parts is masked with one key', async t => {
  const { endpoint, writes, frames } = bench('client')
  endpoint.sendHeader({ opcode: 1, fin: false, announced: 7 })
  endpoint.sendPart(Buffer.from('abc'))
  endpoint.sendPart(Buffer.from('defg'))
  await until(() => writes.length === 3)
  t.match(frames(), [{ fin: false, opcode: 1, masked: true, payload: Buffer.from('abcdefg') }])
})

t.test('a message in frames; an exact multiple ends with an empty one', async t => {
  for (const [size, expected] of [
    [0, ['1:abcd']],
    [3, ['1:abc', '0:d']],
    [2, ['1:ab', '0:cd', '0:']],
  ] as const) {
    const { endpoint, writes, frames } = bench('server')
    endpoint.sendMessage(1, Buffer.from('abcd'), size)
    await until(() => writes.length > 0)
    t.same(
      frames().map(({ opcode, payload }) => `${opcode}:${payload}`),
      expected,
    )
    t.same(
      frames().map(({ fin }) => fin),
      expected.map((_, i) => i === expected.length - 1),
    )
  }
})

t.test('messages, fragments, pings and pongs', async t => {
  const { events, say, frames, writes } = bench('server')
  say(
    { opcode: 1, payload: 'é' },
    { opcode: 2, payload: 'b', fin: false },
    { opcode: 9, payload: 'p' },
    { opcode: 0, payload: 'c' },
  )
  say({ opcode: 10, payload: 'q' })
  await until(() => events.length === 3 && writes.length > 0)
  t.same(events, ['text é', 'binary bc', 'pong q'])
  t.match(frames(), [{ opcode: 10, payload: Buffer.from('p') }], 'the ping is answered')
})

t.test('what came with the handshake is not lost', async t => {
  const { events } = bench('client', {}, rawFrame({ opcode: 1, payload: 'early' }))
  await until(() => events.length === 1)
  t.same(events, ['text early'])
})

t.test('compressed messages, in frames', async t => {
  const agreed = { serverNoContextTakeover: true }
  const { endpoint, events, frames, writes, say } = bench('server', { deflate: new MessageDeflate('server', agreed) })
  const other = new MessageDeflate('client', agreed)
  const message = Buffer.from('again and again and again and again')
  endpoint.sendMessage(1, message, 10)
  await until(() => writes.length > 0)
  t.same(
    frames().map(({ rsv }) => rsv),
    [
      4,
      ...frames()
        .slice(1)
        .map(() => 0),
    ],
  )
  t.same(other.decompress(Buffer.concat(frames().map(({ payload }) => payload))), message)
  say({ opcode: 1, rsv: 4, payload: other.compress(message) }, { opcode: 1, payload: 'plain' })
  await until(() => events.length === 2)
  t.same(events, [`text ${message}`, 'text plain'])
  say({ opcode: 1, rsv: 4, payload: 'nonsense' })
  await until(() => endpoint.failed)
  t.match(endpoint.fault, 'cannot be inflated')
})

t.test('faults of the peer: closed with 1002 or 1007, and heard no more', async t => {
  const table: readonly (readonly [code: number, role: 'client' | 'server', ...frames: RawFrame[]])[] = [
    [1002, 'client', { opcode: 1, rsv: 4 }],
    [1002, 'client', { opcode: 3 }],
    [1002, 'client', { opcode: 1, mask: MASK }],
    [1002, 'server', { opcode: 1, mask: undefined }],
    [1002, 'client', { opcode: 0 }],
    [1002, 'client', { opcode: 9, fin: false }],
    [1007, 'client', { opcode: 1, payload: Buffer.of(0xff) }],
    [1002, 'client', { opcode: 8, payload: closePayload(1005) }],
    [1007, 'client', { opcode: 8, payload: closePayload(1000, Buffer.of(0xff)) }],
  ]
  for (const [code, role, ...wrong] of table) {
    const { endpoint, events, say, frames } = bench(role)
    say(...wrong, { opcode: 1, payload: 'later' })
    await until(() => events.includes('end'))
    t.same(events, ['end'], 'nothing was delivered, and TCP is ended')
    t.match(frames(), [{ opcode: 8, payload: closePayload(code) }])
    const { failed, closedByUs, wasClean, droppedByUs, state } = endpoint
    t.same(
      { failed, closedByUs, wasClean, droppedByUs, state },
      { failed: true, closedByUs: true, wasClean: false, droppedByUs: true, state: 'closed' },
    )
  }
})

t.test('our close, answered: a server ends TCP itself, a client waits for the server to', async t => {
  for (const role of ['server', 'client'] as const) {
    const { endpoint, events, say, peer, frames, writes } = bench(role)
    endpoint.sendClose(1000, Buffer.from('bye'))
    endpoint.sendClose(1001)
    await until(() => writes.length > 0)
    t.match(frames(), [{ opcode: 8, payload: closePayload(1000, 'bye') }], 'one Close frame')
    say({ opcode: 1, payload: 'on the way' }, { opcode: 8, payload: closePayload(1000) })
    if (role === 'client') {
      await until(() => endpoint.peerClosed)
      t.equal(endpoint.state, 'closing')
      peer.end()
    }
    await until(() => events.includes('end'))
    t.same(events, ['text on the way', 'end'])
    const { closedByUs, wasClean, peerCloseCode, droppedByUs } = endpoint
    t.same(
      { closedByUs, wasClean, peerCloseCode, droppedByUs },
      { closedByUs: true, wasClean: true, peerCloseCode: 1000, droppedByUs: role === 'server' },
    )
  }
})

t.test(
  "the peer's close is answered with 1000; a server that does not end TCP has it ended, and that is not clean",
  async t => {
    const { endpoint, events, say, frames } = bench('client')
    say({ opcode: 8, payload: closePayload(3000, 'why') })
    await until(() => events.includes('end'))
    t.match(frames(), [{ opcode: 8, payload: closePayload(1000) }])
    const { closedByUs, wasClean, peerCloseCode, droppedByUs } = endpoint
    t.same(
      { closedByUs, wasClean, peerCloseCode, droppedByUs },
      { closedByUs: false, wasClean: false, peerCloseCode: 3000, droppedByUs: true },
    )
  },
)

t.test('a close that is not answered ends TCP; so does one that the peer answers by ending TCP', async t => {
  const silent = bench('server')
  silent.endpoint.sendClose(1000)
  await until(() => silent.events.includes('end'))
  t.match(silent.endpoint, { droppedByUs: true, wasClean: false, peerClosed: false })
  const dropping = bench('client')
  dropping.peer.end()
  await until(() => dropping.events.includes('end'))
  t.match(dropping.endpoint, {
    droppedByUs: false,
    wasClean: false,
    closedByUs: false,
    peerClosed: false,
    state: 'closed',
  })
})

t.test('who runs out of time is closed with 1001, and no message of it counts any more', async t => {
  const { endpoint, events, say, frames } = bench('server')
  endpoint.fail(1001, 'too late')
  say({ opcode: 1, payload: 'late' }, { opcode: 8 })
  await until(() => events.includes('end'))
  t.same(events, ['end'])
  t.match(frames(), [{ opcode: 8, payload: closePayload(1001) }])
  t.match(endpoint, { failed: true, fault: 'too late', wasClean: true, peerClosed: true, peerCloseCode: undefined })
})

t.test('the log has both directions', async t => {
  const { endpoint, say, events, log } = bench('client')
  endpoint.sendFrame({ opcode: 1, payload: Buffer.from('out') }, { chop: 1 })
  say({ opcode: 1, payload: 'in' })
  await until(() => events.length === 1)
  t.match(log.entries(), [
    { from: 'suite', words: 'text, FIN, masked, 3 bytes, in chops of 1', text: 'out' },
    { from: 'testee', words: 'text, FIN, 2 bytes', hex: '8102696e', text: 'in' },
  ])
})

t.test('who reads no more holds the peer up; what is with the system is told', async t => {
  const { endpoint, peer, events } = bench('server')
  endpoint.pause()
  peer.write(rawFrame({ opcode: 1, payload: 'hi', mask: MASK }))
  await turns()
  t.same(events, [])
  endpoint.resume()
  await until(() => events.length === 1)
  t.same(events, ['text hi'])
  peer.pause()
  t.equal(await endpoint.drained(10), true, 'nothing is there')
  endpoint.sendBytes(Buffer.alloc(2 ** 20), 'much')
  t.equal(await endpoint.drained(10), false, 'the peer does not read')
  peer.resume()
  t.equal(await endpoint.drained(15_000), true)
  let ended = false
  peer.on('end', () => {
    ended = true
  })
  endpoint.end()
  await until(() => ended)
  endpoint.destroy()
  t.equal(await endpoint.drained(10), false, 'there is nobody')
})
