/** The protocol by which clients of event streams are judged. */
import t, { type Test } from 'tap'
import { ClientJudge } from '../../../conformance/client-judge.ts'
import { EVENT_TYPES } from '../../../conformance/event-stream/client-judge.ts'
import { EVENT_STREAM_CASES } from '../../../conformance/event-stream/index.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { selectCases } from '../../../conformance/selection.ts'
import { until } from '../../support/waiting.ts'

async function judge(t: Test) {
  const asked: string[] = []
  const cases = selectCases(EVENT_STREAM_CASES, { side: 'client', only: ['EC2.1', 'EC2.7'], skip: [] })
  const play = { ...DEFAULT_PLAY, pace: 0.3 }
  const it = new ClientJudge({ cases, play, port: 0, host: '127.0.0.1', onReports: agent => void asked.push(agent) })
  const base = (await it.listen()).replace('ws:', 'http:')
  t.teardown(() => it.close())
  const get = async (path: string) => {
    const response = await fetch(base + path)
    return { status: response.status, body: await response.text() }
  }
  const post = async (path: string, body: string) => (await fetch(base + path, { method: 'POST', body })).status
  const begin = async (query: string) => JSON.parse((await get(`/runEventStream?${query}`)).body)
  return { it, asked, get, post, begin }
}

t.test('a case from its beginning to its verdict', async t => {
  const { it, asked, get, post, begin } = await judge(t)
  t.same(await get('/getEventStreamCaseCount'), { status: 200, body: '2' })
  const first = await begin('case=1&agent=one')
  t.match(first, { id: 'EC2.1', description: /^A field without a colon/, types: EVENT_TYPES })
  const over = get(first.over)
  const { body } = await get(first.url)
  t.equal(body, 'data\n\ndata: b\n\nretry:1\n\n')
  t.equal((await over).status, 200, 'answered when there is nothing more to come')
  const seen = ['', 'b'].map(data => ({ type: 'message', data, lastEventId: '' }))
  t.equal(await post(first.report, JSON.stringify([{ type: 'open' }, ...seen])), 200)
  await until(() => it.resultsOf('one').length === 1)
  t.match(it.resultsOf('one'), [{ id: 'EC2.1', group: 'EC2', behavior: 'OK', words: '2 events, as expected' }])
  t.equal((await get(first.url)).status, 204, 'who asks for a stream that is over is told not to come back')

  const second = await begin('casetuple=EC2.7&agent=two')
  await get(second.url)
  await post(second.report, '[]')
  await until(() => it.resultsOf('two').length === 1)
  t.match(it.resultsOf('two'), [{ id: 'EC2.7', behavior: 'FAILED', words: 'expected "a  ", got none' }])
  t.equal((await get('/updateReports?agent=a%20b')).status, 200)
  t.same(asked, ['a b'])
})

t.test('a client that never asks, and one that never tells', async t => {
  const { it, get, begin } = await judge(t)
  await begin('case=1&agent=silent')
  const { url } = await begin('case=1&agent=mute')
  await get(url)
  await until(() => it.agents.length === 2)
  t.equal(it.resultsOf('silent')[0]?.words, 'expected the client to ask for the stream, it did not')
  t.equal(it.resultsOf('mute')[0]?.words, 'expected the client to report what it has seen, it did not')
})

t.test('what makes no sense is refused in words', async t => {
  const { get, post, begin } = await judge(t)
  t.same(await get('/runEventStream?case=3&agent=a'), { status: 400, body: 'there is no case 3, but 1 to 2\n' })
  t.same(await get('/runEventStream?case=1'), { status: 400, body: 'the parameter "agent" is missing\n' })
  t.equal((await get('/nothing')).status, 400)
  const { report } = await begin('case=1&agent=a')
  t.equal(await post(report, 'x'), 400)
  t.equal(await post(report, '[{"data":"a"}]'), 400)
})
