/** What stands behind a request: servers that are broken get exactly the verdicts that they earn, a good one none. */
import t from 'tap'
import { parseTarget } from '../../../conformance/handshake.ts'
import { BEHIND_REQUEST_CASES } from '../../../conformance/opening/behind-requests.ts'
import { DEFAULT_PLAY, judgeServer } from '../../../conformance/runner.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import { brokenServer, type Fault } from '../../support/broken-endpoint.ts'
import { verdictTable } from '../../support/verdict-table.ts'

async function judge(faults: readonly Fault[]): Promise<CaseResult[]> {
  const server = await brokenServer(faults)
  const target = { ...parseTarget(server.url), insecure: false }
  const results = await judgeServer(target, BEHIND_REQUEST_CASES, { play: { ...DEFAULT_PLAY, pace: 0.4 }, jobs: 9 })
  await server.close()
  return results
}

const VERDICTS: Readonly<Partial<Record<Fault | 'good', Record<string, string>>>> = {
  good: {},
  'second request answered': { 'FAILED / OK': 'S3.1…S3.4', 'NON-STRICT / OK': 'S3.5…S3.6' },
  'open after a refusal': { 'NON-STRICT / OK': 'S3.3…S3.6' },
  'bodies taken for frames': { 'FAILED / OK': 'S3.7…S3.9' },
  'any request accepted': { 'FAILED / OK': 'S3.3…S3.9' },
  'bad requests dropped': { 'NON-STRICT / OK': 'S3.3…S3.9' },
  refuses: {},
}

t.test('servers with one fault each get exactly the verdicts that it earns, a good one none', async t => {
  for (const [fault, expected] of Object.entries(VERDICTS))
    t.same(verdictTable(await judge(fault === 'good' ? [] : [fault as Fault])), expected, fault)
})

t.test('what was expected and what came, in a sentence', async t => {
  const words = async (fault: Fault, id: string) => (await judge([fault])).find(it => it.id === id)?.words
  t.equal(
    await words('second request answered', 'S3.1'),
    'expected no answer to what stands behind a handshake, got status 200 behind 101',
  )
  t.equal(
    await words('bodies taken for frames', 'S3.7'),
    'expected a refusal, or frames read from behind the body, but the body was taken for frames and echoed',
  )
})
