/** How a run is made, from the command line. */
import type { Pinning } from './measured-process.ts'

export interface RunOptions {
  readonly rounds: number
  /** Of a window. */
  readonly seconds: number
  readonly pinning: Pinning | undefined
  readonly env: NodeJS.ProcessEnv
  /** For idle memory, in one process. */
  readonly connections: number
  /** That processes with a heartbeat are watched for. */
  readonly watch: number
  /** Called with what is being done, for the progress line. */
  readonly onProgress: (words: string) => void
}
