/** The suite's frames, against the examples of RFC 6455 §5.7 and vectors of their own, whatever the chunks. */
import t from 'tap'
import {
  closePayload,
  type FrameHeader,
  FrameReader,
  type FrameToWrite,
  headerFault,
  isCloseCode,
  mask,
  OPCODE,
  opcodeName,
  writeFrame,
  writeFrameHeader,
} from '../../conformance/frame.ts'
import { everySplit } from '../support/every-split.ts'

const KEY = Buffer.from('37fa213d', 'hex')

/** Bytes on the wire, and the frame that they are. */
const VECTORS: readonly (readonly [hex: string, frame: FrameToWrite])[] = [
  // §5.7
  ['810548656c6c6f', { opcode: 1, payload: Buffer.from('Hello') }],
  ['818537fa213d7f9f4d5158', { opcode: 1, payload: Buffer.from('Hello'), maskingKey: KEY }],
  ['010348656c', { opcode: 1, fin: false, payload: Buffer.from('Hel') }],
  ['80026c6f', { opcode: 0, payload: Buffer.from('lo') }],
  ['890548656c6c6f', { opcode: 9, payload: Buffer.from('Hello') }],
  [`827e0100${'ab'.repeat(256)}`, { opcode: 2, payload: Buffer.alloc(256, 0xab) }],
  [`827f0000000000010000${'cd'.repeat(65_536)}`, { opcode: 2, payload: Buffer.alloc(65_536, 0xcd) }],
  // Lengths at their edges, RSV bits, reserved opcodes, nothing at all.
  [`817d${'2a'.repeat(125)}`, { opcode: 1, payload: Buffer.alloc(125, '*') }],
  [`817e007e${'2a'.repeat(126)}`, { opcode: 1, payload: Buffer.alloc(126, '*') }],
  [`827effff${'00'.repeat(65_535)}`, { opcode: 2, payload: Buffer.alloc(65_535) }],
  ['f300', { opcode: 3, rsv: 7 }],
  ['4100', { opcode: 1, fin: false, rsv: 4 }],
  ['888200000000fefe', { opcode: 8, payload: Buffer.from('fefe', 'hex'), maskingKey: Buffer.alloc(4) }],
  // A length in more bytes than it needs.
  ['817e000161', { opcode: 1, payload: Buffer.from('a'), lengthBytes: 2 }],
  ['817f000000000000000161', { opcode: 1, payload: Buffer.from('a'), lengthBytes: 8 }],
]

t.test('the writer writes the bytes of each vector', async t => {
  const wrong = VECTORS.filter(([hex, frame]) => writeFrame(frame).toString('hex') !== hex)
  t.same(wrong, [])
})

t.test('a length that is not the truth', async t => {
  t.equal(writeFrame({ opcode: 1, payload: Buffer.from('a'), announced: 5 }).toString('hex'), '810561')
  t.equal(writeFrameHeader({ opcode: 2, announced: 2n ** 63n }).toString('hex'), '827f8000000000000000')
  t.equal(
    writeFrameHeader({ opcode: 1, fin: false, announced: 200, maskingKey: KEY }).toString('hex'),
    '01fe00c837fa213d',
  )
})

/** What a reader tells of bytes. */
function read(chunks: readonly Uint8Array[]): unknown[] {
  const frames: unknown[] = []
  const reader = new FrameReader({
    onHeader: () => true,
    onFrame: ({ fin, rsv, opcode, masked }, payload) => {
      frames.push([fin, rsv, opcode, masked, payload.toString('hex')])
    },
  })
  for (const chunk of chunks) reader.push(chunk)
  return [...frames, reader.inFrame]
}

t.test('the reader finds the frame of each vector, and stands between frames behind it', async t => {
  const wrong = VECTORS.filter(([hex, { fin = true, rsv = 0, opcode, payload = Buffer.alloc(0), maskingKey }]) => {
    const expected = [[fin, rsv, opcode, maskingKey !== undefined, Buffer.from(payload).toString('hex')], false]
    return JSON.stringify(read([Buffer.from(hex, 'hex')])) !== JSON.stringify(expected)
  })
  t.same(wrong, [])
})

t.test('chunks do not matter', async t => {
  const short = VECTORS.filter(([hex]) => hex.length < 300).map(([hex]) => hex)
  const bytes = Buffer.from(short.join(''), 'hex')
  const whole = read([bytes])
  t.equal(whole.length, short.length + 1)
  const wrong: string[] = []
  everySplit(bytes, chunks => {
    if (JSON.stringify(read(chunks)) !== JSON.stringify(whole)) wrong.push(chunks.map(({ length }) => length).join())
  })
  t.same(wrong, [])
})

