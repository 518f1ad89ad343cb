/** What is believed of a client that asks to go on from somewhere. */
import t from 'tap'
import { lastEventIdOf } from '../../lib/transport/last-event-id.ts'

const NONE = undefined
const latin1 = (text: string) => Buffer.from(text).toString('latin1')

const VECTORS: readonly [field: string | readonly string[] | undefined, url: string | undefined, id: string][] = [
  [NONE, NONE, ''],
  [NONE, '/', ''],
  [NONE, '/events?last=3', ''],
  ['7', '/', '7'],
  ['', '/', ''],
  [latin1('naïve €7'), '/', 'naïve €7'],
  // Not UTF-8: no client of ours has it from us.
  ['\xff', '/', ''],
  [NONE, '/events?lastEventId=7', '7'],
  [NONE, 'http://example.com/events?a=b&lastEventId=7#top', '7#top'],
  [NONE, '/events?lastEventId=na%C3%AFve+%E2%82%AC7', 'naïve €7'],
  [NONE, '/events?lastEventId=1&lastEventId=2', '1'],
  // What a reconnection says is newer than what the page was made with.
  ['8', '/events?lastEventId=7', '8'],
  ['', '/events?lastEventId=7', ''],
  [NONE, '/events?lastEventId=a%00b', ''],
  [NONE, '/events?lastEventId=a%0Ab', ''],
  [NONE, '/events?lastEventId=a%0Db', ''],
  [NONE, '/events?lasteventid=7', ''],
  ['x'.repeat(16), '/', 'x'.repeat(16)],
  ['x'.repeat(17), '/', ''],
  [latin1('€'.repeat(5)), '/', '€'.repeat(5)],
  [latin1('€'.repeat(6)), '/', ''],
  [NONE, `/?lastEventId=${'%E2%82%AC'.repeat(6)}`, ''],
]

t.test('of the field, else of the query; bounded, and nothing that cannot be an ID [html-9.2.4-2]', async t => {
  const wrong = VECTORS.filter(([field, url, id]) => {
    return lastEventIdOf({ url, headers: { 'last-event-id': field } }, 16) !== id
  })
  t.strictSame(wrong, [])
})
