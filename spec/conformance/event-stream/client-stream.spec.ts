/** What a client's request is answered with, octet by octet. */
import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { EventStreamClientPeer, StreamRequest } from '../../../conformance/event-stream/client-stream.ts'
import { readHead } from '../../../conformance/handshake.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { WireLog } from '../../../conformance/wire-log.ts'
import { RawClient } from '../../support/raw-socket.ts'
import { within } from '../../support/waiting.ts'

const log = new WireLog()

/** A request that has come, and the client that made it. */
async function asked(text: string): Promise<{ request: StreamRequest; client: RawClient }> {
  const server = createServer()
  const coming = new Promise<Socket>(resolve => server.once('connection', resolve))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const client = new RawClient((server.address() as { port: number }).port).send(text)
  const socket = (await coming).on('error', () => {})
  server.close()
  const { head, text: lines } = readHead(Buffer.from(text, 'latin1'))!
  const incoming = { socket, head, text: lines, rest: Buffer.alloc(0) }
  return { request: new StreamRequest(incoming, new URLSearchParams('play=1&hop=1'), log), client }
}

const PLAIN = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

t.test('pieces are chunks; nothing is none', async t => {
  const { request, client } = await asked(PLAIN)
  await request.answer({ pieces: ['data: a', '', 1, '\n\n'], fields: { 'X-Own': 'x', Connection: undefined } })
  t.equal(await within(client.ended), 'end')
  t.match(client.text, /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/)
  t.match(client.text, '\r\nX-Own: x\r\n')
  t.notMatch(client.text, 'Connection')
  t.equal(client.behindHead.toString(), '7\r\ndata: a\r\n2\r\n\n\n\r\n0\r\n\r\n')
  await client.destroy()
})

t.test('without framing, with a length, without a body, cut, reset', async t => {
  const bodies: string[] = []
  for (const answer of [
    { endsWithTcp: true },
    { fields: { 'Content-Length': '3' } },
    { status: '204 No Content', pieces: [] },
    { ending: 'cut' },
    { ending: 'reset' },
  ] as const) {
    const { request, client } = await asked(PLAIN)
    await request.answer({ pieces: ['a\n\n'], ...answer })
    const ended = await within(client.ended)
    bodies.push(`${client.behindHead} ${ended}`)
    await client.destroy()
  }
  t.same(bodies, ['a\n\n end', 'a\n\n end', ' end', '3\r\na\n\n\r\n end', '3\r\na\n\n\r\n ECONNRESET'])
})

t.test('the last event ID is UTF-8', async t => {
  const id = Buffer.from('é☃').toString('latin1')
  const { request, client } = await asked(`GET / HTTP/1.1\r\nLast-Event-ID: ${id}\r\n\r\n`)
  t.equal(request.lastEventId, 'é☃')
  t.equal(request.query.get('hop'), '1')
  await client.destroy()
  const other = await asked(PLAIN)
  t.equal(other.request.lastEventId, undefined)
  await other.client.destroy()
})

t.test('requests are taken in their order; a report ends the wait', async t => {
  const peer = new EventStreamClientPeer({ ...DEFAULT_PLAY, pace: 0.1 }, log, 'http://a', '/eventStream?play=1')
  const { request, client } = await asked(PLAIN)
  const next = peer.next()
  peer.take(request)
  t.equal(await within(next), request)
  t.equal(await within(peer.next(10)), undefined)
  const later = peer.next()
  peer.tell([{ type: 'message' }])
  t.equal(await within(later), undefined)
  t.same(await within(peer.report()), [{ type: 'message' }])
  await within(peer.over)
  t.match(await peer.open(), { fault: 'an event stream is no WebSocket' })
  peer.release()
  await client.destroy()
})
