/**
 * The suite's cases of HTTP/2 before HAProxy, which speaks RFC 8441 to the outside and HTTP/1.1 to our server: a peer that
 * others wrote. What it does in another way is its one known deviation.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'wirewright'
import { CASES } from '../../conformance/cases.ts'
import { parseTarget } from '../../conformance/handshake.ts'
import { DEFAULT_PLAY, judgeServer } from '../../conformance/runner.ts'
import { selectCases } from '../../conformance/selection.ts'
import { verdictsOf } from '../support/judged.ts'
import { findProgram, needs } from '../support/programs.ts'

// Where Debian puts servers is on the PATH of root alone.
process.env.PATH = [process.env.PATH, '/usr/sbin'].join(delimiter)
const haproxy = findProgram('haproxy')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** HAProxy before a port of this machine; gives its own. */
async function startProxy(t: Test, behind: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'wirewright-h2-'))
  const port = await freePort()
  writeFileSync(
    join(folder, 'config'),
    `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
listen h2
  bind 127.0.0.1:${port} proto h2
  server echo 127.0.0.1:${behind}
`,
  )
  const child = spawn(haproxy!, ['-db', '-f', join(folder, 'config')], { stdio: 'ignore' })
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill()
    await closed
    rmSync(folder, { recursive: true })
  })
  await untilListening(port, child)
  return port
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close')]).catch(
      () => false,
    )
    socket.on('error', () => {}).destroy()
    if (isOpen === true) return
    await delay(20)
  }
  throw new Error('HAProxy does not start')
}

t.test('WebSockets on streams, through HAProxy to our server', needs('HAProxy', haproxy), async t => {
  const server = new WebSocketServer()
  server.on('connection', socket => socket.on('message', message => void socket.send(message)))
  t.teardown(() => server.close())
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
  const url = `ws://127.0.0.1:${await startProxy(t, port!)}/`
  const only = ['H2', '1', '2', '3', '4', '5', '7.3', 'B.1', 'H.2']
  const cases = selectCases(CASES, { side: 'server', http: '2', only, skip: [] })
  const target = { ...parseTarget(url), insecure: false, http2: true }
  const results = await judgeServer(target, cases, { play: DEFAULT_PLAY, jobs: 16 })
  // It hands the Sec-WebSocket-Accept on that our server sends to it.
  t.same(verdictsOf(results), { 'NON-STRICT / OK': 'H2.2' })
})
