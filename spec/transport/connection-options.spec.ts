/** What can be set for an open connection: the defaults, and that every wrong value is refused by its name. */
import t from 'tap'
import { connect, WebSocketServer } from '../../lib/index.ts'
import { type ConnectionSettings, checkSettings, SETTING_NAMES } from '../../lib/transport/connection-options.ts'

t.test('defaults', async t => {
  const defaults = {
    maxMessageSize: 1_048_576,
    maxFragments: 131_072,
    maxChunks: 1_048_576,
    highWaterMark: 65_536,
    maxBufferedAmount: 16_777_216,
    closeTimeout: 10_000,
    heartbeat: { interval: 25_000, timeout: 20_000 },
    trace: undefined,
  }
  t.strictSame(checkSettings({}), defaults)
  t.strictSame(checkSettings(Object.fromEntries(SETTING_NAMES.map(name => [name, undefined]))), defaults)
  t.same(Object.keys(defaults), SETTING_NAMES)
})

t.test('values that are taken as they are', async t => {
  const trace = () => {}
  const given = {
    maxMessageSize: 1,
    maxFragments: 1,
    maxChunks: Number.MAX_SAFE_INTEGER,
    highWaterMark: 0,
    maxBufferedAmount: 0,
    closeTimeout: 2 ** 31 - 1,
    heartbeat: { interval: 1, timeout: 2 ** 31 - 1 },
    trace,
  }
  t.strictSame(checkSettings(given), given)
})

t.test('a heartbeat is a number, a part of it, or nothing at all', async t => {
  const cases: [ConnectionSettings['heartbeat'], object | undefined][] = [
    [false, undefined],
    [5000, { interval: 5000, timeout: 20_000 }],
    [{}, { interval: 25_000, timeout: 20_000 }],
    [{ timeout: 7 }, { interval: 25_000, timeout: 7 }],
    [{ interval: 7 }, { interval: 7, timeout: 20_000 }],
  ]
  for (const [heartbeat, wanted] of cases) t.strictSame(checkSettings({ heartbeat }).heartbeat, wanted)
})

t.test('the high-water mark is not above what costs the connection', async t => {
  t.equal(checkSettings({ maxBufferedAmount: 1000 }).highWaterMark, 1000)
  t.equal(checkSettings({ maxBufferedAmount: 1_000_000 }).highWaterMark, 65_536)
  t.throws(() => checkSettings({ maxBufferedAmount: 1000, highWaterMark: 1001 }), {
    name: 'RangeError',
    message: /^highWaterMark must be an integer from 0 to 1000, got 1001$/,
  })
})

const NUMBERS = ['maxMessageSize', 'maxFragments', 'maxChunks', 'highWaterMark', 'maxBufferedAmount', 'closeTimeout']

t.test('every wrong value is refused by its name, wherever it is given', async t => {
  const wrong: [string, unknown, typeof TypeError | typeof RangeError][] = [
    ...NUMBERS.flatMap(name => [
      ...['1', null, {}, [], true, 1n].map(value => [name, value, TypeError] as [string, unknown, typeof TypeError]),
      ...[-1, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53].map(
        value => [name, value, RangeError] as [string, unknown, typeof RangeError],
      ),
    ]),
    // Nothing at all fits in no bytes, and a delay of nothing is no delay.
    ...['maxMessageSize', 'maxFragments', 'maxChunks', 'closeTimeout'].map(
      name => [name, 0, RangeError] as [string, unknown, typeof RangeError],
    ),
    ['closeTimeout', 2 ** 31, RangeError],
    ['heartbeat', 0, RangeError],
    ['heartbeat', true, TypeError],
    ['heartbeat', '25000', TypeError],
    ['heartbeat', { interval: 0 }, RangeError],
    ['heartbeat', { timeout: 2 ** 31 }, RangeError],
    ['heartbeat', { interval: '1' }, TypeError],
    ['heartbeat', { intervall: 5 }, TypeError],
    ['trace', 'yes', TypeError],
    ['trace', {}, TypeError],
    ['trace', null, TypeError],
  ]
  const accepted: unknown[] = []
  for (const [name, value, type] of wrong) {
    const settings = { [name]: value } as ConnectionSettings
    const checks = [
      () => checkSettings(settings),
      () => new WebSocketServer(settings),
      () => connect('ws://localhost:1', settings),
    ]
    for (const check of checks) {
      try {
        await check()
        accepted.push([name, value])
      } catch (error) {
        const isNamed = error instanceof type && error.message.includes(name) && 'code' in error
        if (!isNamed) accepted.push([name, value, error])
      }
    }
  }
  t.same(accepted, [])
})

t.test('a name that does not exist is refused', async t => {
  const settings = { maxPayload: 5 } as ConnectionSettings
  t.throws(() => new WebSocketServer(settings), { name: 'TypeError', message: /"maxPayload"/ })
  await t.rejects(connect('ws://localhost:1', settings), { name: 'TypeError', message: /"maxPayload"/ })
})
