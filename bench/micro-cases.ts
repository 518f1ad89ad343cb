/**
 * The parts that a message goes through, without a socket, against whoever does the same. Loaded by the runner for their
 * names and by a process of its own for each round, so that no case profits from what the compiler learnt in another.
 */
import { CASES as EVENT_STREAM_CASES } from './event-stream.ts'
import { type Content, frameLength, messageOf, payloadOf } from './frames.ts'
import { peerRequire } from './peers.ts'
import type { Contestants } from './turns.ts'

export interface Micro {
  readonly title: string
  readonly per: string
  readonly load: {
    /** The names of the contestants, ours first. */
    readonly peers: readonly string[]
    /** How many of what `per` names are in one run. */
    readonly parts: () => number
    readonly contestants: () => Promise<Contestants>
  }
}

/** What the contestants made, so that no compiler finds it useless. */
let heard = 0
/** Bytes that one run goes through, as a read of a socket brings them. */
const CHUNK = 65_536

function sized(size: number): string {
  return size < 1024 ? `${size} B` : `${size / 1024} KiB`
}

function mask(size: number): Micro {
  const count = Math.ceil(CHUNK / size)
  return {
    title: `mask ${sized(size)} in place`,
    per: 'payload',
    load: {
      peers: ['wirewright', 'bytes', 'bufferutil'],
      parts: () => count,
      async contestants() {
        const { maskBytes } = await import('../lib/websocket/index.ts')
        const bytes = Buffer.alloc(size * count, 0x61)
        const each = (work: (start: number) => void) => () => {
          for (let at = 0; at < bytes.length; at += size) work(at)
        }
        const key = Buffer.from([1, 2, 3, 4])
        return {
          wirewright: each(at => maskBytes(bytes, at, at + size, 0x04030201)),
          bytes: each(at => {
            for (let i = 0; i < size; i++) bytes[at + i]! ^= key[i & 3]!
          }),
          ...found('bufferutil', ({ unmask }) => ({
            bufferutil: each(at => unmask(bytes.subarray(at, at + size), key)),
          })),
        }
      },
    },
  }
}

function utf8(content: Content, size: number): Micro {
  return {
    title: `check and decode ${sized(size)} of ${content === 'text' ? 'ASCII' : 'multi-byte text'}`,
    per: 'text',
    load: {
      peers: ['wirewright', 'TextDecoder', 'isUtf8 + toString'],
      parts: () => 64,
      async contestants() {
        const { decodeText, isAsciiRange } = await import('../lib/websocket/utf8.ts')
        const { isUtf8 } = await import('node:buffer')
        const text = payloadOf(content, size)
        const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
        const each = (decode: () => string | undefined) => () => {
          for (let n = 0; n < 64; n++) heard += decode()!.length
          return heard
        }
        return {
          wirewright: each(() => decodeText(text, 0, size, isAsciiRange(text, 0, size))),
          TextDecoder: each(() => decoder.decode(text)),
          'isUtf8 + toString': each(() => (isUtf8(text) ? text.toString() : undefined)),
        }
      },
    },
  }
}

function parse(size: number): Micro {
  const count = Math.max(1, Math.floor(CHUNK / frameLength(size, true)))
  return {
    title: `parse masked frames of ${sized(size)} out of chunks of ${count}`,
    per: 'frame',
    load: {
      peers: ['wirewright', 'ws'],
      parts: () => count,
      async contestants() {
        const { FrameParser } = await import('../lib/websocket/index.ts')
        process.env.WS_NO_BUFFER_UTIL = '1'
        const { Receiver } = (await import('ws')) as unknown as { Receiver: WsReceiver }
        const one = messageOf('binary', payloadOf('binary', size), true)
        const chunk = Buffer.concat(Array.from({ length: count }, () => one))
        const parser = new FrameParser(true, 2 ** 24, false)
        const receiver = new Receiver({ isServer: true, allowSynchronousEvents: true, binaryType: 'nodebuffer' })
        receiver.on('message', (data: Buffer) => void (heard += data.length))
        // Each unmasks in place, so each gets a copy as a read would bring it.
        return {
          wirewright() {
            parser.push(Buffer.from(chunk))
            while (parser.next()) heard += parser.end - parser.start
            if (parser.violation !== undefined) throw new Error(parser.violation)
          },
          ws: () => new Promise(resolve => receiver.write(Buffer.from(chunk), resolve)),
        }
      },
    },
  }
}

