/**
 * The connections to one process under test, and the load on them. What is in flight is sent in one write, and the next
 * when all of it has been answered, counted by bytes: the work for a message is an addition. Answers of another length
 * than expected, or a connection that ends, are errors and not slow results.
 */

import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { MASKED_PONG, PONG } from './frames.ts'
import { LoadConnection } from './load-connection.ts'
import { exchange, type LoadTerms, type Measurement, type Request, type Window } from './load-terms.ts'
import { processorTime, timeBetween } from './processor-time.ts'
import { listen } from './servers/listen.ts'

/** Handshakes that are under way at a time. */
const OPENING = 64
/** How often all that is in flight must have been answered within a window. */
const FEWEST_CYCLES = 4
/** Milliseconds for that, and for what is in flight when a run ends. */
const PATIENCE = 20_000
/** A process has 20,000 descriptors on the machines that this was made for. */
const MOST_HANDSHAKES = 15_000

export class LoadGroup {
  readonly #connections: LoadConnection[] = []
  readonly #terms: LoadTerms
  readonly #request: Buffer
  readonly #batch: Buffer
  readonly #replyLength: number
  readonly #isClient: boolean
  readonly #note: (note: 'begin' | 'end') => void
  #received = 0
  /** Bytes that are received when all that is in flight has been answered once. */
  #cycle = 0
  #isRunning = false
  /** The other side has a heartbeat. */
  #isAsked = false
  /** Of a broadcast: bytes that all of them are still to receive. */
  #awaited = 0
  /** Connections that have ended, and not by us. */
  lost = 0

  constructor(terms: LoadTerms, loadIs: 'client' | 'server', note: (note: 'begin' | 'end') => void) {
    const { request, replyLength } = exchange(terms, loadIs)
    this.#terms = terms
    this.#request = request
    this.#batch = Buffer.concat(Array.from({ length: terms.inFlight }, () => request))
    this.#replyLength = replyLength
    this.#isClient = loadIs === 'client'
    this.#note = note
  }

