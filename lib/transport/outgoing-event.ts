/**
 * An event on its way out of a server: its fields, or what was made of them once for many streams.
 */
import { argumentError } from '../errors.ts'
import { type EventFields, encodeEvent } from '../event-stream/encoder.ts'

/** What `EventStream.send` takes: the fields, and what the event may be replaced by while it waits. */
export interface OutgoingEvent extends EventFields {
  /**
   * With `overflow: 'keep-latest'`: while an event waits behind a slow client, a newer one with the same key takes its
   * place. Not sent.
   */
  readonly key?: string | undefined
}

/** Events that came from a stream carry names of the receiver's; to be passed on they need those of the stream's. */
function unknownField(name: string): TypeError {
  const right = name === 'type' ? 'event' : name === 'lastEventId' ? 'id' : undefined
  const hint = right === undefined ? '' : `: it is called "${right}" here`
  return argumentError('ERR_INVALID_ARG_VALUE', `an event has no field "${name}"${hint}`)
}

const FIELD_NAMES: ReadonlySet<string> = new Set(['data', 'event', 'id', 'retry', 'comment', 'key'])

/** An event that is encoded. One serves any number of streams; see {@link prepareEvent}. */
export class PreparedEvent {
  /** @internal */
  readonly key: string | undefined
  /** Private, so that its type without what is internal is not one that anything has, as `{}` would be. */
  readonly #bytes: Buffer

  /** @internal */
  constructor(bytes: Buffer, key: string | undefined) {
    this.#bytes = bytes
    this.key = key
  }

  /** @internal */
  get bytes(): Buffer {
    return this.#bytes
  }
}

/**
 * Encodes an event once, for sending it to many.
 *
 * @throws {TypeError} a field cannot be sent as it is: `code` is ERR_EVENT_STREAM_FIELD, `field` its name
 */
export function prepareEvent(event: OutgoingEvent): PreparedEvent {
  if (typeof event !== 'object' || event === null) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `an event must be an object such as { data: '…' }, got ${typeof event}`,
    )
  }
  let isEmpty = true
  for (const name of Object.keys(event)) {
    if (!FIELD_NAMES.has(name)) throw unknownField(name)
    isEmpty &&= name === 'key' || event[name as keyof OutgoingEvent] === undefined
  }
  if (isEmpty) throw argumentError('ERR_INVALID_ARG_VALUE', 'an event must have a field, such as data')
  const { key } = event
  if (key !== undefined && typeof key !== 'string') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `key must be a string, got ${typeof key}`)
  }
  return new PreparedEvent(Buffer.from(encodeEvent(event)), key)
}
