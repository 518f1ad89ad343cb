/**
 * Plays the cases of this folder and judges them. The rules by which a verdict is found are Autobahn's, in its order, so
 * that both suites say the same of the same peer, good or bad.
 */
import type { Case, Peer } from '../case.ts'
import type { Endpoint, EndpointHandler } from '../endpoint.ts'
import { OPCODE } from '../frame.ts'
import type { DeflateParameters } from '../message-deflate.ts'
import { type Patience, patience } from '../patience.ts'
import type { Behavior, CloseBehavior, Verdict } from '../verdict.ts'
import { acceptFrom, type CompressedTrips, offersOf } from './compression.ts'
import { CORPORA, Slices } from './corpora.ts'
import type { RoundTrips } from './limits.ts'
import {
  bytesOf,
  CLOSED_BY_SUITE,
  describe,
  type Ending,
  type Event,
  eventsInWords,
  octets,
  type Script,
} from './script.ts'

const SIDES = ['server', 'client'] as const

/** Lengths from which a case counts as heavy, in octets on the wire. */
const HEAVY = 65_537

/** How the case itself came out, before the close is looked at. */
interface Outcome {
  readonly behavior: Behavior
  readonly words: string
}

interface Play {
  readonly handler: EndpointHandler
  /** Runs until the connection has ended. */
  readonly ended: Promise<void>
}

/** A connection's end as a promise, beside what a case wants to hear. */
function listening(onMessage: EndpointHandler['onMessage'], onPong: EndpointHandler['onPong'] = () => {}): Play {
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  return { handler: { onMessage, onPong, onEnd: () => end() }, ended }
}

export function scriptedCase(script: Script): Case {
  const size = script.steps.reduce((sum, step) => sum + ('payload' in step ? step.payload.length : 0), 0)
  return {
    id: script.id,
    title: describe(script),
    sides: SIDES,
    weight: size >= HEAVY ? 'heavy' : 'light',
    play: peer => (script.echo === undefined ? playEvents(script, peer) : playEcho(script, script.echo, peer)),
  }
}

async function playEvents(script: Script, peer: Peer): Promise<Verdict> {
  const received: Event[] = []
  const isDone = () =>
    [script.expect, ...(script.nonStrict ? [script.nonStrict] : [])].every(list => same(received, list))
  let endpoint: Endpoint | undefined
  const onEvent = (event: Event) => {
    received.push(event)
    if (script.ending.by === 'suite' && !script.leavesOpen && isDone()) endpoint?.sendClose(script.ending.codes[0])
  }
  const { handler, ended } = listening(
    (payload, binary) => onEvent({ event: 'message', binary, payload: octets(payload) }),
    payload => onEvent({ event: 'pong', payload: octets(payload) }),
  )
  const opened = await peer.open(handler)
  if ('fault' in opened) return neverOpen(opened.fault, script.informational)
  endpoint = opened.endpoint
  const sender = send(script, endpoint, peer, onEvent)
  await ended
  sender.stop()
  const closed = judgeClose(script.ending, endpoint, peer)
  if (script.informational) {
    const words = `${cameInWords(received)} came`
    return { behavior: 'INFORMATIONAL', behaviorClose: 'INFORMATIONAL', words, closeWords: closed.words }
  }
  return judged(judgeEvents(script, received), script.ending, endpoint, peer)
}

/** Sends the steps, waits between them, and sets the limit behind the last one. */
function send(script: Script, endpoint: Endpoint, peer: Peer, onEvent: (event: Event) => void): { stop(): void } {
  const { steps, limit } = script
  let timer: Patience | undefined
  const go = (from: number) => {
    for (let at = from; at < steps.length; at++) {
      const step = steps[at]!
      if ('wait' in step) {
        timer = patience(step.wait * 1000 * peer.options.pace, () => {
          // Who waits for a name wants to know whether the peer has closed meanwhile.
          if (step.name !== undefined) {
            if (endpoint.state !== 'open') return
            peer.log.note(`wait ${step.name} ran out with the connection still open`)
            onEvent({ event: 'waited', name: step.name })
          }
          if (endpoint.state !== 'closed') go(at + 1)
        })
        return
      }
      sendStep(step, endpoint)
    }
    // What is still to be sent in small chops is our own time.
    endpoint.whenFlushed(() => {
      if (endpoint.state !== 'closed') timer = setLimit(limit, endpoint, peer)
    })
  }
  go(0)
  return { stop: () => timer?.cancel() }
}

