/**
 * Compression: any messages under any parameters, whole and in fragments, come back as they were; data that were cut,
 * changed or made up are refused or are what zlib itself makes of them, and never come to more than the limit. And
 * whatever is offered or answered, both sides agree on something that zlib can do, or on nothing.
 */
import { constants, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { MessageDeflater } from '../lib/transport/message-deflater.ts'
import { MessageInflater } from '../lib/transport/message-inflater.ts'
import { parseExtensions } from '../lib/websocket/header-fields.ts'
import { acceptDeflateOffer, checkDeflateResponse } from '../lib/websocket/permessage-deflate.ts'
import { fromProperty, hold } from './target.ts'

const REMOVED_TAIL = Buffer.from('0000ffff', 'hex')
/** Short enough that nothing takes its time. */
const LIMIT = 200_000
const MOST_DATA = 60_000

const message = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.constantFrom('a', 'ab', 'the price of ', '{"id":'), fc.constantFrom(1, 10, 300, 1000))
    .map(([unit, times]) => Buffer.from(unit.repeat(times))),
  fc.array(fc.constantFrom('price', 'id', ':', '{', '}', '12', '7.5', ' '), { maxLength: 400 }).map(words => {
    return Buffer.from(words.join(''))
  }),
)

const mutation = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'insert', 'append'),
  at: fc.nat(),
  byte: fc.integer({ min: 1, max: 255 }),
})

const step = fc.record({
  message,
  places: fc.array(fc.nat(), { maxLength: 3 }),
  mutations: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(mutation, { minLength: 1, maxLength: 3 })),
})

const terms = fc.record({ windowBits: fc.integer({ min: 8, max: 15 }), contextTakeover: fc.boolean() })

/** What the sender makes of a message, in one piece or in fragments. */
function deflate(deflater: MessageDeflater, bytes: Uint8Array, places: readonly number[]): Buffer {
  if (places.length === 0) {
    const data = deflater.deflate(bytes) as Buffer
    deflater.messageSent(bytes)
    return Buffer.from(data)
  }
  const sorted = places.map(place => place % (bytes.length + 1)).sort((a, b) => a - b)
  const ends = [...sorted, bytes.length]
  const parts = ends.map((end, i) =>
    deflater.deflateFragment(bytes.subarray(sorted[i - 1] ?? 0, end), i === sorted.length),
  )
  return Buffer.concat(parts as Buffer[])
}

function mutate(data: Buffer, mutations: readonly { kind: string; at: number; byte: number }[]): Buffer {
  let bytes = [...data]
  for (const { kind, at, byte } of mutations) {
    const place = at % (bytes.length + 1)
    if (kind === 'cut') bytes.length = place
    else if (kind === 'flip' && place < bytes.length) bytes[place] = (bytes[place] as number) ^ byte
    else if (kind === 'insert') bytes.splice(place, 0, byte)
    else bytes = [...bytes, byte]
  }
  return Buffer.from(bytes)
}

/** What zlib makes of the data up to the first final block; undefined if it refuses them. */
function oracle(data: Buffer, dictionary: Buffer, windowBits: number): Buffer | undefined {
  const options = {
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits,
    ...(dictionary.length > 0 ? { dictionary } : {}),
  }
  try {
    return inflateRawSync(Buffer.concat([data, REMOVED_TAIL]), options)
  } catch {
    return undefined
  }
}

const owner = {
  onInflated: () => {
    throw new Error('it took its time')
  },
}

