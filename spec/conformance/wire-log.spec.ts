/** The wire log: what it keeps of frames, and that it does not grow without end. */
import t from 'tap'
import { frameWords, WireLog } from '../../conformance/wire-log.ts'

const FRAME = { fin: true, rsv: 0, opcode: 1, masked: false, payload: Buffer.from('héllo') }

t.test('frames in words', async t => {
  t.equal(frameWords(FRAME), 'text, FIN, 6 bytes')
  t.equal(frameWords({ ...FRAME, fin: false, rsv: 5, masked: true }), 'text, not FIN, RSV1, RSV3, masked, 6 bytes')
  t.equal(frameWords({ ...FRAME, opcode: 8, payload: Buffer.from('03ea', 'hex') }), 'close, FIN, 2 bytes, code 1002')
  t.equal(frameWords({ ...FRAME, opcode: 12, announced: 500 }), 'opcode 12, FIN, 500 bytes')
})

t.test('what goes over the wire, in order, with bytes and text', async t => {
  const log = new WireLog()
  log.head('suite', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  log.frame('testee', FRAME, Buffer.from('810668c3a96c6c6f', 'hex'), 8, ', in chops of 1')
  log.frame('suite', { ...FRAME, opcode: 2 }, Buffer.alloc(1000), 1000)
  log.frame('suite', { ...FRAME, payload: Buffer.alloc(500, 'x') }, Buffer.alloc(502), 502)
  log.bytes('suite', Buffer.from('01'), 'half')
  log.note('waited')
  const [head, text, binary, long, bytes, note] = log.entries()
  t.match(head, { from: 'suite', words: 'GET / HTTP/1.1', text: 'GET / HTTP/1.1\r\nHost: a' })
  t.match(text, {
    from: 'testee',
    words: 'text, FIN, 6 bytes, in chops of 1',
    hex: '810668c3a96c6c6f',
    bytes: 8,
    text: 'héllo',
  })
  t.equal(binary?.hex?.length, 128, 'the first 64 bytes')
  t.match(binary, { bytes: 1000, text: undefined })
  t.equal(long?.text, `${'x'.repeat(120)}…`)
  t.match(bytes, { words: 'half', hex: '3031' })
  t.match(note, { from: 'note', words: 'waited' })
  t.ok(log.entries().every(({ at }) => at >= 0))
})

t.test('of a long log the beginning and the end are kept, and what is left out is counted', async t => {
  const log = new WireLog()
  for (let n = 0; n < 5000; n++) log.note(String(n))
  const entries = log.entries().map(({ words }) => words)
  t.ok(entries.length < 120)
  t.same(
    entries.slice(0, 30),
    Array.from({ length: 30 }, (_, n) => String(n)),
  )
  t.equal(entries.at(-1), '4999')
  const [gap = ''] = entries.filter(words => words.startsWith('…'))
  t.equal(Number(/\d+/.exec(gap)), 5000 - (entries.length - 1))
})

t.test('bytes of an event stream: as text on one line, cut', async t => {
  const log = new WireLog()
  log.stream('testee', Buffer.from('data: é\n\n'))
  log.stream('suite', Buffer.from('x'.repeat(1000)))
  const [short, long] = log.entries()
  t.match(short, { from: 'testee', words: '10 bytes of the stream', bytes: 10, text: 'data: é\\n\\n' })
  t.match(long, { words: '1000 bytes of the stream', text: `${'x'.repeat(240)}…` })
  t.equal(long?.hex?.length, 128)
})
