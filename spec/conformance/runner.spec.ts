/** The runner: order, how many at a time, an end before the end, and cases that break off. */
import t from 'tap'
import type { Case } from '../../conformance/case.ts'
import { parseTarget } from '../../conformance/handshake.ts'
import { allPass, DEFAULT_PLAY, judgeServer, type RunOptions } from '../../conformance/runner.ts'
import type { Verdict } from '../../conformance/verdict.ts'
import { turns } from '../support/waiting.ts'

const FINE: Verdict = { behavior: 'OK', behaviorClose: 'OK', words: 'fine', closeWords: 'fine' }
const TARGET = { ...parseTarget('ws://127.0.0.1:1/'), insecure: false }

function makeCase(id: string, weight: Case['weight'], play: () => Promise<Verdict>): Case {
  return { id, title: id, sides: ['server'], weight, play }
}

function run(cases: readonly Case[], options: Partial<RunOptions> = {}) {
  return judgeServer(TARGET, cases, { play: DEFAULT_PLAY, jobs: 3, ...options })
}

t.test('light ones first, so many at a time; results in the order of the cases', async t => {
  let [now, most] = [0, 0]
  const order: string[] = []
  const cases = Array.from({ length: 12 }, (_, n) => {
    const weight = n % 2 === 0 ? 'heavy' : 'light'
    return makeCase(`1.${n}`, weight, async () => {
      most = Math.max(most, ++now)
      await turns(12 - n)
      now--
      order.push(weight)
      return FINE
    })
  })
  const results = await run(cases)
  t.equal(most, 3)
  t.same(order, [...Array(6).fill('light'), ...Array(6).fill('heavy')])
  t.same(
    results.map(({ id }) => id),
    cases.map(({ id }) => id),
  )
  t.match(results[0], { ...FINE, group: '1', title: '1.0' })
  t.ok(allPass(results))
})

t.test('never more than four heavy ones', async t => {
  let [now, most] = [0, 0]
  const cases = Array.from({ length: 20 }, (_, n) =>
    makeCase(`1.${n}`, 'heavy', async () => {
      most = Math.max(most, ++now)
      await turns(3)
      now--
      return FINE
    }),
  )
  await run(cases, { jobs: 20 })
  t.equal(most, 4)
})

t.test('a case that breaks off fails, with its words', async t => {
  const results = await run([makeCase('1.1', 'light', () => Promise.reject(new Error('no socket')))])
  t.match(results, [{ behavior: 'FAILED', behaviorClose: 'FAILED', words: 'the case broke off: no socket' }])
  t.notOk(allPass(results))
})

t.test('it ends at the first that is meant, and when it is told to', async t => {
  const cases = Array.from({ length: 10 }, (_, n) => makeCase(`1.${n}`, 'light', async () => FINE))
  const first = await run(cases, { jobs: 1, stopsAt: ({ id }) => id === '1.3' })
  t.same(
    first.map(({ id }) => id),
    ['1.0', '1.1', '1.2', '1.3'],
  )
  t.same(await run(cases, { signal: AbortSignal.abort() }), [])
})
