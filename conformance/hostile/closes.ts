/**
 * Group H.2: close codes, each of which is allowed or not, and what stands behind a Close or behind what is wrong, which
 * nobody may look at any more.
 */
import type { Case, Peer } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { closePayload, isCloseCode, OPCODE } from '../frame.ts'
import { patience } from '../patience.ts'
import type { Behavior, Verdict } from '../verdict.ts'
import { openTalk } from '../wrong.ts'

/** Seconds for the answer to a Close. */
const LIMIT = 1
/** The edges of every range of §7.4, and some within. */
const SAMPLES = [
  0, 1, 125, 500, 998, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
  1015, 1016, 1017, 1099, 1100, 1999, 2000, 2001, 2999, 3000, 3001, 3500, 3999, 4000, 4001, 4500, 4998, 4999, 5000,
  5001, 9999, 32_767, 32_768, 65_534, 65_535,
]
/** Connections at a time. */
const JOBS = 8

interface Behind {
  readonly title: string
  readonly clause: string
  readonly send: (endpoint: Endpoint) => void
  /** Of the one Close that is to come. */
  readonly code: number
}

const HELLO = Buffer.from('Hello, world!')
const CLOSE = { opcode: OPCODE.close, payload: closePayload(1000) }

const BEHINDS: readonly Behind[] = [
  {
    title: 'A text, a Ping and a reserved opcode behind a Close: not looked at any more',
    clause: 'RFC 6455 §1.4, §5.5.1',
    send(endpoint) {
      endpoint.sendFrame(CLOSE)
      endpoint.sendFrame({ opcode: OPCODE.text, payload: HELLO })
      endpoint.sendFrame({ opcode: OPCODE.ping })
      endpoint.sendFrame({ opcode: 3 })
    },
    code: 1000,
  },
  {
    title: 'A Close 3000 behind a Close 1000: the first counts',
    clause: 'RFC 6455 §1.4, §7.1.5',
    send(endpoint) {
      endpoint.sendFrame(CLOSE)
      endpoint.sendFrame({ opcode: OPCODE.close, payload: closePayload(3000) })
    },
    code: 1000,
  },
  {
    title: 'A Close within a message: the message is not missed',
    clause: 'RFC 6455 §5.4, §5.5',
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, fin: false, payload: HELLO })
      endpoint.sendFrame(CLOSE)
    },
    code: 1000,
  },
  {
    title: 'A text and a Ping behind a reserved opcode: not looked at any more',
    clause: 'RFC 6455 §7.1.7',
    send(endpoint) {
      endpoint.sendFrame({ opcode: 3 })
      endpoint.sendFrame({ opcode: OPCODE.text, payload: HELLO })
      endpoint.sendFrame({ opcode: OPCODE.ping })
    },
    code: 1002,
  },
  {
    title: 'A Close 1000 behind text that is not UTF-8: too late',
    clause: 'RFC 6455 §7.1.7',
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('ff', 'hex') })
      endpoint.sendFrame(CLOSE)
    },
    code: 1007,
  },
  {
    title: 'A reserved opcode behind text that is not UTF-8: the first counts',
    clause: 'RFC 6455 §7.1.7',
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('ff', 'hex') })
      endpoint.sendFrame({ opcode: 3 })
    },
    code: 1007,
  },
]

export const CLOSE_CASES: readonly Case[] = [
  ...BEHINDS.map(
    (behind, i): Case => ({
      id: `H.2.${i + 1}`,
      title: behind.title,
      clause: behind.clause,
      sides: ['server', 'client'],
      weight: 'light',
      play: peer => playBehind(behind, peer),
    }),
  ),
  ...(['that may be sent, to be echoed', 'that may not be sent, to be answered with 1002'] as const).map(
    (words, i): Case => ({
      id: `H.2.${BEHINDS.length + i + 1}`,
      title: `Close codes ${words}: some of each kind, or all`,
      clause: 'RFC 6455 §5.5.1, §7.4',
      sides: ['server'],
      weight: 'heavy',
      play: peer => playSweep(i === 0, peer),
    }),
  ),
]

