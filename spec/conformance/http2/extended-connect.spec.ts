/** Extended CONNECT: what is sent, and every answer. */
import { createServer as createHttp2Server, type IncomingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { parseTarget } from '../../../conformance/handshake.ts'
import {
  connectSession,
  headText,
  request,
  requestFields,
  statusOf,
} from '../../../conformance/http2/extended-connect.ts'

t.test('the request of RFC 8441 §5.1, and the response', async t => {
  const came: IncomingHttpHeaders[] = []
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } })
  server.on('stream', (stream, headers) => {
    came.push(headers)
    if (headers[':path'] === '/reset') return stream.close(8)
    stream.respond({ ':status': 200, 'x-some': ['a', 'b'] })
    stream.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const target = { ...parseTarget(`ws://127.0.0.1:${port}/chat?a=b`), insecure: false }
  const session = await connectSession(target)
  t.equal(session.remoteSettings.enableConnectProtocol, true)
  const opened = await request(session, requestFields(target, { 'x-more': '1', ':scheme': 'https' }))
  t.match(came[0], {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': '/chat?a=b',
    ':authority': `127.0.0.1:${port}`,
    'sec-websocket-version': '13',
    'x-more': '1',
  })
  t.notOk('sec-websocket-key' in came[0]!)
  if (typeof opened === 'string') return t.fail(opened)
  t.equal(statusOf(opened.head), 200)
  t.match(opened.head.fields, [['x-some', 'a, b']])
  t.equal(
    await request(session, requestFields(target, { ':path': '/reset' })),
    'the server reset the stream with code 8',
  )
  session.destroy()
  await new Promise(resolve => server.close(resolve))
})

t.test('a server without HTTP/2', async t => {
  const server = createServer(
    socket =>
      void socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await t.rejects(connectSession({ ...parseTarget(`ws://127.0.0.1:${port}/`), insecure: false }))
  await new Promise(resolve => server.close(resolve))
})

t.test('fields for the log; what is undefined is left out', async t => {
  const fields = requestFields(parseTarget('wss://a.example/'), { ':protocol': undefined })
  t.equal(
    headText(Object.entries(fields)),
    ':method: CONNECT\r\n:scheme: https\r\n:path: /\r\n:authority: a.example\r\nsec-websocket-version: 13\r\n\r\n',
  )
})
