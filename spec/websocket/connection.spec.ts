/**
 * The connection: what comes in, what goes out, and where it stands, for both roles and without any transport. What
 * peers do wrong is in errors.spec.ts; here they behave, but for coming at any time and in any order.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Connection, type ConnectionHandler, DEFAULT_LIMITS, payloadOf } from '../../lib/websocket/connection.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import { maskBytes } from '../../lib/websocket/mask.ts'
import { everySplit } from '../support/every-split.ts'
import { Endpoint, pair } from '../support/pair.ts'
import {
  BINARY,
  CLOSE,
  closePayload,
  MASK,
  PING,
  PONG,
  type RawFrame,
  rawFrame,
  rawFrames,
  TEXT,
} from '../support/raw-frames.ts'

const ROLES: Role[] = ['server', 'client']
/** What the peer of `role` would send. */
const wire = (role: Role, ...frames: RawFrame[]) =>
  rawFrames(frames.map(frame => ({ mask: role === 'server' ? MASK : undefined, ...frame })))
const close = (code: number, reason = ''): RawFrame => ({ opcode: CLOSE, payload: closePayload(code, reason) })
const copy = (bytes: Uint8Array) => Buffer.from(new Uint8Array(bytes).buffer)
const text = (payload: string): RawFrame => ({ opcode: TEXT, payload })
// [6455-5.1-1, 6455-5.1-3, 6455-5.4-1, 6455-5.4-5, 6455-5.4-6, 6455-5.5-3, 6455-6.2-2..5]
t.test('messages and control frames, in order and in every chunking', async t => {
  const frames: RawFrame[] = [
    text('Hello'),
    text(''),
    { opcode: BINARY, payload: Buffer.of(0, 255) },
    { opcode: PING, payload: 'p1' },
    { opcode: TEXT, fin: false, payload: Buffer.of(0xe2, 0x82) },
    { opcode: PING },
    { opcode: 0, fin: false, payload: Buffer.of(0xac) },
    { opcode: PONG, payload: Buffer.alloc(125, 1) },
    { opcode: 0, fin: false },
    { opcode: 0, payload: '!' },
    { opcode: BINARY },
    { opcode: TEXT, payload: 'é'.repeat(40) },
    close(4000, 'bye €'),
  ]
  const log = [
    'text "Hello"',
    'text ""',
    'binary 00ff',
    'ping 7031',
    'ping',
    `pong ${'01'.repeat(125)}`,
    'text "€!"',
    'binary',
    `text "${'é'.repeat(40)}"`,
    'close 4000 "bye €"',
  ]
  const answers = ['a 7031', 'a', `8 0fa0${Buffer.from('bye €').toString('hex')}`]
  for (const role of ROLES) {
    const wrong: unknown[] = []
    everySplit(wire(role, ...frames), chunks => {
      const end = new Endpoint({ role }).receive(...chunks)
      const isRight = end.log.map(line => line.trimEnd()).join('\n') === log.join('\n')
      const { sentFrames, sentLines } = { sentFrames: end.sentFrames, sentLines: end.sentLines }
      if (!isRight || sentLines.join() !== answers.join()) wrong.push([end.log, sentLines])
      if (sentFrames.some(({ masked }) => masked !== (role === 'client'))) wrong.push('masked wrongly')
      if (end.connection.unread !== 0 || end.connection.state !== 'close-exchanged') wrong.push(end.connection.state)
    })
    t.same(wrong.slice(0, 1), [], role)
  }
})

t.test('two ends: what one sends the other gets, whatever its type and size [6455-6.1-1, 6455-6.1-5]', async t => {
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
    const ends = pair({ cut: bytes => [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)] })
    for (const [from, to] of [
      [ends.client, ends.server],
      [ends.server, ends.client],
    ] as const) {
      t.equal(from.connection.send('€'.repeat(size)), true)
      t.equal(from.connection.send(Buffer.alloc(size, 7)), true)
      ends.flow()
      const expected = [`text "${'€'.repeat(size)}"`, `binary ${'07'.repeat(size)}`]
      t.ok(to.log.join() === expected.join(), `${size}`)
    }
  }
})

