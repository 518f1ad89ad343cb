/**
 * The playground's event streams: what a client gets and what a watcher is told, over a server that has nothing else.
 * The client is the one of Node (fetch) and reads with our parser; what reconnects is the spec.
 */
import t, { type Test } from 'tap'
import { MOST_SESSIONS, PlaygroundStreams, sessionNameOf } from '../../lib/cli/playground-streams.ts'
import { parseEventStream } from '../../lib/event-stream/index.ts'
import { connect, type UpgradeRequest, type WebSocketConnection, WebSocketServer } from '../../lib/index.ts'
import { exchange } from '../support/raw-socket.ts'
import { turns, until, within } from '../support/waiting.ts'

type Told = Record<string, unknown> & { type: string }

interface Seen {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

interface Client {
  readonly status: number
  readonly text: () => string
  readonly events: Seen[]
  readonly ended: Promise<unknown>
  readonly cancel: () => void
}

async function startStreams(t: Test, patience?: number) {
  const streams = new PlaygroundStreams(patience)
  const server = new WebSocketServer({
    onRequest: (request, response) => streams.answer(request, response),
  })
  server.on('connection', (connection, request) => streams.addWatcher(connection, request))
  const { port = 0 } = await server.listen({ host: '127.0.0.1' })
  t.teardown(() => server.close())

  async function get(query: string, headers: Record<string, string> = {}): Promise<Client> {
    const controller = new AbortController()
    t.teardown(() => controller.abort())
    const response = await fetch(`http://127.0.0.1:${port}/events?${query}`, { headers, signal: controller.signal })
    const events: Seen[] = []
    let text = ''
    const decoder = new TextDecoder()
    async function* chunks() {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true })
        yield chunk
      }
    }
    const ended = (async () => {
      for await (const { type, data, lastEventId } of parseEventStream(chunks()))
        events.push({ type, data, lastEventId })
      return 'end'
    })().catch(error => error)
    return { status: response.status, text: () => text, events, ended, cancel: () => controller.abort() }
  }

  async function watch(session: string) {
    const watcher = await connect(`ws://127.0.0.1:${port}/streams?session=${session}`)
    const told: Told[] = []
    watcher.on('message', message => told.push(JSON.parse(String(message))))
    const command = (command: string, options = {}) => watcher.send(JSON.stringify({ command, ...options }))
    return { watcher, told, command }
  }

  return { streams, port, get, watch }
}

const numbered = (events: readonly Seen[]) => events.filter(({ type }) => type !== 'hello')
const ids = (events: readonly Seen[]) => numbered(events).map(({ lastEventId }) => Number(lastEventId))
const hello = ({ events }: Client) => JSON.parse(events[0]?.data ?? '')
const ofType = (told: readonly Told[], type: string) => told.filter(event => event.type === type)

t.test('a stream begins with what its request asked for, and goes on with an event a second', async t => {
  const { get } = await startStreams(t)
  const client = await get('session=a')
  t.equal(client.status, 200)
  await until(() => numbered(client.events).length >= 3)
  t.match(client.events[0], { type: 'hello', lastEventId: '' })
  t.same(hello(client), { connection: 1, lastEventId: '', replays: 0, lost: 0, isKnown: false })
  t.same(ids(client.events).slice(0, 3), [1, 2, 3])
  t.match(client.text(), /^:\nretry: 2000\n\nevent: hello\n/)
})

t.test('before the first request nothing is made: its client sees event 1', async t => {
  const { get, watch } = await startStreams(t)
  const other = await get('session=other')
  const { watcher, told } = await watch('a')
  await until(() => numbered(other.events).length >= 2)
  t.same(told, [])
  const client = await get('session=a')
  await until(() => numbered(client.events).length > 0)
  t.same(ids(client.events), [1])
  watcher.close()
})

