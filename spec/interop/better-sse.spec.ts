/** Interoperation with better-sse, as the server of our two clients. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { createSession } from 'better-sse'
import t from 'tap'
import { TEXT, testEventStreamClients } from './event-stream-clients.ts'

/** The number of the last event there is. */
const LAST = 12

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const open = () => createSession(request, response, { retry: 20 })
  switch (request.url) {
    case '/events': {
      const since = Number(request.headers['last-event-id'] ?? 0)
      if (since === LAST) return void response.writeHead(204).end()
      const session = await open()
      for (let number = since + 1; number <= Math.min(since + 5, LAST); number++)
        session.push({ number }, 'message', String(number))
      await delay(10)
      return void response.end()
    }
    case '/echo': {
      const body = await text(request)
      const session = await open()
      session.push({ method: request.method, body, field: request.headers['x-echo'] }, 'echo')
      return void response.end()
    }
    case '/text': {
      const session = await open()
      session.push(TEXT)
      return void response.end()
    }
    case '/redirect':
      return void response.writeHead(307, { Location: '/echo' }).end()
    default:
      return void response.writeHead(404).end('nothing here')
  }
}

t.test('better-sse', async t => {
  const server = createServer((request, response) => void answer(request, response)).listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  testEventStreamClients(t, `http://localhost:${(server.address() as AddressInfo).port}`)
})