t.test('binary messages: the bytes are the handler’s, and keep no large chunk alive', async t => {
  const seen: Buffer[] = []
  const end = new Endpoint({ role: 'client' }, { onMessage: data => void seen.push(data as Buffer) })
  const chunk = Buffer.from(new ArrayBuffer(65_536))
  const small = wire('client', { opcode: BINARY, payload: 'small' })
  end.connection.receive(chunk.subarray(0, small.copy(chunk)))
  t.not(seen[0]!.buffer, chunk.buffer)
  chunk.fill(0)
  t.equal(seen[0]!.toString(), 'small')
  const large = wire('client', { opcode: BINARY, payload: Buffer.alloc(40_000, 1) })
  end.connection.receive(chunk.subarray(0, large.copy(chunk)))
  t.equal(seen[1]!.buffer, chunk.buffer, 'not copied where that saves little')
})

t.test('an idle connection keeps no chunk alive, wherever it ended', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (const role of ROLES) {
    const message = wire(role, { opcode: BINARY, payload: Buffer.alloc(100) })
    const ping = wire(role, { opcode: PING, payload: Buffer.alloc(100) })
    const cases: Record<string, Uint8Array> = {
      'with a message': message,
      'in a header': message.subarray(0, 1),
      'in a message': message.subarray(0, 90),
      'in a ping': ping.subarray(0, 90),
      'between fragments': wire(role, { opcode: TEXT, fin: false, payload: 'a' }),
      'behind a Close frame': Buffer.concat([wire(role, close(1000)), message]),
      'behind a violation': Buffer.concat([wire(role, { opcode: 3 }), message]),
    }
    for (const [name, bytes] of Object.entries(cases)) {
      const { connection } = new Endpoint({ role })
      const receive = (chunk: Buffer) => {
        connection.receive(chunk)
        return new WeakRef(chunk.buffer)
      }
      const chunk = receive(copy(bytes))
      // Masking keeps the last memory that it saw.
      maskBytes(Buffer.alloc(100), 0, 100, 1)
      await new Promise(setImmediate)
      collect()
      t.equal(chunk.deref(), undefined, `${role}: ${name}`)
      t.ok(connection.unread === 0)
    }
  }
})
// [6455-5.5.2-1, 6455-5.5.2-2, 6455-5.5.3-1]
t.test('a ping is answered with its payload (§5.5.3); while nothing can be written, only the newest is', async t => {
  for (const role of ROLES) {
    const end = new Endpoint({ role })
    const ping = (payload: string) => end.receive(wire(role, { opcode: PING, payload }))
    ping('1')
    ping('x'.repeat(125))
    t.same(end.sentLines, ['a 31', `a ${'78'.repeat(125)}`])
    end.connection.congested = true
    for (const payload of ['2', '3', '4']) ping(payload)
    t.equal(end.connection.outputLength, 0)
    end.connection.drained()
    t.notOk(end.connection.congested)
    end.connection.drained()
    ping('5')
    t.same(end.sentLines.slice(2), ['a 34', 'a 35'])
    t.equal(end.log.length, 6, 'all of them are told')
    end.connection.congested = true
    ping('6')
    end.connection.close(1000)
    end.connection.drained()
    t.same(end.sentLines.slice(4), ['8 03e8'], 'nothing behind the Close frame')
  }
})

t.test('a Pong that is owed is not sent behind a newer one (§5.5.3)', async t => {
  for (const role of ROLES) {
    const end = new Endpoint({ role })
    const ping = (payload: string) => end.receive(wire(role, { opcode: PING, payload }))
    end.connection.congested = true
    ping('a')
    end.connection.congested = false
    ping('b')
    end.connection.drained()
    t.same(end.sentLines, ['a 62'])
  }
})

t.test('who closes the transport first, §7.1.1 [6455-7.1.1-2]', async t => {
  t.same(
    ROLES.map(role => new Endpoint({ role }).connection.facts.closesTransportFirst),
    [true, false],
  )
})

