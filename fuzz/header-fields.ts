/**
 * Values of list fields out of the grammar, nearly so, and mutated: read exactly when a regular expression that is the
 * grammar of RFC 6455 §9.1 and RFC 9110 §5.6.1 says so, as a second reader has them, written again as they were; in time
 * that is linear in their length.
 */
import fc from 'fast-check'
import {
  combinedValue,
  type Extension,
  fieldValues,
  formatExtensions,
  isToken,
  parseExtensions,
  parseTokenList,
  parseUpgrade,
} from '../lib/websocket/header-fields.ts'
import { fromProperty, hold } from './target.ts'

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const SPACE = '[ \\t]*'
const list = (element: string) =>
  new RegExp(`^(?:${SPACE},)*${SPACE}${element}${SPACE}(?:,${SPACE}(?:${element}${SPACE})?)*$`)
const GRAMMAR = {
  tokens: list(TOKEN),
  upgrade: list(`${TOKEN}(?:${SPACE}/${SPACE}${TOKEN})?`),
  extensions: list(
    `${TOKEN}(?:${SPACE};${SPACE}${TOKEN}(?:${SPACE}=${SPACE}(?:${TOKEN}|"(?:\\\\?${TOKEN.slice(0, -1)})+"))?)*`,
  ),
}

const token = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'permessage-deflate', 'constructor', '__proto__', '13', "!#$%&'*+-.^_`|~"),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 4 }) },
)
const space = fc.constantFrom('', '', '', ' ', '\t', ' \t ')
const piece = fc.oneof(
  { weight: 6, arbitrary: token },
  { weight: 3, arbitrary: fc.constantFrom(',', ';', '=', '/', '"', '\\', '"a"', '"\\a"', '""', '; a=b', ', a') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 2 }) },
)
const noise = fc.array(fc.tuple(piece, space), { maxLength: 8 }).map(pieces => pieces.flat().join(''))

const argument = fc.option(fc.tuple(token, fc.constantFrom('', '"')), { nil: undefined })
const wellFormed = fc
  .array(fc.tuple(token, fc.array(fc.tuple(token, argument, space), { maxLength: 3 }), space), {
    minLength: 1,
    maxLength: 4,
  })
  .map(extensions =>
    extensions
      .map(([name, parameters, gap]) =>
        [
          `${gap}${name}`,
          ...parameters.map(([key, value, gap]) =>
            value === undefined ? `${gap}${key}` : `${key}${gap}=${gap}${value[1]}${value[0]}${value[1]}`,
          ),
        ].join(`${gap};${gap}`),
      )
      .join(','),
  )
const value = fc.oneof(wellFormed, noise)

/** The same by splitting, for a value that the grammar has. */
function splitExtensions(value: string): Extension[] {
  return value
    .split(',')
    .map(element => element.split(';').map(part => part.trim()))
    .filter(([name]) => name !== '')
    .map(([name = '', ...parameters]) => ({
      name,
      parameters: parameters.map(parameter => {
        const [key = '', ...rest] = parameter.split('=').map(part => part.trim())
        return [key, rest[0]?.replace(/^"(.*)"$/, '$1').replaceAll('\\', '')]
      }),
    }))
}

/** Throws for what must not be. */
export function judgeValue(value: string, other: string): void {
  const is = (kind: keyof typeof GRAMMAR) => GRAMMAR[kind].test(value)
  const words = JSON.stringify(value)
  const [tokens, upgrade, extensions] = [parseTokenList(value), parseUpgrade(value), parseExtensions(value)]
  hold((tokens !== undefined) === is('tokens'), () => `tokens: ${words} gives ${tokens}`)
  hold((upgrade !== undefined) === is('upgrade'), () => `upgrade: ${words} gives ${upgrade}`)
  hold(
    (extensions !== undefined) === is('extensions'),
    () => `extensions: ${words} gives ${JSON.stringify(extensions)}`,
  )
  const same = (a: unknown, b: unknown) =>
    hold(
      JSON.stringify(a) === JSON.stringify(b),
      () => `${words}: ${JSON.stringify(a)}, and not ${JSON.stringify(b)}`,
    )
  const parts = value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
  if (tokens !== undefined) same(tokens, parts)
  if (upgrade !== undefined)
    same(
      upgrade,
      parts.map(part => part.replaceAll(/[ \t]/g, '')),
    )
  if (extensions !== undefined) {
    same(extensions, splitExtensions(value))
    same(parseExtensions(formatExtensions(extensions)), extensions)
  }
  hold(isToken(value) === new RegExp(`^${TOKEN}$`).test(value), () => `isToken ${words}`)
  const raw = ['A', value, 'X', 'x', 'a', other]
  same(fieldValues(raw, 'a'), [value, other])
  same(combinedValue(raw, 'a'), `${value}, ${other}`)
}

const agreement = fc.property(value, value, judgeValue)

/** Milliseconds of this process for all three readers. */
function cost(value: string): number {
  let least = Infinity
  for (let n = 0; n < 3; n++) {
    const start = process.cpuUsage()
    parseTokenList(value)
    parseUpgrade(value)
    parseExtensions(value)
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

/** Eight times the length for eight times the time; were it quadratic, for 64 times. */
const linear = fc.property(value, value, (unit, beginning) => {
  if (unit === '') return
  const once = `${beginning}${unit.repeat(Math.ceil(8000 / unit.length))}`
  const longer = `${beginning}${unit.repeat(Math.ceil(64_000 / unit.length))}`
  const [short, long] = [cost(once), cost(longer)]
  hold(long <= 32 * short + 10, () => `${JSON.stringify(unit)}: ${short} ms for 8,000 characters, ${long} for 64,000`)
})

export const targets = [fromProperty('header-fields', agreement), fromProperty('header-fields-time', linear)]