t.test('drop: the connection ends at once, and the next one gets what was missed, once', async t => {
  const { get, watch } = await startStreams(t)
  const { told, command, watcher } = await watch('a')
  const first = await get('session=a')
  await until(() => numbered(first.events).length >= 1)
  command('drop')
  await within(first.ended)
  const last = ids(first.events).at(-1) ?? 0
  await until(() => ofType(told, 'end').length > 0)
  t.match(ofType(told, 'end')[0], { connection: 1, by: 'peer', command: 'drop' })

  // Two more are made while nobody is connected, as another session tells.
  const other = await get('session=b')
  await until(() => numbered(other.events).length >= 2)
  const second = await get('session=a', { 'Last-Event-ID': `${last}` })
  await until(() => second.events.length > 0)
  const { replays } = hello(second)
  t.match(hello(second), { connection: 2, lastEventId: `${last}`, lost: 0, isKnown: true })
  t.ok(replays >= 2, `${replays} are replayed`)
  await until(() => numbered(second.events).length > replays)
  const seen = ids(second.events)
  t.same(
    seen,
    seen.map((_, i) => last + 1 + i),
    'from the next one on, each once',
  )
  await until(() =>
    ofType(told, 'event').some(({ connection, isReplayed }) => connection === 2 && isReplayed === false),
  )
  const replayed = told.filter(({ connection, isReplayed }) => connection === 2 && isReplayed)
  t.equal(replayed.length, replays)
  t.same(
    replayed.map(({ id }) => Number(id)),
    seen.slice(0, replays),
  )
  t.ok(Number(replayed[0]?.late) > Number(replayed.at(-1)?.late), 'the first one is the latest')
  t.match(ofType(told, 'request')[1], { number: 2, status: 200, lastEventId: `${last}`, replays, retry: 2000 })
  watcher.close()
})

t.test('the watcher is told what goes over the wire, letter by letter', async t => {
  const { get, watch } = await startStreams(t)
  const { told, watcher, command } = await watch('a')
  const client = await get('session=a', { 'X-One': '1' })
  await until(() => numbered(client.events).length >= 1)
  command('retry', { milliseconds: 700 })
  await until(() => client.text().includes('retry: 700'))
  command('close')
  t.equal(await within(client.ended), 'end')
  await until(() => ofType(told, 'end').length === 1)
  const [request] = ofType(told, 'request')
  t.match(request, { number: 1, request: 'GET /events?session=a HTTP/1.1', status: 200, retry: 2000, replays: 0 })
  t.match(Object.fromEntries(request?.headers as [string, string][]), { 'X-One': '1' })
  t.equal(
    `:\nretry: 2000\n\n${ofType(told, 'event')
      .map(({ text }) => text)
      .join('')}`,
    client.text(),
  )
  t.match(ofType(told, 'end'), [{ by: 'local', command: 'close', cause: null }])
  const again = await get('session=a')
  await until(() => again.text().includes('hello'))
  t.match(again.text(), /^:\nretry: 700\n/, 'the reconnection time stays')
  watcher.close()
})

t.test('stop: the stream ends, one request is answered with 204, and the next one is served', async t => {
  const { get, watch } = await startStreams(t)
  const { told, watcher, command } = await watch('a')
  const client = await get('session=a')
  command('stop')
  t.equal(await within(client.ended), 'end')
  t.equal((await get('session=b')).status, 200, 'another session is not meant')
  t.equal((await get('session=a', { 'Last-Event-ID': '1' })).status, 204)
  await until(() => ofType(told, 'request').length === 2)
  t.match(ofType(told, 'request')[1], { number: 2, status: 204 })
  t.equal((await get('session=a')).status, 200)
  t.same(ofType(told, 'error'), [])
  watcher.close()
})

t.test('stop may also be said while nobody is connected', async t => {
  const { get, watch } = await startStreams(t)
  const { watcher, command } = await watch('a')
  command('stop')
  command('nonsense')
  command('drop')
  await within(watcher.ping())
  t.equal((await get('session=a')).status, 204)
  watcher.close()
})

t.test('a command that is none is answered with an error that names it, and harms nothing', async t => {
  const { get, watch } = await startStreams(t)
  const { told, watcher, command } = await watch('a')
  command('drop')
  command('close')
  const client = await get('session=a')
  for (const milliseconds of [-1, 0.5, 60_001, 'x', undefined]) command('retry', { milliseconds })
  command('fly')
  for (const text of ['', '{', 'null', '3', '"drop"']) watcher.send(text)
  await until(() => ofType(told, 'error').length === 13)
  const errors = ofType(told, 'error').map(({ command, message }) => [command, message])
  t.same(errors.slice(0, 2), [
    ['drop', 'there is no stream to end'],
    ['close', 'there is no stream to end'],
  ])
  t.same(errors.slice(2, 7), Array(5).fill(['retry', 'the reconnection time must be from 0 to 60000 ms']))
  t.same(errors[7], ['fly', 'no such command: fly'])
  await until(() => numbered(client.events).length > 0)
  t.notMatch(client.text().slice(12), /retry:/)
  watcher.close()
})

