/**
 * Nobody is flooded: a consumer that is slow, or that has paused, slows the peer down; a sender is told when to wait,
 * and given up when it does not; all that is sent in one turn leaves in one write; and a peer that pings without
 * reading costs no memory.
 */
import { once } from 'node:events'
import t from 'tap'
import { CHANNELS, connectionOn, MEMORY, openAgainstRaw, openInMemory, openPair } from '../support/channels.ts'
import { type MemoryStream, memoryChannel } from '../support/memory-channel.ts'
import { Random } from '../support/random.ts'
import { MASK, PING, PONG, rawFrame, readFrames, TEXT } from '../support/raw-frames.ts'
import { outcome, turns, until, within } from '../support/waiting.ts'

// What DEFLATE cannot make much of, so that it is as much on every channel.
const PIECE = new Random().bytes(49_152).toString('base64')

for (const channel of CHANNELS) {
  t.test(channel.name, async t => {
    for (const role of ['server', 'client'] as const) {
      t.test(`a ${role} that works on a message in for await slows its peer down`, async t => {
        const pair = await openPair(t, channel)
        const [consumer, sender] = role === 'server' ? [pair.server, pair.client] : [pair.client, pair.server]
        const stream = pair.ends[role]
        const count = 200
        for (let at = 0; at < count; at++) sender.send(`${at} ${PIECE}`)
        let received = 0
        for await (const message of consumer) {
          if (!message.toString().startsWith(`${received++} `)) t.fail(`${received} is out of order`)
          if (received === 3) {
            // Until what is on its way has filled all that lies between.
            let waiting = -1
            while (waiting !== sender.bufferedAmount) {
              waiting = sender.bufferedAmount
              await turns(300)
            }
            t.ok(waiting > 1_000_000, 'the peer is left with what it sent')
            t.ok(stream.readableLength <= 200_000, 'and we hold little of it')
          }
          if (received === count) break
        }
        t.equal(received, count)
        await until(() => sender.bufferedAmount === 0)
      })
    }

    t.test('pause holds messages back, resume goes on with them', async t => {
      const { server, client } = await openPair(t, channel)
      const received: string[] = []
      server.on('message', message => {
        received.push(`${message}`)
        if (received.length % 3 === 0) server.pause()
      })
      const messages = Array.from({ length: 20 }, (_, at) => `${at}`)
      for (const message of messages) client.send(message)
      for (let resumed = 1; resumed <= 6; resumed++) {
        await until(() => received.length === 3 * resumed)
        await turns()
        t.equal(received.length, 3 * resumed, 'paused within the chunk')
        server.resume()
        t.equal(received.length, 3 * resumed, 'not within the call')
      }
      await until(() => received.length === 20)
      t.same(received, messages)
    })

    t.test('a paused connection slows its peer down', async t => {
      const { server, client, ends } = await openPair(t, channel)
      let received = 0
      server.on('message', () => received++)
      server.pause()
      for (let at = 0; at < 200; at++) client.send(PIECE)
      let waiting = -1
      while (waiting !== client.bufferedAmount) {
        waiting = client.bufferedAmount
        await turns(300)
      }
      t.ok(waiting > 1_000_000)
      t.equal(received, 0)
      t.ok(ends.server.readableLength <= 200_000)
      server.resume()
      await until(() => received === 200)
    })

    for (const highWaterMark of [0, 100, 16_384, 65_536, 1_000_000]) {
      t.test(`above a high-water mark of ${highWaterMark} send is false until drain`, async t => {
        const { server, client } = await openPair(t, channel, {
          server: { highWaterMark },
          client: { maxMessageSize: 10_000_000 },
        })
        const log: string[] = []
        let received = 0
        let sent = Math.max(0, highWaterMark - 20)
        client.on('message', message => (received += message.length))
        server.on('drain', () => log.push(`drain ${server.bufferedAmount <= highWaterMark}`))
        // A frame has a header of two bytes at least.
        t.equal(server.send('x'.repeat(sent)), highWaterMark > 0)
        await until(() => server.bufferedAmount === 0)
        await turns(5)
        if (highWaterMark > 0) t.same(log, [], 'nobody was told to wait')
        for (let round = 1; round <= 3; round++) {
          log.length = 0
          // The system takes some megabytes at once, and then nobody has to wait.
          do sent += 300_000
          while (server.send(Buffer.alloc(300_000)))
          t.ok(server.bufferedAmount > highWaterMark)
          const drained = server.drained().then(() => log.push('drained'))
          await within(drained, `drained in round ${round}`)
          await until(() => log.length === 2)
          t.same(log.toSorted(), ['drain true', 'drained'])
          t.equal(await outcome(server.drained()), 'resolved', 'at once when nothing waits')
        }
        await until(() => received === sent)
        t.equal(server.bufferedAmount, 0)
      })
    }

    t.test('a peer that does not read leaves drained pending, and costs no more than maxBufferedAmount', async t => {
      const settings = { maxBufferedAmount: 2_000_000 }
      const { connection, peer } = await openAgainstRaw(t, channel, 'server', settings)
      peer.pause()
      const chunk = Buffer.alloc(100_000)
      // Until the system takes no more.
      for (let waiting = -1; waiting !== connection.bufferedAmount || waiting < 500_000; await turns(200)) {
        waiting = connection.bufferedAmount
        if (waiting < 500_000) connection.send(chunk)
      }
      const drained = within(connection.drained()).then(
        () => 'drained',
        error => error.code,
      )
      let most = 0
      while (connection.state === 'open') {
        connection.send(chunk)
        most = Math.max(most, connection.bufferedAmount)
      }
      t.ok(most <= 2_000_000 + 2 * 100_020, `${most}`)
      const record = await within(connection.closed)
      t.match(record.detail, { by: 'local', cause: 'WS_ERR_OUTPUT_LIMIT' })
      t.ok(record.detail.buffered > 1_900_000, 'what was lost')
      t.equal(await drained, 'WS_ERR_CLOSED')
    })
  })
}

