/** The options of both faces of the client: defaults, and every way in which one is wrong. */
import { Agent } from 'node:http'
import t from 'tap'
import {
  checkClientOptions,
  checkHttpUrl,
  type EventStreamClientOptions,
  fieldValueOf,
} from '../../lib/transport/event-source-options.ts'

const check = (options: unknown) => checkClientOptions('x', options as EventStreamClientOptions, ['own'])

t.test('defaults', async t => {
  const { headers, ...defaults } = check({})
  t.same(await headers(), {})
  t.same(defaults, {
    method: 'GET',
    body: undefined,
    agent: undefined,
    tls: {},
    socketPath: undefined,
    maxRedirects: 20,
    signal: undefined,
    fetch: undefined,
    responseTimeout: Infinity,
    idleTimeout: Infinity,
    reconnectionTime: 3000,
    maxReconnectionDelay: 30_000,
    reconnectionDelay: undefined,
    retryStatuses: [],
    limits: { maxLineBytes: undefined, maxEventBytes: undefined },
    lastEventId: '',
  })
})

t.test('a response may take as long as any silence, unless it is said', async t => {
  t.equal(check({ idleTimeout: 5 }).responseTimeout, 5)
  t.equal(check({ idleTimeout: 5, responseTimeout: 7 }).responseTimeout, 7)
  t.equal(check({ responseTimeout: 7 }).idleTimeout, Infinity)
})

t.test('what is given is kept', async t => {
  const agent = new Agent()
  const tls = { ca: 'x' }
  const body = new Uint8Array(2)
  const checked = check({ agent, tls, body, method: 'post', socketPath: '/s', lastEventId: 'é', own: 1 })
  t.equal(checked.agent, agent)
  t.equal(checked.tls, tls)
  t.equal(checked.body, body)
  t.equal(checked.lastEventId, 'é')
  t.equal(check({ agent: false }).agent, false)
})

t.test('methods are written as Fetch writes them', async t => {
  const rows = [
    ['get', 'GET'],
    ['Head', 'HEAD'],
    ['pOST', 'POST'],
    ['put', 'PUT'],
    ['delete', 'DELETE'],
    ['options', 'OPTIONS'],
    ['patch', 'patch'],
    ['QUERY', 'QUERY'],
  ]
  t.same(
    rows.map(([given]) => [given, check({ method: given }).method]),
    rows,
  )
})

t.test('fields that differ by case are one field; what an object has from its prototype is none', async t => {
  t.same(Object.entries(await check({ headers: { 'x-a': '1', 'X-A': ['2', '3'], b: '4' } }).headers()), [
    ['x-a', ['1', '2', '3']],
    ['b', '4'],
  ])
  t.same(Object.entries(await check({ headers: { ['__proto__']: '1', constructor: '2' } }).headers()), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ])
})

/** Control characters, and what is no single byte. */
const UNSENDABLE = ['a\rb', 'a\nb', 'a\r\nX-Forged: 1', 'a\0b', 'a\x7f', '\x01', 'a\u0100', '€']

