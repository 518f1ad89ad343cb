/**
 * The violations table: every row is reached by bytes that a connection receives, in every chunking, and puts its
 * close code on the wire. And the shapes of the errors.
 */
import t from 'tap'
import {
  ClosedError,
  EventStreamResponseError,
  EventStreamTimeoutError,
  HandshakeError,
  ProtocolError,
  VIOLATIONS,
  type ViolationCode,
} from '../lib/errors.ts'
import type { ConnectionOptions } from '../lib/websocket/connection.ts'
import type { Role } from '../lib/websocket/frame.ts'
import { everySplit } from './support/every-split.ts'
import { Endpoint } from './support/pair.ts'
import {
  BINARY,
  CLOSE,
  closePayload,
  MASK,
  PING,
  PONG,
  type RawFrame,
  rawFrames,
  TEXT,
} from './support/raw-frames.ts'

interface Vector {
  /** The frames of one who breaks the rule with the last of them; masked as the role wants it if `mask` is not given. */
  readonly frames: readonly RawFrame[]
  /** Both if left out. */
  readonly role?: Role
  readonly limits?: Partial<ConnectionOptions>
  /** What is told before. */
  readonly log?: readonly string[]
}

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const text = (hex: string): RawFrame => ({ opcode: TEXT, payload: bytes(hex) })
const close = (payload: Buffer): Vector => ({ frames: [{ opcode: CLOSE, payload }] })
const announced = (length: bigint): Vector => ({ frames: [{ opcode: BINARY, length, extended: 8 }] })

