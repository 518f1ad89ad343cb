/**
 * The playground's sessions: an observer is told of every frame of the echo that names its trace, and commands it.
 * Both connections are from this process, to a server that has nothing but the sessions.
 */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { PlaygroundSessions } from '../../lib/cli/playground-sessions.ts'
import { connect, type DeflateOptions, type WebSocketConnection, WebSocketServer } from '../../lib/index.ts'
import { rawFrame, TEXT } from '../support/raw-frames.ts'
import { RawClient, requestText } from '../support/raw-socket.ts'
import { until, within } from '../support/waiting.ts'

type Told = Record<string, unknown> & { type: string }

interface Bench {
  readonly url: string
  readonly port: number
  /** The server's ends, in the order in which they came. */
  readonly connections: WebSocketConnection[]
}

async function startSessions(t: Test, perMessageDeflate?: DeflateOptions): Promise<Bench> {
  const sessions = new PlaygroundSessions()
  const server = new WebSocketServer({ trace: sessions.trace, protocols: ['echo.wirewright'], perMessageDeflate })
  const connections: WebSocketConnection[] = []
  server.on('connection', (connection, request) => {
    connections.push(connection)
    const [path, trace] = (request.url ?? '').split('?')
    if (path === '/frames') sessions.addObserver(trace ?? '', connection)
    else sessions.addEcho(trace, connection, request)
  })
  const { url, port = 0 } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())
  return { url, port, connections }
}

/** An observer and all that it is told. */
async function observe(url: string, trace: string): Promise<{ observer: WebSocketConnection; told: Told[] }> {
  const observer = await connect(`${url}/frames?${trace}`)
  const told: Told[] = []
  observer.on('message', message => told.push(JSON.parse(String(message))))
  return { observer, told }
}

async function untilTold(told: readonly Told[], test: (told: Told) => boolean): Promise<Told> {
  await until(() => told.some(test), `told ${test}, but ${JSON.stringify(told).slice(0, 500)}`)
  return told.find(test)!
}

const ofType = (type: string) => (told: Told) => told.type === type

/** A connection's messages from now on. */
function collect(connection: WebSocketConnection): unknown[] {
  const messages: unknown[] = []
  connection.on('message', message => messages.push(message))
  return messages
}

