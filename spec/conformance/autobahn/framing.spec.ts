/** Groups 1 to 5 and 10: the tables are whole, and what is expected follows from what is sent. */
import t from 'tap'
import { AUTO_FRAGMENTATION, FRAMING } from '../../../conformance/autobahn/framing.ts'
import { tableDigest } from '../../support/table-digest.ts'

t.test('so many cases in each group', async t => {
  const ids = [...FRAMING, ...AUTO_FRAGMENTATION].map(({ id }) => id)
  t.same(
    ['1', '2', '3', '4', '5', '10'].map(group => [group, ids.filter(id => id.startsWith(`${group}.`)).length]),
    [
      ['1', 16],
      ['2', 11],
      ['3', 7],
      ['4', 10],
      ['5', 20],
      ['10', 1],
    ],
  )
})

t.test('every control frame is answered or refused as §5.5 has it', async t => {
  const wrong = FRAMING.filter(({ steps, ending }) => {
    const isBad = steps.some(
      step =>
        'send' in step &&
        step.send === 'frame' &&
        step.opcode >= 8 &&
        (!step.fin || step.payload.length > 125 || step.rsv > 0 || step.opcode > 10),
    )
    return isBad && ending.by !== 'testee'
  })
  t.same(wrong, [])
})

t.test('they are as they were when they were compared', async t => {
  t.equal(tableDigest([FRAMING, AUTO_FRAGMENTATION]), '8f2bbb4443cc3ea3')
})
