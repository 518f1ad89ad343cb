/** `wirewright conform`: what it is asked, and its exit codes. The suite itself has specs of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { brokenClient, brokenServer } from '../support/broken-endpoint.ts'
import { certificates } from '../support/certificate.ts'
import { CommandRun, runCommand, runCommands } from '../support/command-line.ts'
import { brokenHttp2Client } from '../support/http2-client.ts'
import { within } from '../support/waiting.ts'

t.test('wrong usage is exit code 2 and says what is wrong', async t => {
  const table = [
    [[], 'takes one URL, or --client'],
    [['ws://a/', 'ws://b/'], 'takes one URL, got 2'],
    [['--client'], '--port is missing'],
    [['--client', '--port', '0', 'ws://a/'], '--client takes no URL, got "ws://a/"'],
    [['ws://a/', '--port', '1'], '--port and --host are for --client'],
    [['http://a/', '--http2'], '--http2 is for WebSockets, got "http://a/"'],
    [['ws://a/', '--cert', 'a'], '--cert and --key are for --client'],
    [['--client', '--port', '0', '--cert', 'a'], '--key is missing'],
    [['--client', '--port', '0', '--http2', '--key', 'a'], '--cert is missing'],
    [['ws://a/', '--jobs', '0'], '--jobs must be a whole number from 1 to 1000, got "0"'],
    [['ws://a/', '--timeout', 'long'], '--timeout must be a whole number from 1 to 100000, got "long"'],
  ] as const
  const endings = await runCommands(
    t,
    table.map(([args]) => ['conform', ...args]),
  )
  for (const [i, [, words]] of table.entries()) {
    t.same(endings[i], {
      code: 2,
      stdout: '',
      stderr: `wirewright conform: ${words}\nSee wirewright conform --help\n`,
    })
  }
})

t.test('a server: 0, 1, and 2 when there is none', async t => {
  const [good, bad] = [await brokenServer([]), await brokenServer(['no pong'])]
  t.teardown(() => Promise.all([good.close(), bad.close()]))
  const only = ['--only', '2.1', '--only', '2.5,1.1.1']
  const [right, wrong, none] = await runCommands(t, [
    ['conform', good.url, ...only],
    ['conform', bad.url, ...only, '--skip', '1'],
    ['conform', 'ws://127.0.0.1:1/', ...only],
  ])
  t.same([right?.code, right?.stderr], [0, ''])
  t.match(right?.stdout, /all 3 cases as expected\n$/)
  t.equal(wrong?.code, 1)
  t.match(wrong?.stdout, /^✗ 2\.1 {2}FAILED: expected pong 0, got no message or pong$/m)
  t.match(wrong?.stdout, /1 of 2 cases not as expected\n$/)
  t.same([none?.code, none?.stdout], [2, ''])
  t.match(none?.stderr, /^wirewright conform: cannot reach ws:\/\/127\.0\.0\.1:1\/: .*ECONNREFUSED/)
})

t.test('clients, until a signal', async t => {
  const run = new CommandRun(t, ['conform', '--client', '--port', '0', '--host', '127.0.0.1', '--only', '2.1'])
  const [, url] = await run.until('stdout', /^1 cases for clients at (\S+)\/runCase/)
  await brokenClient(`${url}/runCase?case=1&agent=me`, [])
  run.child.kill('SIGINT')
  const { code, stdout } = await within(run.ended)
  t.equal(code, 0)
  t.match(stdout, /^me, .*\n.*\n2 Pings and pongs +1 +1 /m)
})

t.test('clients over HTTP/2 and TLS', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'conform-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  for (const name of ['cert', 'key'] as const) writeFileSync(files[name], certificates().local[name])
  const args = ['conform', '--client', '--port', '0', '--host', '127.0.0.1', '--http2', '--only', '2.1']
  const run = new CommandRun(t, [...args, '--cert', files.cert, '--key', files.key])
  const [, url] = await run.until(
    'stdout',
    /^1 cases for clients over HTTP\/2 at (wss:\S+)\/runCase\S+, or in a browser at https:\S+\/$/m,
  )
  await brokenHttp2Client(`${url}/runCase?case=1&agent=me`, [])
  await brokenHttp2Client(`${url}/updateReports?agent=me`, [])
  run.child.kill('SIGINT')
  const { code, stdout } = await within(run.ended)
  t.equal(code, 0)
  t.match(stdout, /^me, .*\n.*\n2 Pings and pongs +1 +1 /m)
  const [none, wrong] = await runCommands(t, [
    [...args, '--cert', join(folder, 'none.pem'), '--key', files.key],
    [...args, '--cert', files.key, '--key', files.key],
  ])
  t.match(none, { code: 2, stderr: /^wirewright conform: cannot read .*none\.pem: ENOENT/ })
  t.match(wrong, { code: 2, stderr: /^wirewright conform: .* are no certificate and its key: / })
})

t.test('the list of cases', async t => {
  const { code, stdout } = await runCommand(t, ['conform', '--list'])
  t.equal(code, 0)
  t.match(stdout, /^1\.1\.1 {3,}text 0 → /)
  t.ok(stdout.split('\n').length > 517)
})
