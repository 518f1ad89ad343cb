/** The runs that are kept in bench/recorded/, with the machine and the versions in them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Recording } from './recording.ts'

const FOLDER = new URL('../../bench/recorded/', import.meta.url)

/** By its day, then its name; undefined if none is kept. */
export function newestRecording(): Recording | undefined {
  if (!existsSync(FOLDER)) return undefined
  const all = readdirSync(FOLDER)
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recording)
  return all.sort((a, b) => (a.made < b.made ? -1 : a.made > b.made ? 1 : 0)).at(-1)
}
