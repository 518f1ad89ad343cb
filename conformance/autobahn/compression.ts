/** Groups 12 and 13: permessage-deflate (RFC 7692) over five kinds of data, and with seven sets of parameters. */
import type { DeflateParameters } from '../message-deflate.ts'
import { writeExtension } from '../message-deflate.ts'
import { CORPORA, type CorpusName } from './corpora.ts'

/** What a case wants of the peer's window and context. */
export interface Wish {
  readonly noContextTakeover: boolean
  /** Undefined: any. */
  readonly windowBits?: number
}

/** Messages one after the other, slices of a corpus, each sent when the one before has come back. */
export interface CompressedTrips {
  readonly id: string
  readonly corpus: CorpusName
  /** Of a message: code points of text, octets of binary. */
  readonly length: number
  /** The compressed octets are cut into frames of that many; 0 is one frame. */
  readonly fragment: number
  /** How many messages all of it is. */
  readonly count: number
  /** Seconds for all of them. */
  readonly closeAfter: number
  /** The first that can be had counts. */
  readonly wishes: readonly Wish[]
}

const KIB = 2 ** 10

const SHAPES: readonly (readonly [length: number, closeAfter: number, fragment?: number])[] = [
  [16, 60],
  [64, 60],
  [256, 120],
  [KIB, 240],
  [4 * KIB, 480],
  [8 * KIB, 480],
  [16 * KIB, 480],
  [32 * KIB, 480],
  [64 * KIB, 480],
  [128 * KIB, 480],
  [8 * KIB, 480, 256],
  [16 * KIB, 480, 256],
  [32 * KIB, 480, 256],
  [64 * KIB, 480, 256],
  [128 * KIB, 480, 256],
  [128 * KIB, 480, KIB],
  [128 * KIB, 480, 4 * KIB],
  [128 * KIB, 480, 32 * KIB],
]

function shapes(group: string, corpus: CorpusName, wishes: readonly Wish[]): CompressedTrips[] {
  return SHAPES.map(([length, closeAfter, fragment = 0], i) => {
    return { id: `${group}.${i + 1}`, corpus, length, fragment, count: 1000, closeAfter, wishes }
  })
}

const ANY: Wish = { noContextTakeover: false }

/** Group 13, in order. */
const WISHES: readonly (readonly Wish[])[] = [
  [ANY],
  [{ noContextTakeover: true }],
  [{ noContextTakeover: false, windowBits: 9 }],
  [{ noContextTakeover: false, windowBits: 15 }],
  [{ noContextTakeover: true, windowBits: 9 }],
  [{ noContextTakeover: true, windowBits: 15 }],
  [{ noContextTakeover: true, windowBits: 9 }, { noContextTakeover: true }, ANY],
]

export const COMPRESSION: readonly CompressedTrips[] = [
  ...(Object.keys(CORPORA) as CorpusName[]).flatMap((corpus, i) => shapes(`12.${i + 1}`, corpus, [ANY])),
  ...WISHES.flatMap((wishes, i) => shapes(`13.${i + 1}`, 'json', wishes)),
]

/** The value of Sec-WebSocket-Extensions when a server is judged. The parameters stand in the order of Autobahn's. */
export function offersOf(wishes: readonly Wish[]): string {
  return wishes
    .map(({ noContextTakeover, windowBits }) => {
      const wanted = writeExtension({
        serverNoContextTakeover: noContextTakeover,
        ...(windowBits === undefined ? {} : { serverMaxWindowBits: windowBits }),
      })
      return wanted.replace(
        'permessage-deflate',
        'permessage-deflate; client_no_context_takeover; client_max_window_bits',
      )
    })
    .join(', ')
}

/** What to answer when a client is judged; undefined: nothing that it offers will do. */
export function acceptFrom(
  wishes: readonly Wish[],
  offers: readonly DeflateParameters[],
): DeflateParameters | undefined {
  for (const { noContextTakeover, windowBits } of wishes) {
    // RFC 7692 §7.1.2.2: client_max_window_bits may be answered only if it was offered.
    const offer = offers.find(
      ({ clientMaxWindowBits }) => windowBits === undefined || clientMaxWindowBits !== undefined,
    )
    if (offer === undefined) continue
    const { clientMaxWindowBits: most, serverMaxWindowBits, serverNoContextTakeover } = offer
    return {
      // §7.1.1.1, §7.1.2.1: what the client asks of the server is granted.
      ...(serverNoContextTakeover ? { serverNoContextTakeover } : {}),
      ...(serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits }),
      ...(noContextTakeover ? { clientNoContextTakeover: true } : {}),
      ...(windowBits === undefined
        ? {}
        : { clientMaxWindowBits: typeof most === 'number' ? Math.min(most, windowBits) : windowBits }),
    }
  }
  return undefined
}
