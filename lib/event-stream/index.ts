/**
 * `wirewright/event-stream`: event streams (Server-Sent Events, WHATWG HTML §9.2) without I/O.
 *
 *     encoder              one event → text
 *     parser               chunks → events, pushed to handlers; its errors and limits
 *     unparsed-text        bytes → text → lines, as the parser uses it
 *     parse-event-stream   the parser for those who pull: an async iterable, and a web TransformStream
 */

export { type EventFields, encodeEvent } from './encoder.ts'
export {
  EventStreamParserStream,
  type EventStreamSource,
  type ParseEventStreamOptions,
  parseEventStream,
  type ReadableStreamLike,
} from './parse-event-stream.ts'
export {
  EventStreamError,
  type EventStreamErrorCode,
  type EventStreamHandlers,
  EventStreamParser,
  type EventStreamParserOptions,
  type ServerSentEvent,
} from './parser.ts'
