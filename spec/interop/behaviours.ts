/**
 * What an open connection does between us and any peer, as one table that each peer's spec runs in every direction the
 * peer has. Where a peer cannot do its part (a browser sends no Ping) the row is left out for it.
 */
import type { Test } from 'tap'
import type { WebSocketConnection } from '../../lib/index.ts'
import { type Direction, type Link, type LinkOptions, openLink, take } from './link.ts'
import { type Ability, bytesOf, dataOf, numbered, type Payload, type Peer, receiptFor, receiptOf } from './peer.ts'

type Open = (options?: LinkOptions) => Promise<Link>

interface Behaviour {
  readonly name: string
  readonly needs?: Ability
  /** So much is sent that once is enough. */
  readonly isLong?: boolean
  run(t: Test, open: Open): Promise<void>
}

const MIB = 2 ** 20

/** Each length where a frame's header changes, on both sides; texts of one to four bytes a character. */
const MESSAGES: readonly Payload[] = [
  { text: '' },
  { hex: '' },
  { text: 'hello' },
  { text: 'é€😀\u0000\r\n\ufeff\uffff\u{10ffff}' },
  { hex: '0001027f80c0feff' },
  ...[125, 126, 65_535, 65_536].flatMap(times => [
    { text: 'a', times },
    { hex: 'f5', times },
  ]),
  { text: 'é', times: 63 },
  { text: '😀', times: 16_384 },
  { text: 'a😀', times: 40_000 },
]

/** 16 MiB each. */
const LARGE: readonly Payload[] = [
  { text: 'é', times: 8 * MIB },
  { hex: '000102030405060708090a0b0c0d0e0f', times: MIB },
]

/** What any endpoint may send, browsers included; the longest reason, and characters of more than one byte. */
const STATUSES: readonly (readonly [code?: number, reason?: string])[] = [
  [],
  [1000],
  [1000, 'done'],
  [3000, 'é€😀'],
  [4999, 'x'.repeat(123)],
]

