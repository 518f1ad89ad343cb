/** A peer that pings without end and reads none of the pongs (S10): only the newest is owed to it (RFC 6455 §5.5.3). */
import t from 'tap'
import { PING, PONG } from '../support/raw-frames.ts'
import { besiege, FRONTS, framesAt, framesOf, inWords, pour } from '../support/victim.ts'

for (const front of FRONTS) {
  const [role, carrier] = front
  t.test(`${carrier}: a ${role} that is pinged by one who does not read`, async t => {
    const { victim, attacker, before } = await besiege(t, front, { reads: false })
    const payload = Buffer.alloc(125)
    const many = Buffer.concat(Array(250).fill(framesAt(role, { opcode: PING, payload })))
    const poured = await pour(attacker, Array(400).fill(many))
    await pour(attacker, [framesAt(role, { opcode: PING, payload: 'the last' })])
    const { held, peak } = await victim.call('measure')
    t.comment(
      `${inWords(held - before.held)} held, ${inWords(peak - before.rss)} of RSS, for ${inWords(poured)} of pings`,
    )
    t.ok(held - before.held < 2 ** 20)
    t.equal((await victim.call('account')).open, 1)
    attacker.socket.resume()
    await attacker.until(text => text.endsWith('the last') || role === 'client')
    while (role === 'client' && framesOf(attacker, role).at(-1)?.payload.toString() !== 'the last') {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const pongs = framesOf(attacker, role)
    t.match(pongs.at(-1), { opcode: PONG, fin: true })
    t.ok(pongs.length < 100_000, `${pongs.length} pongs for 100,001 pings`)
  })
}
