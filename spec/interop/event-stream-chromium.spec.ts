/**
 * Interoperation of our event streams with Chromium's EventSource. Each page comes from the server that it opens its
 * streams at, unless the test is about other origins.
 */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { EventStreamOptions } from '../../lib/index.ts'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import { needs } from '../support/programs.ts'
import { within } from '../support/waiting.ts'
import {
  type EventSourcePeer,
  type Happening,
  type Source,
  TYPES,
  take,
  testEventSource,
} from './event-source-behaviours.ts'
import { type Carrier, serveEvents } from './event-stream-server.ts'

const HTML = readFileSync(
  new URL('spec/interop/event-stream-chromium.html', import.meta.resolve('wirewright/package.json')),
  'utf8',
)
const CARRIERS: readonly Carrier[] = ['node:http', 'our own port', 'node:http2']

const CONNECTING = 0
const CLOSED = 2

class PageSource implements Source {
  readonly #page: Page
  readonly #id: number

  constructor(page: Page, id: number) {
    this.#page = page
    this.#id = id
  }

  take(count: number): Promise<readonly Happening[]> {
    return call(this.#page, 'take', this.#id, count)
  }

  readyState(): Promise<number> {
    return call(this.#page, 'readyState', this.#id)
  }

  async close(): Promise<void> {
    if (!this.#page.isClosed()) await call(this.#page, 'close', this.#id)
  }
}

function call<T>(page: Page, name: string, ...parameters: readonly unknown[]): Promise<T> {
  return page.evaluate(`peer.${name}(...${JSON.stringify(parameters)})`)
}

async function openSource(page: Page, url: string, init = {}): Promise<Source> {
  return new PageSource(page, await call(page, 'open', url, init, TYPES))
}

/** Goes to the server's page. */
async function visit(page: Page, { url }: { readonly url: string }): Promise<void> {
  await page.goto(`${url}/page`)
}

/** On one page, which goes to each server in turn: a new page for each takes seconds. */
function peerOn(page: Page): EventSourcePeer {
  return {
    name: 'Chromium',
    lacks: [],
    page: HTML,
    async open(url) {
      const { origin } = new URL(url)
      if (new URL(page.url()).origin !== origin) await visit(page, { url: origin })
      return openSource(page, url)
    },
  }
}

t.setTimeout(120_000)
t.test('Chromium', needs('chromium', CHROMIUM), async t => {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  t.comment(browser.version())
  // The certificates of this run are known to nobody.
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  for (const carrier of CARRIERS) testEventSource(t, peerOn(page), carrier)

  t.test('six streams at a time over HTTP/1.1, and the seventh waits until one is closed', async t => {
    for (const carrier of ['node:http', 'our own port'] as const) {
      const server = await serveEvents(t, carrier, { page: HTML })
      await visit(page, server)
      const sources: Source[] = []
      for (let n = 0; n < 7; n++) sources.push(await openSource(page, `${server.url}/${n}`))
      for (let n = 0; n < 6; n++) (await server.next()).stream.send({ data: 'x' })
      for (const source of sources.slice(0, 6)) t.same(await take(source, 2), [['open'], ['message', 'x', '']])
      t.same([server.asked.length, await sources[6]!.readyState()], [6, CONNECTING], carrier)
      await sources[0]!.close()
      await server.next()
      t.same(await take(sources[6]!, 1), [['open']])
    }
  })

  t.test('as many streams as one likes over HTTP/2', async t => {
    const server = await serveEvents(t, 'node:http2', { page: HTML })
    await visit(page, server)
    const sources: Source[] = []
    for (let n = 0; n < 30; n++) sources.push(await openSource(page, `${server.url}/${n}`))
    for (let n = 0; n < 30; n++) (await server.next()).stream.send({ data: 'x' })
    for (const source of sources) t.same(await take(source, 2), [['open'], ['message', 'x', '']])
  })

  t.test('a page that goes is seen to be gone', async t => {
    const ways: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
      'is closed': page => page.close(),
      'goes elsewhere': page => page.goto('about:blank'),
      'is loaded again': page => page.reload(),
      crashes: async page => {
        const session = await page.context().newCDPSession(page)
        session.send('Page.crash').catch(() => {})
      },
    }
    for (const carrier of CARRIERS) {
      const server = await serveEvents(t, carrier, { page: HTML })
      for (const [way, go] of Object.entries(ways)) {
        const page = await context.newPage()
        await visit(page, server)
        await openSource(page, `${server.url}/a`)
        await openSource(page, `${server.url}/b`)
        const streams = [(await server.next()).stream, (await server.next()).stream]
        const aborted = streams.map(({ signal }) => new Promise(resolve => signal.addEventListener('abort', resolve)))
        await go(page)
        for (const { closed } of streams) t.match(await within(closed, way), { by: 'peer' }, `${way}, ${carrier}`)
        await within(Promise.all(aborted), 'the signals')
        await page.close()
      }
    }
  })

  testOrigins(t, page)
})

/** The page is of one server, the stream of another; both are the same site, so that a cookie is for both. */
function testOrigins(t: Test, page: Page): void {
  for (const carrier of CARRIERS) {
    t.test(`other origins, over ${carrier}`, async t => {
      const home = await serveEvents(t, carrier, { page: HTML })
      await visit(page, home)
      await page.context().addCookies([{ name: 'user', value: 'me', url: home.url }])
      const anybody: EventStreamOptions = { headers: { 'Access-Control-Allow-Origin': '*' }, retry: 10 }
      const user: EventStreamOptions = {
        headers: { 'Access-Control-Allow-Origin': home.url, 'Access-Control-Allow-Credentials': 'true' },
        retry: 10,
      }

      const connect = async (options: EventStreamOptions, init = {}) => {
        const server = await serveEvents(t, carrier, { options })
        const source = await openSource(page, server.url, init)
        return { server, source, opened: await server.next() }
      }

      t.test('a stream for anybody comes without cookies, and comes back', async t => {
        const { server, source, opened } = await connect(anybody)
        const { origin, cookie } = opened.request.headers
        t.same([origin, cookie], [home.url, undefined])
        opened.stream.send({ data: 'x', id: 'é' })
        t.same(await take(source, 2), [['open'], ['message', 'x', 'é']])
        opened.cut()
        t.equal((await server.next()).stream.lastEventId, 'é', 'without asking before it does')
        t.same(await take(source, 2), [['error', CONNECTING], ['open']])
        await source.close()
      })

      t.test('a stream for a user comes with cookies', async t => {
        const { source, opened } = await connect(user, { withCredentials: true })
        t.equal(opened.request.headers.cookie, 'user=me')
        opened.stream.send({ data: 'x' })
        t.same(await take(source, 2), [['open'], ['message', 'x', '']])
        await source.close()
      })

      const refused: readonly (readonly [name: string, options: EventStreamOptions, init?: object])[] = [
        ['no origin is allowed', {}],
        ['any origin, but asked for with credentials', anybody, { withCredentials: true }],
        ['another origin', { headers: { 'Access-Control-Allow-Origin': 'https://example.com' } }],
      ]
      t.test('what is not for the page is not shown to it, and we see it end', async t => {
        // Over HTTP/1.1 Chromium waits some seconds for an end of the body, to use the connection again.
        const connected = []
        for (const [name, options, init] of refused) connected.push({ name, ...(await connect(options, init)) })
        for (const { name, source, opened } of connected) {
          t.match(await within(opened.stream.closed), { by: 'peer' }, name)
          t.same(await take(source, 1), [['error', CLOSED]])
        }
      })
    })
  }
}
