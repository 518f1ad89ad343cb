/** The log of the playground's event streams: what is made, and what a client that was away gets. */
import t from 'tap'
import { CAPACITY, PlaygroundEventLog } from '../../lib/cli/playground-event-log.ts'
import { EventStreamParser, type ServerSentEvent } from '../../lib/event-stream/index.ts'

const DATE = new Date('2026-01-02T03:04:05.678Z')

function logOf(count: number): PlaygroundEventLog {
  const log = new PlaygroundEventLog()
  for (let i = 0; i < count; i++) log.add(i, DATE)
  return log
}

/** The event as a browser would get it. */
function parse(text: string): ServerSentEvent[] {
  const events: ServerSentEvent[] = []
  const parser = new EventStreamParser({ event: event => events.push({ ...event }) })
  parser.feed(text)
  parser.end()
  return events
}

t.test('each event has the next number as its ID; types and data take turns', async t => {
  const log = new PlaygroundEventLog()
  const events = Array.from({ length: 6 }, (_, i) => log.add(i, DATE))
  const time = DATE.toISOString()
  const seen = events.map(({ text }) => parse(text))
  t.match(seen, [
    [{ type: 'time', data: time, lastEventId: '1' }],
    [{ type: 'time', data: time, lastEventId: '2' }],
    [{ type: 'message', data: /^.+\n.+\n.+$/, lastEventId: '3' }],
    [{ type: 'time', data: time, lastEventId: '4' }],
    [{ type: 'greeting', data: 'Grüße, 世界! 🌍', lastEventId: '5' }],
    [{ type: 'time', data: time, lastEventId: '6' }],
  ])
  t.same(
    seen.map(({ length }) => length),
    [1, 1, 1, 1, 1, 1],
  )
  t.same(
    events.map(({ madeAt }) => madeAt),
    [0, 1, 2, 3, 4, 5],
  )
})

t.test('a replay is what came after the ID', async t => {
  const full = CAPACITY + 5
  const table: readonly (readonly [made: number, id: string, first: number, count: number, lost: number])[] = [
    [5, '1', 2, 4, 0],
    [5, '4', 5, 1, 0],
    [5, '5', 0, 0, 0],
    [full, '5', 6, CAPACITY, 0],
    [full, '4', 6, CAPACITY, 1],
    [full, '1', 6, CAPACITY, 4],
    [full, String(full - 1), full, 1, 0],
  ]
  for (const [made, id, first, count, lost] of table) {
    const replay = logOf(made).after(id)
    t.same(
      replay.events.map(event => Number(event.id)),
      Array.from({ length: count }, (_, i) => first + i),
      `${id} of ${made}`,
    )
    t.match(replay, { lost, isKnown: true })
  }
})

t.test('an ID that was not given out is not known, and nothing is replayed', async t => {
  const ids = ['', '0', '6', '-1', '01', '1.0', '1e0', ' 1', '1 ', '0x1', 'one', '9'.repeat(16), '9'.repeat(400), '١']
  const wrong = ids.filter(id => {
    const { events, lost, isKnown } = logOf(5).after(id)
    return events.length > 0 || lost !== 0 || isKnown
  })
  t.same(wrong, [])
  t.match(logOf(0).after('1'), { events: [], isKnown: false })
})
