/** What the list shows: frames, messages, the opening handshake and the end of a connection, as plain objects. */
import { formatInteger, formatPercent, fromHex, onOneLine, plural, readUtf8, toHex, utf8 } from './bytes.js'
import { closeCode, isControl, opcodeName, readClosePayload } from './protocol.js'

const PREVIEW_BYTES = 96
/** Text of the messages that measure round trips, so that the list can leave them out. */
export const PROBE = /^round trip \d+$/

export const DIRECTIONS = {
  in: { from: 'browser', to: 'server', words: 'browser to server' },
  out: { from: 'server', to: 'browser', words: 'server to browser' },
}

/** Turns the events of one connection into entries; remembers which message a continuation frame belongs to. */
export class EntryMaker {
  #connection
  #open = { in: null, out: null }
  #messages = 0

  constructor(connection) {
    this.#connection = connection
  }

  handshake(event) {
    return {
      kind: 'handshake',
      connection: this.#connection,
      direction: 'in',
      at: 0,
      event,
      title: 'Opening handshake',
      name: 'HTTP',
      preview: event.request,
      length: null,
    }
  }

  frame(frame) {
    const payload = fromHex(frame.payload)
    const entry = {
      kind: 'frame',
      connection: this.#connection,
      direction: frame.direction,
      at: frame.at,
      frame,
      payload,
      name: opcodeName(frame.opcode),
      length: frame.length,
      isText: false,
      fragment: null,
      probe: false,
    }
    if (!isControl(frame.opcode)) this.#placeInMessage(entry)
    entry.preview = previewOf(entry)
    entry.title = `${entry.name[0].toUpperCase()}${entry.name.slice(1)} frame`
    return entry
  }

  /** A whole message as the browser gives it, where nobody tells about frames. */
  message(data, direction, at) {
    const isText = typeof data === 'string'
    const bytes = isText ? utf8(data) : new Uint8Array(data)
    const payload = bytes.slice(0, 256)
    const entry = {
      kind: 'message',
      connection: this.#connection,
      direction,
      at,
      payload,
      name: isText ? 'text' : 'binary',
      length: bytes.length,
      isText,
      probe: isText && PROBE.test(data),
      title: isText ? 'Text message' : 'Binary message',
    }
    entry.preview = previewOf(entry)
    return entry
  }

  closed(record) {
    const [name] = closeCode(record.code)
    return {
      kind: 'closed',
      connection: this.#connection,
      direction: null,
      at: record.age,
      record,
      name: 'closed',
      length: null,
      title: record.opened ? 'Connection closed' : 'Connection failed',
      preview: record.opened
        ? `${record.code} ${name}${record.reason ? ` · ${record.reason}` : ''}`
        : 'The opening handshake did not succeed',
    }
  }

  #placeInMessage(entry) {
    const { frame, payload } = entry
    if (frame.opcode !== 0 || this.#open[frame.direction] === null) {
      this.#messages++
      this.#open[frame.direction] = {
        number: this.#messages,
        isText: frame.opcode === 1,
        isCompressed: frame.rsv1,
        frames: 0,
        whole: [],
      }
    }
    const message = this.#open[frame.direction]
    message.frames++
    if (message.whole !== null) {
      if (frame.truncated) message.whole = null
      else message.whole.push(payload)
    }
    entry.isText = message.isText
    entry.isCompressed = message.isCompressed
    if (!frame.fin || message.frames > 1) {
      entry.fragment = { number: message.frames, message: message.number, last: frame.fin }
      if (frame.fin && message.isText && !message.isCompressed && message.whole !== null) {
        entry.fragment.whole = readUtf8(concatenate(message.whole)).text
      }
    }
    entry.probe = frame.opcode === 1 && frame.fin && frame.length < 24 && PROBE.test(readUtf8(payload).text)
    if (frame.fin) this.#open[frame.direction] = null
  }
}

function concatenate(pieces) {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function previewOf(entry) {
  if (entry.length === 0) return entry.frame?.opcode === 8 ? '1005 No status received' : ''
  if (entry.frame?.opcode === 8) {
    const { code, reason } = readClosePayload(entry.payload)
    return `${code} ${closeCode(code)[0]}${reason ? ` · ${onOneLine(reason)}` : ''}`
  }
  const start = entry.payload.subarray(0, PREVIEW_BYTES)
  if (entry.isCompressed) return `${compressionOf(entry)}: ${toHex(start.subarray(0, 24), ' ')}`
  // A ping's payload is bytes, but text more often than not.
  const { text, valid } = readUtf8(entry.payload)
  if (entry.isText || (entry.frame && isControl(entry.frame.opcode) && valid)) {
    return onOneLine(text.slice(0, PREVIEW_BYTES))
  }
  return toHex(start.subarray(0, 32), ' ')
}

/** What compression made of the message that ends with this frame, as far as it is known. */
export function compressionOf({ frame }) {
  if (!frame?.message) return 'compressed'
  const { length, compressed } = frame.message
  const ratio = length === 0 ? '' : `, ${formatPercent(compressed / length)}`
  return `compressed from ${formatInteger(length)} to ${plural(compressed, 'byte')}${ratio}`
}

/** The entry in one sentence, for those who hear the list. */
export function describe(entry) {
  const seconds = `${(entry.at / 1000).toFixed(3)} seconds`
  if (entry.kind === 'handshake') return `Opening handshake of connection ${entry.connection}: ${entry.preview}`
  if (entry.kind === 'closed') return `${entry.title}: ${entry.preview}`
  const parts = [`${entry.title}, ${DIRECTIONS[entry.direction].words}, ${plural(entry.length, 'byte')}`]
  if (entry.kind === 'frame') {
    const { frame } = entry
    parts.push(`opcode ${frame.opcode}`, frame.fin ? 'FIN set' : 'FIN not set')
    const rsv = ['rsv1', 'rsv2', 'rsv3'].filter(name => frame[name])
    if (rsv.length > 0) parts.push(`${rsv.join(' and ').toUpperCase()} set`)
    parts.push(frame.masked ? `masked with ${frame.maskingKey}` : 'not masked')
  }
  if (entry.preview) parts.push(entry.preview.slice(0, 60))
  parts.push(`at ${seconds}`)
  return parts.join(', ')
}

export const formatLength = entry => (entry.length === null ? '' : `${formatInteger(entry.length)} B`)
