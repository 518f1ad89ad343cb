/** The TAP report: as TAP 14 has it. */
import t from 'tap'
import { formatTap } from '../../../conformance/report/tap.ts'
import { SAMPLE } from '../../support/sample-report.ts'

t.test('one peer: its cases at the top', async t => {
  const [first] = SAMPLE.runs
  const lines = formatTap({ ...SAMPLE, runs: [first!] }).split('\n')
  t.same(lines, [
    'TAP version 14',
    '1..4',
    'ok 1 - 1.1 case 1.1',
    'not ok 2 - 1.2 case 1.2',
    '  ---',
    '  verdict: "FAILED"',
    `  message: ${JSON.stringify(first!.results[1]!.words)}`,
    '  duration_ms: 12',
    '  ...',
    'not ok 3 - 2.1 case 2.1',
    '  ---',
    '  verdict: "OK, close WRONG CODE"',
    '  message: "expected Close 1000 or none, got Close 1011"',
    '  duration_ms: 12',
    '  ...',
    'ok 4 - 2.2 case 2.2 # SKIP permessage-deflate was not agreed on',
    '',
  ])
})

t.test('several: a subtest for each', async t => {
  const lines = formatTap(SAMPLE).split('\n')
  t.same(
    lines.filter(line => /^\S/.test(line)),
    [
      'TAP version 14',
      '1..2',
      '# Subtest: first <agent>',
      'not ok 1 - first <agent>',
      '# Subtest: second',
      'ok 2 - second',
    ],
  )
  t.ok(lines.includes('    ok 2 - 2.3 case 2.3'))
})

t.test('what TAP would take for a directive is escaped', async t => {
  const [first] = SAMPLE.runs
  const results = [{ ...first!.results[0]!, title: 'a # SKIP \\ b\nc' }]
  t.match(formatTap({ ...SAMPLE, runs: [{ ...first!, results }] }), 'ok 1 - 1.1 a \\# SKIP \\\\ b c\n')
})
