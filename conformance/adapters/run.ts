/**
 * `npm run conformance`: our server and our client before every case, over TCP and TLS, and a report to look at.
 *
 *     node dist/conformance/adapters/run.js [--short] [--peers] [--only NAME] [--html FILE] [--json FILE]
 *
 * --short plays in half a minute what shows the most, for `npm test`. --peers meets those that others wrote too, as far as
 * they are installed, and writes their deviations to verdicts/; words that stand behind a # there are kept. --only meets
 * the peers of that name alone. The exit code is about ours alone: 0 if every case is strictly OK or not offered, 1 if not.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { certificates } from '../../spec/support/certificate.ts'
import { deviates, formatBaseline, parseBaseline } from '../baseline.ts'
import type { Case, Side } from '../case.ts'
import { CASES, GROUPS } from '../cases.ts'
import { ClientJudge } from '../client-judge.ts'
import { parseTarget } from '../handshake.ts'
import { Progress, summaryTable } from '../progress.ts'
import { formatHtml } from '../report/html.ts'
import { formatJson } from '../report/json.ts'
import type { PeerRun } from '../report/report.ts'
import { DEFAULT_PLAY, judgeServer } from '../runner.ts'
import { selectCases } from '../selection.ts'
import { EVENT_STREAM_NAMES, launchEventStreams, PARSER } from './event-stream-peers.ts'
import { type Launch, launchOf, NAMES } from './peers.ts'

interface Meeting {
  readonly launch: Launch & { readonly name: string }
  readonly name: string
  readonly side: Side
  readonly tls: boolean
  readonly cases: readonly Case[]
}

const OURS = 'wirewright'
const HERE = dirname(fileURLToPath(import.meta.url))
const REPORT = join(HERE, '..', '..', 'conformance.html')
const VERDICTS = join(HERE, '..', '..', '..', 'conformance', 'adapters', 'verdicts')

/** What is left out of a short run: repetitions, and most of what is only large. */
const LONG = ['9.1.5', '9.1.6', '9.2.5', '9.2.6', '9.3', '9.5.1', '9.6.1', '9.6.2', '9.7.6', '9.8.6']
/** Of each set of parameters and each kind of data, what a short run plays: whole messages, and fragmented ones. */
const SHORT_COMPRESSION = /\.(?:4|11)$/
/** Beside TCP, where every case has been played. */
const OVER_TLS = ['1', '2', '5', '7', '9.1.1', '9.2.3', '9.4.4', '9.5.6', '9.7.4', '10', 'S1', 'C1']

function meetings({ short, peers, only }: { short: boolean; peers: boolean; only?: string | undefined }): Meeting[] {
  const select = (side: Side, only: readonly string[], skip: readonly string[]) =>
    selectCases(CASES, { side, transport: 'websocket', only, skip })
  const ours = (['server', 'client'] as const).flatMap(side => [
    {
      name: OURS,
      side,
      tls: false,
      cases: select(side, [], short ? LONG : []).filter(
        ({ id }) => !short || !/^1[23]\./.test(id) || SHORT_COMPRESSION.test(id),
      ),
    },
    { name: OURS, side, tls: true, cases: select(side, short ? OVER_TLS : [], []) },
    {
      name: `${OURS} with context takeover`,
      side,
      tls: false,
      cases: select(side, short ? ['D.1', 'D.4'] : ['12', '13', 'D'], []),
    },
    ...(short ? [] : [{ name: `${OURS} without compression`, side, tls: false, cases: select(side, [], []) }]),
  ])
  const others = (['server', 'client'] as const).flatMap(side =>
    NAMES[side]
      .filter(name => !name.startsWith(OURS))
      .map(name => ({ name, side, tls: false, cases: select(side, [], []) })),
  )
  const streams = (['server', 'client'] as const).flatMap(side =>
    EVENT_STREAM_NAMES[side].map(name => {
      // A parser alone never asks again.
      const only = name === PARSER ? ['EC1', 'EC2', 'EC3'] : []
      return {
        name,
        side,
        tls: false,
        cases: selectCases(CASES, { side, transport: 'event-stream', only, skip: [] }),
      }
    }),
  )
  const isOurs = ({ name }: { readonly name: string }) => name.startsWith(OURS)
  return [...ours, ...streams.filter(isOurs), ...(peers ? [...others, ...streams.filter(it => !isOurs(it))] : [])]
    .filter(({ name }) => only === undefined || name === only)
    .flatMap(it => {
      const launch = launchOf(it.name) ?? launchEventStreams(it.name)
      if (launch === undefined) console.log(`${it.name} ${it.side}: left out, as it is not installed\n`)
      return launch === undefined ? [] : [{ ...it, launch }]
    })
}

