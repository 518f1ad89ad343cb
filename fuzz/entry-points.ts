/**
 * What targets judge, reached from bytes alone: the entry points of fuzzing that is guided by coverage (coverage.ts). The
 * first three bytes choose role, limits and chunks.
 */
import { MessageInflater } from '../lib/transport/message-inflater.ts'
import { parseExtensions } from '../lib/websocket/header-fields.ts'
import { acceptDeflateOffer } from '../lib/websocket/permessage-deflate.ts'
import { judgeStream } from './event-stream.ts'
import { judgeFrames } from './frames.ts'
import { judgeRequest, judgeResponse } from './handshake.ts'
import { judgeValue } from './header-fields.ts'
import { judgeBesideRfc } from './oracle.ts'
import { hold } from './target.ts'

/** A byte of the choices; 0 where there is none. */
const choice = (data: Buffer, at: number) => data[at] ?? 0
const roleOf = (data: Buffer) => (choice(data, 0) % 2 === 0 ? ('server' as const) : ('client' as const))
const sizesOf = (data: Buffer) => [1 + (choice(data, 1) % 16), 1 + choice(data, 2)]
/** Longer ones are slower, and nothing new. */
const rest = (data: Buffer) => data.subarray(3, 1000)

const LIMIT = 100_000
const owner = {
  onInflated: () => {
    throw new Error('it took its time')
  },
}

const text = (...lines: string[]) => Buffer.from(`\0\x08\xff${lines.join('\r\n')}`, 'latin1')
const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')

/** Something that is right, for each entry whose inputs chance would hardly find. RFC 6455 §1.2, §5.7; RFC 7692 §7.2.3. */
export const SEEDS: Readonly<Record<string, readonly Buffer[]>> = {
  frames: [hex('060804 818537fa213d7f9f4d5158'), hex('070804 8902 4869 010348656c 80026c6f 880203e8')],
  oracle: [hex('000804 818537fa213d7f9f4d5158'), hex('010804 8902 4869 010348656c 80026c6f 880203e8')],
  request: [
    text(
      'GET /chat HTTP/1.1',
      'Host: server.example.com',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: chat, superchat',
      'Sec-WebSocket-Version: 13',
      '',
      '',
    ),
  ],
  response: [
    text(
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Extensions: permessage-deflate',
      '',
      '',
    ),
  ],
  'header-fields': [text('permessage-deflate; client_max_window_bits="10"; server_no_context_takeover, x')],
  'event-stream': [text('id: 1', 'event: e', 'data: a', 'data', ': c', 'retry: 5', '', 'data: b\n\n')],
  inflate: [hex('070105 f248cdc9c90700'), hex('070105 f200110000 f248cdc9c90700')],
}

export type EntryPoint = (data: Buffer) => void

export const ENTRY_POINTS: Readonly<Record<string, EntryPoint>> = {
  frames(data) {
    const flags = choice(data, 0)
    const limits = { maxMessageSize: [1, 126, 300, 70_000][(flags >> 1) % 4]!, maxFragments: 1 + ((flags >> 3) % 6) }
    judgeFrames({ role: roleOf(data), bytes: rest(data) }, limits, sizesOf(data), flags >= 128)
  },
  oracle: data => judgeBesideRfc(roleOf(data), Buffer.from(rest(data)), sizesOf(data)),
  request: data => judgeRequest(Buffer.from(rest(data)), sizesOf(data)),
  response: data => judgeResponse(Buffer.from(rest(data)), sizesOf(data), 'chat, superchat'),
  'header-fields'(data) {
    const value = rest(data).subarray(0, 60).toString('latin1')
    judgeValue(value, '')
    const wanted = {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 15,
    }
    acceptDeflateOffer(parseExtensions(`permessage-deflate;${value}`) ?? [], wanted)
  },
  'event-stream': data => void judgeStream(Buffer.from(rest(data).subarray(0, 200)), sizesOf(data), choice(data, 0)),
  inflate(data) {
    const terms = { windowBits: 8 + (choice(data, 0) % 8), contextTakeover: choice(data, 1) % 2 === 1 }
    const inflater = new MessageInflater(terms, owner)
    const at = 3 + choice(data, 2)
    for (const message of [data.subarray(3, at), data.subarray(at, 1000)]) {
      const result = inflater.inflate(Buffer.from(message), LIMIT)
      if (typeof result === 'string') return
      hold(result !== undefined && result.length <= LIMIT, () => `${result?.length} bytes`)
    }
  },
}
