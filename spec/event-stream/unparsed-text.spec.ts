/**
 * Bytes and strings into text that can be parsed: decoding as `TextDecoder` does it, whatever the chunks, and what is
 * held back. What lines are made of is the parser's business; here every text is taken back from its last line end on.
 */
import t from 'tap'
import { UnparsedText } from '../../lib/event-stream/unparsed-text.ts'
import { everySplit } from '../support/every-split.ts'
import { Random } from '../support/random.ts'

/** All that comes through, and what is left unfinished. */
function through(chunks: readonly (Uint8Array | string)[]): { text: string; rest: string } {
  const unparsed = new UnparsedText()
  let text = ''
  let rest = ''
  for (const chunk of chunks) {
    for (let taken = unparsed.take(chunk); taken !== ''; taken = unparsed.more()) {
      const end = Math.max(taken.lastIndexOf('\n'), taken.lastIndexOf('\r')) + 1
      text += taken.slice(0, end)
      rest = taken.slice(end)
      if (rest !== '') unparsed.putBack(rest, false)
    }
  }
  t.ok(unparsed.length >= rest.length)
  return { text, rest }
}

t.test('decoding is that of TextDecoder [html-9.2.5-4]', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  // Ends and beginnings of every kind of sequence, well-formed or not, and line feeds.
  const pool = Buffer.from('0a0a417f808f909fa0bfc0c1c2dfe0e1ecedeeefbbbff0f1f3f4f5ff', 'hex')
  const pieces = [...pool]
    .map(byte => Buffer.of(byte))
    .concat(['é', '好', '😀', '\ufeff', 'plain'].map(text => Buffer.from(text)))
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.concat(Array.from({ length: random.below(24) }, () => random.pick(pieces)))
    const ended = Buffer.concat([bytes, Buffer.from('\n')])
    const expected = new TextDecoder('utf-8', { ignoreBOM: false }).decode(ended)
    const check = (chunks: Uint8Array[]) => {
      const { text } = through(chunks)
      if (text !== expected)
        t.fail(`${bytes.toString('hex')} in ${chunks.map(({ length }) => length)}`, { text, expected })
    }
    if (round < 400) everySplit(ended, check)
    else check(random.chunks(ended, 5))
  }
})

t.test('long chunks and short ones, ASCII and not, in turn', async t => {
  const random = new Random()
  const texts = ['plain text\n', 'mostly plain, é, text\n', '事件流很好\n', '😀😀😀\n']
  let whole = ''
  while (whole.length < 200_000) whole += random.pick(texts).repeat(1 + random.below(200))
  const bytes = Buffer.from(whole)
  for (const longest of [5, 100, 3000, 65_536]) {
    t.ok(through(random.chunks(bytes, longest)).text === whole, `chunks of up to ${longest} bytes`)
  }
})

t.test('views of a larger buffer, and arrays that are no Buffers', async t => {
  const bytes = Buffer.from('before\nevent é\nafter\n')
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 7, 9)
  t.equal(through([view]).text, 'event é\n')
  t.equal(through([bytes.subarray(7, 16)]).text, 'event é\n')
})

t.test('a chunk of more than 64 KiB comes in parts, cut behind line feeds', async t => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (const pieces of [
    ['ab\n'],
    ['ab\r'],
    ['a\r\n'],
    ['ab'],
    ['\u597d'],
    ['\u597d\n', '\u{1f600}', 'a'],
    ['\r\n', '\r', '\n'],
  ]) {
    let whole = '\ufeff'
    while (whole.length < 300_000) whole += random.pick(pieces).repeat(1 + random.below(3000))
    const bytes = Buffer.concat([Buffer.from(`${whole}\n`), Buffer.from('e5a5', 'hex')])
    t.ok(through([bytes]).text === `${whole}\n`.slice(1), JSON.stringify(pieces))
  }
  const unparsed = new UnparsedText()
  const line = `${'x'.repeat(50_000)}\n`
  t.ok(unparsed.take(Buffer.from(`${line.repeat(3)}yz`)) === line)
  t.ok(unparsed.more() === line)
  unparsed.putBack('\nleft\n', true)
  t.equal(unparsed.more(), '', 'what was put back comes with the next chunk')
  t.ok(unparsed.take('') === `\nleft\n${line}yz`)
  t.ok(unparsed.take(Buffer.from(line.repeat(3))) === line)
  unparsed.clear()
  t.equal(unparsed.more(), '')
})

