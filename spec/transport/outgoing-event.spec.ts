/** An event that is encoded once for many streams, and what is refused before anything is sent. */
import t from 'tap'
import { encodeEvent } from '../../lib/event-stream/encoder.ts'
import { type OutgoingEvent, PreparedEvent, prepareEvent } from '../../lib/transport/outgoing-event.ts'

t.test('its bytes are the text of the event in UTF-8; the key is not sent [html-9.2.5-1]', async t => {
  const fields = { event: 'preis', id: 'ü1', data: 'zwei\nZeilen €', retry: 5, comment: 'c' }
  const prepared = prepareEvent({ ...fields, key: 'EUR' })
  t.ok(prepared instanceof PreparedEvent)
  t.equal(prepared.bytes.toString(), encodeEvent(fields))
  t.notMatch(prepared.bytes.toString(), 'EUR')
  t.equal(prepared.key, 'EUR')
  t.equal(prepareEvent({ data: '' }).key, undefined)
})

t.test('what cannot be sent is refused by name [html-9.2.5-3]', async t => {
  t.throws(() => prepareEvent({ event: 'a\nb' }), {
    name: 'TypeError',
    code: 'ERR_EVENT_STREAM_FIELD',
    field: 'event',
  })
  t.throws(() => prepareEvent({ data: 1 } as never), { code: 'ERR_EVENT_STREAM_FIELD', field: 'data' })
  t.throws(() => prepareEvent({ data: '', key: 1 } as never), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: /^key must be a string/,
  })
  for (const wrong of ['text', null, undefined, 7]) {
    t.throws(() => prepareEvent(wrong as unknown as OutgoingEvent), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: /data:/,
    })
  }
})

t.test('an event with nothing to send, or with a name that is not one of its fields, is a mistake', async t => {
  for (const empty of [{}, { key: 'EUR' }, { data: undefined }]) {
    t.throws(() => prepareEvent(empty), { name: 'TypeError', message: 'an event must have a field, such as data' })
  }
  const received = { type: 'price', data: '7', lastEventId: '1' }
  t.throws(() => prepareEvent(received), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: 'an event has no field "type": it is called "event" here',
  })
  t.throws(() => prepareEvent({ data: '7', lastEventId: '1' } as never), { message: /"id" here$/ })
  t.throws(() => prepareEvent({ data: '7', constructor: '1' } as never), {
    message: 'an event has no field "constructor"',
  })
  for (const field of [{ data: '' }, { event: 'a' }, { id: '' }, { retry: 0 }, { comment: '' }]) {
    t.ok(prepareEvent(field).bytes.length > 1)
  }
})
