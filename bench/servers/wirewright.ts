/** Ours, on its own port. */
import { openEventStream, prepareMessage, WebSocketServer } from '../../lib/index.ts'
import { BACKLOG, HOST, MAX_MESSAGE, type ServerTerms } from './terms.ts'

export async function serve(terms: ServerTerms): Promise<number> {
  const { port = 0 } = await serverOf(terms).listen({ host: HOST, backlog: BACKLOG })
  return port
}

export function serverOf({ role, deflate }: ServerTerms): WebSocketServer {
  const server = new WebSocketServer({
    maxMessageSize: MAX_MESSAGE,
    // The load reads as fast as it can, but it asks for many at a time.
    maxBufferedAmount: MAX_MESSAGE * 2,
    perMessageDeflate: deflate,
    ...(role === 'events' ? { onRequest: (request, response) => openEventStream(request, response) } : {}),
  })
  server.on('connection', connection => {
    if (role === 'echo') connection.on('message', message => connection.send(message))
    else if (role === 'quiet') connection.on('message', () => {})
    else {
      connection.on('message', message => {
        const prepared = prepareMessage(message)
        for (const other of server.connections) other.send(prepared)
      })
    }
  })
  return server
}
