/**
 * Round-trip times by two clocks: by echo (a tiny text message out and back, timed by the page) and by ping (timed
 * by the server).
 */
import { formatInteger, formatMilliseconds, plural } from './bytes.js'
import { Chart, statistics } from './chart.js'
import { $ } from './dom.js'

const INTERVAL = 1000
const KEPT = 600
const PATIENCE = 5000
const DRAWING_DELAY = 120

export class RoundTrips {
  #series = [
    { key: 'echo', label: 'echo', samples: [] },
    { key: 'ping', label: 'ping', samples: [] },
  ]
  #chart
  #auto
  #empty
  #note
  #sendEcho
  #sendPing
  #pending = new Map()
  #number = 0
  #url = null
  #timer = null
  #halfBeat = null
  #drawing = null
  #echoes = 0

  /** `sendEcho(text)` and `sendPing()` return false when they cannot now. */
  constructor({ chart, auto, empty, note, sendEcho, sendPing }) {
    this.#chart = new Chart(chart)
    this.#auto = auto
    this.#empty = empty
    this.#note = note
    this.#sendEcho = sendEcho
    this.#sendPing = sendPing
    auto.addEventListener('change', () => this.#follow())
  }

  get on() {
    return this.#auto.checked
  }

  toggle() {
    this.#auto.checked = !this.#auto.checked
    this.#follow()
  }

  /** A new connection: what was under way on the last one is lost, and another server has numbers of its own. */
  reset(url) {
    if (url !== this.#url) {
      this.#url = url
      for (const series of this.#series) series.samples = []
      this.#drawSoon()
    }
    this.#pending.clear()
    this.#echoes = 0
    this.#setNote('')
    if (this.on) this.#follow()
  }

  /** Whether the message was one of ours come back. */
  received(data) {
    const sentAt = this.#pending.get(data)
    if (sentAt === undefined) return false
    this.#pending.delete(data)
    this.#echoes++
    this.#setNote('')
    this.#add('echo', performance.now() - sentAt)
    return true
  }

  pinged(milliseconds) {
    this.#add('ping', milliseconds)
  }

  #follow() {
    clearInterval(this.#timer)
    clearTimeout(this.#halfBeat)
    this.#timer = null
    if (!this.on) return
    this.#measure()
    this.#timer = setInterval(() => this.#measure(), INTERVAL)
  }

  #measure() {
    const now = performance.now()
    for (const [text, sentAt] of this.#pending) {
      if (now - sentAt < PATIENCE) continue
      this.#pending.delete(text)
      if (this.#echoes === 0) this.#setNote('The other side does not echo, so there is nothing to time.')
    }
    this.#number++
    const text = `round trip ${this.#number}`
    this.#pending.set(text, performance.now())
    if (!this.#sendEcho(text)) this.#pending.delete(text)
    // Half a beat later, so that neither waits for the other.
    this.#halfBeat = setTimeout(() => this.#sendPing(), INTERVAL / 2)
    this.#drawSoon()
  }

  #setNote(text) {
    if (this.#note.textContent === text) return
    this.#note.textContent = text
    this.#note.hidden = text === ''
  }

  #add(key, ms) {
    const { samples } = this.#series.find(series => series.key === key)
    samples.push({ at: performance.now(), ms })
    if (samples.length > KEPT) samples.shift()
    this.#drawSoon()
  }

  /** Drawing waits until what is under way has come back: it would count in. */
  #drawSoon() {
    if (this.#drawing !== null) return
    this.#drawing = setTimeout(() => {
      this.#drawing = null
      this.#empty.hidden = this.#series.some(({ samples }) => samples.length > 0)
      this.#chart.draw(this.#series)
      this.#showNumbers()
    }, DRAWING_DELAY)
  }

  #showNumbers() {
    const sentences = []
    for (const { key, label, samples } of this.#series) {
      const numbers = statistics(samples)
      for (const name of ['last', 'min', 'median', 'p99']) {
        $(`rtt-${key}-${name}`).textContent = numbers === null ? '–' : formatMilliseconds(numbers[name])
      }
      $(`rtt-${key}-count`).textContent = numbers === null ? '0' : formatInteger(numbers.count)
      if (numbers !== null) {
        sentences.push(
          `${plural(numbers.count, 'round trip')} by ${label}: fastest ${formatMilliseconds(numbers.min)}, ` +
            `median ${formatMilliseconds(numbers.median)}, ` +
            `99th percentile ${formatMilliseconds(numbers.p99)} milliseconds.`,
        )
      }
    }
    $('rtt-summary').textContent = sentences.join(' ')
  }
}
