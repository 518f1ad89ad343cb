/**
 * The frame writer: whatever writers do with the slab that they share, each hands over its own frames, in order and
 * unharmed, in as few pieces as can be; and the bytes that it was given stay as they were.
 */
import t from 'tap'
import { COPY_LIMIT, encodeFrame, FrameWriter, reclaim } from '../../lib/websocket/frame-writer.ts'
import { Random } from '../support/random.ts'
import { BINARY, MASK, type RawFrame, rawFrame, rawFrames, TEXT } from '../support/raw-frames.ts'

const SLAB_SIZE = 65_536
const KEY = Buffer.from(MASK).readInt32LE()

const server = () => new FrameWriter(undefined)
const client = () => new FrameWriter(() => KEY)

const binary = (length: number, fill = 1) => Buffer.alloc(length, fill)

/** Makes the slab begin anew for the next frame: the one in use cannot take so much. */
function freshSlab(): void {
  const writer = server()
  for (let i = 0; i < 5; i++) writer.writeBytes(0x82, binary(COPY_LIMIT))
  writer.take()
}

t.test('frames of one turn leave in one piece', async t => {
  for (const [writer, mask] of [
    [server(), undefined],
    [client(), MASK],
  ] as const) {
    freshSlab()
    const frames: RawFrame[] = []
    for (let i = 0; i < 200; i++) {
      if (i % 2 === 0) writer.writeText(0x81, `message ${i} é`)
      else writer.writeBytes(0x82, binary(i, i))
      frames.push(
        i % 2 === 0 ? { opcode: TEXT, payload: `message ${i} é` } : { opcode: BINARY, payload: binary(i, i) },
      )
    }
    const expected = rawFrames(frames.map(frame => ({ ...frame, mask })))
    t.equal(writer.length, expected.length)
    const pieces = writer.take()
    t.equal(pieces.length, 1)
    t.ok(pieces[0]!.equals(expected))
    t.equal(writer.length, 0)
    t.same(writer.take(), [], 'it is forgotten')
  }
})

/** Every length at which something else happens, and its neighbours. */
const BORDERS = [
  0,
  1,
  125,
  126,
  127,
  5_461,
  5_462,
  16_383,
  COPY_LIMIT,
  COPY_LIMIT + 1,
  65_535,
  65_536,
  65_537,
  200_000,
]
// [6455-5.1-1, 6455-6.1-4, 6455-6.1-7]
t.test('bytes of every length, masked or not, and the caller’s stay as they were', async t => {
  for (const length of BORDERS) {
    const bytes = new Random().bytes(length)
    const before = Buffer.from(bytes)
    for (const [writer, mask] of [
      [server(), undefined],
      [client(), MASK],
    ] as const) {
      writer.writeBytes(0x82, bytes)
      writer.writeBytes(0x89, Buffer.from('p'))
      const expected = rawFrames([
        { opcode: BINARY, mask, payload: before },
        { opcode: 9, mask, payload: 'p' },
      ])
      t.equal(writer.length, expected.length)
      const pieces = writer.take()
      t.ok(Buffer.concat(pieces).equals(expected), `${length} bytes`)
      t.ok(bytes.equals(before), `${length} bytes are not touched`)
      if (mask === undefined && length > COPY_LIMIT) {
        t.ok(
          pieces.some(piece => piece.buffer === bytes.buffer && piece.length === length),
          'and not copied',
        )
      } else {
        t.notOk(
          pieces.some(piece => piece.buffer === bytes.buffer),
          'copied',
        )
      }
    }
  }
})

t.test('text of every length and width, lone surrogates as U+FFFD [6455-5.6-2]', async t => {
  for (const length of BORDERS) {
    for (const character of ['a', 'é', '€', '😀', '\ud83d', '\ude00']) {
      const text = character.repeat(Math.ceil(length / character.length))
      const payload = Buffer.from(new TextEncoder().encode(text))
      for (const [writer, mask] of [
        [server(), undefined],
        [client(), MASK],
      ] as const) {
        writer.writeText(0x01, text)
        const expected = rawFrame({ opcode: TEXT, fin: false, mask, payload })
        const isRight = writer.length === expected.length && Buffer.concat(writer.take()).equals(expected)
        if (!isRight) t.fail(`${length} of ${JSON.stringify(character)}`)
      }
    }
  }
  t.pass()
})

