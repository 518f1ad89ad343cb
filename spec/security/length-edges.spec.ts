/**
 * Every opcode with every length at which something overflows, is signed, is too long or is written too long (S7): judged
 * as the RFC has it, by the bytes of the length alone, before the masking key and before a byte of payload.
 */
import t, { type Test } from 'tap'
import { CLOSE, closePayload, PING, PONG } from '../support/raw-frames.ts'
import { attacked, FRONTS, framesAt, framesOf } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const MAX = 1_048_576
const LENGTHS: readonly (readonly [extended: 0 | 2 | 8, length: bigint])[] = [
  ...[0n, 1n, 125n].map(length => [0, length] as const),
  ...[0n, 125n, 126n, 65_535n].map(length => [2, length] as const),
  ...[0n, 126n, 65_535n, 65_536n].map(length => [8, length] as const),
  ...[MAX - 1, MAX, MAX + 1].map(length => [8, BigInt(length)] as const),
  // What wraps around in 31, 32, 53, 63 and 64 bits, and what is small modulo 2^32.
  ...[31n, 32n, 53n, 62n, 63n]
    .flatMap(bits => [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n])
    .map(n => [8, n] as const),
  [8, 2n ** 64n - 1n],
]
const OPCODES = [0, 1, 2, 3, 8, 9, 10, 15]

/** The close code, or what a frame that is right brings about. */
function expected(opcode: number, extended: 0 | 2 | 8, length: bigint): string {
  if (![1, 2, 8, 9, 10].includes(opcode)) return '1002' // unknown, or a continuation of nothing
  if (opcode >= 8 && extended > 0) return '1002' // §5.5: 125 bytes or less
  if (extended > 0 && length < (extended === 2 ? 126n : 65_536n)) return '1002' // §5.2: the minimal number of bytes
  if (length >= 2n ** 63n) return '1002' // §5.2: the most significant bit must be 0
  if (length > MAX) return '1009'
  if (opcode === CLOSE) return length === 1n ? '1002' : length === 0n ? 'closing 1005' : 'closing 1000'
  return `${opcode === PING ? 'ping' : opcode === PONG ? 'pong' : 'message'} ${length}`
}

/** What comes of a frame: all of it if it is right, its length alone if it is not. */
async function outcomeOf(
  scope: Test,
  front: (typeof FRONTS)[number],
  opcode: number,
  extended: 0 | 2 | 8,
  length: bigint,
) {
  const { connection, attacker } = await attacked(scope, front)
  const told = new Promise<string>(resolve => {
    connection.on('message', data => resolve(`message ${data.length}`))
    connection.on('ping', data => resolve(`ping ${data.length}`))
    connection.on('pong', data => resolve(`pong ${data.length}`))
    connection.on('closing', ({ code }) => resolve(`closing ${code}`))
  })
  const refused = attacker
    .until(() => framesOf(attacker, front[0]).length > 0)
    .then(() => {
      const [close] = framesOf(attacker, front[0])
      return close?.opcode === CLOSE ? String(close.payload.readUInt16BE()) : 'something else'
    })
  const right = expected(opcode, extended, length)
  // What is refused for its content needs that; all else is refused before it.
  const isWhole = !/^\d/.test(right) || (opcode === CLOSE && extended === 0)
  const size = Number(isWhole ? length : 0n)
  const payload = opcode === CLOSE && size > 1 ? closePayload(1000, 'x'.repeat(size - 2)) : 'x'.repeat(size)
  const frame = framesAt(front[0], { opcode, extended, length, payload })
  attacker.send(isWhole ? frame : frame.subarray(0, 2 + extended))
  const outcome = await within(isWhole && right !== '1002' ? told : refused, `opcode ${opcode}, ${length} bytes`)
  connection.terminate()
  await attacker.destroy()
  return outcome === right ? [] : [{ opcode, extended, length: String(length), outcome, right }]
}

for (const front of FRONTS) {
  const [role, carrier] = front
  // Over TLS the same parser gets the same bytes: some are enough.
  const opcodes = carrier === 'TCP' ? OPCODES : [1, 9]
  t.test(`${carrier}: a ${role} and ${opcodes.length * LENGTHS.length} headers`, { timeout: 60_000 }, async t => {
    const wrong: unknown[] = []
    for (const opcode of opcodes) {
      const outcomes = LENGTHS.map(([extended, length]) => outcomeOf(t, front, opcode, extended, length))
      wrong.push(...(await Promise.all(outcomes)).flat())
    }
    t.same(wrong, [])
  })
}
