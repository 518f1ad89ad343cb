/**
 * The frame header. Its rules are held against an oracle that was written from the RFC alone, over all headers of
 * two bytes in all contexts; writing one, against a writer that shares nothing with lib/.
 */
import t from 'tap'
import type { ViolationCode } from '../../lib/errors.ts'
import {
  checkHeader,
  headerLength,
  MAX_HEADER_LENGTH,
  OPCODES,
  ROLES,
  writeHeader,
} from '../../lib/websocket/frame.ts'
import { rawFrame } from '../support/raw-frames.ts'

/** Every rule that a header of two bytes breaks: RFC 6455 §5.1–§5.5 and RFC 7692 §6.1, sentence by sentence. */
function brokenRules(byte0: number, byte1: number, isServer: boolean, inMessage: boolean, deflate: boolean) {
  const broken: ViolationCode[] = []
  const [fin, rsv1, rsv2, rsv3] = [byte0 >= 128, byte0 % 128 >= 64, byte0 % 64 >= 32, byte0 % 32 >= 16]
  const [opcode, masked, length] = [byte0 % 16, byte1 >= 128, byte1 % 128]
  const isControl = opcode >= 8
  if (rsv1 && !(deflate && (opcode === 1 || opcode === 2))) broken.push('WS_ERR_UNEXPECTED_RSV_1')
  if (rsv2 || rsv3) broken.push('WS_ERR_UNEXPECTED_RSV_2_3')
  if (![0, 1, 2, 8, 9, 10].includes(opcode)) broken.push('WS_ERR_INVALID_OPCODE')
  if (isServer && !masked) broken.push('WS_ERR_EXPECTED_MASK')
  if (!isServer && masked) broken.push('WS_ERR_UNEXPECTED_MASK')
  if (isControl && !fin) broken.push('WS_ERR_EXPECTED_FIN')
  if (isControl && length > 125) broken.push('WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH')
  if (opcode === 0 && !inMessage) broken.push('WS_ERR_UNEXPECTED_CONTINUATION')
  if ((opcode === 1 || opcode === 2) && inMessage) broken.push('WS_ERR_EXPECTED_CONTINUATION')
  return broken
}

t.test('checkHeader agrees with the RFC on all 65,536 headers in all 8 contexts [6455-6.2-1, 7692-6-2]', async t => {
  const wrong: string[] = []
  const named = new Set<string>()
  let cases = 0
  for (let context = 0; context < 8; context++) {
    const [isServer, inMessage, deflate] = [(context & 1) !== 0, (context & 2) !== 0, (context & 4) !== 0]
    for (let header = 0; header < 65_536; header++, cases++) {
      const [byte0, byte1] = [header >> 8, header & 255]
      const broken = brokenRules(byte0, byte1, isServer, inMessage, deflate)
      const found = checkHeader(byte0, byte1, isServer, inMessage, deflate)
      // Of several broken rules any may be named; of one, that one.
      if (found === undefined ? broken.length > 0 : !broken.includes(found)) {
        wrong.push(`${header.toString(16)} in context ${context}: ${found}, expected ${broken}`)
      }
      if (broken.length === 1) named.add(broken[0]!)
    }
  }
  t.same(wrong.slice(0, 5), [])
  t.equal(cases, 524_288)
  t.equal(named.size, 9, 'each rule is broken by itself somewhere')
})

t.test('what the roles come down to', async t => {
  t.same(ROLES.server, { expectsMask: true, sendsMask: false, closesTransportFirst: true })
  t.same(ROLES.client, { expectsMask: false, sendsMask: true, closesTransportFirst: false })
})

t.test('opcodes are those of RFC 6455 §11.8', async t => {
  t.same(OPCODES, { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 })
})

/** Payload lengths at each border of the encoding, and the bytes that §5.2 wants for them, MASK aside. */
const LENGTHS: [length: number, bytes: string][] = [
  [0, '00'],
  [1, '01'],
  [125, '7d'],
  [126, '7e007e'],
  [127, '7e007f'],
  [255, '7e00ff'],
  [256, '7e0100'],
  [32_768, '7e8000'],
  [65_535, '7effff'],
  [65_536, '7f0000000000010000'],
  [2 ** 31 - 1, '7f000000007fffffff'],
  [2 ** 31, '7f0000000080000000'],
  [2 ** 32 - 1, '7f00000000ffffffff'],
  [2 ** 32, '7f0000000100000000'],
  [2 ** 32 + 2 ** 31 + 1, '7f0000000180000001'],
  [Number.MAX_SAFE_INTEGER, '7f001fffffffffffff'],
]
// [6455-5.2-6, 6455-5.3-1]
t.test('writeHeader: the fewest bytes at every border of the length, masked and not', async t => {
  for (const [length, bytes] of LENGTHS) {
    for (const byte0 of [0x81, 0x02, 0xc2, 0x8a]) {
      const target = Buffer.alloc(MAX_HEADER_LENGTH + 6, 0xee)
      const end = writeHeader(target, 3, byte0, length, false, 0x11223344)
      t.equal(target.toString('hex', 3, end), byte0.toString(16).padStart(2, '0') + bytes, `${length}, not masked`)
      t.equal(end - 3, headerLength(length, false))
      t.ok(
        target.subarray(0, 3).every(b => b === 0xee) && target.subarray(end).every(b => b === 0xee),
        'nothing around it',
      )
    }
    const masked = Buffer.from(bytes, 'hex')
    masked[0]! |= 0x80
    const target = Buffer.alloc(MAX_HEADER_LENGTH + 6, 0xee)
    const end = writeHeader(target, 3, 0x82, length, true, 0x3d21fa37)
    t.equal(target.toString('hex', 3, end), `82${masked.toString('hex')}37fa213d`, `${length}, masked`)
    t.equal(end - 3, headerLength(length, true))
    t.ok(target.subarray(end).every(byte => byte === 0xee))
  }
})

t.test('writeHeader: every length to 70,000 as an independent writer has it [6455-5.2-6]', async t => {
  const target = Buffer.alloc(MAX_HEADER_LENGTH)
  const wrong: number[] = []
  for (let length = 0; length <= 70_000; length++) {
    const end = writeHeader(target, 0, 0x82, length, false, 0)
    // Two bytes, and those of the extended length as one number.
    const extended = end === 2 ? 0 : target.readUIntBE(Math.max(2, end - 6), Math.min(6, end - 2))
    const [short, size] = length < 126 ? [length, 2] : length < 65_536 ? [126, 4] : [127, 10]
    const isRight = target[1] === short && end === size && (size === 2 || extended === length)
    if (!isRight || headerLength(length, false) !== size || headerLength(length, true) !== size + 4)
      wrong.push(length)
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('writeHeader: a masking key is four bytes in the order of maskBytes, whatever its sign', async t => {
  for (const key of [0, 1, -1, 0x80000000, -0x80000000, 0xffffffff, 0x7fffffff, 0x01020304]) {
    const bytes = [key & 255, (key >> 8) & 255, (key >> 16) & 255, (key >> 24) & 255]
    const target = Buffer.alloc(6)
    t.equal(writeHeader(target, 0, 0x81, 0, true, key), 6)
    t.same(target, rawFrame({ opcode: 1, mask: bytes }), `${key}`)
  }
})