t.test('a view in the middle of a buffer, and shared memory', async t => {
  for (const length of [10, COPY_LIMIT + 10]) {
    const shared = new Uint8Array(new SharedArrayBuffer(length + 8)).fill(7)
    shared[4] = 1
    shared[3 + length] = 2
    const view = shared.subarray(4, 4 + length)
    for (const writer of [server(), client()]) {
      writer.writeBytes(0x82, view)
      const bytes = Buffer.concat(writer.take())
      const mask = bytes[1]! >= 128 ? MASK : undefined
      t.ok(bytes.equals(rawFrame({ opcode: BINARY, mask, payload: Buffer.from(view) })), `${length}`)
    }
  }
})

t.test('every frame has a fresh masking key, in its order [6455-5.3-2]', async t => {
  const keys = [0x04030201, -1, 0, 0x80000000]
  let asked = 0
  const writer = new FrameWriter(() => keys[asked++]!)
  for (let i = 0; i < 4; i++) writer.writeBytes(0x82, binary(i === 2 ? COPY_LIMIT + 1 : 3))
  const masks = [
    [1, 2, 3, 4],
    [255, 255, 255, 255],
    [0, 0, 0, 0],
    [0, 0, 0, 128],
  ]
  const expected = masks.map((mask, i) =>
    rawFrame({ opcode: BINARY, mask, payload: binary(i === 2 ? COPY_LIMIT + 1 : 3) }),
  )
  t.ok(Buffer.concat(writer.take()).equals(Buffer.concat(expected)))
  t.equal(asked, 4)
})

t.test('a key source that throws leaves what was written before', async t => {
  let isBroken = false
  const writer = new FrameWriter(() => {
    if (isBroken) throw new Error('no entropy')
    return KEY
  })
  writer.writeText(0x81, 'a')
  isBroken = true
  t.throws(() => writer.writeText(0x81, 'b'), { message: 'no entropy' })
  t.throws(() => writer.writeBytes(0x82, binary(COPY_LIMIT + 1)), { message: 'no entropy' })
  isBroken = false
  writer.writeText(0x81, 'c')
  const frame = (payload: string) => rawFrame({ opcode: TEXT, mask: MASK, payload })
  const pieces = writer.take()
  t.ok(Buffer.concat(pieces).equals(Buffer.concat([frame('a'), frame('c')])))
  // The next region is begun and empty when the key is asked for: giving back what lies before it must not move it.
  isBroken = true
  t.throws(() => writer.writeText(0x81, 'd'))
  for (const piece of pieces) reclaim(piece)
  isBroken = false
  writer.writeText(0x81, 'e')
  t.ok(Buffer.concat(writer.take()).equals(frame('e')))
})

t.test('writers in turn: each has its own frames, small pieces joined', async t => {
  freshSlab()
  const writers = Array.from({ length: 5 }, server)
  for (let round = 0; round < 20; round++)
    writers.forEach((writer, i) => void writer.writeText(0x81, `${i}:${round}`))
  for (const [i, writer] of writers.entries()) {
    const expected = rawFrames(Array.from({ length: 20 }, (_, round) => ({ opcode: TEXT, payload: `${i}:${round}` })))
    t.equal(writer.length, expected.length)
    const pieces = writer.take()
    t.equal(pieces.length, 1, 'twenty regions in one piece')
    t.ok(pieces[0]!.equals(expected), `writer ${i}`)
  }
})

t.test('large payloads stay apart and in their place; what is small around them is joined', async t => {
  const [writer, other] = [server(), server()]
  const large = binary(COPY_LIMIT + 1, 9)
  const expected: RawFrame[] = []
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 4; j++) {
      writer.writeBytes(0x82, binary(10, i * 4 + j))
      other.writeText(0x81, 'between')
      expected.push({ opcode: BINARY, payload: binary(10, i * 4 + j) })
    }
    writer.writeBytes(0x82, large)
    expected.push({ opcode: BINARY, payload: large })
  }
  const pieces = writer.take()
  t.same(
    pieces.map(({ length }) => length),
    [52, large.length, 52, large.length, 52, large.length],
    'four small frames and a header of four bytes, then the payload',
  )
  t.ok(Buffer.concat(pieces).equals(rawFrames(expected)))
})

