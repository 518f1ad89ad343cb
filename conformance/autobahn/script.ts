/**
 * The language in which the tables of this folder are written: what a scripted case sends, which events it expects back,
 * and how the connection must end. Data and its description in words; playing it is play-script.ts.
 *
 * The cases are those of Autobahn|Testsuite 25.10.1, with its ids: what is sent, which answers count, who must close.
 */
import { OPCODE, opcodeName } from '../frame.ts'

/** Octets of a payload: as they are, or a pattern repeated up to a length. Made when they are sent. */
export interface Octets {
  readonly length: number
  readonly pattern: Buffer
}

export function octets(content: string | Uint8Array): Octets {
  const pattern = Buffer.from(content as string)
  return { length: pattern.length, pattern }
}

export function hex(digits: string): Octets {
  return octets(Buffer.from(digits, 'hex'))
}

/** `pattern` again and again, cut at `length`. */
export function repeated(length: number, pattern: string | Uint8Array): Octets {
  return { length, pattern: Buffer.from(pattern as string) }
}

export const NOTHING: Octets = octets('')

export function bytesOf({ length, pattern }: Octets): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, pattern)
}

export type Step =
  | {
      readonly send: 'frame'
      readonly opcode: number
      readonly fin: boolean
      readonly rsv: number
      readonly payload: Octets
      readonly chop?: number
      readonly alone?: boolean
    }
  /** A message in frames of `fragment` octets; an exact multiple ends with an empty one. */
  | { readonly send: 'message'; readonly opcode: number; readonly payload: Octets; readonly fragment: number }
  /** Begins the closing handshake. */
  | { readonly send: 'close'; readonly code?: number; readonly reason: Octets }
  /** The header of a frame that is not the last of its message; its payload follows in parts. */
  | { readonly send: 'header'; readonly opcode: number; readonly length: number }
  | { readonly send: 'part'; readonly payload: Octets }
  /** Goes on after so many seconds, if the connection is open still; the name is an event then. */
  | { readonly wait: number; readonly name?: string }

export type Event =
  | { readonly event: 'message'; readonly binary: boolean; readonly payload: Octets }
  | { readonly event: 'pong'; readonly payload: Octets }
  | { readonly event: 'waited'; readonly name: string }

/** Who must end the connection, and how. */
export interface Ending {
  /** The end that must begin the closing handshake; the peer must fail the connection. */
  readonly by: 'suite' | 'testee'
  /** Close codes that are accepted from the peer, besides none at all. */
  readonly codes: readonly number[]
  /** The closing handshake must be complete, and TCP be ended by the server. */
  readonly clean: boolean
  /** A wrong code fails the case, not only its close. */
  readonly wrongCodeFails?: boolean
  /** If the wrong end closes, the case fails, not only its close. */
  readonly wrongEndFails?: boolean
}

export interface Script {
  readonly id: string
  readonly steps: readonly Step[]
  /** Seconds after the last step: the suite fails the connection with 1001, or closes it with 1000. */
  readonly limit: { readonly failAfter: number } | { readonly closeAfter: number }
  /** Exactly these events, in this order. */
  readonly expect: readonly Event[]
  /** Or exactly these, which is not strict. */
  readonly nonStrict?: readonly Event[]
  /** Instead of events: one message of this type and length; its content is not compared. */
  readonly echo?: { readonly binary: boolean; readonly length: number }
  /** The suite does not close by itself when all events have come. */
  readonly leavesOpen?: boolean
  /** Whatever comes, it is no fault. */
  readonly informational?: boolean
  readonly ending: Ending
}

/** The case ends when the events have come: the suite closes with 1000. */
export const CLOSED_BY_SUITE: Ending = { by: 'suite', codes: [1000], clean: true }
/** The peer must fail the connection, at best with 1002. */
export const FAILED_BY_TESTEE: Ending = { by: 'testee', codes: [1002], clean: false }
/** The peer must find the text invalid, at best with 1007. */
export const INVALID_TEXT: Ending = { by: 'testee', codes: [1007], clean: false, wrongEndFails: true }

interface FrameOptions {
  readonly fin?: boolean
  readonly rsv?: number
  readonly chop?: number | undefined
  readonly alone?: boolean | undefined
}

