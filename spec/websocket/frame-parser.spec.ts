/**
 * The frame parser: the same frames out of the same bytes in every chunking, every length that can be announced
 * refused or taken from its header alone, and nothing kept but a header.
 */
import t from 'tap'
import type { ViolationCode } from '../../lib/errors.ts'
import { FrameParser } from '../../lib/websocket/frame-parser.ts'
import { everySplit } from '../support/every-split.ts'
import { Random } from '../support/random.ts'
import { BINARY, CLOSE, MASK, PING, PONG, type RawFrame, rawFrame, rawFrames, TEXT } from '../support/raw-frames.ts'

interface Context {
  readonly expectsMask?: boolean
  readonly limit?: number
  readonly deflate?: boolean
}

const parserFor = ({ expectsMask = true, limit = 2 ** 20, deflate = false }: Context) =>
  new FrameParser(expectsMask, limit, deflate)

/** Reads on as far as it goes, and holds what is said about each piece to what the piece is. */
function read(parser: FrameParser, frames: string[], pieces: Buffer[] = []): string[] {
  while (parser.next()) {
    const piece = Buffer.from(parser.chunk.subarray(parser.start, parser.end))
    const before = pieces.reduce((sum, { length }) => sum + length, 0)
    pieces.push(piece)
    const { byte0, payloadLength, remaining, isFirst, isWhole, isAscii, fin, opcode } = parser
    const isTrue =
      before + piece.length + remaining === payloadLength &&
      isWhole === (piece.length === payloadLength) &&
      // An empty first piece is only ever that of an empty payload.
      isFirst === (before === 0) &&
      isAscii === piece.every(byte => byte < 0x80) &&
      fin === byte0 >= 128 &&
      opcode === byte0 % 16
    if (!isTrue) frames.push(`wrong facts about a piece of ${piece.length} bytes with ${remaining} behind it`)
    if (remaining > 0) continue
    frames.push(`${byte0.toString(16).padStart(2, '0')} ${Buffer.concat(pieces.splice(0)).toString('hex')}`.trimEnd())
  }
  return frames
}

function parse(chunks: readonly Uint8Array[], context: Context = {}) {
  const parser = parserFor(context)
  const frames: string[] = []
  const pieces: Buffer[] = []
  for (const chunk of chunks) {
    parser.push(chunk as Buffer)
    read(parser, frames, pieces)
    parser.release()
  }
  return { frames, violation: parser.violation }
}

/** The frames as `parse` tells them. */
const linesOf = (frames: readonly RawFrame[]) =>
  frames.map(frame => {
    const bytes = rawFrame({ ...frame, mask: undefined, length: 0, extended: 0 })
    return `${bytes.toString('hex', 0, 1)} ${bytes.toString('hex', 2)}`.trimEnd()
  })

const bothRoles = [true, false]
const masked = (expectsMask: boolean, frames: readonly RawFrame[]) =>
  expectsMask ? frames.map((frame, i) => ({ ...frame, mask: MASK.map(byte => byte + i) })) : frames

const TRAFFIC: RawFrame[] = [
  { opcode: TEXT, payload: 'Hello' },
  { opcode: TEXT },
  { opcode: BINARY, payload: Buffer.from([0, 255, 128]) },
  { opcode: PING },
  { opcode: TEXT, fin: false, payload: 'Hé' },
  { opcode: PING, payload: 'a' },
  { opcode: 0, fin: false },
  { opcode: PONG, payload: 'x'.repeat(125) },
  { opcode: 0, fin: false, payload: '€' },
  { opcode: CLOSE, payload: Buffer.from([3, 232]) },
  { opcode: 0 },
  { opcode: BINARY, fin: false },
  { opcode: 0, payload: 'end' },
  { opcode: BINARY, payload: Buffer.alloc(126, 7) },
  { opcode: TEXT, payload: 'z'.repeat(60) },
]

t.test('frames of every kind, control frames between fragments: the same in every chunking [6455-6.2-1]', async t => {
  for (const expectsMask of bothRoles) {
    const bytes = rawFrames(masked(expectsMask, TRAFFIC))
    const wrong: unknown[] = []
    everySplit(bytes, chunks => {
      const { frames, violation } = parse(chunks, { expectsMask })
      if (violation !== undefined || frames.join() !== linesOf(TRAFFIC).join()) wrong.push(chunks.map(c => c.length))
    })
    t.same(wrong.slice(0, 5), [], expectsMask ? 'server' : 'client')
  }
})

