/** How clients read streams: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { type EventClientVerdicts, findVerdicts, judgeEventClient } from '../../support/event-client-verdicts.ts'

t.setTimeout(120_000)

const VERDICTS: EventClientVerdicts = {
  good: {},
  'CR is no line end': { 'FAILED / OK': 'EC1.4…EC1.5 EC1.11…EC1.13' },
  'CR and LF are two': { 'FAILED / OK': 'EC1.8…EC1.11 EC1.14' },
  'all spaces lost': { 'FAILED / OK': 'EC2.5…EC2.6 EC2.19 EC2.25 EC3.5' },
  'comments taken': { 'FAILED / OK': 'EC1.1…EC1.11 EC2.11…EC2.12' },
  'lines without a colon lost': { 'FAILED / OK': 'EC1.1…EC1.11 EC2.1 EC2.3 EC2.17 EC2.22' },
  'names in any case': { 'FAILED / OK': 'EC2.14' },
  'unfinished dispatched': { 'FAILED / OK': 'EC2.30…EC2.32' },
  'empty data lost': { 'FAILED / OK': 'EC1.1…EC1.11 EC2.1…EC2.2' },
  'type lasts': { 'FAILED / OK': 'EC1.1…EC1.11 EC2.16 EC2.20' },
  'type is never empty': { 'FAILED / OK': 'EC2.17' },
  'ID of one event': { 'FAILED / OK': 'EC2.20…EC2.21 EC2.23' },
  'ID is never empty': { 'FAILED / OK': 'EC2.22' },
  'ID with NUL taken': { 'FAILED / OK': 'EC2.23' },
  'mark kept': { 'FAILED / OK': 'EC3.1…EC3.2' },
  'every mark lost': { 'FAILED / OK': 'EC3.3…EC3.5' },
  'each chunk decoded alone': { 'FAILED / OK': 'EC3.2 EC3.9…EC3.10 EC3.16…EC3.18 EC3.26' },
  'not UTF-8 is an end': { 'FAILED / OK': 'EC3.6…EC3.7 EC3.11…EC3.26' },
}

const REPEATED =
  'EC1.3,EC1.6,EC1.7,EC1.10,EC1.12,EC1.15,EC1.16,EC1.17,EC1.18,EC1.19,EC3.12,EC3.15,EC3.17,EC3.19,EC3.20'

t.test('clients with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  t.same(await findVerdicts(VERDICTS, ['EC1', 'EC2', 'EC3'], [REPEATED]), VERDICTS)
})

t.test('lines of a mebibyte', async t => {
  const results = await judgeEventClient(['long lines are an end'], ['EC1.16', 'EC1.19', 'EC1.1'])
  t.same(
    results.map(({ behavior }) => behavior),
    ['OK', 'FAILED', 'FAILED'],
  )
})

t.test('who keeps the space behind a colon fails where there is one', async t => {
  const results = await judgeEventClient(['spaces kept'], ['EC1.1', 'EC2.4', 'EC2.5', 'EC2.19'])
  t.same(
    results.map(({ id, behavior, words }) => [id, behavior, words]),
    [
      ['EC1.1', 'OK', '4 events, as expected'],
      ['EC2.4', 'FAILED', 'expected "a" as event 1 of 2, got " a"'],
      ['EC2.5', 'FAILED', 'expected " a" as event 1 of 2, got "  a"'],
      ['EC2.19', 'FAILED', 'expected " note" "a" as event 1 of 5, got "  note" " a"'],
    ],
  )
})
