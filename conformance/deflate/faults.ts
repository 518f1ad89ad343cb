/**
 * Groups D.2 and D.3: what is no DEFLATE at all or refers to what was never there, which must be answered with 1007, and
 * bombs, which become a thousand times what they are.
 */
import { constants, deflateRawSync } from 'node:zlib'
import type { Case, Opening, Peer } from '../case.ts'
import type { Endpoint } from '../endpoint.ts'
import { closePayload, type FrameToWrite, OPCODE } from '../frame.ts'
import { isServing } from '../hostile/floods.ts'
import { writeExtension } from '../message-deflate.ts'
import type { Verdict } from '../verdict.ts'
import { playWrong, type Wrong } from '../wrong.ts'
import { blockHeader, fixedBlock, messageOf, octets } from './blocks.ts'
import { AGAIN, FINAL, granted, HELLO, keepsOurContext, PLAIN, PLAIN_HELLO, RANDOM } from './messages.ts'

const BOTH = ['server', 'client'] as const
const NOTHING = Buffer.alloc(0)
/** Seconds for a bomb. */
const BOMB_LIMIT = 30

/** Of what the suite sends, no context is kept. */
const FORGETFUL: Opening = {
  offers: writeExtension({ clientNoContextTakeover: true }),
  accept: offers => {
    const grant = granted(offers)
    return grant && { ...grant, serverNoContextTakeover: true }
  },
}

/** A message that cannot be inflated. */
function corrupt(title: string, payload: Buffer, more: Partial<Wrong> = {}): Wrong {
  const send = (endpoint: Endpoint) => endpoint.sendFrame({ opcode: OPCODE.text, rsv: 4, payload })
  return { title, clause: 'RFC 7692 §7.2.2', send, codes: [1007], opening: PLAIN, ...more }
}

function frames(title: string, clause: string, codes: readonly number[], ...sent: readonly FrameToWrite[]): Wrong {
  const send = (endpoint: Endpoint) => {
    for (const frame of sent) endpoint.sendFrame(frame)
  }
  return { title, clause, send, codes, opening: PLAIN }
}

const HALF = { opcode: OPCODE.text, rsv: 4, fin: false, payload: PLAIN_HELLO.subarray(0, 3) }

const WRONGS: readonly Wrong[] = [
  frames('RSV1 on a continuation', 'RFC 7692 §6.1', [1002], HALF, {
    opcode: OPCODE.continuation,
    rsv: 4,
    payload: PLAIN_HELLO.subarray(3),
  }),
  frames('RSV1 on a Ping', 'RFC 7692 §6.1', [1002], { opcode: OPCODE.ping, rsv: 4, payload: PLAIN_HELLO }),
  {
    ...frames('RSV1 on a Close', 'RFC 7692 §6.1', [1002], {
      opcode: OPCODE.close,
      rsv: 4,
      payload: closePayload(1000),
    }),
    looksLikeAClose: true,
  },
  frames('RSV2 on a message', 'RFC 6455 §5.2', [1002], { opcode: OPCODE.text, rsv: 6, payload: PLAIN_HELLO }),
  corrupt('A block of type 3', messageOf(blockHeader(3, false))),
  corrupt('A block whose length is not its complement', Buffer.from(`0005000000${HELLO.toString('hex')}00`, 'hex')),
  corrupt('Huffman codes of which there are too many', Buffer.from(`04${'ff'.repeat(20)}`, 'hex')),
  corrupt('A length that stands for nothing', octets(blockHeader(1, false), [1, 1, 0, 0, 0, 1, 1, 0])),
  corrupt('A distance of 1 at the beginning', messageOf(fixedBlock([{ length: 3, distance: 1 }]))),
  corrupt('A distance of 6 behind five octets', messageOf(fixedBlock([...HELLO, { length: 3, distance: 6 }]))),
  corrupt('A block that breaks off', deflateRawSync(RANDOM.toString('hex')).subarray(0, 30), {
    mayBeTaken: 'NON-STRICT',
  }),
  corrupt('No octet at all', NOTHING, { mayBeTaken: 'NON-STRICT', clause: 'RFC 7692 §7.2.3.6' }),
  corrupt(
    'Octets behind a block with BFINAL: taken, left out, or not',
    Buffer.concat([FINAL, Buffer.from('ffff', 'hex')]),
    {
      mayBeTaken: 'OK',
      clause: 'RFC 7692 §7.2.3.4',
    },
  ),
  corrupt('Text that is not UTF-8 when it is inflated', messageOf(fixedBlock([0x61, 0xff])), {
    clause: 'RFC 6455 §8.1',
  }),
  {
    ...corrupt('A message that refers to one whose context is not to be kept', AGAIN),
    send(endpoint) {
      endpoint.sendFrame({ opcode: OPCODE.text, rsv: 4, payload: PLAIN_HELLO })
      endpoint.sendFrame({ opcode: OPCODE.text, rsv: 4, payload: AGAIN })
    },
    clause: 'RFC 7692 §7.1.1',
    right: 1,
    mayBeTaken: 'NON-STRICT',
    opening: FORGETFUL,
    needs: (agreed, side) => !keepsOurContext(agreed, side),
  },
]

/** 1 GiB of zeros: what 64 MiB become, sixteen times. */
function bomb(): Buffer {
  const part = deflateRawSync(Buffer.alloc(2 ** 26), { level: 9, finishFlush: constants.Z_SYNC_FLUSH })
  return Buffer.concat(Array.from({ length: 16 }, () => part))
}

const BOMBS: readonly Wrong[] = [
  {
    ...corrupt('1 GiB of zeros in a mebibyte', NOTHING),
    send: (endpoint: Endpoint) => endpoint.sendFrame({ opcode: OPCODE.binary, rsv: 4, payload: bomb() }),
  },
  {
    ...corrupt('1 GiB of zeros in a mebibyte, in frames of 4,096 octets', NOTHING),
    send(endpoint: Endpoint) {
      const payload = bomb()
      for (let at = 0; at < payload.length; at += 4096) {
        const [opcode, rsv] = at === 0 ? [OPCODE.binary, 4] : [OPCODE.continuation, 0]
        endpoint.sendFrame({
          opcode,
          rsv,
          fin: at + 4096 >= payload.length,
          payload: payload.subarray(at, at + 4096),
        })
      }
    },
  },
].map(it => ({ ...it, clause: 'RFC 7692 §8, RFC 6455 §10.4', codes: [1009], seconds: BOMB_LIMIT }))

export const FAULT_CASES: readonly Case[] = [
  ...WRONGS.map((it, i): Case => {
    const { title, clause } = it
    return { id: `D.2.${i + 1}`, title, clause, sides: BOTH, weight: 'light', play: peer => playWrong(it, peer) }
  }),
  ...BOMBS.map((it, i): Case => {
    const { title, clause } = it
    return { id: `D.3.${i + 1}`, title, clause, sides: BOTH, weight: 'heavy', play: peer => playBomb(it, peer) }
  }),
]

async function playBomb(wrong: Wrong, peer: Peer): Promise<Verdict> {
  const verdict = await playWrong(wrong, peer)
  if (verdict.behavior === 'UNIMPLEMENTED') return verdict
  const fault = await isServing(peer)
  return fault === undefined ? verdict : { ...verdict, behavior: 'FAILED', words: `after the bomb ${fault}` }
}