/** What the application does, or the peer's frame that comes; state, our Close frame and what is told after each. */
// biome-ignore format: it is a table
const CLOSINGS: [name: string, steps: string[], state: string, sent: string[], log: string[]][] = [
  ['we, then they', ['close 1000 a', '< 1000 a'], 'close-exchanged', ['8 03e861'], ['close 1000 "a"']],
  ['they: code and reason are echoed', ['< 3001 b'], 'close-exchanged', ['8 0bb962'], ['close 3001 "b"']],
  ['they, without a code', ['<'], 'close-exchanged', ['8'], ['close 1005 ""']],
  ['we, without a code', ['close', '<'], 'close-exchanged', ['8'], ['close 1005 ""']],
  ['both at once', ['close 4001', '< 4002'], 'close-exchanged', ['8 0fa1'], ['close 4002 ""']],
  ['we twice', ['close 4001', 'close 4002'], 'close-sent', ['8 0fa1'], []],
  ['we, after they did', ['< 4001', 'close 4002'], 'close-exchanged', ['8 0fa1'], ['close 4001 ""']],
  ['we fail', ['fail 1011 x'], 'failed', ['8 03f378'], []],
  ['we fail twice', ['fail 1011', 'fail 1008'], 'failed', ['8 03f3'], []],
  ['we close, then fail', ['close 1000', 'fail 1011'], 'failed', ['8 03e8'], []],
  ['we fail, then close', ['fail 1011', 'close 1000'], 'failed', ['8 03f3'], []],
  ['what comes after we failed', ['fail 1011', '< 1000', 'm', 'p'], 'failed', ['8 03f3'], []],
  ['what comes after their Close', ['< 1000', 'm', 'p', '< 1001'], 'close-exchanged', ['8 03e8'], ['close 1000 ""']],
  ['we fail after it', ['< 1000', 'fail 1011'], 'close-exchanged', ['8 03e8'], ['close 1000 ""']],
  ['messages behind ours', ['close 1000', 'm', 'p', '<'], 'close-exchanged', ['8 03e8'], ['text "m"', 'ping 70', 'close 1005 ""']],
  ['we send behind ours', ['close 1000', 'send', 'ping', 'pong'], 'close-sent', ['8 03e8'], []],
  ['their Close in the middle of a message', ['f', '< 1000', 'm'], 'close-exchanged', ['8 03e8'], ['close 1000 ""']],
  ['our Close in the middle of one', ['sendFragment', 'close 1000', 'send', 'sendFragment'], 'close-sent', ['+1 78', '8 03e8'], []],
  ['we fail during a pause', ['pause', 'm', 'fail 1011'], 'failed', ['8 03f3'], []],
  ['it ends during a pause', ['pause', 'm', 'end'], 'closed', [], []],
  ['the transport ends', ['end', 'm', '<', 'close 1000', 'fail 1011', 'send', 'ping'], 'closed', [], []],
  ['it ends after ours', ['close 1000', 'end', '<'], 'closed', [], []],
  ['it ends after theirs', ['<', 'take', 'end', 'm'], 'closed', ['8'], ['close 1005 ""']],
]

t.test('the closing handshake in every order [6455-5.5.1-2, 6455-5.5.1-3, 6455-6.1-2, 6455-7.1.2-1]', async t => {
  for (const role of ROLES) {
    for (const [name, steps, state, sent, log] of CLOSINGS) {
      const end = new Endpoint({ role })
      const { connection } = end
      for (const step of steps) {
        const [action, code, reason] = step.split(' ')
        const isOver = connection.state !== 'open'
        if (action === 'pause') connection.paused = true
        else if (action === 'close') connection.close(code === undefined ? undefined : Number(code), reason)
        else if (action === 'fail') connection.fail(Number(code), reason ?? '')
        else if (action === 'end') connection.transportEnded()
        else if (action === 'take') end.take()
        else if (action === 'send') t.equal(connection.send('x'), !isOver, `${name}: sent?`)
        else if (action === 'sendFragment') t.equal(connection.sendFragment('x', false), !isOver, `${name}: sent?`)
        else if (action === 'ping') t.equal(connection.ping(), !isOver, `${name}: sent?`)
        else if (action === 'pong') t.equal(connection.pong('x'), !isOver, `${name}: sent?`)
        else if (action === 'm') end.receive(wire(role, text('m')))
        else if (action === 'p') end.receive(wire(role, { opcode: PING, payload: 'p' }))
        else if (action === 'f') end.receive(wire(role, { opcode: TEXT, fin: false, payload: 'f' }))
        else end.receive(wire(role, code === undefined ? { opcode: CLOSE } : close(Number(code), reason)))
      }
      t.same([connection.state, end.sentLines, end.log], [state, sent, log], `${role}: ${name}`)
      t.equal(connection.unread, 0, 'what is ignored is not kept')
    }
  }
})

t.test('the Close frames are there as data', async t => {
  const { client, server, flow } = pair()
  t.same([client.connection.closeSent, client.connection.closeReceived], [undefined, undefined])
  client.connection.close(4000, 'why')
  flow()
  for (const { connection } of [client, server]) {
    t.same(connection.closeSent, { code: 4000, reason: 'why' })
    t.same(connection.closeReceived, { code: 4000, reason: 'why' })
  }
  const failed = new Endpoint({ role: 'server' }).connection
  failed.fail(1011, 'é'.repeat(100))
  t.same(failed.closeSent, { code: 1011, reason: 'é'.repeat(61) }, 'a reason that is too long is cut')
})

