/** Floods and storms: endpoints that keep everything, or do not survive, get exactly the verdicts that they earn. */
import t from 'tap'
import { FLOOD_CASES } from '../../../conformance/hostile/floods.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

t.setTimeout(120_000)

const FLOODS = FLOOD_CASES.filter(({ id }) => ['H.4.1', 'H.4.2'].includes(id))
const OTHERS = FLOOD_CASES.filter(({ id }) => !['H.4.1', 'H.4.2'].includes(id))

t.test('who does not read is not written to for ever', async t => {
  for (const side of ['server', 'client'] as const) {
    const earned: Earned = { good: {}, 'back-pressure ignored': { 'NON-STRICT / OK': 'H.4.2' } }
    t.same(await judgeEach(side, earned, FLOODS.slice(1), { play: { pace: 1 } }), earned, side)
  }
  const [ping] = await judgeBroken('server', [], FLOODS.slice(0, 1), { play: { pace: 1 } })
  t.match(ping, { behavior: 'OK', words: /^it stopped to read after [\d.]+ MiB$/ })
})

t.test('connections that come to nothing', async t => {
  const earned: Earned = {
    good: {},
    'half-open for ever': { 'FAILED / OK': 'H.4.3 H.4.6' },
    'dies of a reset': { 'FAILED / OK': 'H.4.4 H.4.5' },
  }
  for (const [fault, expected] of Object.entries(earned)) {
    // Who dies of a reset may well take a late octet for one.
    const cases = OTHERS.filter(({ id }) => fault !== 'dies of a reset' || id !== 'H.4.6')
    t.same((await judgeEach('server', { [fault]: expected }, cases, { jobs: 1 }))[fault], expected, fault)
  }
  const clients: Earned = { good: {}, 'half-open for ever': { 'FAILED / OK': 'H.4.3' } }
  t.same(await judgeEach('client', clients, OTHERS), clients)
})
