/**
 * Keepalive: the verdict at each border, and a silent, a talking and an answering peer over a clock of ticks.
 */
import t from 'tap'
import { DEFAULT_KEEPALIVE, judgeSilence } from '../../lib/websocket/keepalive.ts'

const OPTIONS = { interval: 25, timeout: 20 }

t.test('the verdict at each border', async t => {
  const cases: [now: number, lastReceived: number, pingSent: number, verdict: string, words: string][] = [
    [0, 0, 0, 'wait', 'nothing has happened'],
    [24, 0, 0, 'wait', 'silent, but not for long'],
    [25, 0, 0, 'ping', 'silent for the interval'],
    [1000, 0, 0, 'ping', 'silent for longer: no ping is out, so nobody is dead'],
    [25, 0, 25, 'wait', 'the ping has just gone out'],
    [44, 0, 25, 'wait', 'not answered yet'],
    [45, 0, 25, 'dead', 'not answered within the timeout'],
    [44, 30, 25, 'wait', 'anything came behind the ping'],
    [45, 30, 25, 'wait', 'anything came: the timeout is off'],
    [54, 30, 25, 'wait', 'silence counts from there'],
    [55, 30, 25, 'ping', 'and after the interval it is asked again'],
    [45, 25, 25, 'wait', 'it came in the tick in which the ping went out'],
    [50, 25, 25, 'ping', 'the ping is taken as answered'],
  ]
  for (const [now, lastReceived, pingSent, verdict, words] of cases) {
    t.equal(judgeSilence(OPTIONS, now, lastReceived, pingSent), verdict, words)
  }
})

/** Ticks of a clock: the peer does what it does, then it is judged. */
function run(ticks: number, peer: (now: number, pingSent: number) => boolean) {
  let lastReceived = 0
  let pingSent = -1
  const pings: number[] = []
  for (let now = 1; now <= ticks; now++) {
    if (peer(now, pingSent)) lastReceived = now
    const verdict = judgeSilence(OPTIONS, now, lastReceived, pingSent)
    if (verdict === 'dead') return { pings, deadAt: now }
    if (verdict === 'ping') pings.push((pingSent = now))
  }
  return { pings, deadAt: undefined }
}

t.test('a silent peer is asked once, and given up a timeout later', async t => {
  t.same(
    run(1000, () => false),
    { pings: [25], deadAt: 45 },
  )
})

t.test('a peer that answers lives for ever, and is asked once in each interval', async t => {
  const { pings, deadAt } = run(1000, (now, pingSent) => now === pingSent + 1)
  t.equal(deadAt, undefined)
  t.same(pings.slice(0, 3), [25, 51, 77])
})

t.test('an answer in the last tick counts', async t => {
  t.equal(run(500, (now, pingSent) => pingSent > 0 && now === pingSent + 20).deadAt, undefined)
  t.equal(run(500, (now, pingSent) => pingSent > 0 && now === pingSent + 21).deadAt, 45)
})

t.test('a peer that talks is not asked at all', async t => {
  t.same(
    run(1000, now => now % 24 === 0),
    { pings: [], deadAt: undefined },
  )
})

t.test('a stall of our own is one tick: nobody is given up for it', async t => {
  // Whatever wall-clock time a tick takes, the peer's answer is read before the next one.
  const answers = (now: number, pingSent: number) => now > pingSent && pingSent > 0 && now - pingSent < 20
  t.equal(run(1000, answers).deadAt, undefined)
})

t.test('defaults: asked after 25 s, given up 20 s later', async t => {
  t.same(DEFAULT_KEEPALIVE, { interval: 25_000, timeout: 20_000 })
})
