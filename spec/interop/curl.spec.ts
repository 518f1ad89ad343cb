/**
 * Interoperation with curl, as far as HTTP goes: what it makes of our answer to an opening handshake, good or bad, and
 * to requests that are no handshake at all.
 */
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ServerOptions, WebSocketServer } from '../../lib/index.ts'
import { certificates } from '../support/certificate.ts'
import { findProgram, needs } from '../support/programs.ts'
import { closePayload, rawFrames } from '../support/raw-frames.ts'
import { type Answer, KEY, readAnswer } from '../support/raw-socket.ts'
import { listen } from './link.ts'

const CURL = findProgram('curl')
/** RFC 6455 §1.3, where it is made from the key. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

interface Run extends Answer {
  /** curl's own: 0 if it is content. */
  readonly exitCode: number
  readonly stderr: string
}

function curl(...parameters: readonly string[]): Promise<Run> {
  const always = ['--silent', '--show-error', '--include', '--no-buffer', '--noproxy', '*', '--max-time', '30']
  return new Promise(resolve => {
    execFile(CURL!, [...always, ...parameters], { encoding: 'latin1' }, (error, stdout, stderr) => {
      resolve({ ...readAnswer(stdout), exitCode: Number(error?.code ?? 0), stderr })
    })
  })
}

/** Arguments for header fields; a field without a value is left out by curl. */
function fields(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
}

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': KEY,
}

async function httpServer(t: Test, options: ServerOptions, where?: { readonly tls: boolean }): Promise<string> {
  const { server, url } = await listen(t, options, where)
  greet(server)
  return url.replace(/^ws/, 'http')
}

/** curl reads what follows a 101 until it ends. It does not answer a Close frame, so it is soon given up. */
const GREETING: ServerOptions = { closeTimeout: 200 }
const GREETING_FRAMES = rawFrames([
  { opcode: 1, payload: 'héllo' },
  { opcode: 8, payload: closePayload(1000, 'done') },
]).toString('latin1')

function greet(server: WebSocketServer): void {
  server.on('connection', connection => {
    connection.send('héllo')
    connection.close(1000, 'done')
  })
}

