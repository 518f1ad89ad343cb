/** Slow peers: what is found out is told, and half a frame must be waited for, or given up. */
import t from 'tap'
import { SLOW_CASES } from '../../../conformance/hostile/slow.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

const TOLD = { server: 'H.3.1 H.3.2 H.3.3', client: 'H.3.4 H.3.5 H.3.6' }

for (const side of ['server', 'client'] as const) {
  t.test(`a ${side}`, async t => {
    const told = TOLD[side]
    const earned: Earned = {
      good: { 'INFORMATIONAL / OK': told },
      impatient: { 'INFORMATIONAL / OK': `${told} H.3.7` },
      'frames in pieces lost': { 'INFORMATIONAL / OK': told, 'FAILED / OK': 'H.3.7' },
    }
    t.same(await judgeEach(side, earned, SLOW_CASES), earned)
    const words = async (fault: 'impatient' | undefined) =>
      (await judgeBroken(side, fault === undefined ? [] : [fault], SLOW_CASES)).map(({ words }) => words)
    const [still, ended] = await Promise.all([words(undefined), words('impatient')])
    t.match(still, [...Array.from({ length: 3 }, () => /^it waits after [\d.]+ s still$/), /came back$/])
    t.match(
      ended,
      Array.from({ length: 4 }, () => /^it gave up after [\d.]+ s$/),
    )
  })
}

t.test('after two minutes that is not strict', async t => {
  const play = { full: true, pace: 0.002 }
  const results = await judgeBroken('server', [], SLOW_CASES.slice(0, 2), { play })
  t.same(
    results.map(({ behavior }) => behavior),
    ['NON-STRICT', 'NON-STRICT'],
  )
})
