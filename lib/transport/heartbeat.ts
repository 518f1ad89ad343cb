/**
 * The silence of one connection: counted by a clock that it shares with the others, asked about with a Ping, and at
 * last held against the peer. When is decided in `keepalive.ts`; here is what a transport knows beside the time: a
 * peer that makes room for bytes is alive, and while we do not read the silence is ours.
 */
import { judgeSilence, type KeepaliveOptions } from '../websocket/keepalive.ts'
import type { ByteChannel } from './byte-channel.ts'
import { clockFor, type TickClock, type Ticking } from './tick-clock.ts'

export interface HeartbeatOwner {
  /** There is a peer to ask: no Close frame has gone or come. @internal */
  readonly isOpen: boolean
  /** Sends a Ping, at once. @internal */
  askPeer(): void
  /** The peer would be given up, were we not those who do not read. @internal */
  onOwnSilence(): void
  /** @internal */
  giveUpPeer(): void
}

export class Heartbeat implements Ticking {
  readonly #options: KeepaliveOptions | undefined
  readonly #channel: ByteChannel
  readonly #owner: HeartbeatOwner
  readonly #clock: TickClock
  #lastReceived: number
  #pingSent = -1
  /** Bytes that the system had taken when the peer was last asked. */
  #takenAtPing = 0

  /** @param options undefined never asks: then it only knows when the last byte came */
  constructor(options: KeepaliveOptions | undefined, channel: ByteChannel, owner: HeartbeatOwner) {
    this.#options = options
    this.#channel = channel
    this.#owner = owner
    this.#clock = clockFor(options === undefined ? Infinity : Math.min(options.interval, options.timeout))
    this.#lastReceived = this.#clock.now
    this.#clock.add(this)
  }

  /** Milliseconds since the last byte came in, to the clock's resolution. */
  get sinceReceived(): number {
    return this.#clock.now - this.#lastReceived
  }

  /** Bytes came in. */
  received(): void {
    this.#lastReceived = this.#clock.now
  }

  stop(): void {
    this.#clock.remove(this)
  }

  /** @internal */
  onTick(now: number): void {
    if (this.#options === undefined || !this.#owner.isOpen) return
    const verdict = judgeSilence(this.#options, now, this.#lastReceived, this.#pingSent)
    if (verdict === 'wait') return
    // A peer that makes room for bytes that had to wait is alive, even if what it says has not come through; and
    // while we do not read, the silence is ours.
    const { buffered, taken, isPaused } = this.#channel
    if (verdict === 'dead' && isPaused) this.#owner.onOwnSilence()
    else if (verdict === 'dead' && taken <= this.#takenAtPing) return this.#owner.giveUpPeer()
    // When nothing waits the system takes bytes for a peer that is gone as well.
    this.#takenAtPing = buffered > 0 ? taken : Infinity
    this.#pingSent = now
    this.#owner.askPeer()
  }
}
