/**
 * One EventSource of the page, and the watch on it: a WebSocket over which the server tells what went over the wire.
 * The browser's own EventSource decides when to reconnect; this only puts the two accounts together as entries.
 *
 * Memory: what the server told of an event waits for the event, and a connection or two of them at most.
 */
import { randomId, utf8 } from './bytes.js'

const WATCH_PATIENCE = 3000
/** The server tells before it sends, so there is rarely more than a handful. */
const MOST_WAITING = 200

/** Events with a type reach only who listens for that type; those without one are of the type "message". */
const TYPES = ['hello', 'message', 'time', 'greeting']

/**
 * Calls the listener's methods: `stateChanged(state)`, `added(entry)`, `changed(entry)`, `counted(counts)`,
 * `watchChanged(watching)`, `refused(message)`.
 */
export class EventStreamSession {
  state = 'connecting'
  watching = false
  counts = { events: 0, replayed: 0, missing: 0, reconnections: 0, lastEventId: '' }
  #name = randomId()
  #number
  #listener
  #source = null
  #watch = null
  #startedAt = performance.now()
  #told = new Map()
  #untold = new Map()
  /** The entry of a request that only one of the two accounts has yet. */
  #request = null
  /** The entry of the end of a connection that the server may still explain. */
  #end = null
  #endTold = null
  /** The entry of the answer that was the last one. */
  #refusal = null
  #toReplay = 0
  #newest = 0
  #lostAt = 0

  /** `number` tells the sessions of this page apart. */
  constructor(number, listener) {
    this.#number = number
    this.#listener = listener
  }

  get url() {
    return new URL(`/events?session=${this.#name}`, location.href).href
  }

  async open() {
    await this.#openWatch()
    if (this.state !== 'connecting') return
    const source = new EventSource(this.url)
    this.#source = source
    source.addEventListener('open', () => this.#onOpen())
    source.addEventListener('error', () => this.#onError())
    for (const type of TYPES) source.addEventListener(type, event => this.#onEvent(event))
  }

  /** Closes it from this side: an EventSource that is closed does not reconnect. */
  close() {
    if (this.state === 'closed') return
    this.#source?.close()
    const entry = this.#add({ kind: 'end', reason: 'page', told: null })
    if (this.state === 'open') this.#expectEnd(entry)
    this.#finish()
  }

  /** Has the server do something with the connection: `drop`, `close`, `stop`, `retry`. */
  command(command, options = {}) {
    if (this.watching) this.#watch.send(JSON.stringify({ command, ...options }))
  }

  #add(entry) {
    Object.assign(entry, { at: performance.now() - this.#startedAt, session: this.#number })
    this.#listener.added(entry)
    return entry
  }

  #setState(state) {
    this.state = state
    this.#listener.stateChanged(state)
  }

  #finish() {
    this.#setState('closed')
    // What the server says of the end is still on its way.
    setTimeout(() => this.#watch?.close(), 1000)
  }

  // What the browser tells

  #onOpen() {
    if (this.#request?.isTold) this.#request = null
    else this.#request = this.#add(requestEntry({ isReconnection: this.#lostAt > 0, waited: this.#waited() }))
    this.#end = null
    this.#endTold = null
    if (!this.watching) this.#openWatch()
    this.#setState('open')
  }

  #onError() {
    if (this.#source.readyState === EventSource.CLOSED) {
      // The request that ended it: the browser does not tell the status, the server does.
      const status = this.#request?.told?.status ?? null
      this.#refusal = this.#add({ kind: 'end', reason: 'refused', told: null, status })
      this.#finish()
    } else if (this.state === 'open') {
      this.#lostAt = performance.now()
      this.#expectEnd(this.#add({ kind: 'end', reason: 'lost', told: null }))
      this.#setState('waiting')
    } else {
      // Again and again, while the server is away: one entry that counts.
      if (this.#end?.kind === 'failed') {
        this.#end.times++
        this.#listener.changed(this.#end)
      } else this.#end = this.#add({ kind: 'failed', times: 1 })
      this.#setState('waiting')
    }
  }

  #onEvent(event) {
    const { type, data, lastEventId, origin } = event
    const entry = {
      kind: 'event',
      type,
      data,
      lastEventId,
      origin,
      told: null,
      isReplayed: false,
      bytes: utf8(data).length,
    }
    if (type === 'hello') this.#onHello(entry)
    else this.#count(entry)
    const key = type === 'hello' ? 'hello' : lastEventId
    entry.told = this.#told.get(key) ?? null
    this.#told.delete(key)
    this.#add(entry)
    if (entry.told === null && this.watching) this.#keep(this.#untold, key, entry)
  }

  /** The first event of a connection: the server repeats what the request asked for. */
  #onHello(entry) {
    const { replays, lastEventId } = JSON.parse(entry.data)
    this.#toReplay = replays
    if (lastEventId === '') return
    this.counts.reconnections++
    this.#listener.counted(this.counts)
  }

