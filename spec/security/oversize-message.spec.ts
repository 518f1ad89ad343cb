/**
 * Messages without an end (S9): announced as too long, announced and not sent, or longer fragment by fragment. What is
 * kept is never more than what has come, nor than the limit.
 */
import t from 'tap'
import { BINARY } from '../support/raw-frames.ts'
import { besiege, FRONTS, framesAt, framesOf, HALF_OF_THE_FRONTS, inWords, pour } from '../support/victim.ts'

const MIB = 2 ** 20
/** The most that may be set: the longest string in Node 20. */
const MOST = 536_870_888
const LIMIT = 8 * MIB

for (const front of FRONTS) {
  const [role, carrier] = front

  t.test(`${carrier}: a ${role} is told of more than the limit: 1009 for the header alone`, async t => {
    const { victim, attacker } = await besiege(t, front, { options: { maxMessageSize: LIMIT } })
    attacker.send(framesAt(role, { opcode: BINARY, length: LIMIT + 1 }).subarray(0, 10))
    await attacker.until(() => framesOf(attacker, role).length > 0)
    t.equal(framesOf(attacker, role)[0]?.payload.readUInt16BE(), 1009)
    attacker.socket.end()
    t.same((await victim.ended(1)).ends, [['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1006]])
  })

  t.test(`${carrier}: a ${role} is told of 512 MiB, and gets ten bytes of it`, async t => {
    const { victim, attacker, before } = await besiege(t, front, { options: { maxMessageSize: MOST } })
    const [header, part] = [framesAt(role, { opcode: BINARY, length: MOST }), Buffer.alloc(10)]
    await pour(attacker, [header, part])
    const { held, peak } = await victim.call('measure')
    t.equal((await victim.call('account')).open, 1)
    t.comment(`${inWords(held - before.held)} held, ${inWords(peak - before.rss)} of RSS`)
    t.ok(held - before.held < MIB)
    t.ok(peak - before.rss < 32 * MIB)
  })
}

for (const front of HALF_OF_THE_FRONTS) {
  const [role, carrier] = front
  t.test(`${carrier}: a ${role} gets fragments until it is too much`, async t => {
    const { victim, attacker, before } = await besiege(t, front, { options: { maxMessageSize: LIMIT } })
    const part = (opcode: number) => framesAt(role, { opcode, fin: false, payload: Buffer.alloc(32_768) })
    await pour(attacker, [part(BINARY), ...Array(LIMIT / 32_768 - 1).fill(part(0))])
    const full = await victim.call('measure')
    t.equal((await victim.call('account')).open, 1, 'up to the limit')
    t.comment(`${inWords(full.held - before.held)} held for ${inWords(LIMIT)} of a message`)
    // The memory of a message doubles as it grows.
    t.ok(full.held - before.held < 2 * LIMIT + MIB)
    await pour(attacker, Array(1000).fill(part(0)))
    t.same((await victim.ended(1)).ends, [['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1006]])
    const after = await victim.call('measure')
    t.comment(
      `${inWords(after.peak - before.rss)} of RSS at the most; ${inWords(after.held - before.held)} afterwards`,
    )
    t.ok(after.held - before.held < MIB)
  })
}
