/**
 * The floor: `node:net` and nothing else. No WebSocket: after the handshake it counts bytes, and for as many messages as
 * they make it writes as many answers that were made beforehand, all that one chunk asks for at once.
 */
import { createServer, type Socket } from 'node:net'
import { frame } from '../frames.ts'
import { listen } from './listen.ts'
import type { ServerTerms } from './terms.ts'

const UPGRADED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
const STREAMING = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:\n\n'

export function serve({ role, requestLength, replyLength }: ServerTerms): Promise<number> {
  const answers = answersOf(replyLength)
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    let pending = 0
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(role === 'events' ? STREAMING : UPGRADED)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      if (role === 'quiet' || role === 'events') return void socket.resume()
      socket.on('data', chunk => {
        pending += chunk.length
        const count = Math.floor(pending / requestLength)
        if (count === 0) return
        pending -= count * requestLength
        if (role === 'echo') socket.write(answers(count))
        else for (const other of sockets) other.write(answers(count))
      })
    })
  })
  return listen(server)
}

/** The same bytes for every answer, in a buffer that grows to what was asked for. */
function answersOf(length: number): (count: number) => Buffer {
  const answer = length < 4 ? Buffer.alloc(length) : frame(0x82, Buffer.alloc(payloadIn(length)), false)
  let all = answer
  return count => {
    if (all.length < count * length) all = Buffer.concat(Array.from({ length: count }, () => answer))
    return all.subarray(0, count * length)
  }
}

function payloadIn(frameLength: number): number {
  if (frameLength - 2 < 126) return frameLength - 2
  return frameLength - 4 < 65_536 ? frameLength - 4 : frameLength - 10
}