export function frame(opcode: number, payload: Octets = NOTHING, options: FrameOptions = {}): Step {
  const { fin = true, rsv = 0, chop, alone } = options
  const delivery = { ...(chop === undefined ? {} : { chop }), ...(alone ? { alone } : {}) }
  return { send: 'frame', opcode, fin, rsv, payload, ...delivery }
}

export function text(payload: Octets = NOTHING, options?: FrameOptions): Step {
  return frame(OPCODE.text, payload, options)
}

export function binary(payload: Octets = NOTHING, options?: FrameOptions): Step {
  return frame(OPCODE.binary, payload, options)
}

export function continuation(payload: Octets = NOTHING, options?: FrameOptions): Step {
  return frame(OPCODE.continuation, payload, options)
}

export function ping(payload: Octets = NOTHING, options?: FrameOptions): Step {
  return frame(OPCODE.ping, payload, options)
}

export function pong(payload: Octets = NOTHING, options?: FrameOptions): Step {
  return frame(OPCODE.pong, payload, options)
}

export function close(code?: number, reason: Octets = NOTHING): Step {
  return code === undefined ? { send: 'close', reason } : { send: 'close', code, reason }
}

export function message(opcode: number, payload: Octets, fragment: number): Step {
  return { send: 'message', opcode, payload, fragment }
}

export function texted(payload: Octets): Event {
  return { event: 'message', binary: false, payload }
}

export function ponged(payload: Octets = NOTHING): Event {
  return { event: 'pong', payload }
}

/** A script in words. */
export function describe({ steps, expect, nonStrict, echo, informational, ending }: Script): string {
  const answer = echo === undefined ? eventsInWords(expect) : 'the same type and length back'
  const lax = nonStrict === undefined || informational ? '' : ` (not strict: ${eventsInWords(nonStrict)})`
  const end = informational
    ? 'whatever comes is only told'
    : ending.by === 'suite'
      ? `then the suite closes and ${ending.codes.join(' or ')} comes back`
      : `and it must close, with ${ending.codes.join(' or ')} or by ending TCP`
  return `${joined(steps.map(stepInWords))} → ${answer}${lax}, ${end}`
}

function stepInWords(step: Step): string {
  if ('wait' in step) return `${step.wait} s`
  if (step.send === 'header') return `header of a ${opcodeName(step.opcode)} frame of ${step.length}`
  if (step.send === 'part') return `${step.payload.length} octets of it`
  if (step.send === 'message') {
    return `${opcodeName(step.opcode)} of ${size(step.payload)} in frames of ${step.fragment}`
  }
  if (step.send === 'close') {
    const reason = step.reason.length === 0 ? '' : ` and ${step.reason.length} octets of reason`
    return step.code === undefined ? `Close without code${reason}` : `Close ${step.code}${reason}`
  }
  const { opcode, payload, fin, rsv, chop, alone } = step
  const marks = `${fin ? '' : ' not FIN'}${rsv === 0 ? '' : ` RSV ${rsv}`}${chop === undefined ? '' : ` in chops of ${chop}`}`
  return `${opcodeName(opcode)} ${size(payload)}${marks}${alone ? ' alone' : ''}`
}

export function eventsInWords(events: readonly Event[]): string {
  return events.length === 0 ? 'no message or pong' : joined(events.map(eventInWords))
}

function eventInWords(event: Event): string {
  if (event.event === 'waited') return `open still after wait ${event.name}`
  if (event.event === 'pong') return `pong ${size(event.payload)}`
  return `${event.binary ? 'binary' : 'text'} ${size(event.payload)}`
}

function size({ length }: Octets): string {
  return length >= 2 ** 20 && length % 2 ** 20 === 0 ? `${length / 2 ** 20} MiB` : String(length)
}

/** Equal neighbours are counted. */
function joined(words: readonly string[]): string {
  const runs: { word: string; count: number }[] = []
  for (const word of words) {
    const last = runs.at(-1)
    if (last?.word === word) last.count++
    else runs.push({ word, count: 1 })
  }
  return runs.map(({ word, count }) => (count === 1 ? word : `${count} × ${word}`)).join(', ')
}
