/** Chunks as RFC 9112 §7.1 writes them, read by Node's own parser, and what is shared is not copied. */

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { Writable } from 'node:stream'
import t from 'tap'
import { LAST_CHUNK, writeChunk } from '../../lib/transport/chunked-coding.ts'

function collector(): { readonly outlet: Writable; readonly pieces: Buffer[] } {
  const pieces: Buffer[] = []
  const outlet = new Writable({
    write(chunk, _encoding, callback) {
      pieces.push(chunk)
      callback()
    },
  })
  return { outlet, pieces }
}

t.test('the size in hexadecimal digits, the data, and CRLF after each', async t => {
  for (const length of [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 4097, 65_536]) {
    const { outlet, pieces } = collector()
    const data = Buffer.alloc(length, 'x')
    let taken = 0
    writeChunk(outlet, data, () => taken++)
    await new Promise(resolve => outlet.end(resolve))
    t.same(Buffer.concat(pieces), Buffer.from(`${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`), `${length}`)
    t.equal(taken, 1, 'it is told once that all of it is taken')
    t.equal(pieces.includes(data), length > 4096, 'large data is not copied')
  }
})

t.test('an HTTP parser that is not ours reads the body', async t => {
  const server = createServer(socket => {
    socket.resume().write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (const data of ['a', 'b'.repeat(5000), 'c'.repeat(300)]) writeChunk(socket, Buffer.from(data))
    socket.end(LAST_CHUNK)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  t.equal(await response.text(), `a${'b'.repeat(5000)}${'c'.repeat(300)}`)
})
