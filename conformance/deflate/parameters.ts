/**
 * Group D.4: what is agreed on (RFC 7692 §7.1), and whether what a peer compresses keeps to it: it refers back no farther
 * than its window, and not to messages whose context is not kept. zlib, with which most peers inflate, notices neither as
 * long as it has what is referred to; Autobahn relies on it.
 */
import type { Case, Opening, Peer, Side } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { OPCODE } from '../frame.ts'
import type { DeflateParameters } from '../message-deflate.ts'
import { patience } from '../patience.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Verdict } from '../verdict.ts'
import { openTalk } from '../wrong.ts'
import { granted, judgeEcho } from './messages.ts'

/** Seconds for all messages. */
const LIMIT = 10

interface Agreement {
  readonly title: string
  readonly clause: string
  readonly side: Side
  readonly opening: Opening
  /** What is wrong with what was agreed on, in words. */
  readonly fault?: (agreed: DeflateParameters) => string | undefined
  /** Whether it can be had of this peer. */
  readonly needs?: (agreed: DeflateParameters) => boolean
}

const NAME = 'permessage-deflate'

/** Octets that come again after 200, 300, 700, 1,500 and 5,000 others: within some windows, and not within others. */
const MESSAGE = (() => {
  const random = new SeededRandom(11)
  const octets = (length: number) => Buffer.from(Array.from({ length }, () => random.below(256)))
  return Buffer.concat([200, 300, 700, 1500, 5000].map(octets).flatMap(part => [part, part]))
})()
const SHORT = MESSAGE.subarray(0, 150)
const MESSAGES = [MESSAGE, MESSAGE, Buffer.alloc(0), SHORT, SHORT]

/** §7.1.2.1: "a server accepts … by including the parameter with the same or smaller value". */
function limitsServer(most: number): NonNullable<Agreement['fault']> {
  return ({ serverMaxWindowBits: bits }) =>
    bits !== undefined && bits <= most
      ? undefined
      : `server_max_window_bits of at most ${most}, got ${bits ?? 'none'}`
}

function offered(title: string, parameters: string, fault?: Agreement['fault']): Agreement {
  return {
    title,
    clause: 'RFC 7692 §7.1',
    side: 'server',
    opening: { offers: parameters, accept: granted, checksDistances: true },
    ...(fault === undefined ? {} : { fault }),
  }
}

/** What the suite answers to a client's first offer, beyond what that asks for; undefined if it may not. */
function answered(title: string, more: (offer: DeflateParameters) => DeflateParameters | undefined): Agreement {
  const accept: Opening['accept'] = offers => {
    const extra = offers[0] && more(offers[0])
    return extra && { ...granted(offers), ...extra }
  }
  return { title, clause: 'RFC 7692 §7.1', side: 'client', opening: { accept, checksDistances: true } }
}

/** §7.1.2.2: only a client that has offered it can be asked for it. */
function clientBits(most: number): (offer: DeflateParameters) => DeflateParameters | undefined {
  return ({ clientMaxWindowBits: offer }) => {
    if (offer === undefined || (offer !== true && offer < most)) return undefined
    return { clientMaxWindowBits: most }
  }
}

const AGREEMENTS: readonly Agreement[] = [
  offered('An offer without client_max_window_bits, which then must not be answered', NAME, agreed =>
    agreed.clientMaxWindowBits === undefined ? undefined : 'no client_max_window_bits, which was not offered',
  ),
  offered(
    'An offer with client_max_window_bits=10, which may be answered by no more',
    `${NAME}; client_max_window_bits=10`,
    agreed =>
      typeof agreed.clientMaxWindowBits === 'number' && agreed.clientMaxWindowBits > 10
        ? `client_max_window_bits of at most 10, got ${agreed.clientMaxWindowBits}`
        : undefined,
  ),
  ...[8, 9, 10, 12, 15].map(bits =>
    offered(`A server's window of ${bits} bits`, `${NAME}; server_max_window_bits=${bits}`, limitsServer(bits)),
  ),
  offered('A value in quotes: server_max_window_bits="10"', `${NAME}; server_max_window_bits="10"`, limitsServer(10)),
  offered('A server that keeps no context', `${NAME}; server_no_context_takeover`, forgets),
  offered(
    'A server that keeps no context, with a window of 9 bits',
    `${NAME}; server_no_context_takeover; server_max_window_bits=9`,
    agreed => forgets(agreed) ?? limitsServer(9)(agreed),
  ),
  offered('Two offers: a window of 8 bits, or anything', `${NAME}; server_max_window_bits=8, ${NAME}`),
  answered('A client that keeps no context', () => ({ clientNoContextTakeover: true })),
  answered('A server that keeps no context unasked', () => ({ serverNoContextTakeover: true })),
  ...[8, 9, 10, 12].map(bits => answered(`A client's window of ${bits} bits`, clientBits(bits))),
  answered('A client that keeps no context, with a window of 9 bits', offer => {
    const asked = clientBits(9)(offer)
    return asked && { ...asked, clientNoContextTakeover: true }
  }),
  ...[8, 10].map(bits =>
    answered(`A server's window of ${bits} bits, unasked`, ({ serverMaxWindowBits: most = 15 }) =>
      most < bits ? undefined : { serverMaxWindowBits: bits },
    ),
  ),
]

