/**
 * Resets behind every byte of a conversation (S25): the opening handshake, the messages, the closing handshake; also half a
 * close. The process that is attacked lives on, nobody throws, and nothing stays open. What each reset is told as:
 * spec/behaviour/faults.spec.ts.
 */
import { createServer, connect as netConnect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls'
import t from 'tap'
import { certificates } from '../support/certificate.ts'
import { CLOSE, closePayload, PING, TEXT } from '../support/raw-frames.ts'
import { requestText } from '../support/raw-socket.ts'
import { acceptText, CARRIERS, clientTls, framesAt, Victim } from '../support/victim.ts'
import { until } from '../support/waiting.ts'

const FRAMES = [
  { opcode: TEXT, payload: 'hello' },
  { opcode: TEXT, fin: false, payload: 'x'.repeat(130) },
  { opcode: PING, payload: 'p' },
  { opcode: 0, payload: 'end' },
  { opcode: CLOSE, payload: closePayload(1000, 'bye') },
]

for (const carrier of CARRIERS) {
  t.test(`${carrier}: a server whose clients reset`, { timeout: 60_000 }, async t => {
    const victim = Victim.start(t)
    const tls = carrier === 'TLS' ? { tls: certificates().local } : {}
    const port = Number(await victim.call('serve', { options: {}, doing: 'echo', ...tls }))
    const { handles } = await victim.call('account')
    const head = requestText().length
    const bytes = Buffer.concat([Buffer.from(requestText()), framesAt('server', ...FRAMES)])
    const attack = async (length: number) => {
      const lower = netConnect(port, '127.0.0.1')
      const socket = carrier === 'TLS' ? tlsConnect({ socket: lower, ...clientTls(carrier) }) : lower
      socket.on('error', () => {})
      lower.on('error', () => {})
      await new Promise(resolve => socket.once(carrier === 'TLS' ? 'secureConnect' : 'connect', resolve))
      const answered = new Promise(resolve => socket.once('data', resolve).once('close', resolve))
      socket.write(bytes.subarray(0, Math.min(length, head)))
      // A reset discards what has not been read: so the answer is waited for, where there is one.
      if (length >= head) await answered
      socket.write(bytes.subarray(head, length))
      await delay(length % 4)
      if (length % 5 === 4) socket.end()
      else lower.resetAndDestroy()
      setTimeout(() => lower.destroy(), 200)
    }
    const lengths = Array.from({ length: bytes.length + 1 }, (_, length) => length)
    while (lengths.length > 0) await Promise.all(lengths.splice(0, 40).map(attack))
    for (let n = 0; n < 400 && (await victim.call('account')).open > 0; n++) await delay(10)
    const account = await victim.call('account')
    t.equal(account.open, 0)
    t.same(account.uncaught, [])
    t.ok(account.ends.length >= bytes.length - head, `${account.ends.length} were open before their reset`)
    for (let n = 0; n < 100 && (await victim.call('account')).handles.length > handles.length; n++) await delay(10)
    t.same(
      (await victim.call('account')).handles.filter(name => !/Timeout/.test(name)),
      handles.filter(name => !/Timeout/.test(name)),
    )
  })

  t.test(`${carrier}: a client whose servers reset`, { timeout: 60_000 }, async t => {
    const victim = Victim.start(t)
    let length = 0
    const sockets = new Set<Socket>()
    const onRequest = (socket: Socket, lower: Socket) => {
      socket
        .on('error', () => {})
        .once('data', async data => {
          const bytes = Buffer.concat([Buffer.from(acceptText(data.toString())), framesAt('client', ...FRAMES)])
          const end = length % (bytes.length + 1)
          socket.write(bytes.subarray(0, end >> 1))
          await delay(end % 4)
          socket.write(bytes.subarray(end >> 1, end))
          await delay(end % 3)
          if (end % 5 === 4) socket.end()
          else lower.resetAndDestroy()
          setTimeout(() => lower.destroy(), 200)
        })
    }
    const lowers: Socket[] = []
    const server =
      carrier === 'TLS'
        ? createTlsServer(certificates().local, socket => onRequest(socket, lowers.at(-1)!))
        : createServer(socket => onRequest(socket, socket))
    server.on('connection', socket => {
      lowers.push(socket.on('error', () => {}))
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(resolve))
    })
    const { port } = server.address() as { port: number }
    const options = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
    const url = `${carrier === 'TLS' ? 'wss' : 'ws'}://localhost:${port}/`
    let failed = 0
    // One after the other, so some lengths must do over TLS.
    for (length = 0; length < 320; length += carrier === 'TLS' ? 3 : 1) {
      await victim.call('connect', { url, options, doing: 'echo' }).catch(() => failed++)
    }
    for (let n = 0; n < 400 && (await victim.call('account')).open > 0; n++) await delay(10)
    const { open, uncaught, ends } = await victim.call('account')
    t.equal(open, 0)
    t.same(uncaught, [])
    t.ok(failed > 10 && ends.length > 10, `${failed} did not open, ${ends.length} did`)
    await until(() => sockets.size === 0)
  })
}
