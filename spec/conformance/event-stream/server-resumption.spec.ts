/** Resuming, and clients that behave badly: good servers, and broken ones that get exactly the verdicts that they earn. */
import t from 'tap'
import type { ServerFault } from '../../support/broken-event-server.ts'
import { type EventServerVerdicts, findVerdicts, judgeEventServer } from '../../support/event-server-verdicts.ts'

t.setTimeout(120_000)

const VERDICTS: EventServerVerdicts = {
  good: {},
  'replay repeats': { 'FAILED / OK': 'ES4.1' },
  'no replay': { 'FAILED / OK': 'ES4.2' },
  'replay of other data': { 'FAILED / OK': 'ES4.3' },
  'replay in reverse': { 'FAILED / OK': 'ES4.4' },
  // Of a head of 100 KiB that may be done.
  'drops who has a strange ID': { 'FAILED / OK': 'ES4.6…ES4.14' },
  '500 for a strange ID': { 'FAILED / OK': 'ES4.6…ES4.15' },
  'no IDs': {},
}

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  t.same(await findVerdicts(VERDICTS, ['ES4']), VERDICTS)
})

t.test('without IDs there is nothing to be resumed', async t => {
  const results = await judgeEventServer(['no IDs'], ['ES4.1', 'ES4.2', 'ES4.3', 'ES4.4', 'ES4.5'])
  t.same(new Set(results.map(({ behavior }) => behavior)), new Set(['UNIMPLEMENTED']))
  t.match(results[0]?.words, /^its events do not all have IDs/)
})

/** The first case that fails of those, one after the other: what they do to the server lasts. */
async function firstFailed(fault: ServerFault | undefined, only: string): Promise<string | undefined> {
  const results = await judgeEventServer(fault === undefined ? [] : [fault], [only], { jobs: 1 })
  return results.find(({ behavior }) => behavior === 'FAILED')?.id
}

t.test('servers that one client can stop', async t => {
  t.equal(await firstFailed(undefined, 'ES5'), undefined)
  t.equal(await firstFailed('one stream at a time', 'ES5.1'), 'ES5.1')
  t.equal(await firstFailed('dies of a reset', 'ES5.3'), 'ES5.3')
  t.equal(await firstFailed('waits for the slowest', 'ES5.7'), 'ES5.7')
  t.equal(await firstFailed('strange IDs stop it', 'ES4'), 'ES4.6')
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: ServerFault, id: string) => (await judgeEventServer([fault], [id]))[0]?.words
  t.match(await words('replay repeats', 'ES4.1'), /^expected the events behind "\d+", got "event \d+" with the ID/)
  t.equal(
    await words('drops who has a strange ID', 'ES4.6'),
    'expected an answer, but the server ended TCP without a response',
  )
  t.match(await words('one stream at a time', 'ES5.1'), /^expected status 200, but got "HTTP\/1\.1 503 Busy"$/)
})
