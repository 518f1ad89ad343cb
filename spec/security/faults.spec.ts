/**
 * What goes wrong without an attacker, or is his last resort: no file descriptors left, a connection that breaks while it
 * is written to, a buffer that is full, a listener that throws, a hook that never answers. Each has one outcome, with a
 * name, and costs nobody else anything. Faults of every single operation: spec/behaviour/faults.spec.ts.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { connect, type Refusal, WebSocketServer } from 'wirewright'
import { RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { acceptText, attacked, bareServer, besiege, FRONTS, Victim } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const isWindows = process.platform === 'win32'

t.test(
  'EMFILE on accept: the client is turned away, those who are in stay, and the next is served',
  { skip: isWindows },
  async t => {
    const victim = Victim.start(t, 60)
    const port = Number(await victim.call('serve', { options: {}, doing: 'echo' }))
    const clients = Array.from({ length: 100 }, () => new RawClient(port).send(requestText()))
    await Promise.all(clients.map(client => within(client.untilHead(), 'an answer or an end')))
    const isIn = clients.filter(client => client.text.startsWith('HTTP/1.1 101'))
    t.comment(`${isIn.length} of 100 are in`)
    t.ok(isIn.length > 10 && isIn.length < 60)
    const { open, uncaught } = await victim.call('account')
    t.equal(open, isIn.length)
    t.same(uncaught, [])
    await Promise.all(clients.map(client => client.destroy()))
    t.equal((await victim.ended(isIn.length)).open, 0)
    const next = new RawClient(port).send(requestText())
    await within(next.untilHead(), 'an answer')
    t.equal(readAnswer(next.text).status, 101)
    await next.destroy()
  },
)

t.test('EMFILE on connect: it rejects with that, and works once there is room', { skip: isWindows }, async t => {
  const victim = Victim.start(t, 60)
  const server = await bareServer(t, 'TCP', (socket, request) => socket.write(acceptText(request)))
  const parameter = { url: `ws://127.0.0.1:${server.port}/`, options: {}, doing: 'listen' as const }
  const outcomes: string[] = []
  for (let n = 0; n < 70 && outcomes.at(-1) !== 'EMFILE'; n++) {
    const outcome = victim.call('connect', parameter)
    outcomes.push(
      await outcome.then(
        () => 'open',
        ({ message }) => /EMFILE/.exec(message)?.[0] ?? message,
      ),
    )
  }
  t.same(new Set(outcomes), new Set(['open', 'EMFILE']))
  for (const socket of server.sockets) socket.destroy()
  await victim.ended(outcomes.length - 1)
  await victim.call('connect', parameter)
  const { open, uncaught } = await victim.call('account')
  t.equal(open, 1)
  t.same(uncaught, [])
})

for (const front of FRONTS) {
  const [role, carrier] = front

  t.test(`${carrier}: ECONNRESET or EPIPE while a ${role} writes`, async t => {
    const options = { maxBufferedAmount: 2 ** 28 }
    const { victim, attacker } = await besiege(t, front, { doing: 'flood', options })
    await victim.call('begin')
    await attacker.until(text => text.length > 200_000)
    if (carrier === 'TCP') attacker.socket.resetAndDestroy()
    else attacker.socket.destroy()
    const { ends, uncaught } = await victim.ended(1)
    t.match(ends, [[/^(ECONNRESET|EPIPE)$/, 1006]])
    t.same(uncaught, [])
  })

  t.test(`${carrier}: a full buffer: a ${role} is told to wait, and told when it is over`, async t => {
    const { connection, attacker } = await attacked(t, front)
    attacker.socket.pause()
    let sent = 0
    for (; connection.send(Buffer.alloc(65_536)); sent++) await delay(1)
    const { bufferedAmount } = connection
    t.ok(bufferedAmount > 65_536 && bufferedAmount < 200_000, `${bufferedAmount} bytes wait`)
    const drained = connection.drained()
    attacker.socket.resume()
    await within(drained, 'drained')
    await within(
      attacker.until(text => text.length > (sent + 1) * 65_536),
      'all that was sent',
    )
    t.equal(connection.state, 'open')
  })
}

t.test('a listener that throws: the process is told, and the others go on', async t => {
  const victim = Victim.start(t)
  const port = Number(await victim.call('serve', { options: {}, doing: 'throw' }))
  const open = async () => {
    const client = new RawClient(port).send(requestText())
    t.teardown(() => client.destroy())
    await within(client.untilHead(), 'the 101')
    return client
  }
  const [first, second] = [await open(), await open()]
  // 'x', masked with nothing.
  for (const client of [first, second, first]) client.send(Buffer.from('81810000000078', 'hex'))
  for (let n = 0; n < 500 && (await victim.call('account')).uncaught.length < 3; n++) await delay(5)
  const account = await victim.call('account')
  t.same(account.uncaught, ['a listener', 'a listener', 'a listener'])
  t.equal(account.open, 2)
})

t.test('a hook that never settles: 503 for its client, and for nobody else', async t => {
  const refusals: Refusal[] = []
  const server = new WebSocketServer({
    handshakeTimeout: 200,
    authorize: ({ url }) => (url === '/never' ? new Promise<never>(() => {}) : true),
  })
  server.on('refused', refusal => refusals.push(refusal))
  const { port = 0 } = await server.listen({ host: '127.0.0.1' })
  const never = new RawClient(port).send(requestText({}, 'GET /never HTTP/1.1'))
  const other = await connect(`ws://127.0.0.1:${port}/`)
  await within(never.ended, 'the end')
  t.equal(readAnswer(never.text).status, 503)
  t.equal(refusals.length, 1)
  t.equal(other.state, 'open')
  await never.destroy()
  other.terminate()
  await server.close()
})
