/**
 * What a case is, and what it is given: an id, a group, words, and a function that plays it with a peer and judges it.
 * A case does not know whether the peer is a server that the suite connects to or a client that came to it, unless it
 * says it is for one of them alone.
 */
import type { Endpoint, EndpointHandler } from './endpoint.ts'
import type { Head } from './handshake.ts'
import type { DeflateParameters } from './message-deflate.ts'
import type { Verdict } from './verdict.ts'
import type { WireLog } from './wire-log.ts'

/** What is judged. */
export type Side = 'server' | 'client'

/** What it speaks. */
export type Transport = 'websocket' | 'event-stream'

export interface Group {
  readonly id: string
  readonly title: string
}

export interface Case {
  /** Dotted; the part before the first dot is its group. */
  readonly id: string
  readonly title: string
  /** The clause that it holds a peer to, such as "RFC 6455 §5.5". */
  readonly clause?: string
  readonly sides: readonly Side[]
  /** The version of HTTP that it is about. Left out: whatever brings the WebSocket about. */
  readonly http?: '1.1' | '2'
  /** Default `websocket`. */
  readonly transport?: Transport
  /** Heavy ones move megabytes: few of them are played at a time, and none beside those that watch the clock. */
  readonly weight: 'light' | 'heavy'
  /** Never rejects for a fault of the peer's. */
  play(peer: Peer): Promise<Verdict>
}

export interface PlayOptions {
  /** All that a case can do, at any length: 1,000 messages for each of the compression cases. */
  readonly full: boolean
  /** The longest that a case waits for its end, in milliseconds, where its own limit is longer. */
  readonly timeout: number
  /**
   * How many heavy cases are played with the peer at a time. Who moves the megabytes of several may take that many times
   * as long to close.
   */
  readonly crowd: number
  /** By what every other time of a case is multiplied: 1, but for specs, which have no time. */
  readonly pace: number
  /** The longest silence of an event stream that its server documents, in milliseconds. */
  readonly heartbeat?: number | undefined
}

/** What to agree on in the opening handshake. */
export interface Opening {
  /** As a client: the value of Sec-WebSocket-Extensions. */
  readonly offers?: string | undefined
  /** As a server: what to answer to the client's offers. */
  readonly accept?: ((offers: readonly DeflateParameters[]) => DeflateParameters | undefined) | undefined
  /** Whether the peer refers back no farther than was agreed on, looked at octet by octet. */
  readonly checksDistances?: boolean
}

export type Opened =
  | { readonly endpoint: Endpoint; readonly agreed: DeflateParameters | undefined; readonly head: Head }
  | { readonly fault: string }

/** The peer that is judged, as a case sees it. */
export interface Peer {
  readonly side: Side
  readonly options: PlayOptions
  readonly log: WireLog
  /** Brings an open WebSocket about, or tells in words why there is none. */
  open(handler: EndpointHandler, opening?: Opening): Promise<Opened>
}
