/** What a report is made of: the runs of one or more peers, side by side. */
import type { Group, Side } from '../case.ts'
import { BEHAVIORS, type Behavior, type CaseResult, passes } from '../verdict.ts'

/** One peer, and what came of it. */
export interface PeerRun {
  /** What it is called. */
  readonly agent: string
  readonly side: Side
  /** Where it was, or how it came. */
  readonly target: string
  /** Milliseconds. */
  readonly duration: number
  readonly results: readonly CaseResult[]
}

export interface Report {
  /** When it was made, as ISO 8601 has it. */
  readonly made: string
  readonly groups: readonly Group[]
  readonly runs: readonly PeerRun[]
}

export interface GroupCount {
  readonly group: Group
  readonly cases: number
  readonly behaviors: Readonly<Record<Behavior, number>>
  /** Closes that are not as they should be. */
  readonly closes: number
  readonly failed: number
}

/** The groups that have results, with how many came out how. */
export function countGroups(groups: readonly Group[], results: readonly CaseResult[]): GroupCount[] {
  return groups.flatMap(group => {
    const list = results.filter(result => result.group === group.id)
    if (list.length === 0) return []
    const behaviors = Object.fromEntries(
      BEHAVIORS.map(name => [name, list.filter(({ behavior }) => behavior === name).length]),
    ) as Record<Behavior, number>
    const closes = list.filter(({ behaviorClose }) => !['OK', 'INFORMATIONAL'].includes(behaviorClose)).length
    return [{ group, cases: list.length, behaviors, closes, failed: list.filter(it => !passes(it)).length }]
  })
}

/** The verdict in words: both of them, unless they are the same or the close is as it should be. */
export function verdictWords({ behavior, behaviorClose }: Pick<CaseResult, 'behavior' | 'behaviorClose'>): string {
  if (behaviorClose === 'OK' || (behaviorClose as string) === behavior) return behavior
  return `${behavior}, close ${behaviorClose}`
}

/** One sentence for a result that is not as it should be: what was expected and what came. */
export function reason({ behavior, behaviorClose, words, closeWords }: CaseResult): string {
  const closeIsFine = behaviorClose === 'OK' || behaviorClose === 'INFORMATIONAL'
  if (closeIsFine || words === closeWords) return words
  return behavior === 'OK' || behavior === 'UNIMPLEMENTED' ? closeWords : `${words}; ${closeWords}`
}