const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: 'messages come through as they were sent, both ways',
    async run(t, open) {
      const { ours, peer } = await open()
      for (const payload of MESSAGES) await send(ours, payload)
      t.same(await peer.take(MESSAGES.length), MESSAGES.map(receiptFor), 'from us')
      // A byte order mark that begins a text is part of it. undici drops it, so only this way.
      const messages = [...MESSAGES, { text: '\ufeffa' }]
      const taken = take(ours, messages.length)
      for (const payload of messages) await peer.send(payload)
      t.same(await taken, messages.map(receiptFor), 'from the peer')
    },
  },
  {
    name: 'messages of 16 MiB come through, both ways',
    isLong: true,
    async run(t, open) {
      const { ours, peer } = await open({ settings: { maxMessageSize: 16 * MIB } })
      for (const payload of LARGE) {
        const receipt = receiptFor(payload)
        await send(ours, payload)
        t.same(await peer.take(1), [receipt], 'from us')
        const taken = take(ours, 1)
        await peer.send(payload)
        t.same(await taken, [receipt], 'from the peer')
      }
    },
  },
  {
    name: 'many small messages, both ways at once, keep their order',
    async run(t, open) {
      const { ours, peer } = await open()
      const count = 3000
      const all = Array.from({ length: count }, (_, n) => receiptOf(numbered(n)))
      const taken = Promise.all([peer.take(count), take(ours, count), peer.sendNumbered(count)])
      for (let n = 0; n < count; n++) if (!ours.send(numbered(n))) await ours.drained()
      const [atPeer, atOurs] = await taken
      t.same(different(atPeer, all), [], 'from us')
      t.same(different(atOurs, all), [], 'from the peer')
    },
  },
  {
    name: 'everything that was sent before a Close frame arrives before it',
    async run(t, open) {
      const count = 500
      const all = Array.from({ length: count }, (_, n) => receiptOf(numbered(n)))
      const first = await open()
      for (let n = 0; n < count; n++) first.ours.send(numbered(n))
      first.ours.close(1000)
      t.same(different(await first.peer.take(count), all), [], 'from us')
      t.equal((await first.peer.closed()).code, 1000)
      const second = await open()
      const taken = take(second.ours, count + 1)
      await second.peer.sendNumbered(count)
      await second.peer.close(1000)
      t.same(different(await taken, all), [], 'from the peer')
      t.equal((await second.ours.closed).code, 1000)
    },
  },
  {
    name: 'messages that we send in fragments arrive whole, with a Ping answered between two fragments',
    async run(t, open) {
      const { ours, peer } = await open()
      await ours.sendFragments(
        (async function* () {
          yield 'one '
          await ours.ping('between')
          yield ''
          // A character that is cut in two must not become two that are invalid.
          yield '\ud83d'
          yield '\ude00é'
        })(),
      )
      await ours.sendFragments([Buffer.from('00ff', 'hex'), Buffer.alloc(0), Buffer.alloc(70_000, 7)])
      await ours.sendFragments([])
      ours.send('behind')
      t.same(await peer.take(4), [
        receiptOf('one 😀é'),
        receiptOf(Buffer.concat([Buffer.from('00ff', 'hex'), Buffer.alloc(70_000, 7)])),
        receiptOf(''),
        receiptOf('behind'),
      ])
    },
  },
  {
    name: 'messages that the peer sends in fragments arrive whole',
    needs: 'fragments',
    async run(t, open) {
      const { ours, peer } = await open({ settings: { maxMessageSize: 16 * MIB } })
      const messages: readonly (readonly [type: 'text' | 'binary', parts: readonly Payload[]])[] = [
        ['text', [{ text: 'fr' }, { text: '' }, { text: 'ag' }]],
        ['text', [{ text: '' }, { text: '' }]],
        // 😀, byte by byte: §5.6: a fragment need not end at the end of a character
        ['text', [{ hex: 'f0' }, { hex: '9f' }, { hex: '98' }, { hex: '80' }]],
        ['binary', [{ hex: '00' }, { hex: 'ff', times: 70_000 }, { hex: '' }]],
        ['binary', Array.from({ length: 16 }, () => ({ hex: '0123456789abcdef', times: MIB / 8 }))],
      ]
      const taken = take(ours, messages.length)
      for (const [type, parts] of messages) await peer.sendFragments(type, parts)
      const whole = messages.map(([type, parts]) => {
        const bytes = Buffer.concat(parts.map(bytesOf))
        return receiptOf(type === 'text' ? bytes.toString() : bytes)
      })
      t.same(await taken, whole)
    },
  },
  {
    name: 'a message above our limit is answered with 1009, one at the limit is not',
    async run(t, open) {
      // The last one is more than the sockets hold: the peer is told while it is still sending.
      const tooLong = [
        { text: 'é', times: 501 },
        { hex: '00', times: 1001 },
        { hex: '00', times: 8 * MIB },
      ]
      for (const over of tooLong) {
        const { ours, peer } = await open({ settings: { maxMessageSize: 1000 } })
        const allowed = { text: 'é', times: 500 }
        const taken = take(ours, 2)
        await peer.send(allowed)
        await peer.send(over)
        t.same(await taken, [receiptFor(allowed)])
        t.equal((await peer.closed()).code, 1009, 'the peer is told')
        await refusedWith(t, ours, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009)
      }
    },
  },
  {
    name: 'fragments that are above our limit together are answered with 1009',
    needs: 'fragments',
    async run(t, open) {
      const { ours, peer } = await open({ settings: { maxMessageSize: 1000 } })
      await peer.sendFragments('text', [
        { text: 'a', times: 600 },
        { text: 'a', times: 401 },
      ])
      t.same(await take(ours, 1), [])
      t.equal((await peer.closed()).code, 1009, 'the peer is told')
      await refusedWith(t, ours, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009)
    },
  },
  {
    name: "a message above the peer's limit closes with 1009, and we are told",
    needs: 'limit',
    async run(t, open) {
      const { ours, peer } = await open({ peerLimit: 1000 })
      await send(ours, { text: 'a', times: 1000 })
      await send(ours, { text: 'a', times: 1001 })
      const { code, wasClean, detail } = await ours.closed
      t.same([code, wasClean, detail.by], [1009, true, 'peer'])
      t.same(await peer.take(2), [receiptOf('a'.repeat(1000))])
    },
  },
  {
    name: 'text of the peer that is not UTF-8 is answered with 1007',
    needs: 'fragments',
    async run(t, open) {
      const invalid: readonly (readonly Payload[])[] = [
        [{ hex: 'ff' }],
        [{ text: 'hello ' }, { hex: 'c0af' }, { text: ' world' }],
        // A surrogate, in UTF-8's manner; a character that the message ends within.
        [{ hex: 'eda080' }],
        [{ text: 'é' }, { hex: 'f09f98' }],
      ]
      for (const parts of invalid) {
        const { ours, peer } = await open()
        const taken = take(ours, 2)
        await peer.send({ text: 'é' })
        await peer.sendFragments('text', parts)
        t.same(await taken, [receiptOf('é')])
        t.equal((await peer.closed()).code, 1007, 'the peer is told')
        await refusedWith(t, ours, 'WS_ERR_INVALID_UTF8', 1007)
      }
    },
  },
  {
    name: 'the peer answers our Pings, one at a time and many at once',
    async run(t, open) {
      const { ours, peer } = await open()
      for (const payload of ['', 'ping', 'x'.repeat(125)]) t.ok((await ours.ping(payload)) >= 0)
      const trips = await Promise.all(Array.from({ length: 20 }, (_, n) => ours.ping(`${n}`)))
      t.equal(trips.length, 20)
      ours.send('still open')
      t.same(await peer.take(1), [receiptOf('still open')])
    },
  },
  {
    name: "we answer the peer's Pings",
    needs: 'ping',
    async run(t, open) {
      const { ours, peer } = await open()
      const payloads = ['', 'ping', 'x'.repeat(125)]
      const seen: string[] = []
      ours.on('ping', payload => seen.push(payload.toString()))
      for (const payload of payloads) await peer.ping(payload)
      t.same(seen, payloads)
    },
  },
  {
    name: 'the peer sees the code and the reason that we close with',
    async run(t, open) {
      for (const [code, reason] of STATUSES) {
        const { ours, peer } = await open()
        ours.close(code, reason)
        t.same(await peer.closed(), { code: code ?? 1005, reason: reason ?? '' })
        t.match(await ours.closed, { code: code ?? 1005, wasClean: true, detail: { by: 'local', cause: undefined } })
      }
    },
  },
  {
    name: 'we see the code and the reason that the peer closes with',
    async run(t, open) {
      for (const [code, reason] of STATUSES) {
        const { ours, peer } = await open()
        await peer.close(code, reason)
        const record = await ours.closed
        t.same([record.code, record.reason], [code ?? 1005, reason ?? ''])
        t.match(record, { wasClean: true, detail: { by: 'peer', cause: undefined } })
        t.equal((await peer.closed()).code, code ?? 1005, 'the peer gets its code back')
      }
    },
  },
  {
    name: 'a closing handshake that both begin at once is clean',
    async run(t, open) {
      const { ours, peer } = await open()
      ours.close(3000)
      await peer.close(4000)
      const [record, close] = await Promise.all([ours.closed, peer.closed()])
      t.match(record, { wasClean: true, detail: { cause: undefined } })
      t.match([record.code, close.code].join(), /^(3000|4000),(3000|4000)$/)
    },
  },
  {
    name: 'when we break off the peer sees 1006',
    async run(t, open) {
      const { ours, peer } = await open()
      ours.terminate()
      t.equal((await peer.closed()).code, 1006)
      const { code, wasClean, detail } = await ours.closed
      t.same([code, wasClean, detail.by, detail.cause], [1006, false, 'local', 'WS_ERR_TERMINATED'])
    },
  },
  {
    name: 'when the peer breaks off we see 1006',
    needs: 'drop',
    async run(t, open) {
      const { ours, peer } = await open()
      await peer.send({ text: 'last' })
      t.same(await take(ours, 1), [receiptOf('last')])
      await peer.drop()
      const { code, wasClean, detail } = await ours.closed
      t.same([code, wasClean, detail.by, detail.sent], [1006, false, 'transport', undefined])
    },
  },
]

