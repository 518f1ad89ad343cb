/**
 * Runs a piece of a spec in a process of its own, for what a test runner cannot stand in its own: exceptions that
 * nobody catches, rejections that nobody handles, and the question whether anything keeps the process alive.
 */
import { spawn } from 'node:child_process'
import type * as Channels from './channels.ts'
import type * as MemoryChannels from './memory-channel.ts'

/** What a program finds there; it must use nothing else from around it. */
export interface Surroundings {
  readonly channels: typeof Channels
  readonly memory: typeof MemoryChannels
  /** Messages of the exceptions that nobody caught so far, and of the rejections that nobody handled. */
  readonly uncaught: readonly string[]
  /** A scope that ends with the program. */
  readonly scope: Channels.Scope
}

export interface Outcome<T> {
  readonly result: T | undefined
  readonly uncaught: readonly string[]
  /** What kept the process alive when the program was done. */
  readonly handles: readonly string[]
  /** 0 if it ended by itself. */
  readonly exitCode: number | null
  readonly stderr: string
}

const PATIENCE = 20_000

const source = (program: string, parameter: string) => `
import * as channels from ${JSON.stringify(new URL('channels.js', import.meta.url))}
import * as memory from ${JSON.stringify(new URL('memory-channel.js', import.meta.url))}
const uncaught = []
process.on('uncaughtException', error => uncaught.push(String(error?.message ?? error)))
process.on('unhandledRejection', error => uncaught.push('unhandled: ' + String(error?.message ?? error)))
const teardowns = []
const scope = { teardown: callback => teardowns.push(callback) }
const result = await (${program})({ channels, memory, uncaught, scope }, ${parameter})
for (const callback of teardowns) await callback()
let handles
// What is on its way out may go.
for (let turn = 0; turn < 100; turn++) {
  await new Promise(resolve => setImmediate(resolve))
  handles = process.getActiveResourcesInfo().filter(name => !/^(TTY|Pipe|FSReq)/.test(name))
  if (handles.length === 0) break
}
process.stdout.write(JSON.stringify({ result, uncaught, handles }))
`

/** @param parameter what JSON can carry; `program` gets it beside its surroundings */
export function runIsolated<T, P>(
  program: (surroundings: Surroundings, parameter: P) => Promise<T>,
  parameter?: P,
): Promise<Outcome<T>> {
  const code = source(String(program), JSON.stringify(parameter ?? null))
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => (output.stdout += chunk))
  child.stderr.on('data', chunk => (output.stderr += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', exitCode => {
      clearTimeout(timer)
      const { result, uncaught = [], handles = [] } = output.stdout === '' ? {} : JSON.parse(output.stdout)
      resolve({ result, uncaught, handles, exitCode, stderr: output.stderr })
    })
  })
}
