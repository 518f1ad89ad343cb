/** Verdicts without a close, and cases for one kind of peer. */
import t from 'tap'
import { caseFor, failed, finding, fine, missing } from '../../../conformance/event-stream/finding.ts'
import { ServerPeer } from '../../../conformance/server-peer.ts'
import { passes } from '../../../conformance/verdict.ts'

t.test('only what failed does not pass', async t => {
  t.ok([fine('x'), missing('x'), finding('INFORMATIONAL', 'x')].every(passes))
  t.notOk(passes(failed('x')))
  t.match(missing('x'), { behavior: 'UNIMPLEMENTED', behaviorClose: 'OK', words: 'x' })
})

t.test('a case for another kind of peer is not played', async t => {
  const it = caseFor('server', ServerPeer, 'ES1.1', { title: 'a', clause: 'b' }, async () => fine('x'))
  t.match(it, { id: 'ES1.1', title: 'a', clause: 'b', sides: ['server'], transport: 'event-stream', weight: 'light' })
  t.throws(() => it.play({} as ServerPeer), /^ES1\.1 is for the servers of event streams$/)
})
