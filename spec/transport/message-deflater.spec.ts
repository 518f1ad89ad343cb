/**
 * Deflating: the examples of RFC 7692 §7.2.3, what comes out against zlib's own stream, as long and as well to inflate;
 * fragments; and what goes to the thread pool.
 */
import t from 'tap'
import { MessageDeflater } from '../../lib/transport/message-deflater.ts'
import { countJobs } from '../../lib/transport/zlib-jobs.ts'
import { deflateStream, inflateStream } from '../support/deflate-stream.ts'
import { Random } from '../support/random.ts'
import { outcome } from '../support/waiting.ts'

const TAIL = Buffer.from('0000ffff', 'hex')

function deflater({ windowBits = 15, contextTakeover = true, level = 6 } = {}): MessageDeflater {
  return new MessageDeflater({ windowBits, contextTakeover }, level)
}

/** Deflates a message that is then sent. */
async function send(deflater: MessageDeflater, message: Uint8Array): Promise<Buffer> {
  const data = await deflater.deflate(message)
  deflater.messageSent(message)
  return data
}

t.test('the examples of RFC 7692 §7.2.3 [7692-7.2.1-1, 7692-7.2.1-4]', async t => {
  const one = deflater()
  const hello = Buffer.from('Hello')
  t.equal((await send(one, hello)).toString('hex'), 'f248cdc9c90700', '§7.2.3.1, a message')
  t.equal((await send(one, hello)).toString('hex'), 'f200110000', '§7.2.3.2, sharing the window')
  t.equal((await send(one, Buffer.alloc(0))).toString('hex'), '00', '§7.2.3.6, nothing')
  t.equal((await send(deflater({ level: 0 }), hello)).toString('hex'), '000500faff48656c6c6f00', '§7.2.3.3, stored')
  const alone = deflater({ contextTakeover: false })
  for (let n = 0; n < 2; n++) t.equal((await send(alone, hello)).toString('hex'), 'f248cdc9c90700', 'no takeover')
})
// [7692-7.2.1-1, 7692-7.2.1-2]
t.test('whatever the parameters, zlib inflates it, and its own stream is no more than 3 % shorter', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const wrong: string[] = []
  for (const windowBits of [8, 9, 10, 12, 14, 15]) {
    for (const level of [1, 6, 9]) {
      const ours = deflater({ windowBits, level })
      // zlib's stream cannot do 8; what is deflated for 8 must be inflated with 8.
      const theirs = deflateStream({ windowBits: Math.max(9, windowBits), level })
      const inflate = inflateStream({ windowBits })
      const sums = { ours: 0, theirs: 0 }
      for (let n = 0; n < 40; n++) {
        const message = random.text(1 + random.below(random.pick([200, 2000, 30_000])))
        const data = await send(ours, message)
        sums.ours += data.length
        sums.theirs += (await theirs.flush(message)).length - TAIL.length
        const inflated = await inflate.inflate(Buffer.concat([data, TAIL]))
        if (!inflated.equals(message)) wrong.push(`${windowBits} bits, level ${level}: message ${n}`)
      }
      if (sums.ours > 1.03 * sums.theirs) wrong.push(`${windowBits} bits, level ${level}: ${JSON.stringify(sums)}`)
    }
  }
  t.same(wrong, [])
})
// [7692-7.1.1.1-4, 7692-7.1.1.2-2, 7692-7.2.1-3]
t.test('without context takeover every message can be inflated alone', async t => {
  const random = new Random()
  const one = deflater({ contextTakeover: false })
  for (const length of [1, 10, 1000, 40_000]) {
    const message = random.text(length)
    const inflated = await inflateStream({}).inflate(Buffer.concat([await send(one, message), TAIL]))
    t.ok(inflated.equals(message), `${length} bytes`)
  }
})

t.test('a message that was deflated and not sent is not in the window', async t => {
  const one = deflater()
  const message = new Random().text(300)
  const first = await one.deflate(message)
  t.ok(first.equals(await one.deflate(message)))
  one.messageSent(message)
  t.ok((await one.deflate(message)).length < first.length / 4)
})

