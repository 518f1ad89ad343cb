/** What a command of the command line is, and what it is given to work with. */
import type { Readable, Writable } from 'node:stream'
import type { Flags } from './flags.ts'

/** The process, as far as a command may touch it. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable & { readonly isTTY?: boolean }
  readonly error: Writable
  /** Aborted at the first Ctrl-C or SIGTERM: time to end in good order. A second one ends the process. */
  readonly interrupted: AbortSignal
  /** Does what Ctrl-C does, where that comes as a key. */
  readonly interrupt: () => void
}

export interface Command {
  /** Behind the command's name in the first line of the help. */
  readonly usage: string
  readonly summary: string
  readonly flags: Flags
  /** Lines behind the flags in the help. */
  readonly notes?: string
  /** Resolves with the exit code: 0 fine, 1 not, and a thrown `UsageError` is 2. */
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>
}

/** Resolves when the user wants an end. */
export function untilInterrupted({ interrupted }: Terminal): Promise<void> {
  if (interrupted.aborted) return Promise.resolve()
  return new Promise(resolve => interrupted.addEventListener('abort', () => resolve(), { once: true }))
}
