/** The hostile clients of the soak: each deed is done over a bare socket, and then another one. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { constants, deflateRawSync } from 'node:zlib'
import type { Random } from '../spec/support/random.ts'
import { CLOSE, closePayload, PING, type RawFrame, rawFrames, TEXT } from '../spec/support/raw-frames.ts'
import { requestText } from '../spec/support/raw-socket.ts'

interface Scene {
  readonly socket: Socket
  readonly random: Random
  /** Writes, unless the other end has gone. */
  write(data: string | Uint8Array): boolean
  /** Opens a WebSocket, and resolves when there is an answer. */
  open(path?: string, fields?: Record<string, string>): Promise<void>
  frames(...frames: RawFrame[]): boolean
}

const BOMB = deflateRawSync(Buffer.alloc(20_000_000), { level: 9, finishFlush: constants.Z_SYNC_FLUSH }).subarray(
  0,
  -4,
)

export const DEEDS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  async 'half a request'({ write, random }) {
    write(requestText().slice(0, random.below(150)))
    await delay(random.below(3000))
  },
  async 'a slow request'({ write, socket }) {
    for (const byte of requestText()) {
      if (!write(byte)) return
      await delay(50)
      if (socket.destroyed) return
    }
  },
  async noise({ write, random }) {
    write(random.bytes(2000))
    await delay(100)
  },
  async h2c({ write }) {
    write(requestText({ Upgrade: 'h2c' }))
    await delay(50)
  },
  async 'a reset anywhere'({ write, random }) {
    const bytes = Buffer.concat([
      Buffer.from(requestText()),
      rawFrames([{ opcode: TEXT, mask: [1, 2, 3, 4], payload: 'x' }]),
    ])
    write(bytes.subarray(0, random.below(bytes.length)))
    await delay(random.below(5))
  },
  async 'frames of noise'({ open, write, random }) {
    await open()
    write(random.bytes(1000))
    await delay(100)
  },
  async 'no mask'({ open, write }) {
    await open()
    write(Buffer.from('810178', 'hex'))
    await delay(50)
  },
  async 'half a frame'({ open, write, random }) {
    await open()
    write(Buffer.from('82fe7fff010203040506', 'hex'))
    await delay(random.below(6000))
  },
  async 'too long'({ open, write }) {
    await open()
    write(Buffer.from('82ff0000000100000000', 'hex'))
    await delay(50)
  },
  async 'no text'({ open, frames }) {
    await open()
    frames({ opcode: TEXT, payload: Buffer.from('c328', 'hex') })
    await delay(50)
  },
  async 'a bomb'({ open, frames }) {
    await open('/deflate', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    frames({ opcode: TEXT, rsv: 4, payload: BOMB })
    await delay(500)
  },
  async 'broken compression'({ open, frames, random }) {
    await open('/deflate', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    frames({ opcode: TEXT, rsv: 4, payload: random.bytes(500) })
    await delay(50)
  },
  async 'pings, and never reads'({ open, frames, socket }) {
    await open()
    socket.pause()
    const many = Array.from({ length: 200 }, () => ({ opcode: PING, payload: Buffer.alloc(125) }))
    for (let n = 0; n < 50 && frames(...many); n++) await delay(10)
  },
  async 'sends, and never reads'({ open, frames, socket }) {
    await open()
    socket.pause()
    for (let n = 0; n < 150 && frames({ opcode: 2, payload: Buffer.alloc(60_000) }); n++) await delay(5)
    await delay(1000)
  },
  async 'tiny fragments'({ open, frames }) {
    await open()
    frames({ opcode: TEXT, fin: false, payload: 'x' })
    const many = Array.from({ length: 1000 }, () => ({ opcode: 0, fin: false, payload: 'x' }))
    for (let n = 0; n < 20 && frames(...many); n++) await delay(1)
  },
  async 'a Close frame, and then stays'({ open, frames }) {
    await open()
    frames({ opcode: CLOSE, payload: closePayload(1000) }, { opcode: TEXT, payload: 'more' })
    await delay(1500)
  },
  async 'an event stream, never read'({ write, socket, random }) {
    write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
    await delay(50)
    socket.pause()
    await delay(random.below(5000))
  },
  async 'an event stream, reset'({ write, random }) {
    write('GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 5\r\n\r\n')
    await delay(random.below(300))
  },
}

/** Does one deed after the other, and counts them. */
export async function attack(port: number, random: Random, counts: Record<string, number>, signal: AbortSignal) {
  const names = Object.keys(DEEDS)
  while (!signal.aborted) {
    const name = random.pick(names)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {}).resume()
    const write = (data: string | Uint8Array) => {
      if (socket.writable) socket.write(data)
      return socket.writable
    }
    const open = async (path = '/', fields: Record<string, string> = {}) => {
      const answer = new Promise(resolve => socket.once('data', resolve).once('close', resolve))
      write(requestText(fields, `GET ${path} HTTP/1.1`))
      await answer
    }
    const frames = (...list: RawFrame[]) => write(rawFrames(list.map(frame => ({ mask: [1, 2, 3, 4], ...frame }))))
    await DEEDS[name]!({ socket, random, write, open, frames })
    counts[name] = (counts[name] ?? 0) + 1
    if (random.below(2) === 0) socket.resetAndDestroy()
    else socket.destroy()
    await delay(random.below(20))
  }
}