/** All that we send is compressed, and refers back to what was sent before. */
const COMPRESSED = {
  threshold: 0,
  serverContextTakeover: true,
  clientContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}

/** Runs the table with a peer, in each direction that it has. */
export function testBehaviours(t: Test, peer: Peer): void {
  for (const direction of directionsOf(peer)) {
    t.test(direction, async t => {
      for (const { name, needs, run } of BEHAVIOURS) {
        if (needs !== undefined && !peer.abilities.includes(needs)) continue
        t.test(name, t => run(t, options => openLink(t, peer, direction, options)))
      }
    })
    t.test(`${direction}, compressed`, async t => {
      for (const { name, needs, isLong, run } of BEHAVIOURS) {
        if (isLong || (needs !== undefined && !peer.abilities.includes(needs))) continue
        t.test(name, t => run(t, options => openLink(t, peer, direction, { deflate: COMPRESSED, ...options })))
      }
    })
  }
}

export function directionsOf({ listen }: Peer): Direction[] {
  const client: Direction = 'their client, our server'
  return listen === undefined ? [client] : [client, 'our client, their server']
}

async function send(connection: WebSocketConnection, payload: Payload): Promise<void> {
  if (!connection.send(dataOf(payload))) await connection.drained()
}

/** Our side failed the connection, with this violation and code. */
async function refusedWith(t: Test, ours: WebSocketConnection, cause: string, code: number): Promise<void> {
  const { wasClean, detail } = await ours.closed
  t.same([detail.cause, detail.sent?.code, detail.by, wasClean], [cause, code, 'local', false])
}

/** The first few places where two lists differ, so that a report of thousands of lines stays readable. */
function different(came: readonly string[], wanted: readonly string[]): string[] {
  const length = Math.max(came.length, wanted.length)
  return Array.from({ length }, (_, n) => `${n}: ${came[n]}, not ${wanted[n]}`)
    .filter((_, n) => came[n] !== wanted[n])
    .slice(0, 5)
}
