/** What a client says it has dispatched, beside what it should have. */
import type { Verdict } from '../verdict.ts'
import type { Seen } from './client-stream.ts'
import { failed, fine } from './finding.ts'
import { eventWords, type StreamEvent } from './stream.ts'

/** What a client tells of its own doing; the rest are events of the stream. */
const OWN_TYPES = ['open', 'error']

export function eventsOf(seen: readonly Seen[]): StreamEvent[] {
  return seen
    .filter(({ type }) => !OWN_TYPES.includes(type))
    .map(({ type, data, lastEventId }) => ({
      type,
      data: String(data ?? ''),
      lastEventId: String(lastEventId ?? ''),
    }))
}

/** The first difference, in words; undefined if there is none. */
export function eventsFault(seen: readonly Seen[] | undefined, wanted: readonly StreamEvent[]): string | undefined {
  if (seen === undefined) return 'expected the client to report what it has seen, it did not'
  const came = eventsOf(seen)
  const at = wanted.findIndex((event, i) => !isSame(event, came[i]))
  if (at < 0 && came.length === wanted.length) return undefined
  if (at < 0) return `expected ${countWords(wanted.length)}, got more: ${eventWords(came[wanted.length]!)}`
  const other = came[at]
  const which = wanted.length === 1 ? '' : ` as event ${at + 1} of ${wanted.length}`
  return `expected ${eventWords(wanted[at]!)}${which}, got ${other === undefined ? 'none' : eventWords(other)}`
}

export function judgeEvents(seen: readonly Seen[] | undefined, wanted: readonly StreamEvent[]): Verdict {
  const fault = eventsFault(seen, wanted)
  return fault === undefined ? fine(`${countWords(wanted.length)}, as expected`) : failed(fault)
}

function isSame(a: StreamEvent, b: StreamEvent | undefined): boolean {
  return b !== undefined && a.type === b.type && a.data === b.data && a.lastEventId === b.lastEventId
}

function countWords(count: number): string {
  return count === 0 ? 'no event' : count === 1 ? 'one event' : `${count} events`
}
