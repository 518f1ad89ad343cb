/** The runner of the specs: what fails in any way is told and fails the run, and what is counted is what there was. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const RUNNER = fileURLToPath(new URL('./run.js', import.meta.url))
const TAP = `import t from ${JSON.stringify(import.meta.resolve('tap'))}\n`

/** Programs by name, and what the first lines of the run are to say of them. */
const SPECS: Readonly<Record<string, readonly [program: string, isOk: boolean]>> = {
  good: [`${TAP}t.equal(1, 1)\nt.test('a part', async t => t.pass())`, true],
  skipped: [`${TAP}t.test('a part', { skip: 'needs gold' }, async t => t.pass())`, true],
  failing: [`${TAP}t.test('a part', async t => t.equal(1, 2, 'one is two'))`, false],
  'plan not kept': [`${TAP}t.plan(2)\nt.pass()`, false],
  thrown: [
    `${TAP}t.pass()\nsetTimeout(() => { throw new Error('late') })\nawait new Promise(r => setTimeout(r, 50))`,
    false,
  ],
  'broken before TAP': ["throw new Error('early')", false],
  'without a test': ['', false],
  killed: [`${TAP}t.pass()\nprocess.kill(process.pid, 'SIGKILL')`, false],
}

t.test('each kind of end', async t => {
  const folder = t.testdir({})
  const files = Object.entries(SPECS).map(([name, [program]]) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.mjs`)
    writeFileSync(file, program)
    return file
  })
  const output = join(folder, 'all.tap')
  const run = (files: readonly string[]) =>
    spawnSync(process.execPath, [RUNNER, ...files], {
      encoding: 'utf8',
      env: { ...process.env, TAP_OUTPUT_FILE: output, TAP_JOBS: '1' },
    })
  const { status, stdout } = run(files)
  t.equal(status, 1)
  t.strictSame(
    stdout.match(/^(not )?ok .*(?= #)/gm),
    files.map((file, i) => `${SPECS[Object.keys(SPECS)[i]!]![1] ? 'ok' : 'not ok'} ${i + 1} - ${file}`),
  )
  t.match(stdout, /^ +not ok 1 - one is two$/m, 'what failed')
  t.match(stdout, /early/, 'what was said where there is no TAP')
  t.match(stdout, /^8 specs in \d+ s, 6 of them failed$/m)
  const [sum = ''] = readFileSync(output, 'utf8').match(/^# \{ total: .*\}$/gm) ?? []
  t.ok(Number(/fail: (\d+)/.exec(sum)?.[1]) >= 6, sum)
  t.match(sum, /skip: 1\b/)
  t.equal(run(files.slice(0, 2)).status, 0)
})
