/** `ws`: that of this package, or with `bufferutil` beside it, the one among the peers. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { WebSocketServer as Server } from 'ws'
import { BACKLOG, HOST, MAX_MESSAGE, type ServerTerms } from './terms.ts'

type Module = { readonly WebSocketServer: typeof Server }

export async function serve(terms: ServerTerms): Promise<number> {
  // Even if it could be found, as in a checkout below another project.
  process.env.WS_NO_BUFFER_UTIL = '1'
  return serveWith(await import('ws'), terms)
}

export async function serveWith({ WebSocketServer }: Module, terms: ServerTerms): Promise<number> {
  const { role, delivery, deflate } = terms
  const server = new WebSocketServer({
    host: HOST,
    port: 0,
    backlog: BACKLOG,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: deflate,
  })
  server.on('connection', socket => {
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => {
      const message = delivery === 'string' && !isBinary ? data.toString() : data
      if (role === 'echo') socket.send(message, { binary: isBinary })
      else if (role === 'broadcast') for (const other of server.clients) other.send(message, { binary: isBinary })
    })
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