t.test('whole lines, when nothing is held', async t => {
  const unparsed = new UnparsedText()
  t.notOk(unparsed.isEmpty, 'there may be a byte order mark')
  t.equal(unparsed.take('a\n'), 'a\n')
  for (const text of [
    'a\n',
    'a\n\n',
    '\ufeffa\n',
    '\u597d\n',
    '\u597d\u597d\u597d\n',
    '\u597d\n',
    'a\rb\n',
    'plain\n',
  ]) {
    t.ok(unparsed.isEmpty)
    t.equal(unparsed.takeLines(text), text)
    t.equal(unparsed.takeLines(Buffer.from(text)), text)
    t.equal(unparsed.takeLines(new Uint8Array(Buffer.from(text))), text)
  }
  t.equal(unparsed.takeLines(Buffer.from('e50a80ff0a', 'hex')), '\ufffd\n\ufffd\ufffd\n')
  for (const text of ['', 'a', 'a\r', 'a\nb', `${'x'.repeat(2000)}\n`]) {
    t.equal(unparsed.takeLines(text), '', 'is to be taken')
    t.equal(unparsed.takeLines(Buffer.from(text)), '')
  }
  t.equal(unparsed.takeLines(undefined as never), '')
  t.ok(unparsed.isEmpty)
  unparsed.ignoreLineFeed()
  t.notOk(unparsed.isEmpty, 'a line feed to come')
  t.equal(unparsed.take('\nb\n'), 'b\n')
  t.ok(unparsed.isEmpty)
  t.equal(unparsed.take(Buffer.from('610ae5', 'hex')), 'a\n')
  t.notOk(unparsed.isEmpty, 'half a character')
  t.equal(unparsed.take(Buffer.from('a5bd0a', 'hex')), '\u597d\n')
  unparsed.putBack('x', false)
  t.notOk(unparsed.isEmpty, 'a line in progress')
})

t.test('what is held', async t => {
  const unparsed = new UnparsedText()
  t.equal(unparsed.take('ab\ncd'), 'ab\ncd', 'all of a text that follows nothing')
  unparsed.putBack('cd', false)
  t.equal(unparsed.take('e'), '', 'no end of a line yet')
  t.equal(unparsed.take(''), '')
  t.equal(unparsed.length, 3)
  t.equal(unparsed.take(Buffer.from('f\rg')), 'cdef\rg')
  t.equal(unparsed.length, 0)
  unparsed.putBack('gh\ni', true)
  t.equal(unparsed.take(''), 'gh\ni', 'whole lines that were put back come at once')
  unparsed.putBack('i', false)
  unparsed.clear()
  t.equal(unparsed.take('j\n'), 'j\n')
})

t.test('the line feed of a CRLF whose CR has been parsed', async t => {
  const unparsed = new UnparsedText()
  t.equal(unparsed.take('a\r'), 'a\r')
  unparsed.ignoreLineFeed()
  t.equal(unparsed.take(new Uint8Array(0)), '')
  t.equal(unparsed.take('\n\nb\r'), '\nb\r', 'only one')
  unparsed.ignoreLineFeed()
  t.equal(unparsed.take('c\n'), 'c\n')
  t.equal(unparsed.take('\nd\n'), '\nd\n', 'and only next to it')
})

t.test('a byte order mark, once, at the very beginning', async t => {
  everySplit(Buffer.from('\ufeff\ufeffa\n\ufeffb\n'), chunks => t.equal(through(chunks).text, '\ufeffa\n\ufeffb\n'))
  t.equal(through(['', '\ufeff', '\ufeffa\n']).text, '\ufeffa\n')
  t.equal(through(['a', '\ufeff\n']).text, 'a\ufeff\n')
})
