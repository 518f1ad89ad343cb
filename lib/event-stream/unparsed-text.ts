/**
 * The text of an event stream that has come in and that nobody has parsed yet: chunks in, whole lines out.
 *
 *     bytes ──UTF-8──┐
 *                    ├──► one text ──► BOM off, half of a CRLF off ──► behind the unfinished line ──► lines
 *     strings ───────┘
 *
 * A long chunk comes out in parts: take, then more until there is none.
 *
 * It knows where a line can end and nothing of what is in one. What it holds is the line in progress, as the pieces
 * that it came in, joined once when its end arrives: 8 bytes a piece beside the text itself, and time linear in the
 * input, whatever the chunks. It has no limit of its own; whoever owns it looks at {@link UnparsedText.length}.
 */
import { isAscii } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'
import { isUint8Array } from 'node:util/types'

const LF = 0x0a
const BYTE_ORDER_MARK = 0xfeff
const NOTHING = -1

/** In bytes: from here on it pays to look whether a chunk is ASCII. */
const LONG = 1024

/** In bytes: the longest text made at once. Memory for longer ones costs more than all else (bench `16 MiB`). */
const PART = 65_536

// Without state here: they are given nothing but texts that begin and end with a whole character.
const wholeCharacters = new StringDecoder('utf8')
const ascii = new StringDecoder('latin1')

export class UnparsedText {
  /** What is held, in UTF-16 code units. */
  length = 0
  readonly #bytes = new Utf8Decoder()
  #pieces: string[] = []
  /** There are whole lines in what is held: they were put back. */
  #holdsLines = false
  /** The character that is not part of a line if the next text begins with it. */
  #ignorable = BYTE_ORDER_MARK
  /** What is left of a chunk that is taken in parts. */
  #rest: Uint8Array | undefined

  /**
   * Takes a chunk in. Returns what can be parsed now, from the beginning of a line and with at least one end of a line
   * in it, or the empty string. What of it is not a whole line has to be put back; after that there may be
   * {@link more}.
   */
  take(chunk: Uint8Array | string): string {
    if (typeof chunk !== 'string') {
      if (chunk.length <= PART) return this.#append(this.#bytes.decode(chunk))
      this.#rest = chunk
      return this.more()
    }
    const isCutShort = this.#bytes.isWithinCharacter && chunk !== ''
    return this.#append(isCutShort ? this.#bytes.end() + chunk : chunk)
  }

  /** The same of what is left of the chunk. It is cut behind line feeds, so that hardly any line has to be joined. */
  more(): string {
    while (this.#rest !== undefined) {
      const rest = this.#rest
      const part = rest.subarray(0, PART)
      const end = rest.length > PART ? part.lastIndexOf(LF) + 1 || PART : rest.length
      this.#rest = end < rest.length ? rest.subarray(end) : undefined
      const text = this.#append(this.#bytes.decode(part.subarray(0, end)))
      if (text !== '') return text
    }
    return ''
  }

  /** Takes back the end of what {@link take} or {@link more} returned; with lines, what is left of the chunk too. */
  putBack(end: string, holdsLines: boolean): void {
    let text = end
    if (holdsLines && this.#rest !== undefined) {
      text += this.#begin(this.#bytes.decode(this.#rest))
      this.#rest = undefined
    }
    if (text === '') return
    this.#pieces.push(text)
    this.length += text.length
    this.#holdsLines = holdsLines
  }

  /**
   * The same as {@link take}, of a chunk that is short and ends with a line feed, when nothing {@link isEmpty}. The empty
   * string for any other chunk, which is to be taken then. (Bench `token`.)
   */
  takeLines(chunk: Uint8Array | string): string {
    if (typeof chunk === 'string')
      return chunk.length < LONG && chunk.charCodeAt(chunk.length - 1) === LF ? chunk : ''
    if (!isUint8Array(chunk) || chunk.length >= LONG || chunk[chunk.length - 1] !== LF) return ''
    return this.#bytes.decodeWhole(chunk)
  }

