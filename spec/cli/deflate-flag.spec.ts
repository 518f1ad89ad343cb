/** `--deflate`: what it comes to, and what is taken for its value. */
import t from 'tap'
import { DEFLATE_FLAG, parseDeflate } from '../../lib/cli/deflate-flag.ts'
import { describeFlags, parseFlags, UsageError } from '../../lib/cli/flags.ts'

const FULL = {
  serverContextTakeover: true,
  clientContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}

t.test('alone it is the lean preset, with parameters all that they leave', async t => {
  const table: readonly (readonly [given: string | true | undefined, options: unknown])[] = [
    [undefined, false],
    [true, true],
    ['server_no_context_takeover', { ...FULL, serverContextTakeover: false }],
    [
      'server_no_context_takeover,client_max_window_bits=10',
      { ...FULL, serverContextTakeover: false, clientMaxWindowBits: 10 },
    ],
    [
      'client_no_context_takeover,server_max_window_bits=8,threshold=0,level=9',
      { ...FULL, clientContextTakeover: false, serverMaxWindowBits: 8, threshold: 0, level: 9 },
    ],
  ]
  for (const [given, options] of table) t.strictSame(parseDeflate(given), options, String(given))
})

t.test('what cannot be understood, in words for the user', async t => {
  const table: readonly (readonly [given: string, words: RegExp])[] = [
    ['mode=fast', /no parameter "mode": there are server_no_context_takeover/],
    ['__proto__', /no parameter "__proto__"/],
    ['server_no_context_takeover=1', /takes no value/],
    ['level', /level needs a value/],
    ['level=', /level needs a value/],
    ['level=10', /--level must be/],
    ['client_max_window_bits=7', /client_max_window_bits must be/],
    ['level=1,level=2', /level twice/],
    ['level=1,', /no parameter ""/],
  ]
  for (const [given, words] of table) {
    t.throws(() => parseDeflate(given), { name: 'UsageError', message: words }, given)
  }
})

t.test('what follows is its value only if it can be', async t => {
  const flags = { deflate: DEFLATE_FLAG, port: { value: 'PORT', short: 'p', help: '' } } as const
  const table: readonly (readonly [args: string, deflate: unknown, port: unknown, operands: string[]])[] = [
    ['', undefined, undefined, []],
    ['--deflate', true, undefined, []],
    ['--deflate=', true, undefined, []],
    ['--deflate --port 1', true, '1', []],
    ['--deflate -p 1', true, '1', []],
    ['--deflate localhost', true, undefined, ['localhost']],
    ['--deflate ws://localhost/level=1', true, undefined, ['ws://localhost/level=1']],
    ['--deflate level=3 localhost', 'level=3', undefined, ['localhost']],
    ['--deflate client_max_window_bits=10,level=1 -p 1', 'client_max_window_bits=10,level=1', '1', []],
    ['--deflate=mode=fast', 'mode=fast', undefined, []],
    ['a -- --deflate level=1', undefined, undefined, ['a', '--deflate', 'level=1']],
    ['--deflate -- level=1', true, undefined, ['level=1']],
  ]
  for (const [args, deflate, port, operands] of table) {
    const parsed = parseFlags(args.split(' ').filter(Boolean), flags)
    t.same([parsed.flags.deflate, parsed.flags.port, parsed.operands], [deflate, port, operands], args)
  }
  for (const args of [
    ['--deflate', '--deflate'],
    ['--deflate', '--deflate=level=1'],
  ]) {
    t.throws(() => parseFlags(args, flags), new UsageError('--deflate is given twice'))
  }
  t.match(describeFlags(flags), '--deflate[=PARAMETER,…]')
})