t.test('the examples of RFC 6455 §5.7', async t => {
  const hello = '48656c6c6f'
  everySplit(Buffer.from('818537fa213d7f9f4d5158', 'hex'), chunks =>
    t.same(parse(chunks).frames, [`81 ${hello}`], `masked, ${chunks.length} chunks`),
  )
  everySplit(Buffer.from(`8105${hello}010348656c80026c6f8905${hello}`, 'hex'), chunks =>
    t.same(parse(chunks, { expectsMask: false }).frames, [`81 ${hello}`, '01 48656c', '80 6c6f', `89 ${hello}`]),
  )
})

t.test('large frames at all borders of the length, cut at random', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const sizes = [125, 126, 127, 128, 65_535, 65_536, 65_537, 200_001]
  const frames = sizes.map(size => ({ opcode: BINARY, payload: random.bytes(size) }))
  for (const expectsMask of bothRoles) {
    const bytes = rawFrames(masked(expectsMask, frames))
    for (const longest of [97, 5_000, 65_536, 1_000_000]) {
      const { frames: found, violation } = parse(random.chunks(bytes, longest), { expectsMask })
      t.equal(violation, undefined)
      t.ok(found.join() === linesOf(frames).join(), `chunks of up to ${longest}`)
    }
  }
})

/** How many bytes of the header it takes until the parser refuses; 0 when it doesn't. */
function refusedAfter(header: Buffer, context: Context): [bytes: number, violation: ViolationCode | undefined] {
  const parser = parserFor(context)
  for (let at = 0; at < header.length; at++) {
    parser.push(header.subarray(at, at + 1))
    if (parser.next() && parser.remaining === 0) return [0, undefined]
    if (parser.violation !== undefined) return [at + 1, parser.violation]
  }
  return [0, undefined]
}

