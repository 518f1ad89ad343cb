/**
 * The end of a socket that does not become a WebSocket: the answer goes out, our side ends, and what still comes is
 * read and dropped, because closing with unread bytes resets the connection and can lose the answer. Nothing behind
 * a refused request is ever taken for another one.
 */
import type { Duplex } from 'node:stream'

/** Milliseconds for the peer to close after our answer. */
const LINGER = 2000
/** Bytes of an answer that the peer has to take in a millisecond: 128 kbit/s. */
const SLOWEST = 16

export function hangUp(socket: Duplex, answer: string): void {
  if (socket.destroyed || socket.writableEnded) return
  const destroy = () => void socket.destroy()
  let timer = setTimeout(destroy, LINGER + answer.length / SLOWEST)
  const onFinish = () => {
    clearTimeout(timer)
    timer = setTimeout(destroy, LINGER)
  }
  socket
    .on('error', () => {})
    .once('finish', onFinish)
    .once('close', () => clearTimeout(timer))
  socket.end(answer, 'latin1')
  socket.resume()
}
