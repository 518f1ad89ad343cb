/**
 * A whole run, as the command line and scripts want it: selects the cases, plays them, shows how it goes, writes the
 * reports, compares with a baseline, and says by an exit code whether all came as expected.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'
import { type Baseline, compareWith, formatBaseline, parseBaseline } from './baseline.ts'
import type { Case, PlayOptions, Side, Transport } from './case.ts'
import { CASES, GROUPS } from './cases.ts'
import { ClientJudge } from './client-judge.ts'
import { parseTarget } from './handshake.ts'
import { type Output, Progress, summaryTable } from './progress.ts'
import { formatHtml } from './report/html.ts'
import { formatJson } from './report/json.ts'
import { formatJunit } from './report/junit.ts'
import type { PeerRun, Report } from './report/report.ts'
import { formatTap } from './report/tap.ts'
import { DEFAULT_PLAY, judgeServer } from './runner.ts'
import { SelectionError, selectCases } from './selection.ts'
import { checkReachable, type ServerTarget } from './server-peer.ts'
import type { CaseResult } from './verdict.ts'

export interface ConformOptions {
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  /** Ends at the first case that is not as expected. */
  readonly bail?: boolean
  /** Cases at a time. Default 16. */
  readonly jobs?: number | undefined
  readonly full?: boolean
  /** The longest that a case may take, in milliseconds. Default 60,000; no limit but the cases' own with `full`. */
  readonly timeout?: number | undefined
  /** The longest silence of an event stream that its server documents, in milliseconds. Default none. */
  readonly heartbeat?: number | undefined
  /** What the peer is called in the reports. Default: the URL. */
  readonly agent?: string | undefined
  /** WebSockets are opened on streams of HTTP/2 (RFC 8441): with prior knowledge, or with wss by ALPN. */
  readonly http2?: boolean
  /** Accepts any certificate. */
  readonly insecure?: boolean
  /** Files to write. */
  readonly json?: string | undefined
  readonly junit?: string | undefined
  readonly tap?: string | undefined
  readonly html?: string | undefined
  /** A file of known deviations. */
  readonly baseline?: string | undefined
  /** Such a file, to be written from what this run finds. */
  readonly saveBaseline?: string | undefined
}

export interface ClientOptions extends ConformOptions {
  readonly port: number
  readonly host?: string | undefined
  /** Certificate and key, with which it is wss. */
  readonly tls?: TlsOptions | undefined
  /** Ends when a client has asked for its reports. */
  readonly once?: boolean
}

/** All as expected; some not; could not run. */
export type ExitCode = 0 | 1 | 2

/** The run could not be made; the message is for people. */
export class ConformError extends Error {
  override readonly name = 'ConformError'
}

/**
 * @param url `ws:` or `wss:` of a WebSocket server, `http:` or `https:` of a server of event streams
 * @throws {ConformError} it could not run
 */
export async function conformServer(
  url: string,
  options: ConformOptions,
  output: Output,
  signal?: AbortSignal,
): Promise<ExitCode> {
  const session = new Session('server', options, /^https?:/i.test(url) ? 'event-stream' : 'websocket')
  let target: ServerTarget
  try {
    target = { ...parseTarget(url), insecure: options.insecure ?? false, http2: options.http2 ?? false }
    await checkReachable(target)
  } catch (error) {
    throw new ConformError(
      error instanceof TypeError ? error.message : `cannot reach ${url}: ${(error as Error).message}`,
    )
  }
  const progress = new Progress(output, session.cases.length)
  const from = performance.now()
  const results = await judgeServer(target, session.cases, {
    play: session.play,
    jobs: options.jobs ?? 16,
    stopsAt: result => options.bail === true && compareWith(session.baseline, result) !== 'as expected',
    onResult: result => progress.result(result, compareWith(session.baseline, result)),
    signal,
  })
  progress.end()
  const run = {
    agent: options.agent ?? url,
    side: 'server',
    target: url,
    duration: performance.now() - from,
    results,
  } as const
  return session.finish([run], output, signal?.aborted === true)
}

/**
 * Serves the cases to clients until the signal, or with `once` until a client asks for its reports.
 *
 * @throws {ConformError} it could not run
 */
