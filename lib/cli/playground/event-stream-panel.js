/** The event stream panel: its controls on one side, the session on the other. */
import { formatInteger, onOneLine } from './bytes.js'
import { $ } from './dom.js'
import { EntryList } from './entry-list.js'
import { EventInspector } from './event-inspector.js'
import { renderEventRow } from './event-rows.js'
import { EventStreamSession } from './event-stream-session.js'

const STATES = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  open: 'Open',
  waiting: 'Waiting to reconnect',
  closed: 'Closed',
}

/** Milliseconds without a watch on an open stream before it is worth a word. */
const UNWATCHED_PATIENCE = 1000

export class EventStreamPanel {
  #number = 0
  #session = null
  #list
  #endedBy = null
  /** A command of this page's is to lead to a request. */
  #isAwaited = false

  shortcuts = {
    f: () => this.#list.focus(),
    d: () => this.#command('drop'),
    c: () => this.#toggle(),
  }

  constructor() {
    const inspector = new EventInspector({
      title: $('event-title'),
      subtitle: $('event-subtitle'),
      body: $('event-body'),
    })
    this.#list = new EntryList({
      box: $('events'),
      count: $('event-count'),
      newest: $('events-newest'),
      onSelect: entry => inspector.show(entry),
      render: renderEventRow,
      counts: entry => entry.kind === 'event' && entry.type !== 'hello',
      noun: 'event',
    })
    $('stream-form').addEventListener('submit', event => {
      event.preventDefault()
      this.#toggle()
    })
    $('drop').addEventListener('click', () => this.#command('drop'))
    $('end').addEventListener('click', () => this.#command('close'))
    $('stop').addEventListener('click', () => this.#command('stop'))
    $('retry').addEventListener('change', () => this.#onRetry())
    $('events-clear').addEventListener('click', () => this.#list.clear())
    const address = new URL('/events?session=curl', location.href)
    $('shell').textContent = `curl -N '${address}'`
    this.#showState('idle')
  }

  /** Connects for the first time; from then on only the button does. */
  start() {
    this.#connect()
  }

  get #retry() {
    return Number(document.querySelector('#retry input:checked').value)
  }

  #toggle() {
    if ($('stream-toggle').dataset.action === 'connect') this.#connect()
    else this.#session.close()
  }

  #connect() {
    const session = new EventStreamSession(++this.#number, {
      stateChanged: state => session === this.#session && this.#showState(state),
      added: entry => this.#onAdded(session, entry),
      changed: entry => this.#list.refresh(entry),
      counted: counts => session === this.#session && this.#showCounts(counts),
      watchChanged: watching => this.#onWatch(session, watching),
      refused: message => session === this.#session && this.#showNote(`The server refused: ${message}.`),
    })
    this.#session = session
    this.#endedBy = null
    this.#isAwaited = true
    $('stream-url').value = session.url
    this.#showNote('')
    this.#showCounts(session.counts)
    this.#showState('connecting')
    session.open()
  }

  #onAdded(session, entry) {
    this.#list.add(entry)
    // The request that follows what was done here is what all this is about; otherwise the reader's choice stays.
    if (entry.kind === 'request' && (this.#isAwaited || this.#list.selected === null)) {
      this.#isAwaited = false
      this.#list.select(entry)
    }
    if (session === this.#session && entry.kind === 'end') this.#endedBy = entry
    if (session === this.#session && session.state === 'closed') this.#showState('closed')
  }

  #onWatch(session, watching) {
    if (session !== this.#session) return
    this.#enable()
    if (watching) this.#sendRetry()
    if (watching) this.#showNote('')
    // When the server goes away, the stream ends as well, a little later.
    else setTimeout(() => this.#showUnwatched(session), UNWATCHED_PATIENCE)
  }

  #showUnwatched(session) {
    if (session !== this.#session || session.watching || session.state !== 'open') return
    this.#showNote('The server does not tell what goes over the wire. Here is what the browser hands over.')
  }

  #sendRetry() {
    this.#session?.command('retry', { milliseconds: this.#retry })
  }

  #onRetry() {
    this.#sendRetry()
    if (this.#session?.state === 'waiting') this.#showNote('The browser learns it when it is back.')
  }

  #command(command) {
    if (!this.#isReachable(command)) return
    this.#isAwaited = true
    this.#session.command(command)
  }

  /** Whether there is something that the command can end, and a way to send it. */
  #isReachable(command) {
    const { state, watching } = this.#session ?? {}
    return watching === true && (state === 'open' || (command === 'stop' && state === 'waiting'))
  }

  #showState(state) {
    const isBusy = state !== 'idle' && state !== 'closed'
    $('stream').dataset.state = state
    $('stream-state').textContent = STATES[state]
    $('stream-detail').textContent = this.#detailOf(state)
    const toggle = $('stream-toggle')
    toggle.dataset.action = isBusy ? 'close' : 'connect'
    toggle.textContent = state === 'connecting' ? 'Cancel' : isBusy ? 'Close' : 'Connect'
    this.#showNote('')
    this.#enable()
  }

  #enable() {
    for (const [id, command] of [
      ['drop', 'drop'],
      ['end', 'close'],
      ['stop', 'stop'],
    ]) {
      // Not disabled while it waits: who has the focus there would lose it with each loss.
      $(id).setAttribute('aria-disabled', String(!this.#isReachable(command)))
    }
  }

  #detailOf(state) {
    if (state === 'waiting') {
      const { lastEventId } = this.#session.counts
      const from = lastEventId === '' ? '' : ` and goes on from ID ${onOneLine(lastEventId)}`
      return `The browser asks again by itself${from}`
    }
    if (state !== 'closed') return ''
    if (this.#endedBy?.reason === 'page') return 'By this page'
    if (this.#endedBy?.status === 204) return '204 No Content: the browser does not ask again'
    return 'The answer was no event stream: the browser does not ask again'
  }

  #showCounts({ events, replayed, missing, reconnections, lastEventId }) {
    $('count-events').textContent = formatInteger(events)
    $('count-replayed').textContent = formatInteger(replayed)
    $('count-missing').textContent = formatInteger(missing)
    $('count-reconnections').textContent = formatInteger(reconnections)
    $('last-event-id').textContent = lastEventId === '' ? '–' : lastEventId
  }

  #showNote(text) {
    $('stream-note').hidden = text === ''
    $('stream-note').textContent = text
  }
}