t.test('with compression the observer is told what was agreed on, and what became of each message', async t => {
  const { url } = await startSessions(t, { threshold: 20, serverContextTakeover: true })
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`, { perMessageDeflate: { threshold: 20, serverContextTakeover: true } })
  const messages = collect(socket)
  const texts = ['short', 'é'.repeat(500), 'again', 'é'.repeat(500)]
  for (const text of texts) socket.send(text)
  observer.send(JSON.stringify({ command: 'send', text: 'x'.repeat(300) }))
  observer.send(JSON.stringify({ command: 'fragments', text: 'y'.repeat(400), pieces: 2 }))
  await until(() => messages.length === texts.length + 2)
  socket.close(1000)
  await untilTold(told, ofType('close'))
  t.match(told[0], { type: 'open', extensions: socket.extensions })
  const frames = told.filter(ofType('frame')).filter(({ opcode }) => Number(opcode) < 8)
  const lengths = (direction: string) =>
    frames
      .filter(frame => frame.direction === direction && frame.fin)
      .map(({ message }) => (message as { length: number })?.length)
  t.same(lengths('in'), [undefined, 1000, undefined, 1000])
  t.same(new Set(lengths('out')), new Set([undefined, 1000, 300, 400]))
  const wrong = frames.filter(({ rsv1, fin, opcode, message, length }) => {
    const { compressed = 0 } = (message ?? {}) as { compressed?: number }
    return rsv1 && fin && opcode !== 0 && compressed !== length
  })
  t.same(wrong, [])
  observer.close()
})

t.test('the observer is told of the request, of every frame and of the end', async t => {
  const { url } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`, { protocols: ['echo.wirewright'], headers: { 'X-One': ['1', '2'] } })
  const messages = collect(socket)
  socket.send('hé')
  socket.send(Buffer.from([0, 255]))
  await until(() => messages.length === 2)
  socket.close(4000, 'done')
  await untilTold(told, ofType('close'))

  const [open, ...rest] = told
  t.match(open, { type: 'open', request: 'GET /echo?a HTTP/1.1', protocol: 'echo.wirewright' })
  const headers = open?.headers as [string, string][]
  t.same(
    headers.filter(([name]) => name === 'X-One'),
    [
      ['X-One', '1'],
      ['X-One', '2'],
    ],
  )
  const frames = rest.filter(ofType('frame'))
  const frame = { type: 'frame', fin: true, rsv1: false, rsv2: false, rsv3: false, truncated: false }
  const rows = [
    { ...frame, opcode: 1, length: 3, payload: '68c3a9' },
    { ...frame, opcode: 2, length: 2, payload: '00ff' },
    { ...frame, opcode: 8, length: 6, payload: '0fa0646f6e65' },
  ]
  for (const direction of ['in', 'out']) {
    t.same(
      frames.filter(frame => frame.direction === direction).map(({ at, header, maskingKey, ...fields }) => fields),
      rows.map(row => ({ ...row, direction, masked: direction === 'in' })),
    )
  }
  for (const { direction, header, maskingKey, at, opcode, length } of frames) {
    const text = String(header)
    t.equal(text.slice(0, 2), (0x80 + Number(opcode)).toString(16).padStart(2, '0'))
    t.equal(Number.parseInt(text.slice(2, 4), 16), Number(length) + (direction === 'in' ? 128 : 0))
    t.equal(maskingKey, direction === 'in' ? text.slice(-8) : null)
    t.type(at, 'number')
  }
  t.same(told.at(-1), {
    type: 'close',
    code: 4000,
    reason: 'done',
    wasClean: true,
    by: 'peer',
    stage: 'close-exchanged',
    violation: null,
  })
  observer.close()
})

t.test('of a long payload the observer gets the beginning, and is told so', async t => {
  const { url } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`)
  socket.send('x'.repeat(70_000))
  const frame = await untilTold(told, ofType('frame'))
  t.match(frame, { length: 70_000, truncated: true, payload: '78'.repeat(256) })
  t.match(frame.header, /^81ff0000000000011170.{8}$/)
  observer.close()
  socket.close()
})

t.test('a violation is told by its name', async t => {
  const { url, port } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const raw = new RawClient(port).send(requestText({}, 'GET /echo?a HTTP/1.1'))
  t.teardown(() => raw.destroy())
  await raw.untilHead()
  raw.send(rawFrame({ opcode: TEXT, payload: 'not masked' }))
  await untilTold(told, ({ type, direction, opcode }) => type === 'frame' && direction === 'out' && opcode === 8)
  raw.socket.end()
  t.match(await untilTold(told, ofType('close')), { violation: 'WS_ERR_EXPECTED_MASK', wasClean: false, by: 'local' })
  observer.close()
})

t.test('everybody sees their own frames and nothing else', async t => {
  const { url } = await startSessions(t)
  const [one, two, idle] = [await observe(url, 'one'), await observe(url, 'two'), await observe(url, 'idle')]
  const sockets = await Promise.all(['one', 'two', 'nobody'].map(trace => connect(`${url}/echo?${trace}`)))
  const untraced = await connect(`${url}/echo`)
  sockets.push(untraced)
  const messages = sockets.map(collect)
  for (const [i, socket] of sockets.entries()) socket.send(`${i}`)
  await until(() => messages.every(list => list.length === 1))
  t.same(messages, [['0'], ['1'], ['2'], ['3']], 'those whom nobody observes are served like the others')
  const isOut = ({ direction }: Told) => direction === 'out'
  await untilTold(one.told, isOut)
  await untilTold(two.told, isOut)
  t.same(
    one.told.filter(ofType('frame')).map(({ payload }) => payload),
    ['30', '30'],
  )
  t.same(
    two.told.filter(ofType('frame')).map(({ payload }) => payload),
    ['31', '31'],
  )
  t.same(idle.told, [])
  two.observer.send('{"command":"send","text":"to two"}')
  await until(() => messages[1]?.length === 2)
  t.same(messages, [['0'], ['1', 'to two'], ['2'], ['3']], 'and commands their own')
  for (const { observer } of [one, two, idle]) observer.close()
  for (const socket of sockets) socket.close()
})

/** Of each message that the server sent whole, the fragments that carry something. */
function sentPieces(told: readonly Told[]): string[][] {
  const messages: string[][] = []
  let pieces: string[] | undefined
  for (const { direction, opcode, fin, payload } of told) {
    if (direction !== 'out' || Number(opcode) > 2) continue
    pieces = opcode === 0 ? pieces : []
    if (payload !== '') pieces?.push(Buffer.from(String(payload), 'hex').toString())
    if (fin) messages.push(pieces ?? [])
  }
  return messages
}

t.test('commands: ping, send, fragments and close', async t => {
  const { url } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`)
  const messages = collect(socket)
  const command = (name: string, parameters = {}) => observer.send(JSON.stringify({ command: name, ...parameters }))

  command('ping')
  t.type((await untilTold(told, ofType('rtt'))).milliseconds, 'number')
  command('send', { text: 'from the server' })
  command('fragments', { text: 'a👍ü€z', pieces: 3 })
  command('fragments', { text: 'ab', pieces: 50 })
  command('fragments', { text: '', pieces: 3 })
  await until(() => messages.length === 4)
  t.same(messages, ['from the server', 'a👍ü€z', 'ab', ''])
  await until(() => sentPieces(told).length === 4)
  t.same(sentPieces(told), [['from the server'], ['a', '👍ü', '€z'], ['a', 'b'], []])
  command('close', { code: 4321, reason: 'enough' })
  t.match(await within(socket.closed), { code: 4321, reason: 'enough' })
  t.match(await untilTold(told, ofType('close')), { code: 4321, by: 'local', wasClean: true })
  t.same(told.filter(ofType('error')), [])
  command('send', { text: 'to whom?' })
  t.match(await untilTold(told, ofType('error')), { command: 'send', message: 'there is no connection to command' })
  observer.close()
})

