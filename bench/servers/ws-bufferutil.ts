/** `ws` with `bufferutil`, native code that masks and unmasks. */
import { peerRequire } from '../peers.ts'
import type { ServerTerms } from './terms.ts'
import { serveWith } from './ws.ts'

export function serve(terms: ServerTerms): Promise<number> {
  if (!String(peerRequire('bufferutil').mask).includes('native code'))
    throw new Error('bufferutil is not native here')
  return serveWith(peerRequire('ws'), terms)
}
