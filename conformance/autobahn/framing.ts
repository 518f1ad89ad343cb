/** Groups 1 to 5 and 10: framing, pings and pongs, reserved bits, opcodes, fragmentation, automatic fragmentation. */
import { OPCODE } from '../frame.ts'
import {
  binary,
  CLOSED_BY_SUITE,
  close,
  continuation,
  type Event,
  FAILED_BY_TESTEE,
  frame,
  hex,
  message,
  NOTHING,
  type Octets,
  octets,
  ping,
  pong,
  ponged,
  repeated,
  type Script,
  type Step,
  text,
  texted,
} from './script.ts'

const HELLO = octets('Hello, world!')
const PING_PAYLOAD = octets('ping payload')

type Delivered = { readonly chop?: number; readonly alone?: boolean }

/** Case by case: in one go, each frame in a write of its own, octet by octet. */
const DELIVERIES: readonly Delivered[] = [{}, { alone: true }, { chop: 1 }]

/** The peer must answer with these events. */
function answered(id: string, steps: readonly Step[], expect: readonly Event[], closeAfter = 1): Script {
  return { id, steps, limit: { closeAfter }, expect, ending: CLOSED_BY_SUITE }
}

/** The peer must fail the connection; `before` may have been answered. */
function refused(id: string, steps: readonly Step[], before: readonly Event[] = []): Script {
  const lax = before.length === 0 ? {} : { nonStrict: [] }
  return { id, steps, limit: { failAfter: 1 }, expect: before, ...lax, ending: FAILED_BY_TESTEE }
}

const LENGTHS: readonly (readonly [length: number, failAfter: number, chop?: number])[] = [
  [0, 1],
  [125, 1],
  [126, 1],
  [127, 1],
  [128, 1],
  [65_535, 10],
  [65_536, 10],
  [65_536, 10, 997],
]

function lengths(group: string, opcode: number, pattern: string | Uint8Array): Script[] {
  return LENGTHS.map(([length, failAfter, chop], i) => {
    const payload = length === 0 ? NOTHING : repeated(length, pattern)
    return {
      id: `${group}.${i + 1}`,
      steps: [frame(opcode, payload, { chop })],
      limit: { failAfter },
      expect: [{ event: 'message', binary: opcode === OPCODE.binary, payload }],
      ending: CLOSED_BY_SUITE,
    }
  })
}

const BINARY_PING = hex('00fffefdfcfb00ff')
const LONGEST_PING = repeated(125, Buffer.of(0xfe))
const UNSOLICITED = octets('unsolicited pong payload')
const TEN = Array.from({ length: 10 }, (_, i) => octets(`payload-${i}`))

function tenPings(id: string, delivered: Delivered): Script {
  return answered(
    id,
    TEN.map(payload => ping(payload, delivered)),
    TEN.map(ponged),
    3,
  )
}

const PINGS: readonly Script[] = [
  answered('2.1', [ping()], [ponged()]),
  answered('2.2', [ping(HELLO)], [ponged(HELLO)]),
  answered('2.3', [ping(BINARY_PING)], [ponged(BINARY_PING)]),
  answered('2.4', [ping(LONGEST_PING)], [ponged(LONGEST_PING)]),
  refused('2.5', [ping(repeated(126, Buffer.of(0xfe)))]),
  answered('2.6', [ping(LONGEST_PING, { chop: 1 })], [ponged(LONGEST_PING)], 2),
  answered('2.7', [pong(), close(1000)], []),
  answered('2.8', [pong(UNSOLICITED), close(1000)], []),
  answered('2.9', [pong(UNSOLICITED), ping(PING_PAYLOAD)], [ponged(PING_PAYLOAD)]),
  tenPings('2.10', {}),
  tenPings('2.11', { chop: 1 }),
]

/** A good message, then a frame that is wrong, then a ping. */
function amidst(id: string, wrong: (delivered: Delivered) => Step, delivered: Delivered = {}): Script {
  return refused(id, [text(HELLO, delivered), wrong(delivered), ping(NOTHING, delivered)], [texted(HELLO)])
}

const RESERVED_BITS: readonly Script[] = [
  refused('3.1', [text(HELLO, { rsv: 1 })]),
  ...DELIVERIES.map((delivered, i) => amidst(`3.${i + 2}`, d => text(HELLO, { rsv: i + 2, ...d }), delivered)),
  refused('3.5', [binary(BINARY_PING, { rsv: 5 })]),
  refused('3.6', [binary(HELLO, { rsv: 6 })]),
  refused('3.7', [frame(OPCODE.close, NOTHING, { rsv: 7 })]),
]

