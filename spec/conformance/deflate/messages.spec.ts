/** Messages in every form: endpoints that mistake one get exactly the verdicts that they earn, good ones none. */
import t from 'tap'
import { MESSAGE_CASES } from '../../../conformance/deflate/messages.ts'
import { type Earned, judgeBroken, judgeEach } from '../../support/judged.ts'

const EARNED: Earned = {
  good: {},
  'deflate context lost': { 'FAILED / OK': 'D.1.6 D.1.14 D.1.15' },
  'BFINAL ends the context': { 'FAILED / OK': 'D.1.6' },
  'BFINAL ends compression': { 'FAILED / OK': 'D.1.5 D.1.6 D.1.10' },
  'all messages in the window': { 'FAILED / OK': 'D.1.14' },
  'empty messages lost': { 'FAILED / OK': 'D.1.7 D.1.8 D.1.9 D.1.10' },
  'only whole messages': { 'FAILED / OK': 'D.1.11 D.1.12' },
}

for (const [side, deflate] of [
  ['server', 'permessage-deflate'],
  ['client', 'permessage-deflate; client_max_window_bits'],
] as const) {
  t.test(`a ${side}`, async t => {
    t.same(await judgeEach(side, EARNED, MESSAGE_CASES, { deflate }), EARNED)
    const [result] = await judgeBroken(side, [], MESSAGE_CASES.slice(0, 1))
    t.match(result, { behavior: 'UNIMPLEMENTED', words: 'permessage-deflate was not agreed on' })
  })
}

t.test('what was expected and what came, in a sentence', async t => {
  const last = MESSAGE_CASES.filter(({ id }) => id === 'D.1.15')
  const [result] = await judgeBroken('server', ['deflate context lost'], last, { deflate: '' })
  t.equal(result?.words, 'message 2: expected its 258 octets back, got none, but Close 1007')
})
