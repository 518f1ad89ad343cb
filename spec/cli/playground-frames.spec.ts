/** What the playground is told of compressed messages: their sizes with their last frame, and all frames in order. */
import t from 'tap'
import { PlaygroundFrames } from '../../lib/cli/playground-frames.ts'
import type { FrameRecord } from '../../lib/index.ts'

function frames() {
  const told: string[] = []
  const frames = new PlaygroundFrames(event => {
    const { name, message } = event as { name: string; message?: { length: number; compressed: number } }
    told.push(message === undefined ? name : `${name} ${message.length}→${message.compressed}`)
  })
  const see = (direction: 'in' | 'out') => (name: string, frame: Partial<FrameRecord>) =>
    frames.seen(direction, { fin: true, rsv1: false, opcode: 1, length: 1, ...frame } as FrameRecord, { name })
  return { frames, told, comes: see('in'), goes: see('out') }
}

t.test('what is not compressed is told at once', async t => {
  const { frames: all, told, comes, goes } = frames()
  comes('a', {})
  comes('ping', { opcode: 9 })
  all.received(1)
  all.sending(1)
  goes('b', {})
  comes('c', { fin: false })
  comes('d', { opcode: 0 })
  all.received(2)
  t.same(told, ['a', 'ping', 'b', 'c', 'd'])
})

t.test('the last frame of a compressed message waits for it, and all that come behind', async t => {
  const { frames: all, told, comes } = frames()
  comes('a', {})
  comes('b', { rsv1: true, fin: false, length: 10 })
  comes('ping', { opcode: 9, length: 100 })
  comes('b2', { opcode: 0, length: 5 })
  comes('ping2', { opcode: 9 })
  comes('c', {})
  comes('ping3', { opcode: 9 })
  comes('d', { rsv1: true, length: 7 })
  t.same(told, ['a', 'b', 'ping'])
  all.received(1)
  t.same(told.slice(3), [])
  all.received(300)
  t.same(told.slice(3), ['b2 300→15', 'ping2'])
  all.received(1)
  t.same(told.slice(5), ['c', 'ping3'])
  all.received(70)
  t.same(told.slice(7), ['d 70→7'])
  comes('e', {})
  t.same(told.slice(8), ['e'])
})

t.test('what goes is paired with what was sent', async t => {
  const { frames: all, told, goes } = frames()
  all.sending(5)
  all.sending(500)
  all.sending(0)
  goes('a', { length: 5 })
  goes('b', { rsv1: true, fin: false, length: 20 })
  goes('pong', { opcode: 10 })
  goes('b2', { opcode: 0, length: 4 })
  goes('c', { rsv1: true, length: 1 })
  t.same(told, ['a', 'b', 'pong', 'b2 500→24', 'c 0→1'])
})

t.test('at the end nothing is held back', async t => {
  const { frames: all, told, comes } = frames()
  comes('a', { rsv1: true })
  comes('close', { opcode: 8 })
  all.end()
  t.same(told, ['a', 'close'])
})
