/** The options of compression: what they are when nothing is said, and that a wrong one is named. */
import t from 'tap'
import { checkDeflate, type DeflateOptions, termsFor } from '../../lib/transport/deflate-options.ts'

t.test('off, unless it is asked for', async t => {
  t.equal(checkDeflate(undefined, 'server'), undefined)
  t.equal(checkDeflate(false, 'client'), undefined)
})

t.test('true is lean: no context takeover either way, and a small window where a server decides', async t => {
  const wanted = { serverNoContextTakeover: true, clientNoContextTakeover: true }
  const bits = (bits: number) => ({ serverMaxWindowBits: bits, clientMaxWindowBits: bits })
  t.strictSame(checkDeflate(true, 'server'), { threshold: 256, level: 1, wanted: { ...wanted, ...bits(12) } })
  t.strictSame(checkDeflate(true, 'client'), { threshold: 256, level: 1, wanted: { ...wanted, ...bits(15) } })
  t.strictSame(checkDeflate({}, 'server'), checkDeflate(true, 'server'), 'no options are the same')
  const unset = Object.fromEntries(NAMES.map(name => [name, undefined]))
  t.strictSame(checkDeflate(unset, 'client'), checkDeflate(true, 'client'))
})

const NAMES = [
  'threshold',
  'level',
  'serverContextTakeover',
  'clientContextTakeover',
  'serverMaxWindowBits',
  'clientMaxWindowBits',
]

t.test('every option, as it is given', async t => {
  const options: DeflateOptions = {
    threshold: 0,
    level: 9,
    serverContextTakeover: true,
    clientContextTakeover: false,
    serverMaxWindowBits: 8,
    clientMaxWindowBits: 9,
  }
  t.strictSame(checkDeflate(options, 'server'), {
    threshold: 0,
    level: 9,
    wanted: {
      serverNoContextTakeover: false,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 9,
    },
  })
})

t.test('what is wrong is named', async t => {
  const wrong: Record<string, readonly unknown[]> = {
    threshold: [-1, 0.5, '1', null, Number.NaN],
    level: [-1, 10, 1.5, '6', null],
    serverContextTakeover: [1, 'yes', null, {}],
    clientContextTakeover: [0, ''],
    // S6
    serverMaxWindowBits: [0, 7, 16, 1e9, '', '8', 8.5, Number.NaN, null, true],
    clientMaxWindowBits: [0, 7, 16, 1e9, '8', Number.NaN, true],
    memLevel: [8],
    serverNoContextTakeover: [true],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const expected = { message: new RegExp(name), code: /^ERR_/ }
      t.throws(() => checkDeflate({ [name]: value } as DeflateOptions, 'server'), expected, `${name}: ${value}`)
    }
  }
  for (const given of ['on', 1, null, () => true]) {
    t.throws(() => checkDeflate(given as unknown as boolean, 'client'), { message: /perMessageDeflate/ })
  }
})

t.test('what is agreed on, by who sends', async t => {
  const parameters = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 14,
  }
  const server = { windowBits: 9, contextTakeover: false }
  const client = { windowBits: 14, contextTakeover: true }
  t.same(termsFor('server', parameters), { sending: server, receiving: client })
  t.same(termsFor('client', parameters), { sending: client, receiving: server })
})
