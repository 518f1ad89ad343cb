/** The WebSocket panel: its controls on one side, the connection on the other. */
import { formatInteger, formatMilliseconds, plural, randomBytes, readHex, toHex, utf8 } from './bytes.js'
import { Connection, isOwn, ownAddress, readAddress } from './connection.js'
import { $ } from './dom.js'
import { EntryMaker } from './entries.js'
import { EntryList } from './entry-list.js'
import { closeSummary, closeView, Inspector, whoClosed } from './inspector.js'
import { RoundTrips } from './round-trips.js'

const MOST_RANDOM_BYTES = 16_777_216
const MOST_PIECES = 50
const MOST_REASON_BYTES = 123
const FILLER = 'The quick brown fox jumps over the lazy dog. '

const SAMPLES = {
  small: () => 'Hello',
  125: () => fillerOf(125),
  126: () => fillerOf(126),
  '64k': () => fillerOf(65_536),
  emoji: () => 'Grüße, 世界! 🌍 👩‍🚀',
  bytes: () => Uint8Array.from({ length: 256 }, (_, i) => i),
  empty: () => '',
}

const STATES = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  open: 'Connected',
  closing: 'Closing…',
  closed: 'Closed',
  failed: 'Failed',
}

function fillerOf(length) {
  return FILLER.repeat(Math.ceil(length / FILLER.length)).slice(0, length)
}

/** What the browser says, without “Failed to execute 'x' on 'WebSocket'”. */
function wordsOf(error) {
  return error.message.replace(/^Failed to (execute|construct) '[^']*'( on '[^']*')?: /, '')
}

/** As much of a message, in hex, as the server tells of a frame's payload. */
function startOf(data) {
  // 256 characters make at least 256 bytes.
  return toHex((typeof data === 'string' ? utf8(data.slice(0, 256)) : data).subarray(0, 256))
}

function wholeNumber(input, least, most) {
  const number = Number(input)
  if (input.trim() === '' || !Number.isInteger(number) || number < least || number > most) {
    throw new Error(`Give a whole number from ${formatInteger(least)} to ${formatInteger(most)}`)
  }
  return number
}

export class WebSocketPanel {
  #number = 0
  #session = null
  #list
  #inspector
  #roundTrips

  shortcuts = {
    '/': () => {
      $('compose-text').click()
      $('text').focus()
      $('text').select()
    },
    f: () => this.#list.focus(),
    p: () => this.#ping(),
    m: () => this.#roundTrips.toggle(),
    c: () => this.#toggleConnection(),
  }

