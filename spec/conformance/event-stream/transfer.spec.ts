/** The chunked transfer coding, right and wrong, cut at every place. */
import t from 'tap'
import { ChunkedReader, LAST_CHUNK, writeChunk } from '../../../conformance/event-stream/transfer.ts'
import { everySplit } from '../../support/every-split.ts'

function read(chunks: readonly Uint8Array[]): readonly [content: string, isDone: boolean, fault: string | undefined] {
  const reader = new ChunkedReader()
  const content = chunks.flatMap(chunk => reader.push(Buffer.from(chunk)))
  return [Buffer.concat(content).toString(), reader.isDone, reader.fault]
}

t.test('what is written is read', async t => {
  const bytes = Buffer.concat([writeChunk(Buffer.from('hello, ')), writeChunk(Buffer.from('wörld')), LAST_CHUNK])
  const wrong: unknown[] = []
  everySplit(bytes, chunks => {
    const came = read(chunks)
    if (came.join() !== 'hello, wörld,true,') wrong.push(came)
  })
  t.same(wrong, [])
})

t.test('right in an unusual way, and wrong', async t => {
  const table: readonly (readonly [coded: string, ...came: readonly unknown[]])[] = [
    ['3;x="y"\r\nabc\r\n0\r\nTrailer: x\r\n\r\n', 'abc', true, undefined],
    ['0003\r\nabc\r\n', 'abc', false, undefined],
    ['A\r\n0123456789\r\n', '0123456789', false, undefined],
    ['3\nabc\r\n0\r\n\r\n', 'abc', true, 'a line ends with LF alone'],
    ['4\r\nabc\r\n0\r\n\r\n', 'abc\r', true, 'a line ends with LF alone'],
    ['2\r\nabc\r\n', 'ab', false, '"c" where a chunk must end'],
    ['x\r\nabc\r\n', '', false, '"x" where a size must be'],
    ['\r\nabc\r\n', '', false, '"" where a size must be'],
    ['0\r\n\r\nabc', '', true, 'octets behind the last chunk'],
    ['1'.repeat(300), '', false, 'no line end where one must be'],
  ]
  for (const [coded, ...came] of table) t.same(read([Buffer.from(coded)]), came, JSON.stringify(coded.slice(0, 30)))
})
