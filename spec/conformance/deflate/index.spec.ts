/** The list of the group. */
import t from 'tap'
import { DEFLATE_CASES, DEFLATE_GROUPS } from '../../../conformance/deflate/index.ts'

t.test('every case has a clause, and its place in the group', async t => {
  const [group] = DEFLATE_GROUPS
  t.same(
    DEFLATE_CASES.filter(({ id, clause }) => !id.startsWith(`${group?.id}.`) || clause === undefined),
    [],
  )
})
