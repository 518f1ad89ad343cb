/**
 * Any messages, in any fragments, with control frames between them, through any chunking: what one role sends the
 * other gets. And what is on the wire, read by a reader that shares nothing with lib/, is the same messages.
 */
import fc from 'fast-check'
import { Endpoint } from '../spec/support/pair.ts'
import { CLOSE, PING, PONG, TEXT } from '../spec/support/raw-frames.ts'
import { fromProperty, hold } from './target.ts'
import { closeCode, cut, cuts, role } from './traffic.ts'

const data = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  // Code units: halves of surrogate pairs among them.
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 10 }).map(units => String.fromCharCode(...units)),
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.constantFrom('a', 'é', '€', '😀'), fc.constantFrom(60, 126, 5_461, 5_462, 16_384, 40_000))
    .map(([character, length]) => character.repeat(length)),
  fc.constantFrom(125, 126, 16_384, 16_385, 65_535, 65_536).map(length => new Uint8Array(length).fill(length)),
)

const step = fc.oneof(
  fc.record({ kind: fc.constant('message' as const), data, places: fc.array(fc.nat(), { maxLength: 4 }) }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), data: fc.uint8Array({ maxLength: 125 }) }),
)

const hex = (data: string | Uint8Array) => Buffer.from(data as string).toString('hex')

/** `data` cut at so many places, empty parts included. */
function parts(data: string | Uint8Array, places: readonly number[]): (string | Uint8Array)[] {
  const sorted = places.map(place => place % (data.length + 1)).sort((a, b) => a - b)
  return [...sorted, data.length].map((place, i) => data.slice(sorted[i - 1] ?? 0, place))
}

export const target = fromProperty(
  'roundtrip',
  fc.property(role, fc.array(step, { maxLength: 6 }), closeCode, cuts, (role, steps, code, sizes) => {
    const sender = new Endpoint({ role })
    const receiver = new Endpoint({ role: role === 'client' ? 'server' : 'client', maxMessageSize: 2 ** 24 })
    const expected: string[] = []
    const { connection } = sender
    for (const each of steps) {
      if (each.kind !== 'message') {
        connection[each.kind](each.data)
        expected.push(`${each.kind} ${hex(each.data)}`)
        continue
      }
      const { data, places } = each
      if (places.length === 0) {
        connection.send(data)
      } else {
        for (const [i, part] of parts(data, places).entries()) {
          // A control frame between two fragments.
          if (i === 1) connection.pong('between')
          connection.sendFragment(part, i === places.length)
        }
        expected.push(`pong ${hex('between')}`)
      }
      // What has no encoding is sent as U+FFFD.
      expected.push(
        typeof data === 'string' ? `text ${JSON.stringify(Buffer.from(data).toString())}` : `binary ${hex(data)}`,
      )
    }
    connection.close(code)
    expected.push(`close ${code} ""`)
    for (const chunk of cut(sender.take(), [...sizes, 30_000])) receiver.receive(chunk)
    hold(receiver.log.join('\n') === expected.join('\n'), () => `got ${receiver.log}\nsent ${expected}`)

    let type = 0
    let payload: Buffer[] = []
    const read: string[] = []
    for (const frame of sender.sentFrames) {
      hold(frame.masked === (role === 'client') && frame.rsv === 0, () => 'masked or reserved bits are wrong')
      if (frame.opcode === CLOSE) read.push(`close ${frame.payload.readUInt16BE()} ""`)
      else if (frame.opcode === PING) read.push(`ping ${hex(frame.payload)}`)
      else if (frame.opcode === PONG) read.push(`pong ${hex(frame.payload)}`)
      else {
        if (frame.opcode !== 0) type = frame.opcode
        payload.push(frame.payload)
        if (!frame.fin) continue
        const bytes = Buffer.concat(payload)
        payload = []
        read.push(type === TEXT ? `text ${JSON.stringify(bytes.toString())}` : `binary ${hex(bytes)}`)
      }
    }
    hold(read.join('\n') === expected.join('\n'), () => `on the wire ${read}\nsent ${expected}`)
  }),
)
