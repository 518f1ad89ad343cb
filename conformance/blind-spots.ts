/**
 * Group B: what Autobahn does not see. It plays no wrong mask and no wrong length, takes any Close without a code and any
 * end of TCP for an answer to what is wrong, and does not look at what comes back of large messages. Here an answer must
 * show that the peer has noticed, and content is compared.
 */
import type { Case, Group, Peer } from './case.ts'
import type { Endpoint } from './endpoint.ts'
import { closePayload, OPCODE, writeFrame } from './frame.ts'
import { patience } from './patience.ts'
import { SeededRandom } from './seeded-random.ts'
import type { Verdict } from './verdict.ts'
import { openTalk, playWrong, type Wrong } from './wrong.ts'

export const BLIND_SPOT_GROUPS: readonly Group[] = [{ id: 'B', title: 'What Autobahn does not see' }]

const BOTH = ['server', 'client'] as const
/** Seconds for much. */
const LONG_LIMIT = 30

const HELLO = Buffer.from('Hello, world!')
/** For a frame that is masked where the endpoint would not. */
const KEY = Buffer.from([1, 2, 3, 4])

/** A frame whose length is announced, with nothing of its payload. */
function announced(length: bigint): Wrong['send'] {
  return endpoint => endpoint.sendHeader({ opcode: OPCODE.binary, announced: length })
}

const WRONGS: readonly Wrong[] = [
  {
    title: 'A text that is not masked, from a client',
    clause: 'RFC 6455 §5.1',
    sides: ['server'],
    send: endpoint => endpoint.sendBytes(writeFrame({ opcode: OPCODE.text, payload: HELLO }), 'a text, not masked'),
    codes: [1002],
  },
  {
    title: 'A text that is masked, from a server',
    clause: 'RFC 6455 §5.1',
    sides: ['client'],
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.text, payload: HELLO, maskingKey: KEY }),
    codes: [1002],
  },
  {
    title: 'A Ping that is not masked, from a client',
    clause: 'RFC 6455 §5.1',
    sides: ['server'],
    send: endpoint => endpoint.sendBytes(writeFrame({ opcode: OPCODE.ping }), 'a Ping, not masked'),
    codes: [1002],
  },
  {
    title: 'A Close with one octet of payload',
    clause: 'RFC 6455 §5.5.1',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.close, payload: Buffer.from('a') }),
    codes: [1002],
    looksLikeAClose: true,
  },
  ...[4, 2, 1].map(rsv => ({
    title: `A Close 1000 with RSV${[4, 2, 1].indexOf(rsv) + 1}`,
    clause: 'RFC 6455 §5.2',
    send: (endpoint: Endpoint) => endpoint.sendFrame({ opcode: OPCODE.close, rsv, payload: closePayload(1000) }),
    codes: [1002],
    looksLikeAClose: true,
  })),
  {
    title: 'A Close 1000 that is a fragment',
    clause: 'RFC 6455 §5.5',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.close, fin: false, payload: closePayload(1000) }),
    codes: [1002],
    looksLikeAClose: true,
  },
  {
    title: 'A Close 1000 with a reason that is not UTF-8',
    clause: 'RFC 6455 §5.5.1',
    send: endpoint =>
      endpoint.sendFrame({ opcode: OPCODE.close, payload: closePayload(1000, Buffer.from('c3', 'hex')) }),
    codes: [1002, 1007],
    looksLikeAClose: true,
  },
  {
    title: 'A Close with code 1005, which stands for none',
    clause: 'RFC 6455 §7.4.1',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.close, payload: closePayload(1005) }),
    codes: [1002],
    looksLikeAClose: true,
  },
  {
    title: 'A Ping with RSV1',
    clause: 'RFC 6455 §5.2',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.ping, rsv: 4 }),
    codes: [1002],
  },
  {
    title: 'A continuation with RSV1 within a message',
    clause: 'RFC 6455 §5.2',
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, fin: false, payload: HELLO })
      endpoint.sendFrame({ opcode: OPCODE.continuation, rsv: 4, payload: HELLO })
    },
    codes: [1002],
  },
  {
    title: 'A reserved opcode',
    clause: 'RFC 6455 §5.2',
    send: endpoint => endpoint.sendFrame({ opcode: 3 }),
    codes: [1002],
  },
  {
    title: 'Text that is not UTF-8',
    clause: 'RFC 6455 §8.1',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('6162ff', 'hex') }),
    codes: [1007],
  },
  {
    title: 'Text that ends within a character',
    clause: 'RFC 6455 §8.1',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('6162c3', 'hex') }),
    codes: [1007],
  },
  {
    title: 'A text of 5 octets whose length stands in two octets',
    clause: 'RFC 6455 §5.2',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('short'), lengthBytes: 2 }),
    codes: [1002],
    mayBeTaken: 'NON-STRICT',
  },
  {
    title: 'A text of 5 octets whose length stands in eight octets',
    clause: 'RFC 6455 §5.2',
    send: endpoint => endpoint.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('short'), lengthBytes: 8 }),
    codes: [1002],
    mayBeTaken: 'NON-STRICT',
  },
  {
    title: 'A length of 2^63, whose first bit must be 0',
    clause: 'RFC 6455 §5.2',
    send: announced(2n ** 63n),
    codes: [1002, 1009],
  },
  {
    title: 'A length of 2^63 - 1, more than anyone can take',
    clause: 'RFC 6455 §10.4',
    send: announced(2n ** 63n - 1n),
    codes: [1009],
  },
]

