/**
 * Header fields: which characters may be where, the lists of the opening handshake against tables and against a
 * grammar written as one regular expression, and that no value takes more than linear time (S1), no name is
 * special (S2) and nothing can end a line early (S19).
 */
import t from 'tap'
import {
  checkHeaders,
  combinedValue,
  type Extension,
  fieldValues,
  formatExtensions,
  isFieldValue,
  isToken,
  parseExtensions,
  parseTokenList,
  parseUpgrade,
  singleValue,
} from '../../lib/websocket/header-fields.ts'
import { LINEAR, timeExponent } from '../support/growth.ts'

const PROTOTYPE_KEYS = Object.getOwnPropertyNames(Object.prototype)

t.test('a token is made of tchar', async t => {
  for (let code = 0; code <= 0x200; code++) {
    const char = String.fromCharCode(code)
    // RFC 9110 §5.6.2: "any VCHAR, except delimiters"
    const isTchar = code > 0x20 && code < 0x7f && !'"(),/:;<=>?@[\\]{}'.includes(char)
    if (isToken(char) !== isTchar || isToken(`a${char}b`) !== isTchar) t.fail(`U+${code.toString(16)}`)
  }
  t.equal(isToken(''), false)
})

t.test('a field value has no control characters but HTAB, and nothing above U+00FF', async t => {
  for (let code = 0; code <= 0x200; code++) {
    const valid = code === 0x09 || (code >= 0x20 && code <= 0x7e) || (code >= 0x80 && code <= 0xff)
    if (isFieldValue(`a${String.fromCharCode(code)}b`) !== valid) t.fail(`U+${code.toString(16)}`)
  }
  t.ok(isFieldValue(''))
  t.ok(isFieldValue(' around '), 'a recipient takes the whitespace off')
})

t.test('checkHeaders makes a list of fields', async t => {
  t.strictSame(checkHeaders({}), [])
  t.strictSame(checkHeaders({ A: '1', b: ['2', '3'], c: [], D: '' }), [
    ['A', '1'],
    ['b', '2'],
    ['b', '3'],
    ['D', ''],
  ])
  const inherited = Object.create({ inherited: 'x' })
  inherited.own = 'y'
  t.strictSame(checkHeaders(inherited), [['own', 'y']])
})

