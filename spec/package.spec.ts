/** The package as it is installed: what is in it, and that `import`, `require` and types find it. */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = dirname(fileURLToPath(import.meta.resolve('wirewright/package.json')))
const require = createRequire(import.meta.url)

t.test('import and require give the same module', async t => {
  const imported = await import('wirewright')
  t.equal(require('wirewright').connect, imported.connect)
  const protocol = await import('wirewright/protocol')
  t.equal(require('wirewright/protocol').Connection, protocol.Connection)
})

t.test('the tarball holds the library, the conformance suite and nothing else', async t => {
  const packed = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8' }),
  )
  const files: string[] = packed[0].files.map(({ path }: { path: string }) => path)
  const strangers = files.filter(
    path =>
      !/^(dist\/)?(lib|conformance(?!\/adapters))\//.test(path) &&
      !['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'].includes(path),
  )
  t.same(strangers, [])
  for (const needed of [
    'dist/lib/index.js',
    'dist/lib/index.d.ts',
    'dist/lib/index.js.map',
    'dist/lib/websocket/index.js',
    'dist/lib/cli/main.js',
    'lib/index.ts',
    'lib/cli/playground/index.html',
    'dist/conformance/index.js',
    'conformance/report/page.css',
  ]) {
    t.ok(files.includes(needed), needed)
  }
})

t.test('what is internal is not in the types', async t => {
  const { readFileSync } = await import('node:fs')
  const types = readFileSync(`${ROOT}/dist/lib/transport/websocket-connection.d.ts`, 'utf8')
  t.notMatch(types, /onData|onTick|onMessage/)
})

t.test('no class is empty in the types, as anything would pass for one', async t => {
  const { readdirSync, readFileSync } = await import('node:fs')
  const empty: string[] = []
  for (const name of readdirSync(`${ROOT}/dist/lib`, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue
    const types = readFileSync(`${ROOT}/dist/lib/${name}`, 'utf8').replace(/\/\*.*?\*\//gs, '')
    for (const [, found = ''] of types.matchAll(/export declare class (\w+)[^{]*\{\s*\}/g)) empty.push(found)
  }
  t.same(empty, [])
})
