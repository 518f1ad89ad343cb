/**
 * Verdicts of the suite on clients of event streams that are right, or broken in one way. What a client does not tell
 * (UNIMPLEMENTED) and what is only told are left out of the tables.
 */
import { ClientJudge } from '../../conformance/client-judge.ts'
import { EVENT_STREAM_CASES } from '../../conformance/event-stream/index.ts'
import { DEFAULT_PLAY } from '../../conformance/runner.ts'
import { selectCases } from '../../conformance/selection.ts'
import type { CaseResult } from '../../conformance/verdict.ts'
import { type ClientFault, playBrokenClient } from './broken-event-source.ts'
import { verdictTable } from './verdict-table.ts'
import { until } from './waiting.ts'

const QUIET = ['OK / OK', 'INFORMATIONAL / OK', 'UNIMPLEMENTED / OK']

export type EventClientVerdicts = Readonly<Partial<Record<ClientFault | 'good', Record<string, string>>>>

export async function judgeEventClient(
  faults: readonly ClientFault[],
  only: readonly string[],
  skip: readonly string[] = [],
): Promise<CaseResult[]> {
  const cases = selectCases(EVENT_STREAM_CASES, { side: 'client', only, skip })
  const play = { ...DEFAULT_PLAY, pace: 0.3, timeout: 10_000 }
  const judge = new ClientJudge({ cases, play, port: 0, host: '127.0.0.1' })
  const base = (await judge.listen()).replace('ws:', 'http:')
  try {
    await playBrokenClient(base, cases.length, faults)
    await until(() => judge.resultsOf('a').length === cases.length)
    return judge.resultsOf('a')
  } finally {
    await judge.close()
  }
}

/**
 * For each fault of a table what came, three at a time, since most of it is waiting.
 *
 * @param skip what repeats others or is large: played with good clients alone
 */
export async function findVerdicts(
  verdicts: EventClientVerdicts,
  only: readonly string[],
  skip: readonly string[],
): Promise<Record<string, Record<string, string>>> {
  const found: Record<string, Record<string, string>> = {}
  const faults = Object.keys(verdicts)
  const work = async () => {
    for (let fault = faults.shift(); fault !== undefined; fault = faults.shift()) {
      const results = await (fault === 'good'
        ? judgeEventClient([], only)
        : judgeEventClient([fault as ClientFault], only, skip))
      found[fault] = verdictTable(results, QUIET)
    }
  }
  await Promise.all(Array.from({ length: 3 }, work))
  return found
}
