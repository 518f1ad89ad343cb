/**
 * The structure of the repo, which a reader relies on: layers point one way, the pure core does no I/O, spec/ mirrors
 * lib/ and conformance/, the public exports are the ones listed here, and nothing is needed at run time.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = dirname(fileURLToPath(import.meta.resolve('wirewright/package.json')))

/** From the bottom up: a layer imports from itself and from what is below it. */
const LAYERS = ['errors', 'websocket', 'event-stream', 'transport', 'hub', 'index', 'cli']

/**
 * The conformance suite stands beside the layers: it judges the library, so it knows nothing of it, and of all layers
 * only the command line knows the suite, by its one public page.
 */
const SUITE = '../conformance/index.ts'
/** Programs of this repo that bring the suite and real peers together, ours among them. Nothing of the suite knows them. */
const ADAPTERS = 'conformance/adapters/'

/** What the pure layers may use of Node: functions of their arguments. */
const PURE_LAYERS = ['errors', 'websocket', 'event-stream']
const PURE_IMPORTS: Readonly<Record<string, readonly string[] | 'all'>> = {
  'node:buffer': 'all',
  'node:util/types': 'all',
  'node:string_decoder': 'all',
  'node:crypto': ['hash'],
}
/** Globals by which I/O, time or chance could come in. */
const IMPURE_GLOBALS =
  /\b(setTimeout|setInterval|setImmediate|queueMicrotask|process\.\w+|performance\.\w+|Date\.now|new Date|Math\.random|crypto\.\w+|console\.\w+|fetch\()/

/** Parts of spec/ that are about more than one file of lib/. */
const FREE_SPECS = ['run.spec.ts', 'structure.spec.ts', 'readme.spec.ts', 'package.spec.ts']
const FREE_FOLDERS = ['support', 'interop', 'behaviour', 'security']
/** The benches are programs: those of their parts have specs that could be wrong without being noticed. */
const FREE_SOURCES = 'bench'

const TOP_LEVEL = ['package.json', 'tsconfig.json', 'package-lock.json', 'README.md', 'LICENSE', 'CHANGELOG.md']
const TOP_FOLDERS = ['lib', 'spec', 'fuzz', 'bench', 'conformance']
const MADE = ['node_modules', 'dist']

t.test('the top level holds nothing but what belongs there', async t => {
  const strangers = readdirSync(ROOT).filter(
    name => !name.startsWith('.') && ![...TOP_LEVEL, ...TOP_FOLDERS, ...MADE].includes(name),
  )
  t.same(strangers, [])
})

t.test('layers point one way', async t => {
  const wrong: string[] = []
  for (const file of sources('lib')) {
    for (const specifier of imports(file).filter(specifier => specifier.startsWith('.'))) {
      const target = relative(join(ROOT, 'lib'), join(ROOT, dirname(file), specifier))
      const [from, to] = [layerOf(file.slice('lib/'.length)), layerOf(target)]
      if (from === 'cli' && target === SUITE) continue
      if (LAYERS.indexOf(to) < 0 || LAYERS.indexOf(to) > LAYERS.indexOf(from)) wrong.push(`${file} → ${specifier}`)
    }
  }
  t.same(wrong, [])
})

t.test('the pure layers know no socket, stream, timer, clock, randomness or zlib', async t => {
  const wrong: string[] = []
  for (const file of sources('lib').filter(file => PURE_LAYERS.includes(layerOf(file.slice('lib/'.length))))) {
    for (const { specifier, names } of namedImports(file)) {
      if (specifier.startsWith('.')) continue
      const allowed = PURE_IMPORTS[specifier] ?? []
      if (allowed !== 'all' && !names.every(name => allowed.includes(name)))
        wrong.push(`${file}: ${specifier} ${names}`)
    }
    const code = withoutComments(read(file))
    const found = IMPURE_GLOBALS.exec(code)
    if (found !== null) wrong.push(`${file}: ${found[0]}`)
  }
  t.same(wrong, [])
})

t.test('nothing is imported but our own files and node: modules', async t => {
  const foreign = sources('lib').flatMap(file =>
    imports(file)
      .filter(specifier => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map(specifier => `${file}: ${specifier}`),
  )
  t.same(foreign, [])
  const manifest = JSON.parse(read('package.json'))
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
    t.equal(manifest[kind], undefined, `package.json has no ${kind}`)
  }
})

t.test('the conformance suite imports nothing of the library that it judges, nor of its specs', async t => {
  const isOfSuite = (path: string) => path.startsWith('conformance/') && !path.startsWith(ADAPTERS)
  const wrong = sources('conformance')
    .filter(isOfSuite)
    .flatMap(file =>
      imports(file)
        .filter(specifier => !specifier.startsWith('node:'))
        .filter(specifier => !specifier.startsWith('.') || !isOfSuite(join(dirname(file), specifier)))
        .map(specifier => `${file}: ${specifier}`),
    )
  t.same(wrong, [])
})

t.test('there is no import cycle within the pure core', async t => {
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    for (const specifier of valueImports(file).filter(specifier => specifier.startsWith('.'))) {
      visit(join(dirname(file), specifier), [...path, file])
    }
  }
  for (const file of sources('lib/websocket')) visit(file, [])
  t.same(cycles, [])
})

