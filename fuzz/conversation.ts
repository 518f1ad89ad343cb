/**
 * Two endpoints that do whatever may be done, over a channel that delivers when it likes, pauses, and breaks at any
 * byte: nobody throws, nothing follows a Close frame, both sides know the same Close frames, nothing that was sent
 * before one is lost, and both end closed.
 */
import fc from 'fast-check'
import { Endpoint } from '../spec/support/pair.ts'
import { fromProperty, hold } from './target.ts'
import { closeCode, text } from './traffic.ts'

type Side = 'client' | 'server'

const data = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(20_000, 70_000).map(length => new Uint8Array(length)) },
)
const side = fc.constantFrom<Side>('client', 'server')
const small = fc.uint8Array({ maxLength: 10 })

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), side, bytes: fc.nat({ max: 60 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), side, bytes: fc.constant(1e9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), side, data }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fragment' as const), side, data, fin: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), side, data: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'congest' as const), side }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('resume' as const, 'drain' as const), side }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'fail' as const), side, code: closeCode }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const), side }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** One side with the bytes that are on their way to it, and all messages that it has sent. */
class Peer {
  readonly end: Endpoint
  readonly sent: string[] = []
  inFlight = Buffer.alloc(0)
  /** The type and the parts of a message that has begun. */
  fragments: { isText: boolean; parts: (string | Uint8Array)[] } | undefined
  hasFailed = false

  constructor(role: Side, isReading: boolean) {
    // A peer that acts while it reads is one whose handlers act: here, one that sends what it gets back.
    this.end = new Endpoint({ role }, isReading ? { onMessage: data => void this.send(data) } : {})
  }

  send(data: string | Uint8Array): void {
    if (this.fragments !== undefined) return
    if (this.end.connection.send(data)) this.sent.push(lineOf(data))
  }

  sendFragment(data: string | Uint8Array, fin: boolean): void {
    const isText = typeof data === 'string'
    const message = this.fragments ?? { isText, parts: [] }
    if (message.isText !== isText) return
    if (!this.end.connection.sendFragment(data, fin)) return
    message.parts.push(data)
    this.fragments = fin ? undefined : message
    if (!fin) return
    this.sent.push(lineOf(isText ? message.parts.join('') : Buffer.concat(message.parts as Uint8Array[])))
  }
}

function lineOf(data: string | Uint8Array): string {
  if (typeof data !== 'string') return `binary ${Buffer.from(data).toString('hex')}`
  return `text ${JSON.stringify(Buffer.from(data).toString())}`
}

function play(actions: readonly Action[], echoes: boolean): void {
  const peers = { client: new Peer('client', false), server: new Peer('server', echoes) }
  let isBroken = false

  const collect = () => {
    const { client, server } = peers
    // Congested: nothing is taken, and what is owed waits.
    if (!client.end.connection.congested) server.inFlight = Buffer.concat([server.inFlight, client.end.take()])
    if (!server.end.connection.congested) client.inFlight = Buffer.concat([client.inFlight, server.end.take()])
  }
  const deliver = (peer: Peer, bytes: number) => {
    if (isBroken) return
    const chunk = peer.inFlight.subarray(0, bytes)
    peer.inFlight = peer.inFlight.subarray(bytes)
    peer.end.receive(chunk)
  }
  const resume = (peer: Peer) => {
    peer.end.connection.paused = false
    peer.end.connection.read()
  }

  for (const each of actions) {
    const peer = peers[each.side]
    const { connection } = peer.end
    const { state } = connection
    if (each.kind === 'deliver') deliver(peer, each.bytes)
    else if (each.kind === 'send') peer.send(each.data)
    else if (each.kind === 'fragment') peer.sendFragment(each.data, each.fin)
    else if (each.kind === 'ping' || each.kind === 'pong') connection[each.kind](each.data)
    else if (each.kind === 'pause') connection.paused = true
    else if (each.kind === 'resume') resume(peer)
    else if (each.kind === 'congest') connection.congested = true
    else if (each.kind === 'drain') connection.drained()
    else if (each.kind === 'close') connection.close(each.code, each.side)
    else if (each.kind === 'fail') connection.fail(each.code, each.side)
    else {
      isBroken = true
      for (const { end } of Object.values(peers)) end.connection.transportEnded()
    }
    if (each.kind === 'fail' && state !== 'closed' && state !== 'close-exchanged') peer.hasFailed = true
    hold(state !== 'closed' || connection.state === 'closed', () => `${connection.state} after closed`)
    collect()
  }

  // Then everybody reads on, and whoever is still open closes.
  for (let round = 0; round < 2; round++) {
    for (let isBusy = true; isBusy; ) {
      for (const peer of Object.values(peers)) {
        resume(peer)
        peer.end.connection.drained()
      }
      collect()
      isBusy = !isBroken && Object.values(peers).some(({ inFlight }) => inFlight.length > 0)
      for (const peer of Object.values(peers)) deliver(peer, 1e9)
    }
    if (round === 0) peers.client.end.connection.close(1000)
  }

  for (const [name, peer] of Object.entries(peers)) {
    const other = name === 'client' ? peers.server : peers.client
    const { connection, log } = peer.end
    const { closeReceived, state } = connection
    const lines = peer.end.sentLines.map(line => line.slice(0, 1))
    const isAtRest = isBroken ? state === 'closed' : state === 'close-exchanged' || state === 'failed'
    hold(isAtRest, () => `the ${name} is ${state} at the end`)
    hold(!log.some(line => line.startsWith('failure')), () => `${name}: ${log}`)
    hold(!lines.includes('8') || lines.indexOf('8') === lines.length - 1, () => `behind a Close frame: ${lines}`)
    const sent = other.end.connection.closeSent
    hold(
      closeReceived === undefined || JSON.stringify(closeReceived) === JSON.stringify(sent),
      () => `the ${name} got ${JSON.stringify(closeReceived)}, the other sent ${JSON.stringify(sent)}`,
    )
    const ending = log.findIndex(line => line.startsWith('close'))
    hold(ending < 0 || ending === log.length - 1, () => `told behind the Close frame: ${log}`)
    const got = log.filter(line => /^(text|binary)/.test(line))
    const expected = isBroken || peer.hasFailed ? other.sent.slice(0, got.length) : other.sent
    hold(got.join('\n') === expected.join('\n'), () => `the ${name} got ${got}\nof ${expected}`)
    connection.transportEnded()
    hold((connection.state as string) === 'closed' && connection.outputLength === 0, () => 'not closed')
  }
}

export const target = fromProperty(
  'conversation',
  fc.property(fc.array(action, { maxLength: 40 }), fc.boolean(), play),
)
