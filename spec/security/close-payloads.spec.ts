/**
 * Close frames with every code, with payloads of every length, with reasons that are no text, twice, and with frames
 * behind them (S17): the connection ends once, tells once, and acts on nothing behind the end.
 */
import t from 'tap'
import { CLOSE, closePayload, PING, TEXT } from '../support/raw-frames.ts'
import { attacked, CARRIERS, FRONTS, framesAt, framesOf } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const MAY_BE_SENT = (code: number) =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
const CODES = [
  ...[0, 1, 999, 1015, 1016, 1100, 1999, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 32_768, 65_535],
  ...Array.from({ length: 15 }, (_, n) => 1000 + n),
]

/** Payloads, and what is answered: a code, or 0 for a Close frame without one. */
const PAYLOADS: readonly (readonly [what: string, payload: Buffer, answer: number])[] = [
  ['nothing', Buffer.alloc(0), 0],
  ['one byte', Buffer.of(3), 1002],
  ['a reason of 123 bytes', closePayload(1000, 'x'.repeat(123)), 1000],
  ['a reason that is no text', closePayload(1000, Buffer.from('c3', 'hex')), 1007],
  ['a reason with a surrogate', closePayload(1000, Buffer.from('eda080', 'hex')), 1007],
  ['an overlong reason', closePayload(1000, Buffer.from('c080', 'hex')), 1007],
  ['124 bytes of reason', closePayload(1000, 'x'.repeat(124)), 1002],
  ['a reason with a NUL and a line break', closePayload(1000, '\0\r\n'), 1000],
  ...CODES.map(code => [`code ${code}`, closePayload(code), MAY_BE_SENT(code) ? code : 1002] as const),
]

for (const front of FRONTS) {
  const [role, carrier] = front
  t.test(`${carrier}: what a ${role} answers`, async t => {
    const wrong: unknown[] = []
    const judge = async ([what, payload, answer]: (typeof PAYLOADS)[number]) => {
      const { connection, attacker } = await attacked(t, front)
      const told: string[] = []
      connection.on('message', () => told.push('message')).on('ping', () => told.push('ping'))
      let closes = 0
      connection.on('close', () => closes++)
      const behind = [
        { opcode: TEXT, payload: 'behind' },
        { opcode: PING, payload: 'behind' },
        { opcode: CLOSE, payload: closePayload(4999) },
        { opcode: 15 },
      ]
      attacker.send(framesAt(role, { opcode: CLOSE, payload }, ...behind))
      await attacker.until(() => framesOf(attacker, role).length > 0)
      attacker.socket.end()
      const { code, wasClean } = await within(connection.closed, what)
      const frames = framesOf(attacker, role)
      const sent = frames[0]?.payload.length ? frames[0].payload.readUInt16BE() : 0
      const isViolation = answer === 1002 || answer === 1007
      const isExpected = isViolation && !what.includes(String(answer)) ? code === 1006 && !wasClean : wasClean
      if (sent !== answer || frames.length !== 1 || told.length > 0 || closes !== 1 || !isExpected) {
        wrong.push({ what, sent, frames: frames.length, told, closes, code, wasClean })
      }
    }
    for (let at = 0; at < PAYLOADS.length; at += 10) await Promise.all(PAYLOADS.slice(at, at + 10).map(judge))
    t.same(wrong, [])
  })
}

for (const carrier of CARRIERS) {
  t.test(`${carrier}: what stands behind a violation, or behind our own Close frame, is read by nobody`, async t => {
    const { connection, attacker } = await attacked(t, ['server', carrier])
    const told: unknown[] = []
    connection.on('message', data => told.push(data)).on('ping', () => told.push('ping'))
    attacker.send(framesAt('server', { opcode: 3 }, { opcode: TEXT, payload: 'a' }, { opcode: PING }))
    await attacker.until(() => framesOf(attacker, 'server').length > 0)
    for (let n = 0; n < 100; n++) attacker.send(framesAt('server', { opcode: TEXT, payload: 'b' }, { opcode: PING }))
    attacker.socket.end()
    const { detail } = await within(connection.closed)
    t.equal(detail.cause, 'WS_ERR_INVALID_OPCODE')
    t.same(told, [])
    t.equal(framesOf(attacker, 'server').length, 1)
  })
}
