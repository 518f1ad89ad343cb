/**
 * Text that is none (S18), anywhere: refused at its first bad byte, while the rest of the message has still to come. What
 * is sent of ours is always text.
 */
import t from 'tap'
import { CLOSE, TEXT } from '../support/raw-frames.ts'
import { attacked, FRONTS, framesAt, framesOf } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const BAD = [
  '80',
  'c0',
  'c1bf',
  'e0',
  'e09f',
  'ed',
  'eda0',
  'f0',
  'f08f',
  'f4',
  'f490',
  'f5',
  'ff',
  'c3',
  'e282',
  'f09f98',
]
/** Whether it is bad as it stands, or only if no continuation follows. */
const isOpen = (hex: string) => ['e0', 'ed', 'f0', 'f4', 'c3', 'e282', 'f09f98'].includes(hex)

for (const front of FRONTS) {
  const [role, carrier] = front
  t.test(`${carrier}: a ${role} fails at the first bad byte`, async t => {
    const wrong: unknown[] = []
    const judge = async (before: string, hex: string, isSplit: boolean) => {
      const { connection, attacker } = await attacked(t, front)
      let messages = 0
      connection.on('message', () => messages++)
      const bytes = Buffer.concat([Buffer.from(before), Buffer.from(hex + (isOpen(hex) ? '20' : ''), 'hex')])
      // 1,000 bytes are announced, or another fragment is: neither comes.
      const payload = Buffer.concat([bytes, Buffer.alloc(1000 - bytes.length)])
      const header = role === 'server' ? 8 : 4
      if (isSplit) {
        for (const [at, byte] of bytes.entries()) {
          attacker.send(framesAt(role, { opcode: at === 0 ? TEXT : 0, fin: false, payload: Buffer.of(byte) }))
        }
      } else {
        attacker.send(framesAt(role, { opcode: TEXT, payload }).subarray(0, header + bytes.length))
      }
      await within(
        attacker.until(() => framesOf(attacker, role).length > 0),
        `${before.length} ${hex}`,
      )
      const [close] = framesOf(attacker, role)
      const code = close?.opcode === CLOSE && close.payload.readUInt16BE()
      if (code !== 1007 || messages > 0) wrong.push({ before: before.length, hex, isSplit, code })
      connection.terminate()
      await attacker.destroy()
    }
    for (const hex of BAD) {
      const all = ['', 'a', 'é', 'x'.repeat(100), '😀'.repeat(50)].flatMap(before => [
        judge(before, hex, false),
        judge(before, hex, true),
      ])
      await Promise.all(all)
    }
    t.same(wrong, [])
  })

  t.test(`${carrier}: a ${role} sends U+FFFD for what has no encoding`, async t => {
    const { connection, attacker } = await attacked(t, front)
    const halves = ['\ud800', '\udc00', 'a\ud83d', '\ude00b', '\udc00\ud800', '\ud800'.repeat(5000)]
    for (const text of halves) connection.send(text)
    await attacker.until(() => framesOf(attacker, role).length === halves.length)
    const decoder = new TextDecoder('utf-8', { fatal: true })
    t.same(
      framesOf(attacker, role).map(({ payload }) => decoder.decode(payload)),
      halves.map(text => Buffer.from(text).toString()),
    )
    for (const text of ['\ud800', 'x\udfff']) connection.close(1000, text)
    await attacker.until(() => framesOf(attacker, role).at(-1)?.opcode === CLOSE)
    t.equal(framesOf(attacker, role).at(-1)?.payload.subarray(2).toString(), '\ufffd')
  })
}