  constructor() {
    this.#inspector = new Inspector({
      title: $('inspector-title'),
      subtitle: $('inspector-subtitle'),
      body: $('inspector-body'),
    })
    this.#list = new EntryList({
      box: $('frames'),
      count: $('frame-count'),
      newest: $('newest'),
      onSelect: entry => this.#inspector.show(entry),
    })
    this.#roundTrips = new RoundTrips({
      chart: $('rtt-chart'),
      auto: $('auto'),
      empty: $('rtt-empty'),
      note: $('rtt-note'),
      sendEcho: text => this.#isOpen && this.#send(text, false),
      sendPing: () => this.#sendPing(false),
    })
    this.#wireConnection()
    this.#wireComposer()
    this.#wireFrames()
    this.#wireServer()
    this.#wireClosing()
    this.#inspector.show(null)
  }

  /** Connects for the first time; from then on only the button does. */
  start() {
    $('url').value = ownAddress()
    this.#showState('idle')
    this.#connect()
  }

  get #isOpen() {
    return this.#session?.connection.state === 'open'
  }

  // Connection

  #wireConnection() {
    $('connection-form').addEventListener('submit', event => {
      event.preventDefault()
      // Enter in a field is meant for connecting only.
      if ($('connect-toggle').dataset.action === 'connect' || document.activeElement === $('connect-toggle')) {
        this.#toggleConnection()
      }
    })
    $('error-dismiss').addEventListener('click', () => {
      this.#showError('')
      $('connect-toggle').focus()
    })
  }

  #toggleConnection() {
    if ($('connect-toggle').dataset.action === 'connect') this.#connect()
    else this.#session.connection.close(1000, '')
  }

  #connect() {
    this.#showError('')
    let address
    try {
      address = readAddress($('url').value)
    } catch (error) {
      this.#showError(error.message)
      $('url').focus()
      return
    }
    const protocols = $('protocol')
      .value.split(/[\s,]+/)
      .filter(name => name !== '')
    const session = { maker: new EntryMaker(++this.#number), sends: [], pings: [], probes: new Set(), wanted: null }
    session.connection = new Connection(address, protocols, {
      stateChanged: state => this.#onState(session, state),
      watchChanged: (watching, why) => this.#onWatch(session, watching, why),
      handshake: event => {
        const entry = session.maker.handshake(event)
        this.#list.add(entry)
        this.#list.select(entry)
      },
      frame: frame => this.#onFrame(session, frame),
      message: data => this.#onMessage(session, data),
      roundTrip: milliseconds => this.#onRoundTrip(session, milliseconds),
      refused: event => this.#onRefused(event),
      failed: error => this.#onFailed(error),
      closed: record => this.#onClosed(session, record),
      settled: record => this.#onSettled(session, record),
    })
    this.#session = session
    $('close-record').hidden = true
    this.#onState(session, 'connecting')
    session.connection.open()
  }

  #onState(session, state) {
    if (session !== this.#session) return
    if (state === 'open') this.#roundTrips.reset(session.connection.url)
    this.#showState(state)
  }

  #showState(state) {
    const { connection } = this.#session ?? {}
    const open = state === 'open'
    const busy = open || state === 'connecting' || state === 'closing'
    $('connection').dataset.state = state
    $('state').textContent = STATES[state]
    if (open) {
      const protocol = connection.protocol ? `Subprotocol ${connection.protocol}` : 'No subprotocol'
      $('state-detail').textContent = [protocol, connection.extensions].filter(part => part !== '').join(', ')
    } else if (busy || state === 'idle') $('state-detail').textContent = ''
    const toggle = $('connect-toggle')
    toggle.dataset.action = busy ? 'disconnect' : 'connect'
    toggle.textContent = state === 'connecting' ? 'Cancel' : busy ? 'Disconnect' : 'Connect'
    $('url').readOnly = busy
    $('protocol').readOnly = busy
    const focused = document.activeElement
    this.#enable()
    if (focused?.matches(':disabled')) toggle.focus({ preventScroll: true })
    $('first-hint').hidden = !(open && this.#list.isQuiet)
  }

  #enable() {
    const open = this.#isOpen
    const watched = open && this.#session.connection.watching
    for (const control of document.querySelectorAll('#websocket [data-needs]')) {
      control.disabled = !(control.dataset.needs === 'open' ? open : watched)
    }
    if ($('closer-server').checked) $('close').disabled = !watched
    $('server-note').hidden = !open || watched
    $('connection').dataset.watching = String(watched)
  }

  #onWatch(session, watching, why) {
    if (session !== this.#session) return
    const own = isOwn(new URL(session.connection.url))
    $('frames-title').textContent = watching ? 'Frames' : 'Messages'
    const note = $('watch-note')
    note.hidden = watching
    note.textContent = watching
      ? ''
      : own
        ? `${why ?? 'The server does not tell about frames.'} What follows are messages, as the browser hands them to the page.`
        : 'A page never sees frames: here the wirewright server reports its own. Of this server you see messages only, as the browser hands them over.'
    this.#enable()
  }

  #onFailed(error) {
    this.#showState('failed')
    $('state-detail').textContent = ''
    this.#showError(`The browser refused to connect: ${wordsOf(error)}`)
  }

  #onClosed(session, record) {
    if (session !== this.#session) return
    if (!record.opened && record.askedFrom === 'page') {
      this.#showState('idle')
      return
    }
    this.#showState(record.opened ? 'closed' : 'failed')
    this.#showRecord(record)
    if (record.opened) return
    const { url } = session.connection
    const reasons = ['nothing listens there', 'it is not a WebSocket endpoint', 'it turned the request down']
    if ($('protocol').value.trim() !== '') reasons.push('it knows none of the subprotocols on offer')
    if (location.protocol === 'https:' && url.startsWith('ws:')) {
      reasons.push('a page from https may not open ws://, only wss://')
    }
    this.#showError(
      `Could not connect to ${url}. Browsers do not tell pages why. Usual reasons: ${reasons.join('; ')}.`,
    )
  }

  #onSettled(session, record) {
    if (!record.opened && record.askedFrom === 'page') return
    this.#list.add(session.maker.closed(record))
    if (session === this.#session) this.#showRecord(record)
  }

  #showRecord(record) {
    $('state-detail').textContent = record.opened
      ? `${closeSummary(record)}, by ${whoClosed(record)}`
      : 'The opening handshake did not succeed'
    const view = $('close-record')
    view.replaceChildren(closeView(record))
    view.hidden = !record.opened
  }

  #showError(text) {
    $('error').hidden = text === ''
    $('error-text').textContent = text
  }

  // What comes in

  #onFrame(session, frame) {
    const entry = session.maker.frame(frame)
    const follow = this.#relate(session, entry)
    this.#list.add(entry)
    if (follow) this.#list.select(entry)
    if (!(entry.probe && $('hide-probes').checked)) $('first-hint').hidden = true
  }

  /** Tells probes from the rest, and whether the frame is what someone here just asked for. */
  #relate(session, entry) {
    const { frame } = entry
    const isStart = frame.opcode === 1 || frame.opcode === 2
    if (frame.direction === 'in') {
      if (isStart) {
        // By what was sent and not by counting: the server may leave out frames when there are very many.
        // What is compressed does not look like what was sent.
        const at = frame.rsv1
          ? session.sends.length > 0
            ? 0
            : -1
          : session.sends.findIndex(({ start }) => start.startsWith(frame.payload))
        return at >= 0 && session.sends.splice(0, at + 1).at(-1).byHand
      }
      if (frame.opcode === 10) entry.probe = session.probes.delete(frame.payload)
    } else if (frame.opcode === 9) {
      const byHand = session.pings.shift()
      if (byHand === false) {
        session.probes.add(frame.payload)
        entry.probe = true
      }
      return byHand === true
    } else if (frame.opcode === 1 && session.wanted?.startsWith(frame.payload)) {
      session.wanted = null
      return true
    }
    if (frame.opcode !== 8 || session.closing) return false
    session.closing = true
    return true
  }

  #onMessage(session, data) {
    this.#roundTrips.received(data)
    if (session.connection.watching) return
    this.#list.add(session.maker.message(data, 'out', session.connection.age))
    $('first-hint').hidden = true
  }

  #onRoundTrip(session, milliseconds) {
    if (session !== this.#session) return
    this.#roundTrips.pinged(milliseconds)
    if (session.pingByHand) {
      session.pingByHand = false
      $('ping-result').textContent = `${formatMilliseconds(milliseconds)} ms from ping to pong`
    }
  }

  #onRefused(event) {
    if (event.command === 'close') this.#showProblem('close', `The server refused: ${event.message}`)
    else this.#showError(`The server refused: ${event.message}`)
  }

  // Composer

  #wireComposer() {
    const composer = $('composer')
    for (const radio of composer.elements.compose) {
      radio.addEventListener('change', () => this.#showComposer())
    }
    for (const id of ['text', 'hex', 'random-size']) {
      $(id).addEventListener('input', () => this.#showComposer())
      $(id).addEventListener('keydown', event => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
        event.preventDefault()
        this.#compose()
        $(id).select()
      })
    }
    composer.addEventListener('submit', event => {
      event.preventDefault()
      this.#compose()
    })
    $('samples').addEventListener('click', event => {
      const sample = event.target.closest('[data-sample]')?.dataset.sample
      if (sample) this.#sendByHand(SAMPLES[sample]())
    })
    $('first-send').addEventListener('click', () => {
      $('compose-text').click()
      this.#compose()
      this.#list.focus()
    })
    this.#showComposer()
  }

  get #composed() {
    const kind = $('composer').elements.compose.value
    if (kind === 'text') return $('text').value
    if (kind === 'hex') return readHex($('hex').value)
    return { random: wholeNumber($('random-size').value, 0, MOST_RANDOM_BYTES) }
  }

  #showComposer() {
    const kind = $('composer').elements.compose.value
    for (const part of $('composer').querySelectorAll('[data-compose]')) part.hidden = part.dataset.compose !== kind
    $('first-text').textContent = $('text').value.length > 24 ? `${$('text').value.slice(0, 23)}…` : $('text').value
    try {
      const composed = this.#composed
      this.#showProblem('compose', '')
      if (typeof composed === 'string') {
        const characters = Array.from(composed).length
        const bytes = utf8(composed).length
        $('composer-size').textContent =
          characters === bytes
            ? plural(bytes, 'byte')
            : `${plural(characters, 'character')}, ${plural(bytes, 'byte')}`
      } else $('composer-size').textContent = plural(composed.random ?? composed.length, 'byte')
    } catch (error) {
      $('composer-size').textContent = ''
      this.#showProblem('compose', error.message)
    }
  }

  #compose() {
    let composed
    try {
      composed = this.#composed
    } catch (error) {
      this.#showProblem('compose', error.message)
      return
    }
    this.#sendByHand(composed.random === undefined ? composed : randomBytes(composed.random))
  }

  #sendByHand(data) {
    if (!this.#isOpen) {
      this.#showError('There is no open connection to send on. Connect first.')
      return
    }
    this.#showError('')
    this.#send(data, true)
  }

  #send(data, byHand) {
    const session = this.#session
    try {
      session.connection.send(data)
    } catch (error) {
      this.#showError(`The browser did not send: ${wordsOf(error)}`)
      return false
    }
    if (session.connection.watching) session.sends.push({ start: startOf(data), byHand })
    else {
      const entry = session.maker.message(data, 'in', session.connection.age)
      this.#list.add(entry)
      if (byHand) this.#list.select(entry)
    }
    if (byHand) $('first-hint').hidden = true
    return true
  }

  // Frames

  #wireFrames() {
    const filter = () => {
      this.#list.setFilter($('frame-filter').value, $('hide-probes').checked)
      if (!this.#list.isQuiet) $('first-hint').hidden = true
    }
    $('frame-filter').addEventListener('change', filter)
    $('hide-probes').addEventListener('change', filter)
    filter()
    $('clear').addEventListener('click', () => this.#list.clear())
  }

  // What the server is asked to do

  #wireServer() {
    $('ping').addEventListener('click', () => this.#ping())
    $('server-form').addEventListener('submit', event => {
      event.preventDefault()
      let pieces
      try {
        pieces = wholeNumber($('pieces').value, 1, MOST_PIECES)
        this.#showProblem('server', '')
      } catch (error) {
        this.#showProblem('server', `Frames: ${error.message.toLowerCase()}`)
        return
      }
      if (!this.#isOpen) return
      const { connection } = this.#session
      const text = $('server-text').value
      this.#session.wanted = toHex(utf8(text))
      if (pieces === 1) connection.command('send', { text })
      else connection.command('fragments', { text, pieces })
    })
  }

  #ping() {
    if (this.#sendPing(true)) {
      this.#session.pingByHand = true
      return
    }
    $('ping-result').textContent = this.#isOpen
      ? 'Only the wirewright server can be asked to ping.'
      : 'Not connected.'
  }

  #sendPing(byHand) {
    if (!this.#isOpen || !this.#session.connection.watching) return false
    this.#session.pings.push(byHand)
    this.#session.connection.command('ping')
    return true
  }

  // Closing

  #wireClosing() {
    const form = $('close-form')
    const refresh = () => {
      const fromBrowser = $('closer-browser').checked
      $('close-hint').textContent = fromBrowser
        ? 'Browsers let pages send 1000 and 3000–4999 only: try another. With both fields empty the frame is empty.'
        : 'A server may send 1000–1003, 1007–1014 and 3000–4999.'
      const bytes = utf8($('close-reason').value).length
      $('reason-size').textContent = `${bytes} of ${MOST_REASON_BYTES} bytes`
      this.#showProblem('close', '')
      this.#enable()
    }
    form.addEventListener('input', refresh)
    form.addEventListener('submit', event => {
      event.preventDefault()
      this.#closeByHand()
    })
    refresh()
  }

  #closeByHand() {
    this.#showProblem('close', '')
    if (!this.#isOpen) return
    const reason = $('close-reason').value
    const fromServer = $('closer-server').checked
    if ($('close-code').value.trim() === '') {
      if (reason !== '') this.#showProblem('close', 'A reason needs a code before it')
      else if (fromServer) this.#session.connection.command('close')
      else this.#session.connection.close()
      return
    }
    let code
    try {
      code = wholeNumber($('close-code').value, 0, 65_535)
    } catch (error) {
      this.#showProblem('close', `Code: ${error.message.toLowerCase()}`)
      return
    }
    if (fromServer) {
      if (utf8(reason).length > MOST_REASON_BYTES) {
        this.#showProblem(
          'close',
          `The reason takes ${plural(utf8(reason).length, 'byte')}; 123 fit in a Close frame`,
        )
      } else this.#session.connection.command('close', { code, reason })
      return
    }
    try {
      this.#session.connection.close(code, reason)
    } catch (error) {
      this.#showProblem('close', `The browser refused: ${wordsOf(error)}`)
    }
  }

  /** Shows what is wrong next to the control it is about. */
  #showProblem(of, text) {
    const problem = $(`${of}-error`)
    problem.hidden = text === ''
    problem.textContent = text
  }
}
