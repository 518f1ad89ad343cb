/**
 * Flags of the command line: one table for each command, from which arguments are parsed and the help is printed.
 * A flag that does not exist is an error that names the nearest one that does.
 */
import { parseArgs } from 'node:util'

export interface Flag {
  /** Name of the value in the help; a flag without takes none. */
  readonly value?: string
  readonly short?: string
  /** The value may be left out. Without "=" it is taken for one only if it matches, and for an operand otherwise. */
  readonly optional?: RegExp
  /** May be given more than once. */
  readonly multiple?: boolean
  readonly help: string
}

export type Flags = Readonly<Record<string, Flag>>

/** Understood before all others, by every command and without one. */
export const COMMON_FLAGS = {
  help: { short: 'h', help: 'print this' },
  version: { short: 'v', help: 'print the version' },
} as const satisfies Flags

type FlagValue<F extends Flag> = F extends { value: string }
  ? F extends { multiple: true }
    ? readonly string[]
    : F extends { optional: RegExp }
      ? string | true | undefined
      : string | undefined
  : boolean

export interface Parsed<F extends Flags> {
  readonly flags: { readonly [Name in keyof F]: FlagValue<F[Name]> }
  readonly operands: readonly string[]
}

/** What the user typed cannot be understood; the message is for them. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws {UsageError} */
export function parseFlags<const F extends Flags>(args: readonly string[], flags: F): Parsed<F> {
  const known = new Map(Object.entries(flags))
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {}
  const values: Record<string, unknown> = {}
  for (const [name, flag] of known) {
    options[name] = { type: takesValue(flag) ? 'string' : 'boolean', ...(flag.short ? { short: flag.short } : {}) }
    values[name] = !takesValue(flag) ? false : flag.multiple ? [] : undefined
  }
  const operands: string[] = []
  const setOnce = (name: string, value: string | true) => {
    if (values[name] !== undefined) throw new UsageError(`--${name} is given twice`)
    values[name] = value
  }
  const { tokens } = parseArgs({
    args: joinOptional(args, known),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const flag = known.get(token.name)
    if (flag === undefined)
      throw new UsageError(unknownFlag(token.rawName, Object.keys({ ...flags, ...COMMON_FLAGS })))
    if (!takesValue(flag)) {
      if (token.value !== undefined) throw new UsageError(`--${token.name} takes no value`)
      values[token.name] = true
      continue
    }
    if (flag.optional !== undefined && token.value === '') {
      setOnce(token.name, true)
      continue
    }
    // What looks like the next flag is one: a value that begins like that is given with "=".
    if (token.value === undefined || (!token.inlineValue && /^--?[a-z]/i.test(token.value)))
      throw new UsageError(`--${token.name} needs a value: --${token.name} ${flag.value}`)
    if (flag.multiple) (values[token.name] as string[]).push(token.value)
    else setOnce(token.name, token.value)
  }
  return { flags: values as Parsed<F>['flags'], operands }
}

/** Gives each flag whose value is optional its value, or an empty one, so that it takes nothing else for it. */
function joinOptional(args: readonly string[], flags: ReadonlyMap<string, Flag>): string[] {
  const joined: string[] = []
  const end = args.includes('--') ? args.indexOf('--') : args.length
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    const pattern = at < end && arg.startsWith('--') ? flags.get(arg.slice(2))?.optional : undefined
    if (pattern === undefined) joined.push(arg)
    else if (at + 1 < end && pattern.test(args[at + 1] as string)) joined.push(`${arg}=${args[++at]}`)
    else joined.push(`${arg}=`)
  }
  return joined
}

/** The lines of the help that tell the flags. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, { short, value, optional, help }]) => {
    const shown = optional === undefined ? ` ${value}` : `[=${value}]`
    const left = `${short ? `-${short}, ` : '    '}--${name}${value === undefined ? '' : shown}`
    return [left, help] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`).join('\n')
}

/** @throws {UsageError} not a whole number in that range */
export function integerFlag(
  name: string,
  text: string | undefined,
  lowest: number,
  highest: number,
): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < lowest || value > highest) {
    throw new UsageError(`--${name} must be a whole number from ${lowest} to ${highest}, got "${text}"`)
  }
  return value
}

/**
 * The lines of a flag that is "NAME: VALUE" and may be given more than once.
 *
 * @throws {UsageError}
 */
export function headersFlag(lines: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null)
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new UsageError(`--header must be "NAME: VALUE", got ${JSON.stringify(line)}`)
    const name = line.slice(0, colon).trim()
    headers[name] = [...(headers[name] ?? []), line.slice(colon + 1).trim()]
  }
  return headers
}

/** A URL as people type it: `localhost:8080` is one. */
export function withScheme(url: string, scheme: string): string {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(url) ? url : `${scheme}://${url}`
}

function takesValue(flag: Flag): boolean {
  return flag.value !== undefined
}

/** What to say of a flag that is none of these. */
export function unknownFlag(given: string, names: readonly string[]): string {
  const nearest = nearestName(given.replace(/^-+/, ''), names)
  return `unknown flag ${given}${nearest === undefined ? '' : `: did you mean --${nearest}?`}`
}

/** The name that is reached with the fewest changes of a letter, if it is near at all. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(given.length / 2)) + 1
  for (const name of names) {
    const distance = name.startsWith(given) && given !== '' ? 1 : editDistance(given, name)
    if (distance < fewest) {
      fewest = distance
      nearest = name
    }
  }
  return nearest
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
