/** The data of groups 12 and 13: its size, its kind, and how far it can be compressed; and its slices. */
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { CORPORA, Slices } from '../../../conformance/autobahn/corpora.ts'
import { tableDigest } from '../../support/table-digest.ts'

t.test('sizes, and what zlib makes of it', async t => {
  const table = [
    ['json', 0.15, 0.3],
    ['picture', 0.75, 0.9],
    ['prose', 0.34, 0.44],
    ['html', 0.15, 0.3],
    ['pdf', 0.95, 1.01],
  ] as const
  for (const [name, least, most] of table) {
    const { data, units, octets, binary } = CORPORA[name]
    const bytes = Buffer.from(data as string)
    t.same([data.length, bytes.length, typeof data === 'string'], [units, octets, !binary], name)
    const share = deflateRawSync(bytes).length / octets
    t.ok(share > least && share < most, `${name}: ${share}`)
  }
})

t.test('the same on every machine', async t => {
  // The PDF holds what zlib has deflated, which may differ from one version to another.
  const { pdf: _, ...others } = CORPORA
  t.equal(
    tableDigest(Object.values(others).map(({ data }) => Buffer.from(data as string).toString('latin1'))),
    '78b414b52d282d14',
  )
})

t.test('slices follow each other, and begin anew at the end', async t => {
  for (const corpus of [CORPORA.html, CORPORA.picture]) {
    const slices = new Slices(corpus)
    const parts = Array.from({ length: 5 }, () => slices.next(100_000))
    const whole = Buffer.from(corpus.data as string)
    t.ok(Buffer.concat(parts).subarray(0, whole.length).equals(whole))
    const from = 300_000 - corpus.units
    t.ok(parts[3]!.equals(Buffer.from(corpus.data.slice(from, from + 100_000) as string)))
  }
})
