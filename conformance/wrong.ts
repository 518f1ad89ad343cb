/**
 * Something wrong is sent on an open connection, and the peer must say that it was: by a Close with a code that tells what
 * it is. And the talk that such cases have with a peer: what comes, in words, and the end.
 */
import type { Opening, Peer, Side } from './case.ts'
import type { Endpoint } from './endpoint.ts'
import { isCloseCode } from './frame.ts'
import type { DeflateParameters } from './message-deflate.ts'
import { type Patience, patience } from './patience.ts'
import type { Behavior, Verdict } from './verdict.ts'

/** Seconds in which what is wrong must be answered. */
const LIMIT = 1

export interface Wrong {
  readonly title: string
  readonly clause: string
  readonly sides?: readonly Side[]
  readonly send: (endpoint: Endpoint) => void
  /** Close codes that say what was wrong. */
  readonly codes: readonly number[]
  /** A Close without a code could as well be the answer of one that has noticed nothing. */
  readonly looksLikeAClose?: boolean
  /** Who takes it breaks no rule: that is as good, or not strict. */
  readonly mayBeTaken?: 'OK' | 'NON-STRICT'
  /** What is to be agreed on; where it is not, nothing is sent. */
  readonly opening?: Opening
  /** Whether what was agreed on is what is needed. */
  readonly needs?: (agreed: DeflateParameters, side: Side) => boolean
  /** Messages before it that are right, and come back. */
  readonly right?: number
  /** Seconds for the answer, where it takes more than {@link LIMIT}. */
  readonly seconds?: number
  /** Who waits for the rest of it breaks no rule. */
  readonly mayBeAwaited?: boolean
}

export interface Talk {
  readonly endpoint: Endpoint
  /** In words, as they came. */
  readonly events: string[]
  readonly ended: Promise<void>
  readonly agreed: DeflateParameters | undefined
}

export async function openTalk(
  peer: Peer,
  onMessage: (payload: Buffer, binary: boolean) => void,
  { opening = {}, needs = () => true }: Pick<Wrong, 'opening' | 'needs'> = {},
): Promise<Talk | Verdict> {
  const events: string[] = []
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const opened = await peer.open(
    {
      onMessage(payload, binary) {
        events.push(`${binary ? 'binary' : 'text'} of ${payload.length}`)
        onMessage(payload, binary)
      },
      onPong: () => events.push('a pong'),
      onEnd: () => end(),
    },
    opening,
  )
  if ('endpoint' in opened) {
    const { endpoint, agreed } = opened
    const isAgreed = agreed !== undefined && needs(agreed, peer.side)
    if (opening.accept === undefined || isAgreed) return { endpoint, events, ended, agreed }
    endpoint.sendClose(1000)
    await ended
    const words = agreed === undefined ? 'permessage-deflate was not agreed on' : 'what it needs was not agreed on'
    return {
      behavior: 'UNIMPLEMENTED',
      behaviorClose: 'OK',
      words,
      closeWords: 'the close is not what this is about',
    }
  }
  const words = `expected an open connection, but ${opened.fault}`
  return { behavior: 'FAILED', behaviorClose: 'FAILED', words, closeWords: 'the connection was never open' }
}

export async function playWrong(wrong: Wrong, peer: Peer): Promise<Verdict> {
  let timer: Patience | undefined
  const failAfter = (seconds: number) => {
    timer?.cancel()
    timer = patience(seconds * 1000 * peer.options.pace, () =>
      talk.endpoint.fail(1001, `nothing more came within ${seconds} s`),
    )
  }
  // What has been taken will hardly be refused much later.
  const opened = await openTalk(peer, () => failAfter(LIMIT), wrong)
  if ('behavior' in opened) return opened
  const talk = opened
  const { endpoint, events } = talk
  wrong.send(endpoint)
  failAfter(wrong.seconds ?? LIMIT)
  await talk.ended
  timer?.cancel()
  return judgeWrong(wrong, endpoint, events.slice(wrong.right ?? 0))
}

function judgeWrong(wrong: Wrong, endpoint: Endpoint, events: string[]): Verdict {
  const { codes, looksLikeAClose, mayBeTaken, mayBeAwaited } = wrong
  const { peerCloseCode: code, peerClosed } = endpoint
  const wanted = `expected Close ${codes.join(' or ')}`
  const close = { behaviorClose: 'OK', closeWords: 'the close is what this case is about' } as const
  const say = (behavior: Behavior, words: string): Verdict => ({ behavior, words, ...close })
  if (events.length > 0 && mayBeTaken === 'OK') return say('OK', `it was taken, as it may: ${events.join(', ')}`)
  if (events.length > 0 && mayBeTaken) return say('NON-STRICT', `${wanted}, but it was taken: ${events.join(', ')}`)
  if (events.length > 0) return say('FAILED', `${wanted}, but it was taken: ${events.join(', ')}`)
  if (endpoint.closedByUs && mayBeAwaited) return say('OK', 'it waits for the rest, as it may')
  if (endpoint.closedByUs) return say('FAILED', `${wanted}, but ${endpoint.fault}`)
  // §7.1.7: "An endpoint … SHOULD send a Close frame with an appropriate status code"
  if (!peerClosed) return say('NON-STRICT', `${wanted}, but TCP was ended without a Close`)
  if (code === undefined) {
    const words = `${wanted}, got a Close without a code`
    return looksLikeAClose ? say('FAILED', `${words}, as if nothing were wrong`) : say('NON-STRICT', words)
  }
  if (codes.includes(code)) return say('OK', `Close ${code} came, as expected`)
  const isOdd = looksLikeAClose || !isCloseCode(code)
  return say(isOdd ? 'FAILED' : 'NON-STRICT', `${wanted}, got Close ${code}`)
}
