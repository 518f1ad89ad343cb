/**
 * `wirewright connect`: an interactive client. Lines that are typed are sent, messages are printed; with `--json`
 * every event is one line of JSON, for machines.
 */
import type { Readable } from 'node:stream'
import { type CloseRecord, connect, HandshakeError, type Message, type WebSocketConnection } from '../index.ts'
import type { Command, Terminal } from './command.ts'
import { DEFLATE_FLAG, DEFLATE_NOTES, parseDeflate } from './deflate-flag.ts'
import { headersFlag, parseFlags, UsageError, withScheme } from './flags.ts'
import { Prompt } from './prompt.ts'
import { describeError, visible } from './terminal-text.ts'

const FLAGS = {
  header: { value: '"NAME: VALUE"', short: 'H', multiple: true, help: 'header field to add to the request' },
  protocol: { value: 'NAME', short: 's', multiple: true, help: 'subprotocol to offer' },
  deflate: DEFLATE_FLAG,
  binary: { help: 'send lines as binary messages' },
  json: { help: 'print every event as a line of JSON' },
  insecure: { help: 'accept any certificate' },
} as const

/** The close codes that end a session as it should; 1005: a Close frame without a code. */
const FINE = [1000, 1001, 1005]

const SIDES = { local: 'this side', peer: 'the peer', transport: 'the network' } as const

type Event =
  | { readonly type: 'open'; readonly url: string; readonly protocol: string; readonly extensions: string }
  | { readonly type: 'message'; readonly data: Message }
  | { readonly type: 'close'; readonly record: CloseRecord }
  | { readonly type: 'error'; readonly error: Error }

export const connectCommand: Command = {
  usage: 'URL [--header "NAME: VALUE"] [--protocol NAME] [--deflate] [--binary] [--json] [--insecure]',
  summary: 'an interactive client: lines are sent, messages printed',
  flags: FLAGS,
  notes: `The end of the input and Ctrl-C close the connection with 1000.
Exit code: 0 closed as it should, 1 no connection or lost, 2 wrong usage.

${DEFLATE_NOTES}`,
  async run(args, terminal) {
    const { flags, operands } = parseFlags(args, FLAGS)
    const [url] = operands
    if (url === undefined || operands.length > 1)
      throw new UsageError(`takes one URL, got ${operands.length || 'none'}`)
    const headers = headersFlag(flags.header)
    const perMessageDeflate = parseDeflate(flags.deflate)
    const print = flags.json ? printJson : printText
    let connection: WebSocketConnection
    try {
      connection = await connect(withScheme(url, 'ws'), {
        headers,
        protocols: flags.protocol,
        perMessageDeflate,
        maxMessageSize: 64 * 2 ** 20,
        signal: terminal.interrupted,
        ...(flags.insecure ? { tls: { rejectUnauthorized: false } } : {}),
      })
    } catch (error) {
      if (terminal.interrupted.aborted) return 1
      if (error instanceof TypeError) throw new UsageError(error.message)
      print({ type: 'error', error: error as Error }, terminal)
      return 1
    }
    const { protocol, extensions } = connection
    print({ type: 'open', url: withScheme(url, 'ws'), protocol, extensions }, terminal)
    terminal.interrupted.addEventListener('abort', () => connection.close(1000), { once: true })
    const isTyped = !flags.json && terminal.input.isTTY && terminal.output.isTTY
    const prompt = isTyped ? openPrompt(connection, flags.binary, terminal) : undefined
    if (prompt === undefined) void sendLines(connection, flags.binary, terminal)
    connection.on('message', data => {
      const printMessage = () => print({ type: 'message', data }, terminal)
      if (prompt === undefined) printMessage()
      else prompt.above(printMessage)
    })
    const record = await connection.closed
    prompt?.close()
    terminal.input.destroy()
    print({ type: 'close', record }, terminal)
    return FINE.includes(record.code) ? 0 : 1
  },
}

function openPrompt(connection: WebSocketConnection, binary: boolean, terminal: Terminal): Prompt {
  return new Prompt(terminal, {
    onLine: line => void connection.send(binary ? Buffer.from(line) : line),
    onEnd: () => connection.close(1000),
  })
}

/** Sends the lines of the input until it ends, as fast as they are taken. */
async function sendLines(connection: WebSocketConnection, binary: boolean, { input }: Terminal): Promise<void> {
  // A character for each byte, so that a binary message has the bytes of its line, whatever they are.
  const encoding = binary ? 'latin1' : 'utf8'
  try {
    for await (const line of linesOf(input, encoding)) {
      if (!connection.send(binary ? Buffer.from(line, encoding) : line)) await connection.drained()
    }
  } catch {
    // It has closed, which its record tells.
  }
  connection.close(1000)
}

/** Lines end with LF or CRLF and nothing else: readline would also break them at U+2028, which JSON may contain. */
async function* linesOf(input: Readable, encoding: BufferEncoding): AsyncGenerator<string> {
  let begun = ''
  for await (const chunk of input.setEncoding(encoding)) {
    const [first = '', ...others] = (chunk as string).split('\n')
    begun += first
    for (const next of others) {
      yield begun.replace(/\r$/, '')
      begun = next
    }
  }
  if (begun !== '') yield begun
}

function printText(event: Event, { output, error }: Terminal): void {
  switch (event.type) {
    case 'open': {
      const protocol = event.protocol === '' ? '' : `, subprotocol ${event.protocol}`
      const extensions = event.extensions === '' ? '' : `, ${event.extensions}`
      error.write(`connected to ${event.url}${protocol}${extensions}${output.isTTY ? '; Ctrl-C ends it' : ''}\n`)
      break
    }
    case 'message':
      // What is typed and what comes stand in one window there; in a pipe there are only messages, as they are.
      output.write(`${output.isTTY ? `< ${visible(describeMessage(event.data))}` : describeMessage(event.data)}\n`)
      break
    case 'close':
      error.write(`${visible(describeClose(event.record))}\n`)
      break
    case 'error':
      error.write(`${visible(`error: ${describeError(event.error, bodyOf(event.error))}`)}\n`)
  }
}

function printJson(event: Event, { output }: Terminal): void {
  output.write(`${JSON.stringify(toJson(event))}\n`)
}

function toJson(event: Event): unknown {
  switch (event.type) {
    case 'message':
      return typeof event.data === 'string'
        ? { type: 'message', text: event.data }
        : { type: 'message', base64: event.data.toString('base64') }
    case 'close': {
      const { code, reason, wasClean, detail } = event.record
      return { type: 'close', code, reason, wasClean, by: detail.by, cause: detail.cause }
    }
    case 'error': {
      const { code, message } = event.error as NodeJS.ErrnoException
      const status = event.error instanceof HandshakeError ? event.error.response?.status : undefined
      return { type: 'error', code, message, status }
    }
    default:
      return event
  }
}

function describeMessage(data: Message): string {
  if (typeof data === 'string') return data
  const shown = data.subarray(0, 64).toString('hex').replace(/../g, '$& ').trimEnd()
  return `[binary, ${data.length} bytes] ${shown}${data.length > 64 ? ' …' : ''}`
}

function describeClose({ code, reason, wasClean, detail }: CloseRecord): string {
  const why = [reason === '' ? undefined : JSON.stringify(reason), detail.cause].filter(Boolean).join(', ')
  return `closed by ${SIDES[detail.by]}, ${code}${why === '' ? '' : ` (${why})`}${wasClean ? '' : ', not clean'}`
}

function bodyOf(error: Error): Buffer | undefined {
  return error instanceof HandshakeError ? error.response?.body : undefined
}
