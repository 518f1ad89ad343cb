/** Pings that wait for their Pong: which Pong answers which (RFC 6455 §5.5.3), how many may wait, how they end. */
import t from 'tap'
import { RoundTrips } from '../../lib/transport/round-trips.ts'
import { MEMORY, openAgainstRaw, openInMemory } from '../support/channels.ts'
import { readFrames } from '../support/raw-frames.ts'
import { turns } from '../support/waiting.ts'

/** What has come of the promises so far. */
function watch(promises: Record<string, Promise<number>>): Record<string, string> {
  const states: Record<string, string> = {}
  for (const [name, promise] of Object.entries(promises)) {
    promise.then(
      time => {
        states[name] = time >= 0 && time < 60_000 ? 'answered' : `${time}`
      },
      error => {
        states[name] = error.message
      },
    )
  }
  return states
}

t.test('a Pong answers the Ping with its payload, and those before it', async t => {
  const trips = new RoundTrips()
  const states = watch({
    a: trips.begin(Buffer.from('a')),
    b: trips.begin(Buffer.from('b')),
    c: trips.begin(Buffer.from('c')),
  })
  trips.end(Buffer.from('nobody'))
  await turns(1)
  t.same(states, {})
  trips.end(Buffer.from('b'))
  await turns(1)
  t.same(states, { a: 'answered', b: 'answered' })
  trips.end(Buffer.from('a'))
  await turns(1)
  t.same(states, { a: 'answered', b: 'answered' }, 'a late Pong is no harm')
  trips.fail(new Error('closed'))
  await turns(1)
  t.same(states, { a: 'answered', b: 'answered', c: 'closed' })
  trips.fail(new Error('closed'))
})

t.test('of equal payloads the newest is meant', async t => {
  const trips = new RoundTrips()
  const states = watch({ a: trips.begin(Buffer.alloc(0)), b: trips.begin(Buffer.alloc(0)) })
  trips.end(Buffer.alloc(0))
  await turns(1)
  t.same(states, { a: 'answered', b: 'answered' })
})

t.test('the time is the time', async t => {
  const trips = new RoundTrips()
  const started = performance.now()
  const trip = trips.begin(Buffer.from('a'))
  await new Promise(resolve => setTimeout(resolve, 30))
  trips.end(Buffer.from('a'))
  const time = await trip
  // A timer may fire a millisecond early.
  t.ok(time >= 28)
  t.ok(time <= performance.now() - started)
})

t.test('64 may wait, and one more is refused before anything is sent', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server')
  const chunks: Buffer[] = []
  peer.on('data', (chunk: Buffer) => chunks.push(chunk))
  const answers: Promise<unknown>[] = []
  for (let at = 0; at < 64; at++) answers.push(connection.ping(`${at}`).catch(error => error.code))
  await turns()
  t.throws(() => connection.ping('more'), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  await turns()
  const frames = readFrames(Buffer.concat(chunks))
  t.same(
    frames.map(({ payload }) => `${payload}`),
    Array.from({ length: 64 }, (_, at) => `${at}`),
  )
  connection.terminate()
  t.same(new Set(await Promise.all(answers)), new Set(['WS_ERR_CLOSED']))
})

t.test('a Ping that may not be sent does not wait', async t => {
  const { server, client } = openInMemory(t)
  let refused = 0
  for (let at = 0; at < 100; at++) {
    for (const payload of [Buffer.alloc(126), 7 as never]) {
      try {
        void server.ping(payload)
      } catch {
        refused++
      }
    }
  }
  t.equal(refused, 200)
  t.type(await server.ping(), 'number', 'none of them takes room')
  client.terminate()
})
