/** Close codes and what stands behind an end: broken endpoints get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import { CLOSE_CASES } from '../../../conformance/hostile/closes.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

t.setTimeout(60_000)

const EARNED: Earned = {
  good: {},
  'close code not echoed': { 'NON-STRICT / OK': 'H.2.1 H.2.2 H.2.3 H.2.7' },
  'wrong close code': { 'FAILED / OK': 'H.2.1 H.2.2 H.2.3 H.2.7 H.2.8', 'NON-STRICT / OK': 'H.2.4 H.2.5 H.2.6' },
  'any close code accepted': { 'FAILED / OK': 'H.2.8' },
  'close never answered': { 'FAILED / OK': 'H.2.1 H.2.2 H.2.3 H.2.7' },
  'TCP dropped without close': {
    'FAILED / OK': 'H.2.1 H.2.2 H.2.3 H.2.7 H.2.8',
    'NON-STRICT / OK': 'H.2.4 H.2.5 H.2.6',
  },
  'no UTF-8 check': { 'FAILED / OK': 'H.2.5 H.2.6' },
}

t.test('servers', async t => {
  t.same(await judgeEach('server', EARNED, CLOSE_CASES), EARNED)
})

t.test("servers that go on: they answer to the suite's own Close as well, if it comes in time", async t => {
  const some = (...ids: readonly string[]) => CLOSE_CASES.filter(({ id }) => ids.includes(id))
  const after: Earned = { 'answers after close': { 'FAILED / OK': 'H.2.1 H.2.2' } }
  t.same(await judgeEach('server', after, some('H.2.1', 'H.2.2')), after)
  const fault: Earned = { 'goes on after a fault': { 'FAILED / OK': 'H.2.4 H.2.5 H.2.6' } }
  t.same(await judgeEach('server', fault, some('H.2.4', 'H.2.5', 'H.2.6')), fault)
})

t.test('clients, whom nobody asks for each code', async t => {
  const earned: Earned = {
    good: {},
    'close code not echoed': { 'NON-STRICT / OK': 'H.2.1 H.2.2 H.2.3' },
    'no UTF-8 check': { 'FAILED / OK': 'H.2.5 H.2.6' },
  }
  t.same(await judgeEach('client', earned, CLOSE_CASES), earned)
})

t.test('the first code that is wrong is named', async t => {
  const last = CLOSE_CASES.slice(-1)
  const [result] = await judgeBroken('server', ['any close code accepted'], last)
  t.match(result?.words, /^code 0: expected Close 1002, got Close 0, and \d+ more$/)
})
