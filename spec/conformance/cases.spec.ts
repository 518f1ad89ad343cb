/** The list of all cases. */
import t from 'tap'
import { CASES, GROUPS } from '../../conformance/cases.ts'

t.test('ids are unique, each belongs to a group, and each group has cases', async t => {
  t.equal(new Set(CASES.map(({ id }) => id)).size, CASES.length)
  const groups = new Set(CASES.map(({ id }) => id.split('.')[0]))
  t.same(
    [...groups],
    GROUPS.map(({ id }) => id),
  )
})

t.test('each has words of its own, and a side', async t => {
  t.same(
    CASES.filter(({ title, sides }) => title.length < 10 || title.length > 400 || sides.length === 0).map(
      ({ id }) => id,
    ),
    [],
  )
})