t.test('a command that is none is answered with an error that names it, and harms nothing', async t => {
  const { url } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const send = (command: unknown) => observer.send(typeof command === 'string' ? command : JSON.stringify(command))
  send({ command: 'ping' })
  t.match(await untilTold(told, ofType('error')), { command: 'ping', message: 'there is no connection to command' })

  const socket = await connect(`${url}/echo?a`)
  const messages = collect(socket)
  await untilTold(told, ofType('open'))
  const table: readonly (readonly [sent: unknown, command: unknown, words: string | RegExp])[] = [
    ['no JSON', undefined, /JSON/],
    ['', undefined, /JSON/],
    ['null', undefined, 'no such command: undefined'],
    ['42', undefined, 'no such command: undefined'],
    ['"ping"', undefined, 'no such command: undefined'],
    ['[]', undefined, 'no such command: undefined'],
    [{}, undefined, 'no such command: undefined'],
    [{ command: 'constructor' }, 'constructor', 'no such command: constructor'],
    [{ command: ['ping'] }, ['ping'], 'no such command: ping'],
    [{ command: 'send' }, 'send', 'text must be a string'],
    [{ command: 'send', text: 7 }, 'send', 'text must be a string'],
    [{ command: 'fragments', pieces: 2 }, 'fragments', 'text must be a string'],
    [{ command: 'close', code: 1005 }, 'close', /code/],
    [{ command: 'close', code: 1006, reason: 'x' }, 'close', /code/],
    [{ command: 'close', code: '1000' }, 'close', /code/],
    [{ command: 'close', code: null }, 'close', /code/],
    [{ command: 'close', reason: 'without a code' }, 'close', /code/],
    [{ command: 'close', code: 1000, reason: 'ä'.repeat(62) }, 'close', /reason/],
    [{ command: 'close', code: 1000, reason: 5 }, 'close', /reason/],
  ]
  told.length = 0
  for (const [sent] of table) send(sent)
  await until(() => told.filter(ofType('error')).length === table.length)
  for (const [i, [sent, command, words]] of table.entries()) {
    const error = told.filter(ofType('error'))[i]
    t.same(error?.command, command, JSON.stringify(sent))
    t.match(error?.message, words)
  }
  t.equal(socket.state, 'open')
  socket.send('still here')
  await until(() => messages.length === 1)
  observer.close()
  socket.close()
})

