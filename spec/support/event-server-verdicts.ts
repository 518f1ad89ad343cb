/**
 * Verdicts of the suite on servers of event streams that are right, or broken in one way. What a server does not offer at
 * all (UNIMPLEMENTED) and what is only told are left out of the tables.
 */
import { EVENT_STREAM_CASES } from '../../conformance/event-stream/index.ts'
import { parseTarget } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY, judgeServer } from '../../conformance/runner.ts'
import { selectCases } from '../../conformance/selection.ts'
import type { CaseResult } from '../../conformance/verdict.ts'
import { brokenEventServer, type ServerFault } from './broken-event-server.ts'
import { verdictTable } from './verdict-table.ts'

const QUIET = ['OK / OK', 'INFORMATIONAL / OK', 'UNIMPLEMENTED / OK']

export type EventServerVerdicts = Readonly<Partial<Record<ServerFault | 'good', Record<string, string>>>>

/** Of a server with these faults, in a time of its own. */
export async function judgeEventServer(
  faults: readonly ServerFault[],
  only: readonly string[],
  { heartbeat, jobs = 40, skip = [] }: { heartbeat?: number; jobs?: number; skip?: readonly string[] } = {},
): Promise<CaseResult[]> {
  const server = await brokenEventServer(faults)
  const cases = selectCases(EVENT_STREAM_CASES, { side: 'server', only, skip })
  const play = { ...DEFAULT_PLAY, pace: 0.25, timeout: 10_000, heartbeat }
  try {
    return await judgeServer({ ...parseTarget(server.url), insecure: false }, cases, { play, jobs })
  } finally {
    await server.close()
  }
}

/** What is large, which is played with good servers alone. */
const LARGE = ['ES3.21', 'ES3.22']

/** For each fault of a table what came, four at a time, since most of it is waiting. */
export async function findVerdicts(
  verdicts: EventServerVerdicts,
  only: readonly string[],
): Promise<Record<string, Record<string, string>>> {
  const found: Record<string, Record<string, string>> = {}
  const faults = Object.keys(verdicts)
  const work = async () => {
    for (let fault = faults.shift(); fault !== undefined; fault = faults.shift()) {
      const results = await (fault === 'good'
        ? judgeEventServer([], only)
        : judgeEventServer([fault as ServerFault], only, { skip: LARGE }))
      found[fault] = verdictTable(results, QUIET)
    }
  }
  await Promise.all(Array.from({ length: 4 }, work))
  return found
}
