/** Group 6: what is valid and what is not, against the platform's own decoder. */
import t from 'tap'
import { bytesOf } from '../../../conformance/autobahn/script.ts'
import { UTF8 } from '../../../conformance/autobahn/utf8.ts'
import { tableDigest } from '../../support/table-digest.ts'

t.test('there are 145', async t => {
  t.equal(UTF8.length, 145)
})

t.test('a text must be echoed exactly if it is UTF-8', async t => {
  const wrong = UTF8.filter(({ steps, expect, ending }) => {
    const payload = Buffer.concat(steps.flatMap(step => ('payload' in step ? [bytesOf(step.payload)] : [])))
    let isValid = true
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(payload)
    } catch {
      isValid = false
    }
    const [event] = expect
    const isEchoed = event?.event === 'message' && bytesOf(event.payload).equals(payload)
    return isValid
      ? !isEchoed || ending.by !== 'suite'
      : isEchoed || ending.by !== 'testee' || !ending.codes.includes(1007)
  })
  t.same(
    wrong.map(({ id }) => id),
    [],
  )
})

t.test('fail-fast cases stop being UTF-8 in their second part', async t => {
  for (const { steps } of UTF8.filter(({ id }) => id.startsWith('6.4.'))) {
    const parts = steps.flatMap(step => ('payload' in step && step.payload.length > 0 ? [bytesOf(step.payload)] : []))
    const decode = (count: number) =>
      new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts.slice(0, count)), { stream: true })
    t.doesNotThrow(() => decode(1))
    t.throws(() => decode(2))
  }
})

t.test('they are as they were when they were compared', async t => {
  t.equal(tableDigest(UTF8), 'e5ca6245f8e1a061')
})
