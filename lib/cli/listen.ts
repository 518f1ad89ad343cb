/**
 * `wirewright listen`: follows an event stream and prints its events as they come; with `--json` everything is one line
 * of JSON, for machines.
 */
import {
  type EventStreamHead,
  type EventStreamRequestOptions,
  EventStreamResponseError,
  eventStream,
  type ReconnectionInfo,
} from '../index.ts'
import type { Command, Terminal } from './command.ts'
import { headersFlag, parseFlags, UsageError, withScheme } from './flags.ts'
import { describeError, visible } from './terminal-text.ts'

const FLAGS = {
  method: { value: 'METHOD', short: 'X', help: 'request method (default GET, or POST with --data)' },
  data: { value: 'TEXT', short: 'd', help: 'request body; JSON is sent as application/json' },
  header: { value: '"NAME: VALUE"', short: 'H', multiple: true, help: 'header field to add to the request' },
  'last-event-id': { value: 'ID', help: 'go on from the event with that ID' },
  once: { help: 'end with the stream: do not reconnect' },
  json: { help: 'print every event as a line of JSON' },
  verbose: { help: 'show IDs, reconnection times and comments, such as heartbeats' },
  insecure: { help: 'accept any certificate' },
} as const

type Happening =
  | { readonly type: 'open'; readonly response: EventStreamHead }
  | { readonly type: 'event'; readonly event: string; readonly data: string; readonly lastEventId: string }
  | { readonly type: 'comment'; readonly text: string }
  | { readonly type: 'retry'; readonly milliseconds: number }
  | { readonly type: 'lost'; readonly info: ReconnectionInfo }
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'end' }

/** Those that are shown with `--verbose` only. */
const DETAILS: readonly Happening['type'][] = ['comment', 'retry']

export const listenCommand: Command = {
  usage:
    'URL [--method METHOD] [--data TEXT] [--header "NAME: VALUE"] [--last-event-id ID] [--once] [--json] [--verbose]',
  summary: 'follows an event stream and prints its events as they come',
  flags: FLAGS,
  notes: `Reconnects as browsers do, from the last event ID, until the server answers 204; a request other than GET is sent
once. Ctrl-C ends it.
Exit code: 0 ended as it should, 1 no stream or lost, 2 wrong usage.`,
  async run(args, terminal) {
    const { flags, operands } = parseFlags(args, FLAGS)
    const [url] = operands
    if (url === undefined || operands.length > 1)
      throw new UsageError(`takes one URL, got ${operands.length || 'none'}`)
    const print = flags.json ? printJson : printText
    const tell = (happening: Happening) => {
      if (flags.verbose || !DETAILS.includes(happening.type)) print(happening, terminal, flags.verbose)
    }
    const request = requestOf(flags)
    let wasOpen = false
    try {
      const events = eventStream(withScheme(url, 'http'), {
        ...request,
        signal: terminal.interrupted,
        open: response => {
          wasOpen = true
          tell({ type: 'open', response })
        },
        comment: text => tell({ type: 'comment', text }),
        retry: milliseconds => tell({ type: 'retry', milliseconds }),
        reconnecting: info => {
          // Who mistypes an address wants to know, and not to wait.
          if (!wasOpen) throw info.error
          tell({ type: 'lost', info })
        },
      })
      for await (const { type, data, lastEventId } of events) tell({ type: 'event', event: type, data, lastEventId })
    } catch (error) {
      if (terminal.interrupted.aborted) return wasOpen ? 0 : 1
      if (error instanceof TypeError && !wasOpen) throw new UsageError(error.message)
      tell({ type: 'error', error: error as Error })
      return 1
    }
    tell({ type: 'end' })
    return 0
  },
}

function requestOf(flags: ReturnType<typeof parseFlags<typeof FLAGS>>['flags']): Partial<EventStreamRequestOptions> {
  const { data: body, 'last-event-id': lastEventId, insecure, once } = flags
  const method = flags.method ?? (body === undefined ? 'GET' : 'POST')
  const headers = headersFlag(flags.header)
  const hasType = Object.keys(headers).some(name => name.toLowerCase() === 'content-type')
  if (body !== undefined && !hasType && isJson(body)) headers['Content-Type'] = ['application/json']
  return {
    method,
    headers,
    body,
    lastEventId,
    reconnect: !once && method.toUpperCase() === 'GET' ? 'always' : false,
    ...(insecure ? { tls: { rejectUnauthorized: false } } : {}),
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Data to the output, as it is for a pipe; all else is for a person. */
function printText(happening: Happening, { output, error }: Terminal, isVerbose: boolean): void {
  if (happening.type !== 'event') {
    error.write(`${visible(describe(happening))}\n`)
    return
  }
  const { event, data, lastEventId } = happening
  if (isVerbose) {
    const id = lastEventId === '' ? 'no ID' : `ID ${lastEventId}`
    error.write(`${visible(`event ${event}, ${id}, ${Buffer.byteLength(data)} bytes`)}\n`)
  }
  if (!output.isTTY) output.write(`${data}\n`)
  else output.write(`${visible(isVerbose || event === 'message' ? data : `${event}: ${data}`)}\n`)
}

function describe(happening: Exclude<Happening, { type: 'event' }>): string {
  switch (happening.type) {
    case 'open':
      return `listening to ${happening.response.url}`
    case 'comment':
      return happening.text === '' ? 'comment' : `comment ${happening.text}`
    case 'retry':
      return `reconnection time ${happening.milliseconds} ms`
    case 'lost': {
      const { error, delay } = happening.info
      const why = error === undefined ? 'the stream has ended' : `lost: ${describeError(error as Error)}`
      return `${why}; again in ${(delay / 1000).toFixed(1)} s`
    }
    case 'error':
      return `error: ${describeError(happening.error, bodyOf(happening.error))}`
    case 'end':
      return 'the stream has ended'
  }
}

function bodyOf(error: Error): Buffer | undefined {
  return error instanceof EventStreamResponseError ? error.response.body : undefined
}

function printJson(happening: Happening, { output }: Terminal): void {
  output.write(`${JSON.stringify(toJson(happening))}\n`)
}

function toJson(happening: Happening): unknown {
  switch (happening.type) {
    case 'open': {
      const { url, status, headers } = happening.response
      return { type: 'open', url, status, headers }
    }
    case 'lost': {
      const { error, delay, failures } = happening.info
      return { type: 'lost', ...errorFields(error as Error | undefined), delay, failures }
    }
    case 'error':
      return { type: 'error', ...errorFields(happening.error) }
    default:
      return happening
  }
}

function errorFields(error: Error | undefined): object {
  if (error === undefined) return {}
  const { code, message } = error as NodeJS.ErrnoException
  const status = error instanceof EventStreamResponseError ? error.response.status : undefined
  return { code, message, status }
}
