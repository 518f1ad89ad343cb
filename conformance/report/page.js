/** Shows the report that is in the page: an overview of peers and groups, the matrix, and a case with its wire log. */

const report = JSON.parse(document.querySelector('#report').textContent)
const page = document.querySelector('#page')

/** The verdicts: their class, and the word in a cell. */
const BEHAVIORS = {
  OK: ['ok', 'OK'],
  'NON-STRICT': ['lax', 'non-strict'],
  INFORMATIONAL: ['told', 'told only'],
  UNIMPLEMENTED: ['none', 'not offered'],
  FAILED: ['bad', 'failed'],
}

const CLOSES = {
  'WRONG CODE': 'wrong code',
  UNCLEAN: 'unclean',
  'FAILED BY CLIENT': 'no TCP end',
  FAILED: 'close',
}

const isBad = ({ behavior, behaviorClose }) => behavior === 'FAILED' || behaviorClose in CLOSES
const classOf = result => (isBad(result) ? 'bad' : BEHAVIORS[result.behavior][0])

/** What is shown: the classes that are on, and a text to look for. */
const filter = { classes: new Set(['ok', 'lax', 'told', 'none', 'bad']), text: '' }

function element(name, attributes = {}, ...children) {
  const it = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) it.addEventListener(key.slice(2), value)
    else if (value === true) it.setAttribute(key, '')
    else if (value !== undefined && value !== false) it.setAttribute(key, value)
  }
  it.append(...children.filter(child => child !== undefined && child !== ''))
  return it
}

function casesOf(group) {
  return report.cases.filter(it => it.group === group.id)
}

function resultsOf(run, group) {
  return casesOf(group).flatMap(({ id }) => run.results[id] ?? [])
}

function countClasses(results) {
  const counts = { ok: 0, lax: 0, told: 0, none: 0, bad: 0 }
  for (const result of results) counts[classOf(result)]++
  return counts
}

const groups = report.groups.filter(group => casesOf(group).length > 0)

function bar(counts) {
  const parts = Object.entries(counts).filter(([, count]) => count > 0)
  return element(
    'span',
    { class: 'bar', 'aria-hidden': 'true' },
    ...parts.map(([name, count]) => element('i', { class: name, style: `flex: ${count}` })),
  )
}

function countWords({ ok, lax, told, none, bad }) {
  const words = [
    [bad, 'failed'],
    [lax, 'non-strict'],
    [none, 'not offered'],
    [told, 'told only'],
    [ok, 'OK'],
  ]
  return words
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(', ')
}

function overview() {
  const head = element(
    'tr',
    {},
    element('th', {}, 'Peer'),
    ...groups.map(({ id, title }) =>
      element('th', { scope: 'col', title }, element('span', { class: 'number' }, id), short(title)),
    ),
  )
  const rows = report.runs.map(run => {
    const all = countClasses(Object.values(run.results))
    const about = `${run.side}, ${(run.duration / 1000).toFixed(1)} s: ${countWords(all)}`
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, run.agent, element('small', {}, about)),
      ...groups.map(group => {
        const counts = countClasses(resultsOf(run, group))
        const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
        if (total === 0) return element('td', {}, '–')
        const good = total - counts.bad
        const link = { href: `#group-${group.id}`, title: countWords(counts) }
        return element(
          'td',
          {},
          element('a', link, counts.bad === 0 ? `${total}` : `${good} of ${total}`, bar(counts)),
        )
      }),
    )
  })
  return element(
    'div',
    { class: 'card overview' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
  )
}

function short(title) {
  return title
    .replace(/^Compression: /, 'Deflate: ')
    .replace(/ and round trips$/, '')
    .replace(/^Automatic /, 'Auto ')
    .replace(/^Opening a (server|client): to be /, 'Opening: ')
    .replace(/^Event stream (server|client)s: /, 'Streams: ')
    .replace(/^What Autobahn does not see$/, 'Unseen else\u00adwhere')
    .replace(/ragmentation$/, 'ragmen\u00adtation')
}

function tools(onChange) {
  const counts = countClasses(report.runs.flatMap(run => Object.values(run.results)))
  const names = { bad: 'Failed', lax: 'Non-strict', ok: 'OK', told: 'Told only', none: 'Not offered' }
  const chips = Object.entries(names)
    .filter(([name]) => counts[name] > 0)
    .map(([name, word]) => {
      const chip = element(
        'button',
        { class: `chip ${name}`, type: 'button', 'aria-pressed': 'true' },
        word,
        element('b', {}, `${counts[name]}`),
      )
      chip.addEventListener('click', () => {
        const on = !filter.classes.has(name)
        if (on) filter.classes.add(name)
        else filter.classes.delete(name)
        chip.setAttribute('aria-pressed', String(on))
        onChange()
      })
      return chip
    })
  const search = element('input', {
    type: 'search',
    placeholder: 'Find a case: 6.4, ping, …',
    'aria-label': 'Find a case',
  })
  search.addEventListener('input', () => {
    filter.text = search.value.trim().toLowerCase()
    onChange()
  })
  return element('div', { class: 'tools' }, search, ...chips)
}

function isShown({ id, title }) {
  const { text, classes } = filter
  if (text !== '' && !id.startsWith(text) && !title.toLowerCase().includes(text)) return false
  return report.runs.some(run => run.results[id] !== undefined && classes.has(classOf(run.results[id])))
}

