/**
 * Event handler IDL attributes (`onmessage` and the like) as HTML §8.1.8.1 defines them: one handler for each type,
 * called in the place among the listeners where it was first set.
 */

// biome-ignore lint/suspicious/noExplicitAny: HTML's EventHandlerNonNull takes and returns any
export type EventHandler = ((event: any) => any) | null

interface Slot {
  handler: EventHandler
  readonly listener: (this: EventTarget, event: Event) => void
}

const slots = new WeakMap<EventTarget, Map<string, Slot>>()

/** Defines `on<type>` on the prototype for each of the types. */
export function defineEventHandlers(prototype: EventTarget, types: readonly string[]): void {
  for (const type of types) {
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get(this: EventTarget): EventHandler {
        return slots.get(this)?.get(type)?.handler ?? null
      },
      set(this: EventTarget, value: unknown): void {
        setHandler(this, type, value)
      },
    })
  }
}

function setHandler(target: EventTarget, type: string, value: unknown): void {
  let ofTarget = slots.get(target)
  if (ofTarget === undefined) slots.set(target, (ofTarget = new Map()))
  const slot = ofTarget.get(type)
  // Web IDL's [LegacyTreatNonObjectAsNull]
  const isObject = typeof value === 'function' || (typeof value === 'object' && value !== null)
  if (!isObject) {
    if (slot !== undefined) target.removeEventListener(type, slot.listener)
    ofTarget.delete(type)
  } else if (slot !== undefined) {
    slot.handler = value as EventHandler
  } else {
    const added: Slot = {
      handler: value as EventHandler,
      listener(event) {
        if (typeof added.handler === 'function') added.handler.call(this, event)
      },
    }
    ofTarget.set(type, added)
    target.addEventListener(type, added.listener)
  }
}
