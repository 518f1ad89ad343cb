/**
 * Text of strangers in every field of an event (S20), sent and read again over a real connection, and by a second parser:
 * one event goes in, one event comes out, with the same data; what cannot be sent is thrown at the call.
 */
import { createParser } from 'eventsource-parser'
import t from 'tap'
import { eventStream, type OutgoingEvent, openEventStream, prepareEvent, WebSocketServer } from 'wirewright'
import { certificates } from '../support/certificate.ts'
import { Random } from '../support/random.ts'
import { CARRIERS } from '../support/victim.ts'

const random = new Random()
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  ':',
  ' ',
  '\0',
  'data',
  'data: pwned',
  'event: x',
  'id: 9',
  'retry: 1',
  '\n\n',
  '\r\r',
  '\u2028',
  '\ufeff',
  'é',
]
const text = () => Array.from({ length: random.below(8) }, () => random.pick(PIECES)).join('')
const EVENTS = Array.from({ length: 2000 }, (_, n) => ({
  event: n % 3 === 0 ? text() : 'message',
  id: n % 3 === 1 ? text() : String(n),
  data: text(),
  comment: n % 3 === 2 ? text() : '',
}))
const canBeSent = ({ event, id }: { event: string; id: string }) => !/[\r\n]/.test(event) && !/[\r\n\0]/.test(id)

for (const carrier of CARRIERS) {
  t.test(`${carrier}: ${EVENTS.length} events`, async t => {
    let refused = 0
    const sent: (readonly [string, string, string])[] = []
    const server = new WebSocketServer({
      async onRequest(request, response) {
        const stream = openEventStream(request, response)
        for (const event of EVENTS) {
          try {
            if (!stream.send(random.below(2) ? prepareEvent(event) : event)) await stream.drained()
            sent.push([event.event || 'message', event.data.replace(/\r\n?/g, '\n'), event.id])
          } catch {
            refused++
            if (canBeSent(event)) t.fail(`refused: ${JSON.stringify(event)}`)
          }
        }
        stream.close()
        return stream
      },
    })
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port } = await server.listen({ host: '127.0.0.1', tls })
    t.teardown(() => server.close())
    const [scheme, ca] = carrier === 'TLS' ? ['https', { tls: { ca: certificates().ca } }] : ['http', {}]
    const url = `${scheme}://localhost:${port}/`
    const got: (readonly [string, string, string])[] = []
    for await (const { type, data, lastEventId } of eventStream(url, ca)) got.push([type, data, lastEventId])
    t.equal(refused, EVENTS.filter(event => !canBeSent(event)).length)
    t.ok(refused > 200)
    t.same(got, sent)
    if (carrier === 'TLS') return
    const others: unknown[] = []
    const parser = createParser({ onEvent: ({ event, data, id }) => others.push([event || 'message', data, id]) })
    parser.feed(await (await fetch(url)).text())
    t.same(others, sent.slice(sent.length / 2))
  })
}

t.test('what is not a field at all', async t => {
  for (const event of [
    { retry: 'x' },
    { retry: -1 },
    { retry: 1.5 },
    { retry: '1\ndata: pwned' },
    { event: 5 },
    { id: {} },
    { data: 5 },
  ]) {
    t.throws(() => prepareEvent(event as OutgoingEvent), JSON.stringify(event))
  }
})
