/** Every case of the suite, in the order of reports: Autobahn's first, then our own, those of event streams last. */
import { AUTOBAHN_CASES, AUTOBAHN_GROUPS } from './autobahn/index.ts'
import { BLIND_SPOT_CASES, BLIND_SPOT_GROUPS } from './blind-spots.ts'
import type { Case, Group } from './case.ts'
import { DEFLATE_CASES, DEFLATE_GROUPS } from './deflate/index.ts'
import { EVENT_STREAM_CASES, EVENT_STREAM_GROUPS } from './event-stream/index.ts'
import { HOSTILE_CASES, HOSTILE_GROUPS } from './hostile/index.ts'
import { HTTP2_CASES, HTTP2_GROUPS } from './http2/cases.ts'
import { HTTP2_CLIENT_CASES } from './http2/client-cases.ts'
import { BEHIND_REQUEST_CASES, BEHIND_REQUEST_GROUPS } from './opening/behind-requests.ts'
import { CLIENT_OPENING_CASES, CLIENT_OPENING_GROUPS } from './opening/clients.ts'
import { SERVER_OPENING_CASES, SERVER_OPENING_GROUPS } from './opening/servers.ts'

export const GROUPS: readonly Group[] = [
  ...AUTOBAHN_GROUPS,
  ...SERVER_OPENING_GROUPS,
  ...BEHIND_REQUEST_GROUPS,
  ...CLIENT_OPENING_GROUPS,
  ...BLIND_SPOT_GROUPS,
  ...HOSTILE_GROUPS,
  ...DEFLATE_GROUPS,
  ...HTTP2_GROUPS,
  ...EVENT_STREAM_GROUPS,
]

export const CASES: readonly Case[] = [
  ...AUTOBAHN_CASES,
  ...SERVER_OPENING_CASES,
  ...BEHIND_REQUEST_CASES,
  ...CLIENT_OPENING_CASES,
  ...BLIND_SPOT_CASES,
  ...HOSTILE_CASES,
  ...DEFLATE_CASES,
  ...HTTP2_CASES,
  ...HTTP2_CLIENT_CASES,
  ...EVENT_STREAM_CASES,
]
