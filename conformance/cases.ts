/** Every case of the suite, in the order of reports: Autobahn's first, then our own. */
import { AUTOBAHN_CASES, AUTOBAHN_GROUPS } from './autobahn/index.ts'
import type { Case, Group } from './case.ts'

export const GROUPS: readonly Group[] = [...AUTOBAHN_GROUPS]

export const CASES: readonly Case[] = [...AUTOBAHN_CASES]
