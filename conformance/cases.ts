/** Every case of the suite, in the order of reports: Autobahn's first, then our own, those of event streams last. */
import { AUTOBAHN_CASES, AUTOBAHN_GROUPS } from './autobahn/index.ts'
import { BLIND_SPOT_CASES, BLIND_SPOT_GROUPS } from './blind-spots.ts'
import type { Case, Group } from './case.ts'
import { EVENT_STREAM_CASES, EVENT_STREAM_GROUPS } from './event-stream/index.ts'
import { CLIENT_OPENING_CASES, CLIENT_OPENING_GROUPS } from './opening/clients.ts'
import { SERVER_OPENING_CASES, SERVER_OPENING_GROUPS } from './opening/servers.ts'

export const GROUPS: readonly Group[] = [
  ...AUTOBAHN_GROUPS,
  ...SERVER_OPENING_GROUPS,
  ...CLIENT_OPENING_GROUPS,
  ...BLIND_SPOT_GROUPS,
  ...EVENT_STREAM_GROUPS,
]

export const CASES: readonly Case[] = [
  ...AUTOBAHN_CASES,
  ...SERVER_OPENING_CASES,
  ...CLIENT_OPENING_CASES,
  ...BLIND_SPOT_CASES,
  ...EVENT_STREAM_CASES,
]