t.test('all that follows a Close frame in its chunk is ignored and let go [6455-5.5.2-1]', async t => {
  for (const role of ROLES) {
    everySplit(wire(role, text('a'), close(1000), text('b'), { opcode: 15, rsv: 7 }, close(1001)), chunks => {
      const end = new Endpoint({ role }).receive(...chunks)
      if (end.log.join() !== 'text "a",close 1000 ""' || end.connection.unread > 0) t.fail(end.log.join())
      if (end.sentLines.join() !== '8 03e8') t.fail(end.sentLines.join())
    })
  }
  t.pass()
})

t.test('onOutput: once, until the output is taken', async t => {
  const end = new Endpoint({ role: 'server' })
  end.receive(wire('server', { opcode: PING }, { opcode: PING }))
  end.connection.send('a')
  end.connection.ping()
  t.equal(end.outputs, 1)
  t.equal(end.connection.outputLength, 9)
  t.equal(end.take().length, 9)
  t.equal(end.connection.outputLength, 0)
  end.connection.close()
  t.equal(end.outputs, 2)
  const closing = new Endpoint({ role: 'client' })
  closing.connection.send('a')
  closing.connection.close()
  t.equal(closing.outputs, 1, 'a Close frame is output as any other')
  end.connection.transportEnded()
  t.equal(end.connection.outputLength, 0, 'what nobody can take is let go')
})

// [6455-5.4-3, 6455-6.1-6]
t.test('sending fragments: any sizes, control frames between, and the rules for them', async t => {
  const { client, server, flow } = pair()
  const { connection } = client
  t.equal(connection.sendFragment('a😀'.slice(0, 2), false), true)
  connection.ping('between')
  t.equal(connection.sendFragment('a😀'.slice(2), false), true)
  t.throws(() => connection.send('whole'), { message: /fragmented message/ })
  t.throws(() => connection.sendFragment(Buffer.of(1), true), TypeError, 'text and binary do not mix')
  connection.sendFragment('', true)
  connection.sendFragment(new Uint8Array([1]).buffer, false)
  connection.sendFragment(Buffer.of(2), true)
  t.equal(connection.send('whole'), true)
  flow()
  t.same(server.log, [`ping ${Buffer.from('between').toString('hex')}`, 'text "a😀"', 'binary 0102', 'text "whole"'])
  t.same(client.sentLines.slice(0, 4), ['+1 61', '9 6265747765656e', '+0 f09f9880', '0'])
  connection.close()
  t.same([connection.sendFragment('a', false), connection.sendFragment(Buffer.of(1), true)], [false, false])
  t.equal(connection.send('a'), false, 'a fragment that was not sent has begun no message')
})

t.test('a pause stops between two frames, wherever it is asked for, and nothing is lost', async t => {
  for (const role of ROLES) {
    const frames = [text('1'), { opcode: PING, payload: '2' }, { opcode: TEXT, fin: false, payload: '3' }]
    const bytes = wire(role, ...frames, { opcode: PONG, payload: '4' }, { opcode: 0, payload: '5' }, close(1000))
    const wrong: string[][] = []
    everySplit(bytes, chunks => {
      const pause = () => void (end.connection.paused = true)
      const end = new Endpoint({ role }, { onMessage: pause, onPing: pause, onPong: pause })
      end.receive(...chunks)
      const seen = [end.log.length]
      for (let i = 0; i < 6; i++) {
        end.connection.read()
        if (end.log.length !== seen.at(-1)) wrong.push(['read while paused'])
        end.connection.paused = false
        end.connection.read()
        seen.push(end.log.length)
      }
      if (seen.join() !== '1,2,3,4,5,5,5') wrong.push([seen.join(), ...end.log])
      if (end.log.join() !== 'text "1",ping 32,pong 34,text "35",close 1000 ""') wrong.push(end.log)
    })
    t.same(wrong.slice(0, 2), [], role)
  }
  const end = new Endpoint({ role: 'client' })
  end.connection.paused = true
  end.receive(wire('client', text('abc')), wire('client', text('d')))
  t.equal(end.connection.unread, 8)
})

t.test('receive within a handler: behind what is there', async t => {
  const end = new Endpoint(
    { role: 'client' },
    { onPing: () => end.receive(wire('client', text('c')), wire('client', text('d'))) },
  )
  end.receive(wire('client', text('a'), { opcode: PING }, text('b')))
  t.same(end.log, ['text "a"', 'ping ', 'text "b"', 'text "c"', 'text "d"'])
})

