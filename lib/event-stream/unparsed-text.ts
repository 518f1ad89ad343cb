/**
 * The text of an event stream that has come in and that nobody has parsed yet: chunks in, whole lines out.
 *
 *     bytes ──UTF-8──┐
 *                    ├──► one text ──► BOM off, half of a CRLF off ──► behind the unfinished line ──► lines
 *     strings ───────┘
 *
 * It knows where a line can end and nothing of what is in one. What it holds is the line in progress, as the pieces
 * that it came in, joined once when its end arrives: 8 bytes a piece beside the text itself, and time linear in the
 * input, whatever the chunks. It has no limit of its own; whoever owns it looks at {@link UnparsedText.length}.
 */
import { isAscii } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'

const LF = 0x0a
const BYTE_ORDER_MARK = 0xfeff
const NOTHING = -1

/** In bytes: from here on it pays to look whether a chunk is ASCII. */
const LONG = 1024

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

  /**
   * Takes a chunk in. Returns all that can be parsed now, from the beginning of a line and with at least one end of a
   * line in it, or the empty string. What of it is not a whole line has to be put back.
   */
  take(chunk: Uint8Array | string): string {
    let text = chunk
    if (typeof text !== 'string') text = this.#bytes.decode(text)
    else if (this.#bytes.isWithinCharacter && text !== '') text = this.#bytes.end() + text
    if (text === '' && !this.#holdsLines) return ''
    if (this.#ignorable !== NOTHING) {
      // §9.2.6: "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any." And of "a U+000D
      // CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair" the CR has ended the line in the text before.
      if (text.charCodeAt(0) === this.#ignorable) text = text.slice(1)
      this.#ignorable = NOTHING
    }
    if (this.length === 0) return text
    this.#pieces.push(text)
    this.length += text.length
    if (!this.#holdsLines && !text.includes('\n') && !text.includes('\r')) return ''
    const joined = this.#pieces.join('')
    this.clear()
    return joined
  }

  /** Takes back the end of what {@link take} returned. */
  putBack(rest: string, holdsLines: boolean): void {
    this.#pieces.push(rest)
    this.length += rest.length
    this.#holdsLines = holdsLines
  }

  /** The text ended with a CR, which has ended its line: an LF at the beginning of the next text belongs to it. */
  ignoreLineFeed(): void {
    this.#ignorable = LF
  }

  clear(): void {
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
    if (isWhole && length >= LONG && isAscii(bytes)) return ascii.write(bytes as Buffer)
    let text: string
    if (isWhole && length < LONG && !this.#wasDense) {
      text = wholeCharacters.write(bytes as Buffer)
    } else {
      this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
      text = this.#decoder.decode(bytes, { stream: true })
    }
    this.#wasDense = (length - text.length) * 8 > length
    return text
  }

  /** What the bytes so far amount to if no more of them come: a string follows. */
  end(): string {
    this.isWithinCharacter = false
    return this.#decoder?.decode() ?? ''
  }
}