/** §7.1.1.1: "accepts … by including the parameter". */
function forgets({ serverNoContextTakeover }: DeflateParameters): string | undefined {
  return serverNoContextTakeover ? undefined : 'server_no_context_takeover, got none'
}

export const PARAMETER_CASES: readonly Case[] = [
  ...AGREEMENTS.map((agreement, i): Case => {
    const { title, clause, side } = agreement
    return { id: `D.4.${i + 1}`, title, clause, sides: [side], weight: 'light', play: peer => play(agreement, peer) }
  }),
  {
    id: `D.4.${AGREEMENTS.length + 1}`,
    title: 'client_max_window_bits for a client that has not offered it: it must fail the connection',
    clause: 'RFC 7692 §7.1.2.2',
    sides: ['client'],
    weight: 'light',
    play: playUnasked,
  },
]

async function play({ opening, fault }: Agreement, peer: Peer): Promise<Verdict> {
  const came: Buffer[] = []
  let endpoint: Endpoint | undefined
  const talk = await openTalk(
    peer,
    payload => {
      if (came.push(payload) === MESSAGES.length) endpoint?.sendClose(1000)
      else endpoint?.sendMessage(OPCODE.binary, MESSAGES[came.length]!)
    },
    { opening },
  )
  if ('behavior' in talk) return talk
  endpoint = talk.endpoint
  const wrong = talk.agreed && fault?.(talk.agreed)
  if (wrong === undefined) endpoint.sendMessage(OPCODE.binary, MESSAGES[0]!)
  else endpoint.sendClose(1000)
  const timer = patience(LIMIT * 1000 * peer.options.pace, () =>
    talk.endpoint.fail(1001, `not all came within ${LIMIT} s`),
  )
  await talk.ended
  timer.cancel()
  if (wrong === undefined) return judgeEcho(MESSAGES, came, endpoint)
  return { behavior: 'FAILED', behaviorClose: 'OK', words: `expected ${wrong}`, closeWords: 'closed by the suite' }
}

/** Who takes the response says so by an echo. */
async function playUnasked(peer: Peer): Promise<Verdict> {
  const asked = (offer: DeflateParameters | undefined) =>
    offer !== undefined && offer.clientMaxWindowBits === undefined
  const accept: Opening['accept'] = ([offer]) =>
    asked(offer) ? { ...granted([offer!]), clientMaxWindowBits: 15 } : undefined
  const talk = await openTalk(peer, () => {}, { opening: { accept } })
  if ('behavior' in talk) {
    const words = 'it offers client_max_window_bits, or no compression'
    return talk.behavior === 'UNIMPLEMENTED' ? { ...talk, words } : talk
  }
  const { endpoint, events } = talk
  endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('Hello') })
  const timer = patience(1000 * peer.options.pace, () => endpoint.fail(1001, 'nothing more came within 1 s'))
  await talk.ended
  timer.cancel()
  const rest = { behaviorClose: 'OK', closeWords: 'there was nothing to be closed' } as const
  const wanted = 'expected the client to fail the connection'
  if (events.length > 0 || endpoint.closedByUs)
    return { behavior: 'FAILED', words: `${wanted}, which it took`, ...rest }
  return { behavior: 'OK', words: 'it ended TCP, as expected', ...rest }
}