t.test('a slab that is full: the next one, and the frames are whole', async t => {
  for (const size of [1, 1000, 9_000, COPY_LIMIT]) {
    freshSlab()
    const writer = server()
    const count = Math.ceil((3 * SLAB_SIZE) / size / (size === 1 ? 40 : 1))
    for (let i = 0; i < count; i++) writer.writeBytes(0x82, binary(size, i))
    const expected = rawFrames(
      Array.from({ length: count }, (_, i) => ({ opcode: BINARY, payload: binary(size, i) })),
    )
    const pieces = writer.take()
    t.ok(Buffer.concat(pieces).equals(expected), `${count} frames of ${size} bytes`)
    t.ok(pieces.length <= Math.ceil(expected.length / (SLAB_SIZE - size - 14)) + 1, `in ${pieces.length} pieces`)
  }
})

t.test('a slab that is nearly full: a frame is whole on one side of its end', async t => {
  const wrong: number[] = []
  for (let left = 0; left <= 40; left++) {
    freshSlab()
    const writer = server()
    writer.writeText(0x81, 'a')
    const [first] = writer.take() as [Buffer]
    // Frames of at most COPY_LIMIT, with headers of four bytes, until so many bytes are left.
    let room = SLAB_SIZE - first.byteOffset - first.length - left
    for (; room > 0; room -= Math.min(room, 10_000)) writer.writeBytes(0x82, binary(Math.min(room, 10_000) - 4))
    writer.take()
    for (const length of [0, 4, 12, 126]) writer.writeBytes(0x82, binary(length, 9))
    const expected = rawFrames([0, 4, 12, 126].map(length => ({ opcode: BINARY, payload: binary(length, 9) })))
    if (!Buffer.concat(writer.take()).equals(expected)) wrong.push(left)
  }
  t.same(wrong, [])
})

t.test('reclaim: what was given back is used again, also several pieces in reverse', async t => {
  freshSlab()
  const writer = server()
  writer.writeText(0x81, 'first')
  const [piece] = writer.take() as [Buffer]
  for (let i = 0; i < 3; i++) {
    reclaim(piece)
    writer.writeText(0x81, 'next one')
    const [next] = writer.take() as [Buffer]
    t.equal(next.buffer, piece.buffer)
    t.equal(next.byteOffset, piece.byteOffset)
    reclaim(next)
    writer.writeText(0x81, 'first')
    writer.take()
  }
  reclaim(piece)
  const taken = ['a', 'b', 'c'].map(text => {
    writer.writeText(0x81, text)
    return writer.take()[0]!
  })
  for (const each of taken.reverse()) reclaim(each)
  writer.writeText(0x81, 'd')
  t.equal(writer.take()[0]!.byteOffset, piece.byteOffset)
})

t.test('reclaim: refused where it would be wrong', async t => {
  freshSlab()
  const [first, second] = [server(), server()]
  first.writeText(0x81, 'first')
  const [piece] = first.take() as [Buffer]
  second.writeText(0x81, 'second')
  reclaim(piece)
  first.writeText(0x81, 'third')
  t.equal(second.take()[0]!.toString('latin1', 2), 'second', 'another writer has begun behind it')
  reclaim(piece)
  const [third] = first.take() as [Buffer]
  t.equal(third.toString('latin1', 2), 'third', 'a region is open')
  reclaim(Buffer.from('not ours'))
  reclaim(Buffer.from(new ArrayBuffer(SLAB_SIZE), 0, third.byteOffset + third.length))
  first.writeText(0x81, 'fourth')
  t.ok(first.take()[0]!.byteOffset >= third.byteOffset + third.length, 'what is not the slab’s changes nothing')
  freshSlab()
  freshSlab()
  first.writeText(0x81, 'new slab')
  const [kept] = first.take() as [Buffer]
  reclaim(third)
  first.writeText(0x81, 'behind')
  t.equal(first.take()[0]!.byteOffset, kept.byteOffset + kept.length, 'a piece of an old slab changes nothing')
})

