/** HTTP/2 under the judge of clients: which streams come through, what is known of them, and what the others are told. */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { acceptStreams } from '../../../conformance/http2/accept-streams.ts'
import { BROWSER_PAGE } from '../../../conformance/http2/browser-page.ts'
import type { IncomingStream } from '../../../conformance/http2/client-peer.ts'
import { certificates } from '../../support/certificate.ts'
import { until, within } from '../../support/waiting.ts'

const CONNECT = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'http',
  ':authority': 'a',
  ':path': '/b',
}

async function listen(t: Test, tls = false): Promise<{ port: number; came: IncomingStream[] }> {
  const came: IncomingStream[] = []
  const server = tls
    ? createTlsServer({ ...certificates().local, ALPNProtocols: ['h2', 'http/1.1'] })
    : createServer()
  server.on(tls ? 'secureConnection' : 'connection', socket => {
    acceptStreams(
      socket.on('error', () => {}),
      request => came.push(request),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, came }
}

async function open(t: Test, port: number, protocol = 'http'): Promise<ClientHttp2Session> {
  const session = connect(`${protocol}://127.0.0.1:${port}`, { rejectUnauthorized: false }).on('error', () => {})
  t.teardown(() => session.destroy())
  await within(new Promise(resolve => session.once('remoteSettings', resolve)))
  return session
}

function ask(
  session: ClientHttp2Session,
  fields: OutgoingHttpHeaders,
): Promise<IncomingHttpHeaders & { body: string }> {
  const stream = session.request(fields, { endStream: true }).setEncoding('utf8')
  let [head, body]: [IncomingHttpHeaders, string] = [{}, '']
  stream.on('response', headers => {
    head = headers
  })
  stream.on('data', text => {
    body += text
  })
  return within(new Promise(resolve => stream.on('error', () => {}).on('close', () => resolve({ ...head, body }))))
}

t.test('an extended CONNECT comes through, numbered on its connection', async t => {
  const { port, came } = await listen(t)
  const session = await open(t, port)
  t.equal(session.remoteSettings.enableConnectProtocol, true)
  for (const path of ['/b', '//'])
    session.request({ ...CONNECT, ':path': path }, { endStream: false }).on('error', () => {})
  await until(() => came.length === 2)
  t.match(came, [
    { secure: false, isSettled: true, number: 1, head: { startLine: 'CONNECT /b HTTP/2' } },
    { number: 2, head: { startLine: 'CONNECT // HTTP/2' } },
  ])
  t.same(came[0]?.head.fields.slice(0, 2), [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
  ])
})

t.test('a request that does not wait for SETTINGS is known by it', async t => {
  const { port, came } = await listen(t)
  const session = connect(`http://127.0.0.1:${port}`).on('error', () => {})
  t.teardown(() => session.destroy())
  session.request(CONNECT, { endStream: false }).on('error', () => {})
  await until(() => came.length === 1)
  t.equal(came[0]?.isSettled, false)
})

t.test('by ALPN with TLS, and not without', async t => {
  const { port, came } = await listen(t, true)
  const session = await open(t, port, 'https')
  session.request({ ...CONNECT, ':scheme': 'https' }, { endStream: false }).on('error', () => {})
  await until(() => came.length === 1)
  t.equal(came[0]?.secure, true)
  const other: TLSSocket = connectTls({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  await within(
    new Promise(resolve =>
      other
        .on('error', () => {})
        .on('close', resolve)
        .resume(),
    ),
  )
  t.equal(came.length, 1)
})

t.test('GET has the page, and everything else 404', async t => {
  const { port, came } = await listen(t)
  const session = await open(t, port)
  const get = { ':method': 'GET', ':scheme': 'http', ':authority': 'a', ':path': '/?agent=me' }
  t.match(await ask(session, get), { ':status': 200, 'content-type': 'text/html', body: BROWSER_PAGE })
  t.match(await ask(session, { ...get, ':path': '/favicon.ico' }), { ':status': 404, body: '' })
  t.match(await ask(session, { ...get, ':method': 'POST' }), { ':status': 404, body: '' })
  t.equal(came.length, 0)
})