type WsReceiver = new (
  options: object,
) => {
  on(event: 'message', listener: (data: Buffer) => void): void
  write(bytes: Buffer, done: (result: unknown) => void): void
}

function write(size: number, masked: boolean): Micro {
  return {
    title: `write ${masked ? 'masked ' : ''}binary frames of ${sized(size)}, 64 for each write`,
    per: 'frame',
    load: {
      peers: ['wirewright', 'ws'],
      parts: () => 64,
      async contestants() {
        const { FrameWriter, reclaim } = await import('../lib/websocket/frame-writer.ts')
        process.env.WS_NO_BUFFER_UTIL = '1'
        const { Sender } = (await import('ws')) as unknown as { Sender: WsSender }
        const payload = payloadOf('binary', size)
        const writer = new FrameWriter(masked ? () => 0x3d21fa37 : undefined)
        const options = {
          fin: true,
          rsv1: false,
          opcode: 2,
          mask: masked,
          readOnly: true,
          maskBuffer: Buffer.alloc(4),
        }
        return {
          wirewright() {
            for (let n = 0; n < 64; n++) writer.writeBytes(0x82, payload)
            const pieces = writer.take()
            for (const piece of pieces) heard += piece.length
            if (pieces.length === 1) reclaim(pieces[0]!)
          },
          ws() {
            for (let n = 0; n < 64; n++)
              for (const piece of Sender.frame(payload, { ...options })) heard += piece.length
          },
        }
      },
    },
  }
}

interface WsSender {
  frame(data: Buffer, options: object): Buffer[]
}

function eventStream(name: string): Micro {
  const make = EVENT_STREAM_CASES[name]!
  const theirs = name.startsWith('encode') ? 'better-sse' : 'eventsource-parser'
  return {
    title: `event stream: ${name}`,
    per: 'byte',
    load: {
      peers: ['wirewright', theirs],
      parts: () => make().bytes,
      async contestants() {
        const { ours, theirs: other } = make()
        return { wirewright: ours, [theirs]: other }
      },
    },
  }
}

function found(
  name: string,
  make: (module: { unmask(bytes: Buffer, key: Buffer): void }) => Contestants,
): Contestants {
  try {
    return make(peerRequire(name))
  } catch {
    return {}
  }
}

export const MICRO_CASES: Readonly<Record<string, Micro>> = {
  ...Object.fromEntries([16, 125, 1024, 65_536].map(size => [`micro-mask-${size}`, mask(size)])),
  ...Object.fromEntries(
    (['text', 'multibyte'] as const).flatMap(content =>
      [16, 125, 1024, 65_536].map(size => [`micro-utf8-${size}-${content}`, utf8(content, size)]),
    ),
  ),
  ...Object.fromEntries([16, 125, 1024, 16_384].map(size => [`micro-parse-${size}`, parse(size)])),
  ...Object.fromEntries(
    [false, true].flatMap(masked =>
      [16, 125, 1024, 16_384].map(size => [`micro-write-${size}${masked ? '-masked' : ''}`, write(size, masked)]),
    ),
  ),
  ...Object.fromEntries(
    Object.keys(EVENT_STREAM_CASES).map(name => [`event-stream-${slug(name)}`, eventStream(name)]),
  ),
}

function slug(name: string): string {
  return name.replace(/[^a-zA-Z0-9]+/g, '-').toLowerCase()
}
