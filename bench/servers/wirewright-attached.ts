/** Ours, beside a server of `node:http`. */
import { createServer } from 'node:http'
import { openEventStream } from '../../lib/index.ts'
import { listen } from './listen.ts'
import type { ServerTerms } from './terms.ts'
import { serverOf } from './wirewright.ts'

export async function serve(terms: ServerTerms): Promise<number> {
  const http = createServer((request, response) => {
    if (terms.role === 'events') openEventStream(request, response)
    else response.writeHead(426).end()
  })
  if (terms.role !== 'events') serverOf(terms).attach(http)
  return listen(http)
}
