/**
 * The list of entries: bounded, newest at the bottom and kept in view as long as the reader stays at the bottom.
 * A listbox: one tab stop, arrow keys move the selection.
 */

import { formatInteger, plural } from './bytes.js'
import { html, icon } from './dom.js'
import { DIRECTIONS, describe, formatLength } from './entries.js'
import { hexOpcode, isControl } from './protocol.js'

const LIMIT = 500
const PAGE = 10
const LATER = 200

const isTraffic = entry => entry.kind === 'frame' || entry.kind === 'message'

const FILTERS = {
  all: () => true,
  data: entry => entry.kind !== 'frame' || !isControl(entry.frame.opcode),
  control: entry => entry.kind !== 'message' && (entry.kind !== 'frame' || isControl(entry.frame.opcode)),
}

export class EntryList {
  #box
  #count
  #newest
  #onSelect
  #render
  #counts
  #noun
  #rows = new Map()
  #entries = []
  #waiting = []
  #selected = null
  #next = 1
  #seen = 0
  #missed = 0
  #atBottom = true
  #filter = 'all'
  #hideProbes = false
  #soon = null
  #later = null

  /**
   * `box` is the listbox, `count` says how many, `newest` is the button that jumps to the bottom. What is not about
   * frames says how its entries look (`render`), which of them are counted (`counts`) and as what (`noun`).
   */
  constructor({ box, count, newest, onSelect, render = renderRow, counts = isTraffic, noun = null }) {
    this.#render = render
    this.#counts = counts
    this.#noun = noun
    this.#box = box
    this.#count = count
    this.#newest = newest
    this.#onSelect = onSelect
    box.addEventListener('click', event => {
      const row = event.target.closest('[role="option"]')
      if (row) this.select(this.#entryOf(row))
    })
    box.addEventListener('keydown', event => this.#onKey(event))
    box.addEventListener('scroll', () => {
      this.#atBottom = box.scrollHeight - box.scrollTop - box.clientHeight < 24
      if (this.#atBottom) this.#missed = 0
      this.#showNewest()
    })
    newest.addEventListener('click', () => {
      this.toNewest()
      box.focus({ preventScroll: true })
    })
    new ResizeObserver(() => {
      if (this.#atBottom) this.#scrollDown()
    }).observe(box)
  }

  get selected() {
    return this.#selected
  }

  add(entry) {
    entry.id = this.#next++
    if (this.#counts(entry)) this.#seen++
    this.#waiting.push(entry)
    if (this.#waiting.length > LIMIT) this.#waiting.shift()
    this.#schedule(this.#passes(entry))
  }

  /** Shows what has become known of an entry since it was added. */
  refresh(entry) {
    const row = this.#rows.get(entry)
    if (row === undefined) return
    const fresh = this.#prepare(entry)
    row.replaceWith(fresh)
    if (entry === this.#selected) this.#onSelect(entry)
    if (this.#atBottom) this.#scrollDown()
  }

  clear() {
    this.#entries = []
    this.#waiting = []
    this.#rows.clear()
    this.#box.replaceChildren()
    this.#seen = 0
    this.#missed = 0
    this.#atBottom = true
    this.#box.removeAttribute('aria-activedescendant')
    this.select(null)
    this.#showCount()
    this.#showNewest()
  }

  setFilter(filter, hideProbes) {
    this.#filter = filter
    this.#hideProbes = hideProbes
    for (const entry of this.#entries) this.#rows.get(entry).hidden = !this.#passes(entry)
    this.#showCount()
    if (this.#atBottom) this.#scrollDown()
  }

  select(entry) {
    if (this.#selected) this.#rows.get(this.#selected)?.setAttribute('aria-selected', 'false')
    this.#selected = entry
    if (entry && this.#waiting.includes(entry)) this.#flush()
    const row = entry && this.#rows.get(entry)
    if (row) {
      row.setAttribute('aria-selected', 'true')
      this.#box.setAttribute('aria-activedescendant', row.id)
      this.#reveal(row)
    } else this.#box.removeAttribute('aria-activedescendant')
    this.#onSelect(entry)
  }

  toNewest() {
    this.#missed = 0
    this.#scrollDown()
    this.#showNewest()
  }

  /** Nothing but handshakes and ends of connections so far. */
  get isQuiet() {
    return this.#seen === 0
  }

  focus() {
    this.#box.focus()
    if (this.#selected === null || this.#rows.get(this.#selected)?.hidden !== false) {
      const last = this.#visible().at(-1)
      if (last) this.select(last)
    }
  }

  #entryOf(row) {
    const id = Number(row.dataset.id)
    return this.#entries.find(entry => entry.id === id) ?? null
  }

  #passes(entry) {
    return FILTERS[this.#filter](entry) && !(this.#hideProbes && entry.probe)
  }

  #visible() {
    return this.#entries.filter(entry => this.#passes(entry))
  }

  /** Hidden rows can wait: laying out the page would count in with the round trip that they belong to. */
  #schedule(isUrgent) {
    if (isUrgent && !document.hidden) {
      clearTimeout(this.#later)
      this.#later = null
      this.#soon ??= requestAnimationFrame(() => this.#flush())
    } else this.#later ??= setTimeout(() => this.#flush(), LATER)
  }

  #flush() {
    cancelAnimationFrame(this.#soon)
    clearTimeout(this.#later)
    this.#soon = null
    this.#later = null
    if (this.#waiting.length === 0) return
    const wasAtBottom = this.#atBottom
    const added = document.createDocumentFragment()
    for (const entry of this.#waiting) {
      const row = this.#prepare(entry)
      added.append(row)
      if (!row.hidden && !wasAtBottom) this.#missed++
    }
    this.#entries.push(...this.#waiting)
    this.#waiting = []
    for (const entry of this.#entries.splice(0, Math.max(0, this.#entries.length - LIMIT))) {
      this.#rows.get(entry).remove()
      this.#rows.delete(entry)
      if (entry === this.#selected) this.#box.removeAttribute('aria-activedescendant')
    }
    this.#box.append(added)
    this.#showCount()
    if (wasAtBottom) this.#scrollDown()
    this.#showNewest()
  }

  #prepare(entry) {
    const row = this.#render(entry)
    row.id = `${this.#box.id}-${entry.id}`
    row.dataset.id = entry.id
    row.setAttribute('role', 'option')
    row.setAttribute('aria-selected', String(entry === this.#selected))
    row.hidden = !this.#passes(entry)
    this.#rows.set(entry, row)
    return row
  }

  /** Scrolls the list, and never the page as scrollIntoView would. */
  #reveal(row) {
    const above = row.offsetTop - this.#box.scrollTop
    const below = above + row.offsetHeight - this.#box.clientHeight
    if (above < 0) this.#box.scrollTop += above
    else if (below > 0) this.#box.scrollTop += below
  }

  #scrollDown() {
    this.#atBottom = true
    this.#box.scrollTop = this.#box.scrollHeight
  }

  #showNewest() {
    this.#newest.hidden = this.#atBottom
    this.#newest.lastElementChild.textContent = this.#missed > 0 ? `${formatInteger(this.#missed)} new` : 'Newest'
  }

  #showCount() {
    const kept = this.#entries.filter(this.#counts)
    const hidden = kept.filter(entry => !this.#passes(entry)).length
    const noun = this.#noun ?? (this.#entries.some(entry => entry.kind === 'message') ? 'message' : 'frame')
    const count =
      this.#seen > kept.length
        ? `last ${formatInteger(kept.length)} of ${plural(this.#seen, noun)}`
        : plural(this.#seen, noun)
    this.#count.textContent = hidden > 0 ? `${count}, ${formatInteger(hidden)} hidden` : count
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const visible = this.#visible()
    if (visible.length === 0) return
    const at = visible.indexOf(this.#selected)
    const to = {
      ArrowUp: at < 0 ? visible.length - 1 : at - 1,
      ArrowDown: at < 0 ? visible.length - 1 : at + 1,
      PageUp: at - PAGE,
      PageDown: at + PAGE,
      Home: 0,
      End: visible.length - 1,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    this.select(visible[Math.max(0, Math.min(visible.length - 1, to))])
    if (event.key === 'End') this.toNewest()
  }
}

function renderRow(entry) {
  const cells = [
    html('span', { class: 'time' }, (entry.at / 1000).toFixed(4)),
    entry.direction === null
      ? html('span', { class: 'direction' }, icon('end'), 'end')
      : html(
          'span',
          { class: 'direction' },
          icon(entry.direction === 'in' ? 'to-server' : 'to-browser'),
          DIRECTIONS[entry.direction].to,
        ),
    html(
      'span',
      { class: 'opcode' },
      entry.name,
      entry.kind === 'frame' && html('small', {}, hexOpcode(entry.frame.opcode)),
    ),
  ]
  if (entry.kind === 'frame') {
    const { frame } = entry
    cells.push(
      html('span', { class: 'fin', data: { set: frame.fin } }, frame.fin ? '1' : '0'),
      html(
        'span',
        { class: 'rsv' },
        [frame.rsv1, frame.rsv2, frame.rsv3].map(bit => html('b', { data: { set: bit } }, bit ? '1' : '0')),
      ),
      html('span', { class: 'mask', data: { set: frame.masked } }, frame.masked ? frame.maskingKey : '0'),
    )
  }
  if (entry.length !== null) cells.push(html('span', { class: 'length' }, formatLength(entry)))
  cells.push(
    html(
      'span',
      { class: 'preview' },
      entry.fragment && html('small', {}, `piece ${entry.fragment.number}${entry.fragment.last ? ', last' : ''}`),
      entry.length === 0 && !entry.preview ? html('i', {}, 'empty') : entry.preview,
    ),
  )
  return html(
    'div',
    {
      class: 'entry',
      'aria-label': describe(entry),
      data: {
        kind: entry.kind,
        direction: entry.direction ?? 'none',
        opcode: entry.frame?.opcode ?? '',
        probe: entry.probe === true,
      },
    },
    cells,
  )
}
