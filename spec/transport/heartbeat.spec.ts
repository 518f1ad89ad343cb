/**
 * What a heartbeat looks at beside the time. That it holds on real connections is in spec/behaviour/heartbeat.spec.ts;
 * here the channel is four numbers, and the ticks are the spec's own.
 */
import t from 'tap'
import type { ByteChannel } from '../../lib/transport/byte-channel.ts'
import { Heartbeat } from '../../lib/transport/heartbeat.ts'
import type { KeepaliveOptions } from '../../lib/websocket/keepalive.ts'
import { clockMembers } from '../support/clock-members.ts'

/** Long enough that the clock itself never ticks here. */
const OPTIONS = { interval: 100_000, timeout: 50_000 }

function beat(t: { teardown(end: () => void): void }, options: KeepaliveOptions | undefined = OPTIONS) {
  const channel = { buffered: 0, taken: 0, isPaused: false }
  const log: string[] = []
  const owner = {
    isOpen: true,
    askPeer: () => void log.push('ask'),
    onOwnSilence: () => void log.push('our silence'),
    giveUpPeer: () => void log.push('give up'),
  }
  const heartbeat = new Heartbeat(options, channel as ByteChannel, owner)
  t.teardown(() => heartbeat.stop())
  return { channel, log, owner, heartbeat }
}

t.test('asks once after the interval, gives up after the timeout', async t => {
  const { log, heartbeat } = beat(t)
  for (const now of [99_999, 100_000, 149_999]) heartbeat.onTick(now)
  t.same(log, ['ask'])
  heartbeat.onTick(150_000)
  t.same(log, ['ask', 'give up'])
})

t.test('while we do not read, the silence is ours', async t => {
  const { channel, log, heartbeat } = beat(t)
  heartbeat.onTick(100_000)
  channel.isPaused = true
  heartbeat.onTick(150_000)
  t.same(log, ['ask', 'our silence', 'ask'])
})

t.test('a peer that takes bytes which had to wait is alive, one for whom nothing waits is not', async t => {
  const waiting = beat(t)
  waiting.channel.buffered = 10
  waiting.heartbeat.onTick(100_000)
  waiting.channel.taken = 5
  waiting.heartbeat.onTick(150_000)
  t.same(waiting.log, ['ask', 'ask'])
  const idle = beat(t)
  idle.heartbeat.onTick(100_000)
  idle.channel.taken = 5
  idle.heartbeat.onTick(150_000)
  t.same(idle.log, ['ask', 'give up'])
})

t.test('nobody is asked when it is off, or once the closing handshake has begun', async t => {
  const { log, owner, heartbeat } = beat(t)
  owner.isOpen = false
  heartbeat.onTick(1e9)
  const off = new Heartbeat(undefined, {} as ByteChannel, owner)
  owner.isOpen = true
  off.onTick(1e9)
  off.stop()
  t.same(log, [])
})

t.test('it is a member of its clock until it is stopped', async t => {
  const { heartbeat } = beat(t)
  t.ok(clockMembers.has(heartbeat))
  heartbeat.received()
  t.equal(heartbeat.sinceReceived, 0)
  heartbeat.stop()
  t.notOk(clockMembers.has(heartbeat))
})
