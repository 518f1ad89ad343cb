/** The suite's permessage-deflate: parameters against RFC 7692's words, messages against its examples and a plain zlib. */
import { constants, createInflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import t from 'tap'
import {
  type DeflateParameters,
  MessageDeflate,
  parseExtensions,
  writeExtension,
} from '../../conformance/message-deflate.ts'
import { Random } from '../support/random.ts'

t.test('members of Sec-WebSocket-Extensions', async t => {
  const table: readonly (readonly [string, DeflateParameters])[] = [
    ['permessage-deflate', {}],
    ['permessage-deflate; server_no_context_takeover', { serverNoContextTakeover: true }],
    ['permessage-deflate; server_max_window_bits=10', { serverMaxWindowBits: 10 }],
    ['permessage-deflate; client_max_window_bits', { clientMaxWindowBits: true }],
    [
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_no_context_takeover; client_max_window_bits=8',
      {
        serverNoContextTakeover: true,
        serverMaxWindowBits: 9,
        clientNoContextTakeover: true,
        clientMaxWindowBits: 8,
      },
    ],
  ]
  for (const [text, parameters] of table) {
    t.same(parseExtensions(text), [parameters])
    t.equal(writeExtension(parameters), text)
  }
  t.same(parseExtensions('permessage-deflate;client_max_window_bits="15", permessage-deflate'), [
    { clientMaxWindowBits: 15 },
    {},
  ])
  t.same(parseExtensions(''), [])
})

t.test('what RFC 7692 §7.1 does not allow is a sentence', async t => {
  const wrong = [
    'x-webkit-deflate-frame',
    'permessage-deflate; foo',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=08',
    'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
  ]
  t.same(
    wrong.filter(text => typeof parseExtensions(text)[0] !== 'string'),
    [],
  )
})

t.test('the examples of §7.2.3', async t => {
  const client = new MessageDeflate('client', {})
  const read = (hex: string) => client.decompress(Buffer.from(hex, 'hex')).toString()
  t.equal(read('f248cdc9c90700'), 'Hello')
  t.equal(read('f200110000'), 'Hello', 'the second one refers to the first')
  const fresh = () => new MessageDeflate('client', {}).decompress(Buffer.from('f200110000', 'hex'))
  t.throws(fresh, 'and cannot be read without it')
  t.equal(
    new MessageDeflate('client', {}).decompress(Buffer.from('000500faff48656c6c6f00', 'hex')).toString(),
    'Hello',
  )
  t.equal(
    new MessageDeflate('client', {}).decompress(Buffer.from('f348cdc9c9070000', 'hex')).toString(),
    'Hello',
    'BFINAL',
  )
  const server = new MessageDeflate('server', {})
  t.equal(server.compress(Buffer.from('Hello')).toString('hex'), 'f248cdc9c90700')
  t.equal(server.compress(Buffer.from('Hello')).toString('hex'), 'f200110000', 'with context')
})

const PARAMETERS: readonly DeflateParameters[] = [8, 9, 12, 15].flatMap(bits =>
  [true, false].map(no => ({
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
    serverNoContextTakeover: no,
    clientNoContextTakeover: no,
  })),
)

/** Messages that refer to each other. */
function messages(random: Random): Buffer[] {
  const words = Array.from({ length: 40 }, () => random.bytes(3 + random.below(20)).toString('hex'))
  return Array.from({ length: 60 }, () =>
    Buffer.from(Array.from({ length: random.below(60) }, () => random.pick(words)).join(' ')),
  )
}

t.test('what one side compresses, the other and a plain zlib stream decompress', async t => {
  const list = messages(new Random())
  for (const agreed of PARAMETERS) {
    const [server, client] = [new MessageDeflate('server', agreed), new MessageDeflate('client', agreed)]
    const stream = createInflateRaw({ windowBits: agreed.serverMaxWindowBits! })
    const plain: Buffer[] = []
    stream.on('data', chunk => plain.push(chunk))
    const wrong: number[] = []
    for (const [i, message] of list.entries()) {
      const bytes = server.compress(message)
      if (!client.decompress(bytes).equals(message)) wrong.push(i)
      const back = client.compress(message)
      if (!server.decompress(back).equals(message)) wrong.push(-i)
      stream.write(Buffer.concat([bytes, Buffer.from('0000ffff', 'hex')]))
      await new Promise<void>(resolve => stream.flush(constants.Z_SYNC_FLUSH, resolve))
    }
    t.same(wrong, [], JSON.stringify(agreed))
    t.ok(Buffer.concat(plain).equals(Buffer.concat(list)))
    stream.destroy()
  }
})

t.test('what refers beyond the window, or to a context that was given up, is an error', async t => {
  const sync = { finishFlush: constants.Z_SYNC_FLUSH }
  const first = new Random(1).bytes(700)
  const filler = new Random(2).bytes(600)
  const compress = (message: Buffer, dictionary: Buffer) => {
    const bytes = deflateRawSync(message, { ...sync, dictionary })
    return bytes.subarray(0, bytes.length - 4)
  }
  const again = compress(first, Buffer.concat([first, filler]))
  t.ok(again.length < 100, 'it refers to the first message')
  const run = (agreed: DeflateParameters) => {
    const client = new MessageDeflate('client', agreed)
    for (const message of [first, filler]) client.decompress(compress(message, Buffer.from(' ')))
    return client.decompress(again)
  }
  t.same(run({}), first)
  t.throws(() => run({ serverMaxWindowBits: 9 }))
  t.throws(() => run({ serverNoContextTakeover: true }))
  t.ok(inflateRawSync(again, { ...sync, dictionary: Buffer.concat([first, filler]) }).equals(first))
})

t.test('a window that is too large is noticed by who looks at distances, even within one message', async t => {
  const part = new Random(3).bytes(700)
  const bytes = deflateRawSync(Buffer.concat([part, part]), { finishFlush: constants.Z_SYNC_FLUSH })
  const payload = bytes.subarray(0, bytes.length - 4)
  const decompress = (bits: number, checksDistances: boolean) =>
    new MessageDeflate('client', { serverMaxWindowBits: bits }, checksDistances).decompress(payload)
  t.same(decompress(9, false).length, 1400, 'zlib has what is referred to')
  t.throws(() => decompress(9, true), /^a distance of 700, with a window of 512$/)
  t.same(decompress(10, true).length, 1400)
})