/** Five reserved opcodes in a row, beginning with `first`. */
function reservedOpcodes(group: string, first: number): Script[] {
  const wrong = (i: number, payload: Octets) => (delivered: Delivered) => frame(first + i, payload, delivered)
  return [
    refused(`${group}.1`, [frame(first)]),
    refused(`${group}.2`, [frame(first + 1, octets('reserved opcode payload'))]),
    amidst(`${group}.3`, wrong(2, NOTHING)),
    amidst(`${group}.4`, wrong(3, HELLO)),
    amidst(`${group}.5`, wrong(4, HELLO), { chop: 1 }),
  ]
}

const PARTS = [1, 2, 3, 4, 5].map(n => octets(`fragment${n}`)) as [Octets, Octets, Octets, Octets, Octets]
const BOTH = octets('fragment1fragment2')
const NOT_A_CONTINUATION = octets('non-continuation payload')
const more = { fin: false }

/** Two fragments, with something between them. */
function twoFragments(id: string, between: readonly Step[], before: readonly Event[], delivered: Delivered): Script {
  const steps = [text(PARTS[0], { ...more, ...delivered }), ...between, continuation(PARTS[1], delivered)]
  return answered(id, steps, [...before, texted(BOTH)])
}

function interrupted(id: string, delivered: Delivered): Script {
  const [first, second] = [octets('pongme 1!'), octets('pongme 2!')]
  const steps: Step[] = [
    text(PARTS[0], { ...more, ...delivered }),
    continuation(PARTS[1], { ...more, ...delivered }),
    ping(first, delivered),
    { wait: 1 },
    continuation(PARTS[2], { ...more, ...delivered }),
    continuation(PARTS[3], { ...more, ...delivered }),
    ping(second, delivered),
    continuation(PARTS[4], delivered),
  ]
  const all = octets('fragment1fragment2fragment3fragment4fragment5')
  return answered(id, steps, [ponged(first), ponged(second), texted(all)])
}

/** Three fragments of which the first begins nothing, twice; `first` says whether it is the last of its message too. */
function nothingToContinue(id: string, first: { readonly fin: boolean }): Script {
  const round = [continuation(PARTS[0], first), text(PARTS[1], more), continuation(PARTS[2])]
  return refused(id, [...round, ...round])
}

const FRAGMENTS: readonly Script[] = [
  refused('5.1', [ping(PARTS[0], more), continuation(PARTS[1])]),
  refused('5.2', [pong(PARTS[0], more), continuation(PARTS[1])]),
  ...DELIVERIES.map((delivered, i) => twoFragments(`5.${i + 3}`, [], [], delivered)),
  ...DELIVERIES.map((delivered, i) =>
    twoFragments(`5.${i + 6}`, [ping(PING_PAYLOAD, delivered)], [ponged(PING_PAYLOAD)], delivered),
  ),
  ...[true, false].flatMap((fin, row) =>
    DELIVERIES.map((delivered, i) =>
      refused(`5.${9 + row * 3 + i}`, [
        continuation(NOT_A_CONTINUATION, { fin, ...delivered }),
        text(HELLO, delivered),
      ]),
    ),
  ),
  refused(
    '5.15',
    [text(PARTS[0], more), continuation(PARTS[1]), continuation(PARTS[2], more), text(PARTS[3])],
    [texted(BOTH)],
  ),
  nothingToContinue('5.16', { fin: false }),
  nothingToContinue('5.17', { fin: true }),
  refused('5.18', [text(PARTS[0], more), text(PARTS[1])]),
  interrupted('5.19', {}),
  interrupted('5.20', { alone: true }),
]

const STARS = repeated(65_536, '*')

export const FRAMING: readonly Script[] = [
  ...lengths('1.1', OPCODE.text, '*'),
  ...lengths('1.2', OPCODE.binary, Buffer.of(0xfe)),
  ...PINGS,
  ...RESERVED_BITS,
  ...reservedOpcodes('4.1', 3),
  ...reservedOpcodes('4.2', 11),
  ...FRAGMENTS,
]

export const AUTO_FRAGMENTATION: readonly Script[] = [
  {
    id: '10.1.1',
    steps: [message(OPCODE.text, STARS, 1300)],
    limit: { failAfter: 10 },
    expect: [texted(STARS)],
    ending: CLOSED_BY_SUITE,
  },
]
