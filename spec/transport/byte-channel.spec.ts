/**
 * The byte channel between a stream and its owner: the stream's events as calls, one write for all pieces of a turn,
 * and what it tells of bytes that the system has not taken, on streams of every kind.
 */

import { Socket } from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import t from 'tap'
import { ByteChannel, type ChannelOwner } from '../../lib/transport/byte-channel.ts'
import { CHANNELS, SOCKETS } from '../support/channels.ts'
import { memoryChannel } from '../support/memory-channel.ts'
import { turns, until } from '../support/waiting.ts'

class Owner implements ChannelOwner {
  readonly log: string[] = []
  onData(chunk: Buffer): void {
    this.log.push(`data ${chunk}`)
  }
  onEnd(): void {
    this.log.push('end')
  }
  onTaken(): void {
    this.log.push('taken')
  }
  onClosed(error: Error | undefined): void {
    this.log.push(`closed ${error?.message ?? ''}`.trimEnd())
  }
}

/** A mark that no write reaches. */
const FAR = 1_000_000

function write(channel: ByteChannel, pieces: readonly string[], mark = FAR): void {
  const buffers = pieces.map(piece => Buffer.from(piece))
  channel.write(buffers, Buffer.concat(buffers).length, mark)
}

for (const kind of CHANNELS) {
  t.test(`${kind.name}: events become calls, the last of which is closed`, async t => {
    const { server, client } = await kind.open(t)
    const [owner, other] = [new Owner(), new Owner()]
    const channel = new ByteChannel(server, owner)
    const otherChannel = new ByteChannel(client, other)
    write(channel, ['a', 'b', 'c'])
    await until(() => other.log.length > 0)
    t.same(other.log, ['data abc'], 'all pieces at once')
    channel.end()
    channel.end()
    write(channel, ['too late'])
    await until(() => other.log.includes('end'))
    if (client.allowHalfOpen) {
      t.notOk(owner.log.includes('end'), 'half closed')
      write(otherChannel, ['answer'])
      otherChannel.end()
    }
    await until(() => owner.log.includes('closed') && other.log.includes('closed'))
    t.same(owner.log, [...(client.allowHalfOpen ? ['data answer'] : []), 'end', 'closed'])
    t.same(other.log, ['data abc', 'end', 'closed'])
    t.same([channel.unsent, otherChannel.unsent], [0, 0])
    write(channel, ['too late'])
    channel.destroy()
  })

  t.test(`${kind.name}: pause, resume, destroy`, async t => {
    const { server, client } = await kind.open(t)
    const [owner, other] = [new Owner(), new Owner()]
    const channel = new ByteChannel(server, owner)
    const otherChannel = new ByteChannel(client, other)
    t.ok(channel.isPaused, 'not within the call: its maker may have to wait for a promise')
    await turns(1)
    t.notOk(channel.isPaused)
    channel.pause()
    t.ok(channel.isPaused)
    write(otherChannel, ['a'])
    await turns()
    t.same(owner.log, [])
    channel.resume()
    t.notOk(channel.isPaused)
    await until(() => owner.log.length === 1)
    channel.destroy()
    channel.destroy()
    await until(() => owner.log.length === 2 && other.log.length > 0)
    t.same(owner.log, ['data a', 'closed'])
    client.destroy()
  })

  t.test(`${kind.name}: a stream that was paused, or has got bytes already, starts`, async t => {
    const { server, client } = await kind.open(t)
    server.pause()
    client.write('early')
    await turns()
    server.unshift(Buffer.from('first '))
    const owner = new Owner()
    new ByteChannel(server, owner)
    await until(() => owner.log.join('').includes('early'))
    t.equal(owner.log.join('').replaceAll('data ', ''), 'first early')
    server.destroy()
    client.destroy()
  })

  t.test(`${kind.name}: the owner is told when what lies above a mark has been taken`, async t => {
    const { server, client } = await kind.open(t)
    const owner = new Owner()
    const channel = new ByteChannel(server, owner)
    client.resume()
    write(channel, ['a', 'b'], 2)
    await turns()
    t.same(owner.log, [], 'not at it')
    t.equal(channel.buffered, 0)
    write(channel, ['abc'], 2)
    await until(() => owner.log.length === 1)
    t.same(owner.log, ['taken'], 'above it, far below the mark of the stream')
    write(channel, ['x'.repeat(3_000_000)], 2_000_000)
    write(channel, ['abc'], 2_000_000)
    await until(() => channel.buffered === 0)
    await turns()
    t.ok(owner.log.length >= 2 && owner.log.every(call => call === 'taken'))
    server.destroy()
    client.destroy()
  })
}

