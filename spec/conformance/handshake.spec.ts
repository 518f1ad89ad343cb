/** The suite's opening handshake, against the example of RFC 6455 §1.3 and what is wrong in ways of its own. */
import t from 'tap'
import {
  acceptFor,
  fieldValue,
  listValue,
  newKey,
  parseTarget,
  readHead,
  requestFault,
  responseFault,
  writeHead,
  writeRequest,
  writeResponse,
} from '../../conformance/handshake.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

function head(text: string) {
  return readHead(Buffer.from(text, 'latin1'))!.head
}

t.test('the accept value of §1.3', async t => {
  t.equal(acceptFor(KEY), ACCEPT)
})

t.test('keys are 16 random bytes in base64', async t => {
  const keys = Array.from({ length: 50 }, newKey)
  t.same(new Set(keys.map(key => Buffer.from(key, 'base64').length)), new Set([16]))
  t.equal(new Set(keys).size, 50)
})

t.test('URLs', async t => {
  t.match(parseTarget('ws://example.com/a?b=c'), { host: 'example.com', port: 80, secure: false, path: '/a?b=c' })
  t.match(parseTarget('wss://[::1]:8443'), { host: '::1', port: 8443, secure: true, path: '/' })
  t.match(parseTarget('https://example.com'), { port: 443, secure: true })
  for (const url of ['nonsense', 'ftp://example.com', 'ws://example.com/#a'])
    t.throws(() => parseTarget(url), TypeError)
})

t.test('a request as §4.1 has it', async t => {
  const text = writeRequest(parseTarget('ws://example.com:81/chat'), KEY, {
    'Sec-WebSocket-Extensions': undefined,
    A: ['1', '2'],
  })
  t.equal(
    text,
    [
      'GET /chat HTTP/1.1',
      'Host: example.com:81',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Version: 13',
      'A: 1',
      'A: 2',
      '',
      '',
    ].join('\r\n'),
  )
  t.equal(requestFault(head(text)), undefined)
})

t.test('heads are read when they are whole, and fields found by name', async t => {
  t.equal(readHead(Buffer.from('HTTP/1.1 101 x\r\nA: b\r\n')), undefined)
  const bytes = Buffer.from('HTTP/1.1 101 x\r\nA:  b \r\nLIST: One, two\r\nlist: three\r\n\r\nrest')
  const read = readHead(bytes)!
  t.equal(bytes.toString('latin1', read.end), 'rest')
  t.equal(read.head.startLine, 'HTTP/1.1 101 x')
  t.equal(fieldValue(read.head, 'a'), 'b')
  t.equal(fieldValue(read.head, 'c'), undefined)
  t.same(listValue(read.head, 'list'), ['one', 'two', 'three'])
})

const RESPONSE = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Accept': ACCEPT,
}

t.test('what is wrong with a response', async t => {
  t.equal(responseFault(head(writeResponse(KEY)), KEY), undefined)
  const switching = 'HTTP/1.1 101 Switching Protocols'
  const fine = [
    [switching, { Upgrade: 'WebSocket' }],
    ['HTTP/1.1 101', { Connection: 'keep-alive, upgrade' }],
  ] as const
  for (const [line, fields] of fine)
    t.equal(responseFault(head(writeHead(line, { ...RESPONSE, ...fields })), KEY), undefined)
  const wrong = [
    ['HTTP/1.1 200 OK', {}, 'status 101'],
    ['HTTP/1.0 101 Switching Protocols', {}, 'status 101'],
    ['HTTP/1.1 1010 x', {}, 'status 101'],
    [switching, { Upgrade: undefined }, 'Upgrade: websocket, got none'],
    [switching, { Upgrade: 'h2c' }, 'got h2c'],
    [switching, { Connection: 'close' }, 'Connection: Upgrade, got close'],
    [switching, { 'Sec-WebSocket-Accept': undefined }, 'got none'],
    [switching, { 'Sec-WebSocket-Accept': acceptFor('other') }, `expected Sec-WebSocket-Accept: ${ACCEPT}`],
  ] as const
  for (const [line, fields, words] of wrong) {
    t.match(responseFault(head(writeHead(line, { ...RESPONSE, ...fields })), KEY), words, words)
  }
})

t.test('what is wrong with a request', async t => {
  const right = {
    Host: 'a',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
  }
  const table = [
    ['GET / HTTP/1.1', {}, undefined],
    ['GET / HTTP/1.1', { Connection: 'keep-alive, Upgrade', Upgrade: 'a, WebSocket' }, undefined],
    ['POST / HTTP/1.1', {}, 'GET'],
    ['GET / HTTP/1.0', {}, 'GET'],
    ['GET / HTTP/1.1', { Host: undefined }, 'Host'],
    ['GET / HTTP/1.1', { Upgrade: undefined }, 'Upgrade'],
    ['GET / HTTP/1.1', { Connection: 'close' }, 'Connection'],
    ['GET / HTTP/1.1', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }, 'Sec-WebSocket-Key'],
    ['GET / HTTP/1.1', { 'Sec-WebSocket-Version': '8' }, 'Sec-WebSocket-Version: 13, got 8'],
  ] as const
  for (const [line, fields, words] of table) {
    const fault = requestFault(head(writeHead(line, { ...right, ...fields })))
    if (words === undefined) t.equal(fault, undefined)
    else t.match(fault, words)
  }
})
