/**
 * `npm run flame -- [CASE …] [--seconds S] [--label WORD]`: a flamegraph of our server, or our client, under the load of a
 * case. Drawn by 0x, which `npm run bench:peers` installs. bench/reading.md says how to read one.
 *
 * It goes to .bench/flame/CASE/flamegraph.html, where the report of the benches looks for it; with a label, to another
 * folder beside that, so that before and after can be compared. The profiler takes its own share of the time: a
 * flamegraph says where time goes, not how much it is.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CASES, type TrafficCase } from './cases.ts'
import { flamegraphOf } from './flamegraphs.ts'
import { Load } from './load.ts'
import { findPinning } from './measured-process.ts'
import { peerRequire } from './peers.ts'
import { serverTerms } from './play-traffic.ts'
import { HOST } from './servers/terms.ts'

const PROGRAM = fileURLToPath(new URL('./measured.js', import.meta.url))
const OPTIONS = { seconds: { type: 'string', default: '5' }, label: { type: 'string', default: '' } } as const

function findProfiler(): string | undefined {
  try {
    return peerRequire.resolve('0x/cmd.js')
  } catch {
    return undefined
  }
}

async function flame(it: TrafficCase, profiler: string, seconds: number, label: string): Promise<void> {
  const { traffic, side, name } = it
  const file = flamegraphOf(name, label)
  const folder = fileURLToPath(new URL('.', file))
  rmSync(folder, { recursive: true, force: true })
  const pinning = findPinning()
  const load = new Load(pinning?.generator)
  const group = 'flame'
  const terms = JSON.stringify(serverTerms(traffic.role, traffic.delivery, side, traffic.terms))
  const where: string[] = []
  if (side === 'client') {
    const { port } = await load.command({ do: 'listen', group, terms: traffic.terms })
    where.push(`ws://${HOST}:${port}/`, String(traffic.connections))
  }
  const words = [process.execPath, profiler, '--output-dir', folder, '--quiet', '--', process.execPath]
  words.push(PROGRAM, side, 'wirewright', terms, ...where)
  const [command = '', ...args] = pinning === undefined ? words : ['taskset', '-c', pinning.measured, ...words]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    if (side === 'server') {
      const { connections: count, terms } = traffic
      await load.command({ do: 'open', group, port: Number(line), count, request: 'websocket', terms, greet: false })
    }
    const window = { pid: child.pid!, warmUp: 500, duration: 1000 * seconds }
    const port = Number(line)
    await load.command({ do: traffic.load, group, port, ...window })
  } finally {
    await load.end()
    child.stdin.end()
  }
  await once(child, 'exit')
  if (existsSync(folder)) for (const it of readdirSync(folder)) if (it !== 'flamegraph.html') rmSync(`${folder}${it}`)
  console.log(existsSync(file) ? `${name}: ${fileURLToPath(file)}` : `${name}: 0x has made no flamegraph`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const names = positionals.length === 0 ? ['echo-125-text-64'] : positionals
  const profiler = findProfiler()
  if (profiler === undefined) throw new Error('0x is not installed (npm run bench:peers)')
  for (const name of names) {
    const it = CASES.find(it => it.name === name)
    if (it?.kind !== 'traffic')
      throw new Error(`there is no case of traffic named ${name}: see npm run bench -- --list`)
    await flame(it, profiler, Number(values.seconds), values.label)
  }
}

await main()
