/**
 * A request of HTTP/2 in octets of our own (RFC 9113 §4, §6), for what Node's HTTP/2 does not send: fields that are missing
 * or do not belong together, and a request that does not wait for the server's SETTINGS.
 */
import type { Socket } from 'node:net'
import { patience } from '../patience.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const TYPE = { headers: 1, reset: 3, settings: 4, goaway: 7 } as const
/** END_HEADERS. */
const END = 4
/** RFC 7541, Appendix A: the status 200 is a single octet. */
const STATUS_200 = 0x88
/** Milliseconds for an answer. */
const LIMIT = 2000

export type RawAnswer = 'taken' | 'refused' | 'none'

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 §6.2.2: each field literally, without indexing, not in Huffman code. */
function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat(
    Object.entries(fields).map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])),
  )
}

/** Preface, SETTINGS and the request in one write; no name or value is longer than 126 octets. */
export function writeRawRequest(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([
    PREFACE,
    frame(TYPE.settings, 0, 0, new Uint8Array(0)),
    frame(TYPE.headers, END, 1, headerBlock(fields)),
  ])
}

/** What a server makes of it: a response with 200, another one or the end of the stream or of all, or nothing in time. */
export function answerTo(socket: Socket, pace: number): Promise<RawAnswer> {
  return new Promise(resolve => {
    let bytes: Buffer = Buffer.alloc(0)
    const finish = (answer: RawAnswer) => {
      timer.cancel()
      resolve(answer)
    }
    const timer = patience(LIMIT * pace, () => finish('none'))
    socket.on('end', () => finish('refused')).on('close', () => finish('refused'))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const end = 9 + bytes.readUIntBE(0, 3)
        const [type, payload] = [bytes[3], bytes.subarray(9, end)]
        if (type === TYPE.reset || type === TYPE.goaway) finish('refused')
        // A table size update may stand before it (RFC 7541 §6.3).
        if (type === TYPE.headers) {
          const first = payload.find(octet => octet >> 5 !== 1)
          finish(first === STATUS_200 ? 'taken' : 'refused')
        }
        bytes = bytes.subarray(end)
      }
    })
  })
}
