/**
 * A server of event streams that says what a script tells it to, byte by byte: each request takes the next line of the
 * script, and the last line answers whatever comes behind it. Nothing here is made with code from lib/.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type RawServer, rawServer } from './raw-socket.ts'

/** The head of an event stream that ends with its connection. */
export const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'
/** The head of one that breaks off whatever ends its connection: a reset that overtakes data looks like an end to libuv. */
export const ENDLESS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999999\r\n\r\n'
/** The answer that tells a client not to come back. */
export const NO_CONTENT = 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'

export interface Line {
  /** Each is written for itself. A character of a string is a byte. */
  readonly say: string | readonly (string | Uint8Array)[]
  /** What becomes of the socket: by default the server ends it. 'hold' leaves it open. */
  readonly ending?: 'end' | 'reset' | 'hold' | undefined
}

export interface ScriptedServer extends RawServer {
  readonly url: string
}

/** @param script a string stands for a line that says it and ends */
export async function scriptedServer(
  script: readonly (Line | string)[],
  server: Server = createServer(),
  scheme = 'http',
): Promise<ScriptedServer> {
  let count = 0
  const raw = await rawServer(socket => {
    const line = script[Math.min(count++, script.length - 1)]!
    void play(socket, typeof line === 'string' ? { say: line } : line)
  }, server)
  return Object.assign(raw, { url: `${scheme}://localhost:${raw.port}/` })
}

async function play(socket: Socket, { say, ending = 'end' }: Line): Promise<void> {
  // What follows the request's head is not looked at.
  socket.resume()
  const pieces = typeof say === 'string' ? [say] : say
  for (const piece of pieces) {
    if (socket.destroyed) return
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
    if (pieces.length > 1) await delay(2)
  }
  if (ending === 'end') socket.end()
  else if (ending === 'reset') {
    // Behind what was written, which a reset may throw away.
    await delay(5)
    socket.resetAndDestroy()
  }
}

/** The head of any answer that ends with its connection. */
export function head(status: number | string, fields: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} X\r\nConnection: close\r\n${lines.join('')}\r\n`
}
