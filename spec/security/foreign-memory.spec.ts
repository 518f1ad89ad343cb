/**
 * Memory that is not to be told (S4), or not to be touched (S16): numbers and views as data, data that change after they
 * were sent, and masking, which must not be seen in the caller's own bytes; with keys that nobody can predict.
 */
import t from 'tap'
import type { MessageData } from 'wirewright'
import { BINARY, PING, PONG } from '../support/raw-frames.ts'
import { attacked, FRONTS, framesOf } from '../support/victim.ts'

const secret = Buffer.from('SECRET-SECRET-SECRET-SECRET-SECRET')
const inside = (bytes: string) => {
  const memory = new Uint8Array(secret.length + bytes.length + secret.length)
  memory.set(secret)
  memory.set(Buffer.from(bytes), secret.length)
  memory.set(secret, secret.length + bytes.length)
  return { buffer: memory.buffer, offset: secret.length, length: bytes.length }
}
const view = inside('12345678')
const shared = new SharedArrayBuffer(8)
new Uint8Array(shared).set(Buffer.from('12345678'))
const aligned = new ArrayBuffer(32)
new Uint8Array(aligned).fill(0x78).set(Buffer.from('12345678'), 8)

const VIEWS: readonly (readonly [what: string, data: MessageData])[] = [
  ['Buffer', Buffer.from(view.buffer, view.offset, view.length)],
  ['Uint8Array', new Uint8Array(view.buffer, view.offset, view.length)],
  ['DataView', new DataView(view.buffer, view.offset, view.length)],
  ['Float32Array', new Float32Array(aligned, 8, 2)],
  ['Float64Array', new Float64Array(aligned, 8, 1)],
  ['BigInt64Array', new BigInt64Array(aligned, 8, 1)],
  ['Uint16Array', new Uint16Array(aligned, 8, 4)],
  ['ArrayBuffer', aligned.slice(8, 16)],
  ['SharedArrayBuffer', shared as never],
  ['a view of it', new Uint8Array(shared, 0, 8) as never],
]
const NO_DATA = [
  0,
  1,
  125,
  65_536,
  1e9,
  NaN,
  -1,
  5n,
  null,
  undefined,
  true,
  {},
  [],
  [1, 2],
  { length: 10 },
  Symbol('s'),
]

for (const front of FRONTS) {
  const [role, carrier] = front

  t.test(`${carrier}: what is no data is refused by a ${role}, and what is goes out to the byte`, async t => {
    const { connection, attacker } = await attacked(t, front)
    for (const data of NO_DATA as never[]) {
      const words = typeof data === 'symbol' ? 'a symbol' : JSON.stringify(data ?? String(data), (_, v) => String(v))
      t.throws(() => connection.send(data), TypeError, `send ${words}`)
      if (data !== undefined) t.throws(() => connection.ping(data), TypeError, `ping ${words}`)
    }
    t.throws(() => connection.close(1000, 5 as never), TypeError)
    for (const [, data] of VIEWS) {
      connection.send(data)
      void connection.ping(data)
    }
    await attacker.until(() => framesOf(attacker, role).length === 2 * VIEWS.length)
    const wrong = framesOf(attacker, role).filter(
      ({ opcode, payload, masked }, at) =>
        payload.toString() !== '12345678' || opcode !== (at % 2 ? PING : BINARY) || masked !== (role === 'client'),
    )
    t.same(wrong, [])
    t.notMatch(attacker.text, 'SECRET')
  })

  t.test(`${carrier}: a ${role} and bytes that change after they were sent`, async t => {
    const { connection, attacker } = await attacked(t, front)
    const sizes = [1, 125, 126, 1000, 16_384]
    for (const size of sizes) {
      const bytes = Buffer.alloc(size, 'a')
      connection.send(bytes)
      // Masking happens in a copy.
      t.ok(bytes.every(byte => byte === 0x61))
      bytes.fill('b')
    }
    const ping = Buffer.from('ping')
    void connection.ping(ping)
    ping.fill(0)
    await attacker.until(() => framesOf(attacker, role).length === sizes.length + 1)
    const payloads = framesOf(attacker, role).map(({ payload }) => payload.toString())
    t.same(payloads, [...sizes.map(size => 'a'.repeat(size)), 'ping'])
  })

  t.test(`${carrier}: a ${role} does not touch what is too large to be copied`, async t => {
    const { connection, attacker } = await attacked(t, front)
    const bytes = Buffer.alloc(200_000, 'a')
    for (let n = 0; n < 3; n++) connection.send(bytes)
    await attacker.until(text => text.length > 600_000)
    t.ok(bytes.every(byte => byte === 0x61))
    t.ok(framesOf(attacker, role).every(({ payload }) => payload.equals(bytes)))
  })
}

t.test(
  'TCP: 10,000 frames of a client have keys that do not repeat, and each of its bits is set in half of them',
  async t => {
    const { connection, attacker } = await attacked(t, ['client', 'TCP'])
    for (let n = 0; n < 10_000; n++) connection.send('')
    await attacker.until(text => text.length === 60_000)
    const bytes = Buffer.from(attacker.text, 'latin1')
    const keys = Array.from({ length: 10_000 }, (_, n) => bytes.readUInt32BE(6 * n + 2))
    t.ok(new Set(keys).size > 10_000 - 4)
    for (let bit = 0; bit < 32; bit++) {
      const share = keys.filter(key => (key >>> bit) & 1).length
      // Six standard deviations.
      if (Math.abs(share - 5000) > 300) t.fail(`bit ${bit} is set in ${share}`)
    }
    const steps = new Set(keys.map((key, at) => (key - (keys[at - 1] ?? 0)) >>> 0))
    t.ok(steps.size > 10_000 - 4, 'nor do the steps from one to the next')
    t.equal(framesOf(attacker, 'client').filter(({ opcode }) => opcode === PONG).length, 0)
  },
)
