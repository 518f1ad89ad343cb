/** faye-websocket, on `node:http`. It hands out strings. */
import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { peerRequire } from '../peers.ts'
import { listen } from './listen.ts'
import { MAX_MESSAGE, type ServerTerms } from './terms.ts'

interface FayeSocket {
  on(
    event: 'message' | 'close' | 'error' | 'open',
    listener: (event: { readonly data: string | Buffer }) => void,
  ): this
  send(data: string | Buffer): boolean
}
type Faye = new (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  options: object,
) => FayeSocket

export function serve({ role }: ServerTerms): Promise<number> {
  const FayeWebSocket: Faye = peerRequire('faye-websocket')
  const all = new Set<FayeSocket>()
  const http = createServer()
  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    const peer = new FayeWebSocket(request, socket, head, [], { maxLength: MAX_MESSAGE })
    all.add(peer)
    peer.on('error', () => {}).on('close', () => all.delete(peer))
    peer.on('message', ({ data }) => {
      if (role === 'echo') peer.send(data)
      else if (role === 'broadcast') for (const other of all) other.send(data)
    })
  })
  return listen(http)
}
