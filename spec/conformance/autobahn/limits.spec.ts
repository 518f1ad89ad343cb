/** Group 9: sizes, fragments and chops. */
import t from 'tap'
import { LIMITS, ROUND_TRIPS } from '../../../conformance/autobahn/limits.ts'
import { tableDigest } from '../../support/table-digest.ts'

t.test('42 large ones and 12 of round trips', async t => {
  t.same([LIMITS.length, ROUND_TRIPS.length], [42, 12])
  t.same(new Set(ROUND_TRIPS.map(({ count }) => count)), new Set([1000]))
})

t.test('what must come back is as long as what is sent, and of its type', async t => {
  const wrong = LIMITS.filter(({ steps, echo }) => {
    const [step] = steps
    if (step === undefined || !('payload' in step) || !('opcode' in step)) return true
    return step.payload.length !== echo?.length || (step.opcode === 2) !== echo.binary
  })
  t.same(wrong, [])
})

t.test('they are as they were when they were compared', async t => {
  t.equal(tableDigest([LIMITS, ROUND_TRIPS]), '0e19199e1b369953')
})