function sendStep(step: Exclude<Script['steps'][number], { wait: number }>, endpoint: Endpoint): void {
  if (step.send === 'close') return endpoint.sendClose(step.code, bytesOf(step.reason))
  if (step.send === 'header') {
    return endpoint.sendHeader({ opcode: step.opcode, fin: false, announced: step.length })
  }
  const payload = bytesOf(step.payload)
  if (step.send === 'part') return endpoint.sendPart(payload)
  if (step.send === 'message') return endpoint.sendMessage(step.opcode, payload, step.fragment)
  const { opcode, fin, rsv, chop, alone } = step
  endpoint.sendFrame({ opcode, fin, rsv, payload }, { chop, alone })
}

function setLimit(limit: Script['limit'], endpoint: Endpoint, peer: Peer): Patience {
  if ('failAfter' in limit) {
    return patience(limit.failAfter * 1000 * peer.options.pace, () =>
      endpoint.fail(1001, `nothing more came within ${limit.failAfter} s`),
    )
  }
  const milliseconds = Math.min(limit.closeAfter * 1000 * peer.options.pace, peer.options.timeout)
  return patience(milliseconds, () => {
    if (endpoint.state !== 'open') return
    peer.log.note(`not all came within ${milliseconds / 1000} s`)
    endpoint.sendClose(1000)
  })
}

function same(received: readonly Event[], expected: readonly Event[]): boolean {
  return (
    received.length === expected.length &&
    received.every((event, i) => {
      const other = expected[i]!
      if (event.event === 'waited' || other.event === 'waited')
        return event.event === 'waited' && other.event === 'waited' && event.name === other.name
      if (event.event !== other.event) return false
      if (event.event === 'message' && other.event === 'message' && event.binary !== other.binary) return false
      return event.payload.length === other.payload.length && bytesOf(event.payload).equals(bytesOf(other.payload))
    })
  )
}

function judgeEvents({ expect, nonStrict }: Script, received: readonly Event[]): Outcome {
  const came = cameInWords(received)
  if (same(received, expect)) return { behavior: 'OK', words: `${came} came, as expected` }
  const wanted = eventsInWords(expect)
  if (nonStrict !== undefined && same(received, nonStrict)) {
    const last = nonStrict.at(-1)
    const words =
      last?.event === 'waited'
        ? `expected the peer to fail the connection before wait ${last.name} was over; later is allowed, but not strict`
        : `expected ${wanted}; ${came} is allowed, but not strict`
    return { behavior: 'NON-STRICT', words }
  }
  const differs = came === wanted ? `${came} of another content` : came
  return { behavior: 'FAILED', words: `expected ${wanted}, got ${differs}` }
}

function cameInWords(received: readonly Event[]): string {
  return eventsInWords(received)
}

/** One message of the right type and length; the first that comes decides. */
async function playEcho(script: Script, echo: NonNullable<Script['echo']>, peer: Peer): Promise<Verdict> {
  let outcome: Outcome | undefined
  let endpoint: Endpoint | undefined
  const { handler, ended } = listening((payload, binary) => {
    outcome ??= judgeEcho(echo, payload, binary)
    endpoint?.sendClose(1000)
  })
  const opened = await peer.open(handler)
  if ('fault' in opened) return neverOpen(opened.fault)
  endpoint = opened.endpoint
  const sender = send(script, endpoint, peer, () => {})
  await ended
  sender.stop()
  const missing = `expected ${kind(echo.binary)} of ${echo.length} bytes, got no message`
  return judged(outcome ?? { behavior: 'FAILED', words: missing }, script.ending, endpoint, peer)
}

