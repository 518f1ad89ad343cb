/**
 * Inflating: the examples of RFC 7692 §7.2.3, zlib's own streams as the oracle, final blocks anywhere, data that are cut
 * or damaged, the limit, and what becomes of work that nobody wants any more.
 */

import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { MessageInflater } from '../../lib/transport/message-inflater.ts'
import { countJobs } from '../../lib/transport/zlib-jobs.ts'
import type { Inflated } from '../../lib/websocket/connection.ts'
import { deflateStream } from '../support/deflate-stream.ts'
import { Random } from '../support/random.ts'
import { turns, until } from '../support/waiting.ts'

const LIMIT = 2 ** 20
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** An inflater whose results come as promises, whether they took their time or not. */
function inflater({ windowBits = 15, contextTakeover = true } = {}) {
  const late: Inflated[] = []
  const inflater = new MessageInflater(
    { windowBits, contextTakeover },
    { onInflated: result => void late.push(result) },
  )
  return {
    late,
    abort: () => inflater.abort(),
    now: (data: Buffer, limit = LIMIT) => inflater.inflate(data, limit),
    async inflate(data: Buffer, limit = LIMIT): Promise<string | Buffer> {
      const result = inflater.inflate(data, limit)
      if (result !== undefined) return result
      await until(() => late.length > 0)
      return late.shift() as Inflated
    },
  }
}

