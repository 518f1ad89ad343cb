/**
 * Connecting, over TCP, TLS and Unix sockets: where a URL leads and what it adds to the request, certificates that
 * must be refused (S23), time-outs and signals, redirects with what they must not carry along (S22), and that a
 * promise always settles and leaves nothing open.
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ConnectionOptions,
  createSecureContext,
  createServer as createTlsServer,
  type TLSSocket,
} from 'node:tls'
import t from 'tap'
import { connect } from '../../lib/transport/client.ts'
import { WebSocketServer } from '../../lib/transport/server.ts'
import { acceptFor } from '../../lib/websocket/handshake.ts'
import { certificates } from '../support/certificate.ts'
import { fieldOf, leftOpen, openHandles, type RawServer, rawServer } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

const before = openHandles()
const { ca, local, wrongHost } = certificates()

/** Answers a request with the 101 that it asks for. */
function accept(socket: Socket, request: string, more = ''): void {
  const key = fieldOf(request, 'Sec-WebSocket-Key') ?? ''
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptFor(key)}\r\n${more}\r\n`,
  )
}

function redirect(socket: Socket, location: string, status = 302): void {
  socket.end(`HTTP/1.1 ${status} Elsewhere\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`)
}

/** Connects, and cuts the connection at once; returns its subprotocol. */
async function connectOnce(...[url, options]: Parameters<typeof connect>): Promise<string> {
  const connection = await within(connect(url, options), 'connect')
  connection.terminate()
  await connection.closed
  return connection.protocol
}

t.test('what a URL adds to the request [6455-4.1-9, 6455-4.1-18, 6455-4.1-19]', async t => {
  const server = await rawServer(accept)
  const { port } = server
  const cases: [url: string, requestLine: string, host: string, authorization: string | undefined][] = [
    [`ws://127.0.0.1:${port}`, 'GET / HTTP/1.1', `127.0.0.1:${port}`, undefined],
    [`http://127.0.0.1:${port}/a/b?c=d&e`, 'GET /a/b?c=d&e HTTP/1.1', `127.0.0.1:${port}`, undefined],
    [`ws://localhost:${port}/?`, 'GET / HTTP/1.1', `localhost:${port}`, undefined],
    [`ws://127.0.0.1:${port}/ü?ü`, 'GET /%C3%BC?%C3%BC HTTP/1.1', `127.0.0.1:${port}`, undefined],
    [`ws://127.0.0.1:${port}/%0d%0aX:%20y`, 'GET /%0d%0aX:%20y HTTP/1.1', `127.0.0.1:${port}`, undefined],
    // RFC 7617 §2
    [`ws://Aladdin:open%20sesame@127.0.0.1:${port}`, 'GET / HTTP/1.1', `127.0.0.1:${port}`, 'Aladdin:open sesame'],
    [`ws://user@127.0.0.1:${port}`, 'GET / HTTP/1.1', `127.0.0.1:${port}`, 'user:'],
    [`ws://:p%C3%BC%0d%0a@127.0.0.1:${port}`, 'GET / HTTP/1.1', `127.0.0.1:${port}`, ':pü\r\n'],
  ]
  for (const [url, requestLine, host, authorization] of cases) {
    await connectOnce(url)
    const request = server.requests.pop() ?? ''
    t.equal(request.split('\r\n')[0], requestLine)
    t.equal(fieldOf(request, 'Host'), host)
    const sent = fieldOf(request, 'Authorization')?.replace('Basic ', '')
    t.equal(sent && Buffer.from(sent, 'base64').toString(), authorization)
    t.equal(request.split('\r\n').length, authorization === undefined ? 8 : 9)
  }
  await server.close()
})

t.test('headers that are given', async t => {
  const server = await rawServer(accept)
  const url = `ws://user:password@127.0.0.1:${server.port}`
  await connectOnce(url, {
    headers: { authorization: 'Bearer a', HOST: 'virtual.example', Cookie: 'b', 'X-C': ['d', 'e'] },
  })
  const request = server.requests.pop() ?? ''
  t.equal(fieldOf(request, 'Authorization'), 'Bearer a', 'before what the URL has')
  t.equal(fieldOf(request, 'Host'), 'virtual.example')
  t.equal(request.match(/^host:/gim)?.length, 1)
  t.match(request, '\r\nX-C: d\r\nX-C: e\r\n')
  await server.close()
})

