/**
 * Inputs for targets that read bytes: frames as a peer would send them, right, wrong and mutated, and ways to cut them
 * into chunks.
 */
import fc from 'fast-check'
import type { Role } from '../lib/websocket/frame.ts'
import {
  BINARY,
  CLOSE,
  closePayload,
  PING,
  PONG,
  type RawFrame,
  rawFrames,
  TEXT,
} from '../spec/support/raw-frames.ts'

export const role: fc.Arbitrary<Role> = fc.constantFrom('server', 'client')

/** Sizes of chunks; the last one is used for all that is left. */
export const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 300 })), {
  minLength: 1,
  maxLength: 12,
})

/** Chunks with memory of their own. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = sizes[Math.min(chunks.length, sizes.length - 1)] ?? bytes.length
    chunks.push(Buffer.from(new Uint8Array(bytes.subarray(at, at + size)).buffer))
    at += size
  }
  return chunks
}

/** Characters of every length in UTF-8, at its borders. */
const unit = fc.constantFrom(...'a\0\x7f\x80éߏ߿ࠀ€\ud7ff\ue000\ufeff\uffff𐀀😀\u{10ffff}')

/** Texts, long enough now and then for the native validator. */
export const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit, maxLength: 20 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit, minLength: 40, maxLength: 120 }) },
)

export const payload = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 400 }) },
)

/** Codes that may be sent. */
export const closeCode = fc.oneof(
  fc.constantFrom(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014),
  fc.integer({ min: 3000, max: 4999 }),
)

const control: fc.Arbitrary<RawFrame> = fc.record({
  opcode: fc.constantFrom(PING, PONG),
  payload: fc.uint8Array({ maxLength: 125 }),
})

/** The frames of one message in fragments, with control frames between them. */
const message: fc.Arbitrary<RawFrame[]> = fc
  .record({
    isText: fc.boolean(),
    parts: fc.array(fc.oneof(payload, text), { minLength: 1, maxLength: 5 }),
    between: fc.array(control, { maxLength: 3 }),
  })
  .map(({ isText, parts, between }) =>
    parts.flatMap((part, i): RawFrame[] => {
      const opcode = i > 0 ? 0 : isText ? TEXT : BINARY
      const frame = { opcode, fin: i === parts.length - 1, payload: isText && typeof part !== 'string' ? 'é€' : part }
      const following = between[i]
      return following === undefined ? [frame] : [frame, following]
    }),
  )

const close: fc.Arbitrary<RawFrame[]> = fc
  .oneof(
    fc.constant(Buffer.alloc(0)),
    fc.tuple(closeCode, fc.string({ maxLength: 20 })).map(([code, reason]) => closePayload(code, reason)),
    fc.uint8Array({ maxLength: 10 }).map(bytes => Buffer.from(bytes)),
  )
  .map(bytes => [{ opcode: CLOSE, payload: bytes }])

/** Whatever the header has room for. */
const odd: fc.Arbitrary<RawFrame[]> = fc
  .record(
    {
      fin: fc.boolean(),
      rsv: fc.constantFrom(0, 0, 0, 1, 2, 4, 7),
      opcode: fc.integer({ min: 0, max: 15 }),
      payload,
      extended: fc.constantFrom(2, 8),
      length: fc.oneof(fc.bigInt({ min: 0n, max: 125n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    },
    { requiredKeys: ['opcode'] },
  )
  .map(frame => [frame])

const mutation = fc.record({
  kind: fc.constantFrom('set', 'insert', 'remove', 'cut'),
  at: fc.nat(),
  byte: fc.integer({ min: 0, max: 255 }),
})

export interface Traffic {
  readonly role: Role
  readonly bytes: Uint8Array
}

/** What comes to an endpoint of a role. */
export const traffic: fc.Arbitrary<Traffic> = fc
  .record({
    role,
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    units: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: message },
        { weight: 2, arbitrary: control.map(frame => [frame]) },
        { weight: 1, arbitrary: close },
        { weight: 1, arbitrary: odd },
      ),
      { maxLength: 6 },
    ),
    mutations: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(mutation, { maxLength: 3 })),
    noise: fc.oneof({ weight: 5, arbitrary: fc.constant(new Uint8Array()) }, fc.uint8Array({ maxLength: 30 })),
  })
  .map(({ role, mask, units, mutations, noise }) => {
    const masked = role === 'server' ? { mask: [...mask] } : {}
    const bytes = [...rawFrames(units.flat().map(frame => ({ ...frame, ...masked }))), ...noise]
    for (const { kind, at, byte } of mutations) {
      const place = at % (bytes.length + 1)
      if (kind === 'cut') bytes.length = place
      else if (kind === 'insert') bytes.splice(place, 0, byte)
      else bytes.splice(place, 1, ...(kind === 'set' ? [byte] : []))
    }
    return { role, bytes: Uint8Array.from(bytes) }
  })
