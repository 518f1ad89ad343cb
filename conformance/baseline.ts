/**
 * Known deviations: a text file with a line for each case that is not OK, so that a run fails on change only.
 *
 *     9.3.1  FAILED / FAILED  # takes no more than 16,384 fragments
 *
 * The words behind # are for people.
 */
import { BEHAVIORS, type CaseResult, passes, type Verdict } from './verdict.ts'

export interface KnownVerdict extends Pick<Verdict, 'behavior' | 'behaviorClose'> {
  readonly why: string
}

export type Baseline = ReadonlyMap<string, KnownVerdict>

const CLOSES = ['OK', 'INFORMATIONAL', 'WRONG CODE', 'UNCLEAN', 'FAILED BY CLIENT', 'FAILED']

/** @throws {SyntaxError} a line is none of these, and which */
export function parseBaseline(text: string): Map<string, KnownVerdict> {
  const known = new Map<string, KnownVerdict>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const [content = '', ...comment] = line.split('#')
    if (content.trim() === '') continue
    const [, id = '', behavior = '', behaviorClose = ''] =
      /^\s*(\S+)\s+([A-Z-]+)\s*\/\s*([A-Z ]+?)\s*$/.exec(content) ?? []
    if (!(BEHAVIORS as readonly string[]).includes(behavior) || !CLOSES.includes(behaviorClose))
      throw new SyntaxError(`line ${i + 1} is not like "6.4.1 NON-STRICT / OK": ${line.trim()}`)
    const verdict = { behavior, behaviorClose } as Pick<Verdict, 'behavior' | 'behaviorClose'>
    known.set(id, { ...verdict, why: comment.join('#').trim() })
  }
  return known
}

/** A line for each result that is not strictly OK, with what was told of it. Words that were there before are kept. */
export function formatBaseline(results: readonly CaseResult[], before: Baseline = new Map()): string {
  const lines = results.filter(deviates).map(result => {
    const { id, behavior, behaviorClose, words, closeWords } = result
    const old = before.get(id)
    const same = old?.behavior === behavior && old.behaviorClose === behaviorClose && old.why !== ''
    const told = behavior === 'OK' ? closeWords : words
    return `${id.padEnd(8)} ${behavior} / ${behaviorClose}  # ${same ? old.why : told}`
  })
  return lines.map(line => `${line}\n`).join('')
}

/** Not OK in every respect. What is only told, and what is not offered, is no deviation. */
export function deviates({ behavior, behaviorClose }: Pick<Verdict, 'behavior' | 'behaviorClose'>): boolean {
  return behavior === 'NON-STRICT' || !passes({ behavior, behaviorClose })
}

/** `as expected`: it passes, or is as bad as known. `worse` and `better`: the verdict has changed. */
export type Expectation = 'as expected' | 'worse' | 'better'

export function compareWith(baseline: Baseline, result: CaseResult): Expectation {
  const known = baseline.get(result.id)
  if (known === undefined) return passes(result) ? 'as expected' : 'worse'
  if (known.behavior === result.behavior && known.behaviorClose === result.behaviorClose) return 'as expected'
  return deviates(result) ? 'worse' : 'better'
}