const EVENTS = ['onMessage', 'onPing', 'onPong', 'onClose', 'onFailure', 'onOutput'] as const
const ACTIONS: Record<string, (connection: Connection) => void> = {
  send: connection => void connection.send('re'),
  sendFragments: connection => void (connection.sendFragment('r', false) && connection.sendFragment('e', true)),
  'ping and pong': connection => void (connection.ping('re') && connection.pong('re')),
  close: connection => connection.close(4444, 're'),
  fail: connection => connection.fail(4445, 're'),
  pause: connection => void (connection.paused = true),
  read: connection => connection.read(),
  receive: connection => connection.receive(Buffer.alloc(0)),
  drained: connection => connection.drained(),
  transportEnded: connection => connection.transportEnded(),
}

/** One of everything, and something behind it. */
const ALL: RawFrame[] = [
  text('a'),
  { opcode: PING, payload: 'b' },
  { opcode: BINARY, fin: false, payload: 'c' },
  { opcode: PONG, payload: 'd' },
  { opcode: 0, payload: 'e' },
]
const ENDINGS: RawFrame[][] = [
  [close(4000), text('behind')],
  [{ opcode: 3 }, text('behind')],
]

t.test('every call from every handler', async t => {
  const wrong: string[] = []
  for (const role of ROLES) {
    for (const event of EVENTS) {
      for (const [name, act] of Object.entries(ACTIONS)) {
        for (const ending of ENDINGS) {
          everySplit(wire(role, ...ALL, ...ending), chunks => {
            const problem = (words: string) => wrong.push(`${role}: ${name} in ${event}: ${words}`)
            let last = Infinity
            let acted = 0
            let isActing = false
            const handle = (told: string) => {
              if (isActing && told !== 'onOutput') problem(`${told} within the handler`)
              if (told !== event || acted++ > 2) return
              isActing = true
              act(end.connection)
              isActing = false
              if (name === 'fail' || name === 'transportEnded') last = end.log.length
            }
            const handler = Object.fromEntries(EVENTS.map(told => [told, () => handle(told)]))
            const end = new Endpoint({ role }, handler as Partial<ConnectionHandler>)
            for (const chunk of chunks) {
              end.receive(chunk)
              end.take()
            }
            const { state } = end.connection
            if (name === 'transportEnded' && acted > 0 && state !== 'closed') problem(`${state} after the end`)
            if (name === 'fail' && acted > 0 && !['failed', 'close-exchanged'].includes(state)) problem(state)
            // Inside onOutput, one frame is being dealt with: it may be told, and none after it.
            if (end.log.length > last + (event === 'onOutput' ? 1 : 0)) problem(`told later: ${end.log}`)
            const closes = end.sentLines.findIndex(line => line.startsWith('8'))
            if (closes >= 0 && closes < end.sentLines.length - 1) problem(`sent behind Close: ${end.sentLines}`)
            if (['send', 'read', 'receive', 'drained', 'ping and pong'].includes(name) && end.log.length !== 5) {
              problem(end.log.join())
            }
          })
        }
      }
    }
  }
  t.same([...new Set(wrong)].slice(0, 8), [])
})

t.test('a handler that throws: the error comes out of the call, the connection goes on behind its frame', async t => {
  for (const role of ROLES) {
    for (const event of EVENTS) {
      for (const ending of ENDINGS) {
        const expected = new Endpoint({ role }).receive(wire(role, ...ALL, ...ending))
        let thrown = 0
        const throwing = () => {
          thrown++
          throw new Error('from the handler')
        }
        const end = new Endpoint({ role }, { [event]: throwing } as Partial<ConnectionHandler>)
        let caught = 0
        for (
          let go: () => void = () => end.receive(wire(role, ...ALL, ...ending));
          ;
          go = () => end.connection.read()
        ) {
          try {
            go()
            break
          } catch (error) {
            if ((error as Error).message !== 'from the handler') throw error
            caught++
          }
        }
        t.equal(caught, thrown, `${role}, ${event}`)
        t.same(end.sentLines, expected.sentLines, 'the same answers')
        t.equal(end.connection.state, expected.connection.state)
        // The event of a frame is lost where announcing the answer to it failed.
        if (event !== 'onOutput') t.same(end.log, expected.log)
        t.equal(end.connection.unread, 0)
      }
    }
  }
})

