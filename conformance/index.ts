/**
 * The conformance suite: judges any WebSocket server or client, in any language, over the network alone. The public
 * surface on one page; the command `wirewright conform` is made from it.
 *
 *     conform      a whole run: selection, progress, reports, baseline, exit code
 *     cases        every case; autobahn/ holds those of Autobahn|Testsuite as tables
 *     runner       plays cases with a server;  client-judge  serves them to clients
 *     endpoint     one end of a WebSocket on a raw socket, frame, handshake, message-deflate below it
 *
 * It shares no code with lib/, so that a bug in the library cannot hide in its judge.
 */
export type { Case, Group, Side } from './case.ts'
export { CASES, GROUPS } from './cases.ts'
export {
  type ClientOptions,
  ConformError,
  type ConformOptions,
  conformClients,
  conformServer,
  type ExitCode,
  listCases,
} from './conform.ts'
export type { Output } from './progress.ts'
export type { PeerRun, Report } from './report/report.ts'
export type { Behavior, CaseResult, CloseBehavior, Verdict } from './verdict.ts'
