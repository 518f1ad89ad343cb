/**
 * Our two faces against a server of event streams that others wrote. Whatever it is written in, it answers these paths,
 * and tells in the data what it was asked:
 *
 *     /events         numbered events from the one behind Last-Event-ID, `{"number": …}`, five to a connection, which it
 *                     then cuts; the 12th is the last, and behind it is 204. The reconnection time is 20 ms
 *     /echo           one event of type "echo" with the method, the body, and the field X-Echo; then it ends
 *     /text           one event: line ends and characters of all lengths, or a JSON string of them
 *     /redirect       307 to /echo
 *     /nothing        404, with a body
 */
import type { Test } from 'tap'
import { EventSource, EventStreamResponseError, eventStream } from 'wirewright'
import { until, within } from '../support/waiting.ts'

/** Multi-line, empty lines, a colon and a space in front, and every length of UTF-8. */
export const TEXT = 'one\n\n: two\n  é€𝄞\n'

export function testEventStreamClients(t: Test, base: string): void {
  t.test('EventSource: what was missed comes after each cut, until 204', async t => {
    const source = new EventSource(`${base}/events`)
    const numbers: unknown[] = []
    const log: string[] = []
    source.onopen = () => log.push('open')
    source.onmessage = ({ data, lastEventId }) => numbers.push([JSON.parse(data).number, lastEventId])
    source.onerror = () => log.push(`error ${source.readyState}`)
    await until(() => source.readyState === EventSource.CLOSED)
    t.same(
      numbers,
      Array.from({ length: 12 }, (_, i) => [i + 1, String(i + 1)]),
    )
    t.same(log, ['open', 'error 0', 'open', 'error 0', 'open', 'error 0', 'error 2'])
  })

  t.test('EventSource: from an ID, with a type of its own', async t => {
    const source = new EventSource(`${base}/events`, { lastEventId: '10' })
    const numbers: number[] = []
    source.onmessage = ({ data }) => numbers.push(JSON.parse(data).number)
    await until(() => source.readyState === EventSource.CLOSED)
    t.same(numbers, [11, 12])
    const echo = new EventSource(`${base}/echo`, { headers: { 'X-Echo': 'x' } })
    const event = await within(
      new Promise<MessageEvent>(resolve => echo.addEventListener('echo', resolve as () => void)),
    )
    echo.close()
    t.same(JSON.parse(event.data), { method: 'GET', body: '', field: 'x' })
    t.equal(event.origin, base)
  })

  t.test('EventSource: an error for good', async t => {
    const source = new EventSource(`${base}/nothing`)
    const { error } = await within(new Promise<Event & { error?: unknown }>(resolve => (source.onerror = resolve)))
    t.equal(source.readyState, EventSource.CLOSED)
    t.match(error, { code: 'ERR_EVENT_STREAM_STATUS', response: { status: 404 } })
  })

  t.test('eventStream: POST with a body, over a redirect', async t => {
    for (const path of ['/echo', '/redirect']) {
      const options = {
        method: 'POST',
        body: '{"é": "€"}',
        headers: { 'X-Echo': 'y', 'Content-Type': 'application/json' },
      }
      const events: unknown[] = []
      for await (const { type, data } of eventStream(base + path, options)) events.push([type, JSON.parse(data)])
      t.same(events, [['echo', { method: 'POST', body: '{"é": "€"}', field: 'y' }]], path)
    }
  })

  t.test('eventStream: any text', async t => {
    const texts: string[] = []
    for await (const { data } of eventStream(`${base}/text`))
      texts.push(data.startsWith('"') ? JSON.parse(data) : data)
    t.same(texts, [TEXT])
  })

  t.test('eventStream: an error carries what was answered', async t => {
    const error = await eventStream(`${base}/nothing`)
      .next()
      .catch((error: unknown) => error)
    t.ok(error instanceof EventStreamResponseError)
    t.equal(String((error as EventStreamResponseError).response.body), 'nothing here')
  })

  t.test('eventStream: leaving the loop is noticed there', async t => {
    let count = 0
    for await (const { lastEventId } of eventStream(`${base}/events`)) {
      t.equal(lastEventId, String(++count))
      if (count === 3) break
    }
    t.equal(count, 3)
  })
}