t.test('an error comes with closed, the first one, and none before that', async t => {
  for (const kind of CHANNELS) {
    const { server, client } = await kind.open(t)
    client.on('error', () => {})
    const owner = new Owner()
    new ByteChannel(server, owner)
    server.emit('error', new Error('warning shot'))
    t.same(owner.log, [])
    server.destroy(new Error('broken'))
    await until(() => owner.log.length > 0)
    t.same(owner.log, ['closed warning shot'], kind.name)
    client.destroy()
  }
})

t.test('what a stream that is gone did not take', async t => {
  const line = memoryChannel({ capacity: 10 })
  const owner = new Owner()
  const channel = new ByteChannel(line.server, owner)
  write(channel, ['x'.repeat(100)])
  write(channel, ['y'.repeat(1000)])
  t.equal(channel.buffered, 1100)
  await turns()
  channel.destroy()
  await until(() => owner.log.length > 0)
  t.equal(channel.unsent, 1100)
  line.client.destroy()

  for (const kind of CHANNELS) {
    const { server, client } = await kind.open(t)
    const owner = new Owner()
    const channel = new ByteChannel(server, owner)
    client.on('error', () => {}).resume()
    write(channel, ['x'.repeat(100)])
    await until(() => channel.buffered === 0)
    channel.destroy()
    await until(() => owner.log.length > 0)
    t.equal(channel.unsent, 0, `${kind.name}: it was taken since the write`)
    client.destroy()
  }
})

t.test('taken counts what left a socket, and nothing else', async t => {
  for (const kind of SOCKETS) {
    const { server, client } = await kind.open(t)
    const channel = new ByteChannel(server, new Owner())
    const before = channel.taken
    client.resume()
    write(channel, ['x'.repeat(100)])
    await until(() => channel.buffered === 0)
    await turns()
    const taken = channel.taken - before
    t.ok(taken >= 100 && taken < 200, `${kind.name}: ${taken}`)
    client.pause()
    await turns()
    let written = 100
    // Until the system takes no more.
    for (let waiting = -1; waiting !== channel.buffered || waiting < 1_000_000; await turns(100)) {
      waiting = channel.buffered
      if (waiting >= 1_000_000) continue
      write(channel, ['x'.repeat(500_000)])
      written += 500_000
    }
    t.equal(channel.taken - before, written - channel.buffered, `${kind.name}: what waits is not counted`)
    server.destroy()
    client.destroy()
  }
})

t.test('other streams of Node’s', async t => {
  const [a, b] = duplexPair()
  const [owner, other] = [new Owner(), new Owner()]
  const [channel, otherChannel] = [new ByteChannel(a, owner), new ByteChannel(b, other)]
  write(channel, ['a', 'b'], 0)
  await until(() => owner.log.includes('taken'))
  t.equal(other.log.join('').replaceAll('data ', ''), 'ab')
  channel.end()
  otherChannel.end()
  await until(() => owner.log.includes('closed') && other.log.includes('closed'))
  t.equal(channel.taken, 0, 'it does not count')
})

t.test('a stream that has ended, or is closed, tells it after the owner is ready', async t => {
  const ended = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback(), autoDestroy: false })
  ended.resume().push(null)
  await turns(2)
  const owner = new Owner()
  new ByteChannel(ended, owner)
  t.same(owner.log, [])
  await turns(1)
  t.same(owner.log, ['end'])
  ended.destroy()
  await turns(1)
  t.same(owner.log, ['end', 'closed'])

  const later = new Owner()
  new ByteChannel(ended, later)
  t.same(later.log, [])
  await turns(1)
  t.same(later.log, ['closed'])

  const destroyed = new Duplex({ read() {} })
  destroyed.destroy()
  const last = new Owner()
  new ByteChannel(destroyed, last)
  await turns(1)
  t.same(last.log, ['closed'], 'once, when it is on its way already')
})

t.test('a socket gets no delay and no timeout of its own', async t => {
  const calls: unknown[] = []
  class Watched extends Socket {
    override setNoDelay(on?: boolean): this {
      calls.push(['noDelay', on])
      return this
    }
    override setTimeout(milliseconds: number): this {
      calls.push(['timeout', milliseconds])
      return this
    }
  }
  const socket = new Watched()
  new ByteChannel(socket, new Owner())
  t.same(calls, [
    ['noDelay', true],
    ['timeout', 0],
  ])
  socket.destroy()
})
