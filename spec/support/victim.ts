/**
 * Those who are attacked: a server or a client as applications have them, over TCP or TLS, with the opening handshake
 * done. Either in this process, to see what it knows, or in one of its own, to see what it costs. The attacker is a bare
 * socket.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import {
  type ConnectOptions,
  connect,
  type ServerOptions,
  type WebSocketConnection,
  WebSocketServer,
} from 'wirewright'
import type { Role } from '../../lib/websocket/frame.ts'
import { certificates } from './certificate.ts'
import type { Scope } from './channels.ts'
import { MASK, type RawFrame, type ReadFrame, rawFrames, readFrames } from './raw-frames.ts'
import { fieldOf, RawClient, RawPeer, type RawServer, rawServer, requestText } from './raw-socket.ts'
import type { Account, Calls, Doing, Memory } from './victim-process.ts'
import { within } from './waiting.ts'

export const CARRIERS = ['TCP', 'TLS'] as const
export type Carrier = (typeof CARRIERS)[number]

/** Every role over every carrier. */
export const FRONTS: readonly (readonly [Role, Carrier])[] = (['server', 'client'] as const).flatMap(role =>
  CARRIERS.map(carrier => [role, carrier] as const),
)

/** Both roles and both carriers, for what costs too much to be tried four times. */
export const HALF_OF_THE_FRONTS: readonly (readonly [Role, Carrier])[] = [
  ['server', 'TCP'],
  ['client', 'TLS'],
]

/** RFC 6455 §1.3, not with our own code. */
export function acceptText(request: string, fields = ''): string {
  const key = fieldOf(request, 'Sec-WebSocket-Key')
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${fields}\r\n`
}

export function clientTls(carrier: Carrier): { ca: string; servername: string } | undefined {
  return carrier === 'TLS' ? { ca: certificates().ca, servername: 'localhost' } : undefined
}

/** A bare server over a carrier, that is gone with its test. */
export async function bareServer(
  scope: Scope,
  carrier: Carrier,
  onRequest: (socket: Socket, request: string) => void,
): Promise<RawServer & { readonly url: string }> {
  const server = await rawServer(
    onRequest,
    carrier === 'TLS' ? createTlsServer(certificates().local) : createServer(),
  )
  scope.teardown(() => server.close())
  return { ...server, url: `${carrier === 'TLS' ? 'wss' : 'ws'}://localhost:${server.port}/` }
}

/** A bare server that accepts, and hands over its end of the first connection. */
async function acceptingServer(scope: Scope, carrier: Carrier, fields = '') {
  let accepted: (peer: RawPeer) => void = () => {}
  const peer = new Promise<RawPeer>(resolve => (accepted = resolve))
  const server = await bareServer(scope, carrier, (socket, request) => {
    socket.write(acceptText(request, fields))
    accepted(new RawPeer(socket))
  })
  return { server, peer }
}

/** A bare client whose opening handshake is done. */
async function openClient(scope: Scope, port: number, carrier: Carrier, fields: Record<string, string> = {}) {
  const client = new RawClient(port, clientTls(carrier))
  scope.teardown(() => client.destroy())
  client.send(requestText(fields))
  await within(client.untilHead(), 'the 101')
  if (!client.text.startsWith('HTTP/1.1 101 ')) throw new Error(client.text)
  return client
}

export interface Attacked {
  readonly connection: WebSocketConnection
  readonly attacker: RawPeer
}

/** Somebody who is attacked, in this process. */
export async function attacked(
  scope: Scope,
  [role, carrier]: readonly [Role, Carrier],
  options: ServerOptions & ConnectOptions = {},
): Promise<Attacked> {
  if (role === 'server') {
    const server = new WebSocketServer(options)
    const connected = new Promise<WebSocketConnection>(resolve => server.once('connection', resolve))
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port = 0 } = await server.listen({ host: '127.0.0.1', tls })
    const attacker = await openClient(scope, port, carrier)
    const connection = await connected
    scope.teardown(async () => {
      await attacker.destroy()
      connection.terminate()
      await server.close()
    })
    return { connection, attacker }
  }
  const { server, peer } = await acceptingServer(scope, carrier)
  const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
  const connection = await connect(server.url, { ...options, ...tls })
  scope.teardown(() => connection.terminate())
  return { connection, attacker: await peer }
}

