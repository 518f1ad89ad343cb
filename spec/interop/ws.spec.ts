/** Interoperation with `ws`, in this process: its client with our server, our clients with its server. */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocketServer as WsServer, WebSocket as WsSocket } from 'ws'
import { type CloseEvent, connect, WebSocket } from '../../lib/index.ts'
import { testBehaviours } from './behaviours.ts'
import { testHandshakes } from './handshakes.ts'
import { listen, listenAs } from './link.ts'
import {
  Arrivals,
  bytesOf,
  dataOf,
  numbered,
  type Payload,
  type Peer,
  type PeerClose,
  type PeerConnectOptions,
  type PeerListenOptions,
  type PeerServer,
  type PeerSocket,
  receiptOf,
} from './peer.ts'

class Socket implements PeerSocket {
  headers: Readonly<Record<string, string | undefined>> = {}
  readonly #socket: WsSocket
  readonly #received = new Arrivals<string>()
  readonly #closed: Promise<PeerClose>

  constructor(socket: WsSocket) {
    this.#socket = socket
    this.#closed = new Promise(resolve => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    socket
      .on('message', (data: Buffer, isBinary) => this.#received.push(receiptOf(isBinary ? data : data.toString())))
      .on('close', () => this.#received.end())
      // What it finds wrong with us, it tells by its close code as well.
      .on('error', () => {})
      .on('upgrade', ({ headers }: IncomingMessage) => {
        this.headers = headers as Record<string, string>
      })
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  get extensions(): string {
    return this.#socket.extensions
  }

  async send(payload: Payload): Promise<void> {
    this.#socket.send(dataOf(payload))
  }

  async sendNumbered(count: number): Promise<void> {
    for (let n = 0; n < count; n++) this.#socket.send(numbered(n))
  }

  async sendFragments(type: 'text' | 'binary', parts: readonly Payload[]): Promise<void> {
    const last = parts.length - 1
    for (const [index, part] of parts.entries()) {
      this.#socket.send(bytesOf(part), { binary: type === 'binary', fin: index === last })
    }
  }

  async ping(payload: string): Promise<void> {
    this.#socket.ping(payload)
    const [answer] = await once(this.#socket, 'pong')
    if (answer.toString() !== payload) throw new Error(`the Pong is ${answer}, not ${payload}`)
  }

  async close(code?: number, reason?: string): Promise<void> {
    this.#socket.close(code, reason)
  }

  async drop(): Promise<void> {
    this.#socket.terminate()
  }

  take(count: number): Promise<string[]> {
    return this.#received.take(count)
  }

  closed(): Promise<PeerClose> {
    return this.#closed
  }
}

async function connectWs(url: string, { protocols = [], headers = {}, limit, ca }: PeerConnectOptions) {
  const ws = new WsSocket(url, [...protocols], { headers, ca, maxPayload: limit ?? 0 })
  const socket = new Socket(ws)
  await once(ws, 'open')
  return socket
}

async function listenWs({
  protocols = [],
  headers = {},
  limit,
  tls,
  refuse,
}: PeerListenOptions): Promise<PeerServer> {
  const http = tls === undefined ? createHttpServer() : createHttpsServer(tls)
  const server = new WsServer({
    server: http,
    perMessageDeflate: { threshold: 100 },
    maxPayload: limit ?? 0,
    handleProtocols: offered => protocols.find(protocol => offered.has(protocol)) ?? false,
    verifyClient: (_info, decide) => {
      if (refuse === undefined) decide(true)
      else decide(false, refuse.status, refuse.body, refuse.headers)
    },
  })
  const accepted = new Arrivals<Socket>()
  server.on('headers', lines => {
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  })
  server.on('connection', (ws, request) => {
    const socket = new Socket(ws)
    socket.headers = request.headers as Record<string, string>
    accepted.push(socket)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${(http.address() as AddressInfo).port}`,
    accept: async () => (await accepted.take(1))[0]!,
    close: async () => {
      for (const client of server.clients) client.terminate()
      server.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

const peer: Peer = {
  name: 'ws',
  abilities: ['ping', 'fragments', 'drop', 'limit', 'compress', 'headers'],
  refused: status => new RegExp(`^Unexpected server response: ${status}$`),
  withoutSubprotocol: 'fails',
  connect: connectWs,
  listen: listenWs,
}

testBehaviours(t, peer)
testHandshakes(t, peer)

t.test('another version of the protocol is answered with 426 and the version that we speak', async t => {
  const { url } = await listen(t, {})
  const ws = new WsSocket(url, { protocolVersion: 8 })
  const [request, response] = (await once(ws, 'unexpected-response')) as [{ destroy(): void }, IncomingMessage]
  t.match(response, { statusCode: 426, headers: { 'sec-websocket-version': '13', upgrade: 'websocket' } })
  request.destroy()
})

t.test("a path that is not the server's", async t => {
  const server = new WsServer({ host: '127.0.0.1', port: 0, path: '/chat' })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  await t.rejects(connect(`${url}/other`), { code: 'WS_ERR_HANDSHAKE_STATUS', response: { status: 400 } })
  const connection = await connect(`${url}/chat?room=1`)
  connection.close()
  t.equal((await connection.closed).wasClean, true)
  for (const client of server.clients) client.terminate()
})

t.test('our WebSocket class with its server', async t => {
  const server = await listenAs(t, peer, { protocols: ['one'] })
  const accepted = server.accept()
  const socket = new WebSocket(server.url, ['one', 'two'])
  socket.binaryType = 'arraybuffer'
  const received = new Arrivals<string>()
  socket.onmessage = ({ data }) => received.push(receiptOf(typeof data === 'string' ? data : new Uint8Array(data)))
  await once(socket, 'open')
  const theirs = await accepted
  t.same([socket.protocol, theirs.protocol], ['one', 'one'])

  for (const data of ['', 'é😀', Uint8Array.of(1, 2, 255), new Uint8Array(70_000).buffer]) socket.send(data)
  socket.send(new Blob(['blob ', Uint8Array.of(0, 255)]))
  t.same(await theirs.take(5), [
    receiptOf(''),
    receiptOf('é😀'),
    receiptOf(Uint8Array.of(1, 2, 255)),
    receiptOf(new Uint8Array(70_000)),
    receiptOf(Buffer.from('626c6f622000ff', 'hex')),
  ])
  await theirs.send({ text: 'é😀' })
  await theirs.send({ hex: '00ff', times: 50_000 })
  t.same(await received.take(2), [receiptOf('é😀'), receiptOf(Buffer.from('00ff'.repeat(50_000), 'hex'))])

  const closed = once(socket, 'close') as Promise<[CloseEvent]>
  socket.close(4000, 'done')
  t.same(await theirs.closed(), { code: 4000, reason: 'done' })
  const [{ code, reason, wasClean }] = await closed
  t.same([code, reason, wasClean], [4000, 'done', true])
})
