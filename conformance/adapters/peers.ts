/**
 * The peers that are met from this repo: how each echo server is started and each echo client connects. Servers run in
 * processes of their own: `node peers.js server NAME [--tls]` prints the URL; clients too: `node peers.js client NAME URL
 * COUNT AGENT`. Those in Python have a program of their own with the same arguments.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { WebSocket as UndiciWebSocket } from 'undici'
import { connect, type DeflateOptions, WebSocketServer } from 'wirewright'
import { WebSocketServer as WsServer, WebSocket as WsWebSocket } from 'ws'
import { certificates } from '../../spec/support/certificate.ts'
import { type EchoClient, MAX_MESSAGE, runCases } from './echo-clients.ts'
import { answerPlain, FOREIGN, fayeClient, fayeServer, nodeClient, nodeServer } from './foreign-peers.ts'

/** Starts to listen and resolves with the port. */
type EchoServer = (tls: boolean) => Promise<number>

const HOST = '127.0.0.1'

/** Contexts are kept, and windows are whole. */
const WHOLE_CONTEXT: DeflateOptions = {
  serverContextTakeover: true,
  clientContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  threshold: 0,
}

async function wirewrightServer(tls: boolean, perMessageDeflate: boolean | DeflateOptions): Promise<number> {
  const server = new WebSocketServer({ maxMessageSize: MAX_MESSAGE, perMessageDeflate })
  server.on('connection', connection => {
    connection.on('message', message => {
      if (connection.send(message)) return
      connection.pause()
      connection.drained().then(
        () => connection.resume(),
        () => connection.resume(),
      )
    })
  })
  const { port } = await server.listen({ port: 0, host: HOST, ...(tls ? { tls: certificates().local } : {}) })
  return port!
}

async function wsServer(tls: boolean, perMessageDeflate: boolean): Promise<number> {
  const http = tls ? createHttpsServer(certificates().local, answerPlain) : createHttpServer(answerPlain)
  const server = new WsServer({ server: http, perMessageDeflate, maxPayload: MAX_MESSAGE })
  server.on('connection', socket => {
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await new Promise<void>(resolve => http.listen(0, HOST, resolve))
  return (http.address() as AddressInfo).port
}

export const SERVERS: Readonly<Record<string, EchoServer>> = {
  wirewright: tls => wirewrightServer(tls, true),
  'wirewright without compression': tls => wirewrightServer(tls, false),
  'wirewright with context takeover': tls => wirewrightServer(tls, WHOLE_CONTEXT),
  ws: tls => wsServer(tls, true),
  'ws without compression': tls => wsServer(tls, false),
  'faye-websocket': fayeServer,
  websocket: nodeServer,
}

function wirewrightClient(perMessageDeflate: boolean | DeflateOptions): EchoClient {
  return async url => {
    const tls = url.startsWith('wss:') ? { tls: { ca: process.env.CONFORMANCE_CA ?? '' } } : {}
    const socket = await connect(url, { maxMessageSize: MAX_MESSAGE, perMessageDeflate, ...tls })
    socket.on('message', message => void socket.send(message))
    await socket.closed
  }
}

function wsClient(perMessageDeflate: boolean): EchoClient {
  return url =>
    new Promise(resolve => {
      const socket = new WsWebSocket(url, { perMessageDeflate, maxPayload: MAX_MESSAGE })
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      socket.on('error', () => {}).on('close', () => resolve())
    })
}

const undiciClient: EchoClient = url =>
  new Promise(resolve => {
    const socket = new UndiciWebSocket(url)
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => socket.send(data))
    socket.addEventListener('close', () => resolve())
    socket.addEventListener('error', () => {})
  })

export const CLIENTS: Readonly<Record<string, EchoClient>> = {
  wirewright: wirewrightClient(true),
  'wirewright without compression': wirewrightClient(false),
  'wirewright with context takeover': wirewrightClient(WHOLE_CONTEXT),
  ws: wsClient(true),
  'ws without compression': wsClient(false),
  undici: undiciClient,
  'faye-websocket': fayeClient,
  websocket: nodeClient,
}

const PROGRAM = fileURLToPath(import.meta.url)

/** A peer as it can be started. */
export interface Launch {
  /** With its version. */
  readonly agent: string
  readonly file: string
  /** What stands before the role. */
  readonly args: readonly string[]
}

const PYTHON = { 'Python websockets': 'websockets', aiohttp: 'aiohttp' } as const

/** Every peer that the suite knows, ours first. */
export const NAMES = {
  server: [...Object.keys(SERVERS), ...Object.keys(PYTHON)],
  client: [...Object.keys(CLIENTS), ...Object.keys(PYTHON)],
} as const

/** How to start a peer; undefined if it is not installed. The arguments that follow are the role, `name`, and its own. */
export function launchOf(name: string): (Launch & { readonly name: string }) | undefined {
  if (name in PYTHON) {
    const module = PYTHON[name as keyof typeof PYTHON]
    const script = fileURLToPath(new URL('peers.py', FOREIGN))
    for (const file of ['python3', '/usr/bin/python3']) {
      const print = `import ${module}; print(${module}.__version__)`
      const { status, stdout } = spawnSync(file, ['-c', print], { encoding: 'utf8' })
      if (status === 0) return { name: module, agent: `${name} ${stdout.trim()}`, file, args: [script] }
    }
    return undefined
  }
  if (!(name in SERVERS) && !(name in CLIENTS)) return undefined
  const version = versionOf(name.split(' ')[0]!)
  if (version === undefined) return undefined
  return { name, agent: name.replace(/^\S+/, it => `${it}${version}`), file: process.execPath, args: [PROGRAM] }
}

/** Ours needs none: the report is of the tree that it is made in. */
export function versionOf(name: string): string | undefined {
  if (name === 'wirewright') return ''
  for (const base of [new URL('../../../', import.meta.url), FOREIGN]) {
    try {
      return ` ${JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, base), 'utf8')).version}`
    } catch {}
  }
  return undefined
}

async function main([role, name = '', ...rest]: readonly string[]): Promise<void> {
  if (role === 'server') {
    const start = SERVERS[name]
    if (start === undefined) throw new Error(`there is no server ${name}`)
    const tls = rest.includes('--tls')
    console.log(`${tls ? 'wss' : 'ws'}://${HOST}:${await start(tls)}/`)
    return
  }
  const [base = '', count = '0', agent = name] = rest
  const echo = CLIENTS[name]
  if (echo === undefined) throw new Error(`there is no client ${name}`)
  await runCases(base, agent, Number(count), echo)
  process.exit(0)
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
