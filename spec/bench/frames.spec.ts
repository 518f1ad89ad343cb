/** The load's frames are written without lib/, so lib/ may judge them. */
import { isUtf8 } from 'node:buffer'
import t from 'tap'
import { FrameParser } from 'wirewright/protocol'
import {
  type Content,
  frameLength,
  lengthOfFrame,
  MASKED_PONG,
  messageOf,
  PONG,
  payloadOf,
} from '../../bench/frames.ts'

const SIZES = [0, 1, 2, 3, 16, 100, 125, 126, 127, 1024, 65_535, 65_536, 100_000]

t.test('payloads have the size that was asked for, and are what they are called', async t => {
  const wrong: string[] = []
  for (const size of SIZES) {
    for (const content of ['text', 'multibyte', 'binary'] as const) {
      const payload = payloadOf(content, size)
      if (payload.length !== size) wrong.push(`${content} ${size}: ${payload.length} bytes`)
      if (content !== 'binary' && !isUtf8(payload)) wrong.push(`${content} ${size}: not UTF-8`)
      const isAscii = payload.every(byte => byte < 0x80)
      if (size > 100 && isAscii !== (content === 'text')) wrong.push(`${content} ${size}: ASCII ${isAscii}`)
    }
  }
  t.same(wrong, [])
})

function read(bytes: Buffer, masked: boolean): { frames: string[]; payload: Buffer; violation: string | undefined } {
  const parser = new FrameParser(masked, 2 ** 20, false)
  const frames: string[] = []
  const pieces: Buffer[] = []
  parser.push(Buffer.from(bytes))
  while (parser.next()) {
    frames.push(`${parser.fin ? 'fin' : 'more'} ${parser.opcode}`)
    pieces.push(Buffer.from(parser.chunk.subarray(parser.start, parser.end)))
  }
  return { frames, payload: Buffer.concat(pieces), violation: parser.violation }
}

t.test('frames are valid, hold the payload, and have the length that was told', async t => {
  const wrong: string[] = []
  for (const size of SIZES) {
    for (const masked of [true, false]) {
      const payload = payloadOf('binary', size)
      const bytes = messageOf('binary', payload, masked)
      const { frames, payload: seen, violation } = read(bytes, masked)
      const isRight = frames.join() === 'fin 2' && seen.equals(payload) && violation === undefined
      if (!isRight) wrong.push(`${size} masked ${masked}: ${frames} ${violation}`)
      if (bytes.length !== frameLength(size, masked)) wrong.push(`${size} masked ${masked}: length`)
      if (lengthOfFrame(bytes.subarray(0, 14)) !== bytes.length) wrong.push(`${size} masked ${masked}: read length`)
    }
  }
  t.same(wrong, [])
})

t.test('a message in fragments: one opcode, one FIN, the same payload', async t => {
  for (const [content, opcode] of [
    ['text', 1],
    ['binary', 2],
  ] as [Content, number][]) {
    const payload = payloadOf(content, 50)
    const { frames, payload: seen, violation } = read(messageOf(content, payload, true, 4), true)
    t.same(frames, [`more ${opcode}`, 'more 0', 'more 0', 'fin 0'])
    t.ok(seen.equals(payload))
    t.equal(violation, undefined)
  }
})

t.test('the Pong is one', async t => {
  t.same(read(PONG, false).frames, ['fin 10'])
  t.same(read(MASKED_PONG, true).frames, ['fin 10'])
})
