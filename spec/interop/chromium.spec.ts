/**
 * Interoperation with Chromium: a page that our own server serves, and that opens WebSockets to us. A page sends no
 * Pings and no fragments of its choice, sets no header fields, and offers nothing to connect to.
 */
import { hash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { Refusal, ServerOptions, TraceListener, UpgradeRequest, WebSocketConnection } from '../../lib/index.ts'
import { certificates } from '../support/certificate.ts'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import { needs } from '../support/programs.ts'
import { testBehaviours } from './behaviours.ts'
import { testHandshakes } from './handshakes.ts'
import { listen, take } from './link.ts'
import { type Peer, receiptFor } from './peer.ts'
import { type Call, connectRemotely } from './remote-peer.ts'

const HTML = readFileSync(
  new URL('spec/interop/chromium.html', import.meta.resolve('wirewright/package.json')),
  'utf8',
)

/** Options of a server that also serves the page. */
const withPage: ServerOptions = {
  onRequest: () => ({ status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: HTML }),
}

/** Starts Chromium. The certificates are of this run: their key is trusted, and no other one. */
function launch(): Promise<Browser> {
  const { publicKey } = new X509Certificate(certificates().local.cert)
  const key = hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64')
  return launchChromium(`--ignore-certificate-errors-spki-list=${key}`)
}

/** Opens the page that a server of ours serves. */
async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(url.replace(/^ws/, 'http'))
  return page
}

function callsOn(page: Page): Call {
  return (name, ...parameters) => page.evaluate(`peer.${name}(...${JSON.stringify(parameters)})`)
}

/** A script is told nothing of a handshake that failed; the console is. */
function connectFrom(page: Page): Peer['connect'] {
  const connect = connectRemotely(callsOn(page))
  return async (url, options) => {
    const logged = page.waitForEvent('console', message => message.text().includes(`'${new URL(url)}' failed`))
    logged.catch(() => {})
    try {
      return await connect(url, options)
    } catch {
      throw new Error((await logged).text())
    }
  }
}

// A browser that shares the machine with other specs takes its time over 16 MiB.
t.setTimeout(180_000)
t.test('Chromium', needs('chromium', CHROMIUM), async t => {
  const browser = await launch()
  t.teardown(() => browser.close())
  t.comment(browser.version())
  const { url } = await listen(t, withPage)
  const page = await openPage(browser, url)
  t.equal(await page.title(), 'wirewright interop', 'our server serves the page')

  const peer: Peer = {
    name: 'Chromium',
    abilities: ['compress'],
    refused: status =>
      status === 401
        ? /HTTP Authentication failed; no valid credentials available$/
        : new RegExp(`Error during WebSocket handshake: Unexpected response code: ${status}$`),
    withoutSubprotocol: 'fails',
    connect: connectFrom(page),
  }
  testBehaviours(t, peer)
  testHandshakes(t, peer)

  t.test('a large message, which Chromium cuts into fragments, arrives whole', async t => {
    let fragments = 0
    const trace: TraceListener = (direction, { fin }) => void (direction === 'in' && !fin && fragments++)
    const [socket, connection] = await connectAs(t, page, { trace })
    const payload = { text: '😀', times: 250_000 }
    const taken = take(connection, 1)
    await callsOn(page)('send', socket, payload)
    t.same(await taken, [receiptFor(payload)])
    t.ok(fragments > 0, `${fragments} fragments and a last one`)
  })

  t.test('a Blob arrives as one binary message', async t => {
    const [socket, connection] = await connectAs(t, page)
    const payload = { hex: '00ff', times: 100_000 }
    const taken = take(connection, 1)
    await callsOn(page)('sendBlob', socket, payload)
    t.same(await taken, [receiptFor(payload)])
  })

  t.test('the origin of a page lets it in or keeps it out', async t => {
    const { server, url } = await listen(t, { ...withPage, origin: 'same-origin' })
    const refused = once(server, 'refused') as Promise<[Refusal, UpgradeRequest]>
    await t.rejects(peer.connect(url, {}), { message: peer.refused(403) }, 'a page of another port')
    const [, { headers }] = await refused
    t.match(headers, { origin: await page.evaluate('location.origin') })

    const ownPage = await openPage(browser, url)
    t.equal((await connectFrom(ownPage)(url, {})).protocol, '', 'a page of the server')
    const localhost = url.replace('127.0.0.1', 'localhost')
    await t.rejects(connectFrom(ownPage)(localhost, {}), { message: peer.refused(403) }, 'another name for it')
    await ownPage.close()
  })

  t.test('a cookie that comes with the 101 goes with the next request', async t => {
    const { server, url } = await listen(t, {
      authorize: () => ({ status: 101, headers: { 'Set-Cookie': 'seen=1; Path=/' } }),
    })
    for (const cookie of [undefined, 'seen=1']) {
      const connected = once(server, 'connection') as Promise<[WebSocketConnection, UpgradeRequest]>
      await peer.connect(url, {})
      const [, { headers }] = await connected
      t.equal(headers.cookie, cookie)
    }
  })

  t.test('a page that is left closes with 1001', async t => {
    const leaving = await openPage(browser, url)
    const [, connection] = await connectAs(t, leaving)
    await leaving.goto('about:blank')
    const { code, wasClean, detail } = await connection.closed
    t.same([code, wasClean, detail.by], [1001, true, 'peer'])
    await leaving.close()
  })

  t.test('a page that crashes closes with 1001', async t => {
    const crashing = await openPage(browser, url)
    const [, connection] = await connectAs(t, crashing)
    const session = await crashing.context().newCDPSession(crashing)
    session.send('Page.crash').catch(() => {})
    t.match(await connection.closed, { code: 1001, wasClean: true, detail: { by: 'peer' } })
  })

  // Whatever else ends, this process closes its connections in good order.
  t.test("when Chromium's network process is killed both sides see 1006", async t => {
    const [socket, connection] = await connectAs(t, page)
    const session = await browser.newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    const network = processInfo.find(({ type }) => type === 'network.mojom.NetworkService')
    process.kill(network!.id, 'SIGKILL')
    t.match(await connection.closed, { code: 1006, wasClean: false, detail: { by: 'transport', sent: undefined } })
    t.same(await callsOn(page)('closed', socket), { code: 1006, reason: '' })
  })
})

/** A connection of the page's to a server of this test: its number there, and our side of it. */
async function connectAs(t: Test, page: Page, options: ServerOptions = {}): Promise<[number, WebSocketConnection]> {
  const { server, url } = await listen(t, options)
  const connected = once(server, 'connection') as Promise<[WebSocketConnection]>
  const { id } = (await callsOn(page)('connect', url, {})) as { id: number }
  const [connection] = await connected
  return [id, connection]
}
