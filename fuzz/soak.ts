/**
 * A server under good and hostile clients, for as long as asked.
 *
 *     npm run soak -- [--time 10m] [--seed N] [--report .fuzz/soak.html]
 *
 * The server has a process of its own and is sampled once a second. In the end there is a verdict: whether its memory, its
 * handles or the delay of its event loop grow, by regression over the samples behind a warm-up; and whether every message
 * of the good clients came back. Exit code 1 if something grows, was lost or threw, 2 if the arguments are wrong.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Random } from '../spec/support/random.ts'
import { attack } from './soak-attacks.ts'
import { Account, follow, talk } from './soak-clients.ts'
import { judge, report } from './soak-report.ts'
import type { Sample } from './soak-server.ts'

const TALKERS = 12
const FOLLOWERS = 6
const ATTACKERS = 16
/** Seconds between two lines of progress. */
const PROGRESS = 10

interface Plan {
  readonly seconds: number
  readonly seed: number
  readonly report: string
}

/** @throws {Error} in words for people */
function readArguments(args: string[]): Plan {
  const options = {
    time: { type: 'string', default: '10m' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    report: { type: 'string', default: '.fuzz/soak.html' },
  } as const
  const { values } = parseArgs({ args, options })
  const time = /^(\d+)(s|m|h)?$/.exec(values.time)
  if (time === null) throw new Error(`--time must be like 90s, 10m or 1h, got ${values.time}`)
  const seconds = Number(time[1]) * { s: 1, m: 60, h: 3600 }[(time[2] ?? 's') as 's' | 'm' | 'h']
  if (seconds < 20) throw new Error('--time must be 20s at the least: there is nothing to judge in less')
  if (!Number.isInteger(Number(values.seed))) throw new Error(`--seed must be an integer, got ${values.seed}`)
  return { seconds, seed: Number(values.seed), report: resolve(values.report) }
}

async function startServer(samples: Sample[]): Promise<{ child: ChildProcess; port: number }> {
  const file = fileURLToPath(new URL('soak-server.js', import.meta.url))
  const child = fork(file, { execArgv: ['--expose-gc'] })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  child.on('message', ({ sample }: { sample: Sample }) => void samples.push(sample))
  return { child, port }
}

function progress(samples: readonly Sample[], account: Account, attacks: number): string {
  const { at, heap, rss, handles, connections, streams, delay, longestDelay } = samples.at(-1)!
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const memory = `heap ${mib(heap)}, RSS ${mib(rss)}, ${handles} handles, ${connections}+${streams} open`
  const done = `${account.received}/${account.sent} messages, ${account.events} events, ${attacks} attacks`
  return `${at.toFixed(0).padStart(5)} s  ${memory}, delay ${delay.toFixed(0)}/${longestDelay.toFixed(0)} ms, ${done}, ${account.faults.length} faults`
}

async function soak({ seconds, seed, report: file }: Plan): Promise<boolean> {
  const samples: Sample[] = []
  const { child, port } = await startServer(samples)
  let hasDied = false
  child.once('exit', () => {
    hasDied = true
  })
  const account = new Account()
  const counts: Record<string, number> = {}
  const over = new AbortController()
  const attacks = () => Object.values(counts).reduce((sum, count) => sum + count, 0)
  const timer = setInterval(
    () => samples.length > 0 && console.log(progress(samples, account, attacks())),
    PROGRESS * 1000,
  )
  const url = (n: number) => `ws://127.0.0.1:${port}/${n % 2 === 0 ? '' : 'deflate'}`
  const of = (n: number) => new Random(seed + n)
  const run = (client: Promise<void>) => client.catch(error => account.fault(String(error?.stack ?? error)))
  const clients = [
    ...Array.from({ length: TALKERS }, (_, n) => run(talk(url(n), of(n), account, over.signal))),
    ...Array.from({ length: FOLLOWERS }, () => run(follow(`http://127.0.0.1:${port}/events`, account, over.signal))),
    ...Array.from({ length: ATTACKERS }, (_, n) => run(attack(port, of(1000 + n), counts, over.signal))),
  ]
  for (const end = performance.now() + seconds * 1000; performance.now() < end && !hasDied; ) await delay(200)
  const loaded = samples.length
  over.abort()
  await Promise.race([Promise.all(clients), delay(15_000).then(() => account.fault('clients did not end'))])
  // What was left behind is given up by its time limits.
  for (let n = 0; n < 100 && !hasDied && (samples.at(-1)!.connections > 0 || samples.at(-1)!.streams > 0); n++)
    await delay(100)
  if (!hasDied) await once(child, 'message')
  clearInterval(timer)
  child.kill()

  const last = samples.at(-1)!
  const warmUp = Math.min(60, seconds / 4)
  const trends = judge(samples.slice(0, loaded), warmUp)
  const lost = account.sent - account.received
  const growing = trends.filter(({ isGrowing }) => isGrowing)
  const left = last.connections + last.streams
  const isGood =
    growing.length === 0 &&
    lost === 0 &&
    account.faults.length === 0 &&
    last.uncaught.length === 0 &&
    left === 0 &&
    !hasDied
  const list = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  const words = [
    `${isGood ? 'Good' : 'BAD'}: ${seconds} s, seed ${seed}, Node ${process.version}`,
    `good clients: ${account.connections} connections, ${account.sent} messages sent, ${lost} lost; ${account.events} events in order`,
    `faults of theirs: ${account.faults.length === 0 ? 'none' : account.faults.slice(0, 5).join('; ')}`,
    `attacks: ${attacks()}: ${list(counts)}`,
    `ends that the server saw: ${list(last.ends)}; ${last.refused} refused`,
    `at the worst moment: heap ${(Math.max(...samples.map(({ heap }) => heap)) / 2 ** 20).toFixed(1)} MiB, RSS ${(Math.max(...samples.map(({ rss }) => rss)) / 2 ** 20).toFixed(1)} MiB`,
    `left open in the end: ${left}; uncaught: ${last.uncaught.length === 0 ? 'none' : last.uncaught.slice(0, 3).join('; ')}${hasDied ? '; the server has died' : ''}`,
    ...trends.map(
      ({ name, unit, mean, growth, fit, isGrowing }) =>
        `${name}: ${isGrowing ? 'GROWING' : 'flat'}, mean ${mean.toFixed(1)} ${unit}, ${growth.toFixed(2)} ${unit} over the run (fit ${fit.toFixed(2)})`,
    ),
  ]
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, report(samples.slice(0, loaded), trends, warmUp, words))
  console.log(`${words.join('\n')}\nplot: ${file}`)
  return isGood
}

try {
  process.exitCode = (await soak(readArguments(process.argv.slice(2)))) ? 0 : 1
  // A follower may still be on its way out.
  setTimeout(() => process.exit(), 5000).unref()
} catch (error) {
  console.error(`soak: ${(error as Error).message}`)
  process.exitCode = 2
}
