/**
 * Event handler attributes (HTML §8.1.8.1): what they take and return, that a handler is called in the place among
 * the listeners where it was first set, and when it loses that place.
 */
import t from 'tap'
import { defineEventHandlers, type EventHandler } from '../../lib/transport/event-handlers.ts'

class Target extends EventTarget {
  declare onping: EventHandler
  declare onpong: EventHandler
}
defineEventHandlers(Target.prototype, ['ping', 'pong'])

/** A target, and a log of who was called. */
function logged() {
  const target = new Target()
  const log: string[] = []
  const note = (name: string) => () => {
    log.push(name)
  }
  return {
    target,
    note,
    listen: (name: string) => target.addEventListener('ping', note(name)),
    fire(type = 'ping') {
      log.length = 0
      target.dispatchEvent(new Event(type))
      return log.join(' ')
    },
  }
}

t.test('an attribute is null until it is set, and gives back what it was set to', async t => {
  const { target } = logged()
  t.equal(target.onping, null)
  const handler = () => {}
  target.onping = handler
  t.equal(target.onping, handler)
  t.equal(target.onpong, null, 'each type for itself')
  t.equal(new Target().onping, null, 'each target for itself')
})

// Web IDL [LegacyTreatNonObjectAsNull]
t.test('what is no object is taken for null', async t => {
  const { target, note, fire } = logged()
  for (const value of [null, undefined, 0, 1, '', 'note()', true, 1n, Symbol('handler')]) {
    target.onping = note('handler')
    ;(target as { onping: unknown }).onping = value
    t.equal(target.onping, null, String(value))
    t.equal(fire(), '')
  }
})

t.test('an object that cannot be called is kept and not called', async t => {
  const { target, listen, fire } = logged()
  const object = { handleEvent: () => t.fail('handleEvent is of listeners, not of handlers') }
  ;(target as { onping: unknown }).onping = object
  t.equal(target.onping, object)
  listen('a')
  t.equal(fire(), 'a')
})

t.test('the handler gets the event, with the target as this', async t => {
  const { target } = logged()
  const event = new Event('ping')
  const calls: unknown[][] = []
  target.onping = function (this: unknown, ...args: unknown[]) {
    calls.push([this, ...args])
  } as EventHandler
  target.dispatchEvent(event)
  t.equal(calls.length, 1)
  t.equal(calls[0]?.[0], target)
  t.equal(calls[0]?.[1], event)
  t.equal(calls[0]?.length, 2)
})

t.test('a handler keeps its place when it is replaced, and loses it when it is taken off', async t => {
  const { target, note, listen, fire } = logged()
  listen('a')
  target.onping = note('handler')
  listen('b')
  t.equal(fire(), 'a handler b')
  target.onping = note('other')
  t.equal(fire(), 'a other b', 'replaced')
  t.equal(fire('pong'), '', 'another type')
  target.onping = null
  t.equal(fire(), 'a b', 'taken off')
  target.onping = null
  target.onping = note('late')
  t.equal(fire(), 'a b late', 'set again')
  ;(target as { onping: unknown }).onping = {}
  listen('c')
  target.onping = note('late')
  t.equal(fire(), 'a b late c', 'an object in between keeps the place')
})

t.test('a handler may change itself while it runs', async t => {
  const { target, note, fire, listen } = logged()
  target.onping = () => {
    note('once')()
    target.onping = null
  }
  listen('a')
  t.equal(fire(), 'once a')
  t.equal(fire(), 'a')
})

t.test('the attributes are where Web IDL puts them', async t => {
  for (const name of ['onping', 'onpong']) {
    const descriptor = Object.getOwnPropertyDescriptor(Target.prototype, name)
    t.match(descriptor, { enumerable: true, configurable: true, get: Function, set: Function })
  }
  t.strictSame(Object.keys(new Target()), [])
})
