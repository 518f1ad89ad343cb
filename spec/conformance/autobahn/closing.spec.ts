/** Group 7: codes that may travel are answered, others refused. */
import t from 'tap'
import { CLOSING } from '../../../conformance/autobahn/closing.ts'
import { isCloseCode } from '../../../conformance/frame.ts'
import { tableDigest } from '../../support/table-digest.ts'

t.test('there are 37', async t => {
  t.equal(CLOSING.length, 37)
})

t.test('codes of 7.7 may travel and want a clean end; those of 7.9 and 7.13 may not', async t => {
  const codeOf = ({ steps }: (typeof CLOSING)[number]) =>
    steps.flatMap(step => ('code' in step ? [step.code!] : []))[0]!
  const valid = CLOSING.filter(({ id }) => id.startsWith('7.7.'))
  t.same(
    valid.map(it => [isCloseCode(codeOf(it)), it.ending.clean, it.ending.codes.includes(codeOf(it))]),
    valid.map(() => [true, true, true]),
  )
  const invalid = CLOSING.filter(({ id }) => /^7\.(9|13)\./.test(id))
  t.same(
    invalid.map(it => [isCloseCode(codeOf(it)), it.ending.clean]),
    invalid.map(() => [false, false]),
  )
})

t.test('they are as they were when they were compared', async t => {
  t.equal(tableDigest(CLOSING), 'bdc0e0f24a74c87e')
})