/** Much is sent, and must come back as it was. */
interface Much {
  readonly title: string
  readonly clause: string
  readonly send: (endpoint: Endpoint) => { readonly binary: boolean; readonly payload: Buffer }
  /** To refuse it is a peer's right: so many fragments do nobody any good. */
  readonly mayBeRefused?: boolean
}

function randomBytes(length: number, seed: number): Buffer {
  const random = new SeededRandom(seed)
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

/** Characters of one to four octets. */
function randomText(length: number, seed: number): Buffer {
  const random = new SeededRandom(seed)
  return Buffer.from(Array.from({ length }, () => random.pick(['a', '!', 'ä', 'λ', '€', '漢', '😀'])).join(''))
}

function sendInFragments(endpoint: Endpoint, opcode: number, payload: Buffer, size: () => number): void {
  for (let at = 0; at === 0 || at < payload.length; ) {
    const end = Math.min(payload.length, at + size())
    const fin = end === payload.length
    endpoint.sendFrame({ opcode: at === 0 ? opcode : OPCODE.continuation, fin, payload: payload.subarray(at, end) })
    at = end
  }
}

const MUCHES: readonly Much[] = [
  {
    title: '1 MiB of random octets in one frame',
    clause: 'RFC 6455 §5.2',
    send(endpoint) {
      const payload = randomBytes(2 ** 20, 1)
      endpoint.sendFrame({ opcode: OPCODE.binary, payload })
      return { binary: true, payload }
    },
  },
  {
    title: '300,000 random characters in fragments of any length, cut within characters',
    clause: 'RFC 6455 §5.4, §5.6',
    send(endpoint) {
      const payload = randomText(300_000, 2)
      const random = new SeededRandom(3)
      sendInFragments(endpoint, OPCODE.text, payload, () => 1 + random.below(5000))
      return { binary: false, payload }
    },
  },
  {
    title: '100,000 fragments of one octet',
    clause: 'RFC 6455 §5.4, §10.4',
    mayBeRefused: true,
    send(endpoint) {
      const payload = randomBytes(100_000, 4)
      sendInFragments(endpoint, OPCODE.binary, payload, () => 1)
      return { binary: true, payload }
    },
  },
  {
    title: '100,000 empty fragments, and then a text',
    clause: 'RFC 6455 §5.4, §10.4',
    mayBeRefused: true,
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, fin: false })
      for (let i = 1; i < 100_000; i++) endpoint.sendFrame({ opcode: OPCODE.continuation, fin: false })
      endpoint.sendFrame({ opcode: OPCODE.continuation, payload: HELLO })
      return { binary: false, payload: HELLO }
    },
  },
  {
    title: '10,000 Pings of 125 octets, and then a text: Pongs may be left out, the text may not',
    clause: 'RFC 6455 §5.5.3',
    mayBeRefused: true,
    send(endpoint) {
      for (let i = 0; i < 10_000; i++) endpoint.sendFrame({ opcode: OPCODE.ping, payload: Buffer.alloc(125, i) })
      endpoint.sendFrame({ opcode: OPCODE.text, payload: HELLO })
      return { binary: false, payload: HELLO }
    },
  },
]

