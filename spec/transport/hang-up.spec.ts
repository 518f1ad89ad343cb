/**
 * The end of a socket that gets one answer: that the answer arrives whole whatever the client still sends (S13),
 * that there is never a second one, and that no client keeps the socket.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { mock } from 'node:test'
import t from 'tap'
import { hangUp } from '../../lib/transport/hang-up.ts'
import { exchange, leftOpen, openHandles, RawClient, rawServer } from '../support/raw-socket.ts'
import { turns } from '../support/waiting.ts'

const before = openHandles()
const ANSWER = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\n\xe4\xff'

/** A stream whose peer does nothing of itself; `release` lets what was written go. */
class Stalled extends Duplex {
  written = ''
  ended = false
  release: () => void = () => {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.written += chunk.toString('latin1')
    this.release = callback
  }

  override _final(callback: () => void): void {
    this.ended = true
    callback()
  }

  override _read(): void {}
}

t.test('the answer arrives, and our side ends', async t => {
  const server = await rawServer(socket => hangUp(socket, ANSWER))
  const answer = await exchange(server.port, 'GET / HTTP/1.1\r\n\r\n')
  t.equal(answer.text, ANSWER)
  t.equal(answer.ended, 'end')
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [], 'both sides are closed')
  await server.close()
})

t.test('the answer is not lost to a client that still sends', async t => {
  const server = await rawServer(socket => hangUp(socket, ANSWER))
  const body = 'x'.repeat(300_000)
  const answer = await exchange(server.port, 'POST / HTTP/1.1\r\n\r\n', ...Array(10).fill(body))
  t.equal(answer.text, ANSWER)
  t.equal(answer.ended, 'end')
  await server.close()
})

t.test('there is one answer, and none on a socket that has ended or is gone', async t => {
  const server = await rawServer(socket => {
    hangUp(socket, ANSWER)
    hangUp(socket, 'HTTP/1.1 200 OK\r\n\r\n')
  })
  t.equal((await exchange(server.port, 'GET / HTTP/1.1\r\n\r\n')).text, ANSWER)
  await server.close()

  const stalled = new Stalled()
  hangUp(stalled, ANSWER)
  hangUp(stalled, 'HTTP/1.1 200 OK\r\n\r\n')
  await turns()
  t.notOk(stalled.destroyed, 'the second call does not disturb the first')
  stalled.release()
  await once(stalled, 'finish')
  t.equal(stalled.written, ANSWER)
  stalled.destroy(new Error('reset'))
  await new Promise(resolve => stalled.once('close', resolve))
  t.strictSame(openHandles(), [...before], 'and the timer is gone with the socket')

  const ended = new Stalled()
  ended.end()
  hangUp(ended, ANSWER)
  t.equal(ended.written, '')
  ended.destroy()
  hangUp(ended, ANSWER)
  t.strictSame(await leftOpen(before), [], 'no timer either')
})

t.test('a reset while we linger concerns nobody', async t => {
  const server = await rawServer(socket => hangUp(socket, ANSWER), createServer({ allowHalfOpen: true }))
  const client = new RawClient(server.port)
  client.socket.allowHalfOpen = true
  client.send('GET / HTTP/1.1\r\n\r\n')
  t.equal(await client.ended, 'end')
  client.socket.resetAndDestroy()
  t.strictSame(await leftOpen([...before, 'TCPServerWrap']), [])
  await server.close()
})

t.test('a client that does not close is cut two seconds after the answer', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const socket = new Stalled()
  hangUp(socket, ANSWER)
  t.equal(socket.written, ANSWER)
  socket.release()
  await new Promise(resolve => socket.once('finish', resolve))
  t.ok(socket.ended)
  mock.timers.tick(1999)
  t.notOk(socket.destroyed)
  mock.timers.tick(1)
  t.ok(socket.destroyed)
})

t.test('what a client still sends buys it no time', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const socket = new Stalled()
  hangUp(socket, ANSWER)
  socket.release()
  for (let i = 0; i < 20; i++) {
    socket.push('x')
    await new Promise(resolve => setImmediate(resolve))
    t.equal(socket.readableLength, 0, 'it is read and dropped')
    mock.timers.tick(100)
  }
  t.ok(socket.destroyed)
})

t.test('a client that takes nothing is cut', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const socket = new Stalled()
  hangUp(socket, ANSWER)
  mock.timers.tick(2100)
  t.ok(socket.destroyed)
  t.notOk(socket.ended)
})

t.test('a long answer has time to leave, and then two seconds as any other', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const socket = new Stalled()
  hangUp(socket, 'x'.repeat(1_000_000))
  mock.timers.tick(30_000)
  t.notOk(socket.destroyed, 'a megabyte at 256 kbit/s takes half a minute')
  socket.release()
  await new Promise(resolve => socket.once('finish', resolve))
  mock.timers.tick(1999)
  t.notOk(socket.destroyed)
  mock.timers.tick(1)
  t.ok(socket.destroyed)
  const stalled = new Stalled()
  hangUp(stalled, 'x'.repeat(1_000_000))
  mock.timers.tick(100_000)
  t.ok(stalled.destroyed, 'but it has an end')
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
