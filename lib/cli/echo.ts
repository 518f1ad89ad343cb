/** `wirewright echo`: sends every message back, on every path; for tools and benches. */
import { type WebSocketConnection, WebSocketServer } from '../index.ts'
import { type Command, untilInterrupted } from './command.ts'
import { DEFLATE_FLAG, DEFLATE_NOTES, parseDeflate } from './deflate-flag.ts'
import { integerFlag, parseFlags, UsageError } from './flags.ts'

const FLAGS = {
  port: { value: 'PORT', short: 'p', help: 'port to listen on; 0 lets the system choose' },
  host: { value: 'HOST', help: 'address to listen on (default: all)' },
  deflate: DEFLATE_FLAG,
  'max-message': { value: 'BYTES', help: 'longest message accepted (default 1048576)' },
} as const

export const echoCommand: Command = {
  usage: '--port PORT [--host HOST] [--deflate] [--max-message BYTES]',
  summary: 'a bare echo server on every path',
  flags: FLAGS,
  notes: DEFLATE_NOTES,
  async run(args, terminal) {
    const { flags, operands } = parseFlags(args, FLAGS)
    if (operands.length > 0) throw new UsageError(`takes no operand, got "${operands[0]}"`)
    const port = integerFlag('port', flags.port, 0, 65_535)
    if (port === undefined) throw new UsageError('--port is missing')
    const maxMessageSize = integerFlag('max-message', flags['max-message'], 1, 2 ** 29 - 25)
    const perMessageDeflate = parseDeflate(flags.deflate)
    const server = new WebSocketServer({ maxMessageSize, perMessageDeflate, protocols: offered => offered[0] })
    server.on('connection', echo)
    const { url } = await server.listen({ port, host: flags.host })
    terminal.output.write(`wirewright echo is listening on ${url}\n`)
    await untilInterrupted(terminal)
    await server.close()
    return 0
  },
}

/** Sends every message back as what it was, text or binary; reads no more while the peer takes nothing. */
export function echo(connection: WebSocketConnection): void {
  connection.on('message', message => {
    if (connection.send(message)) return
    connection.pause()
    connection.drained().then(
      () => connection.resume(),
      () => connection.resume(),
    )
  })
}
