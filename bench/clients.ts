/**
 * The clients under test: each opens its connections to the load and sends every message back, as its own documentation
 * has it. Text is taken as a string.
 */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { WebSocket as WsWebSocket } from 'ws'
import { frame } from './frames.ts'
import { peerRequire } from './peers.ts'
import { MAX_MESSAGE, type ServerTerms } from './servers/terms.ts'

type Open = (url: string, terms: ServerTerms) => Promise<void>

/** What the clients have in common that follow the standard. */
interface StandardWebSocket {
  binaryType: string
  onopen: unknown
  onerror: unknown
  onmessage: unknown
  send(data: string | ArrayBuffer): void
}

export const CLIENTS: Readonly<Record<string, Open>> = {
  async wirewright(url) {
    const { connect } = await import('../lib/index.ts')
    const connection = await connect(url, { maxMessageSize: MAX_MESSAGE, maxBufferedAmount: MAX_MESSAGE * 2 })
    connection.on('message', message => connection.send(message))
  },
  async ws(url) {
    process.env.WS_NO_BUFFER_UTIL = '1'
    await openWs((await import('ws')).WebSocket, url)
  },
  async 'ws-bufferutil'(url) {
    await openWs(peerRequire('ws').WebSocket, url)
  },
  async undici(url) {
    const { WebSocket } = await import('undici')
    await openStandard(new WebSocket(url) as StandardWebSocket)
  },
  async bun(url) {
    await openStandard(new (globalThis as unknown as Standard).WebSocket(url))
  },
  async deno(url) {
    await openStandard(new (globalThis as unknown as Standard).WebSocket(url))
  },
  async faye(url) {
    const { Client } = peerRequire('faye-websocket')
    const socket = new Client(url, [], { maxLength: MAX_MESSAGE })
    socket.on('message', ({ data }: { data: string | Buffer }) => socket.send(data))
    await new Promise(resolve => socket.on('open', resolve))
  },
  raw: openRaw,
}

interface Standard {
  readonly WebSocket: new (url: string) => StandardWebSocket
}

async function openWs(Client: typeof WsWebSocket, url: string): Promise<void> {
  const socket = new Client(url, { maxPayload: MAX_MESSAGE })
  socket.on('message', (data, isBinary) => socket.send(isBinary ? data : data.toString(), { binary: isBinary }))
  await once(socket, 'open')
}

async function openStandard(socket: StandardWebSocket): Promise<void> {
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => socket.send(data)
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('the connection failed'))
  })
}

/** The floor: counts bytes, and answers with frames made beforehand. */
async function openRaw(url: string, { requestLength, replyLength }: ServerTerms): Promise<void> {
  const { port, hostname } = new URL(url)
  const socket = connectTcp({ port: Number(port), host: hostname, noDelay: true })
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  await once(socket, 'data')
  // Counted by their length, which the header must fit only as far as the load looks: not at all.
  const reply = frame(0x82, Buffer.alloc(Math.max(0, replyLength - 14)), true)
  const one = Buffer.concat([reply, Buffer.alloc(replyLength)]).subarray(0, replyLength)
  let all = one
  let pending = 0
  socket.on('data', chunk => {
    pending += chunk.length
    const count = Math.floor(pending / requestLength)
    if (count === 0) return
    pending -= count * requestLength
    if (all.length < count * replyLength) all = Buffer.concat(Array.from({ length: count }, () => one))
    socket.write(all.subarray(0, count * replyLength))
  })
}
