/** What reports have in common: counts, and verdicts in words. */
import t from 'tap'
import { countGroups, reason, verdictWords } from '../../../conformance/report/report.ts'
import { SAMPLE } from '../../support/sample-report.ts'

t.test('groups with results are counted', async t => {
  const [one, two, ...others] = countGroups(SAMPLE.groups, SAMPLE.runs[0]!.results)
  t.same(others, [])
  t.match(one, {
    group: { id: '1' },
    cases: 2,
    closes: 0,
    failed: 1,
    behaviors: { OK: 1, FAILED: 1, 'NON-STRICT': 0 },
  })
  t.match(two, { group: { id: '2' }, cases: 2, closes: 1, failed: 1, behaviors: { OK: 1, UNIMPLEMENTED: 1 } })
})

t.test('verdicts in words', async t => {
  t.equal(verdictWords({ behavior: 'OK', behaviorClose: 'OK' }), 'OK')
  t.equal(verdictWords({ behavior: 'FAILED', behaviorClose: 'FAILED' }), 'FAILED')
  t.equal(verdictWords({ behavior: 'OK', behaviorClose: 'WRONG CODE' }), 'OK, close WRONG CODE')
  t.equal(verdictWords({ behavior: 'INFORMATIONAL', behaviorClose: 'INFORMATIONAL' }), 'INFORMATIONAL')
})

t.test('the reason is one sentence, of what is wrong', async t => {
  const [right] = SAMPLE.runs[0]!.results
  const it = { ...right!, words: 'expected a, got b', closeWords: 'expected c, got d' }
  t.equal(reason({ ...it, behavior: 'FAILED' }), it.words)
  t.equal(reason({ ...it, behaviorClose: 'UNCLEAN' }), it.closeWords)
  t.equal(reason({ ...it, behavior: 'FAILED', behaviorClose: 'UNCLEAN' }), `${it.words}; ${it.closeWords}`)
  t.equal(reason({ ...it, behavior: 'FAILED', behaviorClose: 'FAILED', closeWords: it.words }), it.words)
})
