/**
 * What is made of the rounds of a measurement. Times on a shared machine have outliers on one side, so the middle is the
 * median, and the spread is what the rounds really were, not a deviation from a mean.
 */

export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

export function summarize(numbers: readonly number[]): Summary {
  return { median: median(numbers), low: Math.min(...numbers), high: Math.max(...numbers) }
}

/**
 * How many times cheaper `ours` is than `theirs`: the median of the rounds' own ratios, so that what slowed the machine
 * for a while slowed both. Rounds without a partner do not count.
 */
export function timesCheaper(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.slice(0, theirs.length).map((cost, round) => theirs[round]! / cost))
}

/** By how much a line that should be flat rises: the last cost, divided by the lowest before it. 1 of a single one. */
export function rise(costs: readonly number[]): number {
  const last = costs.at(-1) ?? Number.NaN
  return costs.length < 2 ? 1 : last / Math.min(...costs.slice(0, -1))
}

/** Above 0. */
export function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length)
}

/** `names`, beginning with another one each round, so that nobody always follows the same neighbour's heat. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const from = items.length === 0 ? 0 : round % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}