export async function conformClients(
  options: ClientOptions,
  output: Output,
  signal?: AbortSignal,
): Promise<ExitCode> {
  const session = new Session('client', options, options.http2 ? 'websocket' : undefined)
  const started = new Map<string, number>()
  const progress = new Progress(output, session.cases.length)
  let end = () => {}
  let fail = (_: unknown) => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  const judge = new ClientJudge({
    cases: session.cases,
    play: session.play,
    port: options.port,
    host: options.host,
    tls: options.tls,
    http2: options.http2,
    onResult(agent, result) {
      if (!started.has(agent)) started.set(agent, performance.now() - result.duration)
      const expectation = compareWith(session.baseline, result)
      progress.result(result, expectation, agent)
      if (options.bail && expectation !== 'as expected') end()
    },
    onReports() {
      try {
        session.write(runs())
      } catch (error) {
        fail(error)
      }
      // The client that asks wants an answer still.
      if (options.once) setTimeout(end, 100)
    },
  })
  const runs = (): PeerRun[] =>
    judge.agents.map(agent => ({
      agent,
      side: 'client',
      target: `agent ${agent}`,
      duration: performance.now() - (started.get(agent) ?? 0),
      results: judge.resultsOf(agent),
    }))
  try {
    const url = await judge.listen()
    const count = session.cases.filter(({ transport }) => transport === 'event-stream').length
    const webSockets = session.cases.length - count
    const base = url.replace(/^ws/, 'http')
    const version = options.http2 ? ' over HTTP/2' : ''
    // No browser speaks HTTP/2 without TLS.
    const page = options.http2 && options.tls !== undefined ? `, or in a browser at ${base}/` : ''
    if (webSockets > 0)
      output.write(`${webSockets} cases for clients${version} at ${url}/runCase?case=N&agent=NAME${page}\n`)
    if (count > 0)
      output.write(
        `${count} cases for clients of event streams at ${base}/runEventStream?case=N&agent=NAME, or in a browser at ${base}/\n`,
      )
  } catch (error) {
    throw new ConformError((error as Error).message)
  }
  const finished = await ended.then(runs).finally(() => judge.close())
  progress.end()
  return session.finish(finished, output, false)
}

/** The cases with their ids and what they do, a line for each. */
export function listCases(side: Side, { only = [], skip = [], http2 }: ConformOptions, output: Output): void {
  const cases = select(side, only, skip, http2 ? 'websocket' : undefined, http2)
  const width = Math.max(...cases.map(({ id }) => id.length))
  for (const { id, title } of cases) output.write(`${id.padEnd(width)}  ${title}\n`)
}

function select(
  side: Side,
  only: readonly string[],
  skip: readonly string[],
  transport?: Transport | undefined,
  http2 = false,
): Case[] {
  try {
    return selectCases(CASES, { side, http: http2 ? '2' : '1.1', transport, only, skip })
  } catch (error) {
    if (error instanceof SelectionError) throw new ConformError(error.message)
    throw error
  }
}

/** What both kinds of run have in common. */
class Session {
  readonly cases: readonly Case[]
  readonly play: PlayOptions
  readonly baseline: Baseline
  readonly #options: ConformOptions

  constructor(side: Side, options: ConformOptions, transport?: Transport) {
    this.#options = options
    this.cases = select(side, options.only ?? [], options.skip ?? [], transport, options.http2)
    const full = options.full ?? false
    const timeout = options.timeout ?? (full ? Infinity : DEFAULT_PLAY.timeout)
    this.play = { ...DEFAULT_PLAY, full, timeout, heartbeat: options.heartbeat }
    this.baseline = options.baseline === undefined ? new Map() : readBaseline(options.baseline)
  }

  write(runs: readonly PeerRun[]): void {
    const report: Report = { made: new Date().toISOString(), groups: GROUPS, runs }
    const files = [
      [this.#options.json, formatJson],
      [this.#options.junit, formatJunit],
      [this.#options.tap, formatTap],
      [this.#options.html, formatHtml],
      [
        this.#options.saveBaseline,
        () =>
          formatBaseline(
            runs.flatMap(({ results }) => results),
            this.baseline,
          ),
      ],
    ] as const
    for (const [file, format] of files) {
      if (file === undefined) continue
      try {
        writeFileSync(file, format(report))
      } catch (error) {
        throw new ConformError(`cannot write ${file}: ${(error as Error).message}`)
      }
    }
  }

  /** Writes everything that was asked for, and says how it was. */
  finish(runs: readonly PeerRun[], output: Output, interrupted: boolean): ExitCode {
    this.write(runs)
    output.write(summaryTable({ made: '', groups: GROUPS, runs }))
    const results = runs.flatMap(run => run.results)
    const changed = results.filter(result => compareWith(this.baseline, result) !== 'as expected')
    output.write(`${verdictLine(results, changed.length, this.baseline)}\n`)
    if (interrupted || results.length === 0) {
      output.write('not all cases were played\n')
      return 2
    }
    return changed.length === 0 ? 0 : 1
  }
}

function verdictLine(results: readonly CaseResult[], changed: number, baseline: Baseline): string {
  const known = results.filter(({ id }) => baseline.has(id)).length
  const listed = known === 0 ? '' : `, ${known} of them listed in the baseline`
  return changed === 0
    ? `all ${results.length} cases as expected${listed}`
    : `${changed} of ${results.length} cases not as expected${listed}`
}

function readBaseline(file: string): Baseline {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConformError(`cannot read the baseline: ${(error as Error).message}`)
  }
  try {
    return parseBaseline(text)
  } catch (error) {
    throw new ConformError(`${file}: ${(error as Error).message}`)
  }
}
