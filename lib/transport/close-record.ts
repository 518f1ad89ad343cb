/**
 * What is known when a connection has closed: the code and reason of RFC 6455 §7.1.5 and §7.1.6, and the story
 * behind them, which the code 1006 alone does not tell.
 */
import type { ProtocolError, ViolationCode } from '../errors.ts'
import { ABNORMAL_CLOSURE, type CloseStatus, type ClosingState } from '../websocket/close.ts'

/**
 * Why we gave a connection up although the peer broke no rule of the protocol: it was silent and did not answer a
 * Ping; the closing handshake did not end within `closeTimeout`; more output was unsent than `maxBufferedAmount`;
 * `terminate` was called.
 */
export type GiveUp = 'WS_ERR_HEARTBEAT_TIMEOUT' | 'WS_ERR_CLOSE_TIMEOUT' | 'WS_ERR_OUTPUT_LIMIT' | 'WS_ERR_TERMINATED'

export interface CloseRecord {
  /** The close code (§7.1.5): 1005 when the peer's Close frame had none, 1006 when no Close frame came. */
  readonly code: number
  /** The reason in the peer's Close frame; empty if there was none. */
  readonly reason: string
  /** Both Close frames were exchanged before the transport closed (§7.1.4). */
  readonly wasClean: boolean
  readonly detail: CloseDetail
}

export interface CloseDetail {
  /** Who ended it: our side, the peer with a Close frame, or the transport, which was lost. */
  readonly by: 'local' | 'peer' | 'transport'
  /** How far the closing handshake had come when the transport went. */
  readonly stage: Exclude<ClosingState, 'closed'>
  /** Short name of what went wrong: a violation, a give-up, or the system's error code such as `ECONNRESET`. */
  readonly cause: ViolationCode | GiveUp | string | undefined
  /** The error behind `cause`, if there is one. */
  readonly error: ProtocolError | Error | undefined
  /** Code and reason of the Close frame that we sent. */
  readonly sent: CloseStatus | undefined
  /** Milliseconds since the last byte came in, to the second. */
  readonly sinceReceived: number
  /** Bytes of frames that the system had not taken when it was last looked at. */
  readonly buffered: number
}

/** The story as it is found out, piece by piece: of each piece the first one told is the truth. */
export class CloseStory {
  #by: CloseDetail['by'] | undefined = undefined
  #cause: string | undefined = undefined
  #error: Error | undefined = undefined
  #stage: CloseDetail['stage'] | undefined = undefined
  #unsent = 0

  /** What went wrong, if that was more than a name. */
  get error(): Error | undefined {
    return this.#error
  }

  endedBy(side: CloseDetail['by']): void {
    this.#by ??= side
  }

  fault(cause: string | undefined, error: Error | undefined): void {
    this.#cause ??= cause
    this.#error ??= error
  }

  /** @param unsent bytes of frames that had not been handed to the transport */
  transportEnded(stage: CloseDetail['stage'], unsent: number): void {
    this.#stage ??= stage
    this.#unsent = unsent
  }

  /** @param unsent bytes that the transport had and did not pass on */
  record(
    received: CloseStatus | undefined,
    sent: CloseStatus | undefined,
    { sinceReceived, unsent }: { readonly sinceReceived: number; readonly unsent: number },
  ): CloseRecord {
    return {
      code: received?.code ?? ABNORMAL_CLOSURE,
      reason: received?.reason ?? '',
      wasClean: received !== undefined && sent !== undefined,
      detail: {
        by: this.#by ?? 'transport',
        stage: this.#stage ?? 'open',
        cause: this.#cause,
        error: this.#error,
        sent,
        sinceReceived,
        buffered: this.#unsent + unsent,
      },
    }
  }
}
