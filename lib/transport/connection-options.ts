/**
 * What can be set for an open connection, on a server and on a client alike: names, units, defaults, and one check
 * of them all when the server or the connection is made.
 */
import { argumentError } from '../errors.ts'
import { checkLimits } from '../websocket/connection.ts'
import type { FrameRecord } from '../websocket/frame-trace.ts'
import { DEFAULT_KEEPALIVE, type KeepaliveOptions } from '../websocket/keepalive.ts'
import type { WebSocketConnection } from './websocket-connection.ts'

export type TraceListener = (direction: 'in' | 'out', frame: FrameRecord, connection: WebSocketConnection) => void

export interface ConnectionSettings {
  /** Longest message accepted, in bytes; a longer one closes with 1009. Default 1,048,576. */
  readonly maxMessageSize?: number | undefined
  /** Most frames a message may come in; more close with 1008. Default 131,072. */
  readonly maxFragments?: number | undefined
  /** Most pieces a message may be read in, frame by frame and chunk by chunk; more close with 1008. Default 1,048,576. */
  readonly maxChunks?: number | undefined
  /** Bytes of unsent output above which `send` returns false. Default 65,536, or `maxBufferedAmount` if that is less. */
  readonly highWaterMark?: number | undefined
  /** Bytes of unsent output at which the next `send` gives the connection up. Default 16,777,216. */
  readonly maxBufferedAmount?: number | undefined
  /** Milliseconds from our Close frame to the end of the connection, after which it is cut. Default 10,000. */
  readonly closeTimeout?: number | undefined
  /**
   * When a peer that is silent is asked with a Ping (`interval`, milliseconds, default 25,000) and given up
   * (`timeout` after that, default 20,000). A number sets the interval; false turns it off.
   */
  readonly heartbeat?: number | Partial<KeepaliveOptions> | false | undefined
  /** Called for every frame, `in` from the peer and `out` to it: for tools and debugging. It costs time. */
  readonly trace?: TraceListener | undefined
}

export interface CheckedSettings {
  readonly maxMessageSize: number
  readonly maxFragments: number
  readonly maxChunks: number
  readonly highWaterMark: number
  readonly maxBufferedAmount: number
  readonly closeTimeout: number
  readonly heartbeat: KeepaliveOptions | undefined
  readonly trace: TraceListener | undefined
}

export const SETTING_NAMES: readonly string[] = [
  'maxMessageSize',
  'maxFragments',
  'maxChunks',
  'highWaterMark',
  'maxBufferedAmount',
  'closeTimeout',
  'heartbeat',
  'trace',
]

export interface SendOptions {
  /**
   * False sends the message as it is, true compresses it however short, if that makes it shorter. Default: by
   * `threshold`. Nothing is compressed where that was not negotiated.
   */
  readonly compress?: boolean | undefined
}

/** The longest delay that a timer of Node's takes. */
const MAX_DELAY = 2 ** 31 - 1

/** @throws {TypeError | RangeError} naming the setting that is wrong, what it must be and what it was */
export function checkSettings(settings: ConnectionSettings): CheckedSettings {
  const maxBufferedAmount = checkInteger('maxBufferedAmount', settings.maxBufferedAmount, 16_777_216, 0)
  const mark = Math.min(65_536, maxBufferedAmount)
  return {
    ...checkLimits(settings),
    // Only who was told to wait can be given up for not waiting.
    highWaterMark: checkInteger('highWaterMark', settings.highWaterMark, mark, 0, maxBufferedAmount),
    maxBufferedAmount,
    closeTimeout: checkDelay('closeTimeout', settings.closeTimeout, 10_000),
    heartbeat: checkHeartbeat(settings.heartbeat),
    trace: checkFunction('trace', settings.trace),
  }
}

function checkHeartbeat(heartbeat: ConnectionSettings['heartbeat']): KeepaliveOptions | undefined {
  if (heartbeat === false) return undefined
  const given = typeof heartbeat === 'number' ? { interval: heartbeat } : (heartbeat ?? {})
  if (typeof given !== 'object')
    throw argumentError('ERR_INVALID_ARG_TYPE', `heartbeat must be a number, an object or false, got ${heartbeat}`)
  checkNames('heartbeat', given, ['interval', 'timeout'])
  return {
    interval: checkDelay('heartbeat.interval', given.interval, DEFAULT_KEEPALIVE.interval),
    timeout: checkDelay('heartbeat.timeout', given.timeout, DEFAULT_KEEPALIVE.timeout),
  }
}

/** A delay in milliseconds that a timer can keep. */
export function checkDelay(name: string, value: number | undefined, preset: number): number {
  return checkInteger(name, value, preset, 1, MAX_DELAY)
}

export function checkInteger(
  name: string,
  value: number | undefined,
  preset: number,
  lowest: number,
  highest: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return preset
  if (typeof value !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number, got ${typeof value}`)
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be an integer from ${lowest} to ${highest}, got ${value}`)
  }
  return value
}

/** @throws {TypeError} */
export function checkSendOptions(what: string, options: SendOptions): void {
  if (typeof options !== 'object' || options === null)
    throw argumentError('ERR_INVALID_ARG_TYPE', `${what} takes options as an object, got ${typeof options}`)
  checkNames(what, options, ['compress'])
  if (options.compress !== undefined && typeof options.compress !== 'boolean') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `compress must be a boolean, got ${typeof options.compress}`)
  }
}

export function checkFunction<F>(name: string, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a function, got ${typeof value}`)
  }
  return value
}

/** @throws {TypeError} an option has a name that does not exist: a misspelt limit is a limit that is not kept */
export function checkNames(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw argumentError('ERR_INVALID_ARG_VALUE', `${what} has no option ${JSON.stringify(name)}`)
  }
}
