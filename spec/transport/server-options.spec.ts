/**
 * What can be set for a server: the defaults, that every wrong value is refused by the constructor with the name of
 * its option in the words, and that no misspelt name is passed over.
 */
import t from 'tap'
import { WebSocketServer } from '../../lib/transport/server.ts'
import {
  checkListenOptions,
  checkServerOptions,
  type ListenOptions,
  type ServerOptions,
} from '../../lib/transport/server-options.ts'

t.test('defaults', async t => {
  t.strictSame(checkServerOptions({}), {
    settings: {
      maxMessageSize: 1_048_576,
      maxFragments: 131_072,
      maxChunks: 1_048_576,
      highWaterMark: 65_536,
      maxBufferedAmount: 16_777_216,
      closeTimeout: 10_000,
      heartbeat: { interval: 25_000, timeout: 20_000 },
      trace: undefined,
    },
    path: undefined,
    origin: undefined,
    protocols: undefined,
    perMessageDeflate: undefined,
    authorize: undefined,
    onRequest: undefined,
    handshakeTimeout: 10_000,
    maxHeaderBytes: 16_384,
    maxHeaders: 100,
  })
})

t.test('undefined stands for the default, whatever the option', async t => {
  const names = Object.keys(checkServerOptions({})).filter(name => name !== 'settings')
  names.push(...Object.keys(checkServerOptions({}).settings))
  t.equal(names.length, 17)
  const all = Object.fromEntries(names.map(name => [name, undefined]))
  t.strictSame(checkServerOptions(all), checkServerOptions({}))
})

t.test('values that are taken as they are', async t => {
  const given = {
    path: '/',
    origin: 'same-origin',
    protocols: ['b', 'a'],
    perMessageDeflate: undefined,
    authorize: () => true,
    onRequest: () => ({ status: 200 }),
    handshakeTimeout: 1,
    maxHeaderBytes: 1,
    maxHeaders: 1,
  } as const
  const { settings, ...checked } = checkServerOptions({ ...given, maxMessageSize: 1, heartbeat: false })
  t.strictSame(checked, given)
  t.match(settings, { maxMessageSize: 1, heartbeat: undefined })
  const choose = () => undefined
  t.equal(checkServerOptions({ protocols: choose }).protocols, choose)
  t.strictSame(checkServerOptions({ protocols: [] }).protocols, [])
})

t.test('perMessageDeflate: a function is kept for the requests, the rest is checked', async t => {
  const choose = () => true
  t.equal(checkServerOptions({ perMessageDeflate: choose }).perMessageDeflate, choose)
  t.equal(checkServerOptions({ perMessageDeflate: false }).perMessageDeflate, undefined)
  t.match(checkServerOptions({ perMessageDeflate: true }).perMessageDeflate, { wanted: { serverMaxWindowBits: 12 } })
})

const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  path: ['', 'chat', '/chat?a', '/a?', 1, null, /chat/, ['/chat']],
  origin: ['*', 'https://a.example', null, true, ['https://a.example/'], ['null']],
  protocols: ['chat', null, 1, {}, ['a b'], ['a', 'a'], [''], [1]],
  perMessageDeflate: ['yes', 1, null, { serverMaxWindowBits: 7 }, { serverNoContextTakeover: true }],
  authorize: [true, null, 'yes', {}],
  onRequest: [null, { status: 200 }, 'index.html'],
  handshakeTimeout: [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, '1', null, 1n],
  maxHeaderBytes: [0, -1, 0.5, Number.NaN, Infinity, '1', null],
  maxHeaders: [0, -1, 0.5, Number.NaN, Infinity, '1', null],
  // Those of the connections have their own spec; here, that they are looked at before a client comes.
  maxMessageSize: [0, -1, 2 ** 31, Number.NaN, '1', null],
  maxFragments: [0, '1', null],
  maxChunks: [0, '1', null],
  highWaterMark: [-1, '1'],
  maxBufferedAmount: [-1],
  closeTimeout: [0],
  heartbeat: [0, 'on', { interval: 0 }, true],
  trace: ['yes'],
}

t.test('wrong values are refused, by name', async t => {
  for (const [option, values] of Object.entries(WRONG)) {
    for (const value of values) {
      const options = { [option]: value } as ServerOptions
      const expected = { name: /^(?:Type|Range)Error$/, message: option === 'protocols' ? /protocol/ : option }
      t.throws(() => new WebSocketServer(options), expected, `${option}: ${String(value)}`)
    }
  }
})

t.test('names that do not exist are refused', async t => {
  const names = ['maxPayload', 'port', 'verifyClient', 'Path', 'constructor', 'toString', 'settings', '']
  for (const name of names) {
    const expected = { name: 'TypeError', message: `WebSocketServer has no option ${JSON.stringify(name)}` }
    t.throws(() => new WebSocketServer({ [name]: undefined } as ServerOptions), expected, name)
  }
  t.throws(() => new WebSocketServer(JSON.parse('{"__proto__": 1}')), { name: 'TypeError', message: '__proto__' })
})

t.test('options of listen', async t => {
  for (const options of [
    {},
    { port: 0, host: '::', backlog: 1, tls: {} },
    { socketPath: '/a' },
    { port: undefined },
  ]) {
    t.doesNotThrow(() => checkListenOptions(options))
  }
  const unknown = { name: 'TypeError', message: 'listen has no option "path"' }
  t.throws(() => checkListenOptions({ path: '/a' } as ListenOptions), unknown)
  const both = { name: 'TypeError', message: /socketPath/ }
  t.throws(() => checkListenOptions({ port: 0, socketPath: '/a' }), both)
})

t.test('listen rejects what is wrong, and listens to nothing', async t => {
  const server = new WebSocketServer()
  const wrong: unknown[] = [{ path: '/a' }, { port: 0, socketPath: '/a' }, { port: 65_536 }, { port: -1 }]
  wrong.push({ port: 'http' }, { socketPath: '' }, { tls: { key: 'no key', cert: 'no certificate' } })
  for (const options of wrong) await t.rejects(server.listen(options as ListenOptions), JSON.stringify(options))
  await server.close()
})