  async open(port: number, count: number, request: Request, greet: boolean): Promise<void> {
    await inParallel(count, OPENING, async () => {
      const connection = await LoadConnection.open(port, request)
      if (greet) await connection.exchange(this.#request)
      this.#add(connection)
      if (request !== 'events') this.#rest(connection)
    })
  }

  /** Resolves to the port; connections come as the client under test makes them. */
  listen(): Promise<number> {
    return listen(
      createServer(async (socket: Socket) => {
        const connection = await LoadConnection.accept(socket)
        this.#add(connection)
        this.#rest(connection)
      }),
    )
  }

  /** @throws {Error} the answer is not the message that was sent */
  async verify(): Promise<void> {
    const [connection] = this.#connections
    const reply = await connection!.exchange(this.#request)
    const { request } = exchange({ ...this.#terms, fragments: 1 }, this.#isClient ? 'server' : 'client')
    const isSame = this.#isClient ? reply.equals(request) : unmasked(reply).equals(unmasked(request))
    if (!isSame) throw new Error('the answer is not the message that was sent, in one frame')
  }

  /** Each connection sends, and sends again when it is answered. */
  async run(window: Window): Promise<Measurement> {
    const { inFlight } = this.#terms
    const answers = inFlight * this.#replyLength
    const onBytes = (count: number, connection: LoadConnection) => {
      this.#received += count
      connection.pending -= count
      if (connection.pending !== 0 || !this.#isRunning) return
      connection.pending = answers
      connection.socket.write(this.#batch)
    }
    this.#isRunning = true
    this.#cycle = this.#connections.length * answers
    for (const connection of this.#connections) {
      connection.onBytes = onBytes
      connection.pending = answers
      connection.socket.write(this.#batch)
    }
    return this.#measure(window, () => this.#connections.every(({ pending }) => pending === 0))
  }

  /** One connection sends what all of them receive. */
  async broadcast(window: Window): Promise<Measurement> {
    const awaited = this.#connections.length * this.#terms.inFlight * this.#replyLength
    const [publisher] = this.#connections
    const onBytes = (count: number) => {
      this.#received += count
      this.#awaited -= count
      if (this.#awaited !== 0 || !this.#isRunning) return
      this.#awaited = awaited
      publisher!.socket.write(this.#batch)
    }
    this.#isRunning = true
    // Those who only receive would be asked amid the run whether they are there.
    if (this.#isAsked) for (const connection of this.#connections) connection.socket.write(this.#pong)
    for (const connection of this.#connections) connection.onBytes = onBytes
    this.#awaited = awaited
    this.#cycle = awaited
    publisher!.socket.write(this.#batch)
    return this.#measure(window, () => this.#awaited === 0)
  }

  /** Opens connection after connection and keeps them; they are closed when the window is over. */
  async handshakes(port: number, window: Window): Promise<Measurement> {
    this.#isRunning = true
    const opening = inParallel(MOST_HANDSHAKES, OPENING, async () => {
      if (!this.#isRunning) return
      const connection = await LoadConnection.open(port, 'websocket')
      this.#connections.push(connection)
      this.#received += this.#replyLength
      if (this.#connections.length === MOST_HANDSHAKES) this.#onFull()
    })
    const measurement = await this.#measure(window, () => true)
    await opening
    for (const connection of this.#connections.splice(0)) connection.close()
    // Until the server has seen it.
    await delay(300)
    return measurement
  }

  #onFull: () => void = () => {}

  /** Between two runs the others play: who has a heartbeat must get its Pong, or it hangs up. What comes then is a Ping. */
  #rest(connection: LoadConnection): void {
    connection.onBytes = () => {
      this.#isAsked = true
      connection.socket.write(this.#pong)
    }
  }

  get #pong(): Buffer {
    return this.#isClient ? MASKED_PONG : PONG
  }

  #add(connection: LoadConnection): void {
    this.#connections.push(connection)
    connection.onLost = () => void this.lost++
  }

  /** The window: from the end of the warm-up, what is received and used. */
  async #measure({ pid, warmUp, duration }: Window, isAnswered: () => boolean): Promise<Measurement> {
    await this.#wait(warmUp, this.#cycle)
    this.#note('begin')
    const [received, own, before, from] = [this.#received, process.cpuUsage(), processorTime(pid), performance.now()]
    await this.#wait(duration, FEWEST_CYCLES * this.#cycle)
    const [after, to] = [processorTime(pid), performance.now()]
    const { user, system } = process.cpuUsage(own)
    const count = (this.#received - received) / this.#replyLength
    this.#note('end')
    this.#isRunning = false
    await this.#untilAnswered(isAnswered)
    for (const connection of this.#connections) this.#rest(connection)
    return {
      count,
      seconds: (to - from) / 1000,
      time: before === undefined || after === undefined ? undefined : timeBetween(before, after),
      generator: (user + system) / 1000 / (to - from),
    }
  }

  /** For as long, and until as many bytes have come: else a long message would be half in and half out. */
  async #wait(milliseconds: number, bytes: number): Promise<void> {
    const enough = this.#received + bytes
    await new Promise<void>(resolve => {
      this.#onFull = resolve
      setTimeout(resolve, milliseconds)
    })
    const end = performance.now() + PATIENCE
    while (this.#received < enough && performance.now() < end && this.lost === 0) await delay(5)
  }

  async #untilAnswered(isAnswered: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE
    while (!isAnswered()) {
      if (this.lost > 0) throw new Error(`${this.lost} connections were lost under load`)
      if (performance.now() > end) throw new Error('answers are missing, or of another length than expected')
      await delay(10)
    }
  }
}

/** Runs `task` `count` times, `at` a time. */
async function inParallel(count: number, at: number, task: () => Promise<void>): Promise<void> {
  let started = 0
  const worker = async () => {
    while (started < count) {
      started++
      await task()
    }
  }
  await Promise.all(Array.from({ length: Math.min(at, count) }, worker))
}

/** The first byte and the payload of a masked frame. */
function unmasked(bytes: Buffer): Buffer {
  const short = bytes[1]! & 0x7f
  const keyAt = short < 126 ? 2 : short === 126 ? 4 : 10
  const payload = Buffer.from(bytes.subarray(keyAt + 4))
  for (let at = 0; at < payload.length; at++) payload[at]! ^= bytes[keyAt + (at & 3)]!
  return Buffer.concat([bytes.subarray(0, 1), payload])
}
