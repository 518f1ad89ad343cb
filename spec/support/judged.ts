/** Broken endpoints before some cases of the conformance suite, and their verdicts as a table that can be read. */
import type { Case, PlayOptions, Side } from '../../conformance/case.ts'
import { ClientJudge } from '../../conformance/client-judge.ts'
import { parseTarget } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY, judgeServer } from '../../conformance/runner.ts'
import type { CaseResult } from '../../conformance/verdict.ts'
import { brokenClient, brokenServer, type Fault } from './broken-endpoint.ts'
import { until } from './waiting.ts'

export interface JudgeOptions {
  readonly play?: Partial<PlayOptions>
  /** The endpoint speaks permessage-deflate; a client's offer. Default: it does not. */
  readonly deflate?: string | undefined
  readonly jobs?: number
}

/** The cases that are for this side, played with an endpoint that has these faults. */
export async function judgeBroken(
  side: Side,
  faults: readonly Fault[],
  cases: readonly Case[],
  { play: changed = {}, deflate, jobs = 30 }: JudgeOptions = {},
): Promise<CaseResult[]> {
  const play = { ...DEFAULT_PLAY, pace: 0.3, timeout: 10_000, ...changed }
  const asked = cases.filter(({ sides }) => sides.includes(side))
  if (side === 'server') {
    const server = await brokenServer(faults, { deflate: deflate !== undefined })
    const results = await judgeServer({ ...parseTarget(server.url), insecure: false }, asked, { play, jobs })
    await server.close()
    return results
  }
  const judge = new ClientJudge({ cases: asked, play, port: 0, host: '127.0.0.1' })
  const url = await judge.listen()
  const options = deflate === undefined ? {} : { deflate }
  await Promise.all(asked.map((_, i) => brokenClient(`${url}/runCase?case=${i + 1}&agent=a`, faults, options)))
  await until(() => judge.resultsOf('a').length === asked.length)
  const results = judge.resultsOf('a')
  await judge.close()
  return results
}

/** For each verdict but a plain OK, the ids that have it, in their order. */
export function verdictsOf(results: readonly CaseResult[]): Record<string, string> {
  const found: Record<string, string[]> = {}
  for (const { id, behavior, behaviorClose } of results) {
    if (behavior !== 'OK' || behaviorClose !== 'OK') (found[`${behavior} / ${behaviorClose}`] ??= []).push(id)
  }
  return Object.fromEntries(Object.entries(found).map(([verdict, ids]) => [verdict, ids.join(' ')]))
}

/** Of each fault, or `good`, the verdicts that it earns. */
export type Earned = Readonly<Partial<Record<Fault | 'good', Record<string, string>>>>

/** What was found for each fault of a table. */
export async function judgeEach(
  side: Side,
  earned: Earned,
  cases: readonly Case[],
  options: JudgeOptions = {},
): Promise<Record<string, Record<string, string>>> {
  const names = Object.keys(earned)
  const found = await Promise.all(
    names.map(async name =>
      verdictsOf(await judgeBroken(side, name === 'good' ? [] : [name as Fault], cases, options)),
    ),
  )
  return Object.fromEntries(names.map((name, i) => [name, found[i]!]))
}
