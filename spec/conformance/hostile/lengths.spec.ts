/** Lengths at their edges: endpoints that read them wrongly get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import { LENGTH_CASES } from '../../../conformance/hostile/lengths.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

const ids = (...numbers: number[]) => numbers.map(number => `H.1.${number}`).join(' ')

/** Seven lengths for each of continuation, text, binary, Close, Ping, Pong. */
const EARNED: Earned = {
  good: {},
  // Who waits for what can be may do so; 2^63 and 2^64 - 1 cannot.
  'any length accepted': { 'FAILED / OK': ids(6, 7, 13, 14, 20, 21) },
  // It says that they are too long, which they may not be.
  'long control frames accepted': {
    'NON-STRICT / OK': ids(...Array.from({ length: 21 }, (_, i) => 22 + i)),
  },
  // 2^32, 2^53 and 2^63 become nothing, 2^53 + 1 becomes 1.
  'lengths of 32 bits': {
    'FAILED / OK': ids(2, 3, 6, 9, 10, 13, 16, 17, 20, 30, 31, 32, 34, 37, 38, 39, 41),
    'NON-STRICT / OK': ids(23, 24, 27),
  },
  'TCP dropped without close': {
    'NON-STRICT / OK': ids(...Array.from({ length: 42 }, (_, i) => 1 + i)),
  },
}

t.test('each opcode with each length', async t => {
  t.equal(LENGTH_CASES.length, 42)
  t.same(await judgeEach('server', EARNED, LENGTH_CASES), EARNED)
  const { good, 'any length accepted': any } = EARNED
  const some = { good: good!, 'any length accepted': any! }
  t.same(await judgeEach('client', some, LENGTH_CASES), some)
})

t.test('who waits is told so', async t => {
  const [result] = await judgeBroken('server', ['any length accepted'], LENGTH_CASES.slice(0, 1))
  t.equal(result?.words, 'it waits for the rest, as it may')
})