t.test('each key is 16 bytes, and new [6455-4.1-23, 6455-4.1-24]', async t => {
  const server = await rawServer(accept)
  const keys = new Set<string | undefined>()
  for (let i = 0; i < 20; i++) await connectOnce(`ws://127.0.0.1:${server.port}`)
  for (const request of server.requests) keys.add(fieldOf(request, 'Sec-WebSocket-Key'))
  t.equal(keys.size, 20)
  const isKey = (key = '') => /^[\w+/]{22}==$/.test(key) && Buffer.from(key, 'base64').length === 16
  t.ok([...keys].every(isKey))
  await server.close()
})

t.test('IPv6', async t => {
  const server = new WebSocketServer()
  const address = await server.listen({ host: '::1' }).catch(() => undefined)
  if (address === undefined) return t.comment('no IPv6 here')
  t.equal(await connectOnce(`ws://[::1]:${address.port}`), '')
  await server.close()
})

t.test('Unix sockets', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'wirewright-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  const server = await rawServer(accept, createServer(), socketPath)
  await connectOnce('ws://a.example:81/chat', { socketPath })
  t.match(server.requests[0], /^GET \/chat HTTP\/1\.1\r\nHost: a\.example:81\r\n/)
  await server.close()
  await t.rejects(connect('ws://a.example', { socketPath }), { code: /^(?:ENOENT|ECONNREFUSED)$/ })

  const hosts: string[] = []
  const tls: ConnectionOptions = {
    ca,
    checkServerIdentity: host => {
      hosts.push(host)
      return undefined
    },
  }
  const secure = await rawServer(accept, createTlsServer(local), join(folder, 't'))
  await connectOnce('wss://a.example', { socketPath: join(folder, 't'), tls })
  await connectOnce('wss://127.0.0.1', { socketPath: join(folder, 't'), tls })
  t.strictSame(hosts, ['a.example', '127.0.0.1'], "the certificate must be for the URL's host")
  await secure.close()
})

