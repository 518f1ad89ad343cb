/** A process under test, seen from outside: started, pinned to its processors, asked, ended. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Launch, launchOf, missing, type Peer, type Side } from './peers.ts'
import { allowedProcessors, residentSize } from './processor-time.ts'
import type { ServerTerms } from './servers/terms.ts'

const PROGRAM = fileURLToPath(new URL('./measured.js', import.meta.url))

/**
 * glibc hands freed memory back to the system and takes it again, and on a virtual machine a page fault costs as much as
 * a message. So that no figure depends on the luck of the heap, every process under test is told alike to keep what it
 * has; `--malloc default` leaves it as it is. Where memory is what is measured, glibc is always as it comes.
 */
export const KEEP_MEMORY: NodeJS.ProcessEnv = {
  MALLOC_TRIM_THRESHOLD_: String(2 ** 30),
  // The most that mallopt(3) takes; more would be ignored, and the preset of 128 KiB with it fixed.
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
  MALLOC_TOP_PAD_: String(64 * 2 ** 20),
}

export interface Pinning {
  /** Lists as `taskset` takes them. */
  readonly measured: string
  readonly generator: string
}

/** The last processor for the load and the others for who is measured; undefined where that cannot be done. */
export function findPinning(): Pinning | undefined {
  const all = allowedProcessors()
  if (all === undefined || all.length < 2 || spawnSync('taskset', ['--version']).status !== 0) return undefined
  return { measured: all.slice(0, -1).join(), generator: String(all.at(-1)) }
}

export interface StartOptions {
  readonly side: Side
  readonly terms: ServerTerms
  readonly processors: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** Of a client: where it connects, and how often. */
  readonly url?: string
  readonly count?: number
  /** For the runtime, before the program. */
  readonly runtimeArgs?: readonly string[]
}

export class MeasuredProcess {
  /** 0 of a client. */
  port = 0
  readonly launch: Launch
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  /** Rejects when the process ends. */
  readonly #end: Promise<never>

  private constructor(launch: Launch, child: ChildProcessByStdio<Writable, Readable, null>) {
    this.launch = launch
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })
    this.#end = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the process under test has ended (${signal ?? code})`)
    })
    this.#end.catch(() => {})
  }

  /** `exec`ed by taskset, so this is the process itself. */
  get pid(): number {
    return this.#child.pid!
  }

  static async start(peer: Peer, options: StartOptions): Promise<MeasuredProcess> {
    const { side, terms, processors, env, url = '', count = 0, runtimeArgs = [] } = options
    const launch = launchOf(peer)
    if (launch === undefined) throw new Error(missing(peer))
    const words = [launch.file, ...launch.args, ...runtimeArgs, PROGRAM]
    words.push(side, peer.name, JSON.stringify(terms), url, String(count))
    const [file = '', ...args] = processors === undefined ? words : ['taskset', '-c', processors, ...words]
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    const started = new MeasuredProcess(launch, child)
    started.port = Number(await started.#line())
    return started
  }

  /** Bytes, when garbage has been collected. */
  async settledSize(): Promise<number> {
    await this.#ask('collect')
    return residentSize(this.pid) ?? JSON.parse(await this.#ask('usage')).rss
  }

  /** Microseconds of processor time so far, told by itself. */
  async ownTime(): Promise<number> {
    return JSON.parse(await this.#ask('usage')).cpu
  }

  /** Resolves when it has gone. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
  }

  async #ask(what: string): Promise<string> {
    const line = this.#line()
    this.#child.stdin.write(`${what}\n`)
    return await line
  }

  async #line(): Promise<string> {
    const [line] = await Promise.race([once(this.#lines, 'line'), this.#end])
    return line
  }
}