function judgeEcho(echo: { binary: boolean; length: number }, payload: Buffer, binary: boolean): Outcome {
  const isRight = binary === echo.binary && payload.length === echo.length
  const wanted = `${kind(echo.binary)} of ${echo.length} bytes`
  if (isRight) return { behavior: 'OK', words: `${wanted} came, as expected` }
  return { behavior: 'FAILED', words: `expected ${wanted}, got ${kind(binary)} of ${payload.length}` }
}

function kind(binary: boolean): string {
  return binary ? 'binary' : 'text'
}

export function roundTripsCase({ id, binary, payload, count, closeAfter }: RoundTrips): Case {
  const message = bytesOf(payload)
  return {
    id,
    title: `${count} ${kind(binary)} messages of ${message.length}, each after the echo of the one before`,
    sides: SIDES,
    weight: 'heavy',
    play: peer =>
      playTrips(peer, {
        binary,
        count,
        closeAfter,
        next: () => message,
        fault: (came, sent) => (came.length === sent.length ? undefined : `${sent.length} bytes, got ${came.length}`),
      }),
  }
}

export function compressedTripsCase(trips: CompressedTrips): Case {
  const { id, corpus, length, fragment, count, closeAfter, wishes } = trips
  const { title, binary } = CORPORA[corpus]
  const parameters = wishes
    .map(({ noContextTakeover, windowBits }) => {
      const words = [
        ...(noContextTakeover ? ['no context takeover'] : []),
        ...(windowBits ? [`window bits ${windowBits}`] : []),
      ]
      return words.join(' and ') || 'anything'
    })
    .join(', else ')
  const frames = fragment === 0 ? '' : `, in frames of ${fragment}`
  return {
    id,
    title: `compressed messages of ${length} from ${title}${frames}, one after the other; asks for ${parameters}`,
    sides: SIDES,
    weight: 'heavy',
    play: peer => {
      const slices = new Slices(CORPORA[corpus])
      return playTrips(peer, {
        binary,
        count: peer.options.full ? count : fewest(length),
        closeAfter,
        fragment,
        opening: { offers: offersOf(wishes), accept: offers => acceptFrom(wishes, offers) },
        next: () => slices.next(length),
        fault: (came, sent) =>
          came.equals(sent) ? undefined : `the ${sent.length} bytes that were sent, got ${came.length} others`,
      })
    },
  }
}

/**
 * How many messages of a compression case show every fault that 1,000 show. A context that is kept or dropped where it
 * must not be shows at the first message that repeats something of one before: at once with text, after some 16 KiB with a
 * PDF. A window that is larger than agreed shows when what is repeated lies farther back: 512 octets for 9 bits, in every
 * case but those of 15 bits, whose 32 KiB any four of the longer messages fill. So: 32 KiB in all, four messages or more.
 */
export function fewest(length: number): number {
  return Math.min(1000, Math.max(4, Math.ceil(32_768 / length)))
}

interface Trips {
  readonly binary: boolean
  readonly count: number
  readonly closeAfter: number
  readonly fragment?: number
  readonly opening?: {
    offers: string
    accept: (offers: readonly DeflateParameters[]) => DeflateParameters | undefined
  }
  next(): Buffer
  /** What is wrong with an echo, as "expected …" goes on. */
  fault(came: Buffer, sent: Buffer): string | undefined
}