// A row that is new in the table does not compile here without a vector.
const VECTORS: Record<ViolationCode, readonly Vector[]> = {
  // [6455-5.2-2, 7692-6-2]
  WS_ERR_UNEXPECTED_RSV_1: [
    { frames: [{ opcode: TEXT, rsv: 4, payload: 'a' }] },
    { frames: [{ opcode: PING, rsv: 4 }] },
    {
      frames: [
        { opcode: BINARY, fin: false },
        { opcode: 0, rsv: 4 },
      ],
    },
    { frames: [{ opcode: PING, rsv: 4 }], limits: { inflate: data => data } },
    {
      frames: [
        { opcode: TEXT, rsv: 4, fin: false },
        { opcode: 0, rsv: 4 },
      ],
      limits: { inflate: data => data },
    },
  ],
  // [6455-5.2-3]
  WS_ERR_UNEXPECTED_RSV_2_3: [
    { frames: [{ opcode: TEXT, rsv: 2 }] },
    { frames: [{ opcode: CLOSE, rsv: 1 }] },
    { frames: [text('61'), { opcode: PONG, rsv: 3 }], log: ['text "a"'] },
  ],
  // [6455-5.2-4]
  WS_ERR_INVALID_OPCODE: [
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(opcode => ({ frames: [{ opcode }] })),
    { frames: [{ opcode: TEXT, fin: false }, { opcode: 3 }] },
  ],
  // [6455-5.4-1, 6455-5.5-3]
  WS_ERR_EXPECTED_FIN: [
    { frames: [{ opcode: PING, fin: false }] },
    { frames: [{ opcode: CLOSE, fin: false, payload: closePayload(1000) }] },
  ],
  // [6455-5.5-2]
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: [
    { frames: [{ opcode: PING, payload: 'x'.repeat(126) }] },
    { frames: [{ opcode: PONG, length: 1, extended: 2 }] },
    { frames: [{ opcode: CLOSE, length: 2n ** 63n }] },
  ],
  // [6455-5.1-2]
  WS_ERR_EXPECTED_MASK: [
    { role: 'server', frames: [{ opcode: TEXT, mask: undefined, payload: 'a' }] },
    { role: 'server', frames: [text('61'), { opcode: CLOSE, mask: undefined }], log: ['text "a"'] },
  ],
  // [6455-5.1-4]
  WS_ERR_UNEXPECTED_MASK: [{ role: 'client', frames: [{ opcode: TEXT, mask: [0, 0, 0, 0], payload: 'a' }] }],
  // [6455-5.4-7]
  WS_ERR_UNEXPECTED_CONTINUATION: [
    { frames: [{ opcode: 0, payload: 'a' }] },
    {
      frames: [{ opcode: TEXT, fin: false }, { opcode: 0 }, { opcode: PING }, { opcode: 0, fin: false }],
      log: ['text ""', 'ping '],
    },
  ],
  // [6455-5.4-4]
  WS_ERR_EXPECTED_CONTINUATION: [
    { frames: [{ opcode: TEXT, fin: false, payload: 'a' }, { opcode: TEXT }] },
    { frames: [{ opcode: BINARY, fin: false }, { opcode: PING }, { opcode: BINARY, fin: false }], log: ['ping '] },
  ],
  // [6455-5.2-7]
  WS_ERR_NON_MINIMAL_PAYLOAD_LENGTH: [
    { frames: [{ opcode: TEXT, length: 124, extended: 2 }] },
    announced(0n),
    announced(125n),
    announced(65_535n),
  ],
  // [6455-5.2-5]
  WS_ERR_INVALID_PAYLOAD_LENGTH: [announced(2n ** 63n), announced(2n ** 63n + 1n), announced(2n ** 64n - 1n)],
  // [6455-10.4-1]
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: [announced(2n ** 53n), announced(2n ** 63n - 1n)],
  // [6455-10.4-2]
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: [
    announced(2n ** 53n - 1n),
    announced(2n ** 20n + 1n),
    { frames: [{ opcode: TEXT, payload: 'x'.repeat(6) }], limits: { maxMessageSize: 5 } },
    {
      frames: [{ opcode: BINARY, rsv: 4, payload: 'x' }],
      limits: { maxMessageSize: 5, inflate: () => Buffer.alloc(6) },
    },
    {
      frames: [{ opcode: TEXT, fin: false, payload: 'xxx' }, { opcode: PING }, { opcode: 0, payload: 'xxx' }],
      limits: { maxMessageSize: 5 },
      log: ['ping '],
    },
  ],
  // [6455-10.4-2]
  WS_ERR_TOO_MANY_BUFFERED_PARTS: [
    {
      frames: [{ opcode: TEXT, fin: false, payload: 'a' }, { opcode: 0, fin: false, payload: 'b' }, { opcode: 0 }],
      limits: { maxFragments: 2 },
    },
    {
      frames: [{ opcode: BINARY, fin: false }, { opcode: PING }, { opcode: 0 }],
      limits: { maxFragments: 1 },
      log: ['ping '],
    },
  ],
  WS_ERR_INVALID_DEFLATE_DATA: [
    {
      frames: [{ opcode: BINARY, rsv: 4, fin: false, payload: 'x' }, { opcode: PING }, { opcode: 0, payload: 'y' }],
      limits: { inflate: () => 'WS_ERR_INVALID_DEFLATE_DATA' },
      log: ['ping '],
    },
  ],
  // [6455-5.6-1, 6455-8.1-1]
  WS_ERR_INVALID_UTF8: [
    { frames: [text('ff')] },
    { frames: [{ opcode: TEXT, rsv: 4, payload: 'x' }], limits: { inflate: () => bytes('61e282') } },
    { frames: [text('c0af')] },
    { frames: [text('eda080')] },
    { frames: [text('f4908080')] },
    { frames: [text('61e282')] },
    {
      frames: [{ opcode: TEXT, fin: false, payload: bytes('e282') }, { opcode: PING }, { opcode: 0, payload: '(' }],
      log: ['ping '],
    },
    { frames: [{ opcode: TEXT, fin: false, payload: bytes('e282') }, { opcode: 0 }] },
    close(closePayload(1000, bytes('ff'))),
    close(closePayload(1000, bytes(`${'61'.repeat(60)}e282`))),
  ],
  // [6455-5.5.1-1]
  WS_ERR_INVALID_CLOSE_PAYLOAD_LENGTH: [close(bytes('03'))],
  // [6455-7.4.1-4]
  WS_ERR_INVALID_CLOSE_CODE: [
    ...([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(code => close(closePayload(code))) as [
      Vector,
    ]),
  ],
}

/** A valid message, and the peer's Close frame: after a failure neither is to be seen. */
const BEHIND: RawFrame[] = [text('62'), { opcode: CLOSE, payload: closePayload(1000) }]
// [6455-7.1.7-4, 6455-7.1.7-5, 6455-10.7-1, 6455-10.7-2]
t.test('every violation: told once, answered with its close code, and nothing is read behind it', async t => {
  for (const [code, vectors] of Object.entries(VECTORS) as [ViolationCode, Vector[]][]) {
    const [closeCode, , words] = VIOLATIONS[code]
    const expectedClose = closePayload(closeCode, words)
    for (const { frames, role: onlyRole, limits, log = [] } of vectors) {
      for (const role of onlyRole === undefined ? (['server', 'client'] as const) : [onlyRole]) {
        const wrong: unknown[] = []
        const mask = role === 'server' ? MASK : undefined
        everySplit(rawFrames([...frames, ...BEHIND].map(frame => ({ mask, ...frame }))), chunks => {
          const end = new Endpoint({ role, ...limits }).receive(...chunks)
          const sent = end.sentFrames.at(-1)
          const isRight =
            end.log.join() === [...log, `failure ${code}`].join() &&
            end.connection.state === 'failed' &&
            end.sentFrames.filter(({ opcode }) => opcode === CLOSE).length === 1 &&
            sent?.opcode === CLOSE &&
            sent.payload.equals(expectedClose) &&
            end.connection.closeSent?.code === closeCode &&
            end.connection.closeReceived === undefined &&
            end.connection.unread === 0
          if (!isRight) wrong.push([chunks.map(({ length }) => length), end.log, end.sentLines])
        })
        t.same(
          wrong.slice(0, 2),
          [],
          `${code}, ${role}: ${JSON.stringify(frames, (_, v) => (typeof v === 'bigint' ? `${v}` : v)).slice(0, 90)}`,
        )
      }
    }
  }
})

t.test('text fails at its first bad byte, before the frame has ended (§8.1) [6455-8.1-1]', async t => {
  for (const role of ['server', 'client'] as const) {
    const mask = role === 'server' ? MASK : undefined
    const frame = rawFrames([{ opcode: TEXT, mask, payload: bytes('61e28228616161') }])
    const end = new Endpoint({ role })
    const header = frame.length - 7
    end.receive(...Array.from(frame.subarray(0, header + 3), byte => Uint8Array.of(byte)))
    t.same(end.log, [])
    end.receive(frame.subarray(header + 3, header + 4))
    t.same(end.log, ['failure WS_ERR_INVALID_UTF8'])
  }
})

t.test('more chunks than maxChunks', async t => {
  const frame = rawFrames([{ opcode: BINARY, mask: MASK, payload: 'abcd' }])
  const chunks = Array.from(frame, byte => Uint8Array.of(byte))
  t.same(new Endpoint({ role: 'server', maxChunks: 4 }).receive(...chunks).log, ['binary 61626364'])
  const end = new Endpoint({ role: 'server', maxChunks: 3 }).receive(...chunks)
  t.same(end.log, ['failure WS_ERR_TOO_MANY_BUFFERED_PARTS'])
  t.equal(end.sentFrames[0]?.payload.readUInt16BE(), 1008)
})

t.test('the table: a code that may be sent, a clause, and words that fit into a Close frame', async t => {
  t.same(Object.keys(VECTORS).sort(), Object.keys(VIOLATIONS).sort(), 'vectors for each row')
  t.ok(
    Object.values(VECTORS).every(({ length }) => length > 0),
    'at least one',
  )
  // §7.4.1: what is not a protocol error is data of the wrong kind, against a policy, or too big.
  const others: Record<string, number> = {
    WS_ERR_INVALID_DEFLATE_DATA: 1007,
    WS_ERR_INVALID_UTF8: 1007,
    WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
    WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
    WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  }
  for (const [name, [closeCode, clause, words]] of Object.entries(VIOLATIONS)) {
    t.match(name, /^WS_ERR_[A-Z0-9_]+$/)
    t.equal(closeCode, others[name] ?? 1002, name)
    t.match(clause, /^RFC (6455|7692) §\d+(\.\d+)*$/)
    t.ok(words.length > 10 && Buffer.byteLength(words) <= 123, 'words are the reason of the Close frame')
  }
})

t.test('ProtocolError: the row as properties, the words as the message', async t => {
  for (const code of Object.keys(VIOLATIONS) as ViolationCode[]) {
    const [closeCode, clause, words] = VIOLATIONS[code]
    const error = new ProtocolError(code)
    t.ok(error instanceof Error)
    t.same([error.name, error.code, error.closeCode, error.clause], ['ProtocolError', code, closeCode, clause])
    t.equal(error.message, `${words} (${clause}, close code ${closeCode})`)
    t.match(error.stack, /^ProtocolError: /)
  }
})

t.test('HandshakeError: code and words, with the response or the cause where there is one', async t => {
  const plain = new HandshakeError('WS_ERR_HANDSHAKE_TIMEOUT', 'too late')
  t.ok(plain instanceof Error)
  t.same(
    [plain.name, plain.code, plain.message, plain.response],
    ['HandshakeError', 'WS_ERR_HANDSHAKE_TIMEOUT', 'too late', undefined],
  )
  t.notOk('cause' in plain)
  const response = { status: 403, headers: {}, body: Buffer.from('no') }
  t.equal(new HandshakeError('X', 'y', { response }).response, response)
  const cause = new Error('ECONNREFUSED')
  t.equal(new HandshakeError('X', 'y', { cause }).cause, cause)
})

t.test('ClosedError: how the connection closed', async t => {
  const error = new ClosedError(4000, 'so "long"', true)
  t.ok(error instanceof Error)
  t.same([error.name, error.code], ['ClosedError', 'WS_ERR_CLOSED'])
  t.same([error.closeCode, error.reason, error.wasClean], [4000, 'so "long"', true])
  t.equal(error.message, 'the connection is closed (4000, "so \\"long\\"")')
  t.equal(new ClosedError(1006, '', false).message, 'the connection is closed (1006)')
})

t.test('EventStreamResponseError: what was answered in place of an event stream', async t => {
  const response = { url: 'http://a/', status: 404, headers: {}, body: Buffer.from('no') }
  const error = new EventStreamResponseError('ERR_EVENT_STREAM_STATUS', 'so', response)
  t.ok(error instanceof Error)
  t.same([error.name, error.code, error.message], ['EventStreamResponseError', 'ERR_EVENT_STREAM_STATUS', 'so'])
  t.equal(error.response, response)
})

t.test('EventStreamTimeoutError: which silence, and how long', async t => {
  const error = new EventStreamTimeoutError('ERR_EVENT_STREAM_IDLE_TIMEOUT', 7)
  t.ok(error instanceof Error)
  t.same(
    [error.name, error.code, error.timeout, error.message],
    ['EventStreamTimeoutError', 'ERR_EVENT_STREAM_IDLE_TIMEOUT', 7, 'not a byte within 7 ms'],
  )
  t.equal(new EventStreamTimeoutError('ERR_EVENT_STREAM_RESPONSE_TIMEOUT', 7).message, 'no response within 7 ms')
})
