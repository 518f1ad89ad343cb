/**
 * A connection between us and a peer, either way round: our server and their client, or our client and their server.
 * What was opened for a test is closed when the test is over.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  connect,
  type DeflateOptions,
  type ServerOptions,
  type WebSocketConnection,
  WebSocketServer,
} from '../../lib/index.ts'
import type { ConnectionSettings } from '../../lib/transport/connection-options.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'
import { certificates } from '../support/certificate.ts'
import { type Peer, type PeerListenOptions, type PeerServer, type PeerSocket, receiptOf } from './peer.ts'

export type Direction = 'their client, our server' | 'our client, their server'

export interface LinkOptions {
  /** For our connection. */
  readonly settings?: ConnectionSettings
  /** Compression, which every peer is ready for. */
  readonly deflate?: DeflateOptions | undefined
  /** Subprotocols that the client offers. */
  readonly offered?: readonly string[]
  /** Subprotocols that the server speaks. */
  readonly spoken?: readonly string[]
  readonly requestHeaders?: Readonly<Record<string, string>>
  readonly responseHeaders?: Readonly<Record<string, string>>
  /** The longest message that the peer accepts. */
  readonly peerLimit?: number
  readonly tls?: boolean
  /** Our server is attached to one of node:http. */
  readonly attached?: boolean
}

export interface Link {
  readonly ours: WebSocketConnection
  readonly peer: PeerSocket
  /** The client's request, on our server. */
  readonly request: UpgradeRequest | undefined
}

export function openLink(t: Test, peer: Peer, direction: Direction, options: LinkOptions = {}): Promise<Link> {
  return direction === 'their client, our server' ? acceptPeer(t, peer, options) : connectToPeer(t, peer, options)
}

async function acceptPeer(t: Test, peer: Peer, options: LinkOptions): Promise<Link> {
  const {
    settings,
    deflate,
    offered,
    spoken,
    requestHeaders,
    responseHeaders = {},
    peerLimit,
    tls,
    attached,
  } = options
  const serverOptions: ServerOptions = {
    ...settings,
    perMessageDeflate: deflate,
    protocols: spoken,
    authorize: () => ({ status: 101, headers: responseHeaders }),
  }
  const { server, url } = await listen(t, serverOptions, { tls, attached })
  const connected = once(server, 'connection') as Promise<[WebSocketConnection, UpgradeRequest]>
  const { ca } = certificates()
  const socket = await peer.connect(url, {
    protocols: offered,
    headers: requestHeaders,
    limit: peerLimit,
    ca: tls ? ca : undefined,
  })
  const [ours, request] = await connected
  return { ours, peer: socket, request }
}

async function connectToPeer(t: Test, peer: Peer, options: LinkOptions): Promise<Link> {
  const { settings, deflate, offered, spoken, requestHeaders, responseHeaders, peerLimit, tls } = options
  const { local, ca } = certificates()
  const server = await listenAs(t, peer, {
    protocols: spoken,
    headers: responseHeaders,
    limit: peerLimit,
    tls: tls ? local : undefined,
  })
  const accepted = server.accept()
  const ours = await connect(server.url, {
    ...settings,
    perMessageDeflate: deflate,
    protocols: offered ?? [],
    headers: requestHeaders,
    tls: tls ? { ca } : undefined,
  })
  t.teardown(() => ours.terminate())
  return { ours, peer: await accepted, request: undefined }
}

/** A server of ours. */
export async function listen(
  t: Test,
  options: ServerOptions,
  where: { readonly tls?: boolean | undefined; readonly attached?: boolean | undefined } = {},
): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer(options)
  t.teardown(() => {
    for (const connection of server.connections) connection.terminate()
    return server.close()
  })
  if (where.attached) {
    const http = createServer().listen(0, '127.0.0.1')
    t.teardown(() => http.close())
    await once(http, 'listening')
    server.attach(http)
    return { server, url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}` }
  }
  const tls = where.tls ? certificates().local : undefined
  const { url } = await server.listen({ host: '127.0.0.1', tls })
  return { server, url }
}

/** A server of the peer's. */
export async function listenAs(t: Test, peer: Peer, options: PeerListenOptions): Promise<PeerServer> {
  if (peer.listen === undefined) throw new Error(`${peer.name} has no server`)
  const server = await peer.listen(options)
  t.teardown(() => server.close())
  return server
}

/** Receipts of the next `count` messages that we got; fewer if the connection closes first. */
export async function take(connection: WebSocketConnection, count: number): Promise<string[]> {
  const messages = connection[Symbol.asyncIterator]()
  const receipts: string[] = []
  while (receipts.length < count) {
    const next = await messages.next()
    if (next.done) break
    receipts.push(receiptOf(next.value))
  }
  return receipts
}
