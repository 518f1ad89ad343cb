/** The peer when a client is judged over HTTP/2: its request, and what it is answered. */
import { type ClientHttp2Stream, connect } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { acceptStreams } from '../../../conformance/http2/accept-streams.ts'
import { Http2ClientPeer, type IncomingStream } from '../../../conformance/http2/client-peer.ts'
import { DEFAULT_PLAY } from '../../../conformance/runner.ts'
import { WireLog } from '../../../conformance/wire-log.ts'
import { MASK, rawFrame } from '../../support/raw-frames.ts'
import { until, within } from '../../support/waiting.ts'

const HANDLER = { onMessage() {}, onPong() {}, onEnd() {} }

/** A peer whose request has come, and the client behind it. */
async function arrive(t: Test, fields = {}): Promise<{ peer: Http2ClientPeer; client: ClientHttp2Stream }> {
  let came: IncomingStream | undefined
  const server = createServer(socket =>
    acceptStreams(
      socket.on('error', () => {}),
      request => {
        came = request
      },
    ),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).on('error', () => {})
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  await within(new Promise(resolve => session.once('remoteSettings', resolve)))
  const request = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': 'a',
    ':path': '/',
  }
  const client = session.request({ ...request, ...fields }, { endStream: false }).on('error', () => {})
  await until(() => came !== undefined)
  return { peer: new Http2ClientPeer(came!, DEFAULT_PLAY, new WireLog()), client }
}

function responseTo(client: ClientHttp2Stream): Promise<unknown> {
  return within(new Promise(resolve => client.once('response', resolve)))
}

t.test('a client is let in with 200 and no accept value, and read from then on', async t => {
  const { peer, client } = await arrive(t)
  const messages: string[] = []
  const response = responseTo(client)
  const opened = await peer.open({ ...HANDLER, onMessage: payload => messages.push(String(payload)) })
  t.match(opened, { agreed: undefined })
  const fields = (await response) as Record<string, unknown>
  t.equal(fields[':status'], 200)
  t.notOk('sec-websocket-accept' in fields || 'sec-websocket-extensions' in fields)
  client.write(rawFrame({ opcode: 1, payload: 'hi', mask: MASK }))
  await until(() => messages.length === 1)
  t.same(messages, ['hi'])
  t.match(peer.log.entries()[0], { from: 'testee', words: ':method: CONNECT' })
  client.end()
  await within(new Promise(resolve => client.once('close', resolve).resume()), 'the end of the other side')
})

t.test('extensions: what is wanted of what was offered', async t => {
  const { peer, client } = await arrive(t, { 'sec-websocket-extensions': 'x-other, permessage-deflate' })
  const response = responseTo(client)
  const opened = await peer.open(HANDLER, { accept: ([offer]) => ({ ...offer, serverNoContextTakeover: true }) })
  t.match(opened, { agreed: { serverNoContextTakeover: true } })
  t.match(await response, { 'sec-websocket-extensions': 'permessage-deflate; server_no_context_takeover' })
})

t.test('a refusal in words, once; and none to a client that is gone', async t => {
  const { peer, client } = await arrive(t)
  const response = responseTo(client)
  let text = ''
  client.setEncoding('utf8').on('data', piece => {
    text += piece
  })
  peer.refuse(new Error('not this'))
  peer.refuse(new Error('nor that'))
  t.match(await response, { ':status': 400, 'content-type': 'text/plain' })
  await until(() => text !== '')
  t.equal(text, 'not this\n')
  client.destroy()
  await until(() => peer.request.stream.destroyed)
  peer.refuse(new Error('gone'))
  peer.respond({})
  peer.release()
})
