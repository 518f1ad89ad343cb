/**
 * Verdicts, in the words that the field knows from Autobahn|Testsuite: how a peer behaved, and how the connection was
 * closed. And what a report keeps of a case that was played.
 */
import type { LogEntry } from './wire-log.ts'

/**
 * - `OK`: as the specification has it;
 * - `NON-STRICT`: allowed, but not what is best, such as finding bad UTF-8 at the end of a message only;
 * - `INFORMATIONAL`: nothing is right or wrong here;
 * - `UNIMPLEMENTED`: the peer does not offer what the case is about;
 * - `FAILED`.
 */
export type Behavior = 'OK' | 'NON-STRICT' | 'INFORMATIONAL' | 'UNIMPLEMENTED' | 'FAILED'

/**
 * - `WRONG CODE`: closed as it should, with a close code that is not;
 * - `UNCLEAN`: without the closing handshake that the case wants;
 * - `FAILED BY CLIENT`: the server left it to the client to end TCP;
 * - `FAILED`: closed by the wrong end, or never open.
 */
export type CloseBehavior = 'OK' | 'INFORMATIONAL' | 'WRONG CODE' | 'UNCLEAN' | 'FAILED BY CLIENT' | 'FAILED'

export const BEHAVIORS: readonly Behavior[] = ['OK', 'NON-STRICT', 'INFORMATIONAL', 'UNIMPLEMENTED', 'FAILED']

export interface Verdict {
  readonly behavior: Behavior
  readonly behaviorClose: CloseBehavior
  /** One sentence: what was expected and what came. */
  readonly words: string
  readonly closeWords: string
}

/** Of a case that does not look at how the connection was closed. */
export const ANY_CLOSE = { behaviorClose: 'OK', closeWords: 'the close is not what this case is about' } as const

export interface CaseResult extends Verdict {
  readonly id: string
  readonly title: string
  readonly group: string
  /** Milliseconds. */
  readonly duration: number
  /** The close code that the peer sent. */
  readonly peerCloseCode?: number
  readonly log: readonly LogEntry[]
}

/** Whether a verdict is none to be fixed. */
export function passes({ behavior, behaviorClose }: Pick<Verdict, 'behavior' | 'behaviorClose'>): boolean {
  return behavior !== 'FAILED' && (behaviorClose === 'OK' || behaviorClose === 'INFORMATIONAL')
}
