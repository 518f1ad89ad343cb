/** Group D: permessage-deflate (RFC 7692) beyond the round trips of groups 12 and 13. */
import type { Case, Group } from '../case.ts'
import { FAULT_CASES } from './faults.ts'
import { MESSAGE_CASES } from './messages.ts'
import { PARAMETER_CASES } from './parameters.ts'

export const DEFLATE_GROUPS: readonly Group[] = [{ id: 'D', title: 'Compression: forms, faults, windows' }]

export const DEFLATE_CASES: readonly Case[] = [...MESSAGE_CASES, ...FAULT_CASES, ...PARAMETER_CASES]