  /** Nothing is held, and nothing that came in matters to what comes next. */
  get isEmpty(): boolean {
    return this.length === 0 && this.#ignorable === NOTHING && !this.#bytes.isWithinCharacter
  }

  /** The text ended with a CR, which has ended its line: an LF at the beginning of the next text belongs to it. */
  ignoreLineFeed(): void {
    this.#ignorable = LF
  }

  clear(): void {
    this.#forget()
    this.#rest = undefined
  }

  #append(decoded: string): string {
    if (decoded === '' && !this.#holdsLines) return ''
    const text = this.#ignorable === NOTHING ? decoded : this.#begin(decoded)
    if (this.length === 0) return text
    this.#pieces.push(text)
    this.length += text.length
    if (!this.#holdsLines && !text.includes('\n') && !text.includes('\r')) return ''
    const joined = this.#pieces.join('')
    this.#forget()
    return joined
  }

  #begin(text: string): string {
    // §9.2.6: "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any." And of "a U+000D
    // CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair" the CR has ended the line in the text before.
    const isIgnored = text.charCodeAt(0) === this.#ignorable
    this.#ignorable = NOTHING
    return isIgnored ? text.slice(1) : text
  }

  #forget(): void {
    this.#pieces = []
    this.length = 0
    this.#holdsLines = false
  }
}

/**
 * §9.2.6: "Streams must be decoded using the UTF-8 decode algorithm", which puts U+FFFD for what is malformed. There
 * are several decoders with the same results, and none is the fastest for all (the bench cases in brackets):
 *
 * - as latin1, once it is known to be ASCII: long chunks ("100-byte events");
 * - `StringDecoder`: short chunks, where a look at the bytes would cost as much as the decoding ("token");
 * - `TextDecoder`: long chunks that are not ASCII ("mostly ASCII"), short ones after one that was far from it ("token,
 *   Chinese"), and what begins or ends within a character, since it keeps the bytes of a character that is not whole
 *   yet. A stream of ASCII never makes one.
 *
 * A `StringDecoder` takes any view: a Buffer over a Uint8Array costs more than the decoding ("token, Uint8Array").
 */
class Utf8Decoder {
  #decoder: InstanceType<typeof TextDecoder> | undefined
  /** The last byte was not ASCII, so a character may have more bytes to come. */
  isWithinCharacter = false
  /** Of the last chunk, more than an eighth went into continuation bytes. */
  #wasDense = false

  decode(bytes: Uint8Array): string {
    const { length } = bytes
    if (length === 0) return ''
    const beginsWithin = this.isWithinCharacter
    this.isWithinCharacter = bytes[length - 1]! >= 0x80
    const isWhole = !beginsWithin && !this.isWithinCharacter
    // Bench `chunks of 1 byte`.
    if (isWhole && length === 1) return String.fromCharCode(bytes[0]!)
    if (isWhole && length >= LONG && isAscii(bytes)) return ascii.write(bytes as Buffer)
    if (isWhole && length < LONG) return this.decodeWhole(bytes)
    const text = this.#decode(bytes)
    this.#wasDense = (length - text.length) * 8 > length
    return text
  }

  /** Short, not empty, and it begins and ends with a whole character. */
  decodeWhole(bytes: Uint8Array): string {
    const text = this.#wasDense ? this.#decode(bytes) : wholeCharacters.write(bytes as Buffer)
    this.#wasDense = (bytes.length - text.length) * 8 > bytes.length
    return text
  }

  #decode(bytes: Uint8Array): string {
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    return this.#decoder.decode(bytes, { stream: true })
  }

  /** What the bytes so far amount to if no more of them come: a string follows. */
  end(): string {
    this.isWithinCharacter = false
    return this.#decoder?.decode() ?? ''
  }
}
