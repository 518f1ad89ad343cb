/** A whole run: exit codes, reports, baselines, both sides. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  ConformError,
  type ConformOptions,
  conformClients,
  conformServer,
  listCases,
} from '../../conformance/conform.ts'
import { brokenClient, brokenServer, type Fault } from '../support/broken-endpoint.ts'
import { brokenEventServer } from '../support/broken-event-server.ts'
import { brokenHttp2Client } from '../support/http2-client.ts'
import { http2Echo } from '../support/http2-echo.ts'
import { RawClient, rawServer, requestText } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

function output() {
  const it = { text: '', write: (text: string) => (it.text += text) }
  return it
}

async function run(t: Test, faults: readonly Fault[], options: ConformOptions) {
  const server = await brokenServer(faults)
  t.teardown(() => server.close())
  const out = output()
  const code = await within(conformServer(server.url, options, out), 'the run', 30_000)
  return { code, text: out.text, url: server.url }
}

function folder(t: Test): (name: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'conform-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return name => join(path, name)
}

t.test('0: all as expected', async t => {
  const { code, text, url } = await run(t, [], { only: ['2', '7.3'] })
  t.equal(code, 0)
  t.match(text, new RegExp(`^${url}, \\d+\\.\\d s\n +cases +OK`), 'no line for a case')
  t.match(text, /\n2 Pings and pongs +11 +11 /)
  t.ok(text.endsWith('all 17 cases as expected\n'))
})

t.test('1: some not; each has a line, and --bail ends at the first', async t => {
  const { code, text } = await run(t, ['no pong'], { only: ['2.1', '2.2', '2.5'] })
  t.equal(code, 1)
  t.match(text, /^✗ 2\.1 {2}FAILED: expected pong 0, got no message or pong$/m)
  t.match(text, /^2 of 3 cases not as expected$/m)
  const bailed = await run(t, ['no pong'], { only: ['2'], bail: true, jobs: 1 })
  t.equal(bailed.code, 1)
  t.match(bailed.text, /^1 of 1 cases not as expected$/m)
})

t.test('2: could not run', async t => {
  const gone = await rawServer(() => {})
  await gone.close()
  const out = output()
  const table: readonly (readonly [url: string, options: ConformOptions, words: RegExp])[] = [
    [`ws://127.0.0.1:${gone.port}/`, {}, /^cannot reach .*ECONNREFUSED/],
    ['http', {}, /^http is no URL/],
    ['ftp://a/', {}, /does not begin with ws/],
    ['ws://127.0.0.1/', { only: ['99'] }, /^no case is called "99"$/],
    ['ws://127.0.0.1/', { baseline: '/no/such/file' }, /^cannot read the baseline/],
  ]
  for (const [url, options, words] of table)
    await t.rejects(conformServer(url, options, out), { name: 'ConformError', message: words })
  const server = await brokenServer([])
  t.teardown(() => server.close())
  await t.rejects(conformServer(server.url, { only: ['2.1'], json: '/no/such/folder/a' }, out), ConformError)
  t.equal(await conformServer(server.url, { only: ['2.1'] }, out, AbortSignal.abort()), 2)
})

t.test('every report, as a file', async t => {
  const file = folder(t)
  const files = { json: file('a.json'), junit: file('a.xml'), tap: file('a.tap'), html: file('a.html') }
  await run(t, ['no pong'], { only: ['2.2', '1.1.1'], agent: 'the peer', ...files })
  const report = JSON.parse(readFileSync(files.json, 'utf8'))
  t.match(report.runs, [
    { agent: 'the peer', side: 'server', results: [{ id: '1.1.1' }, { id: '2.2', behavior: 'FAILED' }] },
  ])
  t.match(
    readFileSync(files.junit, 'utf8'),
    /<testcase classname="the peer\.2" name="2\.2: [^>]*>\n +<failure message="expected pong 13/,
  )
  t.match(readFileSync(files.tap, 'utf8'), /^not ok 2 - 2\.2 /m)
  t.match(readFileSync(files.html, 'utf8'), '<title>Conformance: the peer</title>')
})

t.test('a baseline: what is known is as expected, what has changed is not', async t => {
  const file = folder(t)
  const [saved, only] = [file('known.txt'), ['2.1', '2.2', '2.5']]
  await run(t, ['no pong'], { only, saveBaseline: saved })
  t.match(readFileSync(saved, 'utf8'), /^2\.1 +FAILED \/ OK {2}# expected pong 0, got no message or pong\n2\.2 /)
  const again = await run(t, ['no pong'], { only, baseline: saved })
  t.equal(again.code, 0)
  t.match(again.text, /all 3 cases as expected, 2 of them listed in the baseline\n$/)
  const better = await run(t, [], { only, baseline: saved })
  t.equal(better.code, 1)
  t.match(better.text, /^✓ 2\.1 {2}OK: better than the baseline has it$/m)
  const worse = await run(t, ['no pong', 'long control frames accepted'], { only, baseline: saved })
  t.equal(worse.code, 1)
  t.match(worse.text, /^✗ 2\.5 /m)
  writeFileSync(saved, 'nonsense')
  await t.rejects(run(t, [], { only, baseline: saved }), { message: /known\.txt: line 1 is not like/ })
})

t.test('clients: until the reports are asked for', async t => {
  const json = folder(t)('clients.json')
  const out = output()
  const ended = conformClients({ port: 0, host: '127.0.0.1', only: ['2.1', '2.2'], once: true, json }, out)
  await until(() => out.text.includes('\n'))
  const [, url, port] = /(ws:\/\/127\.0\.0\.1:(\d+))\//.exec(out.text)!
  t.match(out.text, /^2 cases for clients at /)
  for (const [agent, faults] of [
    ['good', []],
    ['bad', ['pong without payload']],
  ] as const) {
    for (const n of [1, 2]) await brokenClient(`${url}/runCase?case=${n}&agent=${agent}`, faults)
  }
  await until(() => out.text.includes('bad  2.2'))
  const client = new RawClient(Number(port)).send(requestText({}, 'GET /updateReports?agent=bad HTTP/1.1'))
  await within(client.ended)
  await client.destroy()
  t.equal(await within(ended), 1)
  t.match(JSON.parse(readFileSync(json, 'utf8')).runs, [
    { agent: 'good', results: [{ behavior: 'OK' }, { behavior: 'OK' }] },
    { agent: 'bad', results: [{ behavior: 'OK' }, { behavior: 'FAILED' }] },
  ])
  t.match(out.text, /1 of 4 cases not as expected\n$/)
})

t.test('clients: nobody comes, the port is taken, the report cannot be written', async t => {
  const stop = new AbortController()
  const out = output()
  const ended = conformClients({ port: 0, host: '127.0.0.1' }, out, stop.signal)
  await until(() => out.text.includes('\n'))
  const port = Number(/:(\d+)\//.exec(out.text)![1])
  await t.rejects(conformClients({ port, host: '127.0.0.1' }, output()), {
    name: 'ConformError',
    message: /EADDRINUSE/,
  })
  stop.abort()
  t.equal(await within(ended), 2)

  const unwritable = output()
  const failing = conformClients({ port: 0, host: '127.0.0.1', only: ['2.1'], json: '/no/such/folder/a' }, unwritable)
  const rejected = t.rejects(failing, { name: 'ConformError', message: /cannot write/ })
  await until(() => unwritable.text.includes('\n'))
  const at = Number(/:(\d+)\//.exec(unwritable.text)![1])
  const client = new RawClient(at).send(requestText({}, 'GET /updateReports?agent=a HTTP/1.1'))
  await within(rejected)
  await client.destroy()
  t.equal(existsSync('/no/such/folder/a'), false)
})

t.test('the list', async t => {
  const out = output()
  listCases('server', { only: ['2.1', '10'] }, out)
  t.equal(
    out.text,
    '2.1     ping 0 → pong 0, then the suite closes and 1000 comes back\n' +
      '10.1.1  text of 65536 in frames of 1300 → text 65536, then the suite closes and 1000 comes back\n',
  )
})

t.test('over HTTP/2, with prior knowledge and with TLS', async t => {
  for (const tls of [false, true]) {
    const server = await http2Echo([], { tls })
    t.teardown(() => server.close())
    const out = output()
    const options = { only: ['2', 'H2.1'], http2: true, insecure: tls }
    t.equal(await conformServer(server.url, options, out), 0)
    t.ok(out.text.endsWith('all 12 cases as expected\n'))
  }
  const out = output()
  listCases('server', { http2: true }, out)
  t.match(out.text, /^H2\.1 /m)
  t.notMatch(out.text, /^S1\.1 /m)
})

t.test('clients over HTTP/2: their cases, and no event streams', async t => {
  const stop = new AbortController()
  const out = output()
  const options = { port: 0, host: '127.0.0.1', http2: true, only: ['2.2', 'H2.36'] }
  const ended = conformClients(options, out, stop.signal)
  await until(() => out.text.includes('\n'))
  const [, url] = /^2 cases for clients over HTTP\/2 at (ws:\S+)\/runCase\?case=N&agent=NAME\n$/.exec(out.text)!
  for (const number of [1, 2]) await brokenHttp2Client(`${url}/runCase?case=${number}&agent=me`, ['no pong'])
  // It waits for the verdicts on what was played.
  await brokenHttp2Client(`${url}/updateReports?agent=me`, [])
  stop.abort()
  t.equal(await within(ended), 1)
  t.match(out.text, /1 of 2 cases not as expected\n$/)
  await t.rejects(conformClients({ ...options, only: ['EC2'] }, out), {
    message: 'no case is left to be played with a client',
  })
})

t.test('http: is a server of event streams, and has its own cases', async t => {
  const server = await brokenEventServer(['wrong content type'])
  t.teardown(() => server.close())
  const out = output()
  const code = await within(conformServer(server.url, { only: ['ES1.1', 'ES1.2'] }, out))
  t.equal(code, 1)
  t.match(out.text, /^✗ ES1\.1 {2}FAILED: expected Content-Type: text\/event-stream, got text\/plain$/m)
  t.match(out.text, /\nES1 Event stream servers: the response +2 +1 /)
  await t.rejects(conformServer(server.url, { only: ['2.1'] }, out), {
    message: 'no case is left to be played with an event stream server',
  })
  await t.rejects(conformServer('ws://127.0.0.1:1/', { only: ['ES'] }, out), { message: /^no case is called "ES"$/ })
  await t.rejects(conformServer('ws://127.0.0.1:1/', { only: ['ES1'] }, out), {
    message: 'no case is left to be played with a server',
  })
})

t.test('clients of event streams are told where to go', async t => {
  const stop = new AbortController()
  const out = output()
  const ended = conformClients({ port: 0, host: '127.0.0.1', only: ['EC2'] }, out, stop.signal)
  await until(() => out.text.includes('\n'))
  t.match(
    out.text,
    /^33 cases for clients of event streams at (http:\/\/\S+)\/runEventStream\?.* in a browser at \1\/\n$/,
  )
  stop.abort()
  t.equal(await within(ended), 2)
})