export const targets = [
  fromProperty(
    'deflate',
    fc.property(terms, fc.integer({ min: 0, max: 9 }), fc.array(step, { maxLength: 6 }), (terms, level, steps) => {
      const deflater = new MessageDeflater(terms, level)
      const inflater = new MessageInflater(terms, owner)
      let before = Buffer.alloc(0)
      for (const { message, places, mutations } of steps) {
        const bytes = Buffer.from(message)
        const sent = deflate(deflater, bytes, places)
        const data = mutate(sent, mutations).subarray(0, MOST_DATA)
        const dictionary = terms.contextTakeover ? before.subarray(-(2 ** terms.windowBits)) : Buffer.alloc(0)
        const expected = oracle(data, dictionary, terms.windowBits)
        const result = inflater.inflate(data, LIMIT)
        if (data.equals(sent)) {
          hold(
            Buffer.isBuffer(result) && result.equals(bytes),
            () => `${bytes.toString('hex')} came as ${String(result)}`,
          )
          before = Buffer.concat([before, bytes])
          continue
        }
        if (typeof result === 'string') {
          hold(/^WS_ERR_(INVALID_DEFLATE_DATA|UNSUPPORTED_MESSAGE_LENGTH|TOO_MANY)/.test(result), () => result)
        } else {
          hold(result !== undefined && result.length <= LIMIT, () => `${result?.length} bytes`)
          const prefix = result?.subarray(0, expected?.length)
          hold(
            expected !== undefined && prefix?.equals(expected) === true,
            () => `zlib refuses ${data.toString('hex')}`,
          )
        }
        // Whatever it was, the connection would be over, or its window another one.
        return
      }
    }),
  ),
  fromProperty(
    'deflate-bombs',
    fc.property(
      terms,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 0, max: 16_384 }),
      fc.integer({ min: 1, max: 9 }),
      (terms, limit, length, level) => {
        const data = new MessageDeflater(terms, level).deflate(Buffer.alloc(length, 'ab')) as Buffer
        const result = new MessageInflater(terms, owner).inflate(data, limit)
        if (length > limit)
          hold(result === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', () => `${length} over ${limit}: ${result}`)
        else hold(Buffer.isBuffer(result) && result.length === length, () => `${length} of ${limit}: ${result}`)
      },
    ),
  ),
  fromProperty(
    'deflate-data',
    fc.property(terms, fc.uint8Array({ maxLength: 200 }), (terms, bytes) => {
      const result = new MessageInflater(terms, owner).inflate(Buffer.from(bytes), LIMIT)
      hold(typeof result === 'string' || (result !== undefined && result.length <= LIMIT), () => String(result))
    }),
  ),
  fromProperty(
    'deflate-offer',
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom('permessage-deflate', 'permessage-deflate', 'x-other', '__proto__'),
          fc.array(
            fc.tuple(
              fc.constantFrom(
                'server_no_context_takeover',
                'client_no_context_takeover',
                'server_max_window_bits',
                'client_max_window_bits',
                'x',
                'constructor',
              ),
              fc.constantFrom('', '=8', '=15', '=12', '="9"', '=7', '=16', '=08', '=""', '=x', '=99999999999'),
            ),
            { maxLength: 5 },
          ),
        ),
        { minLength: 1, maxLength: 4 },
      ),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 8, max: 15 }),
      fc.integer({ min: 8, max: 15 }),
      (offers, serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits) => {
        const wanted = { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits }
        const field = offers
          .map(([name, parameters]) => [name, ...parameters.map(pair => pair.join(''))].join('; '))
          .join(', ')
        const extensions = parseExtensions(field) ?? []
        const accepted = acceptDeflateOffer(extensions, wanted)?.parameters
        const check = checkDeflateResponse(extensions, wanted)
        for (const agreed of [accepted, check.ok ? check.parameters : undefined]) {
          if (agreed === undefined) continue
          for (const bits of [agreed.serverMaxWindowBits, agreed.clientMaxWindowBits]) {
            hold(Number.isInteger(bits) && bits >= 8 && bits <= 15, () => `${field}: ${bits}`)
          }
          hold(agreed.serverMaxWindowBits <= serverMaxWindowBits, () => `${field}: more than is wanted`)
          hold(
            agreed.serverNoContextTakeover || !serverNoContextTakeover,
            () => `${field}: a takeover that is not wanted`,
          )
        }
      },
    ),
  ),
]
