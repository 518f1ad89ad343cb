/**
 * `wirewright/protocol`: what it exports is pinned, since taking a name away breaks users and a new one is a promise;
 * and it is enough to speak WebSocket over any two byte channels.
 */
import t from 'tap'
import * as protocol from '../../lib/websocket/index.ts'

t.test('the exports are these', async t => {
  t.same(Object.keys(protocol).sort(), [
    'ABNORMAL_CLOSURE',
    'CLOSE_CODES',
    'CLOSING_HANDSHAKE',
    'Connection',
    'DEFAULT_LIMITS',
    'FrameParser',
    'FrameTracer',
    'HEAD_FAULTS',
    'HeadParser',
    'INVALID_UTF8',
    'MAX_REASON_LENGTH',
    'NO_STATUS_RECEIVED',
    'OPCODES',
    'PERMESSAGE_DEFLATE',
    'ProtocolError',
    'REQUEST_FAULTS',
    'RESPONSE_FAULTS',
    'ROLES',
    'VIOLATIONS',
    'acceptDeflateOffer',
    'acceptFor',
    'advanceKey',
    'checkDeflateResponse',
    'checkHeader',
    'checkProtocols',
    'checkRequest',
    'checkResponse',
    'chooseProtocol',
    'formatDeflateOffer',
    'formatExtensions',
    'formatRefusal',
    'formatRequest',
    'formatResponse',
    'headerLength',
    'isCloseCode',
    'judgeSilence',
    'maskBytes',
    'parseClosePayload',
    'parseExtensions',
    'parseTokenList',
    'refusalFor',
    'truncateReason',
    'validateUtf8',
    'writeClosePayload',
    'writeHeader',
  ])
})

t.test('both sides of a connection, from the handshake to the close, with these exports alone', async t => {
  const key = Buffer.alloc(16, 7).toString('base64')
  const offer = { key, protocols: ['v2', 'v1'], extensionsOffered: [] }
  const request = protocol.formatRequest({ ...offer, url: new URL('ws://example.com/chat?a=1') })
  // A frame may follow the head at once: it is in `rest`.
  const requestParser = new protocol.HeadParser('request')
  t.equal(requestParser.push(Buffer.from(request, 'latin1')), 'complete')
  const checked = protocol.checkRequest(requestParser.head!)
  if (!checked.ok) return t.fail(checked.fault)
  const chosen = protocol.chooseProtocol(checked.protocols, ['v1'])
  const response = protocol.formatResponse({ key: checked.key, protocol: chosen })

  const told: string[] = []
  const handler = (name: string, reply?: (data: string | Buffer) => void): protocol.ConnectionHandler => ({
    onMessage(data) {
      told.push(`${name} ${data}`)
      reply?.(data)
    },
    onPing() {},
    onPong() {},
    onClose: ({ code, reason }) => void told.push(`${name} closes ${code} ${reason}`),
    onFailure: error => void told.push(`${name} ${error.code}`),
    onOutput() {},
  })
  const server: protocol.Connection = new protocol.Connection(
    { role: 'server' },
    handler('server', data => server.send(`echo ${data}`)),
  )
  server.send('welcome')

  const responseParser = new protocol.HeadParser('response')
  const toClient = Buffer.concat([Buffer.from(response, 'latin1'), ...server.takeOutput()])
  t.equal(responseParser.push(toClient), 'complete')
  const answer = protocol.checkResponse(responseParser.head!, offer)
  t.same(answer, { ok: true, protocol: 'v1', extensions: [] })
  const client = new protocol.Connection({ role: 'client', maskingKeys: () => 0x01020304 }, handler('client'))
  client.receive(Buffer.from(responseParser.rest))
  client.send('hi')
  client.close(1000, 'done')
  server.receive(Buffer.concat(client.takeOutput()))
  client.receive(Buffer.concat(server.takeOutput()))
  t.same(told, [
    'client welcome',
    'server hi',
    'server closes 1000 done',
    'client echo hi',
    'client closes 1000 done',
  ])
  t.same([server.state, client.state], ['close-exchanged', 'close-exchanged'])
})
