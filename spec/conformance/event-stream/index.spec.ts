/** The list of the cases of event streams. */
import t from 'tap'
import { EVENT_STREAM_CASES, EVENT_STREAM_GROUPS } from '../../../conformance/event-stream/index.ts'

t.test('all are of event streams, for one side each, with a clause', async t => {
  t.ok(EVENT_STREAM_CASES.every(it => it.transport === 'event-stream' && it.sides.length === 1 && it.clause !== ''))
  const sides = (side: 'server' | 'client') => EVENT_STREAM_CASES.filter(it => it.sides.includes(side)).length
  t.same([sides('server'), sides('client'), EVENT_STREAM_GROUPS.length], [86, 150, 10])
})