const LIMIT = 100_000
const LENGTHS: [length: bigint, extended: 0 | 2 | 8, violation: ViolationCode | undefined, clause: string][] = [
  [125n, 0, undefined, '§5.2'],
  [0n, 2, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2: the minimal number of bytes'],
  [124n, 2, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2: the very example'],
  [125n, 2, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2'],
  [126n, 2, undefined, '§5.2'],
  [65_535n, 2, undefined, '§5.2'],
  [0n, 8, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2'],
  [125n, 8, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2'],
  [126n, 8, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2'],
  [65_535n, 8, 'WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH', '§5.2'],
  [65_536n, 8, undefined, '§5.2'],
  [100_000n, 8, undefined, 'the limit itself'],
  [100_001n, 8, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', '§10.4'],
  [2n ** 31n, 8, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', '§10.4: 31 bits'],
  [2n ** 32n, 8, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', '§10.4: 32 bits, low word 0'],
  [2n ** 32n + 1n, 8, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', '§10.4: low word below the limit'],
  [2n ** 53n - 1n, 8, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', '§10.4: the largest safe integer'],
  [2n ** 53n, 8, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', '§10.4: the first that is not safe'],
  [2n ** 53n + 1n, 8, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', '§10.4'],
  [2n ** 63n - 1n, 8, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', '§10.4: the largest of §5.2'],
  [2n ** 63n, 8, 'WS_ERR_INVALID_PAYLOAD_LENGTH', '§5.2: the most significant bit MUST be 0'],
  [2n ** 63n + 5n, 8, 'WS_ERR_INVALID_PAYLOAD_LENGTH', '§5.2'],
  [2n ** 63n + 70_000n, 8, 'WS_ERR_INVALID_PAYLOAD_LENGTH', '§5.2'],
  [2n ** 64n - 1n, 8, 'WS_ERR_INVALID_PAYLOAD_LENGTH', '§5.2'],
]

t.test('every edge of the length is judged by the header alone, before key and payload (S7)', async t => {
  for (const expectsMask of bothRoles) {
    for (const opcode of [TEXT, BINARY, 0]) {
      for (const [length, extended, violation, clause] of LENGTHS) {
        const name = `${expectsMask ? 'server' : 'client'}, opcode ${opcode}, ${length} in ${extended} bytes: ${clause}`
        const begin = opcode === 0 ? masked(expectsMask, [{ opcode: TEXT, fin: false }]) : []
        const before = rawFrames(begin).length
        const [frame] = masked(expectsMask, [{ opcode, length, extended }]) as [RawFrame]
        const bytes = Buffer.concat([rawFrames(begin), rawFrame(frame)])
        // The parser of `refusedAfter` stops at a frame that is there: here, the one before.
        const parser = parserFor({ expectsMask, limit: LIMIT })
        parser.push(Buffer.from(bytes.subarray(0, before)))
        parser.next()
        let seen = 0
        for (let at = before; at < bytes.length && parser.violation === undefined; at++) {
          parser.push(Buffer.from(bytes.subarray(at, at + 1)))
          if (!parser.next()) seen++
        }
        t.equal(parser.violation, violation, name)
        const whole = bytes.length - before
        t.equal(
          seen,
          violation === undefined && length > 0n ? whole : 2 + extended,
          `${name}: at the length's last byte`,
        )
      }
    }
  }
})

t.test('what the first two bytes break is refused with the second', async t => {
  const cases: [RawFrame, Context, ViolationCode][] = [
    [{ opcode: TEXT }, {}, 'WS_ERR_EXPECTED_MASK'],
    [{ opcode: TEXT, mask: MASK }, { expectsMask: false }, 'WS_ERR_UNEXPECTED_MASK'],
    [{ opcode: TEXT, mask: MASK, rsv: 4 }, {}, 'WS_ERR_UNEXPECTED_RSV_1'],
    [{ opcode: PING, mask: MASK, rsv: 4 }, { deflate: true }, 'WS_ERR_UNEXPECTED_RSV_1'],
    [{ opcode: BINARY, mask: MASK, rsv: 1 }, { deflate: true }, 'WS_ERR_UNEXPECTED_RSV_2_3'],
    [{ opcode: 3, mask: MASK, length: 2n ** 63n }, {}, 'WS_ERR_INVALID_OPCODE'],
    [{ opcode: PING, mask: MASK, fin: false }, {}, 'WS_ERR_EXPECTED_FIN'],
    [{ opcode: PING, mask: MASK, length: 126 }, {}, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    [{ opcode: CLOSE, mask: MASK, length: 2n ** 63n }, {}, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    [{ opcode: PONG, mask: MASK, length: 5, extended: 8 }, {}, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    [{ opcode: 0, mask: MASK }, {}, 'WS_ERR_UNEXPECTED_CONTINUATION'],
  ]
  for (const [frame, context, violation] of cases) t.same(refusedAfter(rawFrame(frame), context), [2, violation])
})

t.test('the limit is that of the message, across fragments, without its control frames', async t => {
  const fragment = (length: number, fin = false): RawFrame => ({ opcode: 0, fin, payload: 'x'.repeat(length) })
  const first = (length: number): RawFrame => ({ opcode: TEXT, fin: false, payload: 'x'.repeat(length) })
  const ping: RawFrame = { opcode: PING, payload: 'p'.repeat(125) }
  const cases: [string, RawFrame[], isTaken: boolean][] = [
    ['exactly', [first(4), fragment(3), fragment(3, true)], true],
    ['one above, in the last', [first(4), fragment(3), fragment(4, true)], false],
    ['one above, in the middle', [first(4), fragment(7)], false],
    ['one above, in one frame', [{ opcode: TEXT, payload: 'x'.repeat(11) }], false],
    ['with control frames between', [first(4), ping, fragment(6), ping, fragment(0, true)], true],
    ['one above behind control frames', [first(5), ping, fragment(5), ping, fragment(1)], false],
    ['two messages in turn', [first(5), fragment(5, true), first(5), fragment(5, true)], true],
    ['after a message in one frame', [{ opcode: TEXT, payload: 'x'.repeat(10) }, first(10), fragment(0, true)], true],
    ['a second message is measured by itself', [first(9), fragment(1, true), first(9), fragment(2)], false],
  ]
  for (const [name, frames, isTaken] of cases) {
    everySplit(rawFrames(masked(true, frames)), chunks => {
      const found = parse(chunks, { limit: 10 })
      const expected = isTaken ? linesOf(frames) : linesOf(frames.slice(0, -1))
      const violation = isTaken ? undefined : 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
      if (found.violation !== violation || found.frames.join() !== expected.join()) t.same(found, {}, name)
    })
    t.pass(name)
  }
})

t.test('permessage-deflate gives RSV1 a meaning on the first frame of a message only (RFC 7692 §6.1)', async t => {
  const frames = [
    { opcode: TEXT, rsv: 4, fin: false, payload: 'a' },
    { opcode: 0, payload: 'b' },
    { opcode: BINARY, rsv: 4 },
  ]
  t.same(parse([rawFrames(masked(true, frames))], { deflate: true }), {
    frames: linesOf(frames),
    violation: undefined,
  })
  const wrong = rawFrames(masked(true, [frames[0]!, { opcode: 0, rsv: 4 }]))
  t.equal(parse([wrong], { deflate: true }).violation, 'WS_ERR_UNEXPECTED_RSV_1')
})

t.test('a broken rule is final', async t => {
  const good = rawFrame({ opcode: TEXT, mask: MASK, payload: 'ok' })
  everySplit(Buffer.concat([good, rawFrame({ opcode: 0, mask: MASK }), good, good]), chunks =>
    t.same(parse(chunks), { frames: ['81 6f6b'], violation: 'WS_ERR_UNEXPECTED_CONTINUATION' }),
  )
})

t.test('push: what is unread stays in front, wherever reading stopped', async t => {
  const frames = masked(true, TRAFFIC)
  const bytes = rawFrames(frames)
  const wrong: string[] = []
  for (let stop = 0; stop < TRAFFIC.length; stop++) {
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const parser = parserFor({})
      const pieces: Buffer[] = []
      const found: string[] = []
      parser.push(Buffer.from(bytes.subarray(0, cut)))
      // So many pieces, and then another chunk comes before the rest is read.
      for (let i = 0; i < stop && parser.next(); i++) {
        pieces.push(Buffer.from(parser.chunk.subarray(parser.start, parser.end)))
        if (parser.remaining > 0) continue
        found.push(`${parser.byte0.toString(16).padStart(2, '0')} ${Buffer.concat(pieces.splice(0)).toString('hex')}`)
      }
      const { unread } = parser
      parser.release()
      if (parser.unread !== unread) wrong.push(`released ${unread} unread bytes`)
      parser.push(Buffer.from(bytes.subarray(cut)))
      if (parser.unread !== unread + bytes.length - cut) wrong.push(`unread is ${parser.unread}`)
      read(parser, found, pieces)
      const lines = found.map(line => line.trimEnd()).join()
      if (parser.violation !== undefined || lines !== linesOf(TRAFFIC).join()) wrong.push(`stop ${stop} cut ${cut}`)
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('a chunk is let go once it is read; of a header that it ends in, a copy is kept', async t => {
  const frames = masked(true, [TRAFFIC[0]!, { opcode: BINARY, payload: Buffer.alloc(70_000, 1) }, TRAFFIC[3]!])
  const bytes = rawFrames(frames)
  // Up to the payload of the large frame, and some way into it.
  for (let cut = 1; cut < 11 + 14 + 20; cut++) {
    const parser = parserFor({})
    const found: string[] = []
    const pieces: Buffer[] = []
    const chunk = Buffer.from(new Uint8Array(bytes.subarray(0, cut)).buffer)
    parser.push(chunk)
    read(parser, found, pieces)
    t.equal(parser.unread, 0)
    parser.release()
    t.equal(parser.chunk.length, 0)
    t.not(parser.chunk.buffer, chunk.buffer)
    chunk.fill(0xff)
    parser.push(Buffer.from(bytes.subarray(cut)))
    read(parser, found, pieces)
    t.ok(
      found.join() ===
        linesOf([TRAFFIC[0]!, { opcode: BINARY, payload: Buffer.alloc(70_000, 1) }, TRAFFIC[3]!]).join(),
    )
  }
})

t.test('nothing is allocated for what a header announces [6455-10.4-1]', async t => {
  const sizes: number[] = []
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name]
    t.teardown(() => void (Buffer[name] = original))
    Buffer[name] = (size: number) => {
      sizes.push(size)
      return original(size)
    }
  }
  const header = rawFrame({ opcode: BINARY, mask: MASK, length: 2 ** 20 })
  const chunks = Array.from(header, byte => Buffer.of(byte))
  sizes.length = 0
  parse(chunks)
  t.same(sizes, [14], 'room for one header')
})
