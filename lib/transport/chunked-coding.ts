/**
 * The chunked transfer coding (RFC 9112 §7.1), towards the client: by its last chunk a client knows an end from a
 * connection that broke. Each write is one chunk.
 */
import type { Writable } from 'node:stream'

/** RFC 9112 §7.1: chunked-body = *chunk last-chunk trailer-section CRLF */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n')

const CRLF = Buffer.from('\r\n')
/** Octets up to which a copy costs less than three pieces. Larger data may be shared by many streams. */
const COPY_UP_TO = 4096

/** @param data not empty: an empty chunk would be the last one */
export function writeChunk(outlet: Writable, data: Buffer, callback?: (error?: Error | null) => void): void {
  const size = `${data.length.toString(16)}\r\n`
  if (data.length > COPY_UP_TO) {
    outlet.cork()
    outlet.write(size, 'latin1')
    outlet.write(data)
    outlet.write(CRLF, callback)
    outlet.uncork()
    return
  }
  const chunk = Buffer.allocUnsafe(size.length + data.length + 2)
  chunk.write(size, 'latin1')
  chunk.set(data, size.length)
  chunk.set(CRLF, size.length + data.length)
  outlet.write(chunk, callback)
}