/** A TLS server that keeps the plain bytes that it gets, also from clients that refuse it. */
async function tlsServer(credentials: { cert: string; key: string }) {
  const plain: string[] = []
  const names: (string | false | null)[] = []
  const server = createTlsServer({ ...credentials, ca, requestCert: true, rejectUnauthorized: false })
  server.on('secureConnection', socket => {
    names.push(socket.servername)
    socket.on('data', chunk => plain.push(String(chunk)))
  })
  server.on('tlsClientError', () => {})
  return { ...(await rawServer(accept, server)), plain, names }
}
// [6455-4.1-11..14, 6455-10.6-1]
t.test('TLS: a certificate is accepted for its host alone, and from a known authority alone', async t => {
  const server = await tlsServer(local)
  t.equal(await connectOnce(`wss://localhost:${server.port}`, { tls: { ca } }), '')
  t.equal(await connectOnce(`https://127.0.0.1:${server.port}`, { tls: { ca } }), '')
  t.strictSame(server.names, ['localhost', false], 'RFC 6066 §3: an address is no server name')
  server.plain.length = 0
  await t.rejects(connect(`wss://localhost:${server.port}`), { code: /^(?:UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/ })
  const wrong = await tlsServer(wrongHost)
  for (const host of ['localhost', '127.0.0.1']) {
    await t.rejects(connect(`wss://${host}:${wrong.port}`, { tls: { ca } }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  }
  await turns()
  t.strictSame([...server.plain, ...wrong.plain], [], 'no request goes to who is refused')
  t.equal(await connectOnce(`wss://localhost:${wrong.port}`, { tls: { ca, servername: 'wrong.example' } }), '')
  t.equal(await connectOnce(`wss://localhost:${wrong.port}`, { tls: { rejectUnauthorized: false } }), '')
  await until(() => server.sockets.size + wrong.sockets.size === 0)
  await server.close()
  await wrong.close()
})

t.test('TLS: to a server that speaks something else', async t => {
  const plain = await rawServer(() => {})
  plain.server.on('connection', socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await t.rejects(within(connect(`wss://localhost:${plain.port}`)), Error)
  const secure = await tlsServer(local)
  await t.rejects(within(connect(`ws://localhost:${secure.port}`)), Error)
  const http2 = createTlsServer({ ...local, ALPNProtocols: ['h2'] })
  const h2 = await rawServer(accept, http2)
  await t.rejects(within(connect(`wss://localhost:${h2.port}`, { tls: { ca } })), Error)
  await t.rejects(connect('wss://localhost:1', { tls: { ca: 'x', cert: 'no certificate' } }), Error)
  for (const server of [plain, secure, h2]) await server.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('TLS: a server that resets anywhere in its part', async t => {
  const server = await tlsServer(local)
  let most = 0
  const proxy = createServer(client => {
    const upstream = netConnect(server.port, '127.0.0.1')
    let left = most
    client.on('error', () => {}).on('close', () => upstream.destroy())
    upstream.on('error', () => {})
    client.pipe(upstream)
    upstream.on('data', chunk => {
      client.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left <= 0) client.resetAndDestroy()
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const outcomes = new Set<string>()
  for (most = 0; most < 3000; most += 71) {
    const connection = await within(connect(`wss://localhost:${port}`, { tls: { ca } })).catch(
      (error: NodeJS.ErrnoException) => error,
    )
    if (connection instanceof Error) {
      outcomes.add(connection.code ?? connection.message)
    } else {
      connection.terminate()
      await connection.closed
      outcomes.add('open')
      break
    }
  }
  t.ok(outcomes.has('open'), 'in the end all of it came')
  t.ok(outcomes.has('ECONNRESET'), [...outcomes].join())
  await until(() => server.sockets.size === 0)
  await new Promise(resolve => proxy.close(resolve))
  await server.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('wrong answers of servers reject, with the answer', async t => {
  let answer = ''
  const server = await rawServer(socket => socket.end(answer))
  const url = `ws://127.0.0.1:${server.port}`
  for (const status of [200, 201, 204, 300, 304, 400, 401, 403, 404, 426, 429, 500, 503, 999]) {
    answer = `HTTP/1.1 ${status} No\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nno`
    const body = status === 204 || status === 304 ? '' : 'no'
    const error = await connect(url).catch(error => error)
    t.match(error, { name: 'HandshakeError', code: 'WS_ERR_HANDSHAKE_STATUS', message: new RegExp(`${status}`) })
    t.match(error.response, { status, headers: { 'x-a': '1, 2' } })
    t.equal(error.response.body.toString(), body)
  }
  answer = 'HTTP/1.1 302 Found\r\nLocation: ws://secret.example\r\n\r\n'
  t.match(await connect(url).catch(error => error), {
    code: 'WS_ERR_HANDSHAKE_STATUS',
    message: /302.*maxRedirects/,
    response: { headers: { location: 'ws://secret.example' } },
  })
  await server.close()
})

t.test('handshakeTimeout holds for all of it', async t => {
  const silent: [name: string, behave: (socket: Socket) => void][] = [
    ['no answer', () => {}],
    ['half a head', socket => socket.write('HTTP/1.1 101 Swit')],
    ['interim answers without end', socket => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n')],
    [
      'a byte now and then',
      socket => {
        const timer = setInterval(() => socket.write('H'.slice(socket.bytesWritten)), 20)
        socket.on('close', () => clearInterval(timer))
      },
    ],
  ]
  for (const [name, behave] of silent) {
    const server = await rawServer(behave)
    const promise = connect(`ws://127.0.0.1:${server.port}`, { handshakeTimeout: 100 })
    await t.rejects(within(promise), { name: 'HandshakeError', code: 'WS_ERR_HANDSHAKE_TIMEOUT' }, name)
    await until(() => server.sockets.size === 0)
    await server.close()
  }
  // TLS that never begins
  const mute = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  const options = { handshakeTimeout: 100, tls: { ca } }
  await t.rejects(within(connect(`wss://127.0.0.1:${port}`, options)), { code: 'WS_ERR_HANDSHAKE_TIMEOUT' })
  await new Promise(resolve => mute.close(resolve))
  // Redirects share the time of the first request.
  const slow = await rawServer(socket => setTimeout(() => redirect(socket, '/'), 60))
  const redirects = { handshakeTimeout: 150, maxRedirects: 20 }
  await t.rejects(within(connect(`ws://127.0.0.1:${slow.port}`, redirects)), { code: 'WS_ERR_HANDSHAKE_TIMEOUT' })
  t.ok(slow.requests.length < 6)
  await slow.close()
  t.strictSame(await leftOpen(before), [])
})

t.test('a signal aborts the handshake, and never what is open', async t => {
  const server = await rawServer(() => {})
  const url = `ws://127.0.0.1:${server.port}`
  const reason = new Error('enough')
  await t.rejects(connect(url, { signal: AbortSignal.abort(reason) }), reason)
  await turns()
  t.equal(server.requests.length, 0)
  await t.rejects(connect(url, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  await t.rejects(within(connect(url, { signal: AbortSignal.timeout(50) })), { name: 'TimeoutError' })

  const abort = new AbortController()
  const pending = connect(url, { signal: abort.signal })
  await until(() => server.requests.length === 2)
  abort.abort(reason)
  await t.rejects(within(pending), reason)
  await until(() => server.sockets.size === 0)
  await server.close()

  const later = new AbortController()
  const accepting = await rawServer(accept)
  const connection = await connect(`ws://127.0.0.1:${accepting.port}`, { signal: later.signal })
  later.abort(reason)
  await turns()
  t.equal(connection.state, 'open')
  connection.terminate()
  await connection.closed
  await accepting.close()
})

t.test('a signal keeps no listener of a handshake that is over', async t => {
  const server = await rawServer(accept)
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(signal, args)
  }
  await connectOnce(`ws://127.0.0.1:${server.port}`, { signal })
  await server.close()
  await t.rejects(connect(`ws://127.0.0.1:${server.port}`, { signal }), { code: 'ECONNREFUSED' })
  t.equal(listeners, 0)
})

t.test('redirects: not unless they are wanted, and as many as are wanted', async t => {
  let hops = 0
  const server: RawServer = await rawServer((socket, request) => {
    const at = Number(/^GET \/(\d*)/.exec(request)?.[1])
    if (at < hops) redirect(socket, `/${at + 1}`, [301, 302, 303, 307, 308][at % 5])
    else accept(socket, request)
  })
  const url = `ws://127.0.0.1:${server.port}`
  for (const maxRedirects of [0, 1, 3, 20]) {
    hops = maxRedirects
    t.equal(await connectOnce(`${url}/0`, { maxRedirects }), '')
    hops = maxRedirects + 1
    server.requests.length = 0
    await t.rejects(within(connect(`${url}/0`, { maxRedirects })), {
      code: 'WS_ERR_HANDSHAKE_STATUS',
      response: { headers: { location: `/${maxRedirects + 1}` } },
    })
    t.equal(server.requests.length, maxRedirects + 1)
  }
  const keys = server.requests.map(request => fieldOf(request, 'Sec-WebSocket-Key'))
  t.equal(new Set(keys).size, keys.length, 'a new key for each request')
  await until(() => server.sockets.size === 0)
  await server.close()
})

t.test('redirects: what is none is an answer', async t => {
  const answers = [
    '300 No\r\nLocation: /',
    '304 No\r\nLocation: /',
    '305 No\r\nLocation: /',
    '302 No',
    '200 OK\r\nLocation: /',
  ]
  for (const answer of answers) {
    const server = await rawServer(socket => socket.end(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\n\r\n`))
    await t.rejects(connect(`ws://127.0.0.1:${server.port}`, { maxRedirects: 5 }), {
      code: 'WS_ERR_HANDSHAKE_STATUS',
    })
    t.equal(server.requests.length, 1)
    await server.close()
  }
})

t.test('redirects: to what is no WebSocket URL', async t => {
  const locations = [
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'http://',
    'ws://[',
    'javascript:alert(1)',
    'ws://a:99999',
  ]
  for (const location of locations) {
    const server = await rawServer(socket => redirect(socket, location))
    await t.rejects(connect(`ws://127.0.0.1:${server.port}`, { maxRedirects: 5 }), {
      name: 'HandshakeError',
      code: 'WS_ERR_HANDSHAKE_REDIRECT',
      response: { status: 302 },
      cause: Error,
    })
    await server.close()
  }
})

t.test('redirects: a fragment is dropped, a relative target is resolved', async t => {
  const server: RawServer = await rawServer((socket, request) => {
    if (request.startsWith('GET /a/b?c')) redirect(socket, '../d?e#f')
    else accept(socket, request)
  })
  await connectOnce(`ws://127.0.0.1:${server.port}/a/b?c`, { maxRedirects: 1 })
  t.match(server.requests[1], /^GET \/d\?e HTTP/)
  await server.close()
})

const SECRETS = {
  Authorization: 'Bearer secret',
  cookie: 'session=secret',
  'Proxy-Authorization': 'Basic secret',
  Host: 'first.example',
  'X-Plain': 'public',
}

t.test('redirects: credentials stay with the origin that they were given for', async t => {
  const target = await tlsServer(local)
  const plainTarget = await rawServer(accept)
  let location = ''
  const start = await rawServer((socket, request) => {
    if (request.startsWith('GET /start')) redirect(socket, location)
    else accept(socket, request)
  })
  const secureStart = await rawServer((socket, request) => {
    if (request.startsWith('GET /start')) redirect(socket, location)
    else accept(socket, request)
  }, createTlsServer(local))
  const from = (scheme: string, port: number) => `${scheme}://user:secret@localhost:${port}/start`
  const plain = from('ws', start.port)
  const secure = from('wss', secureStart.port)
  const cases: [url: string, location: string, arrived: RawServer, keeps: boolean, why: string][] = [
    [plain, '/next', start, true, 'a path'],
    [plain, `http://localhost:${start.port}/next`, start, true, 'the same origin'],
    [plain, `ws://LOCALHOST:${start.port}/next`, start, true, 'the same origin'],
    [plain, `ws://127.0.0.1:${start.port}/next`, start, false, 'another host'],
    [plain, `ws://localhost:${plainTarget.port}/next`, plainTarget, false, 'another port'],
    [plain, `//localhost:${plainTarget.port}/next`, plainTarget, false, 'another port'],
    [plain, `https://localhost:${target.port}/next`, target, false, 'another scheme and port'],
    [secure, '/next', secureStart, true, 'a path'],
    [secure, `wss://localhost:${secureStart.port}/next`, secureStart, true, 'the same origin'],
    [secure, `wss://127.0.0.1:${secureStart.port}/next`, secureStart, false, 'another host'],
    [secure, `wss://localhost:${target.port}/next`, target, false, 'another port'],
  ]
  const client = { cert: local.cert, key: local.key }
  for (const [url, to, arrived, keeps, why] of cases) {
    location = to
    let peer: TLSSocket | undefined
    arrived.server.prependOnceListener('secureConnection', socket => {
      peer = socket
    })
    arrived.requests.length = 0
    await connectOnce(url, { maxRedirects: 1, headers: SECRETS, tls: { ca, ...client } })
    const request = arrived.requests.at(-1) ?? ''
    t.match(request, /^GET \/next /, why)
    t.equal(/secret/.test(request), keeps, `${why}: ${url} to ${to}`)
    t.equal(fieldOf(request, 'Host') === 'first.example', keeps)
    t.equal(fieldOf(request, 'X-Plain'), 'public')
    if (arrived === target) t.strictSame(peer?.getPeerCertificate(), {}, 'nor does the certificate go along')
  }
  const secureContext = createSecureContext({ ca, ...client })
  location = `wss://localhost:${target.port}/next`
  let peer: TLSSocket | undefined
  target.server.prependOnceListener('secureConnection', socket => {
    peer = socket
  })
  const outcome = await connectOnce(secure, { maxRedirects: 1, tls: { secureContext, ca } })
  t.equal(outcome, '')
  t.strictSame(peer?.getPeerCertificate(), {}, 'nor one within a secureContext')
  for (const server of [start, secureStart, target, plainTarget]) await server.close()
})

t.test('redirects: the same host and port with another scheme is another origin', async t => {
  const tls = createTlsServer(local)
  const requests: string[] = []
  tls.on('secureConnection', socket => {
    socket
      .on('error', () => {})
      .on('data', chunk => {
        requests.push(String(chunk))
        accept(socket, String(chunk))
      })
  })
  // One port for both, told apart by the first byte: 0x16 begins a TLS handshake.
  const both = createServer(socket => {
    socket
      .on('error', () => {})
      .once('readable', () => {
        const first = socket.read()
        if (first === null) return
        if (first[0] !== 0x16) return redirect(socket, `wss://localhost:${port}/next`)
        socket.unshift(first)
        tls.emit('connection', socket)
      })
  }).listen(0, '127.0.0.1')
  await once(both, 'listening')
  const { port } = both.address() as AddressInfo
  await connectOnce(`ws://user:secret@localhost:${port}/`, { maxRedirects: 1, headers: SECRETS, tls: { ca } })
  t.match(requests[0], /^GET \/next /)
  t.notMatch(requests[0], 'secret')
  await new Promise(resolve => both.close(resolve))
})

t.test('redirects: once away, credentials do not come back', async t => {
  const away = await rawServer(socket => redirect(socket, `ws://localhost:${home.port}/back`))
  const home: RawServer = await rawServer((socket, request) => {
    if (request.startsWith('GET /start')) redirect(socket, `ws://localhost:${away.port}/`)
    else accept(socket, request)
  })
  await connectOnce(`ws://user:secret@localhost:${home.port}/start`, { maxRedirects: 2, headers: SECRETS })
  t.match(home.requests[0], 'secret')
  t.notMatch(away.requests[0], 'secret')
  t.match(home.requests[1], /^GET \/back/)
  t.notMatch(home.requests[1], 'secret')
  await home.close()
  await away.close()
})

t.test('redirects: never from wss: to ws:', async t => {
  const plain = await rawServer(accept)
  for (const scheme of ['ws', 'http']) {
    const secure = await rawServer(
      socket => redirect(socket, `${scheme}://localhost:${plain.port}/`),
      createTlsServer(local),
    )
    await t.rejects(connect(`wss://localhost:${secure.port}`, { maxRedirects: 5, tls: { ca } }), {
      code: 'WS_ERR_HANDSHAKE_REDIRECT',
      message: /wss: to ws:/,
    })
    await secure.close()
  }
  t.equal(plain.requests.length, 0)
  await plain.close()
})

t.test('redirects: a Unix socket is left when the origin changes', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'wirewright-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  const target = await rawServer(accept)
  let location = '/next'
  const unix: RawServer = await rawServer(
    (socket, request) => {
      if (request.startsWith('GET /start')) redirect(socket, location)
      else accept(socket, request)
    },
    createServer(),
    socketPath,
  )
  await connectOnce('ws://inside.example/start', { socketPath, maxRedirects: 1 })
  t.equal(unix.requests.length, 2, 'the same origin is asked there again')
  location = `ws://127.0.0.1:${target.port}/`
  await connectOnce('ws://inside.example/start', { socketPath, maxRedirects: 1 })
  t.equal(unix.requests.length, 3)
  t.equal(target.requests.length, 1)
  await unix.close()
  await target.close()
})

t.test('many at once', async t => {
  const server = new WebSocketServer()
  const { url } = await server.listen({ host: '127.0.0.1' })
  const all = await Promise.all(Array.from({ length: 100 }, () => connect(url)))
  await until(() => server.connections.size === 100)
  for (const connection of all) connection.close(1000)
  const records = await Promise.all(all.map(({ closed }) => closed))
  t.ok(records.every(({ code, wasClean }) => code === 1000 && wasClean))
  await until(() => server.connections.size === 0)
  await server.close()
})

t.test('nothing is left open', async t => {
  t.strictSame(await leftOpen(before), [])
})
