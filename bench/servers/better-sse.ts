/** better-sse, which has event streams alone, on `node:http`. */
import { createServer } from 'node:http'
import { createSession } from 'better-sse'
import { listen } from './listen.ts'
import type { ServerTerms } from './terms.ts'

export function serve({ role }: ServerTerms): Promise<number> {
  if (role !== 'events') throw new Error('better-sse has event streams alone')
  return listen(createServer((request, response) => void createSession(request, response)))
}