t.test('spec/ mirrors lib/ and conformance/', async t => {
  const specs = sources('spec').filter(file => file.endsWith('.spec.ts'))
  const mirrored = specs.filter(file => {
    const inSpec = file.slice('spec/'.length)
    return !FREE_SPECS.includes(inSpec) && !FREE_FOLDERS.includes(inSpec.split('/')[0] ?? '')
  })
  const files = [...sources('lib'), ...sources('conformance').filter(file => !file.startsWith(ADAPTERS))]
  t.same(
    files.filter(hasCode).filter(file => !specs.includes(specOf(file))),
    [],
    'every file that has code has a spec',
  )
  const wanted = [...files, ...sources(FREE_SOURCES)].map(specOf)
  t.same(
    mirrored.filter(file => !wanted.includes(file)),
    [],
    'every spec has its file',
  )
})

t.test('the public exports are these', async t => {
  t.same(
    Object.keys(await import('wirewright')).sort(),
    [
      'ClosedError',
      'CloseEvent',
      'EventSource',
      'EventStreamResponseError',
      'EventStreamTimeoutError',
      'EventStream',
      'EventStreamClosedError',
      'HandshakeError',
      'PreparedEvent',
      'ProtocolError',
      'VIOLATIONS',
      'WebSocket',
      'WebSocketConnection',
      'WebSocketServer',
      'connect',
      'eventStream',
      'declineEventStream',
      'eventStreamResponse',
      'openEventStream',
      'prepareEvent',
      'prepareMessage',
    ].sort(),
  )
})

t.test('no file is a grab-bag', async t => {
  const names = /(^|\/)(utils?|helpers?|constants|types|misc|common)(\.spec)?\.ts$/
  t.same(
    [...sources('lib'), ...sources('spec'), ...sources('conformance')].filter(file => names.test(file)),
    [],
  )
})

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** All TypeScript files below a folder, as paths from the root. */
function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
    .sort()
}

function layerOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '')
}

function namedImports(file: string): { specifier: string; names: string[]; isType: boolean }[] {
  const pattern = /(?:^|\n)(?:import|export)\s+(type\s+)?(?:([\w*{][^'"]*?)\s+from\s+)?['"]([^'"]+)['"]/g
  return Array.from(read(file).matchAll(pattern), ([, type, names = '', specifier = '']) => ({
    specifier,
    isType: type !== undefined,
    names: names
      .replace(/[{}]/g, '')
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== ''),
  }))
}

function imports(file: string): string[] {
  const dynamic = Array.from(read(file).matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g), ([, specifier = '']) => specifier)
  return [...namedImports(file).map(({ specifier }) => specifier), ...dynamic]
}

/** Those that exist at run time. */
function valueImports(file: string): string[] {
  return namedImports(file)
    .filter(({ isType, names }) => !isType && !(names.length > 0 && names.every(name => name.startsWith('type '))))
    .map(({ specifier }) => specifier)
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
}

/** spec/ is as lib/ is, and spec/conformance/ as conformance/. */
function specOf(file: string): string {
  return `spec/${file.replace(/^lib\//, '').replace(/\.ts$/, '.spec.ts')}`
}

/** A file of nothing but types and re-exports has nothing to be tested. */
function hasCode(file: string): boolean {
  return /^(export )?(async )?(function|class|const|let)\b/m.test(withoutComments(read(file)))
}
