// Adds up the TAP of all runs: a line for each, the skipped tests with their reasons, and the totals as the last line.
// Exits with 1 when something failed, a run left no result, or a test was skipped because a program is missing.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const sum = { pass: 0, fail: 0, skip: 0 }
const skipped = new Map()
let isBroken = process.argv.length < 6

for (const file of process.argv.slice(2)) {
  const tap = readFileSync(file, 'utf8')
  // The last one at the left edge is that of the whole run.
  const totals = [...tap.matchAll(/^# \{ total: .*\}$/gm)].at(-1)?.[0]
  const count = name => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals ?? '')?.[1] ?? 0)
  if (totals === undefined || count('pass') === 0) isBroken = true
  for (const name of Object.keys(sum)) sum[name] += count(name)
  console.log(
    `${basename(file, '.tap').replace('-', ' ')}: ${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`,
  )
  for (const [, name, reason] of tap.matchAll(/^\s*ok \d+ - (.*?) # SKIP ?(.*)$/gm)) {
    const line = `skipped: ${name}${reason === '' ? '' : `: ${reason}`}`
    skipped.set(line, (skipped.get(line) ?? 0) + 1)
    if (reason.startsWith('needs ')) isBroken = true
  }
}
for (const [line, times] of skipped) console.log(times === 1 ? line : `${line} (${times} times)`)
if (isBroken) console.log('broken: a run gave no result, or a test was skipped for want of a program')
console.log(`${sum.pass} passed, ${sum.fail} failed, ${sum.skip} skipped`)
process.exitCode = isBroken || sum.fail > 0 ? 1 : 0
