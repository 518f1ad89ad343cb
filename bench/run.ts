/**
 * `npm run bench -- [CASE …]`: what a message costs here and elsewhere.
 *
 * Servers and clients under test are processes of their own. They are put under load one at a time and in turns, round by
 * round, the first one another each round, so that what the machine does meanwhile happens to all of them. The load comes
 * from one more process that writes frames made beforehand and counts bytes; it is lighter than what it measures, and
 * how much of its processor it took is shown for every figure: a `!` says that it took more than who was measured, whose
 * messages per second are then the generator's. Where the system has `taskset`, the generator has a processor to itself.
 *
 * The figure to look at is the processor time for a message as the system counts it for the process under test, all its
 * threads and the kernel's part included. It does not depend on how fast the load comes. Each window follows a warm-up;
 * shown are the median of the rounds, the lowest and the highest; `× ws` and `× raw` say how many times cheaper than `ws`
 * and than a bare `node:net` in the same rounds. One message is compared with what was sent before anything is measured.
 *
 * What is in flight is sent in one write, as a peer does that has much to say. All have their default settings but for
 * the limits on message sizes and on unsent output; glibc's are the same for all of them, see measured-process.ts.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CASES, type Case, selectCases } from './cases.ts'
import { reportWithFlamegraphs } from './flamegraphs.ts'
import { findPinning, KEEP_MEMORY } from './measured-process.ts'
import { findPeer, launchOf, missing, PEER_NAMES, type Peer } from './peers.ts'
import { playIdle } from './play-idle.ts'
import { playMicro } from './play-micro.ts'
import { playGrowth, playTraffic } from './play-traffic.ts'
import { type CaseResult, describeMachine, type Played, type Recording, toResults } from './recording.ts'
import type { RunOptions } from './run-options.ts'
import { caseTable, Terminal } from './terminal.ts'

const USAGE = `npm run bench -- [CASE …] [options]

CASE is a name or a part of one; without any, all are played but those marked with a +.

  --peers NAME,…      who plays (${PEER_NAMES.join(', ')})
  --rounds N          how often (default 5)
  --seconds S         length of a window (default 1)
  --connections N     for idle memory (default: as many as descriptors allow, 19,000 at most)
  --watch S           how long processes with a heartbeat are watched (default 60)
  --short             1 round of 0.2 s, 2,000 connections: whether it works, and no figures to believe
  --malloc default    glibc as it comes; otherwise told to keep its memory, for all alike
  --json FILE         the measurements
  --html FILE         a report with plots
  --list              the names of all cases
`

const OPTIONS = {
  peers: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  connections: { type: 'string' },
  watch: { type: 'string', default: '60' },
  short: { type: 'boolean', default: false },
  malloc: { type: 'string', default: 'keep' },
  json: { type: 'string' },
  html: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const UNITS: Readonly<Record<Case['kind'], string>> = {
  traffic: 'µs of processor time per',
  growth: 'µs of processor time per',
  idle: 'bytes of RSS per',
  micro: 'µs per',
}

/** Those of the wanted peers that can play; who is missing is told once. */
function peersOf(it: Case, wanted: readonly string[] | undefined, absent: Set<string>): Peer[] {
  const side = it.kind === 'traffic' ? it.side : 'server'
  const names =
    wanted === undefined ? it.peers : wanted.filter(name => it.peers.includes(name) || it.kind === 'growth')
  return names.flatMap(name => {
    const peer = findPeer(side, name)
    if (peer === undefined) return []
    if (launchOf(peer) !== undefined) return peer
    absent.add(missing(peer))
    return []
  })
}

function play(it: Case, peers: readonly Peer[], options: RunOptions): Promise<Played[]> {
  if (it.kind === 'traffic') return playTraffic(it, peers, options)
  if (it.kind === 'growth') return playGrowth(it, peers, options)
  if (it.kind === 'idle') return playIdle(it, peers, options)
  return playMicro(it, options)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  if (values.help) return console.log(USAGE)
  if (values.list) return listCases()
  const wanted = values.peers?.split(',')
  const unknown = wanted?.filter(name => !PEER_NAMES.includes(name)) ?? []
  const cases = selectCases(positionals)
  if (unknown.length > 0 || cases.length === 0) {
    console.error(
      unknown.length > 0 ? `there is no peer ${unknown.join(', ')}\n` : 'there is no such case: see --list\n',
    )
    process.exitCode = 2
    return console.error(USAGE)
  }
  const terminal = new Terminal(process.stdout)
  const pinning = findPinning()
  const words = {
    pinning:
      pinning === undefined
        ? 'not pinned to processors'
        : `who is measured on processors ${pinning.measured}, the generator on ${pinning.generator}`,
    malloc: values.malloc === 'default' ? 'glibc as it comes' : 'glibc told to keep its memory, for all alike',
  }
  let current = ''
  const options: RunOptions = {
    rounds: Number(values.rounds ?? (values.short ? 1 : 5)),
    seconds: Number(values.seconds ?? (values.short ? 0.2 : 1)),
    connections: Number(values.connections ?? (values.short ? 2000 : 19_000)),
    watch: Number(values.watch),
    pinning,
    env: values.malloc === 'default' ? {} : KEEP_MEMORY,
    onProgress: words => terminal.progress(`${current}: ${words}`),
  }
  const machine = describeMachine()
  terminal.print(
    `${machine.processor}, ${machine.processors} processors, ${machine.platform}, Node ${machine.node}; ` +
      `${words.pinning}; ${words.malloc}; ${options.rounds} rounds of ${options.seconds} s`,
  )
  const absent = new Set<string>()
  const played: CaseResult[] = []
  const recording = (): Recording => ({
    made: new Date().toISOString().slice(0, 10),
    machine,
    rounds: options.rounds,
    seconds: options.seconds,
    ...words,
    missing: [...absent],
    cases: played,
  })
  for (const [nth, it] of cases.entries()) {
    current = `${nth + 1}/${cases.length} ${it.name}`
    const before = absent.size
    const peers = peersOf(it, wanted, absent)
    for (const line of [...absent].slice(before)) terminal.print(`missing: ${line}`)
    if (peers.length === 0 && it.kind !== 'micro') continue
    const { name, title, kind, per } = it
    const results = toResults(await play(it, peers, options))
    const axis = it.kind === 'growth' ? { axis: it.axis } : {}
    played.push({ name, title, kind, unit: `${UNITS[kind]} ${per}`, ...axis, results })
    terminal.print(caseTable(played.at(-1)!))
    // After each case, so that a run that is broken off has not been for nothing.
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(recording(), null, 1)}\n`)
    if (values.html !== undefined) writeFileSync(values.html, reportWithFlamegraphs(recording(), values.html))
  }
  for (const line of absent) terminal.print(`\nmissing: ${line}`)
}

function listCases(): void {
  for (const { name, title, onRequest } of CASES) console.log(`${onRequest ? '+' : ' '} ${name.padEnd(44)} ${title}`)
}

await main()
