/** The 517 cases of Autobahn|Testsuite 25.10.1, with its ids and in its order. */
import type { Case, Group } from '../case.ts'
import { CLOSING } from './closing.ts'
import { COMPRESSION } from './compression.ts'
import { AUTO_FRAGMENTATION, FRAMING } from './framing.ts'
import { LIMITS, ROUND_TRIPS } from './limits.ts'
import { compressedTripsCase, roundTripsCase, scriptedCase } from './play.ts'
import type { Script } from './script.ts'
import { UTF8 } from './utf8.ts'

export const AUTOBAHN_GROUPS: readonly Group[] = [
  { id: '1', title: 'Framing' },
  { id: '2', title: 'Pings and pongs' },
  { id: '3', title: 'Reserved bits' },
  { id: '4', title: 'Opcodes' },
  { id: '5', title: 'Fragmentation' },
  { id: '6', title: 'UTF-8' },
  { id: '7', title: 'Closing' },
  { id: '9', title: 'Limits and round trips' },
  { id: '10', title: 'Automatic fragmentation' },
  { id: '12', title: 'Compression: kinds of data' },
  { id: '13', title: 'Compression: parameters' },
]

export const SCRIPTS: readonly Script[] = [...FRAMING, ...UTF8, ...CLOSING, ...LIMITS]

export const AUTOBAHN_CASES: readonly Case[] = [
  ...SCRIPTS.map(scriptedCase),
  ...ROUND_TRIPS.map(roundTripsCase),
  ...AUTO_FRAGMENTATION.map(scriptedCase),
  ...COMPRESSION.map(compressedTripsCase),
]
