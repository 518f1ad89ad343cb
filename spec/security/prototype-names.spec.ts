/**
 * Names that every object has (S2), as extensions, parameters, subprotocols, header fields, keys and events: they are
 * names like any other, and nobody crashes or takes them for his own.
 */
import t from 'tap'
import { connect, eventStream, openEventStream, WebSocketServer } from 'wirewright'
import { exchange, fieldOf, RawClient, requestText } from '../support/raw-socket.ts'
import { acceptText, bareServer } from '../support/victim.ts'
import { within } from '../support/waiting.ts'

const NAMES = [...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'length', 'name', '0']

t.test('a server is offered them', async t => {
  const server = new WebSocketServer({ perMessageDeflate: true, protocols: ['constructor', 'chat'] })
  const { port = 0 } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())
  const wrong: string[] = []
  for (const name of NAMES) {
    for (const [field, value] of [
      ['Sec-WebSocket-Extensions', name],
      ['Sec-WebSocket-Extensions', `${name}; ${name}=${name}`],
      ['Sec-WebSocket-Extensions', `permessage-deflate; ${name}`],
      ['Sec-WebSocket-Extensions', `permessage-deflate; ${name}=9`],
      ['Sec-WebSocket-Protocol', name],
      [name, 'a'],
    ] as const) {
      const client = new RawClient(port).send(
        requestText({ ...{ [field]: value } }).replace('\r\n\r\n', `\r\n${field}: ${value}\r\n\r\n`),
      )
      await within(client.untilHead(), name)
      const isTwice = field === name
      const protocol = fieldOf(client.text, 'Sec-WebSocket-Protocol')
      const isRight =
        client.text.startsWith('HTTP/1.1 101') &&
        fieldOf(client.text, 'Sec-WebSocket-Extensions') === undefined &&
        (protocol === undefined || protocol === name)
      // A subprotocol or an extension that is offered twice may be refused as well.
      if (!isRight && (isTwice || !client.text.startsWith('HTTP/1.1 400'))) wrong.push(`${field}: ${value}`)
      await client.destroy()
    }
  }
  t.same(wrong, [])
})

t.test('a client is answered with them', async t => {
  let more = ''
  const server = await bareServer(t, 'TCP', (socket, request) => socket.write(acceptText(request, more)))
  const outcome = (options = {}) =>
    within(connect(server.url, options), more).then(
      connection => {
        connection.terminate()
        return 'open'
      },
      ({ code }) => code,
    )
  for (const name of NAMES) {
    more = `Sec-WebSocket-Extensions: ${name}\r\n`
    t.equal(await outcome({ perMessageDeflate: true }), 'WS_ERR_HANDSHAKE_EXTENSIONS', more)
    more = `Sec-WebSocket-Extensions: permessage-deflate; ${name}\r\n`
    t.equal(await outcome({ perMessageDeflate: true }), 'WS_ERR_HANDSHAKE_EXTENSIONS', more)
    more = `Sec-WebSocket-Protocol: ${name}\r\n`
    t.equal(await outcome({ protocols: ['chat'] }), 'WS_ERR_HANDSHAKE_PROTOCOL', more)
    more = `${name}: a\r\n`
    t.equal(await outcome(), 'open', more)
  }
})

t.test('event streams: as types, IDs, keys and fields', async t => {
  const server = new WebSocketServer({
    onRequest(request, response) {
      const stream = openEventStream(request, response, { overflow: 'keep-latest' })
      for (const name of NAMES) stream.send({ event: name, id: name, data: name, key: name })
      stream.close()
      return stream
    },
  })
  const { port } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())
  const got: unknown[] = []
  for await (const { type, data, lastEventId } of eventStream(`http://127.0.0.1:${port}/`)) {
    got.push([type, data, lastEventId])
  }
  t.same(
    got,
    NAMES.map(name => [name, name, name]),
  )

  const fields = NAMES.map(name => `${name}: x\n${name}\n`).join('')
  const raw = await bareServer(t, 'TCP', socket =>
    socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n${fields}data: all\n\n`),
  )
  const events = []
  for await (const event of eventStream(raw.url.replace('ws', 'http'))) events.push(event)
  t.match(events, [{ type: 'message', data: 'all', lastEventId: '' }])
  t.equal(({} as Record<string, unknown>).x, undefined)
})

t.test('what they are in the options of a server', async t => {
  const server = new WebSocketServer({ path: '/constructor', origin: ['http://__proto__'] })
  const { port = 0 } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())
  const status = async (path: string, Origin: string) =>
    (await exchange(port, requestText({ Origin, Connection: 'Upgrade' }, `GET ${path} HTTP/1.1`), '\x88\x80\0\0\0\0'))
      .status
  t.equal(await status('/toString', 'http://__proto__'), 404)
  t.equal(await status('/constructor', 'http://constructor'), 403)
  t.equal(await status('/constructor', 'http://__proto__'), 101)
})
