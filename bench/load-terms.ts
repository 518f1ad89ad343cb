/** What the runner asks of the generator, and what comes back. */
import { type Content, frameLength, messageOf, payloadOf } from './frames.ts'

export interface LoadTerms {
  readonly content: Content
  /** Bytes of a message's payload. */
  readonly size: number
  /** Frames that a message comes in; the answer has one. */
  readonly fragments: number
  /** Messages that a connection sends at once; the next ones go when all of these are answered. */
  readonly inFlight: number
}

/** Which handshake the connections make. */
export type Request = 'websocket' | 'deflate' | 'events'

export type Command =
  | {
      readonly do: 'open'
      readonly group: string
      readonly port: number
      readonly count: number
      readonly request: Request
      readonly terms: LoadTerms
      /** Has each connection exchange one message when it is open. */
      readonly greet: boolean
    }
  | { readonly do: 'listen'; readonly group: string; readonly terms: LoadTerms }
  /** Sends one message and compares what comes back. */
  | { readonly do: 'verify'; readonly group: string }
  | ({ readonly do: 'run' | 'broadcast'; readonly group: string } & Window)
  | ({ readonly do: 'handshakes'; readonly group: string; readonly port: number } & Window)
  /** Asks how many connections have ended by themselves. */
  | { readonly do: 'lost'; readonly group: string }

export interface Window {
  /** Of the process under test. */
  readonly pid: number
  /** Milliseconds. */
  readonly warmUp: number
  readonly duration: number
}

/** What happened within a window. */
export interface Measurement {
  /** Messages answered, or delivered, or handshakes made. */
  readonly count: number
  /** Seconds. */
  readonly seconds: number
  /** Microseconds of processor time of the process under test; undefined where the system does not tell. */
  readonly time: number | undefined
  /** Of one processor, how much the generator took, 0 to 1. */
  readonly generator: number
}

export type Answer =
  | { readonly note: 'begin' | 'end' }
  | {
      readonly port?: number
      readonly lost?: number
      readonly measurement?: Measurement
      readonly error?: string
    }

/** The bytes of one message and of the answer to it; the load plays the client or the server. */
export function exchange(terms: LoadTerms, loadIs: 'client' | 'server'): { request: Buffer; replyLength: number } {
  const payload = payloadOf(terms.content, terms.size)
  return {
    request: messageOf(terms.content, payload, loadIs === 'client', terms.fragments),
    replyLength: frameLength(terms.size, loadIs === 'server'),
  }
}