t.test('one message above maxBufferedAmount is fine, one more is not', async t => {
  const { connection } = await openAgainstRaw(t, MEMORY, 'server', { maxBufferedAmount: 1000 })
  t.equal(connection.send('x'.repeat(5000)), false)
  t.equal(connection.state, 'open')
  t.equal(connection.send('x'), false)
  t.match((await within(connection.closed)).detail, { cause: 'WS_ERR_OUTPUT_LIMIT', buffered: 5004 })
})

t.test('what was thrown away with the transport has not been drained', async t => {
  for (const how of ['terminate', 'too much'] as const) {
    const settings = { highWaterMark: 100, maxBufferedAmount: 1000 }
    const { server } = openInMemory(t, {}, { server: settings })
    let drains = 0
    server.on('drain', () => drains++)
    server.send('x'.repeat(2000))
    const drained = server.drained().catch(error => error.code)
    // The stream has the bytes, and will have taken them by the time that it is closed.
    await new Promise(resolve => process.nextTick(resolve))
    if (how === 'terminate') server.terminate()
    else server.send('x')
    t.equal(await within(drained), 'WS_ERR_CLOSED', how)
    t.equal(drains, 0)
  }
})

t.test('what waits behind a message in fragments counts for maxBufferedAmount', async t => {
  const { connection } = await openAgainstRaw(t, MEMORY, 'server', { maxBufferedAmount: 1_000_000 })
  const never = async function* () {
    yield 'first'
    await new Promise(() => {})
  }
  const sending = connection.sendFragments(never()).catch(error => error.code)
  for (let at = 0; at < 100 && connection.state === 'open'; at++) connection.send(Buffer.alloc(100_000))
  t.match((await within(connection.closed)).detail, { cause: 'WS_ERR_OUTPUT_LIMIT' })
  t.equal(await within(sending), 'WS_ERR_CLOSED')
})

t.test('drain is for those who were told to wait', async t => {
  const { server, client } = await openPair(t, MEMORY)
  let drains = 0
  server.on('drain', () => drains++)
  client.on('message', () => {})
  for (let at = 0; at < 10; at++) {
    t.equal(server.send('x'.repeat(1000)), true)
    await turns(5)
  }
  t.equal(drains, 0)
})

/** Frames in each write of a stream. */
function framesWritten(stream: MemoryStream): number[] {
  return stream.writes.map(bytes => readFrames(bytes).length)
}

