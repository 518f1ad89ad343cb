/** The report of a run: one page that needs nothing else, light and dark. Pure: a recording in, text out. */
import type { CaseResult, Recording, Result } from '../recording.ts'
import { geometricMean, rise } from '../statistics.ts'
import { formatNumber } from '../terminal.ts'
import { barPlot, escapeXml, linePlot } from './svg.ts'

export interface FlamegraphLink {
  readonly label: string
  readonly href: string
}

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2430; --soft: #5d6878; --rule: #dde2e9; --ours: #0b6e4f; --theirs: #9aa7b8 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12161c; --ink: #e6eaf0; --soft: #98a4b5; --rule: #2a323d; --ours: #4cc79a; --theirs: #56647a }
}
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 60rem; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--rule) } h3 { font-size: 1rem; margin: 1.8rem 0 .1rem }
p { margin: .2rem 0 .6rem; max-width: 46rem } .soft, .unit { color: var(--soft); font-size: .87rem } a { color: var(--ours) }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums } th, td { padding: .2rem .9rem .2rem 0; text-align: right; border-bottom: 1px solid var(--rule) }
th { color: var(--soft); font-weight: 500 } th:first-child, td:first-child { text-align: left } tr.ours td:first-child { color: var(--ours); font-weight: 600 }
.scroll { overflow-x: auto } details { margin: .3rem 0 } summary { cursor: pointer; color: var(--soft); font-size: .87rem }
svg { display: block; width: 100%; max-width: 760px; height: auto; font: 12px system-ui, sans-serif }
svg text { fill: var(--ink) } svg .theirs, svg .words, svg .tick { fill: var(--soft) } svg .ours.label { fill: var(--ours); font-weight: 600 }
svg rect.bar.ours, svg .dot.ours { fill: var(--ours) } svg rect.bar.theirs, svg .dot.theirs { fill: var(--theirs) }
svg .range { stroke: var(--ink); stroke-width: 1.5; opacity: .55 } svg .grid { stroke: var(--rule) } svg .line { fill: none; stroke-width: 2 }
svg .line.ours { stroke: var(--ours) } svg .line.theirs { stroke: var(--theirs) }
`

const PARTS: readonly [title: string, words: string, holds: (it: CaseResult) => boolean][] = [
  ['Echo', 'A server sends each message back.', ({ name }) => name.startsWith('echo')],
  ['Broadcast', 'One message goes to all who are connected.', ({ name }) => name === 'broadcast'],
  ['Opening handshake', 'The request is a browser’s.', ({ name }) => name === 'handshake'],
  [
    'Clients',
    'Each client sends back what one server sends, which is the load.',
    ({ name }) => name.startsWith('client'),
  ],
  ['Memory', 'Connections that are open and silent.', ({ kind }) => kind === 'idle'],
  ['Growth', 'Lines that must not rise.', ({ kind }) => kind === 'growth'],
  ['Parts', 'Without a socket.', ({ kind }) => kind === 'micro'],
]

/** @param flamegraphs of a case, by its name */
export function formatReport(
  recording: Recording,
  flamegraphs: (name: string) => readonly FlamegraphLink[] = () => [],
): string {
  const parts = PARTS.flatMap(([title, words, holds]) => {
    const cases = recording.cases.filter(holds)
    if (cases.length === 0) return []
    return [`<h2>${title}</h2>\n<p class="soft">${words}</p>`, ...cases.map(it => section(it, flamegraphs(it.name)))]
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>wirewright: benches</title>
<style>${STYLE}</style>
<h1>wirewright: benches</h1>
${preface(recording)}
${meansTable(recording.cases)}
${parts.join('\n')}
</html>
`
}

function preface({ made, machine, rounds, seconds, pinning, malloc, missing }: Recording): string {
  const { processor, processors, memory, platform, node } = machine
  const facts = [
    made,
    `${processor}, ${processors} processors, ${Math.round(memory / 2 ** 30)} GiB`,
    platform,
    `Node ${node}`,
    `${rounds} rounds of ${seconds} s`,
    pinning,
    malloc,
  ]
  const absent = missing.map(line => `<p class="soft">Missing: ${escapeXml(line)}</p>`).join('\n')
  return `<p class="soft">${facts.map(escapeXml).join(' · ')}</p>
<p>The shorter a bar, the better: processor time for a message, as the system counts it for the process that is measured. The thin line is from the lowest round to the highest, the bar the median. “× ws” and “× raw” say how many times cheaper it is than <code>ws</code> and than a bare <code>node:net</code> in the same rounds.</p>
${absent}`
}

