/**
 * The chunked transfer coding (RFC 9112 §7.1), written, and read to the octet. What is wrong is told once; as far as it
 * can be understood it is read on, so that one fault does not hide the rest.
 */

/** The longest line of a chunk's size that is read. */
const MAX_SIZE_LINE = 256

export function writeChunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n')

export class ChunkedReader {
  /** What was wrong first, in words. */
  fault: string | undefined
  /** The last chunk has come, and the empty line behind it. */
  isDone = false
  #state: 'size' | 'data' | 'data end' | 'trailer' | 'lost' = 'size'
  #left = 0
  #rest: Buffer = Buffer.alloc(0)

  /** The content that stands in these octets. */
  push(bytes: Buffer): Buffer[] {
    const content: Buffer[] = []
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (rest.length > 0 && this.#state !== 'lost') {
      const taken = this.#take(rest, content)
      if (taken === 0) break
      rest = rest.subarray(taken)
    }
    this.#rest = this.#state === 'lost' ? Buffer.alloc(0) : rest
    return content
  }

  /** How many octets were understood; 0 when more must come. */
  #take(rest: Buffer, content: Buffer[]): number {
    if (this.isDone) return this.#lose('octets behind the last chunk')
    if (this.#state === 'data') {
      const piece = rest.subarray(0, this.#left)
      content.push(piece)
      this.#left -= piece.length
      if (this.#left === 0) this.#state = 'data end'
      return piece.length
    }
    const end = rest.indexOf('\n')
    if (end < 0) return rest.length > MAX_SIZE_LINE ? this.#lose('no line end where one must be') : 0
    const line = rest.toString('latin1', 0, end)
    if (!line.endsWith('\r')) this.fault ??= 'a line ends with LF alone'
    this.#onLine(line.replace(/\r$/, ''))
    return end + 1
  }

  #onLine(line: string): void {
    if (this.#state === 'data end') {
      if (line !== '') this.#lose(`${JSON.stringify(line.slice(0, 20))} where a chunk must end`)
      else this.#state = 'size'
    } else if (this.#state === 'trailer') {
      if (line === '') this.isDone = true
    } else {
      // §7.1: "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF", "chunk-size = 1*HEXDIG"
      const size = /^[0-9a-f]{1,12}(?=$|[ \t]*;)/i.exec(line)?.[0]
      if (size === undefined) return void this.#lose(`${JSON.stringify(line.slice(0, 20))} where a size must be`)
      this.#left = Number.parseInt(size, 16)
      this.#state = this.#left === 0 ? 'trailer' : 'data'
    }
  }

  #lose(fault: string): number {
    this.fault ??= fault
    this.#state = 'lost'
    return 0
  }
}