  #count(entry) {
    const { counts } = this
    counts.events++
    if (this.#toReplay > 0) {
      this.#toReplay--
      entry.isReplayed = true
      counts.replayed++
    }
    const number = Number(entry.lastEventId)
    // A server that was started anew counts from 1 again.
    if (this.#newest > 0 && number > this.#newest + 1) counts.missing += number - this.#newest - 1
    this.#newest = number
    counts.lastEventId = entry.lastEventId
    this.#listener.counted(counts)
  }

  #waited() {
    return this.#lostAt === 0 ? null : performance.now() - this.#lostAt
  }

  // What the server tells

  #openWatch() {
    return new Promise(resolve => {
      const url = new URL(`/streams?session=${this.#name}`, location.href)
      url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
      const watch = new WebSocket(url)
      this.#watch = watch
      const patience = setTimeout(() => watch.close(), WATCH_PATIENCE)
      watch.addEventListener('open', () => {
        clearTimeout(patience)
        this.#watches(true)
        resolve()
      })
      watch.addEventListener('message', event => this.#onTold(JSON.parse(event.data)))
      watch.addEventListener('close', () => {
        clearTimeout(patience)
        this.#told.clear()
        this.#untold.clear()
        this.#watches(false)
        resolve()
      })
    })
  }

  #watches(watching) {
    this.watching = watching
    this.#listener.watchChanged(watching)
  }

  #onTold(told) {
    if (told.type === 'request') this.#onRequestTold(told)
    else if (told.type === 'event') this.#onEventTold(told)
    else if (told.type === 'end') this.#onEndTold(told)
    else if (told.type === 'error') this.#listener.refused(told.message)
  }

  #onRequestTold(told) {
    if (this.#refusal !== null) {
      this.#refusal.status = told.status
      this.#listener.changed(this.#refusal)
      this.#listener.stateChanged(this.state)
    }
    if (this.#request !== null && !this.#request.isTold) {
      Object.assign(this.#request, { told, isTold: true })
      this.#listener.changed(this.#request)
      this.#request = null
      return
    }
    this.#request = this.#add(requestEntry({ told, isReconnection: this.#lostAt > 0, waited: this.#waited() }))
  }

  #onEventTold(told) {
    if (told.kind === 'retry') {
      this.#add({ kind: 'field', told })
      return
    }
    const key = told.id ?? 'hello'
    const entry = this.#untold.get(key)
    if (entry === undefined) this.#keep(this.#told, key, told)
    else {
      this.#untold.delete(key)
      entry.told = told
      this.#listener.changed(entry)
    }
  }

  #onEndTold(told) {
    if (this.#end === null) this.#endTold = told
    else {
      this.#end.told = told
      this.#listener.changed(this.#end)
      this.#end = null
    }
  }

  #expectEnd(entry) {
    if (this.#endTold === null) this.#end = entry
    else {
      entry.told = this.#endTold
      this.#endTold = null
      this.#listener.changed(entry)
    }
  }

  #keep(map, key, value) {
    map.set(key, value)
    if (map.size > MOST_WAITING) map.delete(map.keys().next().value)
  }
}

function requestEntry({ told = null, isReconnection, waited }) {
  return { kind: 'request', told, isTold: told !== null, isReconnection, waited }
}
