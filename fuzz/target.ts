/**
 * What a fuzz target is: something that can be run for some seconds from a seed, and tells how often it ran and, if it
 * failed, the smallest input that it found. A target is one file that exports `target`; run.ts has the list of them.
 */
import fc from 'fast-check'

export interface Session {
  readonly seconds: number
  readonly seed: number
  /** Where to go on: the `path` of a failure, to see just that one again. */
  readonly path?: string
  /** Called for each execution. */
  readonly onExecution?: () => void
}

export interface Target {
  readonly name: string
  run(session: Session): Promise<Outcome>
}

export interface Failure {
  readonly error: string
  /** The smallest input that was found, as fast-check writes it. */
  readonly input: string
  /** Leads to that input from the seed. */
  readonly path: string
}

export interface Outcome {
  readonly executions: number
  readonly failure: Failure | undefined
}

/** Time for finding a smaller input, once one fails. */
const SHRINKING = 20_000

/**
 * A target that holds a property of fast-check against one input after the other.
 *
 * @param proof looked at in the end: throws if the inputs were not what they were meant to be
 */
export function fromProperty<Inputs>(
  name: string,
  property: fc.IRawProperty<Inputs>,
  proof: (executions: number) => void = () => {},
): Target {
  return {
    name,
    async run({ seconds, seed, path = '', onExecution = () => {} }) {
      const run: typeof property.run = value => {
        onExecution()
        return property.run(value)
      }
      const counting: fc.IRawProperty<Inputs> = Object.create(property, { run: { value: run } })
      const check = async (limit: number, path: string) =>
        fc.check(counting, { seed, path, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: limit })
      const first = await check(seconds * 1000, path)
      const executions = first.numRuns
      if (first.counterexamplePath === null) {
        try {
          if (path === '') proof(executions)
        } catch (error) {
          return { executions, failure: { error: String(error), input: '', path: '' } }
        }
        return { executions, failure: undefined }
      }
      // The time was over before the input was small: go on from where that stopped.
      const again = await check(SHRINKING, first.counterexamplePath)
      const last = again.failed ? again : first
      const { counterexample, counterexamplePath, errorInstance } = last
      const failure = {
        error: String(errorInstance),
        input: fc.stringify(counterexample),
        path: counterexamplePath ?? '',
      }
      return { executions, failure }
    },
  }
}

/** Fails the execution unless `isTrue`. */
export function hold(isTrue: boolean, words: () => string): void {
  if (!isTrue) throw new Error(words())
}
