/**
 * Programs that a spec needs and npm does not install. Where one is missing its tests are skipped in plain sight, with
 * a reason that begins with "needs ": `.ci/run` installs the programs and takes such a skip for a failure.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The full path of the first of `names` that is on the PATH and can be run; undefined if none is. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  return names.flatMap(name => folders.map(folder => join(folder, name))).find(isExecutable)
}

/** A Python that has the module: Debian's own before whatever comes first on the PATH; undefined if there is none. */
export function findPython(module: string): string | undefined {
  return ['/usr/bin/python3', findProgram('python3')].find(
    python => python !== undefined && spawnSync(python, ['-c', `import ${module}`]).status === 0,
  )
}

/** Options of a test that needs `program`: it is skipped when that was not found. */
export function needs(program: string, found: string | undefined): { readonly skip?: string } {
  return found === undefined ? { skip: `needs ${program}` } : {}
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
