/** What can be set for an event stream on a server: names, units, defaults, and one check of them all. */
import { argumentError } from '../errors.ts'
import { encodeEvent } from '../event-stream/encoder.ts'
import { checkHeaders, type HeaderFields } from '../websocket/header-fields.ts'
import { checkDelay, checkInteger, checkNames } from './connection-options.ts'

const OVERFLOW_POLICIES = ['close', 'drop-oldest', 'drop-newest', 'keep-latest'] as const

/**
 * What happens to an event that does not fit under `maxBufferedAmount`:
 *
 * - `close`: the stream is cut. The client reconnects and goes on from its last event ID.
 * - `drop-oldest`: events that wait are dropped, the oldest first.
 * - `drop-newest`: this event is dropped.
 * - `keep-latest`: while events wait, and not only when they do not fit, a newer one replaces the one with its `key`.
 *   Events without a key stay; if they do not fit, the stream is cut.
 */
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number]

export interface EventStreamOptions {
  /**
   * Fields to add to the response, such as `Access-Control-Allow-Origin`. Content-Type and framing cannot be set. A
   * Cache-Control replaces ours: without `no-transform` a middleware or proxy that compresses holds events back.
   */
  readonly headers?: HeaderFields | undefined
  /** The reconnection time to begin with, in milliseconds. Default: none is sent; browsers then take a few seconds. */
  readonly retry?: number | undefined
  /** Bytes of a comment to begin with, for proxies that hold back the beginning of a response. Default 0. */
  readonly padding?: number | undefined
  /** Milliseconds without an event after which a comment is sent, or false for never. Default 15,000. */
  readonly heartbeat?: number | false | undefined
  /** Bytes of unsent output above which `send` returns false. Default 65,536, or `maxBufferedAmount` if that is less. */
  readonly highWaterMark?: number | undefined
  /** Most bytes of unsent output; one event may be above it if `send` had not returned false. Default 1,048,576. */
  readonly maxBufferedAmount?: number | undefined
  /** What happens to an event that does not fit. Default `close`. */
  readonly overflow?: OverflowPolicy | undefined
  /** Milliseconds for the client to take what is left after `close()`, after which it is cut. Default 10,000. */
  readonly closeTimeout?: number | undefined
  /** Longest last event ID that is believed, in bytes of UTF-8. Default 1,024. */
  readonly maxLastEventIdBytes?: number | undefined
}

/** What a stream keeps for as long as it is open. */
export interface EventStreamSettings {
  /** 0 for never. */
  readonly heartbeat: number
  readonly highWaterMark: number
  readonly maxBufferedAmount: number
  readonly overflow: OverflowPolicy
  readonly closeTimeout: number
}

/** What is needed once, when it is opened. */
export interface CheckedEventStreamOptions {
  readonly settings: EventStreamSettings
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** What the stream begins with. */
  readonly preamble: Buffer
  readonly maxLastEventIdBytes: number
}

const OPTION_NAMES = [
  'headers',
  'retry',
  'padding',
  'heartbeat',
  'highWaterMark',
  'maxBufferedAmount',
  'overflow',
  'closeTimeout',
  'maxLastEventIdBytes',
]

/** The head's own affairs. */
const RESERVED_FIELDS = [
  'content-type',
  'content-length',
  'content-encoding',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'trailer',
]

const FIELDS = [
  ['Content-Type', 'text/event-stream'],
  // RFC 9111 §5.2.2.4 and .6: no cache answers with it; no proxy compresses it, which would hold events back
  ['Cache-Control', 'no-cache, no-transform'],
  // Tells nginx, and those who have learnt it from nginx, to pass on what comes as it comes.
  ['X-Accel-Buffering', 'no'],
] as const

const PRESET = check({})

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function checkEventStreamOptions(options?: EventStreamOptions): CheckedEventStreamOptions {
  return options === undefined ? PRESET : check(options)
}

function check(options: EventStreamOptions): CheckedEventStreamOptions {
  if (typeof options !== 'object' || options === null)
    throw argumentError('ERR_INVALID_ARG_TYPE', 'options must be an object')
  checkNames('openEventStream', options, OPTION_NAMES)
  const { heartbeat, overflow = 'close' } = options
  if (!OVERFLOW_POLICIES.includes(overflow)) {
    const names = OVERFLOW_POLICIES.map(name => `"${name}"`).join(', ')
    throw argumentError('ERR_INVALID_ARG_VALUE', `overflow must be one of ${names}, got ${JSON.stringify(overflow)}`)
  }
  const maxBufferedAmount = checkInteger('maxBufferedAmount', options.maxBufferedAmount, 1_048_576, 0)
  const mark = Math.min(65_536, maxBufferedAmount)
  return {
    settings: {
      heartbeat: checkHeartbeat(heartbeat),
      highWaterMark: checkInteger('highWaterMark', options.highWaterMark, mark, 0, maxBufferedAmount),
      maxBufferedAmount,
      overflow,
      closeTimeout: checkDelay('closeTimeout', options.closeTimeout, 10_000),
    },
    fields: fieldsWith(options.headers),
    preamble: preambleOf(options),
    maxLastEventIdBytes: checkInteger('maxLastEventIdBytes', options.maxLastEventIdBytes, 1024, 0),
  }
}

function checkHeartbeat(heartbeat: EventStreamOptions['heartbeat']): number {
  if (heartbeat === 0) throw argumentError('ERR_OUT_OF_RANGE', 'heartbeat must be from 1 up; false turns it off')
  return heartbeat === false ? 0 : checkDelay('heartbeat', heartbeat, 15_000)
}

function fieldsWith(headers: HeaderFields = {}): (readonly [string, string])[] {
  // A Headers object has no properties of its own, and would be taken for no headers at all.
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers)
    throw argumentError('ERR_INVALID_ARG_TYPE', 'headers must be an object such as { "X-Name": "value" }')
  const added = checkHeaders(headers)
  const names = new Set(added.map(([name]) => name.toLowerCase()))
  for (const name of RESERVED_FIELDS) {
    if (names.has(name)) throw argumentError('ERR_INVALID_ARG_VALUE', `header "${name}" is not for the caller to set`)
  }
  return [...FIELDS.filter(([name]) => !names.has(name.toLowerCase())), ...added]
}

/** Never empty: there are proxies that pass on a head only when something follows it. */
function preambleOf({ retry, padding }: EventStreamOptions): Buffer {
  const spaces = ' '.repeat(checkInteger('padding', padding, 0, 0, 65_536))
  return Buffer.from(`:${spaces}\n${retry === undefined ? '\n' : encodeEvent({ retry })}`)
}