t.test('data is a string or bytes, and exactly these bytes are sent (S4)', async t => {
  const memory = Uint8Array.from({ length: 24 }, (_, i) => i).buffer
  const shared = new SharedArrayBuffer(4)
  new Uint8Array(shared).set([9, 8, 7, 6])
  const cases: [data: ArrayBufferView | ArrayBufferLike, hex: string][] = [
    [Buffer.from(memory, 3, 2), '0304'],
    [new Uint8Array(memory, 4, 1), '04'],
    [new Uint8ClampedArray(memory, 1, 2), '0102'],
    [new Uint16Array(memory, 2, 2), '02030405'],
    [new Float32Array(memory, 4, 1), '04050607'],
    [new Float64Array(memory, 8, 1), '08090a0b0c0d0e0f'],
    [new BigInt64Array(memory, 16, 1), '1011121314151617'],
    [new DataView(memory, 5, 3), '050607'],
    [memory.slice(0, 3), '000102'],
    [shared, '09080706'],
    [new Uint8Array(shared, 1, 2), '0807'],
    [new ArrayBuffer(0), ''],
  ]
  for (const role of ROLES) {
    for (const [data, hex] of cases) {
      const end = new Endpoint({ role })
      const name = `${data.constructor.name} of ${data.byteLength}`
      end.connection.send(data)
      end.connection.ping(data)
      end.connection.pong(data)
      end.connection.sendFragment(data, true)
      t.same(
        end.sentLines,
        ['2', '9', 'a', '2'].map(opcode => `${opcode} ${hex}`.trimEnd()),
        name,
      )
      const bytes = payloadOf(data) as Uint8Array
      t.ok(bytes.buffer === ('buffer' in data ? data.buffer : data), 'without a copy')
    }
    for (const wrong of [0, 5, 1e9, null, undefined, true, [1, 2], {}, { length: 5 }, 1n, Symbol.iterator, () => 1]) {
      const { connection } = new Endpoint({ role })
      t.throws(() => connection.send(wrong as string), TypeError)
      t.throws(() => connection.sendFragment(wrong as string, false), TypeError)
      if (wrong !== undefined) t.throws(() => connection.ping(wrong as string), TypeError)
      if (wrong !== undefined) t.throws(() => connection.pong(wrong as string), TypeError)
      t.equal(connection.outputLength, 0)
      t.equal(connection.send('still open'), true)
    }
  }
})

/** Inflating as a game: the bytes in reverse, so that one sees who saw them. Those that begin with `~` take time. */
function reversing() {
  const calls: string[] = []
  const waiting: Buffer[] = []
  const reverse = (data: Buffer) => Buffer.from(data).reverse()
  return {
    calls,
    /** What the connection is to be told, in the order in which it asked. */
    next: () => waiting.shift() as Buffer,
    inflate(data: Buffer, maxLength: number) {
      calls.push(`${data.toString()} ${maxLength}`)
      if (data[0] !== 0x7e) return reverse(data)
      waiting.push(reverse(data.subarray(1)))
      return undefined
    },
  }
}

const compressed = (payload: string, opcode = TEXT): RawFrame => ({ opcode, rsv: 4, payload })
// [7692-6.2-1, 7692-6.2-2]
t.test('compressed messages: inflated and told as any other, between those that are not', async t => {
  for (const role of ROLES) {
    const bytes = wire(
      role,
      text('plain'),
      compressed('cba'),
      compressed('', BINARY),
      // "a€" the other way round: what goes in need not be UTF-8, only what comes out.
      { opcode: TEXT, rsv: 4, fin: false, payload: Buffer.of(0xac, 0x82) },
      { opcode: PING },
      { opcode: 0, fin: false },
      { opcode: 0, payload: Buffer.of(0xe2, 0x61) },
      text('plain again'),
      close(1000),
    )
    const log = ['text "plain"', 'text "abc"', 'binary ', 'ping ', 'text "a€"', 'text "plain again"', 'close 1000 ""']
    everySplit(bytes, chunks => {
      const end = new Endpoint({ role, inflate: reversing().inflate }).receive(...chunks)
      if (end.log.join() !== log.join()) t.same(end.log, log, `in ${chunks.length}`)
    })
    t.pass(`${role}: in every chunking`)
  }
})

