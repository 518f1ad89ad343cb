/** Which verdicts are none to be fixed. */
import t from 'tap'
import { BEHAVIORS, type CloseBehavior, passes } from '../../conformance/verdict.ts'

t.test('a case passes unless it failed, or was closed in a wrong way', async t => {
  const closes: readonly CloseBehavior[] = [
    'OK',
    'INFORMATIONAL',
    'WRONG CODE',
    'UNCLEAN',
    'FAILED BY CLIENT',
    'FAILED',
  ]
  const passing = BEHAVIORS.flatMap(behavior =>
    closes.filter(behaviorClose => passes({ behavior, behaviorClose })).map(close => `${behavior} / ${close}`),
  )
  t.same(passing, [
    'OK / OK',
    'OK / INFORMATIONAL',
    'NON-STRICT / OK',
    'NON-STRICT / INFORMATIONAL',
    'INFORMATIONAL / OK',
    'INFORMATIONAL / INFORMATIONAL',
    'UNIMPLEMENTED / OK',
    'UNIMPLEMENTED / INFORMATIONAL',
  ])
})
