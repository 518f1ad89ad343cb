/**
 * A peer that never reads, while the application sends and waits for nobody (S11): it costs `maxBufferedAmount`, and then
 * its connection. One that waits, as it is told to, costs `highWaterMark`: see spec/behaviour/flow-control.spec.ts.
 */
import t from 'tap'
import { certificates } from '../support/certificate.ts'
import { BINARY } from '../support/raw-frames.ts'
import { RawClient } from '../support/raw-socket.ts'
import {
  besiege,
  CARRIERS,
  clientTls,
  FRONTS,
  framesAt,
  HALF_OF_THE_FRONTS,
  inWords,
  pour,
  Victim,
} from '../support/victim.ts'

const MIB = 2 ** 20

for (const front of FRONTS) {
  const [role, carrier] = front

  t.test(`${carrier}: a ${role} sends to one who does not read`, async t => {
    const { victim, before } = await besiege(t, front, { doing: 'flood', reads: false })
    await victim.call('begin')
    t.same((await victim.ended(1)).ends, [['WS_ERR_OUTPUT_LIMIT', 1006]])
    const { held, peak } = await victim.call('measure')
    t.comment(`${inWords(peak - before.rss)} of RSS at the most; ${inWords(held - before.held)} afterwards`)
    t.ok(peak - before.rss < 3 * 16 * MIB + 64 * MIB)
    t.ok(held - before.held < MIB)
  })
}

for (const front of HALF_OF_THE_FRONTS) {
  const [role, carrier] = front
  t.test(`${carrier}: a ${role} that echoes to one who sends and does not read`, async t => {
    const { victim, attacker, before } = await besiege(t, front, {
      doing: 'echo',
      reads: false,
      options: { maxBufferedAmount: 4 * MIB },
    })
    const message = framesAt(role, { opcode: BINARY, payload: Buffer.alloc(60_000) })
    await pour(attacker, Array(1000).fill(message))
    t.same((await victim.ended(1)).ends, [['WS_ERR_OUTPUT_LIMIT', 1006]])
    const { held, peak } = await victim.call('measure')
    t.comment(`${inWords(peak - before.rss)} of RSS at the most; ${inWords(held - before.held)} afterwards`)
    t.ok(peak - before.rss < 3 * 4 * MIB + 64 * MIB)
    t.ok(held - before.held < MIB)
  })
}

for (const carrier of CARRIERS) {
  t.test(`${carrier}: an event stream whose client does not read`, async t => {
    const victim = Victim.start(t)
    const tls = carrier === 'TLS' ? { tls: certificates().local } : {}
    const port = await victim.call('serve', { options: {}, doing: 'flood', ...tls })
    const before = await victim.call('measure')
    const client = new RawClient(Number(port), clientTls(carrier)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    t.teardown(() => client.destroy())
    await client.untilHead()
    client.socket.pause()
    await victim.call('begin')
    t.same((await victim.ended(1)).ends, [['ERR_EVENT_STREAM_OUTPUT_LIMIT', 0]])
    const { held, peak } = await victim.call('measure')
    t.comment(`${inWords(peak - before.rss)} of RSS at the most; ${inWords(held - before.held)} afterwards`)
    t.ok(peak - before.rss < 64 * MIB)
    t.ok(held - before.held < MIB)
  })
}
