/** Group 7: the closing handshake, begun by the suite. */
import { OPCODE } from '../frame.ts'
import {
  close,
  continuation,
  type Ending,
  type Event,
  frame,
  hex,
  octets,
  ping,
  repeated,
  type Script,
  type Step,
  text,
  texted,
} from './script.ts'

const HELLO = octets('Hello World!')

/** The peer answers with one of these codes, or with none. */
function answer(...codes: number[]): Ending {
  return { by: 'suite', codes, clean: true, wrongCodeFails: true }
}

/** The peer answers with one of these codes, or ends TCP. */
function rejection(...codes: number[]): Ending {
  return { by: 'suite', codes, clean: false, wrongCodeFails: true }
}

function closing(id: string, steps: readonly Step[], ending: Ending, expect: readonly Event[] = []): Script {
  return { id, steps, limit: { failAfter: 1 }, expect, leavesOpen: true, ending }
}

/** Close codes that may travel, and those that must not. */
const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
const BEYOND = [5000, 65_535]

const FRAGMENT = [octets('fragment1'), octets('fragment2')] as const

export const CLOSING: readonly Script[] = [
  { ...closing('7.1.1', [text(HELLO)], answer(1000), [texted(HELLO)]), leavesOpen: false },
  // What stands behind our Close is not to be answered (§5.5.1).
  closing('7.1.2', [close(1000), frame(OPCODE.close)], answer(1000)),
  closing('7.1.3', [close(1000), ping()], answer(1000)),
  closing('7.1.4', [close(1000), text(HELLO)], answer(1000)),
  closing('7.1.5', [text(FRAGMENT[0], { fin: false }), close(1000), continuation(FRAGMENT[1])], answer(1000)),
  {
    ...closing('7.1.6', [text(repeated(2 ** 18, 'BAsd7&jh23')), text(HELLO), close(1000), ping()], answer(1000)),
    expect: [texted(HELLO)],
    nonStrict: [],
    informational: true,
  },
  closing('7.3.1', [close()], answer(1000)),
  closing('7.3.2', [close(undefined, octets('a'))], rejection(1002)),
  closing('7.3.3', [close(1000)], answer(1000)),
  closing('7.3.4', [close(1000, HELLO)], answer(1000)),
  closing('7.3.5', [close(1000, repeated(123, '*'))], answer(1000)),
  closing('7.3.6', [close(1000, repeated(124, '*'))], rejection(1002)),
  closing('7.5.1', [close(1000, hex('cebae1bdb9cf83cebcceb5eda080656469746564'))], rejection(1002, 1007)),
  ...VALID.map((code, i) =>
    closing(`7.7.${i + 1}`, [close(code)], code === 1000 ? answer(1000) : answer(1000, code)),
  ),
  ...INVALID.map((code, i) => closing(`7.9.${i + 1}`, [close(code)], rejection(1002))),
  ...BEYOND.map((code, i) => ({
    ...closing(`7.13.${i + 1}`, [close(code)], rejection(1000, 1002, code)),
    informational: true,
  })),
]
