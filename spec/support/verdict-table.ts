/** Verdicts of many cases as a table that can be read: for each verdict the ids, neighbours drawn together. */

interface Judged {
  readonly id: string
  readonly behavior: string
  readonly behaviorClose: string
}

/** What is not worth a line: nothing is wrong. */
const FINE = ['OK / OK', 'INFORMATIONAL / INFORMATIONAL', 'UNIMPLEMENTED / OK']

/** Keys like "FAILED / OK", values like "2.1…2.4 5.6": the cases between the two, as they were played, are meant too. */
export function verdictTable(results: readonly Judged[], leaveOut: readonly string[] = FINE): Record<string, string> {
  const runs: Record<string, { first: string; last: string; at: number }[]> = {}
  for (const [at, { id, behavior, behaviorClose }] of results.entries()) {
    const verdict = `${behavior} / ${behaviorClose}`
    if (leaveOut.includes(verdict)) continue
    const list = (runs[verdict] ??= [])
    const run = list.at(-1)
    if (run?.at === at - 1) Object.assign(run, { last: id, at })
    else list.push({ first: id, last: id, at })
  }
  return Object.fromEntries(
    Object.entries(runs).map(([verdict, list]) => [
      verdict,
      list.map(({ first, last }) => (first === last ? first : `${first}…${last}`)).join(' '),
    ]),
  )
}