function matrix() {
  const sections = groups.flatMap(group => {
    const cases = casesOf(group).filter(isShown)
    if (cases.length === 0) return []
    const head = element(
      'tr',
      {},
      element('th', {}, ''),
      element('th', {}, ''),
      ...report.runs.map(({ agent }) => element('th', { scope: 'col' }, agent)),
    )
    const body = cases.map(it =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, it.id),
        element('td', { class: 'title' }, it.title),
        ...report.runs.map((run, i) => element('td', { class: 'cell' }, cell(run, i, it))),
      ),
    )
    const table = element(
      'table',
      { class: 'cases' },
      report.runs.length > 1 ? element('thead', {}, head) : '',
      element('tbody', {}, ...body),
    )
    const count = `${cases.length} ${cases.length === 1 ? 'case' : 'cases'}`
    return element(
      'details',
      { class: 'card group', id: `group-${group.id}`, open: true },
      element('summary', {}, element('h2', {}, `${group.id}  ${group.title}`), element('span', {}, count)),
      element('div', { class: 'scroll' }, table),
    )
  })
  return sections.length > 0 ? sections : [element('p', { class: 'empty' }, 'No case is like that.')]
}

function cell(run, index, it) {
  const result = run.results[it.id]
  if (result === undefined) return '–'
  const close = CLOSES[result.behaviorClose]
  const told = close === undefined ? element('small', {}, duration(result.duration)) : element('em', {}, close)
  const word = BEHAVIORS[result.behavior][1]
  return element('button', { type: 'button', class: classOf(result), onclick: () => show(index, it.id) }, word, told)
}

function duration(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}

const dialog = element('dialog', { 'aria-label': 'A case' })
dialog.addEventListener('click', event => event.target === dialog && dialog.close())
// The event comes late: another case may be open by then.
dialog.addEventListener(
  'close',
  () => dialog.open || history.replaceState(null, '', location.pathname + location.search),
)

function show(index, id) {
  const run = report.runs[index]
  const it = report.cases.find(other => other.id === id)
  const result = run?.results[id]
  if (it === undefined || result === undefined) return
  history.replaceState(null, '', `#case-${index}-${id}`)
  const list = report.cases.filter(other => run.results[other.id] !== undefined)
  const at = list.indexOf(it)
  const step = (by, word, label) =>
    element(
      'button',
      { type: 'button', 'aria-label': label, onclick: () => list[at + by] && show(index, list[at + by].id) },
      word,
    )
  dialog.replaceChildren(
    element(
      'div',
      { class: 'detail' },
      element(
        'header',
        {},
        element('div', {}, element('h2', {}, id), element('p', { class: 'about' }, run.agent)),
        element(
          'nav',
          {},
          step(-1, '←', 'The case before'),
          step(1, '→', 'The next case'),
          element('button', { type: 'button', onclick: () => dialog.close() }, 'Close'),
        ),
      ),
      element('p', { class: 'about' }, it.title),
      facts(result),
      element('div', { class: 'card log' }, ...result.log.map(entry)),
    ),
  )
  if (!dialog.open) dialog.showModal()
  dialog.scrollTop = 0
}

function facts(result) {
  const closeClass = result.behaviorClose in CLOSES ? 'bad' : result.behaviorClose === 'OK' ? 'ok' : 'told'
  const row = (name, verdict, className, words) => [
    element('dt', {}, name),
    element('dd', { class: `verdict ${className}` }, verdict),
    element('dd', { class: 'words' }, words),
  ]
  return element(
    'dl',
    { class: 'card facts' },
    ...row('Case', result.behavior, BEHAVIORS[result.behavior][0], result.words),
    ...row('Close', result.behaviorClose, closeClass, result.closeWords),
  )
}

const WAYS = { suite: 'suite →', testee: '← peer', note: '' }

function entry({ at, from, words, hex, bytes, text }) {
  const left = hex !== undefined && bytes > hex.length / 2 ? ` … ${bytes} bytes in all` : ''
  return element(
    'div',
    { class: from },
    element('span', { class: 'at' }, `${at.toFixed(1)} ms`),
    element('span', { class: 'way' }, WAYS[from]),
    element(
      'div',
      { class: 'content' },
      words,
      hex === undefined ? '' : element('code', { class: 'hex' }, ...hexParts(hex, words), left),
      text === undefined ? '' : element('span', { class: 'text' }, text),
    ),
  )
}

/** Header, masking key and payload of a frame, apart. What is no whole frame is not taken apart. */
function hexParts(hex, words) {
  const spaced = digits => digits.replace(/../g, '$& ').trimEnd()
  if (/^(header|\d+ bytes of)/.test(words) || hex.length < 4) return [spaced(hex)]
  const second = Number.parseInt(hex.slice(2, 4), 16)
  const short = second & 127
  const header = 4 + (short === 126 ? 4 : short === 127 ? 16 : 0)
  const key = header + (second > 127 ? 8 : 0)
  const parts = [element('span', { class: 'header', title: 'header' }, spaced(hex.slice(0, header)))]
  if (key > header)
    parts.push('  ', element('span', { class: 'key', title: 'masking key' }, spaced(hex.slice(header, key))))
  if (hex.length > key) parts.push('  ', spaced(hex.slice(key)))
  return parts
}

const list = element('div', {})
const update = () => list.replaceChildren(...matrix())
const made = new Date(report.made)
page.append(
  element(
    'div',
    { class: 'top' },
    element('h1', {}, 'Conformance'),
    element(
      'p',
      {},
      `${report.cases.length} cases, ${report.runs.length === 1 ? 'one peer' : `${report.runs.length} peers`}, `,
      element('time', { datetime: report.made }, made.toLocaleString()),
    ),
  ),
  overview(),
  tools(update),
  list,
  dialog,
)
update()

function openFromAddress() {
  const [, index, id] = /^#case-(\d+)-(.+)$/.exec(decodeURIComponent(location.hash)) ?? []
  if (id !== undefined) show(Number(index), id)
}

addEventListener('hashchange', openFromAddress)
openFromAddress()
