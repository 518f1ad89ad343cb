/**
 * CloseEvent (WHATWG WebSockets §6): its dictionary with defaults and Web IDL's conversions, the members that it
 * takes over from EventInit, and that it does not change afterwards.
 */
import t from 'tap'
import { CloseEvent, type CloseEventInit } from '../../lib/transport/close-event.ts'

const shown = ({ type, wasClean, code, reason, bubbles, cancelable, composed }: CloseEvent) => ({
  ...{ type, wasClean, code, reason, bubbles, cancelable, composed },
})

const DEFAULTS = { type: 'close', wasClean: false, code: 0, reason: '', bubbles: false, cancelable: false }

t.test('defaults', async t => {
  for (const init of [undefined, {}, { wasClean: undefined, code: undefined, reason: undefined }]) {
    t.strictSame(shown(new CloseEvent('close', init as CloseEventInit)), { ...DEFAULTS, composed: false })
  }
})

t.test('it is an Event, and says so', async t => {
  const event = new CloseEvent('close')
  t.ok(event instanceof Event)
  t.equal(Object.prototype.toString.call(event), '[object CloseEvent]')
  t.throws(() => new (CloseEvent as unknown as new () => CloseEvent)(), TypeError, 'type is required')
  t.equal(CloseEvent.length, 1)
  for (const name of ['wasClean', 'code', 'reason']) {
    const descriptor = Object.getOwnPropertyDescriptor(CloseEvent.prototype, name)
    t.match(descriptor, { enumerable: true, configurable: true, set: undefined }, name)
  }
})

t.test('values as they are given', async t => {
  const init = { wasClean: true, code: 4999, reason: 'grüß', bubbles: true, cancelable: true, composed: true }
  t.strictSame(shown(new CloseEvent('end', init)), { type: 'end', ...init })
})

// Web IDL §3.2.4.4 (unsigned short: modulo 2^16), §3.2.3 (boolean), §3.2.12 (USVString)
t.test('values are converted', async t => {
  const codes: [given: unknown, code: number][] = [
    [65_535, 65_535],
    [65_536, 0],
    [-1, 65_535],
    [1000.9, 1000],
    ['1001', 1001],
    [Number.NaN, 0],
    [Infinity, 0],
    [null, 0],
    [true, 1],
  ]
  for (const [given, code] of codes) t.equal(new CloseEvent('close', { code: given as number }).code, code)
  const reasons: [given: unknown, reason: string][] = [
    [1, '1'],
    [null, 'null'],
    ['a\ud800b\udc00', 'a\ufffdb\ufffd'],
    ['😀', '😀'],
  ]
  for (const [given, reason] of reasons) {
    t.equal(new CloseEvent('close', { reason: given as string }).reason, reason)
  }
  for (const given of [1, 'x', {}]) {
    t.equal(new CloseEvent('close', { wasClean: given as unknown as boolean }).wasClean, true)
  }
  t.equal(new CloseEvent('close', { wasClean: null as unknown as boolean }).wasClean, false)
})

t.test('what is done to the dictionary later changes nothing', async t => {
  const init = { code: 1000, reason: 'a', wasClean: true }
  const event = new CloseEvent('close', init)
  Object.assign(init, { code: 1001, reason: 'b', wasClean: false })
  t.match(event, { code: 1000, reason: 'a', wasClean: true })
})
