/**
 * What the close record tells, for every way in which a connection of either role can close, over memory, TCP and
 * TLS: who, at which stage, why, what was sent, what was lost; and that 'error' and 'close' come once, in this order.
 */
import { once } from 'node:events'
import t from 'tap'
import { ProtocolError } from '../../lib/errors.ts'
import type { ConnectionSettings } from '../../lib/transport/connection-options.ts'
import type { Role } from '../../lib/websocket/frame.ts'
import { CHANNELS, framesTo, type HalfRaw, MEMORY, openAgainstRaw } from '../support/channels.ts'
import { story } from '../support/close-story.ts'
import { CLOSE, closePayload, TEXT } from '../support/raw-frames.ts'
import { turns, within } from '../support/waiting.ts'

const ROLES: readonly Role[] = ['server', 'client']

interface Way {
  readonly name: string
  readonly settings?: ConnectionSettings
  /** Does it; the peer has been told to read, and to end when the connection ends. */
  readonly end: (half: HalfRaw, role: Role) => unknown
  readonly story: object
  readonly error?: object
}

const WAYS: readonly Way[] = [
  {
    // [6455-5.5.1-5]
    name: 'the peer closes',
    end: ({ peer }, role) => {
      peer.write(framesTo(role, { opcode: CLOSE, payload: closePayload(4000, 'x') }))
      if (role === 'client') peer.end()
    },
    story: {
      code: 4000,
      wasClean: true,
      by: 'peer',
      stage: 'close-exchanged',
      cause: undefined,
      sent: { code: 4000 },
    },
  },
  {
    // [6455-7.2.1-2]
    name: 'the peer ends without a Close frame',
    end: ({ peer }) => peer.end(),
    story: { code: 1006, wasClean: false, by: 'transport', stage: 'open', cause: undefined, sent: undefined },
  },
  {
    name: 'the peer ends in the middle of a frame',
    end: ({ peer }, role) => peer.end(framesTo(role, { opcode: TEXT, payload: 'Hello' }).subarray(0, 5)),
    story: { code: 1006, wasClean: false, by: 'transport', stage: 'open', cause: undefined },
  },
  {
    name: 'the peer resets',
    end: ({ ends }, role) => ends.reset(role === 'server' ? 'client' : 'server'),
    story: { code: 1006, wasClean: false, by: 'transport', stage: 'open', cause: 'ECONNRESET' },
    error: { code: 'ECONNRESET' },
  },
  {
    // [6455-7.1.7-1..3, 6455-7.2.1-1]
    name: 'the peer breaks a rule',
    end: ({ peer }, role) => peer.write(framesTo(role, { opcode: 3 })),
    story: {
      code: 1006,
      wasClean: false,
      by: 'local',
      stage: 'failed',
      cause: 'WS_ERR_INVALID_OPCODE',
      sent: { code: 1002 },
    },
    error: { name: 'ProtocolError', code: 'WS_ERR_INVALID_OPCODE', closeCode: 1002, clause: 'RFC 6455 §5.2' },
  },
  {
    name: 'the peer sends more than is accepted',
    settings: { maxMessageSize: 3 },
    end: ({ peer }, role) => peer.write(framesTo(role, { opcode: TEXT, payload: 'four' })),
    story: { by: 'local', stage: 'failed', cause: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', sent: { code: 1009 } },
    error: { name: 'ProtocolError' },
  },
  {
    name: 'the stream fails',
    end: ({ ends }, role) => ends[role].destroy(new Error('of its own')),
    story: { code: 1006, by: 'transport', stage: 'open', cause: undefined },
    error: { message: 'of its own' },
  },
  {
    name: 'the stream is destroyed without an error',
    end: ({ ends }, role) => ends[role].destroy(),
    story: { code: 1006, by: 'transport', stage: 'open', cause: undefined },
  },
  {
    // [6455-7.2.2-1]
    name: 'we terminate',
    end: ({ connection }) => connection.terminate(),
    story: { code: 1006, wasClean: false, by: 'local', stage: 'open', cause: 'WS_ERR_TERMINATED', sent: undefined },
  },
  {
    name: 'we close, and the peer does not answer',
    settings: { closeTimeout: 20 },
    end: ({ connection }) => connection.close(1001),
    story: { code: 1006, by: 'local', stage: 'close-sent', cause: 'WS_ERR_CLOSE_TIMEOUT', sent: { code: 1001 } },
  },
  {
    name: 'we close, and terminate',
    end: ({ connection }) => {
      connection.close(1001)
      connection.terminate()
    },
    story: { code: 1006, by: 'local', stage: 'close-sent', cause: 'WS_ERR_TERMINATED', sent: { code: 1001 } },
  },
  {
    name: 'we close, and the peer resets',
    end: async ({ connection, ends, peer }, role) => {
      connection.close(1001)
      await once(peer, 'data')
      ends.reset(role === 'server' ? 'client' : 'server')
    },
    story: { code: 1006, wasClean: false, by: 'local', stage: 'close-sent', cause: 'ECONNRESET' },
    error: { code: 'ECONNRESET' },
  },
  {
    name: 'we close, and the peer breaks a rule',
    end: async ({ connection, peer }, role) => {
      connection.close(1001)
      await once(peer, 'data')
      peer.write(framesTo(role, { opcode: 3 }))
    },
    story: { code: 1006, by: 'local', stage: 'failed', cause: 'WS_ERR_INVALID_OPCODE', sent: { code: 1001 } },
    error: { name: 'ProtocolError' },
  },
  {
    name: 'the peer never reads, and too much is sent',
    settings: { maxBufferedAmount: 1_000_000 },
    end: ({ connection, peer }) => {
      peer.pause()
      while (connection.state === 'open' && connection.bufferedAmount < 30_000_000)
        connection.send(Buffer.alloc(400_000))
    },
    story: {
      code: 1006,
      wasClean: false,
      by: 'local',
      stage: 'open',
      cause: 'WS_ERR_OUTPUT_LIMIT',
      buffered: Number,
    },
  },
  {
    name: 'the peer is silent',
    settings: { heartbeat: { interval: 20, timeout: 20 } },
    end: () => {},
    story: {
      code: 1006,
      wasClean: false,
      by: 'local',
      stage: 'open',
      cause: 'WS_ERR_HEARTBEAT_TIMEOUT',
      sent: undefined,
    },
  },
]

for (const channel of CHANNELS) {
  for (const role of ROLES) {
    t.test(`${channel.name}: what the record of a ${role} tells when`, async t => {
      for (const { name, settings, end, story: wanted, error } of WAYS) {
        t.test(name, async t => {
          const half = await openAgainstRaw(t, channel, role, { heartbeat: false, closeTimeout: 60_000, ...settings })
          const { connection, peer } = half
          const events: string[] = []
          connection.on('message', () => {})
          connection.on('close', () => events.push('close'))
          connection.on('error', found => {
            events.push('error')
            t.match(found, error)
          })
          peer.on('end', () => peer.end()).resume()
          await end(half, role)
          const record = await within(connection.closed)
          t.match(story(record), wanted)
          if (error === undefined) t.equal(record.detail.error, undefined)
          else t.match(record.detail.error, error)
          await turns(5)
          t.same(events, error === undefined ? ['close'] : ['error', 'close'], 'once, the error first')
        })
      }
    })
  }
}

t.test('a peer that answers the Close frame and then does not end is cut', async t => {
  for (const [role, isOurs] of [
    ['server', true],
    ['client', true],
    ['client', false],
  ] as const) {
    const { connection, peer } = await openAgainstRaw(t, MEMORY, role, { closeTimeout: 20 })
    peer.resume()
    if (isOurs) connection.close(1000)
    peer.write(framesTo(role, { opcode: CLOSE, payload: closePayload(1000) }))
    const wanted = { code: 1000, wasClean: true, stage: 'close-exchanged', cause: 'WS_ERR_CLOSE_TIMEOUT' }
    t.match(story(await within(connection.closed)), { ...wanted, by: isOurs ? 'local' : 'peer' })
  }
})

t.test('a peer that breaks a rule and then does not end is cut, and the rule stays the cause', async t => {
  for (const role of ROLES) {
    const { connection, peer } = await openAgainstRaw(t, MEMORY, role, { closeTimeout: 20 })
    peer.resume()
    peer.write(framesTo(role, { opcode: 3 }))
    const record = await within(connection.closed)
    t.match(story(record), { stage: 'failed', cause: 'WS_ERR_INVALID_OPCODE', wasClean: false })
    t.ok(record.detail.error instanceof ProtocolError)
  }
})
