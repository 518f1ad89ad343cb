/**
 * The core beside two others that share nothing with it: a decoder written from RFC 6455 alone, which has the whole input
 * before it and no thought of speed, and the receiver of `ws`, but for {@link DIFFERENCES}. All three must tell the same.
 */
import fc from 'fast-check'
import * as ws from 'ws'
import { VIOLATIONS } from '../lib/errors.ts'
import type { Role } from '../lib/websocket/frame.ts'
import { Endpoint } from '../spec/support/pair.ts'
import { fromProperty, hold } from './target.ts'
import { cut, cuts, traffic } from './traffic.ts'

/** Where the receiver of ws 8.23 does otherwise: each is a switch of the decoder, so that what remains must be the same. */
export const DIFFERENCES = [
  [
    'a length in more bytes than it needs',
    '1002: "the minimal number of bytes MUST be used"',
    'is accepted',
    'isLenient',
  ],
  ['a length whose most significant bit is set', '1002: it "MUST be 0"', '1009, as for 2^53', 'isLenient'],
  [
    'text that is not UTF-8',
    'fails at its first bad byte, as §8.1 allows',
    'fails when the message is complete',
    'isLate',
  ],
  ['a Close frame with a payload of one byte', 'fails when the byte is there', 'fails at its header', 'isHasty'],
] as const satisfies readonly (readonly [what: string, here: string, ws: string, treatment: string])[]

interface Manner {
  readonly isLenient: boolean
  readonly isLate: boolean
  readonly isHasty: boolean
}

const RFC: Manner = { isLenient: false, isLate: false, isHasty: false }
const WS: Manner = { isLenient: true, isLate: true, isHasty: true }

const LIMIT = 70_000
const fatal = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a receiver has to tell of `bytes`, whole frames and what is already certain of one that is not whole. */
function decode(bytes: Buffer, role: Role, { isLenient, isLate, isHasty }: Manner): string[] {
  const log: string[] = []
  let message: { isText: boolean; payload: Buffer } | undefined
  const fail = (code: number) => [...log, `failure ${code}`]
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [byte0, byte1] = [bytes[at]!, bytes[at + 1]!]
    const fin = byte0 >= 128
    const opcode = byte0 % 16
    const isControl = opcode >= 8
    const isMasked = byte1 >= 128
    // §5.2: RSV "MUST be 0 unless an extension is negotiated"
    if ((byte0 & 0b0111_0000) !== 0) return fail(1002)
    // §5.2: "%x3-7 are reserved for further non-control frames", "%xB-F [...] control frames"
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return fail(1002)
    // §5.1: "The server MUST close the connection upon receiving a frame that is not masked", the client one that is
    if (isMasked !== (role === 'server')) return fail(1002)
    // §5.5: control frames "MUST have a payload length of 125 bytes or less and MUST NOT be fragmented"
    if (isControl && (!fin || byte1 % 128 > 125)) return fail(1002)
    if (isHasty && opcode === 8 && byte1 % 128 === 1) return fail(1002)
    // §5.4: a continuation continues something, and nothing else comes between
    if (!isControl && (opcode === 0) !== (message !== undefined)) return fail(1002)

    const size = byte1 % 128 === 126 ? 2 : byte1 % 128 === 127 ? 8 : 0
    if (at + 2 + size > bytes.length) break
    const digits = bytes.subarray(at + 2, at + 2 + size).toString('hex')
    const length = size === 0 ? BigInt(byte1 % 128) : BigInt(`0x${digits}`)
    // §5.2: "the minimal number of bytes MUST be used to encode the length"
    if (!isLenient && ((size === 2 && length < 126n) || (size === 8 && length < 65_536n))) return fail(1002)
    // §5.2: "the most significant bit MUST be 0"
    if (length >= 2n ** 63n) return fail(isLenient ? 1009 : 1002)
    const before = message?.payload.length ?? 0
    if (!isControl && length + BigInt(before) > BigInt(LIMIT)) return fail(1009)

    const keyAt = at + 2 + size
    const start = keyAt + (isMasked ? 4 : 0)
    if (start > bytes.length) break
    const end = start + Number(length)
    const payload = Buffer.from(bytes.subarray(start, end))
    // §5.3: octet i of the payload with octet i modulo 4 of the key
    for (let i = 0; isMasked && i < payload.length; i++) payload[i] = payload[i]! ^ bytes[keyAt + (i % 4)]!
    const isWhole = end <= bytes.length
    at = end

    if (!isControl) {
      const isText: boolean = message?.isText ?? opcode === 1
      const all: Buffer = Buffer.concat([message?.payload ?? Buffer.alloc(0), payload])
      const isEnd = fin && isWhole
      // §8.1: "not valid UTF-8": 1007
      if (isText && (isEnd || !isLate)) {
        try {
          fatal().decode(all, { stream: !isEnd })
        } catch {
          return fail(1007)
        }
      }
      if (isEnd) log.push(isText ? `text ${JSON.stringify(all.toString())}` : `binary ${all.toString('hex')}`)
      message = fin && isWhole ? undefined : { isText, payload: all }
    }
    if (!isWhole) break
    if (opcode === 9) log.push(`ping ${payload.toString('hex')}`)
    if (opcode === 10) log.push(`pong ${payload.toString('hex')}`)
    if (opcode !== 8) continue
    if (payload.length === 0) return [...log, 'close 1005 ""']
    // §5.5.1: "the first two bytes of the body MUST be a 2-byte unsigned integer"
    if (payload.length === 1) return fail(1002)
    const code = payload.readUInt16BE()
    // §7.4
    const isCode =
      (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000)
    if (!isCode) return fail(1002)
    try {
      return [...log, `close ${code} ${JSON.stringify(fatal().decode(payload.subarray(2)))}`]
    } catch {
      return fail(1007)
    }
  }
  return log
}

