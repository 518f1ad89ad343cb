/** Where flamegraphs lie: outside of dist/, which every build makes anew. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Recording } from './recording.ts'
import { formatReport } from './report/html.ts'

const FOLDER = new URL('../../.bench/flame/', import.meta.url)

export function flamegraphOf(name: string, label: string): URL {
  return new URL(`${name}${label === '' ? '' : `.${encodeURIComponent(label)}`}/flamegraph.html`, FOLDER)
}

export interface Flamegraph {
  /** Empty for the one without. */
  readonly label: string
  readonly file: URL
}

/** Those that exist of a case, the one without a label first. */
export function findFlamegraphs(name: string): Flamegraph[] {
  if (!existsSync(FOLDER)) return []
  return readdirSync(FOLDER)
    .filter(folder => folder === name || folder.startsWith(`${name}.`))
    .sort()
    .map(folder => {
      const label = decodeURIComponent(folder.slice(name.length + 1))
      return { label, file: new URL(`${folder}/flamegraph.html`, FOLDER) }
    })
    .filter(({ file }) => existsSync(file))
}

/** The report that will lie at `path`, with links to the flamegraphs that exist. */
export function reportWithFlamegraphs(recording: Recording, path: string): string {
  const folder = dirname(resolve(path))
  return formatReport(recording, name =>
    findFlamegraphs(name).map(({ label, file }) => ({ label, href: relative(folder, fileURLToPath(file)) })),
  )
}