/** Waits until the connection has ended, for so many seconds; then it is failed. */
async function ended(endpoint: Endpoint, end: Promise<void>, seconds: number, { options }: Peer): Promise<void> {
  const timer = patience(seconds * 1000 * options.pace, () =>
    endpoint.fail(1001, `nothing more came within ${seconds} s`),
  )
  await end
  timer.cancel()
}

async function playBehind({ send, code }: Behind, peer: Peer): Promise<Verdict> {
  const talk = await openTalk(peer, () => {})
  if ('behavior' in talk) return talk
  const { endpoint, events } = talk
  send(endpoint)
  await ended(endpoint, talk.ended, LIMIT, peer)
  const wanted = `expected Close ${code} alone`
  const say = (behavior: Behavior, words: string): Verdict => {
    return { behavior, behaviorClose: 'OK', words, closeWords: 'the close is what this case is about' }
  }
  if (events.length > 0) return say('FAILED', `${wanted}, got ${events.join(', ')}`)
  if (endpoint.peerCloses > 1) return say('FAILED', `${wanted}, got ${endpoint.peerCloses}`)
  if (endpoint.closedByUs) return say('FAILED', `${wanted}, but ${endpoint.fault}`)
  // §7.1.7: "An endpoint … SHOULD send a Close frame with an appropriate status code"
  if (!endpoint.peerClosed)
    return say(code === 1000 ? 'FAILED' : 'NON-STRICT', `${wanted}, but TCP was ended without a Close`)
  const came = endpoint.peerCloseCode
  if (came === code) return say('OK', `Close ${code} came, as expected`)
  const isLenient = came === undefined || (code !== 1000 && came !== 1000 && isCloseCode(came))
  return say(
    isLenient ? 'NON-STRICT' : 'FAILED',
    `${wanted}, got ${came === undefined ? 'one without a code' : came}`,
  )
}

/** Each code on a connection of its own. */
async function playSweep(allowed: boolean, peer: Peer): Promise<Verdict> {
  const all = peer.options.full ? Array.from({ length: 65_536 }, (_, code) => code) : SAMPLES
  const codes = all.filter(code => isCloseCode(code) === allowed)
  const found: { readonly behavior: Behavior; readonly words: string }[] = []
  let next = 0
  const work = async () => {
    while (next < codes.length && found.length < 20) {
      const outcome = await judgeCode(codes[next++]!, allowed, peer)
      if (outcome !== undefined) found.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  const close = { behaviorClose: 'OK', closeWords: 'the closes are what this case is about' } as const
  const worst = found.find(({ behavior }) => behavior === 'FAILED') ?? found[0]
  if (worst === undefined) return { behavior: 'OK', words: `all ${codes.length} codes as expected`, ...close }
  const more = found.length > 1 ? `, and ${found.length - 1} more` : ''
  return { behavior: worst.behavior, words: `${worst.words}${more}`, ...close }
}

async function judgeCode(code: number, allowed: boolean, peer: Peer) {
  const talk = await openTalk(peer, () => {})
  if ('behavior' in talk) return { behavior: 'FAILED', words: `code ${code}: ${talk.words}` } as const
  const { endpoint } = talk
  endpoint.sendFrame({ opcode: OPCODE.close, payload: closePayload(code) })
  await ended(endpoint, talk.ended, LIMIT, peer)
  const { peerCloseCode: came, peerClosed } = endpoint
  const got = peerClosed ? (came === undefined ? 'one without a code' : `Close ${came}`) : 'none'
  if (got === 'none') return { behavior: 'FAILED', words: `code ${code}: expected a Close, got none` } as const
  const wanted = allowed ? code : 1002
  if (came === wanted) return undefined
  const words = `code ${code}: expected Close ${wanted}, got ${got}`
  // §5.5.1: "it typically echos the status code it received"; RFC 6455 itself names the codes up to 1011 alone.
  const isLenient = allowed && (came === undefined || came === 1000 || (code > 1011 && code < 1015))
  return { behavior: isLenient ? 'NON-STRICT' : 'FAILED', words } as const
}