t.test('a text is cut into a thousand pieces at most, however many are asked for', async t => {
  const { url } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`)
  const messages = collect(socket)
  const text = 'z'.repeat(5000)
  const pieces = [1e300, -5, 0, 0.5, Number.NaN, 'many', null, undefined, 2.9]
  for (const count of pieces) observer.send(JSON.stringify({ command: 'fragments', text, pieces: count }))
  await until(() => messages.length === pieces.length)
  t.same(new Set(messages), new Set([text]))
  await until(() => sentPieces(told).length === pieces.length)
  t.same(
    sentPieces(told).map(({ length }) => length),
    [1000, 1, 1, 1, 1, 1, 1, 1, 2],
  )
  observer.close()
  socket.close()
})

t.test('more pings than can wait are an error, and no end', async t => {
  const { url, port } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  // It never answers.
  const raw = new RawClient(port).send(requestText({}, 'GET /echo?a HTTP/1.1'))
  await raw.untilHead()
  await untilTold(told, ofType('open'))
  for (let i = 0; i < 70; i++) observer.send('{"command":"ping"}')
  t.match(await untilTold(told, ofType('error')), { command: 'ping' })
  await raw.destroy()
  await untilTold(told, ofType('close'))
  observer.close()
})

t.test('an observer that never reads is told no more at some point, and the echo goes on', async t => {
  const { url, port, connections } = await startSessions(t)
  const deaf = new RawClient(port).send(requestText({}, 'GET /frames?a HTTP/1.1'))
  t.teardown(() => deaf.destroy())
  await deaf.untilHead()
  deaf.socket.removeAllListeners('data').pause()
  const socket = await connect(`${url}/echo?a`)
  const messages = collect(socket)
  const observer = connections[0]!
  let most = 0
  const exchange = async () => {
    const before = messages.length
    for (let i = 0; i < 200; i++) socket.send('x'.repeat(250))
    await until(() => messages.length === before + 200)
    most = Math.max(most, observer.bufferedAmount)
  }
  // The system's buffers hold some megabytes first.
  for (let round = 0; round < 500 && most < 900_000; round++) await exchange()
  t.ok(most >= 900_000, `it came to that: ${most} bytes waited`)
  for (let round = 0; round < 10; round++) await exchange()
  t.ok(most < 1_010_000, `and to no more: ${most} bytes waited`)
  t.equal(observer.state, 'open')
  socket.close()
  t.match(await within(socket.closed), { wasClean: true })
})

t.test('the observer may go before the echo does', async t => {
  const { url, connections } = await startSessions(t)
  const { observer, told } = await observe(url, 'a')
  const socket = await connect(`${url}/echo?a`)
  const messages = collect(socket)
  await untilTold(told, ofType('open'))
  observer.terminate()
  await within(connections[0]!.closed)
  socket.send('hello')
  await until(() => messages.length === 1)
  socket.close()
  t.match(await within(socket.closed), { wasClean: true })

  // One who comes later under the same name sees what begins later.
  const later = await observe(url, 'a')
  const second = await connect(`${url}/echo?a`)
  await untilTold(later.told, ofType('open'))
  later.observer.close()
  second.close()
})

t.test('who takes the name of an observer keeps it when the first one goes', async t => {
  const { url, connections } = await startSessions(t)
  const first = await observe(url, 'a')
  const second = await observe(url, 'a')
  first.observer.close()
  await within(connections[0]!.closed)
  const socket = await connect(`${url}/echo?a`)
  await untilTold(second.told, ofType('open'))
  t.same(first.told, [])
  const answer = once(socket, 'message')
  second.observer.send('{"command":"send","text":"to you"}')
  t.same(await within(answer), ['to you'])
  second.observer.close()
  socket.close()
})
