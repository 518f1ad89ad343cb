/** Baselines: what is written can be read, and only change counts. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { compareWith, deviates, formatBaseline, parseBaseline } from '../../conformance/baseline.ts'
import type { CaseResult } from '../../conformance/verdict.ts'

function result(id: string, behavior: string, behaviorClose = 'OK'): CaseResult {
  const verdict = { behavior, behaviorClose } as Pick<CaseResult, 'behavior' | 'behaviorClose'>
  return {
    id,
    title: '',
    group: '1',
    duration: 1,
    log: [],
    words: 'expected a, got b',
    closeWords: 'expected c, got d',
    ...verdict,
  }
}

const RESULTS = [
  result('1.1', 'OK'),
  result('1.2', 'NON-STRICT'),
  result('1.3', 'FAILED', 'FAILED BY CLIENT'),
  result('1.4', 'OK', 'WRONG CODE'),
  result('1.5', 'INFORMATIONAL', 'INFORMATIONAL'),
  result('1.6', 'UNIMPLEMENTED'),
]

t.test('a line for each deviation, and back', async t => {
  const text = formatBaseline(RESULTS)
  t.equal(
    text,
    [
      '1.2      NON-STRICT / OK  # expected a, got b',
      '1.3      FAILED / FAILED BY CLIENT  # expected a, got b',
      '1.4      OK / WRONG CODE  # expected c, got d',
      '',
    ].join('\n'),
  )
  t.same(
    [...parseBaseline(text)],
    RESULTS.filter(deviates).map(({ id, behavior, behaviorClose, words, closeWords }) => [
      id,
      { behavior, behaviorClose, why: behavior === 'OK' ? closeWords : words },
    ]),
  )
})

t.test('comments, blank lines, any spaces; a line that is none of these is named', async t => {
  const known = parseBaseline('# all of it\r\n\r\n  6.4.1   NON-STRICT/OK\n9.3.1 FAILED / WRONG CODE # 7 # 8\n')
  t.same([...known.keys()], ['6.4.1', '9.3.1'])
  t.equal(known.get('9.3.1')?.why, '7 # 8')
  for (const line of ['6.4.1', '6.4.1 BAD / OK', '6.4.1 OK / SO-SO', '6.4.1 OK OK']) {
    t.throws(() => parseBaseline(`\n${line}`), {
      name: 'SyntaxError',
      message: `line 2 is not like "6.4.1 NON-STRICT / OK": ${line}`,
    })
  }
})

t.test('words that people wrote are kept while the verdict is the same', async t => {
  const before = parseBaseline('1.2 NON-STRICT / OK # checks at the end\n1.4 FAILED / OK # was so once')
  const text = formatBaseline(RESULTS, before)
  t.match(text, '1.2      NON-STRICT / OK  # checks at the end\n')
  t.match(text, '1.4      OK / WRONG CODE  # expected c, got d\n')
})

t.test('only what has changed is not as expected', async t => {
  const baseline = parseBaseline('1.2 NON-STRICT / OK\n1.3 FAILED / OK\n1.4 OK / WRONG CODE\n1.1 FAILED / OK')
  t.same(
    RESULTS.map(it => compareWith(baseline, it)),
    ['better', 'as expected', 'worse', 'as expected', 'as expected', 'as expected'],
  )
  t.same(
    RESULTS.map(it => compareWith(new Map(), it)),
    ['as expected', 'as expected', 'worse', 'worse', 'as expected', 'as expected'],
  )
})

t.test('the deviations of other peers, as they are kept in this repo, are each explained', async t => {
  const folder = new URL('conformance/adapters/verdicts/', import.meta.resolve('wirewright/package.json'))
  const unexplained: string[] = []
  for (const name of readdirSync(folder)) {
    const known = parseBaseline(readFileSync(new URL(name, folder), 'utf8'))
    if (known.size === 0) unexplained.push(name)
    for (const [id, { why }] of known)
      if (why === '' || /^(expected|message) /.test(why)) unexplained.push(`${name} ${id}`)
  }
  t.same(unexplained, [])
})
