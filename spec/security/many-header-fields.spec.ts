/**
 * 2,000 and more header fields (S3), in front of those that matter: Node drops what is beyond its own limit, and a server
 * that trusts what is left dies of an `Upgrade` that is not there. Here the peer is refused, or let in, and all live on.
 */
import { createServer } from 'node:http'
import t from 'tap'
import { connect, WebSocketServer } from 'wirewright'
import { certificates } from '../support/certificate.ts'
import { RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { acceptText, bareServer, CARRIERS, clientTls } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const COUNTS = [99, 100, 101, 999, 2000, 2100, 10_000]
const lines = (count: number) => 'a: b\r\n'.repeat(count)

/** The request with so many fields before its own. */
const requestWith = (count: number) => requestText().replace('\r\n', `\r\n${lines(count)}`)

async function statusOf(port: number, request: string, tls?: ReturnType<typeof clientTls>): Promise<number> {
  const client = new RawClient(port, tls).send(request)
  await within(client.untilHead(), 'an answer')
  const { status } = readAnswer(client.text)
  await client.destroy()
  return status
}

for (const carrier of CARRIERS) {
  t.test(`${carrier}: a server's own port`, async t => {
    const server = new WebSocketServer()
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port = 0 } = await server.listen({ host: '127.0.0.1', tls })
    t.teardown(() => server.close())
    for (const count of COUNTS) {
      // Five of its own, and 100 are let in.
      t.equal(await statusOf(port, requestWith(count), clientTls(carrier)), count + 5 > 100 ? 431 : 101, `${count}`)
    }
    t.equal(await statusOf(port, requestText(), clientTls(carrier)), 101, 'it serves the next')
  })

  t.test(`${carrier}: a client`, async t => {
    let count = 0
    const server = await bareServer(t, carrier, (socket, request) =>
      socket.write(acceptText(request).replace('\r\n', `\r\n${lines(count)}`)),
    )
    const tls = carrier === 'TLS' ? { tls: { ca: certificates().ca } } : {}
    for (count of COUNTS) {
      const outcome = await within(connect(server.url, tls), 'connect').then(
        connection => {
          connection.terminate()
          return 'open'
        },
        ({ code }) => code,
      )
      const fault = count * 6 > 16_000 ? 'WS_ERR_HEAD_TOO_(MANY_FIELDS|LARGE)' : 'WS_ERR_HEAD_TOO_MANY_FIELDS'
      if (count + 3 > 100) t.match(outcome, new RegExp(`^${fault}$`), `${count}`)
      else t.equal(outcome, 'open', `${count}`)
    }
  })
}

t.test('beside node:http, with limits of its own', async t => {
  for (const maxHeadersCount of [null, 0, 50_000]) {
    const http = createServer({ maxHeaderSize: 2 ** 20 })
    if (maxHeadersCount !== null) http.maxHeadersCount = maxHeadersCount
    const server = new WebSocketServer()
    server.attach(http)
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as { port: number }
    const statuses = []
    for (const count of COUNTS) statuses.push(await statusOf(port, requestWith(count)))
    const isCut = maxHeadersCount === null
    t.same(
      statuses,
      COUNTS.map(count => (isCut && count >= 2000 ? 400 : 101)),
      `maxHeadersCount ${maxHeadersCount}`,
    )
    await server.close()
    await new Promise(resolve => http.close(resolve))
  }
})