const sync = (data: string | Uint8Array, options = {}) =>
  deflateRawSync(data, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
const removeTail = (data: Buffer) => data.subarray(0, -4)

t.test('the examples of RFC 7692 §7.2.3 [7692-7.2.2-1, 7692-7.2.2-2, 7692-7.2.2-4]', async t => {
  const examples: [name: string, data: string, message: string][] = [
    ['7.2.3.1, a message', 'f2 48 cd c9 c9 07 00', 'Hello'],
    ['7.2.3.2, sharing the window', 'f2 00 11 00 00', 'Hello'],
    ['7.2.3.3, a block without compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
    ['7.2.3.4, a block with BFINAL', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
    ['7.2.3.5, two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
    ['7.2.3.6, nothing', '00', ''],
  ]
  const one = inflater()
  for (const [name, data, message] of examples) t.equal(String(one.now(hex(data))), message, name)
})
// [7692-7.2.2-1, 7692-7.2.2-2]
t.test('what zlib makes of messages, in one stream with each window, comes back', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const wrong: string[] = []
  for (const windowBits of [8, 9, 12, 15]) {
    for (const level of [0, 1, 6, 9]) {
      const stream = deflateStream({ windowBits: Math.max(9, windowBits), level })
      const one = inflater({ windowBits: Math.max(9, windowBits) })
      for (let n = 0; n < 12; n++) {
        const message = random.text(random.below(random.pick([2, 60, 2000, 70_000])))
        const result = await one.inflate(removeTail(await stream.flush(message)))
        if (!message.equals(result as Buffer)) wrong.push(`${windowBits} bits, level ${level}: message ${n}`)
      }
    }
  }
  t.same(wrong, [])
})

t.test('without context takeover each message stands alone', async t => {
  const one = inflater({ contextTakeover: false })
  t.equal(String(one.now(hex('f248cdc9c90700'))), 'Hello')
  t.equal(one.now(hex('f200110000')), 'WS_ERR_INVALID_DEFLATE_DATA', 'a reference to the message before')
})

t.test('the window survives final blocks, within a message and behind it [7692-7.2.2-4]', async t => {
  const text = 'the quick brown fox jumps over the lazy dog'
  const final = (text: string, dictionary?: Buffer) =>
    deflateRawSync(text, dictionary === undefined ? {} : { dictionary })
  const apart = final(text)
  const referring = final(text, Buffer.from(text))
  t.ok(referring.length < 12, 'it refers back')
  const one = inflater()
  t.equal(String(one.now(Buffer.concat([apart, referring, Buffer.of(0)]))), text + text, 'within a message')
  const behind = removeTail(sync(text, { dictionary: Buffer.from(text + text) }))
  t.equal(String(one.now(behind)), text, 'behind it')
  t.equal(String(one.now(Buffer.concat([final(text, Buffer.from(text)), Buffer.of(0)]))), text, 'in another message')
  const alone = inflater({ contextTakeover: false })
  t.equal(String(alone.now(Buffer.concat([apart, referring, Buffer.of(0)]))), text + text, 'without takeover')
  t.equal(alone.now(behind), 'WS_ERR_INVALID_DEFLATE_DATA')
  t.equal(String(inflater().now(apart)), text, 'without the octet of zeros that belongs behind it')
  t.equal(
    inflater().now(Buffer.concat([apart, hex('ff')])),
    'WS_ERR_INVALID_DEFLATE_DATA',
    'something else behind it',
  )
})

t.test('the window survives them in long messages too [7692-7.2.2-3]', async t => {
  const random = new Random()
  const long = random.text(400_000)
  const data = Buffer.concat([deflateRawSync(long), deflateRawSync(long, { dictionary: long.subarray(-32_768) })])
  const one = inflater()
  const result = await one.inflate(Buffer.concat([data, Buffer.of(0)]))
  t.ok(Buffer.concat([long, long]).equals(result as Buffer))
  const behind = removeTail(sync('and so on', { dictionary: long.subarray(-32_768) }))
  t.equal(String(await one.inflate(behind)), 'and so on')
})

t.test('data that stop short anywhere are refused, not taken for a shorter message', async t => {
  const message = 'how many roads must a man walk down before you call him a man '.repeat(4)
  const wrong: string[] = []
  for (const options of [{}, { level: 0 }, { strategy: constants.Z_FIXED }, { strategy: constants.Z_HUFFMAN_ONLY }]) {
    const data = removeTail(sync(message, options))
    for (let length = 0; length < data.length; length++) {
      const result = inflater().now(data.subarray(0, length))
      // A stored block that lacks exactly the octets that are put back is whole by the letter of §7.2.2.
      const isEmpty = data.subarray(0, length).equals(Buffer.of(0))
      const isWhole = isEmpty || (Buffer.isBuffer(result) && result.subarray(-4).equals(hex('0000ffff')))
      if (result !== 'WS_ERR_INVALID_DEFLATE_DATA' && !isWhole)
        wrong.push(`${JSON.stringify(options)}, ${length}: ${result}`)
    }
    t.equal(String(inflater().now(data)), message)
  }
  t.same(wrong, [])
})

t.test('long data that are damaged or stop short', async t => {
  const data = removeTail(sync(new Random().bytes(200_000)))
  t.equal(await inflater().inflate(data.subarray(0, 150_000)), 'WS_ERR_INVALID_DEFLATE_DATA')
  const damaged = Buffer.from(data)
  damaged[0] = 0xff
  t.equal(await inflater().inflate(damaged), 'WS_ERR_INVALID_DEFLATE_DATA')
})

t.test('the limit: a message of just that length, one of a byte more, and bombs', async t => {
  const wrong: string[] = []
  for (const limit of [1, 5, 1023, 1024, 65_536, 262_143, 262_144, 262_145, 400_000]) {
    for (const [over, expected] of [
      [0, 'fine'],
      [1, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
      [40_000_000, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ] as const) {
      const message = Buffer.alloc(limit + over)
      const result = await inflater().inflate(removeTail(sync(message)), limit)
      const told = Buffer.isBuffer(result) && result.equals(message) ? 'fine' : result
      if (told !== expected) wrong.push(`${over} over ${limit}: ${told}`)
    }
  }
  t.same(wrong, [])
})

t.test('the limit counts all of a message with final blocks', async t => {
  const half = deflateRawSync(Buffer.alloc(600))
  const data = Buffer.concat([half, half, Buffer.of(0)])
  t.ok(Buffer.alloc(1200).equals((await inflater().inflate(data, 1200)) as Buffer))
  t.equal(await inflater().inflate(data, 1199), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  const large = deflateRawSync(Buffer.alloc(200_000))
  const long = Buffer.concat([large, large, large, Buffer.of(0)])
  t.ok(Buffer.alloc(600_000).equals((await inflater().inflate(long)) as Buffer), 'it goes on in the thread pool')
  t.equal(await inflater().inflate(long, 599_999), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
})

t.test('a message that is nothing but final blocks has an end', async t => {
  const empty = hex('0300')
  const of = (count: number) => Buffer.concat([...Array.from({ length: count }, () => empty), Buffer.of(0)])
  t.equal(String(inflater().now(of(1024))), '')
  t.equal(inflater().now(of(1025)), 'WS_ERR_TOO_MANY_BUFFERED_PARTS')
})

t.test('what is short is inflated at once, what is long later', async t => {
  t.ok(Buffer.isBuffer(inflater().now(removeTail(sync(Buffer.alloc(262_144))))), 'little data, up to 256 KiB')
  const one = inflater()
  t.equal(one.now(removeTail(sync(new Random().bytes(70_000)))), undefined, 'more than 64 KiB of data')
  t.equal(countJobs().running, 1)
  await until(() => one.late.length === 1)
  t.equal(countJobs().running, 0)
})

t.test('after abort nothing is told, whether the work had begun or not', async t => {
  const data = removeTail(sync(new Random().bytes(100_000)))
  const all = Array.from({ length: 30 }, () => inflater())
  for (const one of all) t.equal(one.now(data), undefined)
  t.same(countJobs(), { running: 4, waiting: 26 })
  for (const one of all.slice(0, 29)) one.abort()
  t.same(countJobs(), { running: 4, waiting: 1 })
  await until(() => all[29]?.late.length === 1)
  await turns(5)
  t.same(
    all.slice(0, 29).flatMap(({ late }) => late),
    [],
  )
  t.same(countJobs(), { running: 0, waiting: 0 })
})
