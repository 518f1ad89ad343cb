/**
 * Group D.1: messages in every form that a compressor may give them (RFC 7692 §7.2), which must come back as they were.
 */
import { deflateRawSync } from 'node:zlib'
import type { Case, Opening, Peer, Side } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { type FrameToWrite, OPCODE } from '../frame.ts'
import { type DeflateParameters, writeExtension } from '../message-deflate.ts'
import { patience } from '../patience.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Verdict } from '../verdict.ts'
import { openTalk, type Wrong } from '../wrong.ts'
import { fixedBlock, messageOf, octets, storedBlocks } from './blocks.ts'

const BOTH = ['server', 'client'] as const
/** Seconds for what is to come back. */
const LIMIT = 5

/** What a client's first offer asks for is granted, and nothing else. */
export function granted([offer]: readonly DeflateParameters[]): DeflateParameters | undefined {
  if (offer === undefined) return undefined
  const { serverNoContextTakeover, serverMaxWindowBits } = offer
  return {
    ...(serverNoContextTakeover ? { serverNoContextTakeover } : {}),
    ...(serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits }),
  }
}

/** Whatever permessage-deflate there is. */
export const PLAIN: Opening = { offers: writeExtension({}), accept: granted, checksDistances: true }
/** Whether the suite's messages may refer to those before them. */
export function keepsOurContext(agreed: DeflateParameters, side: Side): boolean {
  return !(side === 'server' ? agreed.clientNoContextTakeover : agreed.serverNoContextTakeover)
}

/** So far may the suite's messages refer back. */
function hasWholeWindow(agreed: DeflateParameters, side: Side): boolean {
  const bits = side === 'server' ? agreed.clientMaxWindowBits : agreed.serverMaxWindowBits
  return keepsOurContext(agreed, side) && (bits === undefined || bits === 15)
}

interface Echoed {
  readonly frames: readonly FrameToWrite[]
  /** What it says; it comes back as text or binary like the first frame. */
  readonly message: Buffer
}

interface Form {
  readonly title: string
  readonly clause: string
  readonly messages: () => readonly Echoed[]
  readonly needs?: Wrong['needs']
}

export const HELLO = Buffer.from('Hello')
/** What refers to five octets that were five octets back. */
export const AGAIN = messageOf(fixedBlock([{ length: 5, distance: 5 }]))
export const RANDOM = (() => {
  const random = new SeededRandom(7)
  return Buffer.from(Array.from({ length: 32_768 }, () => random.below(256)))
})()

function compressed(payload: Buffer | string, message: Buffer = HELLO, opcode: number = OPCODE.text): Echoed {
  return { frames: [{ opcode, rsv: 4, payload: Buffer.from(payload as string, 'hex') }], message }
}

export const FINAL = octets(fixedBlock([...HELLO], true), [])
export const PLAIN_HELLO = messageOf(fixedBlock([...HELLO]))

function form(title: string, messages: Form['messages'], clause = 'RFC 7692 §7.2.3', needs?: Form['needs']): Form {
  return { title, clause, messages, ...(needs === undefined ? {} : { needs }) }
}

/** One octet a frame, with empty frames between. */
function crumbled(): Echoed {
  const message = Buffer.from('Hello, wörld! '.repeat(20))
  const payload = messageOf(fixedBlock([...message]))
  const parts = [...payload].flatMap(octet => [Buffer.of(octet), Buffer.alloc(0)])
  const frames = [Buffer.alloc(0), ...parts].map((part, i, all) => ({
    opcode: i === 0 ? OPCODE.text : OPCODE.continuation,
    rsv: i === 0 ? 4 : 0,
    fin: i === all.length - 1,
    payload: part,
  }))
  return { frames, message }
}

function withPingWithin(): Echoed {
  const [first, rest] = [PLAIN_HELLO.subarray(0, 3), PLAIN_HELLO.subarray(3)]
  return {
    frames: [
      { opcode: OPCODE.text, rsv: 4, fin: false, payload: first },
      { opcode: OPCODE.ping, payload: HELLO },
      { opcode: OPCODE.continuation, payload: rest },
    ],
    message: HELLO,
  }
}

const NOTHING = Buffer.alloc(0)
const UNCOMPRESSED: Echoed = {
  frames: [{ opcode: OPCODE.text, payload: Buffer.from('world') }],
  message: Buffer.from('world'),
}

