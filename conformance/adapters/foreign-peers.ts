/**
 * Peers that are not installed with this package: those in JavaScript by `npm install --prefix
 * conformance/adapters/foreign`, those in Python by `pip install -r conformance/adapters/foreign/requirements.txt` for the
 * python3 on the PATH. What is missing is left out.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import type { EchoClient } from './echo-clients.ts'
import { MAX_MESSAGE } from './echo-clients.ts'

/** Where they are, seen from dist/. */
export const FOREIGN: URL = new URL('../../../conformance/adapters/foreign/', import.meta.url)
const require = createRequire(new URL('package.json', FOREIGN))

const HOST = '127.0.0.1'

/** As much of faye-websocket as is used here. */
interface FayeSocket {
  on(event: 'message' | 'close' | 'error', listener: (event: { readonly data: string | Buffer }) => void): this
  send(data: string | Buffer): boolean
}
interface FayeWebSocket {
  new (request: object, socket: object, head: Buffer, protocols: readonly string[], options: object): FayeSocket
  readonly Client: new (url: string, protocols: readonly string[], options: object) => FayeSocket
  isWebSocket(request: object): boolean
}

/** As much of `websocket` as is used here. */
type NodeMessage = { readonly type: 'utf8'; readonly utf8Data: string } | { type: 'binary'; binaryData: Buffer }
interface NodeConnection {
  on(event: 'message', listener: (message: NodeMessage) => void): this
  on(event: 'close' | 'error', listener: () => void): this
  sendUTF(text: string): void
  sendBytes(bytes: Buffer): void
}
interface NodeWebSocket {
  readonly server: new (
    options: object,
  ) => {
    on(event: 'connect', listener: (connection: NodeConnection) => void): unknown
  }
  readonly client: new (
    options: object,
  ) => {
    on(event: 'connect', listener: (connection: NodeConnection) => void): unknown
    on(event: 'connectFailed', listener: () => void): unknown
    connect(url: string): void
  }
}

/** What is no upgrade is answered so, as an application does it. */
export function answerPlain(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Connection: 'close' }).end()
}

function fayeOptions(): object {
  return { maxLength: MAX_MESSAGE, extensions: [require('permessage-deflate')] }
}

export async function fayeServer(): Promise<number> {
  const Faye: FayeWebSocket = require('faye-websocket')
  const http = createServer(answerPlain)
  http.on('upgrade', (request, socket: Socket, head) => {
    if (!Faye.isWebSocket(request)) return void socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    const peer = new Faye(request, socket, head, [], fayeOptions())
    peer.on('message', ({ data }) => peer.send(data)).on('error', () => {})
  })
  await new Promise<void>(resolve => http.listen(0, HOST, resolve))
  return (http.address() as AddressInfo).port
}

export const fayeClient: EchoClient = url =>
  new Promise(resolve => {
    const Faye: FayeWebSocket = require('faye-websocket')
    const peer = new Faye.Client(url, [], fayeOptions())
    peer
      .on('message', ({ data }) => peer.send(data))
      .on('error', () => {})
      .on('close', () => resolve())
  })

const NODE_OPTIONS = {
  maxReceivedFrameSize: MAX_MESSAGE,
  maxReceivedMessageSize: MAX_MESSAGE,
  fragmentOutgoingMessages: false,
}

function echo(connection: NodeConnection): void {
  connection.on('error', () => {})
  connection.on('message', message => {
    if (message.type === 'utf8') connection.sendUTF(message.utf8Data)
    else connection.sendBytes(message.binaryData)
  })
}

export async function nodeServer(): Promise<number> {
  const { server: Server }: NodeWebSocket = require('websocket')
  const http = createServer(answerPlain)
  new Server({ httpServer: http, autoAcceptConnections: true, keepalive: false, ...NODE_OPTIONS }).on('connect', echo)
  await new Promise<void>(resolve => http.listen(0, HOST, resolve))
  return (http.address() as AddressInfo).port
}

export const nodeClient: EchoClient = url =>
  new Promise(resolve => {
    const { client: Client }: NodeWebSocket = require('websocket')
    const client = new Client(NODE_OPTIONS)
    client.on('connectFailed', () => resolve())
    client.on('connect', connection => {
      echo(connection)
      connection.on('close', () => resolve())
    })
    client.connect(url)
  })
