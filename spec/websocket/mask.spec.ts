/**
 * Masking: both ways through are held against a loop that is RFC 6455 §5.3 word for word, at every alignment of the
 * bytes in their memory, every length to beyond the border between the two, and every phase of the key.
 */
import t from 'tap'
import { advanceKey, maskByBytes, maskBytes, maskByWords, VIEW_FROM } from '../../lib/websocket/mask.ts'
import { Random } from '../support/random.ts'

/** The four octets of a key, in the order in which they mask. */
const octets = (key: number) => [key & 255, (key >> 8) & 255, (key >> 16) & 255, (key >> 24) & 255]

/** §5.3: "j = i MOD 4; transformed-octet-i = original-octet-i XOR masking-key-octet-j". */
function naive(bytes: Uint8Array, start: number, end: number, key: number): Uint8Array {
  return bytes.map((byte, at) => (at < start || at >= end ? byte : byte ^ octets(key)[(at - start) % 4]!))
}

const KEYS = [0x3d21fa37, -1, 0, 0x80000000, -0x7fffff01, 0xfedcba98, 0x00000080]

t.test('the example of RFC 6455 §5.7 [6455-6.2-5]', async t => {
  const payload = Buffer.from('7f9f4d5158', 'hex')
  t.equal(maskBytes(payload, 0, 5, Buffer.from('37fa213d', 'hex').readInt32LE()), true)
  t.equal(payload.toString(), 'Hello')
})

t.test('each way: every alignment, every length to 200, nothing touched outside', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const ways = { maskBytes, maskByBytes, maskByWords }
  const wrong: string[] = []
  for (const [name, mask] of Object.entries(ways)) {
    for (let offset = 0; offset < 8; offset++) {
      for (let start = 0; start < 4; start++) {
        for (let length = 0; length <= 200; length++) {
          const key = KEYS[(length + start) % KEYS.length]!
          // The view begins at `offset` in its memory, the range at `start` in the view.
          const bytes = random.bytes(16 + 200 + 16).subarray(offset)
          const expected = naive(bytes, start, start + length, key)
          mask(bytes, start, start + length, key)
          if (!bytes.equals(expected)) wrong.push(`${name} offset ${offset} start ${start} length ${length}`)
        }
      }
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('the result tells whether all bytes are ASCII afterwards', async t => {
  const key = 0x3d21fa37
  const wrong: string[] = []
  for (let length = 0; length <= 120; length++) {
    for (let offset = 0; offset < 4; offset++) {
      // -1: no byte is above 0x7f; otherwise only the one at that place.
      for (let high = -1; high < length; high++) {
        const clear = Buffer.alloc(4 + length + 4, 0xff).fill(0x7f, 4, 4 + length)
        if (high >= 0) clear[4 + high] = 0x80
        const bytes = Buffer.concat([Buffer.alloc(offset), naive(clear, 4, 4 + length, key)]).subarray(offset)
        const isAscii = maskBytes(bytes, 4, 4 + length, key)
        if (isAscii !== high < 0 || !bytes.equals(clear)) wrong.push(`length ${length} offset ${offset} high ${high}`)
      }
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('advanceKey: the phase goes on wherever the payload is cut', async t => {
  const wrong: string[] = []
  const random = new Random()
  for (const key of KEYS) {
    for (let count = 0; count < 12; count++) {
      const rotated = [...octets(key), ...octets(key)].slice(count % 4, (count % 4) + 4)
      if (octets(advanceKey(key, count)).join() !== rotated.join()) wrong.push(`key ${key} count ${count}`)
    }
    const clear = random.bytes(150)
    const whole = naive(clear, 0, 150, key)
    for (let cut = 0; cut <= 150; cut++) {
      const bytes = Buffer.from(clear)
      maskBytes(bytes, 0, cut, key)
      maskBytes(bytes, cut, 150, advanceKey(key, cut))
      if (!bytes.equals(whole)) wrong.push(`key ${key} cut ${cut}`)
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('memory of its own for each call, of any length, and shared memory', async t => {
  // The view is kept from call to call: it must be that of the bytes at hand.
  const key = -0x7fffff01
  const wrong: string[] = []
  for (let size = VIEW_FROM - 9; size < VIEW_FROM + 9; size++) {
    for (const memory of [new ArrayBuffer(size), new SharedArrayBuffer(size), new ArrayBuffer(size + 3)]) {
      const bytes = new Uint8Array(memory).fill(size)
      const expected = naive(bytes, 0, bytes.length, key)
      maskBytes(bytes, 0, bytes.length, key)
      if (!Buffer.from(bytes).equals(expected)) wrong.push(`${size} ${memory}`)
    }
  }
  t.same(wrong, [])
})

t.test('a megabyte, there and back', async t => {
  const random = new Random()
  const clear = Buffer.alloc(2 ** 20 + 3, random.bytes(1021))
  const bytes = Buffer.from(clear)
  maskBytes(bytes, 1, bytes.length - 1, 0x3d21fa37)
  t.ok(bytes.equals(naive(clear, 1, clear.length - 1, 0x3d21fa37)))
  maskBytes(bytes, 1, bytes.length - 1, 0x3d21fa37)
  t.ok(bytes.equals(clear))
})
