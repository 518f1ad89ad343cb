/** What a client has seen beside what it should have. */
import t from 'tap'
import { eventsFault, eventsOf, judgeEvents } from '../../../conformance/event-stream/client-report.ts'

const event = (data: string, lastEventId = '', type = 'message') => ({ type, data, lastEventId })

t.test('what the client tells of itself is no event; what it leaves out is empty', async t => {
  t.same(eventsOf([{ type: 'open' }, { type: 'note', data: 'a' }, { type: 'error', readyState: 2 }]), [
    event('a', '', 'note'),
  ])
})

t.test('the first difference, in words', async t => {
  const wanted = [event('a'), event('b', '1')]
  t.equal(eventsFault(wanted, wanted), undefined)
  t.equal(eventsFault(undefined, wanted), 'expected the client to report what it has seen, it did not')
  t.equal(eventsFault([event('a')], wanted), 'expected "b" with the ID "1" as event 2 of 2, got none')
  t.equal(eventsFault([event('a'), event('b')], wanted), 'expected "b" with the ID "1" as event 2 of 2, got "b"')
  t.equal(eventsFault([event('x')], [event('a')]), 'expected "a", got "x"')
  t.equal(eventsFault([event('a'), event('b')], [event('a')]), 'expected one event, got more: "b"')
  t.equal(eventsFault([event('a', '', 'note')], []), 'expected no event, got more: "note" "a"')
  t.match(judgeEvents([], []), { behavior: 'OK', words: 'no event, as expected' })
  t.match(judgeEvents([], [event('a')]), { behavior: 'FAILED' })
})
