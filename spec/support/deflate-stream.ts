/** zlib's own stream, as other implementations use it for context takeover: what ours is held against. */
import type { Transform } from 'node:stream'
import { constants, createDeflateRaw, createInflateRaw, type Zlib, type ZlibOptions } from 'node:zlib'

/** Deflates piece by piece, each to its end. */
export function deflateStream(options: ZlibOptions): { flush(message: string | Uint8Array): Promise<Buffer> } {
  const stream = createDeflateRaw(options)
  return { flush: message => passThrough(stream, Buffer.from(message as Uint8Array)) }
}

/** Inflates piece by piece. */
export function inflateStream(options: ZlibOptions): { inflate(data: Uint8Array): Promise<Buffer> } {
  const stream = createInflateRaw(options)
  return { inflate: data => passThrough(stream, data) }
}

function passThrough(stream: Transform & Zlib, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const onData = (chunk: Buffer) => void chunks.push(chunk)
    stream.on('data', onData).once('error', reject)
    stream.write(input)
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData).off('error', reject)
      resolve(Buffer.concat(chunks))
    })
  })
}
