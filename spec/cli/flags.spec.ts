/** Flags: what is parsed, what is refused with which words, the nearest name, and the rows of the help. */
import t from 'tap'
import {
  COMMON_FLAGS,
  describeFlags,
  headersFlag,
  integerFlag,
  nearestName,
  parseFlags,
  UsageError,
  unknownFlag,
  withScheme,
} from '../../lib/cli/flags.ts'

const FLAGS = {
  port: { value: 'PORT', short: 'p', help: 'a number' },
  host: { value: 'HOST', help: 'a name' },
  header: { value: 'LINE', short: 'H', multiple: true, help: 'a field' },
  binary: { short: 'b', help: 'bytes' },
  'max-message': { value: 'BYTES', help: 'a limit' },
} as const

const NOTHING = { port: undefined, host: undefined, header: [], binary: false, 'max-message': undefined }

t.test('arguments as they are understood', async t => {
  const table: readonly (readonly [args: readonly string[], flags: object, operands?: readonly string[]])[] = [
    [[], {}],
    [['--port', '80'], { port: '80' }],
    [['--port=80'], { port: '80' }],
    [['-p', '80'], { port: '80' }],
    [['-p80'], { port: '80' }],
    [['--port', ''], { port: '' }],
    [['--port='], { port: '' }],
    [['--max-message', '1'], { 'max-message': '1' }],
    [['--binary'], { binary: true }],
    [['-b'], { binary: true }],
    [['--binary', '--binary'], { binary: true }],
    [['-bp80'], { binary: true, port: '80' }],
    [['-H', 'a: 1', '--header', 'b: 2', '--header=a: 3'], { header: ['a: 1', 'b: 2', 'a: 3'] }],
    // A number below zero is a value, wrong as it may be; so is a dash alone.
    [['--port', '-1'], { port: '-1' }],
    [['--host', '-'], { host: '-' }],
    [['--host=--port'], { host: '--port' }],
    [['one', '--binary', 'two'], { binary: true }, ['one', 'two']],
    [['--binary', 'one'], { binary: true }, ['one']],
    [['--', '--port', '-x'], {}, ['--port', '-x']],
    [['-'], {}, ['-']],
    [['ws://h/?a=--b'], {}, ['ws://h/?a=--b']],
  ]
  for (const [args, flags, operands = []] of table) {
    t.same(parseFlags(args, FLAGS), { flags: { ...NOTHING, ...flags }, operands }, args.join(' ') || 'nothing')
  }
})

t.test('arguments that cannot be understood, in words for the user', async t => {
  const table: readonly (readonly [args: readonly string[], words: string])[] = [
    [['--prot', '80'], 'unknown flag --prot: did you mean --port?'],
    [['--Port', '80'], 'unknown flag --Port: did you mean --port?'],
    [['--max-mesage=1'], 'unknown flag --max-mesage: did you mean --max-message?'],
    [['--max'], 'unknown flag --max: did you mean --max-message?'],
    [['--no-binary'], 'unknown flag --no-binary: did you mean --binary?'],
    [['--hepl'], 'unknown flag --hepl: did you mean --help?'],
    [['--versoin'], 'unknown flag --versoin: did you mean --version?'],
    [['--frobnicate'], 'unknown flag --frobnicate'],
    [['-x'], 'unknown flag -x'],
    [['-bx'], 'unknown flag -x'],
    [['--constructor'], 'unknown flag --constructor'],
    [['--__proto__=1'], 'unknown flag --__proto__'],
    [['--port'], '--port needs a value: --port PORT'],
    [['-p'], '--port needs a value: --port PORT'],
    [['--port', '--binary'], '--port needs a value: --port PORT'],
    [['--host', '-p', '80'], '--host needs a value: --host HOST'],
    [['--header'], '--header needs a value: --header LINE'],
    [['--port', '1', '--port', '2'], '--port is given twice'],
    [['--port=', '-p', '2'], '--port is given twice'],
    [['--binary=yes'], '--binary takes no value'],
    [['--binary='], '--binary takes no value'],
  ]
  const wrong: unknown[] = []
  for (const [args, words] of table) {
    try {
      wrong.push([args, parseFlags(args, FLAGS)])
    } catch (error) {
      if (!(error instanceof UsageError) || error.message !== words) wrong.push([args, words, String(error)])
    }
  }
  t.same(wrong, [])
})

t.test('the nearest name, if one is near', async t => {
  const names = ['serve', 'echo', 'connect']
  const table: readonly (readonly [given: string, nearest: string | undefined])[] = [
    ['serve', 'serve'],
    ['sreve', 'serve'],
    ['server', 'serve'],
    ['ech', 'echo'],
    ['e', 'echo'],
    ['Echo', 'echo'],
    ['conect', 'connect'],
    ['connection', 'connect'],
    ['con', 'connect'],
    ['connectt', 'connect'],
    ['listen', undefined],
    ['x', undefined],
    ['', undefined],
    ['frobnicate', undefined],
  ]
  for (const [given, nearest] of table) t.equal(nearestName(given, names), nearest, JSON.stringify(given))
  t.equal(nearestName('a', []), undefined)
  t.equal(unknownFlag('--prt', ['port']), 'unknown flag --prt: did you mean --port?')
})

t.test('whole numbers within a range, in decimal digits', async t => {
  for (const [text, value] of [
    [undefined, undefined],
    ['0', 0],
    ['65535', 65_535],
    ['0080', 80],
  ] as const) {
    t.equal(integerFlag('port', text, 0, 65_535), value)
  }
  for (const text of ['', ' ', '65536', '-1', '+1', '1.0', '1e3', '0x10', '80 ', '８０', 'NaN', '1'.repeat(400)]) {
    t.throws(
      () => integerFlag('port', text, 0, 65_535),
      new UsageError(`--port must be a whole number from 0 to 65535, got "${text}"`),
    )
  }
  t.throws(() => integerFlag('max-message', '0', 1, 9), UsageError, 'below the lowest')
})

t.test('the help has a row for each flag, and the words begin in one column', async t => {
  t.equal(
    describeFlags({ ...FLAGS, ...COMMON_FLAGS }),
    `  -p, --port PORT          a number
      --host HOST          a name
  -H, --header LINE        a field
  -b, --binary             bytes
      --max-message BYTES  a limit
  -h, --help               print this
  -v, --version            print the version`,
  )
})

t.test('header fields: in their order, with all values of a name', async t => {
  t.same(headersFlag([]), {})
  t.same(headersFlag(['A: b', 'Long:  c:d ', 'A:e', '__proto__: f']), {
    A: ['b', 'e'],
    Long: ['c:d'],
    ['__proto__']: ['f'],
  })
  for (const line of ['', 'A', ': b']) t.throws(() => headersFlag([line]), UsageError, line)
})

t.test('an address without a scheme gets one', async t => {
  t.equal(withScheme('localhost:8080/a', 'ws'), 'ws://localhost:8080/a')
  t.equal(withScheme('wss://localhost', 'ws'), 'wss://localhost')
  t.equal(withScheme('HTTP://a', 'http'), 'HTTP://a')
})
