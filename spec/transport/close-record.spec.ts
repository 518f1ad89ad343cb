/** How a close record comes about. What it says in each case of life is in spec/behaviour/close-records.spec.ts. */
import t from 'tap'
import { CloseStory } from '../../lib/transport/close-record.ts'

t.test('a story of nothing: the transport went, and nobody knows why', async t => {
  t.same(new CloseStory().record(undefined, undefined, { sinceReceived: 7, unsent: 3 }), {
    code: 1006,
    reason: '',
    wasClean: false,
    detail: {
      by: 'transport',
      stage: 'open',
      cause: undefined,
      error: undefined,
      sent: undefined,
      sinceReceived: 7,
      buffered: 3,
    },
  })
})

t.test('of each piece the first one told counts', async t => {
  const story = new CloseStory()
  const error = new Error('first')
  story.endedBy('peer')
  story.endedBy('local')
  story.fault('FIRST', error)
  story.fault('SECOND', new Error('second'))
  story.transportEnded('close-sent', 10)
  const { code, reason, wasClean, detail } = story.record(
    { code: 1001, reason: 'away' },
    { code: 1000, reason: '' },
    { sinceReceived: 0, unsent: 5 },
  )
  t.equal(story.error, error)
  t.same([code, reason, wasClean], [1001, 'away', true])
  t.match(detail, { by: 'peer', stage: 'close-sent', cause: 'FIRST', error, sent: { code: 1000 }, buffered: 15 })
})

t.test('clean is when both Close frames went', async t => {
  const status = { code: 1000, reason: '' }
  const bytes = { sinceReceived: 0, unsent: 0 }
  t.equal(new CloseStory().record(status, undefined, bytes).wasClean, false)
  t.equal(new CloseStory().record(undefined, status, bytes).wasClean, false)
  t.equal(new CloseStory().record(status, status, bytes).wasClean, true)
})
