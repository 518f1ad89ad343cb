/**
 * The shortest talk that shows that a connection is open and works: a text goes out and comes back, the suite closes. For
 * cases that are about how it was opened.
 */
import type { Endpoint, EndpointHandler } from './endpoint.ts'
import { OPCODE } from './frame.ts'
import { type Patience, patience } from './patience.ts'
import type { Verdict } from './verdict.ts'

export const GREETING: Buffer = Buffer.from('Hello, wörld!')

/** Milliseconds for the echo. */
const LIMIT = 2000

export class Greeting {
  readonly handler: EndpointHandler
  #endpoint: Endpoint | undefined
  #timer: Patience | undefined
  #came: string | undefined
  #end = () => {}
  readonly #ended = new Promise<void>(resolve => {
    this.#end = resolve
  })

  constructor() {
    this.handler = {
      onMessage: (payload, binary) => {
        this.#came ??=
          !binary && payload.equals(GREETING) ? 'it' : `${binary ? 'binary' : 'text'} of ${payload.length} bytes`
        this.#endpoint?.sendClose(1000)
      },
      onPong() {},
      onEnd: () => this.#end(),
    }
  }

  /** Something came back. */
  get isAnswered(): boolean {
    return this.#came !== undefined
  }

  /** Sends the text, unless it is on its way, and waits for the end; then closes on its own when the time is over. */
  async talk(endpoint: Endpoint, pace: number, sends = true): Promise<void> {
    this.#endpoint = endpoint
    if (sends) endpoint.sendFrame({ opcode: OPCODE.text, payload: GREETING })
    this.#timer = patience(LIMIT * pace, () => endpoint.fail(1001, `nothing more came within ${LIMIT / 1000} s`))
    await this.#ended
    this.#timer.cancel()
  }

  /** Where the connection is to be open. */
  verdict(): Verdict {
    const { wasClean = false, fault } = this.#endpoint ?? {}
    const why = fault === undefined ? '' : `: ${fault}`
    const close = wasClean
      ? ({ behaviorClose: 'OK', closeWords: 'closed as expected' } as const)
      : ({ behaviorClose: 'UNCLEAN', closeWords: 'expected a clean close, got none' } as const)
    if (this.#came === 'it') return { behavior: 'OK', words: 'it was taken, and works', ...close }
    const got = this.#came ?? `nothing${why}`
    return { behavior: 'FAILED', words: `expected an open connection and the text back, got ${got}`, ...close }
  }
}
