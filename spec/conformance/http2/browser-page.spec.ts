/** The page by which a browser judges its WebSockets over HTTP/2, in a real one. */
import t from 'tap'
import { CASES } from '../../../conformance/cases.ts'
import { ClientJudge } from '../../../conformance/client-judge.ts'
import { BROWSER_PAGE } from '../../../conformance/http2/browser-page.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { selectCases } from '../../../conformance/selection.ts'
import { certificates } from '../../support/certificate.ts'
import { CHROMIUM, playPage } from '../../support/chromium.ts'
import { verdictsOf } from '../../support/judged.ts'
import { needs } from '../../support/programs.ts'

// A browser may take long to start where there is other work.
t.setTimeout(90_000)

/** It fails a WebSocket by RST_STREAM, before which its Close is not written; and takes no response behind another. */
const KNOWN = { 'NON-STRICT / OK': 'B.1.13', 'FAILED / OK': 'H2.25', 'INFORMATIONAL / OK': 'H2.44' }
/** Whether the Close comes back is a matter of how END_STREAM arrives. */
const CHANGES = ['H2.37']

t.test('it loads nothing from elsewhere', async t => {
  t.notMatch(BROWSER_PAGE, /https?:|src=/)
})

t.test('Chromium plays the cases on one connection', needs('chromium', CHROMIUM), async t => {
  const only = ['1.1', '2', '5.1', '6.3', '7.3', '12.1.1', 'B.1.13', 'H2']
  const cases = selectCases(CASES, { side: 'client', http: '2', transport: 'websocket', only, skip: [] })
  const tls = certificates().local
  const judge = new ClientJudge({ cases, play: DEFAULT_PLAY, port: 0, host: '127.0.0.1', tls, http2: true })
  const base = (await judge.listen()).replace('wss:', 'https:')
  t.teardown(() => judge.close())
  const said = await playPage(`${base}/?agent=browser`, '--ignore-certificate-errors')
  t.equal(said, `Done: ${cases.length} cases as browser`)
  const results = judge.resultsOf('browser')
  t.same(
    cases.filter(it => !results.some(({ id }) => id === it.id)).map(it => it.id),
    [],
  )
  t.same(verdictsOf(results.filter(({ id }) => !CHANGES.includes(id))), KNOWN)
})
