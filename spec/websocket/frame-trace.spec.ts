/**
 * The frame tracer: what was on the wire, in every chunking, valid or not, with the first bytes of each payload.
 */
import t from 'tap'
import { type FrameRecord, FrameTracer } from '../../lib/websocket/frame-trace.ts'
import { everySplit } from '../support/every-split.ts'
import { Random } from '../support/random.ts'
import { BINARY, CLOSE, MASK, PING, type RawFrame, rawFrame, rawFrames, TEXT } from '../support/raw-frames.ts'

function trace(chunks: readonly Uint8Array[], maxPayload?: number): FrameRecord[] {
  const frames: FrameRecord[] = []
  const tracer = new FrameTracer(frame => frames.push(frame), maxPayload)
  for (const chunk of chunks) {
    const before = Buffer.from(chunk)
    tracer.push(chunk)
    if (!before.equals(chunk)) throw new Error('a chunk was changed')
    // What is shown is a copy: the chunk goes to the parser next, which unmasks in place.
    chunk.fill(0xee)
  }
  return frames
}

/** The record of a frame, from what the frame was made of. */
function recordOf(frame: RawFrame, maxPayload = 256): FrameRecord {
  const { fin = true, rsv = 0, opcode, mask, payload = '' } = frame
  const content = Buffer.from(payload as string)
  const bytes = rawFrame(frame)
  return {
    fin,
    rsv1: (rsv & 4) !== 0,
    rsv2: (rsv & 2) !== 0,
    rsv3: (rsv & 1) !== 0,
    opcode,
    masked: mask !== undefined,
    header: bytes.subarray(0, bytes.length - content.length),
    length: content.length,
    payload: content.subarray(0, maxPayload),
  }
}

// Right and wrong ones: a tracer judges nothing.
const FRAMES: RawFrame[] = [
  { opcode: TEXT, payload: 'Hello' },
  { opcode: TEXT, mask: MASK, payload: 'Hello' },
  { opcode: TEXT, fin: false, rsv: 4 },
  { opcode: 0, rsv: 2, mask: [0, 0, 0, 0], payload: 'é' },
  { opcode: 15, rsv: 1, payload: 'reserved' },
  { opcode: PING, fin: false, mask: MASK, payload: 'x'.repeat(130) },
  { opcode: CLOSE, payload: Buffer.of(3) },
  { opcode: BINARY, mask: [255, 128, 1, 0], extended: 8, payload: Buffer.of(0, 255, 128, 127, 1) },
  { opcode: BINARY, extended: 2 },
  { opcode: BINARY, rsv: 7, mask: MASK, payload: Buffer.alloc(300, 0xa5) },
]

t.test('every frame, right or wrong, in every chunking', async t => {
  const expected = FRAMES.map(frame => recordOf(frame))
  const wrong: unknown[] = []
  everySplit(rawFrames(FRAMES), chunks => {
    const found = trace(chunks)
    if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push(found)
  })
  t.same(wrong.slice(0, 1), [])
  t.same(trace([rawFrames(FRAMES)]), expected)
})

t.test('of each payload so many bytes are kept, however they come', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const frames = [0, 1, 9, 10, 11, 125, 70_000].map(size => ({
    opcode: BINARY,
    mask: MASK,
    payload: random.bytes(size),
  }))
  for (const maxPayload of [0, 1, 10, 256, 100_000]) {
    const expected = frames.map(frame => recordOf(frame, maxPayload))
    for (const longest of [1, 7, 1000, 100_000]) {
      t.same(trace(random.chunks(rawFrames(frames), longest), maxPayload), expected, `${maxPayload}, ${longest}`)
    }
  }
})

t.test('a frame that was announced and has not come is not told', async t => {
  for (const length of [2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const frames = trace([rawFrame({ opcode: BINARY, mask: MASK, length }), Buffer.alloc(1000)])
    t.same(frames, [], `${length}: it has not come`)
  }
})
