/** The cases of event streams, of servers and of clients (WHATWG HTML §9.2). */
import type { Case, Group } from '../case.ts'
import { CLIENT_CONNECTION_CASES, CLIENT_CONNECTION_GROUPS } from './client-connection.ts'
import { CLIENT_PARSING_CASES, CLIENT_PARSING_GROUPS } from './client-parsing.ts'
import { SERVER_ENCODING_CASES, SERVER_ENCODING_GROUPS } from './server-encoding.ts'
import { SERVER_RESPONSE_CASES, SERVER_RESPONSE_GROUPS } from './server-responses.ts'
import { SERVER_RESUMPTION_CASES, SERVER_RESUMPTION_GROUPS } from './server-resumption.ts'

export const EVENT_STREAM_GROUPS: readonly Group[] = [
  ...SERVER_RESPONSE_GROUPS,
  ...SERVER_ENCODING_GROUPS,
  ...SERVER_RESUMPTION_GROUPS,
  ...CLIENT_PARSING_GROUPS,
  ...CLIENT_CONNECTION_GROUPS,
]

export const EVENT_STREAM_CASES: readonly Case[] = [
  ...SERVER_RESPONSE_CASES,
  ...SERVER_ENCODING_CASES,
  ...SERVER_RESUMPTION_CASES,
  ...CLIENT_PARSING_CASES,
  ...CLIENT_CONNECTION_CASES,
]