/** Who is how many times cheaper than ws, over all cases that both have played. */
function meansTable(cases: readonly CaseResult[]): string {
  const traffic = cases.filter(({ name }) => name.startsWith('echo') || name === 'broadcast')
  const times = new Map<string, { title: string; all: number[] }>()
  for (const { results } of traffic) {
    for (const { peer, title, timesWs } of results) {
      if (timesWs === undefined || peer === 'ws') continue
      const entry = times.get(peer) ?? { title, all: [] }
      times.set(peer, entry)
      entry.all.push(timesWs)
    }
  }
  if (times.size === 0) return ''
  const rows = [...times].map(
    ([peer, { title, all }]) =>
      `<tr${classOf(peer)}><td>${escapeXml(title)}</td><td>${geometricMean(all).toFixed(2)}</td><td>${all.length}</td></tr>`,
  )
  return `<h2>Over all echo and broadcast cases</h2>
<div class="scroll"><table><tr><th></th><th>times cheaper than ws, geometric mean</th><th>cases</th></tr>
${rows.join('\n')}</table></div>`
}

function section(it: CaseResult, flamegraphs: readonly FlamegraphLink[]): string {
  const links = flamegraphs.map(
    ({ label, href }) => `<a href="${escapeXml(href)}">flamegraph${label === '' ? '' : ` ${escapeXml(label)}`}</a>`,
  )
  const figures = it.results.filter(({ error }) => error === undefined)
  const plot = it.kind === 'growth' ? growthPlot(it, figures) : barsOf(it, figures)
  const faults = it.results.flatMap(({ title, error }) =>
    error === undefined ? [] : `<p class="soft">${escapeXml(`${title}: no figure: ${error}`)}</p>`,
  )
  return `<h3 id="${escapeXml(it.name)}">${escapeXml(it.title)}</h3>
<p class="unit">${escapeXml(it.unit)} ${links.join(' ')}</p>
${plot}
${faults.join('\n')}
<details><summary>${escapeXml(it.name)}: figures</summary><div class="scroll">${figuresTable(figures)}</div></details>`
}

function barsOf({ title }: CaseResult, figures: readonly Result[]): string {
  const bars = figures.map(it => ({
    label: it.title,
    value: it.cost.median,
    low: it.cost.low,
    high: it.cost.high,
    words: [formatNumber(it.cost.median), ...ratios(it)].join(' · '),
    isOurs: it.peer.startsWith('wirewright'),
  }))
  return barPlot(title, bars)
}

function ratios({ timesWs, timesRaw, peer }: Result): string[] {
  return [
    ...(timesWs === undefined || peer === 'ws' ? [] : [`${timesWs.toFixed(2)} × ws`]),
    ...(timesRaw === undefined || peer === 'raw' ? [] : [`${timesRaw.toFixed(2)} × raw`]),
  ]
}

function growthPlot({ title, axis = '' }: CaseResult, figures: readonly Result[]): string {
  const peers = [...new Set(figures.map(({ peer }) => peer))]
  const lines = peers.map(peer => ({
    label: `${peer}: ${rise(figures.filter(it => it.peer === peer).map(({ cost }) => cost.median)).toFixed(2)} ×`,
    points: figures.filter(it => it.peer === peer).map(({ point = 0, cost }) => [point, cost.median] as const),
    isOurs: peer.startsWith('wirewright'),
  }))
  return linePlot(title, axis, lines)
}

function figuresTable(figures: readonly Result[]): string {
  const percent = (share: number | undefined) => (share === undefined ? '' : `${Math.round(share * 100)} %`)
  const rows = figures.map(it => {
    const { peer, title, version, point, cost, perSecond, timesWs, timesRaw, measured, generator, note = '' } = it
    const name = `${title} ${point === undefined ? version : `at ${point.toLocaleString('en-US')}`}`
    const numbers = [cost.median, cost.low, cost.high, perSecond, timesWs, timesRaw]
    const cells = [
      name,
      ...numbers.map(number => (number === undefined ? '' : formatNumber(number))),
      percent(measured),
      percent(generator),
      note,
    ]
    return `<tr${classOf(peer)}>${cells.map(cell => `<td>${escapeXml(cell)}</td>`).join('')}</tr>`
  })
  const head = ['', 'median', 'lowest', 'highest', 'per second', '× ws', '× raw', 'processor', 'generator', '']
  return `<table><tr>${head.map(word => `<th>${word}</th>`).join('')}</tr>\n${rows.join('\n')}</table>`
}

function classOf(peer: string): string {
  return peer.startsWith('wirewright') ? ' class="ours"' : ''
}