/** What the core tells. */
function listen(chunks: readonly Buffer[], role: Role): string[] {
  const end = new Endpoint({ role, maxMessageSize: LIMIT })
  for (const chunk of chunks) end.receive(chunk)
  return end.log.map(line => {
    const code = /^failure (\w+)/.exec(line)?.[1]
    return code === undefined ? line : `failure ${VIOLATIONS[code as keyof typeof VIOLATIONS][0]}`
  })
}

/** Part of what `ws` exports and its types leave out. */
interface Receiver {
  on(event: string, listener: (data: Buffer | number, detail: Buffer | boolean) => void): this
  write(chunk: Buffer): boolean
}
const { Receiver: WsReceiver } = ws as unknown as { Receiver: new (options: object) => Receiver }

const WS_CODES: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
}

/** What the receiver of `ws` tells. */
async function listenElsewhere(chunks: readonly Buffer[], role: Role): Promise<string[]> {
  const log: string[] = []
  const receiver = new WsReceiver({ isServer: role === 'server', maxPayload: LIMIT, allowSynchronousEvents: true })
  const hex = (name: string) => (data: Buffer | number) =>
    void log.push(`${name} ${(data as Buffer).toString('hex')}`)
  receiver
    .on('message', (data, isBinary) => {
      if (isBinary) hex('binary')(data)
      else log.push(`text ${JSON.stringify(String(data))}`)
    })
    .on('ping', hex('ping'))
    .on('pong', hex('pong'))
    .on('conclude', (code, reason) => log.push(`close ${code} ${JSON.stringify(String(reason))}`))
    .on('error', error => {
      const { code = '' } = error as unknown as { code?: string }
      log.push(`failure ${WS_CODES[code] ?? 1002}`)
    })
  // Behind a Close frame its owner gives it no more.
  for (const chunk of chunks) if (!log.at(-1)?.startsWith('close')) receiver.write(Buffer.from(chunk))
  // Its errors are told in a turn of their own.
  await new Promise(resolve => setImmediate(resolve))
  return log
}

/** Throws where the core and the decoder do not agree. */
export function judgeBesideRfc(role: Role, bytes: Buffer, sizes: readonly number[]): void {
  const ours = listen(cut(bytes, sizes), role).join('\n')
  const expected = decode(bytes, role, RFC).join('\n')
  hold(ours === expected, () => `${role}, ${bytes.toString('hex')}\ntold ${ours}\nthe decoder ${expected}`)
}

export const target = fromProperty(
  'oracle',
  fc.asyncProperty(traffic, cuts, async ({ role, bytes }, sizes) => {
    const all = Buffer.from(bytes)
    judgeBesideRfc(role, all, sizes)
    const theirs = (await listenElsewhere(cut(all, sizes), role)).join('\n')
    const alike = decode(all, role, WS).join('\n')
    hold(theirs === alike, () => `${role}, ${all.toString('hex')}\nws told ${theirs}\nthe decoder ${alike}`)
  }),
)
