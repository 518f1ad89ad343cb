/**
 * How the time for a piece of work grows with its size: specs of cost compare a size with a larger one in the same run,
 * because an absolute time says more of the machine than of the code.
 */

/** Processor time of this process for one run, in microseconds: what else the machine does hardly shows in it. */
function processorTime(run: () => void): number {
  const start = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(start)
  return user + system
}

/**
 * The exponent of growth from `size` to `size * factor`: 1 or less for linear time (less where a part of it is fixed, or
 * code becomes fast on the way), 2 for quadratic. The least of several attempts, the first that is near to linear,
 * because garbage collection and compilers can spoil one comparison, not all of them.
 */
export function timeExponent(size: number, factor: number, prepare: (size: number) => () => void): number {
  let least = Infinity
  for (let attempt = 0; attempt < 7 && !(least < LINEAR); attempt++) {
    const once = Math.max(MEASURABLE, processorTime(prepare(size)))
    const longer = Math.max(MEASURABLE, processorTime(prepare(size * factor)))
    least = Math.min(least, Math.log(longer / once) / Math.log(factor))
  }
  return least
}

/** What still counts as linear: room for what garbage collection adds to large sizes, and short of the 2 of quadratic time. */
export const LINEAR = 1.75

/** Microseconds below which a run tells more of what else its process does. Sizes are to be so that quadratic is far above. */
const MEASURABLE = 1000
