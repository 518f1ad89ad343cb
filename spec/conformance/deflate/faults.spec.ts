/** What cannot be inflated, and bombs: endpoints that take it get exactly the verdicts that they earn. */
import t from 'tap'
import { FAULT_CASES } from '../../../conformance/deflate/faults.ts'
import { type Earned, judgeEach } from '../../support/judged.ts'

t.setTimeout(60_000)

const FAULTS = FAULT_CASES.filter(({ id }) => id.startsWith('D.2.'))
const BOMBS = FAULT_CASES.filter(({ id }) => id.startsWith('D.3.'))

/** What breaks off is no error for zlib, which waits for more. */
const UNSEEN = 'D.2.12'

const EARNED: Earned = {
  good: { 'NON-STRICT / OK': UNSEEN },
  'RSV bits accepted': { 'FAILED / OK': 'D.2.1 D.2.2 D.2.3 D.2.4', 'NON-STRICT / OK': UNSEEN },
  'inflates anything': {
    'FAILED / OK': 'D.2.5 D.2.6 D.2.7 D.2.8 D.2.9 D.2.10',
    'NON-STRICT / OK': 'D.2.11 D.2.12 D.2.15',
  },
  'no UTF-8 check': { 'FAILED / OK': 'D.2.14', 'NON-STRICT / OK': UNSEEN },
}

for (const [side, deflate] of [
  ['server', 'permessage-deflate'],
  ['client', 'permessage-deflate; client_max_window_bits'],
] as const) {
  t.test(`a ${side}`, async t => {
    t.same(await judgeEach(side, EARNED, FAULTS, { deflate }), EARNED)
    const earned: Earned = { good: {}, 'bombs taken': { 'FAILED / OK': 'D.3.1 D.3.2' } }
    t.same(await judgeEach(side, earned, BOMBS, { deflate, play: { pace: 1 } }), earned)
  })
}
