/**
 * The channels that one behaviour suite runs over: memory, TCP and TLS, and memory with all messages compressed. A channel gives two connected streams; the
 * opening handshake is taken as done, and each end becomes a {@link WebSocketConnection} or stays a bare stream on
 * which a spec writes what it likes. All that was opened is gone when the test that opened it is over.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls'
import { type ConnectionSettings, checkSettings } from '../../lib/transport/connection-options.ts'
import { checkDeflate, type DeflateAgreement, type DeflateOptions } from '../../lib/transport/deflate-options.ts'
import { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import { certificates } from './certificate.ts'
import { type MemoryChannel, type MemoryOptions, memoryChannel } from './memory-channel.ts'
import { MASK, type RawFrame, rawFrames } from './raw-frames.ts'
import { turns } from './waiting.ts'

/** A test, as far as it is needed here. */
export interface Scope {
  teardown(callback: () => unknown): unknown
}

export interface Ends {
  readonly server: Duplex
  readonly client: Duplex
  /** One end goes away and the other is told of a reset. */
  reset(end: Role): void
}

export interface Channel {
  readonly name: 'memory' | 'TCP' | 'TLS' | 'memory, compressed'
  /** Two connections with each other have agreed on this. */
  readonly deflate?: DeflateOptions
  open(scope: Scope): Promise<Ends>
}

const memory: Channel = {
  name: 'memory',
  async open() {
    const { server, client } = memoryChannel()
    return { server, client, reset: end => (end === 'server' ? server : client).reset() }
  },
}

/** Everything is compressed that can be, even where it is not worth it. */
const compressed: Channel = {
  ...memory,
  name: 'memory, compressed',
  deflate: { threshold: 0, serverContextTakeover: true, clientContextTakeover: true },
}

const tcp: Channel = {
  name: 'TCP',
  async open(scope) {
    const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    scope.teardown(() => listener.close())
    await once(listener, 'listening')
    const accepted = once(listener, 'connection') as Promise<[Socket]>
    const client = netConnect({ port: portOf(listener), host: '127.0.0.1', allowHalfOpen: true })
    await once(client, 'connect')
    const [server] = await accepted
    return { server, client, reset: end => void (end === 'server' ? server : client).resetAndDestroy() }
  },
}

const tls: Channel = {
  name: 'TLS',
  async open(scope) {
    const { ca, local } = certificates()
    const listener = createTlsServer({ ...local, allowHalfOpen: true }).listen(0, '127.0.0.1')
    scope.teardown(() => listener.close())
    await once(listener, 'listening')
    // TLS sockets cannot reset; what lies under them can.
    const lower = once(listener, 'connection') as Promise<[Socket]>
    const accepted = once(listener, 'secureConnection') as Promise<[Duplex]>
    const lowerClient = netConnect({ port: portOf(listener), host: '127.0.0.1' })
    const client = tlsConnect({ socket: lowerClient, ca, servername: 'localhost' })
    // The server's session tickets end its part of the handshake; a reset before would be one of the handshake.
    await once(client, 'session')
    // Within that event OpenSSL is at work, and what is written stays where it is.
    await turns(1)
    const [lowerServer] = await lower
    const [server] = await accepted
    const reset = (end: Role) => {
      const [upper, lower] = end === 'server' ? [server, lowerServer] : [client, lowerClient]
      // libuv does not reset a socket that shuts down already, and Node then leaks it.
      if (upper.writableEnded) upper.destroy()
      else lower.resetAndDestroy()
    }
    return { server, client, reset }
  },
}

export const MEMORY: Channel = memory
export const CHANNELS: readonly Channel[] = [memory, tcp, tls, compressed]
export const SOCKETS: readonly Channel[] = [tcp, tls]

export interface Pair {
  readonly server: WebSocketConnection
  readonly client: WebSocketConnection
  readonly ends: Ends
}

/** A server's and a client's connection, with each other. */
export async function openPair(
  scope: Scope,
  channel: Channel,
  settings: { readonly server?: ConnectionSettings; readonly client?: ConnectionSettings } = {},
): Promise<Pair> {
  const ends = await channel.open(scope)
  const agreement = channel.deflate && agreementOn(channel.deflate)
  return {
    ends,
    server: connectionOn(scope, ends.server, 'server', settings.server, agreement),
    client: connectionOn(scope, ends.client, 'client', settings.client, agreement),
  }
}

/** A pair in memory, where a spec scripts what happens to the bytes. */
export function openInMemory(
  scope: Scope,
  options: MemoryOptions = {},
  settings: { readonly server?: ConnectionSettings; readonly client?: ConnectionSettings } = {},
  deflate?: DeflateOptions,
): Pick<Pair, Role> & { readonly line: MemoryChannel } {
  const line = memoryChannel(options)
  const agreement = deflate && agreementOn(deflate)
  return {
    line,
    server: connectionOn(scope, line.server, 'server', settings.server, agreement),
    client: connectionOn(scope, line.client, 'client', settings.client, agreement),
  }
}

/** What two sides with these options agree on. */
export function agreementOn(options: DeflateOptions): DeflateAgreement {
  const settings = checkDeflate(options, 'client')
  if (settings === undefined) throw new Error('nothing to agree on')
  return { settings, parameters: settings.wanted, extensions: 'permessage-deflate' }
}

export interface HalfRaw {
  readonly connection: WebSocketConnection
  /** The other end, bare. Its errors are swallowed. */
  readonly peer: Duplex
  readonly ends: Ends
}

/** A connection in `role` whose other end is a bare stream. */
export async function openAgainstRaw(
  scope: Scope,
  channel: Channel,
  role: Role,
  settings: ConnectionSettings = {},
  deflate?: DeflateOptions,
): Promise<HalfRaw> {
  const ends = await channel.open(scope)
  const connection = connectionOn(scope, ends[role], role, settings, deflate && agreementOn(deflate))
  const peer = ends[role === 'server' ? 'client' : 'server']
  peer.on('error', () => {})
  scope.teardown(() => gone(peer))
  return { connection, peer, ends }
}

/** Frames as the other side of `role` sends them: masked to a server. */
export function framesTo(role: Role, ...frames: RawFrame[]): Buffer {
  return rawFrames(frames.map(frame => (role === 'server' ? { ...frame, mask: MASK } : frame)))
}

export function connectionOn(
  scope: Scope,
  stream: Duplex,
  role: Role,
  settings: ConnectionSettings = {},
  deflate?: DeflateAgreement,
): WebSocketConnection {
  const connection = new WebSocketConnection(stream, role, checkSettings(settings), '', undefined, deflate)
  scope.teardown(() => gone(stream))
  return connection
}

async function gone(stream: Duplex): Promise<void> {
  if (stream.closed) return
  const closed = new Promise(resolve => stream.once('close', resolve))
  stream.destroy()
  await closed
}

function portOf(listener: { address(): AddressInfo | string | null }): number {
  return (listener.address() as AddressInfo).port
}
