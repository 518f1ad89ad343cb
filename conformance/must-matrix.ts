/**
 * The MUST matrix: what the specifications want of an endpoint, row by row, with what holds each row here. The rows are
 * in the Markdown files beside this one, in tables with these columns; everything else in those files is for readers:
 *
 *     | id | clause | level | who | what | held by |
 *
 * `held by` has one or more of these, with <br> between them: a spec file and the name of the test (or of the row of a
 * table of vectors) in it; cases of this suite; `deviates: why`; `not implemented`. A test says that it holds rows by
 * their ids in brackets, at the end of its name or alone in a comment on the line above: [6455-5.1-1, 6455-5.2-3..5].
 *
 * It knows text alone: who calls it reads the files. Time is linear in their length.
 */
import type { Case, Side } from './case.ts'

export type Holder =
  | { readonly kind: 'test'; readonly file: string; readonly name: string }
  | { readonly kind: 'case'; readonly id: string }
  | { readonly kind: 'deviation' | 'not implemented' }

export interface Row {
  readonly id: string
  readonly clause: string
  readonly level: string
  readonly who: string
  readonly holders: readonly Holder[]
}

export interface MatrixDocument {
  readonly file: string
  /** The ids of its rows begin with it. */
  readonly prefix: string
  /** How many sections a section has; '' is the document itself. */
  readonly outline: Readonly<Record<string, number>>
  /** Rows of something that the library does not have yet may say so. */
  readonly mayBeUnimplemented?: boolean
}

export const DOCUMENTS: readonly MatrixDocument[] = [
  {
    file: 'conformance/rfc6455.md',
    prefix: '6455',
    // biome-ignore format: it is a table
    outline: {
      '': 14, 1: 9, 2: 1, 4: 4, '4.2': 2, 5: 8, '5.5': 3, 6: 2, 7: 4, '7.1': 7, '7.2': 3, '7.4': 2, 8: 1, 9: 2, 10: 8,
      11: 9, '11.1': 2, '11.3': 5, 14: 2,
    },
  },
  {
    file: 'conformance/rfc7692.md',
    prefix: '7692',
    // biome-ignore format: it is a table
    outline: {
      '': 10, 5: 2, 6: 2, 7: 3, '7.1': 3, '7.1.1': 2, '7.1.2': 2, '7.2': 3, '7.2.3': 6, 9: 2, 10: 2,
    },
  },
  {
    file: 'conformance/rfc8441.md',
    prefix: '8441',
    outline: { '': 10, 5: 1, 9: 2 },
    mayBeUnimplemented: true,
  },
  { file: 'conformance/event-stream.md', prefix: 'html', outline: { '': 9, 9: 2, '9.2': 10 } },
]

const LEVELS = ['MUST', 'MUST NOT', 'SHALL', 'SHALL NOT', 'REQUIRED', 'RECOMMENDED', 'SHOULD', 'SHOULD NOT']
const SHOULD_LEVELS = ['RECOMMENDED', 'SHOULD', 'SHOULD NOT']
const WHO: Readonly<Record<string, readonly Side[]>> = {
  server: ['server'],
  client: ['client'],
  both: ['server', 'client'],
}

/** `prefix-clause-number`, the last of which may be a range in a tag. */
const ID = String.raw`(?:6455|7692|8441|html)-[\d.]*\d-\d+`
const TAG = new RegExp(String.raw`\[((?:${ID}(?:\.\.\d+)?(?:, |(?=\])))+)\]`)

/** The rows of a matrix; what is in no table of rows is passed over. */
export function parseRows(markdown: string): Row[] {
  const rows: Row[] = []
  let isTable = false
  for (const line of markdown.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll('\\|', '|'))
    if (cells.length < 3) isTable = false
    else if (cells[1] === 'id') isTable = true
    else if (isTable && !/^-+$/.test(cells[1] ?? '')) {
      const [, id = '', clause = '', level = '', who = '', , heldBy = ''] = cells
      rows.push({ id, clause: clause.replace(/^§/, ''), level, who, holders: parseHolders(heldBy) })
    }
  }
  return rows
}