t.test('who comes back before the old connection is known to be gone takes its place', async t => {
  const { get } = await startStreams(t)
  const old = await get('session=a')
  const fresh = await get('session=a')
  await within(old.ended)
  await until(() => numbered(fresh.events).length > 0)
  t.equal(hello(fresh).connection, 2)
})

t.test('a new watcher takes the place of the old one, and is told of the stream that is open', async t => {
  const { get, watch } = await startStreams(t)
  const client = await get('session=a')
  const old = await watch('a')
  await until(() => old.told.length > 0)
  t.match(old.told[0], { type: 'request', number: 1 })
  const fresh = await watch('a')
  t.match(await within(old.watcher.closed), { code: 1000 })
  await until(() => ofType(fresh.told, 'event').length > 0)
  t.equal(fresh.told[0]?.type, 'request')
  fresh.command('close')
  t.equal(await within(client.ended), 'end')
  fresh.watcher.close()
})

t.test('a session is named, by its own page or by no page', async t => {
  const { port } = await startStreams(t)
  const status = async (query: string, ...fields: string[]) =>
    (await exchange(port, [`HEAD /events?${query} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n')))
      .status
  t.equal(await status('session=a'), 200)
  t.equal(await status('session=a', 'Sec-Fetch-Site: same-origin'), 200)
  t.equal(await status('session=a', 'Sec-Fetch-Site: none'), 200)
  t.equal(await status('session=a', 'Sec-Fetch-Site: cross-site'), 403)
  t.equal(await status('session=a', 'Sec-Fetch-Site: same-site'), 403)
  t.equal(await status(''), 400)
  const names = ['', 'a b', 'é', 'x'.repeat(65), 'a/b', '<']
  t.same(
    names.filter(name => sessionNameOf({ url: `/events?session=${encodeURIComponent(name)}` } as UpgradeRequest)),
    [],
  )
  t.equal(sessionNameOf({ url: `/events?a=b&session=${'x'.repeat(64)}` } as UpgradeRequest), 'x'.repeat(64))
  t.equal(sessionNameOf({} as UpgradeRequest), undefined)
})

t.test('HEAD makes no session', async t => {
  const { streams, port } = await startStreams(t)
  const { text } = await exchange(port, 'HEAD /events?session=a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.ok(text.startsWith('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'))
  t.ok(text.endsWith('\r\n\r\n'))
  t.equal(streams.size, 0)
})

t.test('a session to which nobody comes back ends; one with a client or a watcher does not', async t => {
  const { streams, get, watch } = await startStreams(t, 1)
  const left = await get('session=left')
  const stays = await get('session=stays')
  const { watcher } = await watch('watched')
  t.equal(streams.size, 3)
  left.cancel()
  await until(() => streams.size === 2)
  const seen = stays.events.length
  await until(() => stays.events.length > seen)
  t.equal(streams.size, 2)
  stays.cancel()
  watcher.close()
  await until(() => streams.size === 0)
  const fresh = await get('session=left', { 'Last-Event-ID': '1' })
  await until(() => fresh.events.length > 0)
  t.match(hello(fresh), { connection: 1, isKnown: false, replays: 0 }, 'its name begins anew')
})

t.test('there is room for so many sessions; those that nobody is connected to make room', async t => {
  const { streams, get, watch } = await startStreams(t)
  const watchers: WebSocketConnection[] = []
  for (let i = 0; i < MOST_SESSIONS; i++) watchers.push((await watch(`s${i}`)).watcher)
  t.equal(streams.size, MOST_SESSIONS)
  t.equal((await get('session=one-more')).status, 503)
  const { watcher } = await watch('one-more')
  t.match(await within(watcher.closed), { code: 1013 })
  const known = await get('session=s7')
  t.equal(known.status, 200, 'to one that is there one may come')

  watchers[3]?.close()
  await watchers[3]?.closed
  // The server sees the end in its own time.
  let answer = await get('session=one-more')
  for (let tries = 0; answer.status === 503 && tries < 100; tries++) {
    await turns()
    answer = await get('session=one-more')
  }
  t.equal(answer.status, 200)
  t.equal(streams.size, MOST_SESSIONS)
  for (const watcher of watchers) watcher.close()
})