t.test('fragments are one stream, each flushed; the window goes on within a message, and behind it', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (const contextTakeover of [true, false]) {
    const one = deflater({ contextTakeover })
    let stream = inflateStream({})
    const wrong: string[] = []
    for (let n = 0; n < 20; n++) {
      if (!contextTakeover) stream = inflateStream({})
      const parts = Array.from({ length: 1 + random.below(5) }, () =>
        random.text(random.below(random.pick([1, 9, 900, 40_000]))),
      )
      const inflated: Buffer[] = []
      for (const [i, part] of parts.entries()) {
        const fin = i === parts.length - 1
        const data = await one.deflateFragment(part, fin)
        const so = await stream.inflate(fin ? Buffer.concat([data, TAIL]) : data)
        if (!so.equals(part)) wrong.push(`message ${n}: fragment ${i} does not come out when it has come in`)
        inflated.push(so)
      }
      if (!Buffer.concat(inflated).equals(Buffer.concat(parts))) wrong.push(`message ${n}`)
    }
    t.same(wrong, [], contextTakeover ? 'with takeover' : 'without')
  }
  const one = deflater({ contextTakeover: false })
  const part = random.text(500)
  const first = await one.deflateFragment(part, false)
  t.ok((await one.deflateFragment(part, true)).length < first.length / 4, 'it refers back to the fragment before')
  t.equal((await one.deflateFragment(part, true)).length, first.length - TAIL.length, 'not to the message before')
})

t.test('empty fragments', async t => {
  const one = deflater()
  t.equal((await one.deflateFragment(Buffer.alloc(0), false)).length, 0)
  t.equal((await one.deflateFragment(Buffer.alloc(0), true)).toString('hex'), '00', '§7.2.3.6')
})

t.test('apart: nothing is referred to, and messages of one kind come out the same', async t => {
  const [one, other] = [deflater(), deflater({ windowBits: 12, contextTakeover: false })]
  const message = new Random().text(800)
  await send(one, message)
  const apart = await one.deflateApart(message)
  t.ok((await inflateStream({}).inflate(Buffer.concat([apart, TAIL]))).equals(message))
  t.equal(one.kindOf(message), other.kindOf(message), 'the window is larger than both make use of')
  t.ok(apart.equals(await other.deflateApart(message)))
  const long = new Random().text(20_000)
  t.not(one.kindOf(long), other.kindOf(long))
  t.not(one.kindOf(message), deflater({ level: 1 }).kindOf(message))
  t.equal((await one.deflateApart(Buffer.alloc(0))).toString('hex'), '00')
})

t.test('what is long goes to the thread pool, a faster level later', async t => {
  for (const [level, most] of [
    [6, 16_384],
    [4, 16_384],
    [3, 65_536],
    [1, 65_536],
  ] as const) {
    const one = deflater({ level })
    const [short, long] = [Buffer.alloc(most), Buffer.alloc(most + 1)]
    t.same([one.takesTime(short), one.takesTime(long)], [false, true], `level ${level}`)
    t.ok(Buffer.isBuffer(one.deflate(short)))
    const later = one.deflate(long)
    t.ok(later instanceof Promise)
    t.ok((await inflateStream({}).inflate(Buffer.concat([await later, TAIL]))).equals(long))
  }
})

t.test('work that has not begun is dropped by abort, but not that for others', async t => {
  const random = new Random()
  const message = random.bytes(300_000)
  const all = Array.from({ length: 6 }, () => deflater())
  const own = all.map(one => one.deflate(message))
  const apart = (all[5] as MessageDeflater).deflateApart(message)
  t.same(countJobs(), { running: 4, waiting: 3 })
  for (const one of all) one.abort()
  t.same(countJobs(), { running: 4, waiting: 1 })
  await Promise.all([...own.slice(0, 4), apart])
  t.same(await Promise.all(own.slice(4).map(data => outcome(data as Promise<Buffer>))), ['pending', 'pending'])
  t.same(countJobs(), { running: 0, waiting: 0 })
})