function parseHolders(heldBy: string): Holder[] {
  return heldBy.split('<br>').flatMap((part): Holder[] => {
    const test = /^`([^`]+)` (.+)$/.exec(part)
    if (test !== null) return [{ kind: 'test', file: test[1] ?? '', name: test[2] ?? '' }]
    const cases = /^cases? (.+)$/.exec(part)
    if (cases !== null) return (cases[1] ?? '').split(', ').map(id => ({ kind: 'case', id }))
    if (/^deviates: ./.test(part)) return [{ kind: 'deviation' }]
    return part === 'not implemented' ? [{ kind: 'not implemented' }] : []
  })
}

export interface Tag {
  readonly ids: readonly string[]
  /** Of the test, or of the row of a table; undefined is a tag that stands at neither. */
  readonly name: string | undefined
}

/** The tags in the source of a spec. */
export function findTags(source: string): Tag[] {
  const lines = source.split('\n')
  return lines.flatMap((line, at): Tag[] => {
    const tag = TAG.exec(line)
    if (tag === null) return []
    return [{ ids: expandIds(tag[1] ?? ''), name: nameAt(lines, at, tag[0]) }]
  })
}

function nameAt(lines: readonly string[], at: number, tag: string): string | undefined {
  const [before = '', line = '', next = '', afterNext = ''] = [lines[at - 1], lines[at], lines[at + 1], lines[at + 2]]
  if (line.trim() === `// ${tag}`) {
    if (/\btest\($/.test(next)) return firstLiteral(afterNext)
    return /^\s*(?!name:)(\w+): /.exec(next)?.[1] ?? firstLiteral(next)
  }
  if (!/\btest\(/.test(line) && !/\btest\($/.test(before)) return undefined
  const name = firstLiteral(line)
  return name?.endsWith(` ${tag}`) ? name.slice(0, -tag.length - 1) : undefined
}

function firstLiteral(line: string): string | undefined {
  return /(['"`])((?:\\.|(?!\1).)+)\1/.exec(line)?.[2]?.replace(/\\(.)/g, '$1')
}

function expandIds(list: string): string[] {
  return list.split(', ').flatMap(entry => {
    const [first = '', last] = entry.split('..')
    if (last === undefined) return [first]
    const dash = first.lastIndexOf('-')
    const from = Number(first.slice(dash + 1))
    return Array.from({ length: Number(last) - from + 1 }, (_, i) => `${first.slice(0, dash)}-${from + i}`)
  })
}

export interface MatrixInput {
  readonly document: MatrixDocument
  readonly markdown: string
  /** The source of each spec, by its path from the root. */
  readonly specs: Readonly<Record<string, string>>
  readonly cases: readonly Pick<Case, 'id' | 'sides'>[]
  /** Rows of MUST that are not followed; all others are. */
  readonly deviations?: readonly string[]
}

/** All that is wrong with a matrix and the tags that belong to it, in words; none is a matrix without blanks. */
export function checkMatrix({ document, markdown, specs, cases, deviations = [] }: MatrixInput): string[] {
  const rows = parseRows(markdown)
  const faults: string[] = []
  const tagged = new Map<string, string[]>()
  for (const [file, source] of Object.entries(specs)) {
    for (const { ids, name } of findTags(source)) {
      for (const id of ids.filter(id => id.startsWith(`${document.prefix}-`))) {
        if (name === undefined) faults.push(`${file}: the tag ${id} is not at a test`)
        else tagged.set(id, [...(tagged.get(id) ?? []), `${file}: ${name}`])
      }
    }
  }
  const ids = new Set<string>()
  for (const row of rows) {
    if (ids.has(row.id)) faults.push(`${row.id}: twice`)
    ids.add(row.id)
    faults.push(...faultsOf(row, document, cases, deviations).map(words => `${row.id}: ${words}`))
    const named = row.holders.flatMap(holder => (holder.kind === 'test' ? [`${holder.file}: ${holder.name}`] : []))
    const tests = tagged.get(row.id) ?? []
    faults.push(...named.filter(test => !tests.includes(test)).map(test => `${row.id}: no such test: ${test}`))
    faults.push(...tests.filter(test => !named.includes(test)).map(test => `${row.id}: not in the row: ${test}`))
  }
  faults.push(...[...tagged].filter(([id]) => !ids.has(id)).map(([id, tests]) => `${id}: no such row: ${tests}`))
  return faults
}

function faultsOf(
  { id, clause, level, who, holders }: Row,
  { prefix, outline, mayBeUnimplemented = false }: MatrixDocument,
  cases: MatrixInput['cases'],
  deviations: readonly string[],
): string[] {
  const faults: string[] = []
  if (!id.startsWith(`${prefix}-${clause}-`) || !new RegExp(`^${ID}$`).test(id))
    faults.push('not an id of its clause')
  if (!hasClause(outline, clause)) faults.push(`there is no §${clause}`)
  if (!LEVELS.includes(level)) faults.push(`unknown level: ${level}`)
  const sides = WHO[who]
  if (sides === undefined) faults.push(`neither server nor client: ${who}`)
  if (holders.length === 0) faults.push('nothing holds it')
  for (const holder of holders) {
    if (holder.kind === 'not implemented' && !mayBeUnimplemented) faults.push('not implemented')
    if (holder.kind === 'deviation' && !SHOULD_LEVELS.includes(level) && !deviations.includes(id))
      faults.push('only what is no MUST may be deviated from')
    if (holder.kind !== 'case') continue
    const found = cases.find(({ id }) => id === holder.id)
    if (found === undefined) faults.push(`no such case: ${holder.id}`)
    else if (sides !== undefined && !found.sides.some(side => sides.includes(side)))
      faults.push(`not a case for a ${who}: ${holder.id}`)
  }
  return faults
}

/** Whether the sections of a document go that far: 4.2.2 is the second of those of 4.2. */
function hasClause(outline: MatrixDocument['outline'], clause: string): boolean {
  const parts = clause.split('.')
  return parts.every(
    (part, at) => /^[1-9]\d*$/.test(part) && Number(part) <= (outline[parts.slice(0, at).join('.')] ?? 0),
  )
}

/** How many rows are held by what; one that is held by specs and cases counts for both. */
export function countRows(rows: readonly Row[]): string {
  const count = (kind: Holder['kind']) =>
    rows.filter(({ holders }) => holders.some(holder => holder.kind === kind)).length
  const counts = [`${rows.length} rows`, `${count('test')} held by specs`, `${count('case')} by cases`]
  counts.push(`${count('deviation')} deviations`, `${count('not implemented')} not implemented`)
  return counts.join(', ')
}
