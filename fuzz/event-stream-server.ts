/**
 * Event streams on a server whose clients take what is written when they like, a piece of it, or never: two streams at a
 * time, as turns are shared, and what is written to one may send on the other. Against a model that keeps a list of the
 * events that wait: after each call it must be in the same state, and what is written must be the front of that list.
 * Nobody waits for ever, and nothing is left when all have ended.
 */
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { EventStream } from '../lib/transport/event-stream.ts'
import { checkEventStreamOptions, type OverflowPolicy } from '../lib/transport/event-stream-options.ts'
import { prepareEvent } from '../lib/transport/outgoing-event.ts'
import { clockMembers } from '../spec/support/clock-members.ts'
import { fromProperty, hold } from './target.ts'

const POLICIES: readonly OverflowPolicy[] = ['close', 'drop-oldest', 'drop-newest', 'keep-latest']

const options = fc.record({
  overflow: fc.constantFrom(...POLICIES),
  highWaterMark: fc.constantFrom(0, 40, 64, 100, 1000, 20_000, 65_536),
  /** What the limit is above the mark. */
  more: fc.constantFrom(0, 1, 100, 1000, 50_000),
  isPrompt: fc.boolean(),
})
type Options = typeof options extends fc.Arbitrary<infer T> ? T : never

