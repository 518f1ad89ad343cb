/**
 * Messages in pieces: what comes in as frames and chunks of any size is one message, in memory of at most four
 * times what came; what goes out as fragments never cuts a character.
 */
import t from 'tap'
import { FrameParser } from '../../lib/websocket/frame-parser.ts'
import { OutgoingMessage, PartialMessage } from '../../lib/websocket/message.ts'
import { everySplit } from '../support/every-split.ts'
import { Random } from '../support/random.ts'
import { BINARY, MASK, type RawFrame, rawFrame, rawFrames, TEXT } from '../support/raw-frames.ts'

const NO_LIMITS = { maxFragments: Infinity, maxChunks: Infinity }

/** Assembles one message: itself, undefined if it ends within a character, or what it breaks and after which piece. */
function assemble(
  chunks: readonly Uint8Array[],
  limits = NO_LIMITS,
  onPiece: (received: number) => void = () => {},
): string | Buffer | undefined {
  const parser = new FrameParser(true, 2 ** 27, false)
  let message: PartialMessage | undefined
  let [pieces, received] = [0, 0]
  for (const bytes of chunks) {
    const chunk = Buffer.from(new Uint8Array(bytes).buffer)
    parser.push(chunk)
    while (parser.next()) {
      message ??= new PartialMessage(parser.opcode, parser.rsv1, parser.payloadLength)
      const violation = message.append(parser, limits)
      pieces++
      received += parser.end - parser.start
      if (violation !== undefined) return `${violation} in piece ${pieces}`
      onPiece(received)
    }
    // What was copied is no longer in need of the chunk; large pieces stay where they are.
    if (chunk.length < 4096) chunk.fill(0xee)
    parser.release()
  }
  if (parser.violation !== undefined) return parser.violation
  return message?.finish()
}

/** The frames of a message in these fragments, masked. */
const fragments = (opcode: number, payloads: readonly (string | Uint8Array)[]): RawFrame[] =>
  payloads.map((payload, i) => ({
    opcode: i === 0 ? opcode : 0,
    fin: i === payloads.length - 1,
    mask: MASK.map(byte => byte + i),
    payload,
  }))

/** Each frame in a chunk of its own. */
const oneByOne = (frames: readonly RawFrame[]) => frames.map(rawFrame)

/** `bytes` cut at the given places. */
const cutAt = (bytes: Uint8Array, ...places: number[]) =>
  [...places, bytes.length].map((place, i) => bytes.subarray(places[i - 1] ?? 0, place))

