/** How servers write what they are given: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { type EventServerVerdicts, findVerdicts, judgeEventServer } from '../../support/event-server-verdicts.ts'

t.setTimeout(120_000)

const VERDICTS: EventServerVerdicts = {
  good: {},
  // All that has a LF, or what is refused: 3.34 and 3.35 are written as they are, too.
  'forged by LF': {
    'FAILED / OK': 'ES3.2…ES3.8 ES3.18…ES3.20 ES3.25…ES3.27 ES3.30…ES3.31 ES3.34…ES3.38',
  },
  'forged by CR': { 'FAILED / OK': 'ES3.3 ES3.5 ES3.7 ES3.19 ES3.26 ES3.31 ES3.38' },
  'spaces lost': { 'FAILED / OK': 'ES3.10…ES3.11 ES3.24' },
  'empty data lost': { 'FAILED / OK': 'ES3.9' },
  'surrogates refused': { 'FAILED / OK': 'ES3.17' },
  'last line end lost': { 'FAILED / OK': 'ES3.6 ES3.8 ES3.18…ES3.19' },
  'ID with NUL written': { 'FAILED / OK': 'ES3.32' },
  'any retry written': { 'FAILED / OK': 'ES3.34…ES3.35' },
  'does not post': {},
  'posts data alone': {},
}

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  t.same(await findVerdicts(VERDICTS, ['ES3']), VERDICTS)
})

t.test('what a server does not do is not passed', async t => {
  const silent = await judgeEventServer(['does not post'], ['ES3'])
  t.ok(silent.every(({ behavior }) => behavior === 'UNIMPLEMENTED'))
  const partial = await judgeEventServer(['posts data alone'], ['ES3'])
  const missing = partial.filter(({ behavior }) => behavior === 'UNIMPLEMENTED').map(({ title }) => title)
  t.equal(missing.length, 16)
  t.notOk(missing.some(title => title.startsWith('Data')))
  t.match(missing[0], /^Event type/)
})

t.test('what was expected and what came, in a sentence', async t => {
  const results = await judgeEventServer(['forged by LF'], ['ES3.2', 'ES3.18', 'ES3.30'])
  t.same(
    results.map(({ words }) => words),
    [
      'expected "one\\ntwo", got "one"',
      'expected one event, got another: "forged"',
      'expected one event, got another: "more" with the ID "7"',
    ],
  )
})
