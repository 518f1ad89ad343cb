/**
 * The corpus of fuzzing that is guided by coverage, as a target of its own: inputs that reach between them all that was
 * ever reached, judged again one by one. See coverage.ts.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ENTRY_POINTS, SEEDS } from './entry-points.ts'
import type { Target } from './target.ts'

export const CORPUS = fileURLToPath(new URL('../../fuzz/corpus/', import.meta.url))

/** The inputs that are kept for an entry. */
export function readCorpus(entry: string): Buffer[] {
  let text: string
  try {
    text = readFileSync(join(CORPUS, `${entry}.json`), 'utf8')
  } catch {
    return []
  }
  return (JSON.parse(text) as string[]).map(line => Buffer.from(line, 'base64'))
}

export const target: Target = {
  name: 'corpus',
  async run({ onExecution = () => {} }) {
    let executions = 0
    for (const [name, judge] of Object.entries(ENTRY_POINTS)) {
      for (const input of [...(SEEDS[name] ?? []), ...readCorpus(name)]) {
        onExecution()
        executions++
        try {
          judge(Buffer.from(input))
        } catch (error) {
          const failure = { error: `${name}: ${error}`, input: input.toString('base64'), path: '' }
          return { executions, failure }
        }
      }
    }
    return { executions, failure: undefined }
  },
}
