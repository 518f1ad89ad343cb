/** What is wrong must be answered: every answer to it has its verdict and its words. */
import t from 'tap'
import type { Case } from '../../conformance/case.ts'
import { closePayload, OPCODE } from '../../conformance/frame.ts'
import { playWrong, type Wrong } from '../../conformance/wrong.ts'
import type { Fault } from '../support/broken-endpoint.ts'
import { judgeBroken } from '../support/judged.ts'

const RESERVED: Wrong = { title: 'x', clause: 'x', send: it => it.sendFrame({ opcode: 3 }), codes: [1002] }
const TEXT: Wrong = { ...RESERVED, send: it => it.sendFrame({ opcode: OPCODE.text, payload: Buffer.from('hi') }) }
const CLOSE: Wrong = {
  ...RESERVED,
  send: it => it.sendFrame({ opcode: OPCODE.close, payload: closePayload(undefined) }),
}

const ROWS: readonly (readonly [wrong: Wrong, fault: Fault | undefined, behavior: string, words: string])[] = [
  [RESERVED, undefined, 'OK', 'Close 1002 came, as expected'],
  [RESERVED, 'wrong close code', 'NON-STRICT', 'expected Close 1002, got Close 4321'],
  [{ ...RESERVED, looksLikeAClose: true }, 'wrong close code', 'FAILED', 'expected Close 1002, got Close 4321'],
  [RESERVED, 'TCP dropped without close', 'NON-STRICT', 'expected Close 1002, but TCP was ended without a Close'],
  [RESERVED, 'reserved opcodes accepted', 'FAILED', 'expected Close 1002, but nothing more came within 1 s'],
  [{ ...RESERVED, mayBeAwaited: true }, 'reserved opcodes accepted', 'OK', 'it waits for the rest, as it may'],
  [TEXT, undefined, 'FAILED', 'expected Close 1002, but it was taken: text of 2'],
  [
    { ...TEXT, mayBeTaken: 'NON-STRICT' },
    undefined,
    'NON-STRICT',
    'expected Close 1002, but it was taken: text of 2',
  ],
  [CLOSE, undefined, 'NON-STRICT', 'expected Close 1002, got a Close without a code'],
  [
    { ...CLOSE, looksLikeAClose: true },
    undefined,
    'FAILED',
    'expected Close 1002, got a Close without a code, as if nothing were wrong',
  ],
  [
    RESERVED,
    'refuses',
    'FAILED',
    'expected an open connection, but the server\'s response is wrong: expected status 101, got "HTTP/1.1 503 Service Unavailable"',
  ],
]

t.test('every answer', async t => {
  const found = await Promise.all(
    ROWS.map(async ([wrong, fault]) => {
      const it: Case = {
        id: 'x',
        title: 'x',
        sides: ['server'],
        weight: 'light',
        play: peer => playWrong(wrong, peer),
      }
      const [result] = await judgeBroken('server', fault === undefined ? [] : [fault], [it])
      return [result?.behavior, result?.words]
    }),
  )
  t.same(
    found,
    ROWS.map(([, , behavior, words]) => [behavior, words]),
  )
})
