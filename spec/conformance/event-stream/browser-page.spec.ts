/** The page by which a browser judges itself, in a real one. */
import t from 'tap'
import { ClientJudge } from '../../../conformance/client-judge.ts'
import { BROWSER_PAGE } from '../../../conformance/event-stream/browser-page.ts'
import { EVENT_STREAM_CASES } from '../../../conformance/event-stream/index.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { selectCases } from '../../../conformance/selection.ts'
import { CHROMIUM, playPage } from '../../support/chromium.ts'
import { needs } from '../../support/programs.ts'

// A browser may take long to start where there is other work.
t.setTimeout(90_000)

t.test('it loads nothing from elsewhere', async t => {
  t.notMatch(BROWSER_PAGE, /https?:|src=/)
})

t.test('Chromium plays the cases, and passes', needs('chromium', CHROMIUM), async t => {
  const only = ['EC1.9', 'EC2', 'EC3.10', 'EC4.9', 'EC4.40', 'EC5.1', 'EC5.26', 'EC5.27']
  const cases = selectCases(EVENT_STREAM_CASES, { side: 'client', only, skip: [] })
  const judge = new ClientJudge({ cases, play: DEFAULT_PLAY, port: 0, host: '127.0.0.1' })
  const base = (await judge.listen()).replace('ws:', 'http:')
  t.teardown(() => judge.close())
  const said = await playPage(`${base}/?agent=browser`)
  t.equal(said, `Done: ${cases.length} cases as browser`)
  t.same(
    judge.resultsOf('browser').map(({ id, behavior }) => [id, behavior]),
    cases.map(({ id }) => [id, 'OK']),
  )
})
