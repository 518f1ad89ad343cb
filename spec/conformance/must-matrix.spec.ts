/**
 * The MUST matrix has no blanks: each row of the documents is held by tests that say so or by cases that exist, each
 * tag in a spec has its row; and every way in which that can fail is noticed. It reads the sources of the specs.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CASES } from '../../conformance/cases.ts'
import {
  checkMatrix,
  countRows,
  DOCUMENTS,
  findTags,
  type MatrixDocument,
  parseRows,
} from '../../conformance/must-matrix.ts'

const ROOT = dirname(fileURLToPath(import.meta.resolve('wirewright/package.json')))
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** §4.1: one opening handshake at a time for each address. The rows say why not. */
const DEVIATIONS = ['6455-4.1-4', '6455-4.1-5', '6455-4.1-6', '6455-4.1-7']

/** All but this one, whose tags are examples. */
const SPECS = Object.fromEntries(
  readdirSync(join(ROOT, 'spec'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.spec.ts') && name !== join('conformance', 'must-matrix.spec.ts'))
    .map(name => [`spec/${name.replaceAll('\\', '/')}`, read(join('spec', name))]),
)

for (const document of DOCUMENTS) {
  t.test(`${document.file}: every row is held, and every tag has its row`, async t => {
    const markdown = read(document.file)
    t.same(checkMatrix({ document, markdown, specs: SPECS, cases: CASES, deviations: DEVIATIONS }), [])
    const rows = parseRows(markdown)
    t.ok(rows.length > 0)
    t.comment(`${document.file}: ${countRows(rows)}`)
  })
}

t.test('no document is forgotten, and no tag is of none', async t => {
  t.ok(DOCUMENTS.every(({ file }) => existsSync(join(ROOT, file))))
  const ids = Object.values(SPECS).flatMap(source => findTags(source).flatMap(({ ids }) => ids))
  t.same(
    ids.filter(id => !DOCUMENTS.some(({ prefix }) => id.startsWith(`${prefix}-`))),
    [],
  )
})

const SAMPLE: MatrixDocument = { file: 'a.md', prefix: '6455', outline: { '': 2, 2: 2, '2.2': 1 } }
const HEAD = '# Title\n\n| id | clause | level | who | what | held by |\n|---|---|---|---|---|---|\n'
const SPEC = "t.test('one thing [6455-2.2-1]', async t => {})\n// [6455-1-1]\nt.test('another', async t => {})\n"
const ROWS = [
  '| 6455-2.2-1 | §2.2 | MUST | both | speaks | `a.spec.ts` one thing<br>cases 1.1, C1 |',
  '| 6455-1-1 | §1 | SHOULD NOT | client | shouts | `a.spec.ts` another |',
  '| 6455-2-1 | §2 | SHOULD | server | sings | deviates: it cannot |',
]
const CASES_HERE = [
  { id: '1.1', sides: ['server', 'client'] },
  { id: 'C1', sides: ['client'] },
] as const

function faults(rows: readonly string[], source = SPEC, document = SAMPLE) {
  return checkMatrix({
    document,
    markdown: HEAD + rows.join('\n'),
    specs: { 'a.spec.ts': source },
    cases: CASES_HERE,
    deviations: ['6455-1-9'],
  })
}

t.test('a matrix that is right', async t => {
  t.same(faults(ROWS), [])
  t.equal(
    countRows(parseRows(HEAD + ROWS.join('\n'))),
    '3 rows, 2 held by specs, 1 by cases, 1 deviations, 0 not implemented',
  )
  const notes = '\n\n| clause | what | why |\n|---|---|---|\n| §9 | something else | not here |\n'
  t.same(faults([...ROWS, notes]), [], 'other tables are for readers')
})

t.test('every way in which a matrix is wrong', async t => {
  const row = (text: string) => [...ROWS, text]
  const wrong: [rows: readonly string[], fault: RegExp][] = [
    [ROWS.slice(1), /^6455-2\.2-1: no such row/],
    [row(ROWS[2] ?? ''), /twice/],
    [row('| 6455-2-2 | §2.1 | SHOULD | server | a | deviates: b |'), /not an id of its clause/],
    [row('| 7692-2-2 | §2 | SHOULD | server | a | deviates: b |'), /not an id of its clause/],
    [row('| 6455-2-x | §2 | SHOULD | server | a | deviates: b |'), /not an id of its clause/],
    [row('| 6455-2.3-1 | §2.3 | SHOULD | server | a | deviates: b |'), /there is no §2\.3/],
    [row('| 6455-2.2.2-1 | §2.2.2 | SHOULD | server | a | deviates: b |'), /there is no §2\.2\.2/],
    [row('| 6455-1.1-1 | §1.1 | SHOULD | server | a | deviates: b |'), /there is no §1\.1/],
    [row('| 6455-0-1 | §0 | SHOULD | server | a | deviates: b |'), /there is no §0/],
    [row('| 6455-2-2 | §2 | WILL | server | a | case 1.1 |'), /unknown level: WILL/],
    [row('| 6455-2-2 | §2 | MUST | proxy | a | case 1.1 |'), /neither server nor client: proxy/],
    [row('| 6455-2-2 | §2 | MUST | both | a | |'), /nothing holds it/],
    [row('| 6455-2-2 | §2 | MUST | both | a | somebody |'), /nothing holds it/],
    [row('| 6455-2-2 | §2 | SHOULD | both | a | deviates: |'), /nothing holds it/],
    [row('| 6455-2-2 | §2 | MUST | both | a | deviates: b |'), /only what is no MUST/],
    [row('| 6455-2-2 | §2 | MUST | both | a | not implemented |'), /not implemented/],
    [row('| 6455-2-2 | §2 | MUST | both | a | case 1.2 |'), /no such case: 1\.2/],
    [row('| 6455-2-2 | §2 | MUST | server | a | case C1 |'), /not a case for a server: C1/],
    [row('| 6455-2-2 | §2 | MUST | both | a | `a.spec.ts` one thing |'), /no such test: a\.spec\.ts: one thing/],
    [row('| 6455-2-2 | §2 | MUST | both | a | `b.spec.ts` one |'), /no such test: b\.spec\.ts: one/],
  ]
  for (const [rows, fault] of wrong) {
    const found = faults(rows)
    t.equal(found.length, 1, `${rows.at(-1)}: ${found}`)
    t.match(found[0], fault)
  }
  t.same(faults(row('| 6455-1-9 | §1 | MUST | both | a | deviates: b |')), [], 'one that is known')
  const later = { ...SAMPLE, mayBeUnimplemented: true }
  t.same(faults(row('| 6455-2-2 | §2 | MUST | both | a | not implemented |'), SPEC, later), [])
})

t.test('every way in which a tag is wrong', async t => {
  const wrong: [source: string, fault: RegExp][] = [
    [`${SPEC}t.test('third [6455-2-1]', async t => {})`, /6455-2-1: not in the row: a\.spec\.ts: third/],
    [`${SPEC}t.test('third [6455-2-7]', async t => {})`, /6455-2-7: no such row/],
    [SPEC.replace('one thing', 'a thing'), /no such test: a\.spec\.ts: one thing/],
    [SPEC.replace(' [6455-2.2-1]', ''), /no such test: a\.spec\.ts: one thing/],
    [`${SPEC}const name = 'third [6455-2-1]'`, /the tag 6455-2-1 is not at a test/],
    [`${SPEC}// see [6455-2-1]\nt.test('third', async t => {})`, /the tag 6455-2-1 is not at a test/],
  ]
  for (const [source, fault] of wrong) t.match(faults(ROWS, source)[0], fault, source)
})

t.test('where a tag may stand, and what it names', async t => {
  const sources: [source: string, name: string | undefined][] = [
    ["  t.test('a thing [6455-1-1]', async t => {", 'a thing'],
    ["  t.test(\n    'a thing [6455-1-1]',", 'a thing'],
    ['  t.test(`$' + '{name}: a thing [6455-1-1]`, async t => {', '$' + '{name}: a thing'],
    ["// [6455-1-1]\nt.test('a thing', async t => {", 'a thing'],
    ["// [6455-1-1]\nt.test('\"a\" thing\\'s', async t => {", '"a" thing\'s'],
    ["// [6455-1-1]\nt.test(\n  'a thing',", 'a thing'],
    ['  // [6455-1-1]\n  WS_ERR_INVALID_UTF8: [', 'WS_ERR_INVALID_UTF8'],
    ["  // [6455-1-1]\n  {\n    name: 'a thing',", undefined],
    ["    // [6455-1-1]\n    name: 'a thing',", 'a thing'],
    ["  // [6455-1-1]\n  ['a thing', 1],", 'a thing'],
    ["  t.equal(a, b, 'a thing [6455-1-1]')", undefined],
  ]
  for (const [source, name] of sources) t.same(findTags(source), [{ ids: ['6455-1-1'], name }], source)
  t.same(
    findTags('// [6455-7.1.1-9..11, html-9.2.5-1]\nconst a = bytes[6455-1]').map(({ ids }) => ids),
    [['6455-7.1.1-9', '6455-7.1.1-10', '6455-7.1.1-11', 'html-9.2.5-1']],
  )
})
