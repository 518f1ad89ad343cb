/**
 * Pages of other sites that open a WebSocket with the user's cookies (S15): who is let in under each policy, over TCP and
 * TLS, and beside `node:http`. What each policy admits at all: spec/transport/origin-policy.spec.ts.
 */
import { createServer } from 'node:http'
import t from 'tap'
import { type OriginPolicy, WebSocketServer } from 'wirewright'
import { certificates } from '../support/certificate.ts'
import { RawClient, readAnswer, requestText } from '../support/raw-socket.ts'
import { CARRIERS, clientTls } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const HOST = 'server.example.com'

async function statusOf(port: number, Origin: string | string[], tls?: ReturnType<typeof clientTls>, host = HOST) {
  const client = new RawClient(port, tls).send(requestText({ Origin, Host: host, Cookie: 'session=1' }))
  await within(client.untilHead(), 'an answer')
  await client.destroy()
  return readAnswer(client.text).status
}

const FOREIGN = (scheme: string) => [
  'null',
  '',
  'http://evil.example',
  `${scheme}://${HOST}.evil.example`,
  `${scheme}://evil-${HOST}`,
  `${scheme}://evil.${HOST}`,
  `${scheme}://${HOST}:8443`,
  `${scheme}://${HOST}@evil.example`,
  `${scheme}://${HOST}/`,
  `${scheme}://127.0.0.1`,
  `${scheme}://[::1]`,
  `${scheme}://${HOST}.`,
  `ws://${HOST}`,
  `file://${HOST}`,
  `chrome-extension://${HOST}`,
  HOST,
  `${scheme}://${HOST} http://evil.example`,
]

for (const carrier of CARRIERS) {
  const scheme = carrier === 'TLS' ? 'https' : 'http'
  const open = async (origin?: OriginPolicy) => {
    const server = new WebSocketServer({ origin })
    const tls = carrier === 'TLS' ? certificates().local : undefined
    const { port = 0 } = await server.listen({ host: '127.0.0.1', tls })
    t.teardown(() => server.close())
    return port
  }

  t.test(`${carrier}: same-origin`, async t => {
    const port = await open('same-origin')
    for (const origin of FOREIGN(scheme)) t.equal(await statusOf(port, origin, clientTls(carrier)), 403, origin)
    t.equal(await statusOf(port, [`${scheme}://${HOST}`, 'http://evil.example'], clientTls(carrier)), 403, 'two')
    t.equal(await statusOf(port, `${scheme}://${HOST}`, clientTls(carrier)), 101)
    t.equal(await statusOf(port, [], clientTls(carrier)), 101, 'none: it is no browser')
    if (carrier === 'TLS')
      t.equal(await statusOf(port, `http://${HOST}`, clientTls(carrier)), 403, 'the page came plain')
  })

  t.test(`${carrier}: a list`, async t => {
    const port = await open([`${scheme}://${HOST}`])
    for (const origin of FOREIGN(scheme)) t.equal(await statusOf(port, origin, clientTls(carrier)), 403, origin)
    t.equal(await statusOf(port, `${scheme}://${HOST}`, clientTls(carrier)), 101)
    // Rebinding: a name of the attacker's that leads to us.
    t.equal(await statusOf(port, 'http://rebound.example', clientTls(carrier), 'rebound.example'), 403)
  })
}

t.test('beside node:http, and by a function that fails', async t => {
  const http = createServer()
  const same = new WebSocketServer({ path: '/same', origin: 'same-origin' })
  const failing = new WebSocketServer({
    path: '/fails',
    origin: () => {
      throw new Error('no database')
    },
  })
  for (const server of [same, failing]) server.attach(http)
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number }
  const ask = async (path: string, Origin: string) => {
    const client = new RawClient(port).send(requestText({ Origin, Host: HOST }, `GET ${path} HTTP/1.1`))
    await within(client.untilHead(), 'an answer')
    await client.destroy()
    return readAnswer(client.text).status
  }
  for (const origin of FOREIGN('http')) t.equal(await ask('/same', origin), 403, origin)
  t.equal(await ask('/same', `http://${HOST}`), 101)
  t.equal(await ask('/fails', `http://${HOST}`), 500)
  await Promise.all([same.close(), failing.close()])
  await new Promise(resolve => http.close(resolve))
})
