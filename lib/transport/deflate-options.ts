/** How much permessage-deflate (RFC 7692) may cost: names, defaults, and one check of them all. */
import { argumentError } from '../errors.ts'
import type { Role } from '../websocket/frame.ts'
import { type DeflateParameters, MAX_WINDOW_BITS, MIN_WINDOW_BITS } from '../websocket/permessage-deflate.ts'
import { checkInteger, checkNames } from './connection-options.ts'

/** What may be negotiated, by the side that compresses, and how this side compresses. */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 256. */
  readonly threshold?: number | undefined
  /** zlib's level: 0 stores, 1 is fastest, 9 makes it shortest. Default 1. */
  readonly level?: number | undefined
  /**
   * Whether the server's messages may refer back to those before them. That makes similar messages much shorter; both
   * sides keep the window for it, and secrets beside a stranger's text can be guessed by length. Default false.
   */
  readonly serverContextTakeover?: boolean | undefined
  /** The same for the client's messages. Default false. */
  readonly clientContextTakeover?: boolean | undefined
  /** The server refers back over 2 to the power of this many bytes at most, 8 to 15. Default: server 12, client 15. */
  readonly serverMaxWindowBits?: number | undefined
  /** The same for the client. Default: server 12, client 15. */
  readonly clientMaxWindowBits?: number | undefined
}

export interface CheckedDeflate {
  readonly threshold: number
  readonly level: number
  /** The most that is agreed to. */
  readonly wanted: DeflateParameters
}

/** What one direction keeps to. */
export interface DirectionTerms {
  readonly windowBits: number
  readonly contextTakeover: boolean
}

/** What a connection is to keep to. */
export interface DeflateAgreement {
  /** The value of Sec-WebSocket-Extensions in the response. */
  readonly extensions: string
  readonly parameters: DeflateParameters
  readonly settings: CheckedDeflate
}

const OPTION_NAMES = [
  'threshold',
  'level',
  'serverContextTakeover',
  'clientContextTakeover',
  'serverMaxWindowBits',
  'clientMaxWindowBits',
]

/** A window of 4 KiB: little for the clients of a server to keep, and most of what 32 KiB save. */
const SERVER_WINDOW_BITS = 12

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function checkDeflate(given: boolean | DeflateOptions | undefined, role: Role): CheckedDeflate | undefined {
  if (given === undefined || given === false) return undefined
  const options = given === true ? {} : given
  if (typeof options !== 'object' || options === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `perMessageDeflate must be a boolean or an object, got ${given}`)
  }
  checkNames('perMessageDeflate', options, OPTION_NAMES)
  const presetBits = role === 'server' ? SERVER_WINDOW_BITS : MAX_WINDOW_BITS
  const bits = (name: 'serverMaxWindowBits' | 'clientMaxWindowBits') =>
    checkInteger(`perMessageDeflate.${name}`, options[name], presetBits, MIN_WINDOW_BITS, MAX_WINDOW_BITS)
  return {
    threshold: checkInteger('perMessageDeflate.threshold', options.threshold, 256, 0),
    level: checkInteger('perMessageDeflate.level', options.level, 1, 0, 9),
    wanted: {
      serverNoContextTakeover: !checkSwitch('serverContextTakeover', options.serverContextTakeover),
      clientNoContextTakeover: !checkSwitch('clientContextTakeover', options.clientContextTakeover),
      serverMaxWindowBits: bits('serverMaxWindowBits'),
      clientMaxWindowBits: bits('clientMaxWindowBits'),
    },
  }
}

/** What the parameters come down to for one side. */
export function termsFor(role: Role, parameters: DeflateParameters): Record<'sending' | 'receiving', DirectionTerms> {
  const server = {
    windowBits: parameters.serverMaxWindowBits,
    contextTakeover: !parameters.serverNoContextTakeover,
  }
  const client = {
    windowBits: parameters.clientMaxWindowBits,
    contextTakeover: !parameters.clientNoContextTakeover,
  }
  return role === 'server' ? { sending: server, receiving: client } : { sending: client, receiving: server }
}

function checkSwitch(name: string, value: boolean | undefined): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `perMessageDeflate.${name} must be a boolean, got ${typeof value}`)
  }
  return value ?? false
}
