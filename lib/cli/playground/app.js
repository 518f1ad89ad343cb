/** The page around the panels: colours, shortcuts, and the panels themselves. */
import { $, storage } from './dom.js'
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

const panels = [new WebSocketPanel()]

const shortcuts = { '?': () => $('shortcuts').showModal(), t: nextTheme }
for (const panel of panels) Object.assign(shortcuts, panel.shortcuts)

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
  const shortcut = shortcuts[event.key] ?? shortcuts[event.key.toLowerCase()]
  if (shortcut === undefined) return
  event.preventDefault()
  shortcut()
})

for (const panel of panels) panel.start()
