/**
 * What compression lets a stranger try beside bombs, which have a spec of their own: window sizes that zlib would throw at (S6), RSV1 where it means
 * nothing, data cut short (S30), and connections that go away while zlib is at work.
 */

import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { connect } from '../../lib/transport/client.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import { countJobs } from '../../lib/transport/zlib-jobs.ts'
import { framesTo, MEMORY, openAgainstRaw } from '../support/channels.ts'
import { runIsolated } from '../support/isolated.ts'
import { Random } from '../support/random.ts'
import { rawFrame, TEXT } from '../support/raw-frames.ts'
import { exchange, fieldOf, RawClient, rawServer, requestText } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

t.test(
  // [7692-7-2, 7692-7-6]
  'S6: window sizes that are none: the server declines, the client fails the handshake, nobody throws',
  async t => {
    const values = ['0', '7', '16', '1000000000', '""', '8x', '-9', '09']
    const server = new WebSocketServer({ perMessageDeflate: true })
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
    const wrong: string[] = []
    for (const name of ['server_max_window_bits', 'client_max_window_bits']) {
      for (const value of values) {
        const field = `permessage-deflate; ${name}=${value}`
        const client = new RawClient(Number(port))
        client.send(requestText({ 'Sec-WebSocket-Extensions': field }))
        await within(client.untilHead())
        // An empty quoted-string is malformed by the grammar of the field itself (RFC 6455 §9.1).
        const expected = value === '""' ? /^HTTP\/1.1 400/ : /^HTTP\/1.1 101/
        if (!expected.test(client.text) || fieldOf(client.text, 'Sec-WebSocket-Extensions') !== undefined)
          wrong.push(field)
        await client.destroy()
        const peer = await rawServer((socket, request) => {
          const accept = /Sec-WebSocket-Key: (.*)\r/.exec(request)?.[1] ?? ''
          void import('../../lib/websocket/handshake.ts').then(({ formatResponse }) => {
            const response = formatResponse({ key: accept }).replace(
              '\r\n\r\n',
              `\r\nSec-WebSocket-Extensions: ${field}\r\n\r\n`,
            )
            socket.write(response)
          })
        })
        const outcome = await connect(`ws://127.0.0.1:${peer.port}`, { perMessageDeflate: true }).catch(
          error => error.code,
        )
        if (outcome !== 'WS_ERR_HANDSHAKE_EXTENSIONS') wrong.push(`response ${field}: ${outcome}`)
        await peer.close()
      }
    }
    t.same(wrong, [])
    await server.close()
  },
)

t.test('S30: RSV1 without the extension, from a client and from a server [6455-5.8-1]', async t => {
  const server = new WebSocketServer()
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
  const closed = new Promise<unknown>(resolve =>
    server.on('connection', async connection => resolve((await connection.closed).detail.cause)),
  )
  const frame = rawFrame({ opcode: TEXT, rsv: 4, mask: [0, 0, 0, 0], payload: 'x' })
  const extensions = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
  const text = requestText(extensions)
  await within(exchange(Number(port), Buffer.concat([Buffer.from(text, 'latin1'), frame])))
  t.equal(await within(closed), 'WS_ERR_UNEXPECTED_RSV_1')
  await server.close()
})

t.test('S30: a message sent with compress: false is as long whatever is in it', async t => {
  const { connection, peer } = await openAgainstRaw(
    t,
    MEMORY,
    'server',
    {},
    { threshold: 0, serverContextTakeover: true },
  )
  const sizes: number[] = []
  peer.on('data', chunk => sizes.push(chunk.length))
  const guesses = ['token=0000', 'token=1234', 'token=9999']
  for (const guess of guesses) {
    connection.send(`secret token=1234; you searched for ${guess}`, { compress: false })
    await turns(5)
  }
  t.equal(new Set(sizes).size, 1)
})

t.test('thousands of small compressed messages in one chunk', async t => {
  const { connection, peer } = await openAgainstRaw(t, MEMORY, 'server', {}, {})
  let received = 0
  connection.on('message', () => received++)
  const data = deflateRawSync('x', { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const one = framesTo('server', { opcode: TEXT, rsv: 4, payload: data })
  peer.write(Buffer.concat(Array.from({ length: 5000 }, () => one)))
  await until(() => received === 5000)
})

t.test('10,000 connections that go away while they inflate leave nothing behind', { timeout: 60_000 }, async t => {
  const data = deflateRawSync(new Random().bytes(70_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const frame = framesTo('server', { opcode: 2, rsv: 4, payload: data })
  const outcome = await runIsolated<unknown, string>(async ({ channels, memory, uncaught }, frame) => {
    const bytes = Buffer.from(frame, 'base64')
    let closed = 0
    let told = 0
    const grown: number[] = []
    for (let round = 0; round < 20; round++) {
      const ends = Array.from({ length: 500 }, (_, n) => {
        const { server, client } = memory.memoryChannel({ capacity: 1_000_000 })
        client.on('error', () => {})
        const scope = { teardown: () => {} }
        const agreement = channels.agreementOn({ clientContextTakeover: true, serverContextTakeover: true })
        const connection = channels.connectionOn(scope, server, 'server', {}, agreement)
        connection.on('message', () => told++)
        void connection.closed.then(() => closed++)
        client.write(bytes)
        return { connection, client, n }
      })
      for (let turn = 0; turn < 12; turn++) await new Promise(resolve => setImmediate(resolve))
      for (const { connection, client, n } of ends) {
        if (n % 3 === 0) connection.terminate()
        else if (n % 3 === 1) client.destroy()
        else connection.close(1001)
      }
      while (closed < (round + 1) * 500 - 167) await new Promise(resolve => setTimeout(resolve, 1))
      for (const { client } of ends) client.destroy()
      while (closed < (round + 1) * 500) await new Promise(resolve => setTimeout(resolve, 1))
      grown.push(process.memoryUsage.rss())
    }
    return {
      closed,
      told: told > 0 && told < 10_000,
      uncaught: uncaught.length,
      growth: (grown[19]! - grown[9]!) / 2 ** 20,
    }
  }, frame.toString('base64'))
  t.match(outcome.result, { closed: 10_000, told: true, uncaught: 0 })
  t.same(outcome.handles, [], outcome.stderr)
  t.equal(outcome.exitCode, 0)
  const { growth = Infinity } = (outcome.result ?? {}) as { growth?: number }
  t.ok(growth < 50, `RSS grew by ${growth.toFixed(1)} MiB over the last 5,000`)
  t.same(countJobs(), { running: 0, waiting: 0 })
})