export const BLIND_SPOT_CASES: readonly Case[] = [
  ...WRONGS.map((wrong, i): Case => {
    const { title, clause, sides = BOTH } = wrong
    return { id: `B.1.${i + 1}`, title, clause, sides, weight: 'light', play: peer => playWrong(wrong, peer) }
  }),
  ...MUCHES.map((much, i): Case => {
    const { title, clause } = much
    return { id: `B.2.${i + 1}`, title, clause, sides: BOTH, weight: 'heavy', play: peer => playMuch(much, peer) }
  }),
]

async function playMuch(much: Much, peer: Peer): Promise<Verdict> {
  let sent: ReturnType<Much['send']> | undefined
  let fault: string | undefined = 'no message'
  let endpoint: Endpoint | undefined
  const talk = await openTalk(peer, (payload, binary) => {
    fault = differenceOf(payload, binary, sent!)
    endpoint?.sendClose(1000)
  })
  if ('behavior' in talk) return talk
  endpoint = talk.endpoint
  sent = much.send(endpoint)
  const milliseconds = Math.min(LONG_LIMIT * 1000, peer.options.timeout)
  const timer = patience(milliseconds, () =>
    talk.endpoint.fail(1001, `it did not come within ${milliseconds / 1000} s`),
  )
  await talk.ended
  timer.cancel()
  const { wasClean, peerCloseCode, fault: end } = endpoint
  const close = { behaviorClose: wasClean ? 'OK' : 'UNCLEAN', closeWords: wasClean ? 'clean' : 'not clean' } as const
  if (fault === undefined) return { behavior: 'OK', words: 'it came back as it was', ...close }
  const wanted = 'expected it to come back'
  if (!endpoint.closedByUs && much.mayBeRefused) {
    // §7.4.1: 1008 and 1009 are there to say that something is too much.
    if (peerCloseCode === 1008 || peerCloseCode === 1009)
      return { behavior: 'OK', words: `refused with Close ${peerCloseCode}, as it may`, ...close }
    if (!endpoint.peerClosed) {
      const words = `${wanted}, or Close 1008 or 1009, but TCP was ended without a word`
      return { behavior: 'NON-STRICT', behaviorClose: 'OK', words, closeWords: 'there was no close' }
    }
  }
  const code = peerCloseCode === undefined ? '' : `, but Close ${peerCloseCode}`
  const why = endpoint.closedByUs ? (end === undefined ? '' : `: ${end}`) : code
  return { behavior: 'FAILED', words: `${wanted}, got ${fault}${why}`, ...close }
}

/** In words; undefined if there is none. */
function differenceOf(
  came: Buffer,
  binary: boolean,
  sent: { readonly binary: boolean; readonly payload: Buffer },
): string | undefined {
  if (binary !== sent.binary) return `${binary ? 'binary' : 'text'} for ${sent.binary ? 'binary' : 'text'}`
  if (came.length !== sent.payload.length) return `${came.length} octets of ${sent.payload.length}`
  const at = came.findIndex((octet, i) => octet !== sent.payload[i])
  return at < 0 ? undefined : `octet ${at} changed`
}
