/** The page around the panels: colours, shortcuts, and the panels themselves. */
import { $, storage } from './dom.js'
import { EventStreamPanel } from './event-stream-panel.js'
import { WebSocketPanel } from './websocket-panel.js'

const THEMES = ['system', 'light', 'dark']

function showTheme(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  $('theme-icon').setAttribute('href', `#icon-${theme}`)
  $('theme-name').textContent = theme[0].toUpperCase() + theme.slice(1)
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length]
  storage.set('theme', theme === 'system' ? null : theme)
  showTheme(theme)
}

function currentTheme() {
  return document.documentElement.dataset.theme ?? 'system'
}

showTheme(currentTheme())
$('theme').addEventListener('click', nextTheme)

/** By the id of their section, in the order of the tabs. */
const panels = { websocket: new WebSocketPanel(), 'event-stream': new EventStreamPanel() }
const names = Object.keys(panels)
const started = new Set()
let shown = null

/** Shows the panel that the address names. Any other hash leads to something on the panel that is shown. */
function showPanel() {
  const named = location.hash.slice(1) || names[0]
  const name = Object.hasOwn(panels, named) ? named : (shown ?? names[0])
  if (name === shown) return
  shown = name
  for (const section of document.querySelectorAll('#panels > .panel')) section.hidden = section.id !== name
  for (const link of document.querySelectorAll('.transports a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  for (const part of document.querySelectorAll('#shortcuts [data-panel]')) part.hidden = part.dataset.panel !== name
  if (started.has(name)) return
  // Nothing connects before somebody looks at it.
  started.add(name)
  panels[name].start()
}

const shortcuts = { '?': () => $('shortcuts').showModal(), t: nextTheme }
for (const [i, name] of names.entries()) {
  shortcuts[i + 1] = () => {
    location.hash = name
  }
}

$('shortcuts-open').addEventListener('click', shortcuts['?'])
$('shortcuts').addEventListener('click', event => {
  if (event.target === $('shortcuts')) $('shortcuts').close()
})
$('single-keys').checked = storage.get('single-keys') !== 'off'
$('single-keys').addEventListener('change', event => {
  storage.set('single-keys', event.target.checked ? null : 'off')
})

const TYPED_IN = 'textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])'

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (!$('single-keys').checked || $('shortcuts').open || event.target.closest(TYPED_IN)) return
  const known = { ...shortcuts, ...panels[shown].shortcuts }
  const shortcut = known[event.key] ?? known[event.key.toLowerCase()]
  if (shortcut === undefined) return
  event.preventDefault()
  shortcut()
})

addEventListener('hashchange', showPanel)
showPanel()
