/**
 * `npm run spec -- [FILE …]`: runs specs, each in a process of its own and several at a time, and gathers their TAP. A
 * line for each as it ends, and of a failed one what failed; with TAP_OUTPUT_FILE the whole TAP of all of them goes there.
 *
 * tap's own runner is not used, because it looks at what every process loads, those included that a spec starts. That
 * is for coverage and for its watch mode, and doubles to quadruples what a short spec costs.
 *
 * FILE is a compiled spec; without one, all in dist/spec. TAP_JOBS says how many at a time; default: one more than there are
 * processors, because many of them wait most of their time.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type FinalResults, Parser } from 'tap-parser'

/** Seconds without a word after which a spec hangs; also what each of its tests may take (tap's TAP_TIMEOUT). */
const PATIENCE = 60

const COUNTS = ['total', 'pass', 'fail', 'skip', 'todo'] as const
type Counts = Record<(typeof COUNTS)[number], number>

interface Outcome {
  readonly file: string
  readonly ok: boolean
  readonly counts: Counts
  readonly milliseconds: number
  readonly output: string
}

const noCounts = (): Counts => ({ total: 0, pass: 0, fail: 0, skip: 0, todo: 0 })

async function run(file: string): Promise<Outcome> {
  const start = performance.now()
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(PATIENCE) },
  })
  let output = ''
  const hang = () => {
    output += `\nnot ok - nothing was said for ${PATIENCE} s\n`
    child.kill('SIGKILL')
  }
  let timer = setTimeout(hang, 1000 * PATIENCE)
  const hear = (text: string) => {
    output += text
    clearTimeout(timer)
    timer = setTimeout(hang, 1000 * PATIENCE)
  }
  const parser = new Parser()
  const complete = new Promise<FinalResults>(resolve => parser.on('complete', resolve))
  const counts = noCounts()
  parser.on('comment', comment => readCounts(comment, counts))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    parser.write(text)
    hear(text)
  })
  child.stderr.setEncoding('utf8').on('data', hear)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  parser.end()
  // The parser knows whether the plan was kept, the exit code whether the process had an end of its own.
  const { ok: isKept, count } = await complete
  const ok = isKept && count > 0 && code === 0
  if (!ok && counts.fail === 0) counts.fail++
  counts.total = Math.max(counts.total, counts.pass + counts.fail)
  return { file, ok, counts, milliseconds: performance.now() - start, output }
}

/** What tap says at the end of a process: `# { total: 3, pass: 2, fail: 1 }`. */
function readCounts(comment: string, counts: Counts): void {
  if (!/^# \{ total: /.test(comment)) return
  for (const name of COUNTS) counts[name] = Number(new RegExp(`\\b${name}: (\\d+)`).exec(comment)?.[1] ?? 0)
}

function formatCounts(counts: Counts): string {
  const words = COUNTS.filter(name => name === 'total' || counts[name] > 0).map(name => `${name}: ${counts[name]}`)
  return `# { ${words.join(', ')} }`
}

/** The failed assertions with what was expected and what came; what else was said, if there is none of them. */
function failures(output: string): string {
  const lines = output.split('\n')
  const shown: string[] = []
  let depth: number | undefined
  for (const line of lines) {
    const indentation = line.search(/\S/)
    if (/^ *not ok /.test(line)) depth = indentation
    else if (depth !== undefined && line !== '' && indentation <= depth) depth = undefined
    if (depth !== undefined) shown.push(line)
  }
  return (shown.length > 0 ? shown : lines.slice(-40)).slice(0, 200).join('\n')
}

async function specs(): Promise<string[]> {
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const files = await readdir(folder, { recursive: true })
  return files
    .filter(file => file.endsWith('.spec.js'))
    .map(file => relative('.', join(folder, file)))
    .sort()
}

async function report(it: Outcome, nth: number, tap: FileHandle | undefined): Promise<void> {
  const line = `${it.ok ? 'ok' : 'not ok'} ${nth} - ${it.file} # time=${it.milliseconds.toFixed(0)}ms`
  console.log(line)
  const nested = it.output.replace(/^(?=.)/gm, '    ')
  if (!it.ok) console.log(failures(nested))
  await tap?.write(`# Subtest: ${it.file}\n${nested}\n${line}\n\n`)
}

async function main(): Promise<void> {
  const start = performance.now()
  const given = process.argv.slice(2)
  const files = given.length > 0 ? given : await specs()
  const { TAP_OUTPUT_FILE: path, TAP_JOBS: jobs = availableParallelism() + 1 } = process.env
  const tap = path === undefined ? undefined : await open(path, 'w')
  await tap?.write('TAP version 14\n')
  const sum = noCounts()
  let [nth, failed] = [0, 0]
  const waiting = [...files]
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await run(file)
      for (const name of COUNTS) sum[name] += outcome.counts[name]
      if (!outcome.ok) failed++
      await report(outcome, ++nth, tap)
    }
  }
  await Promise.all(Array.from({ length: Number(jobs) }, worker))
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  await tap?.write(`1..${nth}\n${formatCounts(sum)}\n`)
  await tap?.close()
  console.log(`\n${nth} specs in ${seconds} s, ${failed} of them failed\n${formatCounts(sum)}`)
  process.exitCode = failed > 0 || nth === 0 ? 1 : 0
}

await main()
