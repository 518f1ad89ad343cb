/** Verdicts and cases of event streams: they end with TCP, so that of the close there is nothing to be said. */
import type { Case, Peer, Side } from '../case.ts'
import type { Behavior, Verdict } from '../verdict.ts'

export function finding(behavior: Behavior, words: string): Verdict {
  return { behavior, behaviorClose: 'OK', words, closeWords: 'an event stream has no closing handshake' }
}

export const fine = (words: string): Verdict => finding('OK', words)
export const failed = (words: string): Verdict => finding('FAILED', words)
/** Nothing came that could be looked at. */
export const missing = (words: string): Verdict => finding('UNIMPLEMENTED', words)

export interface About {
  readonly title: string
  readonly clause: string
  readonly weight?: Case['weight']
}

/** A case for peers of one kind. */
export function caseFor<P extends Peer>(
  side: Side,
  kind: abstract new (...parameters: never[]) => P,
  id: string,
  { title, clause, weight = 'light' }: About,
  play: (peer: P) => Promise<Verdict>,
): Case {
  return {
    id,
    title,
    clause,
    sides: [side],
    transport: 'event-stream',
    weight,
    play(peer: Peer) {
      if (!(peer instanceof kind)) throw new TypeError(`${id} is for the ${side}s of event streams`)
      return play(peer)
    },
  }
}
