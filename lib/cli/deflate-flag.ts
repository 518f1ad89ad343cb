/**
 * `--deflate`, the flag of every command that speaks WebSocket. Without a value it is what `perMessageDeflate: true` is;
 * with one, the parameters of RFC 7692 as they stand in the header field, and all that they do not forbid.
 */
import type { DeflateOptions } from '../index.ts'
import { integerFlag, UsageError } from './flags.ts'

type Setting = (options: Writable<DeflateOptions>, value: string | undefined) => void
type Writable<T> = { -readonly [name in keyof T]: T[name] }

const SETTINGS: Readonly<Record<string, Setting>> = {
  server_no_context_takeover(options, value) {
    options.serverContextTakeover = without('server_no_context_takeover', value)
  },
  client_no_context_takeover(options, value) {
    options.clientContextTakeover = without('client_no_context_takeover', value)
  },
  server_max_window_bits(options, value) {
    options.serverMaxWindowBits = integer('server_max_window_bits', value, 8, 15)
  },
  client_max_window_bits(options, value) {
    options.clientMaxWindowBits = integer('client_max_window_bits', value, 8, 15)
  },
  threshold(options, value) {
    options.threshold = integer('threshold', value, 0, Number.MAX_SAFE_INTEGER)
  },
  level(options, value) {
    options.level = integer('level', value, 0, 9)
  },
}

const NAMES = Object.keys(SETTINGS)
const ONE = `(?:${NAMES.join('|')})(?:=[^,]*)?`

export const DEFLATE_FLAG = {
  value: 'PARAMETER,…',
  optional: new RegExp(`^${ONE}(?:,${ONE})*$`),
  help: 'compress messages (permessage-deflate)',
} as const

/** For the notes of a command's help. */
export const DEFLATE_NOTES = `--deflate alone compresses each message by itself. With parameters, messages refer back to those before them, over
32 KiB, as far as the parameters leave that: server_no_context_takeover, client_no_context_takeover,
server_max_window_bits=N, client_max_window_bits=N (8 to 15), threshold=BYTES, level=N (0 to 9).`

/** @throws {UsageError} */
export function parseDeflate(given: string | true | undefined): boolean | DeflateOptions {
  if (given === undefined || given === true) return given ?? false
  const options: Writable<DeflateOptions> = {
    serverContextTakeover: true,
    clientContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  }
  const seen = new Set<string>()
  for (const part of given.split(',')) {
    const [name = '', value] = part.split(/=(.*)/s)
    const set = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
    if (set === undefined) {
      throw new UsageError(`--deflate has no parameter ${JSON.stringify(name)}: there are ${NAMES.join(', ')}`)
    }
    if (seen.has(name)) throw new UsageError(`--deflate has ${name} twice`)
    seen.add(name)
    set(options, value)
  }
  return options
}

function without(name: string, value: string | undefined): false {
  if (value !== undefined) throw new UsageError(`${name} takes no value`)
  return false
}

function integer(name: string, value: string | undefined, lowest: number, highest: number): number {
  if (value === undefined || value === '')
    throw new UsageError(`${name} needs a value: ${name}=${highest > 100 ? 256 : highest}`)
  return integerFlag(name, value, lowest, highest) ?? lowest
}