t.test('text and binary in fragments and chunks of every size [6455-5.4-2]', async t => {
  const text = 'a\x7fé€😀\ufeffz'
  const bytes = Buffer.from(text)
  const wrong: string[] = []
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const payloads = cutAt(bytes, first, second)
      everySplit(rawFrames(fragments(TEXT, payloads)), chunks => {
        if (assemble(chunks) !== text) wrong.push(`text, fragments at ${first} and ${second}`)
      })
      const binary = assemble([rawFrames(fragments(BINARY, payloads))]) as Buffer
      if (!bytes.equals(binary)) wrong.push(`binary, fragments at ${first} and ${second}`)
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('ASCII and other pieces in every order', async t => {
  // Each piece may be ASCII or not, below or above the length from which Node looks at it.
  const parts = ['', 'plain', 'é', 'x'.repeat(100), '€'.repeat(40), '😀']
  const wrong: string[] = []
  for (const first of parts) {
    for (const second of parts) {
      for (const third of parts) {
        const frames = fragments(TEXT, [first, second, third])
        if (assemble([rawFrames(frames)]) !== first + second + third) wrong.push(`${[first, second, third]}`)
      }
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('a text is refused with the piece that has its first bad byte, in the middle of a fragment too', async t => {
  const cases: [pieces: string[], expected: string | undefined][] = [
    [['61', 'ff', '61'], 'WS_ERR_INVALID_UTF8 in piece 2'],
    [['e2', '82', '28'], 'WS_ERR_INVALID_UTF8 in piece 3'],
    [['e2', '', '61'], 'WS_ERR_INVALID_UTF8 in piece 3'],
    [['f0', '80', '80', '80'], 'WS_ERR_INVALID_UTF8 in piece 2'],
    [['ed', 'a0', '80'], 'WS_ERR_INVALID_UTF8 in piece 2'],
    [['61', 'e2', '82'], undefined],
    [['c3', ''], undefined],
    [['c3', '61'.repeat(100)], 'WS_ERR_INVALID_UTF8 in piece 2'],
    [['f09f9880', 'f0', '9f9880'], '😀😀'],
  ]
  for (const [pieces, expected] of cases) {
    const payloads = pieces.map(hex => Buffer.from(hex, 'hex'))
    t.equal(assemble(oneByOne(fragments(TEXT, payloads))), expected, `fragments ${pieces}`)
    // The same as one frame that arrives in these pieces; an empty piece is then none.
    const whole = rawFrame({ opcode: TEXT, mask: MASK, payload: Buffer.concat(payloads) })
    const places = payloads.map((_, i) => 6 + Buffer.concat(payloads.slice(0, i)).length)
    const chunks = cutAt(whole, ...places.filter(place => place > 6)).map(chunk => Buffer.from(chunk))
    const found = assemble(chunks)
    t.equal(found?.toString().replace(/\d$/, ''), expected?.toString().replace(/\d$/, ''), `chunks ${pieces}`)
  }
})

t.test('memory grows with what has come, not with what is announced, and not with the number of parts', async t => {
  const allocated: number[] = []
  const { allocUnsafe } = Buffer
  t.teardown(() => void (Buffer.allocUnsafe = allocUnsafe))
  Buffer.allocUnsafe = size => {
    allocated.push(size)
    return allocUnsafe(size)
  }
  const announced = 2 ** 26
  const head = rawFrame({ opcode: BINARY, mask: MASK, length: announced })
  const part = (size: number) => rawFrame({ opcode: 0, fin: false, mask: MASK, payload: Buffer.alloc(size) })
  const begin = rawFrame({ opcode: BINARY, fin: false, mask: MASK })
  const cases: [string, Buffer[]][] = [
    ['64 MiB announced, 1 byte', [head, Buffer.alloc(1)]],
    ['64 MiB announced, 20,000 bytes one by one', [head, ...Array.from({ length: 20_000 }, () => Buffer.alloc(1))]],
    ['64 MiB announced, 256 chunks of 4 KiB', [head, ...Array.from({ length: 256 }, () => Buffer.alloc(4096))]],
    ['20,000 empty fragments', [begin, ...Array.from({ length: 20_000 }, () => part(0))]],
    ['20,000 fragments of one byte', [begin, ...Array.from({ length: 20_000 }, () => part(1))]],
    ['fragments that grow', [begin, ...Array.from({ length: 200 }, (_, i) => part(i * 17))]],
    ['a small fragment, then a large one', [begin, part(1), part(100_000), part(1)]],
  ]
  for (const [name, chunks] of cases) {
    allocated.length = 0
    const wrong: string[] = []
    let received = 0
    assemble(chunks, NO_LIMITS, now => {
      received = now
      // 256 bytes before anything came: less than what a connection costs as such.
      const capacity = allocated.at(-1) ?? 0
      if (capacity > Math.max(256, 4 * received)) wrong.push(`${capacity} bytes for ${received}`)
    })
    t.same(wrong.slice(0, 3), [], name)
    const copied = allocated.reduce((sum, size) => sum + size, 0)
    t.ok(copied <= 256 + 4 * received * 2, `${name}: ${copied} bytes allocated in all for ${received}`)
  }
  // The last growth goes to what the frame still wants, and no further.
  const [most, rest] = cutAt(rawFrame({ opcode: BINARY, mask: MASK, payload: Buffer.alloc(1000) }), 900) as Buffer[]
  allocated.length = 0
  assemble([most!, rest!])
  t.same(allocated, [256, 1000])
})

t.test('a message has memory of its own, and as much as it needs if it came in one frame', async t => {
  const bytes = new Random().bytes(40_000)
  const frame = rawFrame({ opcode: BINARY, mask: MASK, payload: bytes })
  for (const cut of [9, 200, 300, 1000, 20_000, 40_007]) {
    // Node gives small buffers out of a pool; this one is too large for it.
    const chunks = cutAt(Buffer.from(frame), cut).map(chunk => Buffer.from(new Uint8Array(chunk).buffer))
    const message = assemble(chunks) as Buffer
    t.ok(message.equals(bytes), `cut at ${cut}: the chunks were overwritten, the message was not`)
    t.equal(message.buffer.byteLength, 40_000)
  }
})

t.test(
  'large pieces are kept as they came and joined once, small ones and parts of larger chunks are copied',
  async t => {
    const bytes = new Random().bytes(300_000)
    const frame = Buffer.from(rawFrame({ opcode: BINARY, mask: MASK, payload: bytes }))
    const places = [10, 10_000, 10_100, 75_000, 140_000, 140_001, 200_000, 299_000]
    const assembled: Buffer[] = []
    for (const isOfLargerChunk of [false, true]) {
      const allocated: number[] = []
      const { allocUnsafe, allocUnsafeSlow } = Buffer
      const counted = (allocate: (size: number) => Buffer) => (size: number) => {
        allocated.push(size)
        return allocate(size)
      }
      Object.assign(Buffer, { allocUnsafe: counted(allocUnsafe), allocUnsafeSlow: counted(allocUnsafeSlow) })
      const parser = new FrameParser(true, 2 ** 27, false)
      let message: PartialMessage | undefined
      for (const piece of cutAt(frame, ...places)) {
        const chunk = Buffer.from(new ArrayBuffer(piece.length * (isOfLargerChunk ? 3 : 1)), 0, piece.length)
        chunk.set(piece)
        parser.push(chunk)
        while (parser.next()) {
          message ??= new PartialMessage(parser.opcode, parser.rsv1, parser.payloadLength)
          message.append(parser, NO_LIMITS)
        }
        if (isOfLargerChunk) chunk.fill(0xee)
        parser.release()
      }
      assembled.push(message?.finish() as Buffer)
      Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow })
      const large = allocated.filter(size => size > 4096)
      if (isOfLargerChunk) t.ok(large.length > 2, `${large}`)
      else t.same(large, [300_000], 'one buffer for all of it')
    }
    for (const message of assembled) {
      t.ok(message.equals(bytes))
      t.equal(message.buffer.byteLength, 300_000)
    }
  },
)

t.test('texts of several large pieces: each is its own, although they are joined in the same memory', async t => {
  const texts = ['a', 'é', 'b'].map(letter => letter.repeat(150_000))
  const found = texts.map(text => {
    const frame = rawFrame({ opcode: TEXT, mask: MASK, payload: Buffer.from(text) })
    return assemble(cutAt(frame, 65_536, 131_072, 140_000))
  })
  t.ok(found.every((text, i) => text === texts[i]))
  const long = 'c'.repeat(2 ** 21)
  t.ok(assemble(cutAt(rawFrame({ opcode: TEXT, mask: MASK, payload: Buffer.from(long) }), 2 ** 20)) === long)
})

t.test('limits: so many fragments, so many chunks, and not one more', async t => {
  const frames = oneByOne(fragments(BINARY, ['a', '', 'b', '', '', 'c']))
  const bytes = Array.from(rawFrame({ opcode: BINARY, mask: MASK, payload: 'abcdef' }), byte => Buffer.of(byte))
  for (let limit = 1; limit <= 7; limit++) {
    const refused = limit < 6 ? `WS_ERR_TOO_MANY_BUFFERED_PARTS in piece ${limit + 1}` : undefined
    t.same(
      assemble(frames, { ...NO_LIMITS, maxFragments: limit }),
      refused ?? Buffer.from('abc'),
      `${limit} fragments`,
    )
    t.same(assemble(bytes, { ...NO_LIMITS, maxChunks: limit }), refused ?? Buffer.from('abcdef'), `${limit} chunks`)
  }
  t.same(assemble(bytes, { maxFragments: 1, maxChunks: 6 }), Buffer.from('abcdef'), 'a chunk is not a fragment')
})
t.test('outgoing fragments: the first has the type, the others continue [6455-5.4-7, 6455-6.1-5]', async t => {
  for (const isText of [true, false]) {
    const message = new OutgoingMessage(isText, false)
    t.equal(message.isText, isText)
    t.same([message.nextOpcode(), message.nextOpcode(), message.nextOpcode()], [isText ? TEXT : BINARY, 0, 0])
  }
})

t.test('a compressed message in fragments: RSV1 on the first one, and no look at what is not text yet', async t => {
  const outgoing = new OutgoingMessage(true, true)
  t.same([outgoing.nextOpcode(), outgoing.nextOpcode()], [TEXT | 0x40, 0])
  const parser = new FrameParser(true, 2 ** 20, true)
  let message: PartialMessage | undefined
  const frames = [
    { opcode: TEXT, rsv: 4, fin: false, mask: MASK, payload: Buffer.from('ff00', 'hex') },
    { opcode: 0, mask: MASK, payload: Buffer.from('c0', 'hex') },
  ]
  for (const frame of frames) {
    parser.push(rawFrame(frame))
    while (parser.next()) {
      message ??= new PartialMessage(parser.opcode, parser.rsv1, parser.payloadLength)
      t.equal(message.append(parser, NO_LIMITS), undefined)
    }
  }
  t.same([message?.opcode, message?.isCompressed, message?.bytes], [TEXT, true, Buffer.from('ff00c0', 'hex')])
})

t.test(
  'outgoing text: whatever UTF-16 it is cut into, each fragment is whole characters and none is lost',
  async t => {
    const texts = [
      'aé€',
      '😀',
      'a😀b',
      '😀😀',
      '\ud83d',
      '\ude00',
      '\ud83d\ud83d\ude00',
      '\ude00\ud83d',
      'a\ud83db',
      '',
    ]
    const wrong: string[] = []
    for (const text of texts) {
      // WHATWG's conversion to a USVString: what TextEncoder does with the whole.
      const whole = Buffer.from(new TextEncoder().encode(text))
      for (let first = 0; first <= text.length; first++) {
        for (let second = first; second <= text.length; second++) {
          const parts = [text.slice(0, first), text.slice(first, second), text.slice(second)]
          const message = new OutgoingMessage(true, false)
          const sent = parts.map((part, i) => Buffer.from(message.joinSurrogates(part, i === 2)))
          if (!Buffer.concat(sent).equals(whole)) wrong.push(JSON.stringify(parts))
        }
      }
      const units = new OutgoingMessage(true, false)
      const sent = [...text.split(''), ''].map((unit, i) => units.joinSurrogates(unit, i === text.length))
      if (!Buffer.from(sent.join('')).equals(whole)) wrong.push(`${JSON.stringify(text)} unit by unit`)
    }
    t.same(wrong, [])
  },
)
