/**
 * One event, as text of an event stream: WHATWG HTML §9.2.5.
 *
 *     { comment, retry, event, id, data }  ──►  : comment ⏎ retry: … ⏎ event: … ⏎ id: … ⏎ data: … ⏎ ⏎
 *
 * What goes in comes out again, and nothing else does: no field can end its line and begin another. Where a value may
 * have several lines (data, comment) each gets a field of its own; where it may not (event, id) a line end is refused.
 *
 * What comes out at the other end, by §9.2.6:
 *
 *     data       equal, but for line ends: CRLF and CR become LF. `''` is an event whose data is the empty string;
 *                without `data` no event is dispatched, and `event` goes for nothing
 *     event      equal; `''` is the same as none: "message"
 *     id         equal, for this event and for those after it that have none; `''` resets it. Committed without data too
 *     retry      equal, up to 2^53 - 1
 *     comment    ignored by browsers; other parsers see it as they see data
 *
 * A surrogate without its pair becomes U+FFFD when the text is written as UTF-8.
 */

export interface EventFields {
  /** The event type. No CR and no LF. */
  readonly event?: string | undefined
  /** Any text. Without it nothing is dispatched; the empty string is dispatched. */
  readonly data?: string | undefined
  /** What a client sends as `Last-Event-ID` when it reconnects. No CR, LF or NUL; the empty string resets it. */
  readonly id?: string | undefined
  /** The reconnection time in milliseconds: an integer from 0 to 2^53 - 1. */
  readonly retry?: number | undefined
  /** Any text. Ignored by the peer, it keeps the connection alive. */
  readonly comment?: string | undefined
}

/**
 * The text of one event, with the blank line at its end. Write it as UTF-8; it is right behind any other.
 *
 * @throws {TypeError} a field cannot be sent as it is: `code` is ERR_EVENT_STREAM_FIELD, `field` its name
 */
export function encodeEvent(fields: EventFields): string {
  const { event, data, id, retry, comment } = fields
  let text = ''
  if (comment !== undefined) text = `: ${splitLines('comment', comment, '\n: ')}\n`
  if (retry !== undefined) {
    // §9.2.6: a client takes it "If the field value consists of only ASCII digits".
    if (!Number.isSafeInteger(retry) || retry < 0)
      throw invalidField('retry', 'must be an integer from 0 to 2^53 - 1')
    text += `retry: ${retry}\n`
  }
  if (event !== undefined) text += `event: ${oneLine('event', event)}\n`
  if (id !== undefined) {
    // §9.2.6: "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
    // Otherwise, ignore the field."
    if (oneLine('id', id).includes('\0')) throw invalidField('id', 'must not contain NUL')
    text += `id: ${id}\n`
  }
  if (data !== undefined) text += `data: ${splitLines('data', data, '\ndata: ')}\n`
  return `${text}\n`
}

/** Puts `separator` for every line end, so that each line begins a field. */
function splitLines(field: string, value: string, separator: string): string {
  if (typeof value !== 'string') throw invalidField(field, `must be a string, got ${typeof value}`)
  // §9.2.5: end-of-line is "( cr lf / cr / lf )". Looked for by one character first (bench `encode a short event`).
  const lines = value.includes('\r') ? value.replace(/\r\n/g, '\n').replace(/\r/g, '\n') : value
  return lines.includes('\n') ? lines.split('\n').join(separator) : lines
}

function oneLine(field: string, value: string): string {
  if (typeof value !== 'string') throw invalidField(field, `must be a string, got ${typeof value}`)
  if (value.includes('\n') || value.includes('\r')) throw invalidField(field, 'must not contain CR or LF')
  return value
}

function invalidField(field: string, words: string): TypeError {
  return Object.assign(new TypeError(`${field} ${words}`), { code: 'ERR_EVENT_STREAM_FIELD', field })
}