t.test('all that is sent while one chunk is handled leaves in one write', async t => {
  const { server, client, line } = openInMemory(t)
  server.on('message', message => {
    server.send(message)
    server.send(`${message} again`)
    void server.ping()
  })
  const echoes: unknown[] = []
  client.on('message', message => echoes.push(message))
  for (let round = 1; round <= 3; round++) {
    line.server.writes.length = 0
    for (let at = 0; at < 50; at++) client.send(`${at}`)
    await until(() => echoes.length === round * 100)
    await turns()
    t.same(framesWritten(line.server), [150])
  }
})

t.test('the same for pongs', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server')
  connection.on('ping', () => void connection.send('answer'))
  const chunks: Buffer[] = []
  peer.on('data', (chunk: Buffer) => chunks.push(chunk))
  peer.write(Buffer.concat(Array.from({ length: 100 }, () => rawFrame({ opcode: PING, mask: MASK, payload: 'p' }))))
  await until(() => chunks.length > 0)
  await turns()
  t.same(
    chunks.map(chunk => readFrames(chunk).length),
    [200],
  )
})

t.test('all that is sent within one tick leaves in one write, each connection for itself', async t => {
  const pairs = Array.from({ length: 3 }, () => openInMemory(t))
  for (let at = 0; at < 20; at++) {
    for (const { server, client } of pairs) {
      server.send(`text ${at}`)
      client.send(Buffer.alloc(at))
      void client.ping(`${at}`)
    }
  }
  for (const { server, client } of pairs) {
    server.close(1000)
    server.on('message', () => {})
    client.on('message', () => {})
  }
  t.ok(
    pairs.every(({ line }) => line.server.writes.length === 0),
    'not within the call',
  )
  await Promise.all(pairs.map(({ server }) => within(server.closed)))
  for (const { line } of pairs) {
    t.equal(framesWritten(line.server)[0], 21)
    t.equal(framesWritten(line.client)[0], 40)
  }
})

t.test('a large message goes in one write with what stands before it', async t => {
  const { server, client, line } = openInMemory(t, { capacity: 1_000_000 })
  client.on('message', () => {})
  server.send('small')
  server.send(Buffer.alloc(200_000))
  t.equal(line.server.writes.length, 1, 'at once: waiting would not make it cheaper')
  server.send('behind')
  await turns()
  t.same(framesWritten(line.server), [2, 1])
})

t.test('a peer that pings and does not read costs no memory, and gets the newest pong', async t => {
  for (const highWaterMark of [1000, 65_536]) {
    const line = memoryChannel({ capacity: 1000 })
    const server = connectionOn(t, line.server, 'server', { highWaterMark })
    let pings = 0
    server.on('ping', () => pings++)
    line.client.stall()
    for (let at = 0; at < 20_000; at++) line.client.write(rawFrame({ opcode: PING, mask: MASK, payload: `${at}` }))
    let most = 0
    await until(() => {
      most = Math.max(most, server.bufferedAmount)
      return pings === 20_000
    })
    t.ok(most <= highWaterMark + 70_000, `${most}: the mark, and the pongs of one chunk`)
    let bytes = Buffer.alloc(0)
    line.client.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])))
    line.client.unstall()
    await until(() => bytes.includes('19999'))
    const frames = readFrames(bytes)
    t.ok(frames.every(({ opcode }) => opcode === PONG))
    const numbers = frames.map(({ payload }) => Number(payload))
    t.same(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in order',
    )
    t.ok(frames.length < 20_000)
  }
})

t.test('a pong that is owed is sent once the way is free, with a mark below that of the stream', async t => {
  for (const channel of CHANNELS) {
    const { connection, peer } = await openAgainstRaw(t, channel, 'server', { highWaterMark: 10 })
    connection.on('message', () => connection.send('x'.repeat(1000)))
    let bytes = Buffer.alloc(0)
    peer.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])))
    const text = rawFrame({ opcode: TEXT, mask: MASK, payload: 'a' })
    peer.write(Buffer.concat([text, rawFrame({ opcode: PING, mask: MASK, payload: 'first' })]))
    await once(connection, 'ping')
    peer.write(rawFrame({ opcode: PING, mask: MASK, payload: 'second' }))
    await until(() => bytes.includes('second'), channel.name)
  }
})
