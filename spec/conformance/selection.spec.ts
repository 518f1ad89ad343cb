/** Patterns of case ids. */
import t from 'tap'
import { AUTOBAHN_CASES } from '../../conformance/autobahn/index.ts'
import { CASES } from '../../conformance/cases.ts'
import { SelectionError, selectCases } from '../../conformance/selection.ts'

function ids(only: readonly string[], skip: readonly string[] = []): string {
  return selectCases(CASES, { side: 'server', only, skip })
    .map(({ id }) => id)
    .join(' ')
}

t.test('ids, beginnings up to a dot, stars, lists', async t => {
  t.equal(ids(['1.1.1']), '1.1.1')
  t.equal(ids(['6.4']), '6.4.1 6.4.2 6.4.3 6.4.4')
  t.equal(ids(['4.*.1']), '4.1.1 4.2.1')
  t.equal(ids(['7.1.1, 2.1', '10']), '2.1 7.1.1 10.1.1', 'in the order of the cases')
  t.notMatch(ids(['1']), '10.1.1', '1 is not the beginning of 10')
  t.notMatch(ids(['2.1']), '2.10')
})

t.test('what is skipped is skipped, whatever is wanted', async t => {
  t.equal(ids(['6.4'], ['6.4.2,6.4.3']), '6.4.1 6.4.4')
  t.notMatch(ids([], ['12', '13']), /(^| )1[23]\./)
})

t.test('a pattern that means nothing, and a selection that leaves nothing', async t => {
  t.throws(() => ids(['8']), new SelectionError('no case is called "8"'))
  t.throws(() => ids([], ['1.1.9']), new SelectionError('no case is called "1.1.9"'))
  t.throws(() => ids(['1.1'], ['1']), new SelectionError('no case is left to be played with a server'))
  t.throws(() => ids(['1(']), SelectionError)
})

t.test('only cases for the side that is judged', async t => {
  const mine = AUTOBAHN_CASES.map(it => ({ ...it, sides: it.id.startsWith('1.') ? (['client'] as const) : it.sides }))
  t.equal(selectCases(mine, { side: 'server', only: [], skip: [] }).length, AUTOBAHN_CASES.length - 16)
  t.equal(selectCases(mine, { side: 'client', only: [], skip: [] }).length, AUTOBAHN_CASES.length)
})

t.test('cases about one version of HTTP are left out with the other', async t => {
  const list = (http: '1.1' | '2' | undefined) =>
    selectCases(CASES, {
      side: 'server',
      ...(http === undefined ? {} : { http }),
      only: ['1.1.1', 'S1', 'H2'],
      skip: [],
    })
      .map(({ id }) => id.split('.')[0])
      .join(' ')
  t.match(list('1.1'), /^1( S1)+$/)
  t.equal(list(undefined), list('1.1'))
  t.match(list('2'), /^1( H2)+$/)
})
