/**
 * Servers of event streams for the suite: what each of them has to do besides sending is here once. Numbered events, one
 * in every tenth of a second, the last thousand of them kept for those who come back; and `POST` with fields of an event
 * as JSON, which that event answers.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSession } from 'better-sse'
import { type EventStream, type OutgoingEvent, openEventStream, prepareEvent, WebSocketServer } from 'wirewright'

const HOST = '127.0.0.1'
const INTERVAL = 100
const KEPT = 1000

interface NumberedEvent {
  readonly id: string
  readonly data: string
}

/** What has been sent to all, and who listens. */
class Feed {
  readonly #kept: NumberedEvent[] = []
  readonly #listeners = new Set<(event: NumberedEvent) => void>()
  #number = 0

  constructor() {
    setInterval(() => {
      const event = { id: String(++this.#number), data: `event ${this.#number}` }
      this.#kept.push(event)
      if (this.#kept.length > KEPT) this.#kept.shift()
      for (const listener of this.#listeners) listener(event)
    }, INTERVAL)
  }

  /** @returns ends it */
  follow(lastEventId: string, listener: (event: NumberedEvent) => void): () => void {
    const at = this.#kept.findIndex(({ id }) => id === lastEventId)
    if (at >= 0) for (const event of this.#kept.slice(at + 1)) listener(event)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

function followWith(stream: EventStream, feed: Feed): void {
  const end = feed.follow(stream.lastEventId, event => stream.send(event))
  void stream.closed.then(end)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** Answers as JSON has it, or with 400 where it cannot be written. */
async function onPost(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (event: OutgoingEvent) => void | Promise<void>,
): Promise<void> {
  try {
    await answer(JSON.parse(await bodyOf(request)))
  } catch {
    if (!response.headersSent) response.writeHead(400)
    response.end()
  }
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const http = createServer(handle)
  await new Promise<void>(resolve => http.listen(0, HOST, resolve))
  return (http.address() as AddressInfo).port
}

/** On `node:http`. */
export function wirewrightEvents(): Promise<number> {
  const feed = new Feed()
  return listen((request, response) => {
    if (request.method !== 'POST') return followWith(openEventStream(request, response), feed)
    void onPost(request, response, event => {
      // It is written before the head is: what cannot be written is refused.
      const prepared = prepareEvent(event)
      openEventStream(request, response).send(prepared)
    })
  })
}

/** On a server's own port, which takes no bodies. */
export async function wirewrightPortEvents(): Promise<number> {
  const feed = new Feed()
  const server = new WebSocketServer({
    onRequest(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405 }
      followWith(openEventStream(request, response), feed)
      return undefined
    },
  })
  const { port } = await server.listen({ port: 0, host: HOST })
  return port!
}

export function betterSseEvents(): Promise<number> {
  const feed = new Feed()
  const serializer = (data: unknown) => String(data)
  return listen((request, response) => {
    if (request.method !== 'POST') {
      return void createSession(request, response, { serializer }).then(session => {
        const end = feed.follow(session.lastId, ({ id, data }) => session.push(data, 'message', id))
        session.once('disconnected', end)
      })
    }
    void onPost(request, response, async ({ comment, retry, event, id, data }) => {
      const session = await createSession(request, response, { serializer, retry: null })
      await session.batch(buffer => {
        if (comment !== undefined) buffer.comment(comment)
        if (retry !== undefined) buffer.retry(retry)
        if (event !== undefined) buffer.event(event)
        if (id !== undefined) buffer.id(id)
        buffer.data(data).dispatch()
      })
    })
  })
}