t.test('checkHeaders throws for what cannot be written, naming the field and not the value', async t => {
  for (const name of ['', 'a b', 'a:', 'a\r\nb', 'a\0', 'ä', 'Ā', '"a"']) {
    const error = catchError(() => checkHeaders({ [name]: 'secret' }))
    t.match(error, { name: 'TypeError', code: 'ERR_INVALID_HTTP_TOKEN' }, JSON.stringify(name))
    t.ok(error.message.includes(JSON.stringify(name)))
    t.notMatch(error.message, /secret|[\r\n]/)
  }
  for (const char of ['\r', '\n', '\r\nX: y', '\0', '\x7f', '\x1b', '\u0100', '\u{1f600}']) {
    for (const value of [`secret${char}`, `${char}secret`, ['fine', `secret${char}secret`]]) {
      const error = catchError(() => checkHeaders({ 'X-Name': value }))
      t.match(error, { name: 'TypeError', code: 'ERR_INVALID_CHAR' }, JSON.stringify(value))
      t.match(error.message, /X-Name/)
      t.notMatch(error.message, /secret/)
    }
  }
  for (const value of [undefined, null, 1, {}, [undefined], [['a']], { toString: () => 'a' }]) {
    const headers = { 'X-Name': value } as unknown as Record<string, string>
    t.throws(() => checkHeaders(headers), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
})

t.test('fields are found by their name in any case', async t => {
  const rawHeaders = ['Host', 'a', 'X-List', '1', 'x-list', '2', 'X-LIST', '', 'X-List2', '3']
  t.strictSame(fieldValues(rawHeaders, 'x-list'), ['1', '2', ''])
  t.equal(combinedValue(rawHeaders, 'x-list'), '1, 2, ')
  t.equal(singleValue(rawHeaders, 'x-list'), undefined, 'repeated')
  t.equal(singleValue(rawHeaders, 'host'), 'a')
  t.equal(combinedValue(rawHeaders, 'host'), 'a')
  t.strictSame(fieldValues(rawHeaders, 'a'), [], 'a value is not a name')
  t.equal(singleValue(rawHeaders, 'absent'), undefined)
  t.equal(combinedValue(rawHeaders, 'absent'), undefined)
  t.strictSame(fieldValues(['Host'], 'host'), [], 'a name without a value')
})

t.test('parseTokenList: 1#token', async t => {
  const vectors: [value: string, expected: string[] | undefined, clause: string][] = [
    ['a', ['a'], 'RFC 9110 §5.6.1'],
    ['a,b', ['a', 'b'], 'RFC 9110 §5.6.1'],
    [' a\t, \t b ', ['a', 'b'], 'RFC 9110 §5.6.1: OWS'],
    ['a, a, A', ['a', 'a', 'A'], 'RFC 9110 §5.6.1: duplicates and case stay'],
    ['foo , ,bar,charlie', ['foo', 'bar', 'charlie'], 'RFC 9110 §5.6.1.2, its example'],
    [',a,', ['a'], 'RFC 9110 §5.6.1.2'],
    ['', undefined, 'RFC 9110 §5.6.1.2: at least one'],
    [',', undefined, 'RFC 9110 §5.6.1.2: at least one'],
    [',   ,', undefined, 'RFC 9110 §5.6.1.2: at least one'],
    ['a b', undefined, 'RFC 9110 §5.6.2'],
    ['a;b', undefined, 'RFC 9110 §5.6.2'],
    ['"a"', undefined, 'RFC 9110 §5.6.2'],
    ['a,b\xa0', undefined, 'RFC 9110 §5.6.3: OWS is SP and HTAB only'],
    ['a,\u2003b', undefined, 'RFC 9110 §5.6.3: OWS is SP and HTAB only'],
    ['a\r\n,b', undefined, 'RFC 9110 §5.6.3: OWS is SP and HTAB only'],
    ['a/b', undefined, 'RFC 9110 §5.6.2'],
  ]
  for (const [value, expected, clause] of vectors) {
    t.strictSame(parseTokenList(value), expected, `${JSON.stringify(value)} (${clause})`)
  }
})

t.test('parseUpgrade: tokens with an optional version', async t => {
  const vectors: [value: string, expected: string[] | undefined, clause: string][] = [
    ['websocket', ['websocket'], 'RFC 9110 §7.8'],
    ['HTTP/2.0, SHTTP/1.3, IRC/6.9, RTA/x11', ['HTTP/2.0', 'SHTTP/1.3', 'IRC/6.9', 'RTA/x11'], 'RFC 9110 §7.8'],
    [',h2c,,WebSocket', ['h2c', 'WebSocket'], 'RFC 9110 §5.6.1.2'],
    ['', undefined, 'RFC 9110 §5.6.1.2'],
    ['a/', undefined, 'RFC 9110 §7.8'],
    ['/a', undefined, 'RFC 9110 §7.8'],
    ['a/b/c', undefined, 'RFC 9110 §7.8'],
    ['web socket', undefined, 'RFC 9110 §7.8'],
  ]
  for (const [value, expected, clause] of vectors) {
    t.strictSame(parseUpgrade(value), expected, `${JSON.stringify(value)} (${clause})`)
  }
})

t.test('parseExtensions: the examples of RFC 6455 §9.1 and its edges [6455-9.1-2]', async t => {
  const vectors: [value: string, expected: Extension[] | undefined][] = [
    ['deflate-stream', [extension('deflate-stream')]],
    [
      'mux; max-channels=4; flow-control,  deflate-stream',
      [extension('mux', ['max-channels', '4'], ['flow-control', undefined]), extension('deflate-stream')],
    ],
    ['foo, bar; baz=2', [extension('foo'), extension('bar', ['baz', '2'])]],
    ['a;b="c"', [extension('a', ['b', 'c'])]],
    ['a;b="\\c\\d"', [extension('a', ['b', 'cd'])]],
    ['a\t;\tb\t=\t"c"\t,\td', [extension('a', ['b', 'c']), extension('d')]],
    [',a,,b,', [extension('a'), extension('b')]],
    ['a;b;b=1;b=2, a', [extension('a', ['b', undefined], ['b', '1'], ['b', '2']), extension('a')]],
    ['', undefined],
    [' , ', undefined],
    ['a b', undefined],
    ['a;', undefined],
    ['a;;b', undefined],
    [';a', undefined],
    ['a=b', undefined],
    ['a;b=', undefined],
    ['a;b=,c', undefined],
    ['a;=c', undefined],
    ['a;"b"', undefined],
    ['"a"', undefined],
    ['a;b=""', undefined],
    ['a;b="c d"', undefined],
    ['a;b=" c"', undefined],
    ['a;b="c,d"', undefined],
    ['a;b="\\""', undefined],
    ['a;b="c', undefined],
    ['a;b="c\\', undefined],
    ['a;b="c\\"', undefined],
    ['a;b="c"d', undefined],
    ['a;b=c"d"', undefined],
    ['a;b="\xe4"', undefined],
    ['a\0', undefined],
  ]
  for (const [value, expected] of vectors) t.strictSame(parseExtensions(value), expected, JSON.stringify(value))
})
// [6455-4.3-1, 6455-9.1-1]
t.test('parseExtensions accepts exactly the grammar: every value up to seven characters', async t => {
  const token = 'a+'
  const parameter = `\\s*;\\s*${token}(?:\\s*=\\s*(?:${token}|"(?:\\\\?a)+"))?`
  const optional = `(?:${token}(?:${parameter})*)?`
  const grammar = new RegExp(`^(?=.*a)\\s*${optional}(?:\\s*,\\s*${optional})*\\s*$`)
  const alphabet = ['a', ';', '=', ',', '"', '\\', ' ']
  let accepted = 0
  let values = ['']
  for (let length = 1; length <= 7; length++) {
    values = values.flatMap(value => alphabet.map(char => value + char))
    for (const value of values) {
      const isValid = parseExtensions(value) !== undefined
      if (isValid !== grammar.test(value)) t.fail(JSON.stringify(value))
      if (isValid) accepted++
    }
  }
  t.ok(accepted > 1000, `${accepted} of them are valid`)
})

t.test('formatExtensions writes what parseExtensions reads', async t => {
  const extensions = [extension('a', ['b', undefined], ['c', '1'], ['c', '2']), extension('a'), extension('d')]
  t.equal(formatExtensions(extensions), 'a; b; c=1; c=2, a, d')
  t.strictSame(parseExtensions(formatExtensions(extensions)), extensions)
  t.equal(formatExtensions([]), '')
})

t.test('formatExtensions throws for a part that is not a token [6455-4.3-1]', async t => {
  for (const text of ['', 'a b', 'a\r\nX: y', 'a\0', 'a,b', 'a;b', '"a"', '\u0100']) {
    for (const forged of [extension(text), extension('a', [text, 'b']), extension('a', ['b', text])]) {
      t.throws(() => formatExtensions([forged]), { name: 'TypeError', code: 'ERR_INVALID_HTTP_TOKEN' })
    }
  }
})

t.test('no name is special', async t => {
  t.ok(PROTOTYPE_KEYS.includes('__proto__') && PROTOTYPE_KEYS.includes('constructor'))
  for (const key of PROTOTYPE_KEYS) {
    const extensions = [extension(key, [key, key], [key, undefined])]
    t.strictSame(parseExtensions(`${key}; ${key}=${key}; ${key}`), extensions)
    t.equal(formatExtensions(extensions), `${key}; ${key}=${key}; ${key}`)
    t.strictSame(parseTokenList(`${key}, ${key}`), [key, key])
    t.strictSame(parseUpgrade(key), [key])
    t.strictSame(checkHeaders(Object.fromEntries([[key, 'v']])), [[key, 'v']])
    t.strictSame(fieldValues([key, 'v'], key.toLowerCase()), ['v'])
    t.equal(combinedValue([], key.toLowerCase()), undefined)
  }
  t.strictSame(checkHeaders(JSON.parse('{"__proto__": "v"}')), [['__proto__', 'v']])
})

t.test('2,000 fields are as good as two', async t => {
  const rawHeaders = Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'v']).flat()
  rawHeaders.push('Upgrade', 'websocket')
  t.equal(singleValue(rawHeaders, 'upgrade'), 'websocket')
})

t.test('time is linear in the length of a value, whatever is in it', async t => {
  const repeated = [' ', '\t', '"', '\\', ',', ';', '=', 'a', ', ', ' ,', '; ', '\\"', 'a ', 'a,', 'a;a', 'a="a"']
  const openings = ['', 'a', 'a;b=', 'a;b="', 'a;b="\\']
  // Up to 16 times the largest head that a server takes by default.
  for (const parse of [parseTokenList, parseUpgrade, parseExtensions, isFieldValue, isToken]) {
    for (const piece of repeated) {
      for (const opening of openings) {
        const exponent = timeExponent(2 ** 14, 16, length => {
          const value = opening + piece.repeat(length / piece.length)
          return () => void parse(value)
        })
        if (exponent < LINEAR) continue
        t.fail(`${parse.name}, ${JSON.stringify(opening + piece.repeat(3))}...: exponent ${exponent.toFixed(2)}`)
      }
    }
  }
})

function extension(name: string, ...parameters: [string, string | undefined][]): Extension {
  return { name, parameters }
}

function catchError(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('did not throw')
}
