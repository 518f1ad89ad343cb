/** Responses, and how clients come back: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { type EventClientVerdicts, findVerdicts, judgeEventClient } from '../../support/event-client-verdicts.ts'

t.setTimeout(120_000)

const VERDICTS: EventClientVerdicts = {
  good: {},
  '204 is no end': { 'FAILED / OK': 'EC4.9…EC4.10 EC4.35 EC5.27' },
  'any type taken': { 'FAILED / OK': 'EC4.11…EC4.17' },
  'types by their beginning': { 'FAILED / OK': 'EC4.14' },
  'types in small letters': { 'FAILED / OK': 'EC4.6' },
  // 304 has no type.
  'any status taken': { 'FAILED / OK': 'EC4.18…EC4.22 EC4.24…EC4.32' },
  'redirects not followed': { 'FAILED / OK': 'EC4.39…EC4.43' },
  'no ID behind a redirect': { 'FAILED / OK': 'EC4.39…EC4.43' },
  'no Accept': { 'NON-STRICT / OK': 'EC4.36' },
  'ID not sent': { 'FAILED / OK': 'EC4.39…EC5.1 EC5.4…EC5.9 EC5.14…EC5.16' },
  'ID is never empty': { 'FAILED / OK': 'EC5.3' },
  'ID of the unfinished sent': { 'FAILED / OK': 'EC5.5' },
  'ID sent as latin1': { 'FAILED / OK': 'EC5.6' },
  'ID with NUL taken': { 'FAILED / OK': 'EC5.8' },
  'unfinished dispatched': { 'FAILED / OK': 'EC5.5 EC5.10' },
  'rest kept': { 'FAILED / OK': 'EC5.10…EC5.12' },
  'mark kept': { 'FAILED / OK': 'EC5.12' },
  'CR is no line end': { 'FAILED / OK': 'EC5.13' },
  'a reset is an end': { 'FAILED / OK': 'EC5.14…EC5.16' },
  'retry with letters taken': { 'FAILED / OK': 'EC5.19' },
  'origin of nothing': { 'FAILED / OK': 'EC5.26' },
  'close does nothing': { 'FAILED / OK': 'EC5.29' },
  'tells of no state': {},
}

const REPEATED =
  'EC4.2,EC4.3,EC4.5,EC4.8,EC4.12,EC4.13,EC4.15,EC4.19,EC4.20,EC4.21,EC4.25,EC4.26,EC4.27,EC4.28,EC4.29,EC4.30,EC4.31,EC4.41,EC4.42,EC5.18,EC5.22,EC5.25,EC5.28'

t.test('clients with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  t.same(await findVerdicts(VERDICTS, ['EC4', 'EC5'], [REPEATED]), VERDICTS)
})

t.test('the reconnection time: kept, or ignored', async t => {
  const verdicts = async (faults: readonly 'retry ignored'[]) =>
    (await judgeEventClient(faults, ['EC5.22', 'EC5.23', 'EC5.24'])).map(({ behavior }) => behavior)
  t.same(await verdicts([]), ['OK', 'OK', 'OK'])
  t.same(await verdicts(['retry ignored']), ['OK', 'NON-STRICT', 'OK'], 'waiting longer is allowed')
})

t.test('what a client does not tell is not passed', async t => {
  const [state] = await judgeEventClient(['tells of no state'], ['EC5.27'])
  t.match(state, { behavior: 'UNIMPLEMENTED', words: 'the client does not tell of open and error' })
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: keyof typeof VERDICTS, id: string) =>
    (await judgeEventClient(fault === 'good' ? [] : [fault], [id]))[0]?.words
  t.equal(await words('204 is no end', 'EC4.9'), 'expected the client never to come back, it did')
  t.equal(await words('any type taken', 'EC4.11'), 'expected the client never to come back, it did')
  t.equal(await words('redirects not followed', 'EC4.40'), 'expected the client to follow the redirect, it did not')
  t.equal(await words('ID not sent', 'EC5.1'), 'expected Last-Event-ID "2" in request 2, got none')
  t.equal(await words('a reset is an end', 'EC5.14'), 'expected the client to come back, it did not behind stream 1')
  t.match(await words('origin of nothing', 'EC5.26'), /^expected the origin http:\/\/127\.0\.0\.1:\d+, got "null"$/)
  t.equal(await words('good', 'EC4.39'), 'it comes back to its own URL')
})
