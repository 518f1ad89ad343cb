import t from 'tap'
import { barPlot, escapeXml, linePlot, shorten } from '../../../bench/report/svg.ts'

const EVIL = `<b title='x' & "y">`

t.test('words are escaped wherever they stand', async t => {
  t.equal(escapeXml(EVIL), '&#60;b title=&#39;x&#39; &#38; &#34;y&#34;&#62;')
  const bars = barPlot(EVIL, [{ label: EVIL, value: 1, low: 1, high: 1, words: EVIL, isOurs: true }])
  const lines = linePlot(EVIL, EVIL, [{ label: EVIL, points: [[1, 1]], isOurs: false }])
  for (const plot of [bars, lines]) t.notMatch(plot, /<b |"y"/)
})

t.test('bars are as long as what they stand for', async t => {
  const bar = (value: number) => ({ label: '', value, low: value, high: value, words: '', isOurs: false })
  const widths = Array.from(barPlot('', [bar(10), bar(5), bar(0)]).matchAll(/rect [^>]*width="([\d.]+)"/g), it =>
    Number(it[1]),
  )
  t.equal(widths.length, 3)
  t.equal(widths[0], 2 * widths[1]!)
  t.equal(widths[2], 1, 'what costs nothing can be seen')
})

t.test('what is flat is drawn flat, and what doubles climbs', async t => {
  const heights = (points: [number, number][]) =>
    Array.from(linePlot('', '', [{ label: '', points, isOurs: true }]).matchAll(/cy="([\d.]+)"/g), it =>
      Number(it[1]),
    )
  const flat = heights([
    [1, 3],
    [1000, 3],
  ])
  t.equal(flat[0], flat[1])
  const rising = heights([
    [1, 2],
    [10, 4],
    [100, 8],
  ])
  t.ok(rising[0]! > rising[1]! && rising[1]! > rising[2]!)
  t.equal((rising[0]! - rising[1]!).toFixed(0), (rising[1]! - rising[2]!).toFixed(0))
})

t.test('a plot of nothing is no accident', async t => {
  t.match(linePlot('', '', []), '<svg')
  t.match(barPlot('', []), '<svg')
  t.notMatch(linePlot('', '', [{ label: '', points: [[1, 0]], isOurs: true }]) + barPlot('', []), /NaN|Infinity/)
})

t.test('ticks are short', async t => {
  t.same([0.001, 0.1, 1, 1000, 10_000_000].map(shorten), ['1e-3', '0.1', '1', '1k', '10M'])
})
