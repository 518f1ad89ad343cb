/** Messages that are nothing but overhead: a million fragments of one byte or none, or a byte for each segment (S8). */
import t from 'tap'
import { BINARY, TEXT } from '../support/raw-frames.ts'
import { besiege, framesAt, framesOf, HALF_OF_THE_FRONTS, inWords, pour } from '../support/victim.ts'

const MOST = 131_072

for (const [role, carrier] of HALF_OF_THE_FRONTS) {
  for (const payload of ['', 'x']) {
    t.test(`${carrier}: a ${role} that gets a million fragments of ${payload.length} bytes`, async t => {
      const { victim, attacker, before } = await besiege(t, [role, carrier])
      const first = framesAt(role, { opcode: TEXT, fin: false, payload })
      const next = framesAt(role, { opcode: 0, fin: false, payload })
      const thousand = Buffer.concat(Array.from({ length: 1000 }, () => next))
      await pour(attacker, [first, ...Array(131).fill(thousand), Buffer.concat(Array(71).fill(next))])
      const { held } = await victim.call('measure')
      t.equal((await victim.call('account')).open, 1, `${MOST} are a message that goes on`)
      t.comment(`${inWords(held - before.held)} held for ${MOST} fragments`)
      t.ok(held - before.held < 2 * 2 ** 20)
      await pour(attacker, Array(1000).fill(thousand))
      t.same((await victim.ended(1)).ends, [['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1006]])
      t.equal(framesOf(attacker, role).at(-1)?.payload.readUInt16BE(), 1008)
      const after = await victim.call('measure')
      t.comment(
        `${inWords(after.held - before.held)} held after a million, ${inWords(after.peak - before.rss)} of RSS`,
      )
      t.ok(after.held - before.held < 2 ** 20)
    })
  }

  t.test(`${carrier}: a ${role} that gets every byte in a segment of its own`, async t => {
    const { victim, attacker, before } = await besiege(t, [role, carrier], { options: { maxChunks: 100 } })
    attacker.socket.setNoDelay(true)
    attacker.send(framesAt(role, { opcode: BINARY, payload: Buffer.alloc(1000) }).subarray(0, 8))
    // The system may put some of them together.
    for (let sent = 0; sent < 900 && (await victim.call('account')).ends.length === 0; sent++) attacker.send('x')
    t.same((await victim.ended(1)).ends, [['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1006]])
    t.ok((await victim.call('measure')).held - before.held < 2 ** 20)
  })
}
