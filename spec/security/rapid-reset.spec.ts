/**
 * HTTP/2 streams that are opened and reset at once, by the thousand (S28, CVE-2023-44487), on event streams: each is gone
 * with its request, and what it has cost is given back. WebSocket over HTTP/2 has its own specs where it is.
 */
import { constants, createServer, connect as http2Connect } from 'node:http2'
import t from 'tap'
import { type EventStream, openEventStream } from 'wirewright'
import { turns, until } from '../support/waiting.ts'

t.test('10,000 event streams that are reset as soon as they are asked for', { timeout: 60_000 }, async t => {
  const streams = new Set<EventStream>()
  let opened = 0
  let closed = 0
  const errors: unknown[] = []
  const http = createServer((request, response) => {
    const stream = openEventStream(request, response)
    opened++
    streams.add(stream)
    stream.send({ data: 'x'.repeat(1000) })
    void stream.closed.then(() => {
      closed++
      streams.delete(stream)
    })
  })
  http.on('sessionError', error => errors.push(error))
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => http.close(resolve)))
  const { port } = http.address() as { port: number }
  const grown: number[] = []
  for (let round = 0; round < 10; round++) {
    const session = http2Connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    await new Promise(resolve => session.once('connect', resolve))
    for (let n = 0; n < 1000 && !session.destroyed; n++) {
      const request = session.request({ ':path': '/' }).on('error', () => {})
      // Some are reset before they are sent, some behind their answer.
      if (n % 20 === 0) await turns(n % 3)
      request.close(constants.NGHTTP2_CANCEL)
    }
    session.destroy()
    await until(() => streams.size === 0, 'all streams are closed')
    grown.push(process.memoryUsage.rss())
  }
  t.comment(
    `${opened} were opened; RSS ${((grown[9]! - grown[4]!) / 2 ** 20).toFixed(1)} MiB more in the second half`,
  )
  t.ok(opened > 500)
  t.equal(closed, opened)
  t.same(errors, [])
})