/** Bytes of an event: some that add up to a mark to the byte, some that do not wait for the end of the turn. */
const size = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(20, 32, 40, 50, 100) },
  { weight: 4, arbitrary: fc.integer({ min: 20, max: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(16_384, 20_000, 70_000) },
)
const which = fc.nat({ max: 1 })
const key = fc.option(fc.constantFrom('a', 'b', '0', '__proto__'), { nil: undefined })

const action = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant('send' as const), which, size, key, isPrepared: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      which,
      size,
      count: fc.integer({ min: 2, max: 30 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('take' as const, 'drained' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prompt' as const), which, isPrompt: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'leave' as const), which }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** A client, as the system shows it to us. */
class Outlet extends Writable {
  isPrompt: boolean
  text = ''
  onWrite: (text: string) => void = () => {}
  #take: (() => void) | undefined

  constructor(isPrompt: boolean) {
    super()
    this.isPrompt = isPrompt
    const { write } = this
    this.write = ((chunk: Buffer, callback: () => void) => {
      this.onWrite(chunk.toString())
      return write.call(this, chunk, 'utf8', callback)
    }) as typeof write
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.text += chunk.toString()
    if (this.isPrompt) callback()
    else this.#take = callback
  }

  take(): void {
    const take = this.#take
    this.#take = undefined
    take?.()
  }
}

interface Waiting {
  readonly text: string
  readonly key: string | undefined
}

/** A stream beside its model. */
class Case {
  readonly outlet: Outlet
  readonly stream: EventStream
  /** What the other stream does when this one is written to. */
  onWrite: (() => void) | undefined
  readonly #overflow: OverflowPolicy
  readonly #mark: number
  readonly #limit: number
  #waiting: Waiting[] = []
  /** All that was written, in the order of its events. */
  #written = ''
  #number = 0
  #dropped = 0
  #largest = 0
  #isEnding: 'close' | 'limit' | 'leave' | undefined
  #unsent = 0
  #pending = 0

  constructor({ overflow, highWaterMark, more, isPrompt }: Options, registry: Set<EventStream>) {
    this.#overflow = overflow
    this.#mark = highWaterMark
    this.#limit = highWaterMark + more
    this.outlet = new Outlet(isPrompt)
    const given = { overflow, highWaterMark, maxBufferedAmount: this.#limit, heartbeat: false } as const
    this.stream = new EventStream(this.outlet, checkEventStreamOptions(given).settings, '', registry)
    this.outlet.onWrite = text => this.#onWrite(text)
  }

  get #buffered(): number {
    return this.outlet.writableLength + lengthOf(this.#waiting)
  }

  #onWrite(text: string): void {
    const { writableLength } = this.outlet
    const isGiven = this.#isEnding === 'close' || writableLength <= this.#mark
    hold(isGiven, () => `written above the mark, at ${writableLength}`)
    let length = 0
    while (length < text.length && this.#waiting.length > 0) {
      const next = this.#waiting.shift() as Waiting
      hold(text.startsWith(next.text, length), () => `written ${text} instead of ${next.text} at ${length}`)
      length += next.text.length
    }
    hold(length === text.length, () => `written though nothing waits: ${text.slice(length)}`)
    this.#written += text
    this.onWrite?.()
  }

  send(bytes: number, key: string | undefined, isPrepared: boolean): void {
    const data = `${this.#number++} `.padEnd(bytes - 'data: \n\n'.length, 'x')
    const text = `data: ${data}\n\n`
    const isKept = this.#isEnding === undefined && this.#admit({ text, key })
    const isSent = this.stream.send(isPrepared ? prepareEvent({ data, key }) : { data, key })
    const should = isKept && this.#buffered <= this.#mark
    hold(isSent === should, () => `send returned ${isSent} at ${this.#buffered}`)
    this.check()
  }

  /** What the policy says, word by word. */
  #admit(event: Waiting): boolean {
    const length = event.text.length
    this.#largest = Math.max(this.#largest, length)
    if (this.#overflow === 'keep-latest' && event.key !== undefined) {
      const others = this.#waiting.filter(({ key }) => key !== event.key)
      this.#dropped += this.#waiting.length - others.length
      this.#waiting = others
    }
    while (this.#buffered > this.#mark && this.#buffered + length > this.#limit) {
      if (this.#overflow === 'drop-newest') {
        this.#dropped++
        return false
      }
      if (this.#overflow !== 'drop-oldest') {
        this.#end('limit')
        return false
      }
      if (this.#waiting.shift() === undefined) break
      this.#dropped++
    }
    this.#waiting.push(event)
    return true
  }

  #end(how: 'close' | 'limit' | 'leave'): void {
    if (this.#isEnding === undefined) {
      this.#isEnding = how
      this.#unsent = this.#buffered
    }
    if (how !== 'close') this.#waiting = []
  }

  close(): void {
    this.#end('close')
    this.stream.close()
    this.check()
  }

  leave(): void {
    this.#end('leave')
    this.outlet.destroy()
  }

  /** Waits as a sender does. */
  wait(): void {
    this.#pending++
    const settle = () => void this.#pending--
    this.stream.drained().then(settle, settle)
  }

  check(): void {
    const { bufferedAmount, dropped, isClosed } = this.stream
    hold(dropped === this.#dropped, () => `${dropped} dropped instead of ${this.#dropped}`)
    hold(isClosed === (this.#isEnding !== undefined), () => `isClosed ${isClosed}, ${this.#isEnding}`)
    if (isClosed) return
    hold(bufferedAmount === this.#buffered, () => `${bufferedAmount} buffered instead of ${this.#buffered}`)
    // What is on its way is not dropped for a newer one; that one waits, behind it.
    const newest = this.#overflow === 'drop-oldest' ? this.#largest : 0
    const most = Math.max(this.#limit, this.#mark + this.#largest) + newest
    hold(bufferedAmount <= most, () => `${bufferedAmount} buffered of ${most}`)
  }

  /** What must be true when a turn has ended. */
  checkAtRest(): void {
    this.check()
    const stands =
      this.outlet.writableLength <= this.#mark && this.#waiting.length > 0 && this.outlet.writableLength === 0
    hold(!stands, () => `${this.#waiting.length} events stand still`)
    // The system tells of whole writes: of what is on its way, the last one.
    const mayWait = this.#isEnding === undefined ? this.outlet.writableLength > 0 : !this.outlet.closed
    hold(this.#pending === 0 || mayWait, () => `waits at ${this.#buffered}, ${this.#isEnding}`)
  }

  async checkEnd(): Promise<void> {
    let isTold = false
    void this.stream.closed.then(() => {
      isTold = true
    })
    for (let i = 0; !isTold && i < 10_000; i++) {
      this.outlet.take()
      await turn()
    }
    hold(isTold, () => 'never closed')
    const { by, cause, unsent } = await this.stream.closed
    const isLimit = this.#isEnding === 'limit'
    const expected = [
      this.#isEnding === 'leave' ? 'peer' : 'local',
      isLimit ? 'ERR_EVENT_STREAM_OUTPUT_LIMIT' : undefined,
    ]
    hold(`${[by, cause]}` === `${expected}`, () => `${[by, cause]} instead of ${expected}`)
    if (isLimit) hold(unsent === this.#unsent, () => `${unsent} unsent instead of ${this.#unsent}`)
    if (this.#isEnding === 'close' && this.outlet.writableFinished) {
      hold(unsent === 0 && this.#waiting.length === 0, () => `${unsent} unsent after close()`)
      hold(this.outlet.text === this.#written, () => 'not all that was written was taken')
    }
    hold(this.#written.startsWith(this.outlet.text), () => 'taken in another order')
    hold(this.#pending === 0, () => 'waits behind the end')
  }
}

function lengthOf(events: readonly Waiting[]): number {
  return events.reduce((length, { text }) => length + text.length, 0)
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

async function play(actions: readonly Action[], first: Options, second: Options, answers: number): Promise<void> {
  const registry = new Set<EventStream>()
  const cases = [new Case(first, registry), new Case(second, registry)] as const
  let left = answers
  cases[0].onWrite = () => {
    if (left-- > 0) cases[1].send(25, undefined, false)
  }
  try {
    for (const each of actions) {
      const it = cases[each.which] as Case
      if (each.kind === 'send') it.send(each.size, each.key, each.isPrepared)
      else if (each.kind === 'burst') for (let i = 0; i < each.count; i++) it.send(each.size, undefined, false)
      else if (each.kind === 'take') it.outlet.take()
      else if (each.kind === 'prompt') it.outlet.isPrompt = each.isPrompt
      else if (each.kind === 'drained') it.wait()
      else if (each.kind !== 'turn') it[each.kind]()
      if (each.kind !== 'turn' && each.kind !== 'take') continue
      await turn()
      for (const one of cases) one.checkAtRest()
    }
    left = 0
    for (const one of cases) one.close()
    for (const one of cases) await one.checkEnd()
    // Of these two: where time was up in the middle of another input, its streams end on their own.
    const ticking = cases.filter(({ stream }) => clockMembers.has(stream))
    hold(registry.size === 0 && ticking.length === 0, () => `${registry.size} and ${ticking.length} are left`)
  } finally {
    for (const { outlet } of cases) outlet.destroy()
    await turn()
  }
}

const property = fc.asyncProperty(fc.array(action, { maxLength: 40 }), options, options, fc.nat({ max: 3 }), play)

export const target = fromProperty('event-stream-server', property)