t.test('while a message is inflated nothing behind it is read', async t => {
  const game = reversing()
  const end = new Endpoint({ role: 'client', inflate: game.inflate, maxMessageSize: 100 })
  const { connection } = end
  end.receive(
    wire('client', text('0'), compressed('~1'), compressed('2'), { opcode: PING }, compressed('~3'), close(1000)),
  )
  t.same(end.log, ['text "0"'])
  t.same([connection.isInflating, connection.unread > 0], [true, true])
  const unread = connection.unread
  end.receive(wire('client', text('behind the Close frame')))
  connection.read()
  t.ok(connection.unread > unread, 'what comes meanwhile waits')
  connection.inflated(game.next())
  t.same(end.log, ['text "0"', 'text "1"', 'text "2"', 'ping '])
  connection.paused = true
  connection.inflated(game.next())
  t.same(end.log.slice(4), ['text "3"'], 'paused, it is told and nothing else')
  connection.paused = false
  connection.read()
  t.same(end.log.slice(5), ['close 1000 ""'])
  t.same([connection.isInflating, connection.unread], [false, 0])
  t.same(game.calls, ['~1 100', '2 100', '~3 100'])
})

t.test('a result that nobody waits for any more is ignored', async t => {
  for (const end of ['fail', 'transportEnded', 'nothing asked'] as const) {
    const game = reversing()
    const { connection, log } = new Endpoint({ role: 'client', inflate: game.inflate })
    if (end !== 'nothing asked') connection.receive(Buffer.from(wire('client', compressed('~a'))))
    if (end === 'fail') connection.fail(1001, '')
    if (end === 'transportEnded') connection.transportEnded()
    t.equal(connection.isInflating, false)
    connection.inflated(Buffer.from('late'))
    t.same(log, [], end)
  }
  const game = reversing()
  const closing = new Endpoint({ role: 'client', inflate: game.inflate })
  closing.receive(wire('client', compressed('~a')))
  closing.connection.close(1000)
  closing.connection.inflated(game.next())
  t.same(closing.log, ['text "a"'], 'but messages come until the peer closes')
})

t.test('inflate may answer within its call, and a handler may do anything when it is told', async t => {
  const end: Endpoint = new Endpoint(
    {
      role: 'client',
      inflate: data => {
        end.connection.inflated(Buffer.from(data).reverse())
        return undefined
      },
    },
    { onMessage: () => void end.connection.send('answer') },
  )
  end.receive(wire('client', compressed('ba'), compressed('dc')))
  t.same(end.log, ['text "ab"', 'text "cd"'])
  t.equal(end.sentFrames.length, 2)
})

