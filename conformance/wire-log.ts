/**
 * The wire log of a case: what went over the connection, both ways, with time, bytes and meaning, for people who want
 * to know why a case failed. Bounded: of a frame the first bytes are kept, and of a long log its beginning and its end.
 */
import { opcodeName } from './frame.ts'

export interface LogEntry {
  /** Milliseconds since the case began. */
  readonly at: number
  /** `suite` and `testee`: who sent it. `note`: something that is no frame, such as a timer or the end of TCP. */
  readonly from: 'suite' | 'testee' | 'note'
  readonly words: string
  /** The first bytes as they stood on the wire. */
  readonly hex?: string
  /** How many there were. */
  readonly bytes?: number
  /** Text in the payload, its beginning, if it is text. */
  readonly text?: string
}

const KEPT_BYTES = 64
const KEPT_AT_START = 30
const KEPT_AT_END = 10

export interface LoggedFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean
  readonly payload: Buffer
  /** What the header said, where that is not the payload's length. */
  readonly announced?: number
}

export class WireLog {
  readonly #started = performance.now()
  readonly #first: LogEntry[] = []
  #last: (() => LogEntry)[] = []
  #omitted = 0

  note(words: string): void {
    this.#add('note', () => ({ words }))
  }

  /** Text lines of an opening handshake. */
  head(from: 'suite' | 'testee', head: string): void {
    const text = head.slice(0, 4096).trimEnd()
    this.#add(from, () => ({ words: head.split('\r\n', 1)[0] ?? '', bytes: head.length, text }))
  }

  /** Bytes that are no whole frame. */
  bytes(from: 'suite' | 'testee', bytes: Uint8Array, words: string): void {
    this.#add(from, () => ({ words, hex: hexOf(bytes), bytes: bytes.length }))
  }

  /** Bytes of an event stream. */
  stream(from: 'suite' | 'testee', bytes: Buffer): void {
    const text = bytes.toString('utf8', 0, 240)
    const shown = JSON.stringify(text.length < bytes.length && bytes.length > 240 ? `${text}…` : text).slice(1, -1)
    this.#add(from, () => ({
      words: `${bytes.length} bytes of the stream`,
      hex: hexOf(bytes),
      bytes: bytes.length,
      text: shown,
    }))
  }

  /** `wire` and the payload must not change any more. */
  frame(from: 'suite' | 'testee', frame: LoggedFrame, wire: Uint8Array, size: number, more = ''): void {
    this.#add(from, () => {
      const text = textOf(frame)
      const words = `${frameWords(frame)}${more}`
      return { words, hex: hexOf(wire), bytes: size, ...(text === undefined ? {} : { text }) }
    })
  }

  /** In order; a note stands for what was left out. */
  entries(): LogEntry[] {
    const last = this.#last.map(entry => entry())
    if (this.#omitted === 0) return [...this.#first, ...last]
    const gap: LogEntry = { at: last[0]?.at ?? 0, from: 'note', words: `… ${this.#omitted} more entries …` }
    return [...this.#first, gap, ...last]
  }

  #now(): number {
    return Math.round((performance.now() - this.#started) * 100) / 100
  }

  /** What stands amid a long log is never put into words: most of it is left out. */
  #add(from: LogEntry['from'], rest: () => Omit<LogEntry, 'at' | 'from'>): void {
    const at = this.#now()
    if (this.#first.length < KEPT_AT_START) return void this.#first.push({ at, from, ...rest() })
    this.#last.push(() => ({ at, from, ...rest() }))
    if (this.#last.length <= 2 * KEPT_AT_END) return
    this.#omitted += this.#last.length - KEPT_AT_END
    this.#last = this.#last.slice(-KEPT_AT_END)
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, KEPT_BYTES)).toString('hex')
}

/** "text, FIN, 12 bytes": the header in words. */
export function frameWords({ fin, rsv, opcode, masked, payload, announced }: LoggedFrame): string {
  const flags = [fin ? 'FIN' : 'not FIN', ...[1, 2, 3].filter(n => rsv & (8 >> n)).map(n => `RSV${n}`)]
  const length = announced ?? payload.length
  const code = opcode === 8 && payload.length >= 2 ? `, code ${payload.readUInt16BE(0)}` : ''
  return `${opcodeName(opcode)}, ${flags.join(', ')}${masked ? ', masked' : ''}, ${length} bytes${code}`
}

function textOf({ opcode, payload }: LoggedFrame): string | undefined {
  const content = opcode === 8 ? payload.subarray(2) : payload
  if (content.length === 0 || opcode === 2) return undefined
  const text = content.toString('utf8', 0, 120)
  return content.length > 120 ? `${text}…` : text
}
