/** The files of the playground's page: read once, served as they are, with a policy that lets nothing else in. */
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Refusal } from '../index.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const HEADERS = {
  // The page may connect anywhere, since trying other servers is what it is for; all else comes from here.
  'Content-Security-Policy': "default-src 'self'; connect-src *; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
}

/** Answers by path; undefined for what is not there. */
export function readPlayground(): (path: string) => Refusal | undefined {
  const folder = new URL('.', import.meta.resolve('#playground/index.html'))
  const answers = new Map<string, Refusal>()
  for (const name of readdirSync(fileURLToPath(folder))) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const answer = {
      status: 200,
      headers: { ...HEADERS, 'Content-Type': type },
      body: readFileSync(new URL(name, folder), 'utf8'),
    }
    answers.set(`/${name}`, answer)
    if (name === 'index.html') answers.set('/', answer)
  }
  return path => answers.get(path)
}
