/**
 * `npm run conformance:autobahn`: lets the real Autobahn|Testsuite judge our server and our client, and compares its
 * verdicts with ours, case by case:
 *
 *     node dist/conformance/adapters/autobahn.js [CASES...]       such as 1.* 6.4.*; default *
 *
 * It takes `wstest` from the PATH, or Docker with the image crossbario/autobahn-testsuite; 2 is the exit code when neither
 * is there, 1 when the two suites disagree.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AUTOBAHN_CASES } from '../autobahn/index.ts'
import type { Case, Side } from '../case.ts'
import { ClientJudge } from '../client-judge.ts'
import { parseTarget } from '../handshake.ts'
import { DEFAULT_PLAY, judgeServer } from '../runner.ts'
import { selectCases } from '../selection.ts'
import type { CaseResult, Verdict } from '../verdict.ts'
import { launchOf } from './peers.ts'

type Index = Record<string, Record<string, Pick<Verdict, 'behavior' | 'behaviorClose'>>>

const IMAGE = 'crossbario/autobahn-testsuite'
const AGENT = 'wirewright'
const HOST = '127.0.0.1'
const OURS = launchOf(AGENT)!

const HOW = `Neither wstest nor Docker is here. Autobahn|Testsuite is had by one of these:
  docker pull ${IMAGE}     (and a running Docker)
  pip install autobahntestsuite              (Python 2.7 or PyPy 2.7 alone; it brings wstest)`

/** The command that stands before wstest's own arguments; undefined if there is none. */
function findAutobahn(folder: string): readonly string[] | undefined {
  if (spawnSync('wstest', ['--help']).status === 0) return ['wstest']
  // `docker info` asks the daemon too: the program alone is of no use.
  if (spawnSync('docker', ['info']).status !== 0) return undefined
  return ['docker', 'run', '--rm', '--network', 'host', '-v', `${folder}:${folder}`, IMAGE, 'wstest']
}

function start([file = '', ...args]: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Writes wstest's configuration, and says how it is started. */
function configure(folder: string, mode: 'fuzzingclient' | 'fuzzingserver', rest: object): readonly string[] {
  const file = join(folder, `${mode}.json`)
  const common = { outdir: join(folder, mode), options: { failByDrop: false }, 'exclude-cases': [] }
  writeFileSync(file, JSON.stringify({ ...common, 'exclude-agent-cases': {}, ...rest }))
  return ['-m', mode, '-s', file]
}

function readIndex(folder: string, mode: string): Index[string] {
  const index: Index = JSON.parse(readFileSync(join(folder, mode, 'index.json'), 'utf8'))
  return Object.values(index)[0] ?? {}
}

async function startOurServer(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(OURS.file, [...OURS.args, 'server', OURS.name], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  return { url: String(line).trim(), child }
}

async function runOurClient(url: string, count: number): Promise<void> {
  const args = [...OURS.args, 'client', OURS.name, url, String(count), AGENT]
  await once(spawn(OURS.file, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'exit')
}

/** A port that nobody listens on, and a wait until somebody does. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

async function untilOpen(port: number): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    const socket = connect(port, HOST)
    const isOpen = await new Promise(resolve =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('Autobahn does not listen')
}

/** What both suites say of our server. */
async function judgeOurServer(
  command: readonly string[],
  folder: string,
  patterns: readonly string[],
  cases: Case[],
) {
  const { url, child } = await startOurServer()
  try {
    const servers = [{ agent: AGENT, url }]
    const wstest = start([...command, ...configure(folder, 'fuzzingclient', { servers, cases: patterns })])
    await once(wstest, 'exit')
    const target = { ...parseTarget(url), insecure: false }
    const ours = await judgeServer(target, cases, { play: DEFAULT_PLAY, jobs: 16 })
    return { ours, theirs: readIndex(folder, 'fuzzingclient') }
  } finally {
    child.kill()
  }
}

/** What both suites say of our client. */
async function judgeOurClient(
  command: readonly string[],
  folder: string,
  patterns: readonly string[],
  cases: Case[],
) {
  const url = `ws://${HOST}:${await freePort()}`
  const wstest = start([...command, ...configure(folder, 'fuzzingserver', { url, cases: patterns })])
  await untilOpen(Number(new URL(url).port))
  await runOurClient(url, cases.length)
  wstest.kill('SIGINT')
  const judge = new ClientJudge({ cases, play: DEFAULT_PLAY, port: 0, host: HOST })
  await runOurClient(await judge.listen(), cases.length)
  const ours = judge.resultsOf(AGENT)
  await judge.close()
  return { ours, theirs: readIndex(folder, 'fuzzingserver') }
}

/** Says each disagreement, and returns how many there are. */
function compare(side: Side, ours: readonly CaseResult[], theirs: Index[string], cases: readonly Case[]): number {
  let count = 0
  for (const { id } of cases) {
    const [mine, autobahns] = [ours.find(it => it.id === id), theirs[id]]
    const words = [mine, autobahns].map(it =>
      it === undefined ? 'not played' : `${it.behavior} / ${it.behaviorClose}`,
    )
    if (words[0] === words[1]) continue
    count++
    console.log(`${side} ${id}: ${words[0]} here, ${words[1]} there`)
  }
  console.log(`${side}: ${cases.length - count} of ${cases.length} cases with the same verdict`)
  return count
}

const folder = mkdtempSync(join(tmpdir(), 'autobahn-'))
try {
  const command = findAutobahn(folder)
  if (command === undefined) {
    console.error(HOW)
    process.exitCode = 2
  } else {
    const patterns = process.argv.length > 2 ? process.argv.slice(2) : ['*']
    const only = patterns[0] === '*' ? [] : patterns.map(it => it.replace(/\.\*$/, ''))
    let count = 0
    for (const [side, judge] of [
      ['server', judgeOurServer],
      ['client', judgeOurClient],
    ] as const) {
      const cases = selectCases(AUTOBAHN_CASES, { side, only, skip: [] })
      const { ours, theirs } = await judge(command, folder, patterns, cases)
      count += compare(side, ours, theirs, cases)
    }
    process.exitCode = count === 0 ? 0 : 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
