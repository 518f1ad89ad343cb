/** `wirewright serve`: the playground, a page that shows WebSocket frames and event streams; what `npm start` runs. */
import {
  type Authorization,
  type DeflateOptions,
  type ListenAddress,
  type UpgradeRequest,
  WebSocketServer,
} from '../index.ts'
import { type Command, type Terminal, untilInterrupted } from './command.ts'
import { DEFLATE_FLAG, DEFLATE_NOTES, parseDeflate } from './deflate-flag.ts'
import { integerFlag, parseFlags, UsageError } from './flags.ts'
import { readPlayground } from './playground-files.ts'
import { PlaygroundSessions } from './playground-sessions.ts'
import { PlaygroundStreams, sessionNameOf } from './playground-streams.ts'

const DEFAULT_PORT = 8080

const FLAGS = {
  port: { value: 'PORT', short: 'p', help: `port to listen on (default ${DEFAULT_PORT}, or any if that is taken)` },
  host: { value: 'HOST', help: 'address to listen on (default 127.0.0.1: this machine only)' },
  deflate: DEFLATE_FLAG,
} as const

export const serveCommand: Command = {
  usage: '[--port PORT] [--host HOST] [--deflate]',
  summary: 'the playground: a page that shows WebSocket frames and event streams as they go',
  flags: FLAGS,
  notes: DEFLATE_NOTES,
  async run(args, terminal) {
    const { flags, operands } = parseFlags(args, FLAGS)
    if (operands.length > 0) throw new UsageError(`takes no operand, got "${operands[0]}"`)
    const port = integerFlag('port', flags.port, 0, 65_535)
    const server = createPlayground(parseDeflate(flags.deflate))
    const { url } = await listen(server, port, flags.host ?? '127.0.0.1', terminal)
    terminal.output.write(`The wirewright playground is open at ${url.replace(/^ws/, 'http')}/\nCtrl-C ends it.\n`)
    await untilInterrupted(terminal)
    await server.close()
    return 0
  },
}

function createPlayground(perMessageDeflate: boolean | DeflateOptions): WebSocketServer {
  const sessions = new PlaygroundSessions()
  const streams = new PlaygroundStreams()
  const files = readPlayground()
  const server = new WebSocketServer({
    // The page's commands are for the page alone; other clients send no Origin and may use the echo.
    origin: 'same-origin',
    authorize: (request): Authorization => isWatch(request) || pathAndTrace(request) !== undefined || { status: 404 },
    onRequest: (request, response) => {
      const path = pathOf(request)
      return path === '/events' ? streams.answer(request, response) : (files(path) ?? { status: 404 })
    },
    protocols: offered => offered[0],
    // The frames that are told about are not themselves what one wants to look at.
    perMessageDeflate: request => pathAndTrace(request)?.path === '/echo' && perMessageDeflate,
    maxMessageSize: 64 * 2 ** 20,
    trace: sessions.trace,
  })
  server.on('connection', (connection, request) => {
    const { path, trace } = pathAndTrace(request) ?? {}
    if (isWatch(request)) streams.addWatcher(connection, request)
    else if (path === '/frames' && trace !== undefined) sessions.addObserver(trace, connection)
    else sessions.addEcho(trace, connection, request)
  })
  return server
}

function pathOf({ url = '/' }: UpgradeRequest): string {
  return url.split('?')[0] ?? '/'
}

/** Whether it asks to watch the event stream of a session. */
function isWatch(request: UpgradeRequest): boolean {
  return pathOf(request) === '/streams' && sessionNameOf(request) !== undefined
}

function pathAndTrace({ url = '' }: UpgradeRequest): { path: string; trace: string | undefined } | undefined {
  const [path = '', query] = url.split('?')
  const trace = new URLSearchParams(query).get('trace') ?? undefined
  return path === '/echo' || (path === '/frames' && trace !== undefined) ? { path, trace } : undefined
}

/** A port that was asked for is meant; the default one may be taken by something else. */
async function listen(
  server: WebSocketServer,
  port: number | undefined,
  host: string,
  { error }: Terminal,
): Promise<ListenAddress> {
  try {
    return await server.listen({ port: port ?? DEFAULT_PORT, host })
  } catch (cause) {
    if (port !== undefined || (cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    error.write(`Port ${DEFAULT_PORT} is taken, so another one it is.\n`)
    return server.listen({ port: 0, host })
  }
}