const FORMS: readonly Form[] = [
  form('A block without compression', () => [
    compressed(Buffer.concat([storedBlocks(HELLO), Buffer.of(0)]).toString('hex')),
  ]),
  form(
    'Two blocks in a message',
    () => [compressed('f248050000 00ffffcac9c90700'.replaceAll(' ', ''))],
    'RFC 7692 §7.2.3.5',
  ),
  form('A block with dynamic codes', () => {
    const message = Buffer.from('Hello, wörld! '.repeat(300))
    return [compressed(Buffer.concat([deflateRawSync(message, { level: 9 }), Buffer.of(0)]).toString('hex'), message)]
  }),
  form('A block with BFINAL', () => [compressed(`${FINAL.toString('hex')}00`)], 'RFC 7692 §7.2.3.4'),
  form(
    'Three messages with BFINAL',
    () => [1, 2, 3].map(() => compressed(`${FINAL.toString('hex')}00`)),
    'RFC 7692 §7.2.3.4',
  ),
  form(
    'A message with BFINAL, and one that refers to it',
    () => [compressed(`${FINAL.toString('hex')}00`), compressed(AGAIN.toString('hex'))],
    'RFC 7692 §7.2.3.4',
    keepsOurContext,
  ),
  ...(
    [
      ['the octet 00', '00'],
      ['an empty block with fixed codes', '0200'],
      ['an empty block of five octets, and 00', '000000ffff00'],
      ['an empty block with BFINAL, and 00', '010000ffff00'],
    ] as const
  ).map(([words, hex]) =>
    form(
      `An empty message: ${words}`,
      () => [compressed(hex, NOTHING), compressed(PLAIN_HELLO.toString('hex'))],
      'RFC 7692 §7.2.3.6',
    ),
  ),
  form('A message in frames of one octet, with empty ones between', () => [crumbled()], 'RFC 7692 §7.2.1'),
  form('A Ping within a message', () => [withPingWithin()], 'RFC 7692 §6.1'),
  form(
    'Messages without compression between others',
    () => [
      compressed(PLAIN_HELLO.toString('hex')),
      UNCOMPRESSED,
      compressed(PLAIN_HELLO.toString('hex')),
      UNCOMPRESSED,
    ],
    'RFC 7692 §6.2',
  ),
  form(
    'A message that refers to one before it, with one without compression between',
    () => [compressed(PLAIN_HELLO.toString('hex')), UNCOMPRESSED, compressed(AGAIN.toString('hex'))],
    'RFC 7692 §7.2.3.2',
    keepsOurContext,
  ),
  form(
    'A message that refers back by 32,768 octets',
    () => {
      const far = messageOf(fixedBlock([{ length: 258, distance: 32_768 }]))
      const whole = Buffer.concat([storedBlocks(RANDOM), Buffer.of(0)])
      return [
        compressed(whole.toString('hex'), RANDOM, OPCODE.binary),
        compressed(far.toString('hex'), RANDOM.subarray(0, 258), OPCODE.binary),
      ]
    },
    'RFC 7692 §7.2.3.2',
    hasWholeWindow,
  ),
]

export const MESSAGE_CASES: readonly Case[] = FORMS.map((it, i) => {
  const { title, clause } = it
  return { id: `D.1.${i + 1}`, title, clause, sides: BOTH, weight: 'light', play: peer => playForm(it, peer) }
})

async function playForm({ messages, needs }: Form, peer: Peer): Promise<Verdict> {
  const sent = messages()
  const came: Buffer[] = []
  let endpoint: Endpoint | undefined
  const onMessage = (payload: Buffer) => {
    if (came.push(payload) === sent.length) endpoint?.sendClose(1000)
  }
  const talk = await openTalk(peer, onMessage, { opening: PLAIN, ...(needs === undefined ? {} : { needs }) })
  if ('behavior' in talk) return talk
  endpoint = talk.endpoint
  for (const frame of sent.flatMap(({ frames }) => frames)) endpoint.sendFrame(frame)
  const timer = patience(LIMIT * 1000 * peer.options.pace, () =>
    talk.endpoint.fail(1001, `not all came within ${LIMIT} s`),
  )
  await talk.ended
  timer.cancel()
  return judgeEcho(
    sent.map(({ message }) => message),
    came,
    endpoint,
  )
}

/** Whether all came back, in their order, and the connection was closed as it should. */
export function judgeEcho(sent: readonly Buffer[], came: readonly Buffer[], endpoint: Endpoint): Verdict {
  const { wasClean, fault, closedByUs, peerCloseCode } = endpoint
  const close = { behaviorClose: wasClean ? 'OK' : 'UNCLEAN', closeWords: wasClean ? 'clean' : 'not clean' } as const
  const at = sent.findIndex((message, i) => came[i] === undefined || !message.equals(came[i]))
  if (at < 0) return { behavior: 'OK', words: `all ${sent.length} messages came back`, ...close }
  const why = closedByUs
    ? fault === undefined
      ? ''
      : `: ${fault}`
    : `, but Close ${peerCloseCode ?? 'without a code'}`
  const got = came[at] === undefined ? 'none' : `${came[at].length} others`
  const words = `message ${at + 1}: expected its ${sent[at]?.length} octets back, got ${got}${why}`
  return { behavior: 'FAILED', words, ...close, behaviorClose: 'OK' }
}
