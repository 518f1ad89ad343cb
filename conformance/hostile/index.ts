/** Group H, limits and hostile peers: what no peer should ask of another, and some do. */
import type { Case, Group } from '../case.ts'
import { CLOSE_CASES } from './closes.ts'
import { FLOOD_CASES } from './floods.ts'
import { LENGTH_CASES } from './lengths.ts'
import { SLOW_CASES } from './slow.ts'

export const HOSTILE_GROUPS: readonly Group[] = [{ id: 'H', title: 'Limits and hostile peers' }]

export const HOSTILE_CASES: readonly Case[] = [...LENGTH_CASES, ...CLOSE_CASES, ...SLOW_CASES, ...FLOOD_CASES]
