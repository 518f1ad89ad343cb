/** A report of two peers, with all that a format can trip over. */
import type { Report } from '../../conformance/report/report.ts'
import type { CaseResult } from '../../conformance/verdict.ts'

function result(id: string, more: Partial<CaseResult> = {}): CaseResult {
  return {
    id,
    title: `case ${id}`,
    group: id.split('.')[0]!,
    behavior: 'OK',
    behaviorClose: 'OK',
    words: 'text 5 came, as expected',
    closeWords: 'closed as expected, with Close 1000',
    duration: 12,
    log: [
      { at: 0.5, from: 'suite', words: 'text, FIN, masked, 5 bytes', hex: '818500000000', bytes: 11, text: 'Hello' },
      { at: 1.5, from: 'note', words: 'the peer ended TCP' },
    ],
    ...more,
  }
}

/** Quotes, angle brackets, ends of scripts and comments, control characters, a line break. */
export const AWKWARD = 'expected "<b>" & \'#1\', got </script><!-- \u0000\u001b\ud800 \\ 1\n2'

export const SAMPLE: Report = {
  made: '2020-01-02T03:04:05.678Z',
  groups: [
    { id: '1', title: 'Framing & "more"' },
    { id: '2', title: 'Pings' },
    { id: '3', title: 'Nothing of this' },
  ],
  runs: [
    {
      agent: 'first <agent>',
      side: 'server',
      target: 'ws://localhost/',
      duration: 1500,
      results: [
        result('1.1'),
        result('1.2', { behavior: 'FAILED', words: AWKWARD }),
        result('2.1', { behaviorClose: 'WRONG CODE', closeWords: 'expected Close 1000 or none, got Close 1011' }),
        result('2.2', { behavior: 'UNIMPLEMENTED', words: 'permessage-deflate was not agreed on' }),
      ],
    },
    {
      agent: 'second',
      side: 'client',
      target: 'agent second',
      duration: 20,
      results: [result('1.1'), result('2.3')],
    },
  ],
}
