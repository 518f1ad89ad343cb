/**
 * permessage-deflate (RFC 7692) as the suite speaks it: parameters, and compressing message by message. The context that
 * is taken over is kept as the last plaintext, and given to zlib as a dictionary: what a peer refers back to beyond it is
 * an error, as it must be.
 *
 * Memory: one window, at most 32 KiB, for each direction.
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { inflate } from './deflate/inflate.ts'

export interface DeflateParameters {
  /** 8 to 15; undefined where it was not said, which means 15. */
  readonly serverMaxWindowBits?: number
  /** `true`: a hint without a value, which stands in an offer only. */
  readonly clientMaxWindowBits?: number | true
  readonly serverNoContextTakeover?: boolean
  readonly clientNoContextTakeover?: boolean
}

const NAME = 'permessage-deflate'
/** RFC 7692 §7.2.1 and §7.2.2: what is taken from the end of a compressed message, and put back to it. */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])
/** Beyond this a message is a bomb. */
const MAX_INFLATED = 2 ** 27

/**
 * The members of a Sec-WebSocket-Extensions field that are permessage-deflate, in their order. A member whose parameters
 * are wrong is a sentence that says so, and so is any other extension.
 */
export function parseExtensions(value: string): (DeflateParameters | string)[] {
  return value
    .split(',')
    .map(member => member.trim())
    .filter(member => member !== '')
    .map(parseMember)
}

function parseMember(member: string): DeflateParameters | string {
  const [name = '', ...parameters] = member.split(';').map(part => part.trim())
  if (name.toLowerCase() !== NAME) return `the extension "${name}" is unknown`
  const read: { -readonly [K in keyof DeflateParameters]: DeflateParameters[K] } = {}
  for (const parameter of parameters) {
    const [key = '', ...rest] = parameter.split('=')
    const given =
      rest.length === 0
        ? undefined
        : rest
            .join('=')
            .trim()
            .replace(/^"(.*)"$/, '$1')
    const field = FIELDS[key.trim()]
    if (field === undefined) return `the parameter "${parameter}" is unknown`
    if (read[field] !== undefined) return `the parameter "${key}" stands twice`
    const bits = /^(?:[89]|1[0-5])$/.test(given ?? '') ? Number(given) : undefined
    if (field === 'serverMaxWindowBits' && bits !== undefined) read[field] = bits
    else if (field === 'clientMaxWindowBits' && (bits !== undefined || given === undefined))
      read[field] = bits ?? true
    else if (field.endsWith('Takeover') && given === undefined) read[field as 'serverNoContextTakeover'] = true
    else return `the parameter "${parameter}" is not valid`
  }
  return read
}

const FIELDS: Readonly<Record<string, keyof DeflateParameters>> = {
  server_no_context_takeover: 'serverNoContextTakeover',
  client_no_context_takeover: 'clientNoContextTakeover',
  server_max_window_bits: 'serverMaxWindowBits',
  client_max_window_bits: 'clientMaxWindowBits',
}

/** A member of a Sec-WebSocket-Extensions field. */
export function writeExtension(parameters: DeflateParameters): string {
  const { serverNoContextTakeover, serverMaxWindowBits, clientNoContextTakeover, clientMaxWindowBits } = parameters
  return [
    NAME,
    ...(serverNoContextTakeover ? ['server_no_context_takeover'] : []),
    ...(serverMaxWindowBits === undefined ? [] : [`server_max_window_bits=${serverMaxWindowBits}`]),
    ...(clientNoContextTakeover ? ['client_no_context_takeover'] : []),
    ...(clientMaxWindowBits === undefined
      ? []
      : [clientMaxWindowBits === true ? 'client_max_window_bits' : `client_max_window_bits=${clientMaxWindowBits}`]),
  ].join('; ')
}

/** One direction's agreement. */
interface Direction {
  readonly windowBits: number
  readonly takeover: boolean
}

export class MessageDeflate {
  readonly #out: Direction
  readonly #in: Direction
  #outWindow: Buffer = Buffer.alloc(0)
  #inWindow: Buffer = Buffer.alloc(0)

  readonly #checksDistances: boolean

  /**
   * @param agreed the parameters of the server's response
   * @param checksDistances zlib does not miss a window that is too large as long as it has what is referred to; whoever
   *   wants to know takes more time
   */
  constructor(role: 'client' | 'server', agreed: DeflateParameters, checksDistances = false) {
    this.#checksDistances = checksDistances
    const server: Direction = {
      windowBits: agreed.serverMaxWindowBits ?? 15,
      takeover: !agreed.serverNoContextTakeover,
    }
    const client: Direction = {
      windowBits: typeof agreed.clientMaxWindowBits === 'number' ? agreed.clientMaxWindowBits : 15,
      takeover: !agreed.clientNoContextTakeover,
    }
    this.#out = role === 'server' ? server : client
    this.#in = role === 'server' ? client : server
  }

  /** §7.2.1. */
  compress(message: Buffer): Buffer {
    const { windowBits, takeover } = this.#out
    const bytes = deflateRawSync(message, {
      windowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...dictionary(this.#outWindow),
    })
    if (takeover) this.#outWindow = slide(this.#outWindow, message, windowBits)
    return bytes.subarray(0, bytes.length - TAIL.length)
  }

  /**
   * §7.2.2.
   *
   * @throws {Error} the bytes cannot be inflated with the context and the window that were agreed on
   */
  decompress(payload: Buffer): Buffer {
    const { windowBits, takeover } = this.#in
    if (this.#checksDistances) this.#checkDistances(payload)
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), {
      windowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_INFLATED,
      ...dictionary(this.#inWindow),
    })
    if (takeover) this.#inWindow = slide(this.#inWindow, message, windowBits)
    return message
  }

  #checkDistances(payload: Buffer): void {
    const { distance } = inflate(Buffer.concat([payload, TAIL]), this.#inWindow)
    const size = 2 ** this.#in.windowBits
    if (distance > size) throw new Error(`a distance of ${distance}, with a window of ${size}`)
  }
}

/** zlib takes no empty dictionary. */
function dictionary(window: Buffer): { dictionary?: Buffer } {
  return window.length === 0 ? {} : { dictionary: window }
}

function slide(window: Buffer, message: Buffer, windowBits: number): Buffer {
  const size = 2 ** windowBits
  if (message.length >= size) return Buffer.from(message.subarray(message.length - size))
  return Buffer.concat([window, message]).subarray(-size)
}
