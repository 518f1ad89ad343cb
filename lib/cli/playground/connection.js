/**
 * One WebSocket of the page and, if it goes to the server that served the page, the watch on it: a second
 * WebSocket over which that server tells of every frame of the first.
 */
import { randomId } from './bytes.js'

const WATCH_PATIENCE = 3000
const CLOSE_RECORD_PATIENCE = 1500

/** The address of the echo endpoint that comes with the page. */
export function ownAddress() {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/echo`
}

/** @throws {Error} with words for the person who typed the address */
export function readAddress(input) {
  let address
  try {
    address = new URL(input.trim())
  } catch {
    throw new Error(`“${input.trim()}” is not a full address: write it as ws://host/path or wss://host/path`)
  }
  if (address.protocol !== 'ws:' && address.protocol !== 'wss:') {
    throw new Error(`The address must start with ws:// or wss://, not ${address.protocol}//`)
  }
  if (address.hash) throw new Error('A WebSocket address has no #fragment')
  return address
}

/** Only the server that served this page tells us about frames, and only those of its /echo. */
export function isOwn(address) {
  return address.host === location.host && address.pathname === '/echo'
}

/**
 * Calls the listener's methods: `stateChanged(state)`, `watchChanged(watching, why)`, `handshake(event)`,
 * `frame(frame)`, `message(data)`, `roundTrip(milliseconds)`, `refused(event)`, `failed(error)`, and at the end
 * once `closed(record)` as the browser saw it and once `settled(record)` when the server's view is in, too.
 */
export class Connection {
  state = 'connecting'
  watching = false
  /** `page` or `server`: who was told here to start the closing handshake. */
  closeAskedFrom = null
  #address
  #protocols
  #listener
  #watch = null
  #socket = null
  #record = null
  #settled = false
  #opened = false
  #openedAt = 0

  constructor(address, protocols, listener) {
    this.#address = address
    this.#protocols = protocols
    this.#listener = listener
  }

  get protocol() {
    return this.#socket?.protocol ?? ''
  }

  get extensions() {
    return this.#socket?.extensions ?? ''
  }

  get url() {
    return this.#address.href
  }

  /** Milliseconds since the connection was opened, by this page's clock. */
  get age() {
    return this.#opened ? performance.now() - this.#openedAt : 0
  }

  async open() {
    const address = new URL(this.#address)
    if (isOwn(address)) {
      const id = randomId()
      await this.#openWatch(id)
      if (this.state !== 'connecting') return
      if (this.watching) address.searchParams.set('trace', id)
    }
    this.#listener.watchChanged(this.watching)
    try {
      this.#socket = this.#protocols.length > 0 ? new WebSocket(address, this.#protocols) : new WebSocket(address)
    } catch (error) {
      this.#setState('closed')
      this.#closeWatch()
      this.#listener.failed(error)
      return
    }
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.addEventListener('open', () => {
      this.#opened = true
      this.#openedAt = performance.now()
      this.#setState('open')
    })
    this.#socket.addEventListener('message', event => this.#listener.message(event.data))
    this.#socket.addEventListener('close', event => this.#onClose(event))
  }

  send(data) {
    this.#socket.send(data)
  }

  /** Has the server do something on this connection. */
  command(command, options = {}) {
    if (command === 'close') this.closeAskedFrom = 'server'
    this.#watch.send(JSON.stringify({ command, ...options }))
  }

  /**
   * Starts the closing handshake from the browser.
   *
   * @throws {DOMException} the browser does not permit the code or the reason
   */
  close(code, reason) {
    if (this.#socket === null) {
      this.#setState('closed')
      this.#closeWatch()
      return
    }
    if (code === undefined) this.#socket.close()
    else this.#socket.close(code, reason)
    this.closeAskedFrom ??= 'page'
    if (this.#socket.readyState === WebSocket.CLOSING) this.#setState('closing')
  }

  #setState(state) {
    this.state = state
    this.#listener.stateChanged(state)
  }

  #openWatch(id) {
    return new Promise(resolve => {
      const url = new URL(`/frames?trace=${id}`, this.#address)
      const watch = new WebSocket(url)
      this.#watch = watch
      const patience = setTimeout(() => watch.close(), WATCH_PATIENCE)
      watch.addEventListener('open', () => {
        clearTimeout(patience)
        this.watching = true
        resolve()
      })
      watch.addEventListener('message', event => this.#onWatchMessage(event.data))
      watch.addEventListener('close', () => {
        clearTimeout(patience)
        const lost = this.watching
        this.watching = false
        resolve()
        if (this.#record !== null) this.#settle()
        else if (lost && (this.state === 'open' || this.state === 'closing')) {
          this.#listener.watchChanged(false, 'The watch on this connection ended.')
        }
      })
    })
  }

  #onWatchMessage(data) {
    let event
    try {
      event = JSON.parse(data)
    } catch {
      return
    }
    if (event.type === 'frame') this.#listener.frame(event)
    else if (event.type === 'open') this.#listener.handshake(event)
    else if (event.type === 'rtt') this.#listener.roundTrip(event.milliseconds)
    else if (event.type === 'error') {
      if (event.command === 'close') this.closeAskedFrom = null
      this.#listener.refused(event)
    } else if (event.type === 'close') this.#onServerRecord(event)
  }

  #onServerRecord(event) {
    if (this.#record === null) this.#record = { server: event }
    else {
      this.#record.server = event
      this.#settle()
    }
  }

  #onClose(event) {
    this.#record = {
      code: event.code,
      reason: event.reason,
      wasClean: event.wasClean,
      askedFrom: this.closeAskedFrom,
      opened: this.#opened,
      age: this.age,
      server: this.#record?.server ?? null,
    }
    this.#setState('closed')
    this.#listener.closed(this.#record)
    if (this.#record.server || !this.watching) this.#settle()
    else setTimeout(() => this.#settle(), CLOSE_RECORD_PATIENCE)
  }

  #settle() {
    if (this.#settled || this.#record.code === undefined) return
    this.#settled = true
    this.#closeWatch()
    this.#listener.settled(this.#record)
  }

  #closeWatch() {
    this.#watch?.close()
  }
}