async function meet(meeting: Meeting): Promise<PeerRun> {
  const { launch, side, tls } = meeting
  const agent = `${launch.agent} ${side}${tls ? ', TLS' : ''}`
  const progress = new Progress(process.stdout, meeting.cases.length)
  const onResult = (result: Parameters<Progress['result']>[0]) =>
    progress.result(result, deviates(result) ? 'worse' : 'as expected', agent)
  const from = performance.now()
  const results = side === 'server' ? await meetServer(meeting, onResult) : await meetClient(meeting, agent, onResult)
  progress.end()
  const missing = meeting.cases.length - results.length
  if (missing > 0) console.log(`✗ ${agent}: ${missing} cases were never played`)
  return { agent, side, target: agent, duration: performance.now() - from, results }
}

type OnResult = (result: PeerRun['results'][number]) => void

async function meetServer({ launch, tls, cases }: Meeting, onResult: OnResult): Promise<PeerRun['results']> {
  const { file, args, name } = launch
  const child = spawn(file, [...args, 'server', name, ...(tls ? ['--tls'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
    const target = { ...parseTarget(String(line).trim()), insecure: true }
    return await judgeServer(target, cases, { play: DEFAULT_PLAY, jobs: 16, onResult })
  } finally {
    child.kill()
  }
}

async function meetClient(
  { launch, tls, cases }: Meeting,
  agent: string,
  onResult: OnResult,
): Promise<PeerRun['results']> {
  const { ca, local } = certificates()
  const judge = new ClientJudge({
    cases,
    play: DEFAULT_PLAY,
    port: 0,
    host: '127.0.0.1',
    ...(tls ? { tls: local } : {}),
    onResult: (_, result) => onResult(result),
  })
  const url = await judge.listen()
  const { file, args, name } = launch
  const child = spawn(file, [...args, 'client', name, url, String(cases.length), agent], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CONFORMANCE_CA: ca },
  })
  await once(child, 'exit')
  // A verdict is found a moment after the client has gone.
  for (let turn = 0; turn < 200 && judge.resultsOf(agent).length < cases.length; turn++) {
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const results = judge.resultsOf(agent)
  await judge.close()
  return results
}

/** One file for each peer and side, in the form of a baseline. */
function keepVerdicts({ name, side }: Meeting, { agent, results }: PeerRun): void {
  const file = join(VERDICTS, `${name.replaceAll(' ', '-').toLowerCase()}-${side}.txt`)
  const before = existsSync(file) ? parseBaseline(readFileSync(file, 'utf8')) : undefined
  writeFileSync(
    file,
    `# ${agent}: what is not strictly OK of ${results.length} cases\n${formatBaseline(results, before)}`,
  )
}

const options = {
  short: { type: 'boolean', default: false },
  peers: { type: 'boolean', default: false },
  only: { type: 'string' },
  html: { type: 'string', default: REPORT },
  json: { type: 'string' },
} as const
const { values } = parseArgs({ options })

const planned = meetings(values)
const runs: PeerRun[] = []
let isFine = true
for (const meeting of planned) {
  const run = await meet(meeting)
  runs.push(run)
  if (meeting.name.startsWith(OURS))
    isFine &&= run.results.length === meeting.cases.length && !run.results.some(deviates)
  else keepVerdicts(meeting, run)
  console.log(summaryTable({ made: '', groups: GROUPS, runs: [run] }))
}
const report = { made: new Date().toISOString(), groups: GROUPS, runs }
mkdirSync(dirname(values.html), { recursive: true })
writeFileSync(values.html, formatHtml(report))
if (values.json !== undefined) writeFileSync(values.json, formatJson(report))
const verdict = isFine ? 'wirewright is strictly conformant in all that was played' : 'wirewright deviates'
console.log(`${planned.some(({ name }) => name.startsWith(OURS)) ? `${verdict}: ` : ''}see ${values.html}`)
process.exitCode = isFine ? 0 : 1
