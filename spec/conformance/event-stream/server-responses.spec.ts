/** Responses and streams of servers: good ones, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import { type EventServerVerdicts, findVerdicts, judgeEventServer } from '../../support/event-server-verdicts.ts'

t.setTimeout(120_000)

const VERDICTS: EventServerVerdicts = {
  good: {},
  'wrong content type': { 'FAILED / OK': 'ES1.1' },
  'wrong charset': { 'FAILED / OK': 'ES1.2' },
  'may be cached': { 'FAILED / OK': 'ES1.3' },
  'encoded unasked': { 'FAILED / OK': 'ES1.4' },
  'has a length': { 'FAILED / OK': 'ES1.6' },
  'chunks end with LF': { 'FAILED / OK': 'ES1.7' },
  'chunks too long': { 'FAILED / OK': 'ES1.7' },
  'ends without a last chunk': { 'FAILED / OK': 'ES1.7' },
  'not flushed': { 'FAILED / OK': 'ES1.8' },
  'chunked for HTTP/1.0': { 'FAILED / OK': 'ES1.9' },
  'HEAD with a body': { 'FAILED / OK': 'ES1.10' },
  'queries refused': { 'FAILED / OK': 'ES1.11' },
  'Accept needed': { 'FAILED / OK': 'ES1.12…ES1.13' },
  // What is not UTF-8 stands at the beginning of a line, and makes a field of it that nobody knows.
  'not UTF-8': { 'FAILED / OK': 'ES2.1', 'NON-STRICT / OK': 'ES2.3' },
  'marks amid the stream': { 'FAILED / OK': 'ES2.2' },
  'unknown fields': { 'NON-STRICT / OK': 'ES2.3' },
  'events without an empty line': { 'FAILED / OK': 'ES2.4' },
  'types without data': { 'NON-STRICT / OK': 'ES2.5' },
  'ID twice': { 'NON-STRICT / OK': 'ES2.6' },
  'ID with NUL': { 'FAILED / OK': 'ES2.7' },
  'ID with control characters': { 'FAILED / OK': 'ES2.8' },
  'retry with letters': { 'FAILED / OK': 'ES2.9' },
  silent: {},
}

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  t.same(await findVerdicts(VERDICTS, ['ES1', 'ES2']), VERDICTS)
})

t.test('what does not come is not passed', async t => {
  const verdicts = async (fault: 'not flushed' | 'silent') =>
    (await judgeEventServer([fault], ['ES1.11', 'ES2.1', 'ES2.4'])).map(({ behavior }) => behavior)
  t.same(await verdicts('not flushed'), Array(3).fill('UNIMPLEMENTED'))
  t.same(await verdicts('silent'), ['OK', 'UNIMPLEMENTED', 'UNIMPLEMENTED'], 'a comment comes')
})

t.test('a silence that is documented: kept, or not', async t => {
  const heartbeat = async (faults: readonly 'silent'[], milliseconds?: number) => {
    const [result] = await judgeEventServer(faults, ['ES2.10'], { heartbeat: milliseconds! })
    return [result?.behavior, result?.words]
  }
  t.same(await heartbeat([], 500), ['OK', 'never silent for more than 500 ms'])
  t.same(await heartbeat(['silent'], 200), ['FAILED', 'expected a sign of life within 200 ms, got none'])
  t.match(await heartbeat([]), ['INFORMATIONAL', /^\d+ events and 1 comments within 1500 ms$/])
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: keyof typeof VERDICTS, id: string) =>
    (await judgeEventServer(fault === 'good' ? [] : [fault], [id]))[0]?.words
  t.equal(await words('wrong content type', 'ES1.1'), 'expected Content-Type: text/event-stream, got text/plain')
  t.equal(await words('has a length', 'ES1.6'), 'expected no Content-Length, got "1000000"')
  t.equal(
    await words('chunks end with LF', 'ES1.7'),
    'expected the chunked coding to be right, got a line ends with LF alone',
  )
  t.match(await words('HEAD with a body', 'ES1.10'), /^expected nothing behind the head, got \d+ octets$/)
  t.equal(await words('retry with letters', 'ES2.9'), 'expected digits, got "5s"')
})
