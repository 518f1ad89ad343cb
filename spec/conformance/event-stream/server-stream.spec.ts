/** A request for a stream as it is written, and what comes of it. */
import t from 'tap'
import { ServerStream } from '../../../conformance/event-stream/server-stream.ts'
import { parseTarget } from '../../../conformance/handshake.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { ServerPeer } from '../../../conformance/server-peer.ts'
import { WireLog } from '../../../conformance/wire-log.ts'
import { rawServer } from '../../support/raw-socket.ts'

async function open(answer: string, asked: Parameters<typeof ServerStream.open>[1] = {}, path = '/') {
  const server = await rawServer(socket => void socket.end(Buffer.from(answer, 'latin1')))
  const target = { ...parseTarget(`http://127.0.0.1:${server.port}${path}`), insecure: false }
  const peer = new ServerPeer(target, DEFAULT_PLAY, new WireLog())
  const stream = await ServerStream.open(peer, asked)
  await stream.until(() => false, 3000)
  peer.release()
  await server.close()
  return { stream, request: server.requests[0] ?? '' }
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

t.test('chunked, and ended by TCP', async t => {
  const { stream } = await open(`${CHUNKED}9\r\ndata: a\n\n\r\n0\r\n\r\n`)
  t.match(stream, { status: 200, isDone: true, framingFault: undefined, length: 9, isUtf8: true })
  t.match(stream.read.events, [{ data: 'a' }])
  const other = await open('HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\ndata: b\n\ndata: \xff\n')
  t.match(other.stream, { status: 200, isDone: true, ended: 'in order', isUtf8: false })
  t.equal(other.stream.field('content-type'), 'a/b')
  t.match(other.stream.read.events, [{ data: 'b' }])
})

t.test('ended without a last chunk, wrong chunks, no response', async t => {
  t.match((await open(`${CHUNKED}2\r\n:\n\r\n`)).stream, { isDone: false, ended: 'in order', length: 2 })
  t.match((await open(`${CHUNKED}x\r\n`)).stream, { framingFault: '"x" where a size must be' })
  const { stream } = await open('')
  t.match(stream, { status: 0, fault: 'the server ended TCP without a response' })
  t.equal(stream.answer, 'the server ended TCP without a response')
})

t.test('the request', async t => {
  const asked = { method: 'POST', query: 'x=1', body: '"é"', fields: { Accept: undefined, 'X-Own': 'y' } } as const
  const { request } = await open('HTTP/1.1 204 No Content\r\n\r\n', { ...asked, delivery: 40 }, '/a?b=c')
  t.match(request, /^POST \/a\?b=c&x=1 HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/)
  t.notMatch(request, 'Accept')
  t.match(request, '\r\nContent-Length: 4\r\nX-Own: y\r\n')
  const plain = await open('HTTP/1.0 200 OK\r\n\r\n', { version: '1.0', query: 'x' })
  t.match(plain.request, /^GET \/\?x HTTP\/1\.0\r\n[\s\S]*\r\nAccept: text\/event-stream\r\n/)
  t.equal(plain.stream.status, 200)
})