t.test('every option that is wrong is refused by name (S19)', async t => {
  const rows: [options: unknown, code: string, words: RegExp][] = [
    [null, 'ERR_INVALID_ARG_TYPE', /options of x/],
    [7, 'ERR_INVALID_ARG_TYPE', /options of x/],
    [{ header: {} }, 'ERR_INVALID_ARG_VALUE', /x has no option "header"/],
    [{ headers: 7 }, 'ERR_INVALID_ARG_TYPE', /headers/],
    [{ headers: null }, 'ERR_INVALID_ARG_TYPE', /headers/],
    [{ headers: { a: 7 } }, 'ERR_INVALID_ARG_TYPE', /"a"/],
    [{ headers: { 'a b': '' } }, 'ERR_INVALID_HTTP_TOKEN', /"a b"/],
    [{ headers: { 'a\r\nb': '' } }, 'ERR_INVALID_HTTP_TOKEN', /header/],
    [{ headers: { '': '' } }, 'ERR_INVALID_HTTP_TOKEN', /header/],
    ...UNSENDABLE.map((value): [unknown, string, RegExp] => [{ headers: { a: value } }, 'ERR_INVALID_CHAR', /"a"/]),
    ...['Connection', 'content-length', 'Transfer-Encoding', 'UPGRADE', 'Expect', 'TE', 'Trailer', 'Keep-Alive'].map(
      (name): [unknown, string, RegExp] => [
        { headers: { [name]: '1' } },
        'ERR_INVALID_ARG_VALUE',
        /not for the caller/,
      ],
    ),
    [{ headers: { 'last-event-id': '1' } }, 'ERR_INVALID_ARG_VALUE', /see lastEventId/],
    ...UNSENDABLE.filter(value => !/[^\0-\xff]/.test(value)).map((value): [unknown, string, RegExp] => [
      { lastEventId: value },
      'ERR_INVALID_CHAR',
      /lastEventId/,
    ]),
    [{ lastEventId: 7 }, 'ERR_INVALID_ARG_TYPE', /lastEventId/],
    [{ method: 7 }, 'ERR_INVALID_ARG_TYPE', /method/],
    [{ method: '' }, 'ERR_INVALID_HTTP_TOKEN', /method/],
    [{ method: 'GET / HTTP/1.1\r\nX: y' }, 'ERR_INVALID_HTTP_TOKEN', /method/],
    [{ method: 'connect' }, 'ERR_INVALID_ARG_VALUE', /CONNECT/],
    [{ method: 'TRACE' }, 'ERR_INVALID_ARG_VALUE', /TRACE/],
    [{ method: 'Track' }, 'ERR_INVALID_ARG_VALUE', /TRACK/],
    [{ body: 'x' }, 'ERR_INVALID_ARG_VALUE', /body.*GET/],
    [{ body: '', method: 'head' }, 'ERR_INVALID_ARG_VALUE', /body.*HEAD/],
    [{ body: {}, method: 'POST' }, 'ERR_INVALID_ARG_TYPE', /body/],
    [{ body: null, method: 'POST' }, 'ERR_INVALID_ARG_TYPE', /body/],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE', /signal/],
    [{ agent: 'x' }, 'ERR_INVALID_ARG_TYPE', /agent/],
    [{ agent: null }, 'ERR_INVALID_ARG_TYPE', /agent/],
    [{ tls: null }, 'ERR_INVALID_ARG_TYPE', /tls/],
    [{ tls: 'x' }, 'ERR_INVALID_ARG_TYPE', /tls/],
    [{ socketPath: '' }, 'ERR_INVALID_ARG_TYPE', /socketPath/],
    [{ socketPath: 7 }, 'ERR_INVALID_ARG_TYPE', /socketPath/],
    [{ fetch: 7 }, 'ERR_INVALID_ARG_TYPE', /fetch/],
    [{ fetch, agent: false }, 'ERR_INVALID_ARG_VALUE', /agent does not go with fetch/],
    [{ fetch, tls: {} }, 'ERR_INVALID_ARG_VALUE', /tls/],
    [{ fetch, socketPath: '/s' }, 'ERR_INVALID_ARG_VALUE', /socketPath/],
    [{ fetch, maxRedirects: 1 }, 'ERR_INVALID_ARG_VALUE', /maxRedirects/],
    [{ maxRedirects: -1 }, 'ERR_OUT_OF_RANGE', /maxRedirects/],
    [{ responseTimeout: 0 }, 'ERR_OUT_OF_RANGE', /responseTimeout/],
    [{ idleTimeout: 0 }, 'ERR_OUT_OF_RANGE', /idleTimeout/],
    [{ idleTimeout: 2 ** 31 }, 'ERR_OUT_OF_RANGE', /idleTimeout/],
    [{ idleTimeout: '5' }, 'ERR_INVALID_ARG_TYPE', /idleTimeout/],
    [{ reconnectionTime: -1 }, 'ERR_OUT_OF_RANGE', /reconnectionTime/],
    [{ reconnectionTime: 1.5 }, 'ERR_OUT_OF_RANGE', /reconnectionTime/],
    [{ maxReconnectionDelay: -1 }, 'ERR_OUT_OF_RANGE', /maxReconnectionDelay/],
    [{ reconnectionDelay: 7 }, 'ERR_INVALID_ARG_TYPE', /reconnectionDelay/],
    [{ retryStatuses: 503 }, 'ERR_INVALID_ARG_TYPE', /retryStatuses/],
    [{ retryStatuses: ['503'] }, 'ERR_INVALID_ARG_TYPE', /retryStatuses/],
    [{ maxLineBytes: 0 }, 'ERR_OUT_OF_RANGE', /maxLineBytes/],
    [{ maxEventBytes: 'x' }, 'ERR_OUT_OF_RANGE', /maxEventBytes/],
  ]
  const wrong = rows.filter(([options, code, words]) => {
    try {
      check(options)
      return true
    } catch (error) {
      const { message, code: found } = error as Error & { code: string }
      const isOfKind = code === 'ERR_OUT_OF_RANGE' ? error instanceof RangeError : error instanceof TypeError
      return !isOfKind || found !== code || !words.test(message) || /Forged/.test(message)
    }
  })
  t.same(wrong, [])
})

t.test('what a function for headers returns is checked when it does', async t => {
  const results: [unknown, unknown][] = [
    [() => ({ a: '1' }), { a: '1' }],
    [async () => ({ a: '1' }), { a: '1' }],
    [() => ({ a: 'x\r\ny' }), 'ERR_INVALID_CHAR'],
    [async () => ({ 'Content-Length': '7' }), 'ERR_INVALID_ARG_VALUE'],
    [() => undefined, 'ERR_INVALID_ARG_TYPE'],
    [
      () => {
        throw Object.assign(new Error(), { code: 'MINE' })
      },
      'MINE',
    ],
  ]
  for (const [headers, expected] of results) {
    const outcome = await Promise.resolve(check({ headers }).headers()).catch(error => error.code)
    t.same(typeof outcome === 'string' ? outcome : { ...outcome }, expected)
  }
})

t.test('the last event ID as a field value: a character for each byte of its UTF-8', async t => {
  t.equal(fieldValueOf('é€'), 'Ã©\xe2\x82\xac')
})

t.test('URLs', async t => {
  t.equal(checkHttpUrl('HTTP://a/b c?d#e').href, 'http://a/b%20c?d#e')
  t.equal(checkHttpUrl(new URL('https://a')).href, 'https://a/')
  for (const url of ['', '/x', 'ws://a', 'file:///x', 'data:text/event-stream,', 'http://'])
    t.throws(() => checkHttpUrl(url), { code: 'ERR_INVALID_URL' }, url)
})