t.test('curl', needs('curl', CURL), async t => {
  t.test('an opening handshake is answered with 101, the accept value of the RFC, and frames', async t => {
    const url = await httpServer(t, { ...GREETING, protocols: ['two'] })
    const { exitCode, text, body } = await curl(
      ...fields({ ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'one, two' }),
      url,
    )
    t.equal(exitCode, 0)
    t.equal(
      text.slice(0, text.indexOf('\r\n\r\n') + 4),
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${ACCEPT}`,
        'Sec-WebSocket-Protocol: two',
        '',
        '',
      ].join('\r\n'),
    )
    t.equal(body, GREETING_FRAMES)
  })

  t.test('an opening handshake over TLS', async t => {
    const { ca } = certificates()
    const folder = t.testdir({ 'ca.pem': ca })
    const url = await httpServer(t, GREETING, { tls: true })
    const { status, headers, body } = await curl('--cacert', join(folder, 'ca.pem'), ...fields(HANDSHAKE), url)
    t.same([status, headers['sec-websocket-accept'], body], [101, ACCEPT, GREETING_FRAMES])
    // 60: the peer's certificate cannot be authenticated
    t.equal((await curl(...fields(HANDSHAKE), url)).exitCode, 60, 'a certificate that it does not know')
  })

  t.test('an opening handshake over a Unix socket', async t => {
    // The path of a socket has room for a hundred bytes; that of a test's own folder is longer.
    const socketPath = join(tmpdir(), `wirewright-curl-${process.pid}`)
    const { server } = await listen(t, GREETING)
    await server.listen({ socketPath })
    greet(server)
    const { status, body } = await curl('--unix-socket', socketPath, ...fields(HANDSHAKE), 'http://localhost/')
    t.same([status, body], [101, GREETING_FRAMES])
  })

  t.test('what is not a handshake that we want is answered once, and the connection ends', async t => {
    const { 'Sec-WebSocket-Key': _, ...withoutKey } = HANDSHAKE
    const { 'Sec-WebSocket-Version': __, ...withoutVersion } = HANDSHAKE
    const url = await httpServer(t, {
      path: '/chat',
      authorize: ({ headers }) =>
        headers['x-user'] === undefined
          ? { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="here"' }, body: 'wer bist du? é\n' }
          : false,
    })
    const upgrade = { upgrade: 'websocket', connection: 'close, Upgrade' }
    const vectors: readonly (readonly [
      name: string,
      parameters: readonly string[],
      status: number,
      headers: Readonly<Record<string, string>>,
    ])[] = [
      ['a plain GET', [], 426, upgrade],
      ['POST', ['--data', 'x=1', ...fields(HANDSHAKE)], 405, { allow: 'GET' }],
      ['HTTP/1.0', ['--http1.0', ...fields(HANDSHAKE)], 505, {}],
      ['HTTP/2 by upgrade', ['--http2'], 426, upgrade],
      ['without a key', fields(withoutKey), 400, {}],
      ['a short key', fields({ ...HANDSHAKE, 'Sec-WebSocket-Key': 'c2hvcnQ=' }), 400, {}],
      ['without a version', fields(withoutVersion), 400, { 'sec-websocket-version': '13' }],
      [
        'version 8',
        fields({ ...HANDSHAKE, 'Sec-WebSocket-Version': '8' }),
        426,
        { ...upgrade, 'sec-websocket-version': '13' },
      ],
      ['Connection: close', fields({ ...HANDSHAKE, Connection: 'close' }), 400, {}],
      ['a long head', fields({ ...HANDSHAKE, 'X-Long': 'x'.repeat(20_000) }), 431, {}],
      [
        'many fields',
        Array(101)
          .fill(fields({ X: 'y' }))
          .flat(),
        431,
        {},
      ],
      ['another path', [...fields(HANDSHAKE), '--request-target', '/other'], 404, {}],
      ['nobody', fields(HANDSHAKE), 401, { 'www-authenticate': 'Basic realm="here"' }],
      ['the wrong one', fields({ ...HANDSHAKE, 'X-User': 'me' }), 403, {}],
    ]
    for (const [name, parameters, status, wanted] of vectors) {
      const { exitCode, headers, body, ...answer } = await curl(...parameters, `${url}/chat`)
      t.same([exitCode, answer.status], [0, status], name)
      t.match(headers, { connection: /^close\b/, ...wanted }, name)
      t.equal(body.length, Number(headers['content-length']), name)
    }
  })

  t.test('a refused connection is not used again', async t => {
    const url = await httpServer(t, {})
    const count = ['--write-out', '%{stderr}%{http_code} %{num_connects}\n']
    const { stderr, exitCode } = await curl(...count, `${url}/one`, `${url}/two`, `${url}/three`)
    t.same([exitCode, stderr], [0, '426 1\n'.repeat(3)])
  })

  t.test('HTTP/2 without an upgrade is not taken for HTTP/1.1', async t => {
    const url = await httpServer(t, { onRequest: () => ({ status: 200 }) })
    const { exitCode, text } = await curl('--http2-prior-knowledge', url)
    t.not(exitCode, 0)
    t.notMatch(text, / 200/)
    t.equal((await curl(url)).status, 200, 'and the server goes on')
  })

  t.test('a page of our own is served', async t => {
    const page = `<!doctype html><p>${'é'.repeat(500_000)}`
    const url = await httpServer(t, {
      onRequest: () => ({ status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page }),
    })
    const get = await curl(url)
    t.same([get.exitCode, get.status, get.headers['content-type']], [0, 200, 'text/html; charset=utf-8'])
    t.ok(Buffer.from(get.body, 'latin1').equals(Buffer.from(page)), 'the body is whole')
    const head = await curl('--head', url)
    t.same([head.exitCode, head.status, head.body], [0, 200, ''])
    t.equal(head.headers['content-length'], get.headers['content-length'])
    const upgrade = await curl('--http2', url)
    t.same([upgrade.exitCode, upgrade.status], [0, 200], 'whoever would also speak HTTP/2')
  })

  t.test('an upload is refused before it is sent', async t => {
    const url = await httpServer(t, {})
    const file = join(t.testdir({ upload: 'x'.repeat(4_000_000) }), 'upload')
    const size = ['--write-out', '%{stderr}%{size_upload}']
    const { exitCode, status, stderr } = await curl(
      ...size,
      '--data-binary',
      `@${file}`,
      '--expect100-timeout',
      '30',
      url,
    )
    t.same([exitCode, status, stderr], [0, 405, '0'])
  })
})