t.test('compressed data may be a little longer than a message: 1/16 and 64 bytes', async t => {
  const limits = { maxMessageSize: 1600, inflate: () => Buffer.from('fine') }
  for (const [length, log] of [
    [1764, 'binary 66696e65'],
    [1765, 'failure WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ] as const) {
    const payload = Buffer.alloc(length)
    const whole = new Endpoint({ role: 'server', ...limits }).receive(
      wire('server', { opcode: BINARY, rsv: 4, payload }),
    )
    t.same(whole.log, [log])
    const parts = [payload.subarray(0, 1000), payload.subarray(1000)]
    const fragments = parts.map((payload, i) => ({
      opcode: i === 0 ? BINARY : 0,
      rsv: i === 0 ? 4 : 0,
      fin: i === 1,
      payload,
    }))
    t.same(new Endpoint({ role: 'server', ...limits }).receive(wire('server', ...fragments)).log, [log])
  }
  const plain = new Endpoint({ role: 'server', ...limits }).receive(wire('server', { opcode: BINARY, length: 1601 }))
  t.same(plain.log, ['failure WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'], 'what is not compressed may not')
})

t.test('an inflater that gives more than it was asked for is not believed', async t => {
  for (const [length, log] of [
    [2, 'binary 0000'],
    [3, 'failure WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ] as const) {
    const end = new Endpoint({ role: 'client', maxMessageSize: 2, inflate: () => Buffer.alloc(length) })
    t.same(end.receive(wire('client', { opcode: BINARY, rsv: 4, payload: 'x' })).log, [log])
  }
})
// [6455-5.2-1, 7692-6-1, 7692-6.1-1]
t.test('sendEncoded: RSV1 on the first frame of what is compressed, and nowhere else', async t => {
  for (const role of ROLES) {
    const end = new Endpoint({ role, inflate: data => data })
    const { connection } = end
    const message = (isText: boolean, isCompressed: boolean) => ({ isText, isCompressed, payload: Buffer.from('a') })
    t.equal(connection.sendEncoded(message(true, true)), true)
    connection.sendEncoded(message(false, false))
    connection.sendEncodedFragment(message(false, true), false)
    t.throws(() => connection.sendEncoded(message(true, false)), /fragmented message/)
    t.throws(() => connection.sendEncodedFragment(message(true, true), false), { code: 'ERR_INVALID_ARG_VALUE' })
    connection.ping('')
    connection.sendEncodedFragment(message(false, true), false)
    connection.sendEncodedFragment(message(false, true), true)
    connection.sendEncoded(message(true, true))
    const frames = end.sentFrames.map(({ fin, rsv, opcode }) => `${fin ? '' : '+'}${rsv} ${opcode}`)
    t.same(frames, ['4 1', '0 2', '+4 2', '0 9', '+0 0', '0 0', '4 1'])
    connection.close()
    t.same(
      [connection.sendEncoded(message(true, true)), connection.sendEncodedFragment(message(true, true), true)],
      [false, false],
    )
  }
  const without = new Endpoint({ role: 'server' }).connection
  const message = { isText: true, isCompressed: true, payload: Buffer.from('a') }
  t.throws(() => without.sendEncoded(message), /not negotiated/)
  t.throws(() => without.sendEncodedFragment(message, true), /not negotiated/)
})

t.test('control frames: 125 bytes and no more; codes that may not be sent [6455-5.5-1, 6455-7.4.1-1..3]', async t => {
  for (const role of ROLES) {
    const end = new Endpoint({ role })
    const { connection } = end
    for (const long of [Buffer.alloc(126), 'x'.repeat(126), 'é'.repeat(63)]) {
      t.throws(() => connection.ping(long), RangeError)
      t.throws(() => connection.pong(long), RangeError)
    }
    t.ok(connection.ping('x'.repeat(125)) && connection.pong('é'.repeat(62)))
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, 1000.5, NaN]) {
      t.throws(() => connection.close(code), RangeError, `close ${code}`)
      t.throws(() => connection.fail(code, ''), RangeError, `fail ${code}`)
    }
    t.throws(() => connection.close(1000, 'x'.repeat(124)), RangeError)
    t.throws(() => connection.close(undefined, 'why'), RangeError)
    t.throws(() => connection.close('1000' as never), TypeError)
    t.equal(connection.state, 'open')
    t.equal(end.sentFrames.length, 2)
  }
})

t.test('options that are wrong', async t => {
  const create = (options: object) => new Connection(options as never, {} as ConnectionHandler)
  t.throws(() => create({ role: 'client' }), { name: 'TypeError', message: /maskingKeys/ })
  for (const role of ['Server', '', undefined, null, 1, 'constructor', '__proto__']) {
    t.throws(() => create({ role, maskingKeys: () => 1 }), { name: 'TypeError', message: /role/ }, `role ${role}`)
  }
  t.same(DEFAULT_LIMITS, { maxMessageSize: 2 ** 20, maxFragments: 131_072, maxChunks: 2 ** 20 })
  for (const name of Object.keys(DEFAULT_LIMITS)) {
    for (const limit of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
      t.throws(() => create({ role: 'server', [name]: limit }), RangeError, `${name} ${limit}`)
    }
    for (const limit of ['1', null, 1n, {}, true]) {
      t.throws(() => create({ role: 'server', [name]: limit }), TypeError, `${name} ${String(limit)}`)
    }
    for (const limit of [1, 65_536, undefined]) t.ok(create({ role: 'server', [name]: limit }))
  }
  // ws takes `maxPayload | 0`, and 4 GiB means unlimited there; here it cannot be a string, so it is refused.
  t.throws(() => create({ role: 'server', maxMessageSize: 2 ** 32 }), RangeError)
})

t.test('default limits: 1 MiB to the byte, and Autobahn’s 65,537 frames of one message [6455-10.4-2]', async t => {
  const whole = new Endpoint({ role: 'server' })
  whole.receive(wire('server', { opcode: BINARY, payload: Buffer.alloc(2 ** 20) }))
  t.equal(whole.log[0]?.length, 'binary '.length + 2 ** 21)
  const over = new Endpoint({ role: 'server' })
  over.receive(wire('server', { opcode: BINARY, length: 2 ** 20 + 1 }))
  t.same(over.log, ['failure WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'])
  const part = rawFrame({ opcode: 0, fin: false, payload: 'x' })
  const fragmented = new Endpoint({ role: 'client' })
  fragmented.receive(wire('client', { opcode: TEXT, fin: false }))
  fragmented.receive(Buffer.alloc(part.length * 65_535, part), wire('client', { opcode: 0 }))
  t.equal(fragmented.log[0]?.length, 'text ""'.length + 65_535)
})
