/**
 * Group H.1: the edges of a length of 64 bits, with every opcode. Nothing of the payload is sent: what the header says
 * decides. No control frame may be that long; of data nobody needs to take so much, and who waits for it keeps no rule
 * from being kept.
 */
import type { Case } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { OPCODE, opcodeName } from '../frame.ts'
import { playWrong, type Wrong } from '../wrong.ts'

const LENGTHS: readonly (readonly [words: string, length: bigint])[] = [
  ['2^31', 2n ** 31n],
  ['2^32', 2n ** 32n],
  ['2^53', 2n ** 53n],
  ['2^53 + 1', 2n ** 53n + 1n],
  ['2^63 - 1', 2n ** 63n - 1n],
  ['2^63', 2n ** 63n],
  ['2^64 - 1', 2n ** 64n - 1n],
]

function wrongOf(opcode: number, words: string, announced: bigint): Wrong {
  const title = `A ${opcodeName(opcode)} frame of ${words} octets`
  const send = (endpoint: Endpoint) => {
    if (opcode === OPCODE.continuation) endpoint.sendFrame({ opcode: OPCODE.binary, fin: false })
    endpoint.sendHeader({ opcode, announced })
  }
  // RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less"
  if (opcode >= 8) return { title, clause: 'RFC 6455 §5.5', send, codes: [1002] }
  // §5.2: "the most significant bit MUST be 0"
  if (announced >= 2n ** 63n) return { title, clause: 'RFC 6455 §5.2', send, codes: [1002, 1009] }
  return { title, clause: 'RFC 6455 §10.4', send, codes: [1009], mayBeAwaited: true }
}

export const LENGTH_CASES: readonly Case[] = Object.values(OPCODE)
  .flatMap(opcode => LENGTHS.map(([words, length]) => wrongOf(opcode, words, length)))
  .map((wrong, i) => ({
    id: `H.1.${i + 1}`,
    title: wrong.title,
    clause: wrong.clause,
    sides: ['server', 'client'],
    weight: 'light',
    play: peer => playWrong(wrong, peer),
  }))
