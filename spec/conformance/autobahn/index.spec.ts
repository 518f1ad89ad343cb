/** The 517 cases. */
import t from 'tap'
import { AUTOBAHN_CASES, AUTOBAHN_GROUPS } from '../../../conformance/autobahn/index.ts'

t.test('517, in order, for both sides', async t => {
  t.equal(AUTOBAHN_CASES.length, 517)
  const keys = AUTOBAHN_CASES.map(({ id }) =>
    id
      .split('.')
      .map(part => part.padStart(3, '0'))
      .join('.'),
  )
  t.same(keys, [...keys].sort())
  t.ok(AUTOBAHN_CASES.every(({ sides }) => sides.length === 2))
  t.same(
    AUTOBAHN_GROUPS.map(({ id }) => [id, AUTOBAHN_CASES.filter(it => it.id.split('.')[0] === id).length].join(': ')),
    ['1: 16', '2: 11', '3: 7', '4: 10', '5: 20', '6: 145', '7: 37', '9: 54', '10: 1', '12: 90', '13: 126'],
  )
})

t.test('what moves megabytes, or many messages, is heavy', async t => {
  const heavy = AUTOBAHN_CASES.filter(({ weight }) => weight === 'heavy')
  t.same(new Set(heavy.map(({ id }) => id.split('.')[0])), new Set(['7', '9', '12', '13']))
})