t.test('the reader leaves the bytes that it was given as they were', async t => {
  const bytes = Buffer.from('818537fa213d7f9f4d5158', 'hex')
  read([bytes])
  t.equal(bytes.toString('hex'), '818537fa213d7f9f4d5158')
})

t.test('half a frame is told, and a reader that is stopped looks at nothing more', async t => {
  t.same(read([Buffer.from('8105', 'hex')]), [true])
  t.same(read([Buffer.from('81', 'hex')]), [true])
  const seen: number[] = []
  const reader = new FrameReader({
    onHeader: ({ opcode }) => {
      seen.push(opcode)
      return opcode !== 3
    },
    onFrame: ({ opcode }) => void seen.push(-opcode),
  })
  reader.push(Buffer.from('8100830081008100', 'hex'))
  reader.push(Buffer.from('8100', 'hex'))
  t.same(seen, [1, -1, 3])
})

function header(change: Partial<FrameHeader>): FrameHeader {
  const whole = { fin: true, rsv: 0, opcode: 1, masked: false, length: 0, minimal: true, bytes: Buffer.alloc(0) }
  return { ...whole, ...change }
}

t.test('each rule of §5 that a header can break is told by its clause', async t => {
  const table: readonly (readonly [Partial<FrameHeader>, string | undefined, object?])[] = [
    [{}, undefined],
    [{ rsv: 4 }, '§5.2'],
    [{ rsv: 4 }, undefined, { deflate: true }],
    [{ rsv: 2 }, '§5.2', { deflate: true }],
    [{ rsv: 4, opcode: 9 }, '§5.2', { deflate: true }],
    [{ rsv: 4, opcode: 0 }, '§5.2', { deflate: true, inMessage: true }],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(opcode => [{ opcode }, '§5.2'] as const),
    [{ masked: true }, '§5.1'],
    [{}, '§5.1', { expectsMask: true }],
    [{ masked: true }, undefined, { expectsMask: true }],
    [{ minimal: false, length: 1 }, '§5.2'],
    [{ opcode: 2, length: 2 ** 63 }, '§5.2'],
    [{ opcode: 9, fin: false }, '§5.5'],
    [{ opcode: 8, length: 126 }, '§5.5'],
    [{ opcode: 10, length: 125 }, undefined],
    [{ opcode: 8, length: 1 }, '§5.5.1'],
    [{ opcode: 0 }, '§5.4'],
    [{ opcode: 0 }, undefined, { inMessage: true }],
    [{ opcode: 1 }, '§5.4', { inMessage: true }],
    [{ opcode: 9 }, undefined, { inMessage: true }],
  ]
  const wrong = table.filter(([change, clause, context]) => {
    const fault = headerFault(header(change), { expectsMask: false, inMessage: false, deflate: false, ...context })
    return clause === undefined ? fault !== undefined : !fault?.endsWith(`(${clause})`)
  })
  t.same(wrong, [])
})

t.test('lengths in more bytes than needed are seen', async t => {
  const table: readonly (readonly [hex: string, minimal: boolean])[] = [
    ['817e007d', false],
    ['817e007e', true],
    ['817f000000000000ffff', false],
    ['817f0000000000010000', true],
  ]
  for (const [hex, minimal] of table) {
    let seen: FrameHeader | undefined
    const onHeader = (it: FrameHeader) => {
      seen = it
      return false
    }
    new FrameReader({ onHeader, onFrame() {} }).push(Buffer.from(hex, 'hex'))
    t.equal(seen?.minimal, minimal, hex)
  }
})

t.test('masking is undone by itself, from any offset', async t => {
  const bytes = Buffer.from('Hello, masked world')
  const masked = Buffer.from(bytes)
  mask(masked.subarray(0, 5), KEY, 0)
  mask(masked.subarray(5), KEY, 5)
  t.equal(masked.toString('hex', 0, 5), '7f9f4d5158')
  mask(masked, KEY, 0)
  t.same(masked, bytes)
})

t.test('close payloads and close codes', async t => {
  t.equal(closePayload(1000, Buffer.from('ok')).toString('hex'), '03e86f6b')
  t.equal(closePayload(65_535).toString('hex'), 'ffff')
  t.equal(closePayload(undefined, Buffer.from('a')).toString('hex'), '61')
  const allowed = Array.from({ length: 65_536 }, (_, code) => code).filter(isCloseCode)
  const ranges = allowed.filter(code => !isCloseCode(code - 1) || !isCloseCode(code + 1))
  t.same(ranges, [1000, 1003, 1007, 1014, 3000, 4999])
})

t.test('opcodes have the names of §11.8', async t => {
  t.same(
    Object.entries(OPCODE).map(([name, opcode]) => [name, opcodeName(opcode)]),
    Object.keys(OPCODE).map(name => [name, name]),
  )
  t.equal(opcodeName(11), 'opcode 11')
})
