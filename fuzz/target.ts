/**
 * What a fuzz target is: something that can be run for some seconds from a seed, and tells how often it ran and, if it
 * failed, the smallest input that it found. A target is one file that exports `target`; run.ts has the list of them.
 */
import fc from 'fast-check'

export interface Target {
  readonly name: string
  run(options: { readonly seconds: number; readonly seed: number }): Promise<Outcome>
}

export interface Outcome {
  readonly executions: number
  /** The failure with its shrunk input, for people to read; undefined if there was none. */
  readonly failure: string | undefined
}

/** Time for finding a smaller input, once one fails. */
const SHRINKING = 20_000

/** A target that holds a property of fast-check against one input after the other. */
export function fromProperty<Inputs>(name: string, property: fc.IRawProperty<Inputs>): Target {
  return {
    name,
    async run({ seconds, seed }) {
      const check = async (limit: number, path: string) =>
        fc.check(property, { seed, path, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: limit })
      const first = await check(seconds * 1000, '')
      if (first.counterexamplePath === null) return { executions: first.numRuns, failure: undefined }
      // The time was over before the input was small: go on from where that stopped.
      const again = await check(SHRINKING, first.counterexamplePath)
      const last = again.failed ? again : first
      const input = fc.stringify(last.counterexample)
      return { executions: first.numRuns, failure: `${last.errorInstance}\nwith seed ${seed} and the input ${input}` }
    },
  }
}

/** Fails the execution unless `isTrue`. */
export function hold(isTrue: boolean, words: () => string): void {
  if (!isTrue) throw new Error(words())
}
