/** What the samples of a soak say: whether something grows, and a page with a plot of each, in one file. */
import type { Sample } from './soak-server.ts'

export interface Trend {
  readonly name: string
  readonly unit: string
  readonly mean: number
  /** By the regression, over all the time that was looked at. */
  readonly growth: number
  readonly allowed: number
  /** How much of what changes is told by the time: 1 is a line. */
  readonly fit: number
  readonly isGrowing: boolean
}

const MIB = 2 ** 20

/** What must not grow: where it is in a sample, its unit, and how much growth is noise whatever the mean. */
const WATCHED = [
  ['heap and external memory', 'MiB', (sample: Sample) => sample.heap / MIB, 2],
  ['RSS', 'MiB', (sample: Sample) => sample.rss / MIB, 24],
  ['handles', '', (sample: Sample) => sample.handles, 15],
  ['connections', '', (sample: Sample) => sample.connections, 10],
  ['event streams', '', (sample: Sample) => sample.streams, 5],
  ['event-loop delay', 'ms', (sample: Sample) => sample.delay, 10],
] as const

/** @param warmUp seconds that do not count */
export function judge(samples: readonly Sample[], warmUp: number): Trend[] {
  const counted = samples.filter(({ at }) => at >= warmUp)
  return WATCHED.map(([name, unit, of, noise]) => {
    const points = counted.map(sample => [sample.at, of(sample)] as const)
    const n = points.length
    const meanX = points.reduce((sum, [x]) => sum + x, 0) / n
    const mean = points.reduce((sum, [, y]) => sum + y, 0) / n
    const sxx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
    const sxy = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - mean), 0)
    const syy = points.reduce((sum, [, y]) => sum + (y - mean) ** 2, 0)
    const growth = (sxy / sxx) * ((points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0))
    const fit = syy === 0 ? 0 : sxy ** 2 / (sxx * syy)
    const allowed = Math.max(noise, 0.1 * mean)
    // A slope that explains little of the samples is chance, whatever it adds up to.
    return { name, unit, mean, growth, allowed, fit, isGrowing: !(growth <= allowed || fit < 0.2) }
  })
}

/** One page, with nothing to load. */
export function report(
  samples: readonly Sample[],
  trends: readonly Trend[],
  warmUp: number,
  words: readonly string[],
): string {
  const plots = WATCHED.map(([name, unit, of], at) => plot(name, unit, samples, of, warmUp, trends[at]!))
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<!doctype html>
<meta charset="utf-8">
<title>wirewright: soak</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
svg { width: 100%; height: auto } text { font: 12px system-ui, sans-serif; fill: #555 }
</style>
<h1>Soak</h1>
<ul>${words.map(line => `<li>${escaped(line)}</li>`).join('\n')}</ul>
${plots.join('\n')}
`
}

const [WIDTH, HEIGHT, LEFT, TOP] = [760, 180, 60, 10]

function plot(
  name: string,
  unit: string,
  samples: readonly Sample[],
  of: (sample: Sample) => number,
  warmUp: number,
  trend: Trend,
) {
  const last = samples.at(-1)?.at ?? 1
  const highest = Math.max(...samples.map(of), 1) * 1.05
  const x = (at: number) => LEFT + (at / last) * (WIDTH - LEFT - 10)
  const y = (value: number) => TOP + (1 - value / highest) * HEIGHT
  const points = samples.map(sample => `${x(sample.at).toFixed(1)},${y(of(sample)).toFixed(1)}`).join(' ')
  const line = [trend.mean - trend.growth / 2, trend.mean + trend.growth / 2].map(value =>
    y(Math.max(0, value)).toFixed(1),
  )
  const ticks = [0, 0.5, 1].map(part => {
    const value = (highest / 1.05) * part
    return `<text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${value.toFixed(value < 10 ? 1 : 0)}</text>`
  })
  const verdict = trend.isGrowing ? 'growing' : 'flat'
  return `<h2>${name}${unit && `, ${unit}`}: ${verdict}</h2>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 40}" role="img" aria-label="${name} over time, ${verdict}">
<rect x="${LEFT}" y="${TOP}" width="${(x(warmUp) - LEFT).toFixed(1)}" height="${HEIGHT}" fill="#eee"/>
<polyline points="${points}" fill="none" stroke="#0366d6" stroke-width="1.5"/>
<line x1="${x(warmUp).toFixed(1)}" y1="${line[0]}" x2="${x(last).toFixed(1)}" y2="${line[1]}" stroke="#d73a49" stroke-dasharray="5 4"/>
<path d="M${LEFT} ${TOP}V${TOP + HEIGHT}H${WIDTH - 10}" fill="none" stroke="#999"/>
${ticks.join('\n')}
<text x="${LEFT}" y="${TOP + HEIGHT + 18}">0 s; grey is the warm-up</text>
<text x="${WIDTH - 10}" y="${TOP + HEIGHT + 18}" text-anchor="end">${last.toFixed(0)} s</text>
</svg>`
}
