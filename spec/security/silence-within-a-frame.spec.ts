/**
 * Peers that fall silent in the middle (S12): half a header, half a payload, half a message, half a closing handshake. The
 * heartbeat and `closeTimeout` end that; a peer that drips is alive, and holds no more than a message.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { BINARY, CLOSE, closePayload, PING, TEXT } from '../support/raw-frames.ts'
import { attacked, besiege, FRONTS, framesAt, inWords } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const HEARTBEAT = { interval: 150, timeout: 150 }

for (const front of FRONTS) {
  const [role, carrier] = front
  const whole = framesAt(role, { opcode: TEXT, payload: 'x'.repeat(300) })
  const long = framesAt(role, { opcode: BINARY, payload: Buffer.alloc(70_000) })
  const deeds = {
    'a byte of a header': whole.subarray(0, 1),
    'half a length': whole.subarray(0, 3),
    'half a header of 64 bits': long.subarray(0, 7),
    'a header': whole.subarray(0, role === 'server' ? 8 : 4),
    'half a payload': whole.subarray(0, 100),
    'half a message': framesAt(role, { opcode: TEXT, fin: false, payload: 'x' }),
    'half a ping': framesAt(role, { opcode: PING, payload: 'x'.repeat(50) }).subarray(0, 20),
    'half a Close frame': framesAt(role, { opcode: CLOSE, payload: closePayload(1000, 'bye') }).subarray(0, 3),
  }

  t.test(`${carrier}: a ${role} is left waiting`, async t => {
    const causes = Object.entries(deeds).map(async ([deed, bytes]) => {
      const { connection, attacker } = await attacked(t, front, { heartbeat: HEARTBEAT })
      connection.on('message', () => {})
      attacker.send(bytes)
      const { detail, code } = await within(connection.closed, deed)
      return [deed, detail.cause, code]
    })
    t.same(
      await Promise.all(causes),
      Object.keys(deeds).map(deed => [deed, 'WS_ERR_HEARTBEAT_TIMEOUT', 1006]),
    )
  })

  t.test(`${carrier}: a ${role} that closes is left waiting, by silence or by drops`, async t => {
    for (const drips of [false, true]) {
      const { connection, attacker } = await attacked(t, front, { closeTimeout: 200 })
      connection.on('message', () => {})
      attacker.send(long.subarray(0, 50))
      connection.close(1000)
      const timer = setInterval(() => drips && attacker.socket.writable && attacker.send('x'), 20)
      const { detail } = await within(connection.closed, 'the end')
      clearInterval(timer)
      t.equal(detail.cause, 'WS_ERR_CLOSE_TIMEOUT')
    }
  })
}

t.test('who drips keeps the connection, at the cost of what has come', async t => {
  const heartbeat = { interval: 500, timeout: 1000 }
  const { victim, attacker, before } = await besiege(t, ['server', 'TCP'], { options: { heartbeat } })
  attacker.send(framesAt('server', { opcode: BINARY, length: 1_000_000 }))
  for (let n = 0; n < 40; n++) {
    attacker.send('x')
    await delay(50)
  }
  const { held } = await victim.call('measure')
  t.equal((await victim.call('account')).open, 1)
  t.comment(`${inWords(held - before.held)} held`)
  t.ok(held - before.held < 2 ** 20)
})
