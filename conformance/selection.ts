/** Which cases are played: patterns of ids, as they are written on a command line. */
import type { Case, Side, Transport } from './case.ts'

/** What the user asked for cannot be done; the message is for them. */
export class SelectionError extends Error {
  override readonly name = 'SelectionError'
}

export interface Selection {
  readonly side: Side
  /** The version of HTTP by which WebSockets are opened; cases that are about the other one are left out. Default 1.1. */
  readonly http?: NonNullable<Case['http']>
  /** Default both. */
  readonly transport?: Transport | undefined
  /** Patterns; none at all means every case. */
  readonly only: readonly string[]
  readonly skip: readonly string[]
}

/**
 * The cases that are for this side, are meant by `only`, and not by `skip`. A pattern is an id, the beginning of one up to
 * a dot ("9" and "6.4"), or has stars in it; several stand between commas.
 *
 * @throws {SelectionError} a pattern means no case, or nothing is left
 */
export function selectCases(
  cases: readonly Case[],
  { side, http = '1.1', transport, only, skip }: Selection,
): Case[] {
  const tests = (patterns: readonly string[]) =>
    patterns
      .flatMap(list => list.split(','))
      .map(pattern => pattern.trim())
      .filter(pattern => pattern !== '')
      .map(pattern => testOf(pattern, cases))
  const [wanted, unwanted] = [tests(only), tests(skip)]
  const selected = cases.filter(
    ({ id, sides, http: own = http, transport: spoken = 'websocket' }) =>
      sides.includes(side) &&
      own === http &&
      (transport ?? spoken) === spoken &&
      (wanted.length === 0 || wanted.some(test => test.test(id))) &&
      !unwanted.some(test => test.test(id)),
  )
  if (selected.length === 0)
    throw new SelectionError(
      `no case is left to be played with ${transport === 'event-stream' ? 'an event stream' : 'a'} ${side}`,
    )
  return selected
}

function testOf(pattern: string, cases: readonly Case[]): RegExp {
  const body = pattern.replace(/[^\w*]/g, '\\$&').replaceAll('*', '.*')
  const test = new RegExp(`^${body}(?:\\.|$)`, 'i')
  if (!cases.some(({ id }) => test.test(id))) throw new SelectionError(`no case is called "${pattern}"`)
  return test
}
