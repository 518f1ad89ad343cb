#!/usr/bin/env node
/** The `wirewright` command: finds the command, prints help and version, and turns errors into exit codes. */
import { readFileSync } from 'node:fs'
import type { Command, Terminal } from './command.ts'
import { conformCommand } from './conform.ts'
import { connectCommand } from './connect.ts'
import { echoCommand } from './echo.ts'
import { COMMON_FLAGS, describeFlags, nearestName, UsageError, unknownFlag } from './flags.ts'
import { listenCommand } from './listen.ts'
import { serveCommand } from './serve.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  echo: echoCommand,
  connect: connectCommand,
  listen: listenCommand,
  conform: conformCommand,
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

async function main([name, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  const command = commandNamed(name)
  const called = command === undefined ? 'wirewright' : `wirewright ${name}`
  try {
    if (name === undefined) {
      terminal.error.write(`${generalHelp()}\n`)
      return 2
    }
    if (name === 'help' || isFlag('help', name)) return print(terminal, helpFor(rest[0]))
    if (isFlag('version', name)) return print(terminal, version())
    if (command === undefined) throw new UsageError(unknownCommand(name))
    const flagsOnly = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : rest.length)
    if (flagsOnly.some(arg => isFlag('help', arg))) return print(terminal, helpFor(name))
    if (flagsOnly.some(arg => isFlag('version', arg))) return print(terminal, version())
    return await command.run(rest, terminal)
  } catch (error) {
    terminal.error.write(`${called}: ${(error as Error).message}\n`)
    if (!(error instanceof UsageError)) return 1
    terminal.error.write(`See ${called} --help\n`)
    return 2
  }
}

function commandNamed(name: string | undefined): Command | undefined {
  return name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
}

function isFlag(name: keyof typeof COMMON_FLAGS, arg: string): boolean {
  return arg === `--${name}` || arg === `-${COMMON_FLAGS[name].short}`
}

function print({ output }: Terminal, text: string): 0 {
  output.write(`${text}\n`)
  return 0
}

function unknownCommand(name: string): string {
  if (name.startsWith('-')) return unknownFlag(name, Object.keys(COMMON_FLAGS))
  const nearest = nearestName(name, Object.keys(COMMANDS))
  return `unknown command "${name}"${nearest === undefined ? '' : `: did you mean ${nearest}?`}`
}

function helpFor(name: string | undefined): string {
  const command = commandNamed(name)
  return name === undefined || command === undefined ? generalHelp() : commandHelp(name, command)
}

function generalHelp(): string {
  const width = Math.max(...Object.keys(COMMANDS).map(name => name.length))
  const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `wirewright COMMAND [FLAGS]

${list.join('\n')}

wirewright COMMAND --help tells the flags of a command; wirewright --version the version.`
}

function commandHelp(name: string, { usage, summary, flags, notes }: Command): string {
  return `wirewright ${name} ${usage}
${summary}

${describeFlags({ ...flags, ...COMMON_FLAGS })}${notes === undefined ? '' : `\n\n${notes}`}`
}

function version(): string {
  const manifest = new URL(import.meta.resolve('wirewright/package.json'))
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

/** Aborts at the first signal; the second one ends the process at once, as the system's default does. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    controller.abort()
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return controller.signal
}

const interrupt = () => void process.emit('SIGINT')

// A reader that goes away, as in `… | head`, is no error: there is nobody left to work for.
process.stdout.once('error', (error: NodeJS.ErrnoException) => {
  process.stdout.on('error', () => {})
  if (error.code === 'EPIPE') return interrupt()
  process.stderr.write(`wirewright: ${error.message}\n`)
  process.exit(1)
})
process.stderr.on('error', () => {})
process.exitCode = await main(process.argv.slice(2), {
  input: process.stdin,
  output: process.stdout,
  error: process.stderr,
  interrupted: interruption(),
  interrupt,
})
