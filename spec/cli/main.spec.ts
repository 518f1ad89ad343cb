/** The command as a whole: help and version everywhere, wrong usage, exit codes, and outputs that break. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import t from 'tap'
import { ENVIRONMENT, MAIN, runCommand, runCommands, VERSION } from '../support/command-line.ts'
import { within } from '../support/waiting.ts'

const FLAGS_OF: Readonly<Record<string, readonly string[]>> = {
  serve: ['--port PORT', '--host HOST', '--deflate[=PARAMETER,…]'],
  echo: ['--port PORT', '--host HOST', '--deflate[=PARAMETER,…]', '--max-message BYTES'],
  connect: [
    '--header "NAME: VALUE"',
    '--protocol NAME',
    '--deflate[=PARAMETER,…]',
    '--binary',
    '--json',
    '--insecure',
  ],
  conform: [
    '--client',
    '--port PORT',
    '--host HOST',
    '--cert FILE',
    '--key FILE',
    '--once',
    '--only CASES',
    '--skip CASES',
    '--list',
    '--bail',
    '--jobs N',
    '--full',
    '--timeout SECONDS',
    '--http2',
    '--heartbeat SECONDS',
    '--insecure',
    '--agent NAME',
    '--json FILE',
    '--junit FILE',
    '--tap FILE',
    '--html FILE',
    '--baseline FILE',
    '--save-baseline FILE',
  ],
}
const COMMANDS = Object.keys(FLAGS_OF)

t.test('help, wherever it is asked for', async t => {
  const asked = [
    ['--help'],
    ['-h'],
    ['help'],
    ['help', 'echo'],
    ['echo', '-h'],
    ['serve', '--port', 'x', '--y', '-h'],
  ]
  const [general, short, word, helpEcho, echoShort, amidErrors, ...endings] = await runCommands(t, [
    ...asked,
    ...COMMANDS.map(name => [name, '--help']),
  ])
  const help = Object.fromEntries(COMMANDS.map((name, i) => [name, endings[i]!]))
  t.same(
    [general!, ...endings].map(({ code, stderr }) => [code, stderr]),
    [general, ...COMMANDS].map(() => [0, '']),
  )
  for (const name of COMMANDS)
    t.match(general?.stdout, new RegExp(`^  ${name} +\\w`, 'm'), `the general one lists ${name}`)
  t.same([short, word], [general, general])
  t.same([helpEcho, echoShort], [help.echo, help.echo])
  t.same(amidErrors, help.serve, 'whatever else is wrong')

  for (const name of COMMANDS) {
    const [usage = '', ...lines] = help[name]!.stdout.split('\n')
    t.ok(usage.startsWith(`wirewright ${name} `), usage)
    for (const flag of FLAGS_OF[name]!) {
      const shown = flag.replace(/\[=.*\]/, '')
      t.ok(usage.includes(shown), `the first line has ${shown}`)
    }
    const rows = lines.filter(line => /^ {2}(-\w, | {4})--/.test(line))
    t.same(
      rows.map(row => row.slice(6).split('  ')[0]),
      [...FLAGS_OF[name]!, '--help', '--version'],
      `the flags of ${name}`,
    )
    t.same(
      new Set(rows.map(row => / {2}(?! )(?!.* {2})/.exec(row)?.index)).size,
      1,
      'their words begin in one column',
    )
  }
})

t.test('without a command, the general help and exit code 2', async t => {
  const { code, stdout, stderr } = await runCommand(t, [])
  t.same([code, stdout], [2, ''])
  t.match(stderr, /^ {2}connect /m)
})

t.test('the version, with a command and without', async t => {
  const right = { code: 0, stdout: `${VERSION}\n`, stderr: '' }
  for (const ending of await runCommands(t, [['--version'], ['-v'], ['connect', '--version'], ['echo', '-v']])) {
    t.same(ending, right)
  }
})

t.test('wrong usage is exit code 2, one line that says what, and one that says where to read', async t => {
  const table: readonly (readonly [args: readonly string[], words: string])[] = [
    [['ech'], 'wirewright: unknown command "ech": did you mean echo?'],
    [['constructor'], 'wirewright: unknown command "constructor"'],
    [['--versoin'], 'wirewright: unknown flag --versoin: did you mean --version?'],
    [['--port', '80', 'serve'], 'wirewright: unknown flag --port'],
    [['serve', '--prot', '1'], 'wirewright serve: unknown flag --prot: did you mean --port?'],
    [['serve', '--', '--help'], 'wirewright serve: takes no operand, got "--help"'],
    [['echo', '-p', '1', '-p', '2'], 'wirewright echo: --port is given twice'],
    [['connect', '--header'], 'wirewright connect: --header needs a value: --header "NAME: VALUE"'],
  ]
  const endings = await runCommands(
    t,
    table.map(([args]) => args),
  )
  for (const [i, [, words]] of table.entries()) {
    const called = words.slice(0, words.indexOf(':'))
    t.same(endings[i], { code: 2, stdout: '', stderr: `${words}\nSee ${called} --help\n` })
  }
})

t.test('output that nobody reads any more is no error', async t => {
  const child = spawn(process.execPath, [MAIN, '--help'], { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  t.equal(await stderrOf(child), '')
  t.equal(child.exitCode, 0)
})

t.test(
  'output that cannot be written is',
  existsSync('/dev/full') ? {} : { skip: 'there is no /dev/full here' },
  async t => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [MAIN, '--help'], { env: ENVIRONMENT, stdio: ['ignore', full, 'pipe'] })
    t.match(await stderrOf(child), /^wirewright: .*ENOSPC.*\n$/)
    t.equal(child.exitCode, 1)
  },
)

async function stderrOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stderr?.on('data', chunk => (text += chunk))
  await within(once(child, 'close'), 'the end of the command')
  return text
}