t.test(
  'many writers, any order of writing, taking and giving back: nothing that is out is ever overwritten',
  async t => {
    const random = new Random()
    t.comment(`seed ${random.seed}`)
    const writers = Array.from({ length: 6 }, (_, i) => ({
      writer: i % 2 === 0 ? server() : client(),
      mask: i % 2 === 0 ? undefined : MASK,
      expected: [] as Buffer[],
    }))
    /** Pieces that the system has not copied yet, and what they must be. */
    const out: { piece: Buffer; copy: Buffer }[] = []
    const wrong: string[] = []
    let reused = 0
    const seen = new Set<string>()
    for (let step = 0; step < 6_000; step++) {
      const { writer, mask, expected } = random.pick(writers)
      const action = random.below(10)
      if (action < 6) {
        const size =
          random.below(50) === 0
            ? COPY_LIMIT + random.below(20_000)
            : random.below(2)
              ? random.below(40)
              : random.below(6_000)
        if (random.below(2) === 0) {
          const payload = random.bytes(size)
          writer.writeBytes(0x82, payload)
          expected.push(rawFrame({ opcode: BINARY, mask, payload }))
        } else {
          const text = random.pick(['a', 'é', '€']).repeat(size >> 1)
          writer.writeText(0x81, text)
          expected.push(rawFrame({ opcode: TEXT, mask, payload: text }))
        }
      } else if (action < 9) {
        const { length } = writer
        const pieces = writer.take()
        const bytes = Buffer.concat(expected.splice(0))
        if (length !== bytes.length || !Buffer.concat(pieces).equals(bytes)) wrong.push(`step ${step}`)
        for (const piece of pieces) {
          out.push({ piece, copy: Buffer.from(piece) })
          if (piece.buffer.byteLength === SLAB_SIZE && seen.has(`${piece.byteOffset}`)) reused++
          seen.add(`${piece.byteOffset}`)
        }
      } else {
        // As the transport does it: the newest first. And now and then one from the middle.
        const count = random.below(out.length + 1)
        for (const { piece } of out.splice(out.length - count, count).reverse()) reclaim(piece)
        const [middle] = out.splice(random.below(out.length + 1), 1)
        if (middle !== undefined) reclaim(middle.piece)
      }
      if (out.some(({ piece, copy }) => !piece.equals(copy))) wrong.push(`overwritten in step ${step}`)
      if (out.length > 40) out.splice(0, 20)
    }
    t.same(wrong.slice(0, 5), [])
    t.ok(reused > 100, `${reused} regions were used again`)
  },
)

t.test('whole frames: as any other to the peer, alone and between others', async t => {
  for (const length of BORDERS) {
    const payload = binary(length, 7)
    const frame = encodeFrame(0x82, payload)
    t.ok(frame.equals(rawFrame({ opcode: BINARY, payload })), `${length}`)
    const alone = server()
    alone.writeFrame(frame)
    t.equal(alone.length, frame.length)
    t.equal(alone.take()[0], frame, 'not copied')
    const mixed = server()
    mixed.writeText(0x81, 'before')
    mixed.writeFrame(frame)
    mixed.writeFrame(frame)
    mixed.writeBytes(0x82, binary(3))
    const expected = rawFrames([
      { opcode: TEXT, payload: 'before' },
      { opcode: BINARY, payload },
      { opcode: BINARY, payload },
      { opcode: BINARY, payload: binary(3) },
    ])
    t.equal(mixed.length, expected.length)
    t.ok(Buffer.concat(mixed.take()).equals(expected), `${length}, between others`)
  }
})

t.test('whole frames that go to many are joined once, in memory that is not used for anything else', async t => {
  const frames = Array.from({ length: 16 }, (_, i) => encodeFrame(0x82, binary(100, i)))
  const take = (given: readonly Buffer[]) => {
    const writer = server()
    for (const frame of given) writer.writeFrame(frame)
    return writer.take()
  }
  const first = take(frames)
  t.equal(first.length, 1)
  t.ok(first[0]!.equals(Buffer.concat(frames)))
  t.equal(take(frames)[0], first[0], 'the same bytes for the next one')
  t.ok(take(frames.slice(1))[0]!.equals(Buffer.concat(frames.slice(1))), 'other frames are others')
  t.ok(take([...frames].reverse())[0]!.equals(Buffer.concat([...frames].reverse())), 'and so is another order')
  // Somebody may be still writing it.
  const again = take(frames)
  reclaim(again[0]!)
  const other = server()
  other.writeBytes(0x82, binary(2000, 0xee))
  other.take()
  t.ok(again[0]!.equals(Buffer.concat(frames)))
  const large = Array.from({ length: 10 }, (_, i) => encodeFrame(0x82, binary(9000, i)))
  t.ok(Buffer.concat(take(large)).equals(Buffer.concat(large)), 'more than is joined in one')
})
