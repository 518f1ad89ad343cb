/** The list of the group. */
import t from 'tap'
import { HOSTILE_CASES, HOSTILE_GROUPS } from '../../../conformance/hostile/index.ts'

t.test('every case has a clause, and its place in the group', async t => {
  const [group] = HOSTILE_GROUPS
  t.same(
    HOSTILE_CASES.filter(({ id, clause }) => !id.startsWith(`${group?.id}.`) || clause === undefined),
    [],
  )
})
