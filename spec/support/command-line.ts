/**
 * The `wirewright` command as its users run it: a process of its own, of which only arguments, input, output, signals
 * and exit code are known. And, for what needs a terminal that no pipe is, a {@link Terminal} made of streams.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Terminal } from '../../lib/cli/command.ts'
import type { Scope } from './channels.ts'
import { within } from './waiting.ts'

const ROOT = dirname(fileURLToPath(import.meta.resolve('wirewright/package.json')))
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

export const VERSION: string = MANIFEST.version
export const MAIN = join(ROOT, MANIFEST.bin.wirewright)

/** The environment without what a test runner puts into the processes of its tests. */
export const ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' }

export interface Ending {
  /** The exit code; the name of the signal where there is none. */
  readonly code: number | NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs; killed at the latest when the test is over. */
export class CommandRun {
  stdout = ''
  stderr = ''
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ending>
  #isOver = false
  #onChange = () => {}

  constructor(scope: Scope, args: readonly string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { env: ENVIRONMENT })
    const { stdin, stdout, stderr } = this.child
    // Who has ended takes no more input.
    stdin.on('error', () => {})
    stdout.setEncoding('utf8').on('data', text => {
      this.stdout += text
      this.#onChange()
    })
    stderr.setEncoding('utf8').on('data', text => {
      this.stderr += text
      this.#onChange()
    })
    this.ended = new Promise(resolve => {
      this.child.on('close', (code, signal) => {
        this.#isOver = true
        this.#onChange()
        resolve({ code: code ?? signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
    scope.teardown(() => {
      this.child.kill('SIGKILL')
      return this.ended
    })
  }

  type(text: string | Uint8Array): this {
    this.child.stdin.write(text)
    return this
  }

  /** Ends the input. */
  end(text: string | Uint8Array = ''): this {
    this.child.stdin.end(text)
    return this
  }

  /** Waits until the output matches, and returns the match; rejects if it ends before. */
  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    const matched = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#onChange = () => {
        const match = pattern.exec(this[stream])
        if (match !== null) resolve(match)
        else if (this.#isOver) reject(new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`))
      }
      this.#onChange()
    })
    return within(matched, `${pattern} in what the command prints`)
  }
}

/** Runs a command to its end. Without `input`, that is empty. */
export function runCommand(scope: Scope, args: readonly string[], input: string | Uint8Array = ''): Promise<Ending> {
  return within(new CommandRun(scope, args).end(input).ended, `wirewright ${args.join(' ')}`)
}

/** Runs several, a few at a time, since a process takes longer to start than to answer. */
export async function runCommands(scope: Scope, calls: readonly (readonly string[])[]): Promise<Ending[]> {
  const endings: Ending[] = []
  for (let at = 0; at < calls.length; at += 4) {
    endings.push(...(await Promise.all(calls.slice(at, at + 4).map(args => runCommand(scope, args)))))
  }
  return endings
}

export interface FakeTerminal {
  readonly terminal: Terminal
  readonly input: PassThrough
  /** What was written so far. */
  output(): string
  error(): string
  readonly controller: AbortController
}

/** A terminal in which a person sits; or, with `isTTY` false, pipes. */
export function fakeTerminal({ columns = 80, isTTY = true } = {}): FakeTerminal {
  const controller = new AbortController()
  const [input, output, error] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const texts = { output: '', error: '' }
  output.setEncoding('utf8').on('data', text => (texts.output += text))
  error.setEncoding('utf8').on('data', text => (texts.error += text))
  return {
    input,
    output: () => texts.output,
    error: () => texts.error,
    controller,
    terminal: {
      input: Object.assign(input, { isTTY }),
      output: Object.assign(output, { isTTY, columns }),
      error,
      interrupted: controller.signal,
      interrupt: () => controller.abort(),
    },
  }
}
