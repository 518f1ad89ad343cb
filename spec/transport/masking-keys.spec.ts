/** Masking keys (RFC 6455 §5.3, §10.3; S16): none comes twice in a row of many, and all bits take part. */
import t from 'tap'
import { nextMaskingKey } from '../../lib/transport/masking-keys.ts'
import { openInMemory } from '../support/channels.ts'
import { until } from '../support/waiting.ts'

t.test('20,000 keys are 32 random bits each [6455-5.3-3, 6455-5.3-4, 6455-10.3-1]', async t => {
  const keys = Array.from({ length: 20_000 }, nextMaskingKey)
  t.ok(keys.every(key => Number.isInteger(key) && key === (key | 0)))
  // Of 20,000 keys with 32 random bits 0.05 pairs are alike on average; four would be one chance in a million.
  t.ok(new Set(keys).size > keys.length - 4)
  const shares = Array.from({ length: 32 }, (_, bit) => keys.filter(key => ((key >>> bit) & 1) === 1).length)
  // Six standard deviations.
  t.ok(
    shares.every(share => Math.abs(share - 10_000) < 425),
    'each bit is set in half of them',
  )
})

t.test('no two of 10,000 frames of a client have the same key [6455-5.3-2]', async t => {
  const { client, server, line } = openInMemory(t)
  let received = 0
  server.on('message', () => received++)
  for (let at = 0; at < 10_000; at++) client.send('')
  await until(() => received === 10_000)
  const bytes = line.client.written
  t.equal(bytes.length, 60_000)
  const keys = new Set(Array.from({ length: 10_000 }, (_, at) => bytes.readUInt32BE(6 * at + 2)))
  t.ok(keys.size > 10_000 - 4)
})
