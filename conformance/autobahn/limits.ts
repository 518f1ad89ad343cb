/** Group 9: large messages, many fragments, small chops, round trips one after the other. */
import { OPCODE } from '../frame.ts'
import { CLOSED_BY_SUITE, frame, message, type Octets, repeated, type Script, type Step } from './script.ts'

const KIB = 2 ** 10
const MIB = 2 ** 20

/** Text and binary: their payload in the large cases, and the single octet in the others. */
const KINDS = [
  { opcode: OPCODE.text, large: 'BAsd7&jh23', single: '*' },
  { opcode: OPCODE.binary, large: Buffer.from([0x00, 0xfe, 0x23, 0xfa, 0xf0]), single: Buffer.of(0xfe) },
] as const

const SIZES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB]
/** The seconds that are given to each of them. */
const SECONDS = { [OPCODE.text]: [10, 10, 100, 100, 100, 100], [OPCODE.binary]: [10, 10, 10, 10, 100, 100] }
/** The last is as long as the message, which then is one frame. */
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB]
const CHOPS = [64, 128, 256, 512, 1024, 2048]

function echoed(id: string, step: Step, opcode: number, { length }: Octets, closeAfter: number): Script {
  const echo = { binary: opcode === OPCODE.binary, length }
  return { id, steps: [step], limit: { closeAfter }, expect: [], echo, ending: CLOSED_BY_SUITE }
}

export const LIMITS: readonly Script[] = [
  ...KINDS.flatMap(({ opcode, large }, kind) =>
    SIZES.map((size, i) => {
      const payload = repeated(size, large)
      return echoed(`9.${1 + kind}.${i + 1}`, frame(opcode, payload), opcode, payload, SECONDS[opcode][i]!)
    }),
  ),
  ...KINDS.flatMap(({ opcode, single }, kind) =>
    FRAGMENTS.map((fragment, i) => {
      // In Autobahn's binary cases, all but the first send stars too.
      const payload = repeated(4 * MIB, i === 0 ? single : '*')
      const step = fragment === payload.length ? frame(opcode, payload) : message(opcode, payload, fragment)
      return echoed(`9.${3 + kind}.${i + 1}`, step, opcode, payload, 100)
    }),
  ),
  ...KINDS.flatMap(({ opcode, large }, kind) =>
    CHOPS.map((chop, i) => {
      const payload = repeated(MIB, large)
      return echoed(`9.${5 + kind}.${i + 1}`, frame(opcode, payload, { chop }), opcode, payload, 1000)
    }),
  ),
]

/** Messages one after the other, each sent when the one before has come back. */
export interface RoundTrips {
  readonly id: string
  readonly binary: boolean
  readonly payload: Octets
  readonly count: number
  /** Seconds for all of them. */
  readonly closeAfter: number
}

const LENGTHS = [0, 16, 64, 256, KIB, 4 * KIB]
const LENGTH_SECONDS = [60, 60, 60, 120, 240, 480]

export const ROUND_TRIPS: readonly RoundTrips[] = KINDS.flatMap(({ opcode, single }, kind) =>
  LENGTHS.map((length, i) => ({
    id: `9.${7 + kind}.${i + 1}`,
    binary: opcode === OPCODE.binary,
    payload: repeated(length, single),
    count: 1000,
    closeAfter: LENGTH_SECONDS[i]!,
  })),
)
