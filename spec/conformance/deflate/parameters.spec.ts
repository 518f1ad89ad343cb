/** What is agreed on and kept to: endpoints that do not get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import { PARAMETER_CASES } from '../../../conformance/deflate/parameters.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

t.test('servers', async t => {
  const earned: Earned = {
    good: {},
    'deflate window ignored': { 'FAILED / OK': 'D.4.3 D.4.4 D.4.5 D.4.6 D.4.8 D.4.10 D.4.11' },
    'deflate context kept': { 'FAILED / OK': 'D.4.9 D.4.10' },
    'window for clients unasked': { 'FAILED / OK': 'D.4.1 D.4.2' },
    'parameters not answered': { 'FAILED / OK': 'D.4.3 D.4.4 D.4.5 D.4.6 D.4.7 D.4.8 D.4.9 D.4.10' },
  }
  t.same(await judgeEach('server', earned, PARAMETER_CASES, { deflate: '' }), earned)
})

t.test('clients', async t => {
  const unasked = { 'UNIMPLEMENTED / OK': 'D.4.21' }
  const earned: Earned = {
    good: unasked,
    'deflate window ignored': { 'FAILED / OK': 'D.4.14 D.4.15 D.4.16 D.4.17 D.4.18', ...unasked },
    'deflate context kept': { 'FAILED / OK': 'D.4.12 D.4.18', ...unasked },
  }
  const deflate = 'permessage-deflate; client_max_window_bits'
  t.same(await judgeEach('client', earned, PARAMETER_CASES, { deflate }), earned)
  const plain: Earned = {
    good: { 'UNIMPLEMENTED / OK': 'D.4.14 D.4.15 D.4.16 D.4.17 D.4.18' },
    'any response accepted': {
      'UNIMPLEMENTED / OK': 'D.4.14 D.4.15 D.4.16 D.4.17 D.4.18',
      'FAILED / OK': 'D.4.21',
    },
  }
  t.same(await judgeEach('client', plain, PARAMETER_CASES, { deflate: 'permessage-deflate' }), plain)
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: 'deflate window ignored' | 'parameters not answered') =>
    (
      await judgeBroken(
        'server',
        [fault],
        PARAMETER_CASES.filter(({ id }) => id === 'D.4.4'),
        { deflate: '' },
      )
    )[0]?.words
  t.match(
    await words('deflate window ignored'),
    /^message 1: expected its 15400 octets back, got none: .* a distance of \d+, with a window of 512$/,
  )
  t.equal(await words('parameters not answered'), 'expected server_max_window_bits of at most 9, got none')
})