async function playTrips(peer: Peer, trips: Trips): Promise<Verdict> {
  let [outcome, endpoint]: [Outcome | undefined, Endpoint | undefined] = [undefined, undefined]
  let sent: Buffer = Buffer.alloc(0)
  let count = 0
  const sendNext = () => {
    sent = trips.next()
    count++
    endpoint?.sendMessage(trips.binary ? OPCODE.binary : OPCODE.text, sent, trips.fragment)
  }
  const { handler, ended } = listening((came, binary) => {
    if (outcome !== undefined) return
    const wrong = binary === trips.binary ? trips.fault(came, sent) : `${kind(trips.binary)}, got ${kind(binary)}`
    if (wrong !== undefined) outcome = { behavior: 'FAILED', words: `message ${count}: expected ${wrong}` }
    else if (count < trips.count) return sendNext()
    else outcome = { behavior: 'OK', words: `all ${count} messages came back, as expected` }
    endpoint?.sendClose(1000)
  })
  const opened = await peer.open(handler, trips.opening)
  if ('fault' in opened) return neverOpen(opened.fault)
  endpoint = opened.endpoint
  let timer: Patience | undefined
  if (trips.opening !== undefined && opened.agreed === undefined) {
    outcome = { behavior: 'UNIMPLEMENTED', words: 'permessage-deflate was not agreed on' }
    endpoint.sendClose(1000)
  } else {
    timer = setLimit({ closeAfter: trips.closeAfter }, endpoint, peer)
    sendNext()
  }
  await ended
  timer?.cancel()
  const why = endpoint.fault === undefined ? '' : `: ${endpoint.fault}`
  const missing = `expected ${trips.count} messages back, got ${Math.max(0, count - 1)}${why}`
  return judged(outcome ?? { behavior: 'FAILED', words: missing }, CLOSED_BY_SUITE, endpoint, peer)
}

/** The opening handshake was never completed: FAILED, but where nothing is. */
function neverOpen(fault: string, informational = false): Verdict {
  const words = `expected an open connection, but ${fault}`
  if (informational)
    return { behavior: 'INFORMATIONAL', behaviorClose: 'INFORMATIONAL', words, closeWords: 'never open' }
  return { behavior: 'FAILED', behaviorClose: 'FAILED', words, closeWords: 'the connection was never open' }
}

function judged(outcome: Outcome, ending: Ending, endpoint: Endpoint, peer: Peer): Verdict {
  const close = judgeClose(ending, endpoint, peer)
  const verdict = { ...outcome, behaviorClose: close.behaviorClose, closeWords: close.words }
  const isFatal =
    (ending.wrongCodeFails && close.behaviorClose === 'WRONG CODE') ||
    (ending.wrongEndFails && (ending.by === 'suite') !== endpoint.closedByUs)
  return isFatal && outcome.behavior !== 'FAILED' ? { ...verdict, behavior: 'FAILED', words: close.words } : verdict
}

/** The order of the questions decides which fault is told. */
function judgeClose(ending: Ending, endpoint: Endpoint, peer: Peer): { behaviorClose: CloseBehavior; words: string } {
  const { codes, clean } = ending
  const code = endpoint.peerCloseCode
  const came = !endpoint.peerClosed ? 'no Close' : code === undefined ? 'a Close without a code' : `Close ${code}`
  const wanted = `Close ${codes.join(' or ')}`
  if ((ending.by === 'suite') !== endpoint.closedByUs) {
    const words = endpoint.closedByUs
      ? `expected the peer to fail the connection, but the suite had to end it${endpoint.fault === undefined ? '' : `: ${endpoint.fault}`}`
      : `expected the suite to close, but the peer ended the connection first, with ${came}`
    return { behaviorClose: 'FAILED', words }
  }
  if (clean && !endpoint.wasClean)
    return {
      behaviorClose: 'UNCLEAN',
      words: `expected ${wanted} and a clean end, got ${came}${endpoint.peerClosed ? ' and no end of TCP in time' : ''}`,
    }
  if (code !== undefined && !codes.includes(code))
    return { behaviorClose: 'WRONG CODE', words: `expected ${wanted} or none, got ${came}` }
  if (peer.side === 'server' && endpoint.droppedByUs)
    return { behaviorClose: 'FAILED BY CLIENT', words: 'expected the server to end TCP, but the suite had to' }
  return { behaviorClose: 'OK', words: `closed as expected, with ${came}` }
}
