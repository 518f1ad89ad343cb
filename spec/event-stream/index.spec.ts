/** The public exports of `wirewright/event-stream` are these. */
import t from 'tap'
import * as eventStream from '../../lib/event-stream/index.ts'

t.strictSame(Object.keys(eventStream).sort(), [
  'EventStreamError',
  'EventStreamParser',
  'EventStreamParserStream',
  'encodeEvent',
  'parseEventStream',
])