/** Frames as an attacker of `role` sends them: masked to a server. */
export function framesAt(role: Role, ...frames: RawFrame[]): Buffer {
  return rawFrames(frames.map(frame => (role === 'server' ? { mask: MASK, ...frame } : frame)))
}

/** The frames that came to an attacker; what is not whole yet is left out. */
export function framesOf(attacker: RawPeer, role: Role): ReadFrame[] {
  const bytes = role === 'server' ? attacker.behindHead : Buffer.from(attacker.text, 'latin1')
  for (let end = bytes.length; end > 0; end--) {
    try {
      return readFrames(bytes.subarray(0, end))
    } catch {}
  }
  return []
}

/** A process that is attacked. */
export class Victim {
  readonly #child: ChildProcess
  #last: Promise<unknown> = Promise.resolve()

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** @param files how many file descriptors it may have; all that the system allows if left out */
  static start(scope: Scope, files?: number): Victim {
    const file = fileURLToPath(new URL('victim-process.js', import.meta.url))
    const env = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' }
    // The shell takes the limit over to the process that it becomes.
    const limited = ['-c', `ulimit -n ${files}; exec "$0" --expose-gc "$@"`, process.execPath]
    const child =
      files === undefined
        ? fork(file, { execArgv: ['--expose-gc'], env })
        : fork(file, { execPath: '/bin/sh', execArgv: limited, env })
    const gone = new Promise(resolve => child.once('close', resolve))
    scope.teardown(() => {
      child.kill('SIGKILL')
      return gone
    })
    return new Victim(child)
  }

  /** One call after the other; the answer to each comes before the next. */
  call<Name extends keyof Calls>(
    name: Name,
    ...[parameter]: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const answer = this.#last.then(
      () =>
        new Promise<never>((resolve, reject) => {
          const onExit = () => reject(new Error(`the victim has died while it was asked to ${name}`))
          this.#child.once('exit', onExit)
          this.#child.once('message', ({ value, error }: { value: never; error?: string }) => {
            this.#child.off('exit', onExit)
            if (error === undefined) resolve(value)
            else reject(new Error(error))
          })
          this.#child.send({ name, parameter })
        }),
    )
    this.#last = answer.catch(() => {})
    return within(answer, name, 30_000)
  }

  /** Once there are so many ends. */
  async ended(count: number): Promise<Account> {
    let account = await this.call('account')
    const isThere = () => account.ends.length >= count
    for (const end = performance.now() + 20_000; !isThere() && performance.now() < end; ) {
      await new Promise(resolve => setTimeout(resolve, 10))
      account = await this.call('account')
    }
    return account
  }
}

export interface Siege {
  readonly victim: Victim
  readonly attacker: RawPeer
  /** Before anything has come. */
  readonly before: Memory
}

/** A process that is attacked over one connection. `fields` stand in what the attacker says in the opening handshake. */
export async function besiege(
  scope: Scope,
  [role, carrier]: readonly [Role, Carrier],
  { options = {}, doing = 'listen' as Doing, fields = {} as Record<string, string>, reads = true } = {},
): Promise<Siege> {
  const victim = Victim.start(scope)
  const attacker = await attackerOf(scope, victim, [role, carrier], { options, doing, fields })
  if (!reads) attacker.socket.pause()
  return { victim, attacker, before: await victim.call('measure') }
}

async function attackerOf(
  scope: Scope,
  victim: Victim,
  [role, carrier]: readonly [Role, Carrier],
  { options, doing, fields }: { options: object; doing: Doing; fields: Record<string, string> },
): Promise<RawPeer> {
  if (role === 'server') {
    const tls = carrier === 'TLS' ? { tls: certificates().local } : {}
    const port = await victim.call('serve', { options, doing, ...tls })
    return openClient(scope, Number(port), carrier, fields)
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const { server, peer } = await acceptingServer(scope, carrier, lines.join(''))
  const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
  await victim.call('connect', { url: server.url, options: { ...options, ...tls }, doing })
  return peer
}

/** Writes until all is taken, or the other end has gone. */
export async function pour(attacker: RawPeer, chunks: Iterable<Uint8Array>): Promise<number> {
  const { socket } = attacker
  let poured = 0
  for (const chunk of chunks) {
    if (socket.destroyed || socket.writableEnded) break
    poured += chunk.length
    if (socket.write(chunk)) continue
    await new Promise<void>(resolve => {
      const done = () => {
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
  }
  return poured
}

/** Bytes, for people. */
export function inWords(bytes: number): string {
  return Math.abs(bytes) < 2 ** 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
