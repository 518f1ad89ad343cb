/**
 * `wirewright conform`: judges a server of WebSockets or event streams, or clients that come to it. The suite stands beside the library and
 * knows nothing of it; this is its command line, and the one place from which it is reached.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext, type TlsOptions } from 'node:tls'
import type { ConformOptions } from '../../conformance/index.ts'
import type { Command } from './command.ts'
import { type Flag, integerFlag, parseFlags, UsageError } from './flags.ts'

const FLAGS = {
  client: { help: 'judge clients: serve the cases to them' },
  port: { value: 'PORT', short: 'p', help: 'with --client: port to listen on; 0 lets the system choose' },
  host: { value: 'HOST', help: 'with --client: address to listen on (default: all)' },
  cert: { value: 'FILE', help: 'with --client: certificate (PEM), with which it is wss' },
  key: { value: 'FILE', help: 'with --client: the key of that certificate (PEM)' },
  once: { help: 'with --client: end when a client has asked for its reports' },
  only: { value: 'CASES', multiple: true, help: 'play these: ids, their beginnings, or with stars: 1,6.4,7.*.1' },
  skip: { value: 'CASES', multiple: true, help: 'but not these' },
  list: { help: 'print the cases and end' },
  bail: { help: 'end at the first case that is not as expected' },
  jobs: { value: 'N', short: 'j', help: 'cases at a time (default 16)' },
  full: { help: 'all 1,000 messages of each compression case, and no limit of time but its own' },
  timeout: { value: 'SECONDS', help: 'longest that a case may take (default 60)' },
  http2: { help: 'WebSockets on streams of HTTP/2 (RFC 8441): with prior knowledge, or by ALPN with wss' },
  heartbeat: {
    value: 'SECONDS',
    help: 'longest silence of an event stream that its server documents (default none)',
  },
  insecure: { help: 'accept any certificate' },
  agent: { value: 'NAME', help: 'what to call the server in reports (default: its URL)' },
  json: { value: 'FILE', help: 'write a report as JSON' },
  junit: { value: 'FILE', help: 'write a report as JUnit XML' },
  tap: { value: 'FILE', help: 'write a report as TAP' },
  html: { value: 'FILE', help: 'write a report as a page to look at' },
  baseline: { value: 'FILE', help: 'known deviations: only what differs from them counts' },
  'save-baseline': { value: 'FILE', help: 'write the deviations that were found' },
} as const

/** A file that cannot be read; the message is for people. */
class FileError extends Error {}

export const conformCommand: Command = {
  usage: `URL | --client --port PORT ${Object.entries<Flag>(FLAGS)
    .filter(([name]) => name !== 'client' && name !== 'port')
    .map(([name, { value }]) => `[--${name}${value === undefined ? '' : ` ${value}`}]`)
    .join(' ')}`,
  summary: 'judge a WebSocket server (ws:), an event-stream server (http:), or clients',
  flags: FLAGS,
  notes: `Clients are served as Autobahn's fuzzing server does it: /getCaseCount, /runCase?case=N&agent=NAME,
/getCaseInfo, /getCaseStatus, /updateReports?agent=NAME; those of event streams by /getEventStreamCaseCount and
/runEventStream?case=N&agent=NAME, and browsers by the page at /. With --http2 there are WebSockets alone; a browser plays
them by the page at /, if there is a certificate.
A server of event streams sends events with ids, one in half a second or so, and those behind a Last-Event-ID again; it
answers POST {"data", "event", "id", "retry", "comment"} with a stream of that event. What it does not do is not judged.
Exit code: 0 all as expected, 1 some not, 2 could not run.`,
  async run(args, terminal) {
    const { flags, operands } = parseFlags(args, FLAGS)
    const seconds = integerFlag('timeout', flags.timeout, 1, 100_000)
    const heartbeat = integerFlag('heartbeat', flags.heartbeat, 1, 3600)
    const port = integerFlag('port', flags.port, 0, 65_535)
    const options: ConformOptions = {
      ...flags,
      jobs: integerFlag('jobs', flags.jobs, 1, 1000),
      timeout: seconds === undefined ? undefined : seconds * 1000,
      heartbeat: heartbeat === undefined ? undefined : heartbeat * 1000,
      saveBaseline: flags['save-baseline'],
    }
    const [url] = operands
    if (operands.length > 1) throw new UsageError(`takes one URL, got ${operands.length}`)
    if (flags.client && url !== undefined) throw new UsageError(`--client takes no URL, got "${url}"`)
    if (!flags.client && (port ?? flags.host) !== undefined)
      throw new UsageError('--port and --host are for --client')
    if (!flags.client && (flags.cert ?? flags.key) !== undefined)
      throw new UsageError('--cert and --key are for --client')
    if ((flags.cert === undefined) !== (flags.key === undefined))
      throw new UsageError(`--${flags.cert === undefined ? 'cert' : 'key'} is missing`)
    if (!flags.client && url === undefined && !flags.list) throw new UsageError('takes one URL, or --client')
    if (flags.http2 && /^https?:/i.test(url ?? '')) throw new UsageError(`--http2 is for WebSockets, got "${url}"`)
    if (flags.client && port === undefined && !flags.list) throw new UsageError('--port is missing')
    const suite = await import('../../conformance/index.ts')
    try {
      if (flags.list) return suite.listCases(flags.client ? 'client' : 'server', options, terminal.output) ?? 0
      return flags.client
        ? await suite.conformClients(
            { ...options, port: port!, host: flags.host, once: flags.once, tls: readTls(flags) },
            terminal.output,
            terminal.interrupted,
          )
        : await suite.conformServer(url!, options, terminal.output, terminal.interrupted)
    } catch (error) {
      if (!(error instanceof suite.ConformError || error instanceof FileError)) throw error
      terminal.error.write(`wirewright conform: ${error.message}\n`)
      return 2
    }
  },
}

function readTls({ cert, key }: { cert: string | undefined; key: string | undefined }): TlsOptions | undefined {
  if (cert === undefined || key === undefined) return undefined
  const read = (file: string) => {
    try {
      return readFileSync(file)
    } catch (error) {
      throw new FileError(`cannot read ${file}: ${(error as Error).message}`)
    }
  }
  const tls = { cert: read(cert), key: read(key) }
  try {
    createSecureContext(tls)
  } catch (error) {
    throw new FileError(`${cert} and ${key} are no certificate and its key: ${(error as Error).message}`)
  }
  return tls
}
