/**
 * The last event ID that a client asks to go on from. It comes from the peer: bounded, and only what can be an ID at
 * all. Anything else counts as none, as the client cannot have had it from an event stream.
 */
import { isUtf8 } from 'node:buffer'

export interface EventStreamRequest {
  readonly method?: string | undefined
  /** The request target, or a whole URL. */
  readonly url?: string | undefined
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/**
 * Of the `Last-Event-ID` field, which browsers send when they reconnect; else of the `lastEventId` parameter of the
 * query, for a page that was made knowing an ID. The empty string if there is none.
 *
 * @param maxBytes in UTF-8
 */
export function lastEventIdOf({ headers, url = '' }: EventStreamRequest, maxBytes: number): string {
  const field = headers['last-event-id']
  if (typeof field === 'string') return checkId(fromUtf8(field), maxBytes)
  const query = url.indexOf('?')
  const parameter = query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get('lastEventId')
  return checkId(parameter ?? '', maxBytes)
}

/** HTML §9.2.4: "encoded as UTF-8"; field values are read as latin1, a character for each byte. */
function fromUtf8(field: string): string {
  const bytes = Buffer.from(field, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : ''
}

/** §9.2.5: "any-char = %x0000-0009 / %x000B-000C / %x000E-10FFFF"; §9.2.6: an ID with NUL is ignored. */
function checkId(id: string, maxBytes: number): string {
  return Buffer.byteLength(id) > maxBytes || /[\0\r\n]/.test(id) ? '' : id
}
