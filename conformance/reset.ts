/** The end of a connection that is nobody's wish: TCP's reset. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Resets TCP. Below TLS Node gives no hand to it: there TCP is dropped without TLS's own end, which is no less abrupt. */
export function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
