/** The event of a closed `WebSocket` (WHATWG WebSockets §6). Node has one of its own only from 23 on. */
import { argumentError } from '../errors.ts'

export interface CloseEventInit {
  bubbles?: boolean
  cancelable?: boolean
  composed?: boolean
  wasClean?: boolean
  code?: number
  reason?: string
}

export class CloseEvent extends Event {
  readonly #wasClean: boolean
  readonly #code: number
  readonly #reason: string

  constructor(type: string, init: CloseEventInit = {}) {
    // biome-ignore lint/complexity/noArguments: Web IDL tells a missing argument from one that is undefined
    if (arguments.length === 0) throw argumentError('ERR_INVALID_ARG_VALUE', 'a CloseEvent needs a type')
    super(type, init)
    const { wasClean = false, code = 0, reason = '' } = init
    this.#wasClean = Boolean(wasClean)
    // Web IDL §3.2.4.4: an unsigned short is taken modulo 2^16; §3.2.12: a USVString has no lone surrogates
    this.#code = new Uint16Array([code])[0] as number
    this.#reason = Buffer.from(`${reason}`).toString()
  }

  get wasClean(): boolean {
    return this.#wasClean
  }

  get code(): number {
    return this.#code
  }

  get reason(): string {
    return this.#reason
  }
}

for (const name of ['wasClean', 'code', 'reason']) {
  Object.defineProperty(CloseEvent.prototype, name, { enumerable: true })
}
Object.defineProperty(CloseEvent.prototype, Symbol.toStringTag, { value: 'CloseEvent', configurable: true })
