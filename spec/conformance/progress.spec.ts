/** What a run shows: nothing for what is as expected, a line for what is not, and a moving line on a terminal only. */
import t from 'tap'
import { Progress, summaryTable } from '../../conformance/progress.ts'
import type { CaseResult } from '../../conformance/verdict.ts'

function result(
  id: string,
  behavior: CaseResult['behavior'] = 'OK',
  behaviorClose: CaseResult['behaviorClose'] = 'OK',
): CaseResult {
  const words = { words: 'expected a, got b', closeWords: 'expected c, got d' }
  return { id, title: 'a case', group: id.split('.')[0]!, behavior, behaviorClose, duration: 1, log: [], ...words }
}

function output(isTTY: boolean) {
  const written: string[] = []
  return { written, write: (text: string) => written.push(text), isTTY, columns: 60 }
}

t.test('into a pipe: what is not as expected, and nothing else', async t => {
  const out = output(false)
  const progress = new Progress(out, 3)
  progress.result(result('1.1'), 'as expected')
  progress.result(result('1.2', 'FAILED'), 'worse')
  progress.result(result('1.3', 'OK', 'UNCLEAN'), 'worse', 'agent 7')
  progress.result(result('1.4'), 'better')
  progress.end()
  t.same(out.written, [
    '✗ 1.2  FAILED: expected a, got b\n',
    '✗ agent 7  1.3  OK, close UNCLEAN: expected c, got d\n',
    '✓ 1.4  OK: better than the baseline has it\n',
  ])
})

t.test('what a peer has sent does not steer the terminal', async t => {
  const out = output(false)
  new Progress(out, 1).result({ ...result('1.1', 'FAILED'), words: 'got "\x1b[2J\r"' }, 'worse', 'a\u009b')
  t.same(out.written, ['✗ a·  1.1  FAILED: got "·[2J·"\n'])
})

t.test('on a terminal: a line that moves, is no longer than the screen, and is gone at the end', async t => {
  const out = output(true)
  const progress = new Progress(out, 2)
  progress.result(result('1.1'), 'as expected')
  progress.result(result('1.2', 'FAILED'), 'worse')
  progress.end()
  const text = out.written.join('')
  t.match(text, '\r\x1b[K████████████░░░░░░░░░░░░ 1/2  1.1')
  t.match(text, /2\/2 {2}1\.2 {2}1 not as expected/)
  t.ok(text.endsWith('\r\x1b[K'))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what moves the line
  t.ok(out.written.every(part => part.replace(/\r\x1b\[K/, '').length < 60))
})

t.test('the table at the end', async t => {
  const run = { agent: 'peer', side: 'server', target: 'ws://a', duration: 1234 } as const
  const results = [result('1.1'), result('1.2', 'FAILED', 'UNCLEAN'), result('2.1', 'NON-STRICT')]
  const groups = ['1', '2', '3'].map(id => ({ id, title: `group ${id}` }))
  t.equal(
    summaryTable({ made: '', groups, runs: [{ ...run, results }] }),
    [
      'peer, 1.2 s',
      '           cases  OK  non-strict  informational  unimplemented  failed  bad closes',
      '1 group 1      2   1           ·              ·              ·       1           1',
      '2 group 2      1   ·           1              ·              ·       ·           ·',
      '',
    ].join('\n'),
  )
})
